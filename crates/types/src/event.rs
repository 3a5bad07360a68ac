//! Events: everything that a market says about a command, in one fixed encoding of [`EVENT_BYTES`] bytes.
//!
//! The events of a command are complete: whoever follows them from an empty market knows every queue, in order.

use core::fmt;

use crate::codec::bytes_of;
use crate::order::Queue;
use crate::units::{AccountId, OrderId, Price, Quantity, Side};

/// Words of an encoded [`Event`].
pub const EVENT_WORDS: usize = 7;

/// Length of an encoded [`Event`].
pub const EVENT_BYTES: usize = 8 * EVENT_WORDS;

/// Takes a command's events, one after another.
pub trait EventSink {
    /// Takes the next event.
    fn event(&mut self, event: Event);
}

/// Discards events.
impl EventSink for () {
    #[inline]
    fn event(&mut self, _event: Event) {}
}

/// Hands each event to a function.
impl<F: FnMut(Event)> EventSink for F {
    #[inline]
    fn event(&mut self, event: Event) {
        self(event);
    }
}

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A new order passed every check.
    Accepted {
        /// The order.
        order_id: OrderId,
        /// Its account.
        account: AccountId,
        /// Its side.
        side: Side,
        /// Its limit price, if it has one.
        price: Option<Price>,
        /// Its quantity.
        quantity: Quantity,
    },
    /// The command changed nothing but the clock and the sequence.
    Rejected {
        /// The order that the command names, if it names one.
        order_id: Option<OrderId>,
        /// Why.
        reason: RejectReason,
    },
    /// An order took the last place at its price in a queue.
    Placed {
        /// The order.
        order_id: OrderId,
        /// The queue.
        queue: Queue,
        /// The price at which it stands there: the limit price, or the stop price.
        price: Price,
        /// Open quantity that is shown.
        displayed: Quantity,
        /// Open quantity that is not.
        hidden: Quantity,
        /// Its rank in time.
        priority: u64,
    },
    /// Two orders traded.
    Trade {
        /// The resting order; in an auction, the one that came first.
        maker_id: OrderId,
        /// The incoming order; in an auction, the one that came later.
        taker_id: OrderId,
        /// The taker's side.
        taker_side: Side,
        /// The resting order's price; in an auction, the auction's.
        price: Price,
        /// How much.
        quantity: Quantity,
        /// What the maker has left, hidden quantity included.
        maker_open: Quantity,
    },
    /// An iceberg's slice traded in full: the next one stands last at its price.
    Refreshed {
        /// The order.
        order_id: OrderId,
        /// The new slice.
        displayed: Quantity,
        /// What stays hidden.
        hidden: Quantity,
        /// Its new rank in time.
        priority: u64,
    },
    /// An order's open quantity went down without a trade; it kept its place.
    Reduced {
        /// The order.
        order_id: OrderId,
        /// By how much.
        quantity: Quantity,
        /// What is left open.
        open: Quantity,
        /// Why.
        reason: ReduceReason,
    },
    /// An order is gone with something left open.
    Cancelled {
        /// The order.
        order_id: OrderId,
        /// Its side.
        side: Side,
        /// Its limit price, if it has one.
        price: Option<Price>,
        /// What was left open.
        quantity: Quantity,
        /// Why.
        reason: CancelReason,
    },
    /// A replace was taken.
    Replaced {
        /// The order.
        order_id: OrderId,
        /// Its side.
        side: Side,
        /// Its limit price now, if it has one.
        price: Option<Price>,
        /// Its open quantity now.
        quantity: Quantity,
        /// Whether it kept its place.
        kept_priority: bool,
    },
    /// An order is gone because its time is over.
    Expired {
        /// The order.
        order_id: OrderId,
        /// What was left open.
        quantity: Quantity,
    },
    /// A stop order's trigger was reached: it now acts as a market or limit order.
    Triggered {
        /// The order.
        order_id: OrderId,
    },
    /// The market changed phase.
    PhaseChanged {
        /// The phase now.
        phase: Phase,
    },
    /// The auction found its price; its trades follow.
    Uncrossed {
        /// The price, `None` where nothing could trade.
        price: Option<Price>,
        /// The quantity that trades at it.
        quantity: Quantity,
    },
}

