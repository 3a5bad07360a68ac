//! Entries: everything that can be asked of an exchange and may change it, with its time. The log holds them.
//!
//! `docs/EXCHANGE.md` says what each does. Here are only their parts; [`crate::ENTRY_BYTES`] has their encoding.

use proofbook_types::{
    AccountId, MarketConfig, OrderId, Price, Quantity, SelfTradePrevention, Side, TimeInForce,
    Timestamp,
};

use crate::{ClientId, Symbol};

/// The number of an asset; the first has 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssetId(pub u32);

/// The number of a market; the first has 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarketId(pub u32);

/// One request, with the time at which it was sequenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Time of sequencing; never earlier than that of the entry before.
    pub time: Timestamp,
    /// What is asked.
    pub action: Action,
}

/// What an entry asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Enter an order.
    New(NewOrder),
    /// Take a live order out.
    Cancel {
        /// Who asks, and which order is meant.
        target: Target,
    },
    /// Lower an order's open quantity; it keeps its place and its client id.
    Reduce {
        /// Who asks, and which order is meant.
        target: Target,
        /// By how much.
        quantity: Quantity,
    },
    /// Change an order, which has the request's client id from then on. `None` leaves a term as it is.
    Replace {
        /// Who asks, and which order is meant.
        target: Target,
        /// New limit price, or bound of a stop order.
        price: Option<Price>,
        /// New total quantity, what has traded included.
        quantity: Option<Quantity>,
        /// New trigger price of an order that waits.
        stop_price: Option<Price>,
    },
    /// Take out all orders of an account, in one market or in all.
    MassCancel {
        /// The account.
        account: AccountId,
        /// The session that asks.
        session: u64,
        /// The market, or all.
        market: Option<MarketId>,
    },
    /// Let time pass: whatever is due expires, in every market.
    Sweep,
    /// Open an account, whose number must be the next.
    OpenAccount {
        /// Its number.
        account: AccountId,
    },
    /// Put an amount into an account.
    Deposit(Transfer),
    /// Take an amount out of an account.
    Withdraw(Transfer),
    /// Set how far an account may go below zero.
    SetCredit(Transfer),
    /// Set the fees of an account in all markets, or leave them to the markets.
    SetAccountFees {
        /// The account.
        account: AccountId,
        /// Its fees.
        fees: Option<Fees>,
    },
    /// Set the fees of a market.
    SetMarketFees {
        /// The market.
        market: MarketId,
        /// Its fees.
        fees: Fees,
    },
    /// Set the limits of an account in a market, or, for [`AccountId::NONE`], of every account in it.
    SetLimits {
        /// The account, or none for all.
        account: AccountId,
        /// The market.
        market: MarketId,
        /// The limits.
        limits: Limits,
    },
    /// Set the self-trade prevention of an account's orders that name none.
    SetSelfTrade {
        /// The account.
        account: AccountId,
        /// The prevention.
        self_trade: SelfTradePrevention,
    },
    /// Cancel all orders of an account and take no new ones.
    KillAccount {
        /// The account.
        account: AccountId,
    },
    /// Take orders of the account again.
    ReviveAccount {
        /// The account.
        account: AccountId,
    },
    /// Cancel all orders of all accounts and take no new ones.
    KillAll,
    /// Take orders again.
    ReviveAll,
    /// Introduce an asset, whose number must be the next.
    AddAsset {
        /// Its number.
        asset: AssetId,
        /// Its symbol.
        symbol: Symbol,
        /// A unit is 10^-decimals of the asset; at most 18.
        decimals: u8,
    },
    /// List a market, whose number must be the next. It is closed.
    ListMarket(Listing),
    /// From closed to continuous.
    Open {
        /// The market.
        market: MarketId,
    },
    /// From any other state to the call of an auction.
    OpenAuction {
        /// The market.
        market: MarketId,
    },
    /// From the call to continuous, at one price.
    Uncross {
        /// The market.
        market: MarketId,
    },
    /// From continuous or the call to halted.
    Halt {
        /// The market.
        market: MarketId,
    },
    /// From halted to continuous.
    Resume {
        /// The market.
        market: MarketId,
    },
    /// From any other state to closed.
    Close {
        /// The market.
        market: MarketId,
    },
}

