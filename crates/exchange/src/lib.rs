//! An exchange: many markets, accounts with balances, and one log from which all of it follows.
//!
//! `docs/EXCHANGE.md` gives the rules and the layouts. In short:
//!
//! - an [`Entry`] is anything that can be asked; the log holds all of them, in order, with their times;
//! - [`Exchange`] is the deterministic core: entry in, [`Outcome`]s out. It checks accounts, limits and states, holds what an
//!   order may cost, and hands the market of an order a `Command`. Matching alone decides what trades; accounts follow
//!   from its events;
//! - [`ExchangeEngine`] puts core and log together: outcomes leave once the log has acknowledged their entries, and
//!   recovery gives the same state and the same outcomes again;
//! - [`Replica`] follows the log while the engine writes it, and says the same: whatever only looks is built on it;
//! - [`Follower`] writes the stream of commands that a market was given into a market's own journal, for whoever proves
//!   or checks that market.
#![forbid(unsafe_code)]

mod amend;
mod audit;
mod bytes;
mod check;
mod codec;
mod core;
mod effects;
mod engine;
mod entry;
mod follow;
mod hold;
mod ids;
mod instrument;
mod ledger;
mod names;
mod operate;
mod orders;
mod outcome;
mod refusal;
mod state;
mod terms;
mod trading;

pub use audit::{audit, Audit, AuditedMarket, Compared};
pub use codec::ENTRY_BYTES;
pub use core::Exchange;
pub use engine::{
    create, open, replicate, snapshot, ExchangeEngine, Recovered, Replica, HELD_OUTCOMES_MAX,
};
pub use entry::{
    Action, AssetId, Entry, Fees, Limits, Listing, MarketId, NewOrder, OrderKind, Target, Transfer,
};
pub use follow::{FollowError, Follower};
pub use hold::{
    hold, Charges, Scale, AMOUNT_MAX, BASIS_POINTS, PRICE_MAX, QUANTITY_MAX, QUOTE_UNITS_MAX,
};
pub use instrument::{Asset, Instrument, MarketState, ASSETS_MAX, DECIMALS_MAX, MARKETS_MAX};
pub use names::{ClientId, Symbol, TextError, CLIENT_ID_BYTES, SYMBOL_BYTES};
pub use outcome::{Balance, Execution, Liquidity, OrderStatus, Outcome, Report};
pub use refusal::Refusal;
pub use terms::{ExchangeTerms, ACCOUNTS_MAX, EXCHANGE_TERMS_BYTES, ORDERS_MAX, RETIRED_MAX};