/// The phase of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Orders match as they come.
    Continuous = 0,
    /// Orders rest, nothing matches.
    Auction = 1,
    /// No orders are taken.
    Halted = 2,
}

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$variant_doc])* $variant = $code,)* }

        impl $name {
            /// Every value, in the order of its code.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The stable name that files, tables and interfaces use.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

codes! {
    /// Why a command was rejected.
    RejectReason {
        /// The command's time is earlier than the clock.
        ClockReversed = 1, "clock_reversed";
        /// The market has used up its sequence numbers.
        SequenceExhausted = 2, "sequence_exhausted";
        /// The market is halted.
        MarketHalted = 3, "market_halted";
        /// The command does not fit the market's phase.
        WrongPhase = 4, "wrong_phase";
        /// Trading cannot resume while the best bid and the best ask cross.
        BookCrossed = 5, "book_crossed";
        /// No live order has this identifier.
        UnknownOrder = 6, "unknown_order";
        /// A live order has this identifier.
        DuplicateOrder = 7, "duplicate_order";
        /// The command needs an account and names none.
        MissingAccount = 8, "missing_account";
        /// The quantity is zero.
        ZeroQuantity = 9, "zero_quantity";
        /// The quantity is not a multiple of the lot.
        LotSize = 10, "lot_size";
        /// The quantity is above the market's maximum.
        QuantityLimit = 11, "quantity_limit";
        /// The side's open quantity would not fit 64 bits.
        QuantityOverflow = 12, "quantity_overflow";
        /// Price times quantity is above the market's maximum.
        NotionalLimit = 13, "notional_limit";
        /// A price is not a multiple of the tick.
        TickSize = 14, "tick_size";
        /// The limit price is beyond the collar around the reference price.
        PriceCollar = 15, "price_collar";
        /// The time in force does not fit the kind of order.
        TimeInForce = 16, "time_in_force";
        /// The order's expiry is not later than the clock.
        AlreadyExpired = 17, "already_expired";
        /// The display quantity is zero, not below the quantity, or given for an order that cannot rest.
        DisplayQuantity = 18, "display_quantity";
        /// Post-only was asked of an order that cannot rest.
        PostOnly = 19, "post_only";
        /// A post-only order would trade at once.
        WouldCross = 20, "would_cross";
        /// The market holds as many orders as it may.
        BookFull = 21, "book_full";
        /// A reduction by more than is open.
        ReduceTooLarge = 22, "reduce_too_large";
        /// A replace that changes no term, or a term that the order does not have.
        ReplaceTerms = 23, "replace_terms";
    }
}

codes! {
    /// Why an order was cancelled.
    CancelReason {
        /// A cancel, or a reduction of everything open.
        Requested = 1, "requested";
        /// A mass cancel of its account.
        MassCancel = 2, "mass_cancel";
        /// The remainder of an immediate-or-cancel or market order.
        Unfilled = 3, "unfilled";
        /// A fill-or-kill order that could not be filled in full.
        FillOrKill = 4, "fill_or_kill";
        /// Self-trade prevention.
        SelfTrade = 5, "self_trade";
        /// What a market order could only trade beyond the collar.
        PriceCollar = 6, "price_collar";
        /// A triggered post-only order that would have traded at once.
        WouldCross = 7, "would_cross";
        /// A triggered order whose limit price is beyond the collar.
        LimitBeyondCollar = 8, "limit_beyond_collar";
    }
}

codes! {
    /// Why an order was reduced.
    ReduceReason {
        /// A reduce command.
        Requested = 1, "requested";
        /// Self-trade prevention.
        SelfTrade = 2, "self_trade";
    }
}

impl Phase {
    /// Every phase, in the order of its code.
    pub const ALL: [Phase; 3] = [Phase::Continuous, Phase::Auction, Phase::Halted];

    /// The stable name that files, tables and interfaces use.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Continuous => "continuous",
            Phase::Auction => "auction",
            Phase::Halted => "halted",
        }
    }
}

/// The encoded layout: eight tag bytes, then six words.
#[derive(Default)]
struct Raw {
    tag: u8,
    side: u8,
    reason: u8,
    flags: u8,
    order_id: u64,
    other_id: u64,
    price: i64,
    quantity: u64,
    open: u64,
    priority: u64,
}