/// An order as it is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Whose order it is.
    pub account: AccountId,
    /// The session that its reports go to.
    pub session: u64,
    /// The client's id for it.
    pub client_id: ClientId,
    /// The market.
    pub market: MarketId,
    /// Buy or sell.
    pub side: Side,
    /// Total quantity, in lots.
    pub quantity: Quantity,
    /// Market, limit, stop or stop-limit, with the prices each needs.
    pub kind: OrderKind,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Reject rather than trade on entry.
    pub post_only: bool,
    /// Iceberg: the most that is shown at a time.
    pub display: Option<Quantity>,
    /// What happens when it meets an order of its own account; `None` leaves it to the account.
    pub self_trade: Option<SelfTradePrevention>,
}

/// The kind of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// Trades at whatever prices there are, within the bound.
    Market {
        /// The worst price, if the client names one.
        bound: Option<Price>,
    },
    /// Trades at `price` or better.
    Limit {
        /// The worst price it accepts.
        price: Price,
    },
    /// Becomes a market order when the market trades at `stop_price` or beyond.
    Stop {
        /// The trigger.
        stop_price: Price,
        /// The worst price, if the client names one; a buy must.
        bound: Option<Price>,
    },
    /// Becomes a limit order when the market trades at `stop_price` or beyond.
    StopLimit {
        /// The trigger.
        stop_price: Price,
        /// The worst price it accepts.
        price: Price,
    },
}

impl OrderKind {
    /// The limit price or the bound, if there is one.
    pub const fn price(self) -> Option<Price> {
        match self {
            OrderKind::Limit { price } | OrderKind::StopLimit { price, .. } => Some(price),
            OrderKind::Market { bound } | OrderKind::Stop { bound, .. } => bound,
        }
    }

    /// The trigger price, if there is one.
    pub const fn stop_price(self) -> Option<Price> {
        match self {
            OrderKind::Stop { stop_price, .. } | OrderKind::StopLimit { stop_price, .. } => {
                Some(stop_price)
            }
            OrderKind::Market { .. } | OrderKind::Limit { .. } => None,
        }
    }
}

/// A request about an order that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whose order it is.
    pub account: AccountId,
    /// The session that asks.
    pub session: u64,
    /// The request's own client id; may be missing but in a replace.
    pub client_id: ClientId,
    /// The client id that the order was entered or last replaced with; or none, then `order_id` counts.
    pub original_id: ClientId,
    /// The exchange's id of the order, where no `original_id` is named.
    pub order_id: OrderId,
}

/// An amount of an asset, and an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The account; [`AccountId::NONE`] is the exchange's own.
    pub account: AccountId,
    /// The asset.
    pub asset: AssetId,
    /// How many of its units.
    pub amount: u128,
}

/// Fees in basis points of what is paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// Of an order that was there first.
    pub maker: u16,
    /// Of an order that came to it.
    pub taker: u16,
}

/// Limits in one market. `None` switches a limit off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most lots of one order.
    pub quantity_max: Option<u64>,
    /// The most units of the quote asset that one order may come to at its worst price.
    pub notional_max: Option<u128>,
    /// The most live orders of an account.
    pub open_orders_max: Option<u32>,
    /// How many ticks beyond the reference price an order may trade.
    pub collar: Option<u64>,
}

/// A market as it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Its number.
    pub market: MarketId,
    /// Its symbol.
    pub symbol: Symbol,
    /// What is bought and sold.
    pub base: AssetId,
    /// What is paid with.
    pub quote: AssetId,
    /// A tick is 10^-decimals of the quote asset for one of the base asset.
    pub price_decimals: u8,
    /// A lot is 10^-decimals of the base asset.
    pub quantity_decimals: u8,
    /// Its fees.
    pub fees: Fees,
    /// Its terms. It has the same number and starts halted.
    pub config: MarketConfig,
}
