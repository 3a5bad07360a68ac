//! The vocabulary of a market: units, orders, commands, events and their canonical bytes.
//!
//! Everything else in proofbook speaks in these types. They hold no behaviour beyond encoding, no clock and no
//! randomness, and they build without the standard library, so that a native engine and a proof program read and
//! write exactly the same bytes.
//!
//! Invariants:
//! - every number is an integer: prices are signed 64-bit ticks, quantities unsigned 64-bit lots, times are
//!   nanoseconds that arrive with the command;
//! - every value has exactly one encoding: what decodes re-encodes to the same bytes.
#![no_std]
#![forbid(unsafe_code)]

mod codec;
mod command;
mod config;
mod event;
mod order;
mod units;

pub use codec::{DecodeError, Reader, Writer};
pub use command::{
    Action, Command, NewOrder, OrderKind, SelfTradePrevention, TimeInForce, COMMAND_BYTES,
};
pub use config::{ConfigError, MarketConfig, CONFIG_BYTES, ORDERS_MAX};
pub use event::{CancelReason, Event, EventSink, Phase, ReduceReason, RejectReason, EVENT_BYTES};
pub use order::{Order, Queue, ORDER_BYTES};
pub use units::{AccountId, OrderId, Price, Quantity, Side, Timestamp};