impl Event {
    /// The stable name of the event's kind.
    pub const fn name(&self) -> &'static str {
        match self {
            Event::Accepted { .. } => "accepted",
            Event::Rejected { .. } => "rejected",
            Event::Placed { .. } => "placed",
            Event::Trade { .. } => "trade",
            Event::Refreshed { .. } => "refreshed",
            Event::Reduced { .. } => "reduced",
            Event::Cancelled { .. } => "cancelled",
            Event::Replaced { .. } => "replaced",
            Event::Expired { .. } => "expired",
            Event::Triggered { .. } => "triggered",
            Event::PhaseChanged { .. } => "phase_changed",
            Event::Uncrossed { .. } => "uncrossed",
        }
    }

    /// The event's only encoding: tag, side or queue, reason or phase, flags (bit 0: the price or order id is present,
    /// bit 1: priority was kept), four zero bytes, then order id, other id or account, price, quantity, open or
    /// hidden quantity, priority, each eight bytes little-endian; what an event does not use is zero.
    pub fn encode(&self) -> [u8; EVENT_BYTES] {
        bytes_of(self.words())
    }

    /// The event's only encoding, as words.
    ///
    /// It is always inlined: where the kind of event is known, only that kind's words are left.
    #[inline(always)]
    pub fn words(&self) -> [u64; EVENT_WORDS] {
        let raw = self.raw();
        let tags = [raw.tag, raw.side, raw.reason, raw.flags, 0, 0, 0, 0];
        [
            u64::from_le_bytes(tags),
            raw.order_id,
            raw.other_id,
            raw.price as u64,
            raw.quantity,
            raw.open,
            raw.priority,
        ]
    }

    #[inline(always)]
    fn raw(&self) -> Raw {
        match *self {
            Event::Accepted {
                order_id,
                account,
                side,
                price,
                quantity,
            } => Raw {
                tag: 1,
                side: side as u8,
                flags: u8::from(price.is_some()),
                order_id: order_id.0,
                other_id: account.0,
                price: price.map_or(0, |price| price.0),
                quantity: quantity.0,
                ..Raw::default()
            },
            Event::Rejected { order_id, reason } => Raw {
                tag: 2,
                reason: reason as u8,
                flags: u8::from(order_id.is_some()),
                order_id: order_id.map_or(0, |id| id.0),
                ..Raw::default()
            },
            Event::Placed {
                order_id,
                queue,
                price,
                displayed,
                hidden,
                priority,
            } => Raw {
                tag: 3,
                side: queue as u8,
                flags: 1,
                order_id: order_id.0,
                price: price.0,
                quantity: displayed.0,
                open: hidden.0,
                priority,
                ..Raw::default()
            },
            Event::Trade {
                maker_id,
                taker_id,
                taker_side,
                price,
                quantity,
                maker_open,
            } => Raw {
                tag: 4,
                side: taker_side as u8,
                flags: 1,
                order_id: maker_id.0,
                other_id: taker_id.0,
                price: price.0,
                quantity: quantity.0,
                open: maker_open.0,
                ..Raw::default()
            },
            Event::Refreshed {
                order_id,
                displayed,
                hidden,
                priority,
            } => Raw {
                tag: 5,
                order_id: order_id.0,
                quantity: displayed.0,
                open: hidden.0,
                priority,
                ..Raw::default()
            },
            Event::Reduced {
                order_id,
                quantity,
                open,
                reason,
            } => Raw {
                tag: 6,
                reason: reason as u8,
                order_id: order_id.0,
                quantity: quantity.0,
                open: open.0,
                ..Raw::default()
            },
            Event::Cancelled {
                order_id,
                side,
                price,
                quantity,
                reason,
            } => Raw {
                tag: 7,
                side: side as u8,
                reason: reason as u8,
                flags: u8::from(price.is_some()),
                order_id: order_id.0,
                price: price.map_or(0, |price| price.0),
                quantity: quantity.0,
                ..Raw::default()
            },
            Event::Replaced {
                order_id,
                side,
                price,
                quantity,
                kept_priority,
            } => Raw {
                tag: 8,
                side: side as u8,
                flags: u8::from(price.is_some()) | u8::from(kept_priority) << 1,
                order_id: order_id.0,
                price: price.map_or(0, |price| price.0),
                quantity: quantity.0,
                ..Raw::default()
            },
            Event::Expired { order_id, quantity } => Raw {
                tag: 9,
                order_id: order_id.0,
                quantity: quantity.0,
                ..Raw::default()
            },
            Event::Triggered { order_id } => Raw {
                tag: 10,
                order_id: order_id.0,
                ..Raw::default()
            },
            Event::PhaseChanged { phase } => Raw {
                tag: 11,
                reason: phase as u8,
                ..Raw::default()
            },
            Event::Uncrossed { price, quantity } => Raw {
                tag: 12,
                flags: u8::from(price.is_some()),
                price: price.map_or(0, |price| price.0),
                quantity: quantity.0,
                ..Raw::default()
            },
        }
    }
}
