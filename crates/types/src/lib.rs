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
mod counters;
mod event;
mod order;
mod units;

pub use codec::{same_words, DecodeError, Reader, Writer};
pub use command::{
    Action, Command, NewOrder, OrderKind, SelfTradePrevention, TimeInForce, COMMAND_BYTES,
    COMMAND_WORDS,
};
pub use config::{ConfigError, MarketConfig, CONFIG_BYTES, CONFIG_WORDS, ORDERS_MAX};
pub use counters::{Counters, COUNTER_WORDS};
pub use event::{
    CancelReason, Event, EventSink, Phase, ReduceReason, RejectReason, EVENT_BYTES, EVENT_WORDS,
};
pub use order::{Order, Queue, ORDER_BYTES, ORDER_WORDS};
pub use units::{AccountId, OrderId, Price, Quantity, Side, Timestamp};
