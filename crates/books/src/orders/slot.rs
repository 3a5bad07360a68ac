//! How a live order lies in the slabs: a hot half that every order has, and a cold half for what few of them need.

use proofbook_types::{
    AccountId, Order, OrderId, Price, Quantity, Queue, SelfTradePrevention, TimeInForce, Timestamp,
};

use super::NIL;
use crate::layout::{layout, LayoutField};
use crate::linked::LevelRef;

/// A live order's hot half: exactly one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Hot {
    pub(crate) id: u64,
    pub(crate) displayed: u64,
    /// Price at which it stands in its queue.
    pub(crate) price: i64,
    pub(crate) priority: u64,
    pub(crate) account: u64,
    pub(crate) filled: u64,
    pub(crate) next: u32,
    pub(crate) previous: u32,
    pub(crate) level: LevelRef,
    pub(crate) terms: Terms,
}

const _: () = assert!(core::mem::size_of::<Hot>() == 64);

/// Where the fields of a live order's hot half lie.
pub(crate) fn order_layout() -> [LayoutField; 10] {
    layout!(Hot {
        id,
        displayed,
        price,
        priority,
        account,
        filled,
        next,
        previous,
        level,
        terms
    })
}

/// The cold half of an order that has none.
pub(crate) const NO_COLD: Cold = Cold {
    hidden: 0,
    display: 0,
    expiry: 0,
    limit_price: 0,
    heap_position: 0,
    account_next: NIL,
    account_previous: NIL,
};

/// What slot 0 holds.
pub(crate) const NO_ORDER: Hot = Hot {
    id: 0,
    displayed: 0,
    price: 0,
    priority: 0,
    account: 0,
    filled: 0,
    next: NIL,
    previous: NIL,
    level: 0,
    terms: Terms {
        queue: Queue::Bids,
        self_trade: SelfTradePrevention::Allow,
        life: Life::Cancel,
        flags: 0,
    },
};

/// A live order's cold half. Only those fields are meaningful that its terms call for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cold {
    pub(crate) hidden: u64,
    pub(crate) display: u64,
    pub(crate) expiry: u64,
    pub(crate) limit_price: i64,
    pub(crate) heap_position: u32,
    pub(crate) account_next: u32,
    pub(crate) account_previous: u32,
}

/// An order's terms in four bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Terms {
    pub(crate) queue: Queue,
    pub(crate) self_trade: SelfTradePrevention,
    pub(crate) life: Life,
    pub(crate) flags: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Life {
    Cancel,
    Immediate,
    Kill,
    Date,
}

pub(crate) const POST_ONLY: u8 = 1;
pub(crate) const ICEBERG: u8 = 1 << 1;
/// A stop order that has a limit price too.
pub(crate) const STOP_LIMIT: u8 = 1 << 2;
/// Something is kept in the cold half.
pub(crate) const COLD: u8 = 1 << 3;

impl Terms {
    #[inline]
    pub(crate) fn of(order: &Order) -> Terms {
        let is_stop_limit = order.stop_price.is_some() && order.price.is_some();
        let has_expiry = order.time_in_force.expiry().is_some();
        let has_cold =
            order.account.is_some() || order.display.is_some() || is_stop_limit || has_expiry;
        let flag = |is_set: bool, flag: u8| u8::from(is_set) * flag;
        Terms {
            queue: order.queue(),
            self_trade: order.self_trade,
            life: match order.time_in_force {
                TimeInForce::GoodTillCancel => Life::Cancel,
                TimeInForce::ImmediateOrCancel => Life::Immediate,
                TimeInForce::FillOrKill => Life::Kill,
                TimeInForce::GoodTillDate { .. } => Life::Date,
            },
            flags: flag(order.post_only, POST_ONLY)
                | flag(order.display.is_some(), ICEBERG)
                | flag(is_stop_limit, STOP_LIMIT)
                | flag(has_cold, COLD),
        }
    }

    #[inline]
    pub(crate) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

impl Hot {
    /// The whole order; of `cold` only what the terms call for is looked at.
    #[inline(always)]
    pub(crate) fn order(&self, cold: &Cold) -> Order {
        let terms = self.terms;
        let is_stop = matches!(terms.queue, Queue::BuyStops | Queue::SellStops);
        Order {
            id: OrderId(self.id),
            account: AccountId(self.account),
            side: terms.queue.side(),
            price: match (is_stop, terms.has(STOP_LIMIT)) {
                (false, _) => Some(Price(self.price)),
                (true, true) => Some(Price(cold.limit_price)),
                (true, false) => None,
            },
            stop_price: is_stop.then_some(Price(self.price)),
            displayed: Quantity(self.displayed),
            hidden: Quantity(cold.hidden),
            display: terms.has(ICEBERG).then_some(Quantity(cold.display)),
            filled: Quantity(self.filled),
            priority: self.priority,
            time_in_force: match terms.life {
                Life::Cancel => TimeInForce::GoodTillCancel,
                Life::Immediate => TimeInForce::ImmediateOrCancel,
                Life::Kill => TimeInForce::FillOrKill,
                Life::Date => TimeInForce::GoodTillDate {
                    expiry: Timestamp(cold.expiry),
                },
            },
            post_only: terms.has(POST_ONLY),
            self_trade: terms.self_trade,
        }
    }
}
