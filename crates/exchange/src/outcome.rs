//! What an exchange says about an entry: everything that a gateway needs to tell clients and the public.
//!
//! Invariants:
//! - each change of an order is one [`Report`] to its owner, whoever caused it;
//! - balances follow from reports and [`Outcome::Balance`] alone, markets from the events alone.

use proofbook_types::{
    AccountId, CancelReason, Command, Event, OrderId, Price, Quantity, ReduceReason, Side,
};

use crate::entry::{AssetId, MarketId, OrderKind};
use crate::{ClientId, Refusal};

/// One thing that came of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The entry became this command of a market, whose events follow.
    Command {
        /// The market.
        market: MarketId,
        /// The command's number in the market.
        number: u64,
        /// The command.
        command: Command,
    },
    /// What the market said.
    Event {
        /// The market.
        market: MarketId,
        /// The event.
        event: Event,
    },
    /// What happened to an order or to a request about one.
    Report(Report),
    /// What an account has, after it changed by other things than trades.
    Balance {
        /// The account.
        account: AccountId,
        /// The asset.
        asset: AssetId,
        /// What it has.
        balance: Balance,
    },
    /// The answer to any entry that is not about one order. It comes last.
    Answer {
        /// The account that the entry names, or none.
        account: AccountId,
        /// The session of a mass cancel, else 0.
        session: u64,
        /// How many live orders were cancelled.
        cancelled: u32,
        /// Why it was not done, if it was not.
        refusal: Option<Refusal>,
    },
}

/// What an account has of an asset, in the asset's units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// All that it has; below zero as far as its credit goes.
    pub total: i128,
    /// What its live orders hold of that.
    pub held: i128,
    /// How far it may go below zero.
    pub credit: i128,
}

impl Balance {
    /// What it may still use.
    pub const fn available(&self) -> i128 {
        self.total - self.held + self.credit
    }
}

/// What happened to an order or a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Execution {
    /// The order was taken.
    New,
    /// It traded.
    Trade {
        /// At which price.
        price: Price,
        /// How much.
        quantity: Quantity,
        /// On which side of the trade it was.
        liquidity: Liquidity,
        /// The fee, in units of the quote asset.
        fee: u128,
    },
    /// Its trigger was reached.
    Triggered,
    /// It went down without a trade.
    Reduced {
        /// By how much.
        quantity: Quantity,
        /// Why.
        reason: ReduceReason,
    },
    /// It was replaced.
    Replaced,
    /// It is gone with something left open.
    Cancelled {
        /// Why.
        reason: CancelReason,
    },
    /// It is gone because its time is over.
    Expired,
    /// A new order was refused.
    Rejected {
        /// Why.
        refusal: Refusal,
    },
    /// A cancel or reduce was refused.
    CancelRejected {
        /// Why.
        refusal: Refusal,
    },
    /// A replace was refused.
    ReplaceRejected {
        /// Why.
        refusal: Refusal,
    },
    /// Nothing happened: this is how the order stands. So a request that comes twice is answered.
    Status,
}

/// The side of a trade that an order was on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liquidity {
    /// It was there first.
    Maker,
    /// It came to the other.
    Taker,
}

/// How an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OrderStatus {
    /// It was refused; it never was an order.
    Rejected = 0,
    /// It rests or waits.
    Live = 1,
    /// All of it traded.
    Filled = 2,
    /// It was cancelled.
    Cancelled = 3,
    /// Its time is over.
    Expired = 4,
}

/// What happened to an order, and how it stands after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// What happened.
    pub execution: Execution,
    /// How the order stands.
    pub status: OrderStatus,
    /// Its side.
    pub side: Side,
    /// The market.
    pub market: MarketId,
    /// Whose order it is.
    pub account: AccountId,
    /// The session that the report goes to.
    pub session: u64,
    /// The exchange's id, 0 for an order that was never one.
    pub order_id: OrderId,
    /// The client's id: of the request that this answers, else of the order.
    pub client_id: ClientId,
    /// The client's id of the order before this request, where this answers a cancel or a replace.
    pub original_id: ClientId,
    /// Its kind and prices.
    pub kind: OrderKind,
    /// Its total quantity.
    pub quantity: Quantity,
    /// What is open.
    pub leaves: Quantity,
    /// What has traded.
    pub cumulative: Quantity,
    /// What that came to, in units of the quote asset.
    pub notional: u128,
    /// All its fees so far, in units of the quote asset.
    pub fees: u128,
    /// What it holds now: units of the quote asset for a buy, of the base asset for a sell.
    pub hold: u128,
}
