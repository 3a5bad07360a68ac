//! Random flow of every kind of command that many books at once take: new orders (limit, market, immediate or cancel, fill or kill,
//! post-only, with every setting of self-trade prevention, among few accounts), cancels, mass cancels, reductions, replaces, sweeps.
//!
//! It is made to reach every way through the rules: prices lie around a mid that walks and sometimes jumps, ids of live, gone and
//! unknown orders come again, and one command in twenty has a term that some rule refuses.

use proofbook_types::{
    AccountId, Action, Command, NewOrder, OrderId, OrderKind, Price, Quantity, SelfTradePrevention,
    Side, TimeInForce, Timestamp,
};

use crate::Random;

/// Accounts, [`AccountId::NONE`] included.
const ACCOUNTS: u64 = 5;
/// Ids that commands on orders and bad new orders draw from: the latest ones, and some that are not given yet.
const RECENT_IDS: u64 = 64;
const FUTURE_IDS: u64 = 4;
const START_MID_TICKS: i64 = 10_000;
/// Half of the range of usual prices around the mid.
const REACH_TICKS: u64 = 12;
/// How far new orders keep back from the mid on average, so that most rest.
const BEHIND_TICKS: i64 = 4;
const LARGEST_JUMP_TICKS: u64 = 40;
const LARGEST_LOTS: u64 = 20;
const LARGEST_PAUSE_NS: u64 = 1000;
const LATE_SHARE: f64 = 0.01;
/// Beside it, only about as much as a side usually has open fits 64 bits.
const HUGE_LOTS: u64 = u64::MAX - 100;

/// The ends of all prices.
const FARTHEST: [OrderKind; 2] = [
    OrderKind::Limit {
        price: Price(i64::MIN),
    },
    OrderKind::Limit {
        price: Price(i64::MAX),
    },
];

const SELF_TRADE: [SelfTradePrevention; 5] = [
    SelfTradePrevention::Allow,
    SelfTradePrevention::CancelNewest,
    SelfTradePrevention::CancelOldest,
    SelfTradePrevention::CancelBoth,
    SelfTradePrevention::DecrementAndCancel,
];

/// An endless flow.
pub(crate) struct MixedFlow {
    random: Random,
    time_ns: u64,
    mid_ticks: i64,
    /// How many ids were given.
    given: u64,
    /// Ids are multiples of it, wrapping: some books have neighbouring ids, some have scattered ones.
    id_stride: u64,
}

impl MixedFlow {
    /// The flow that belongs to a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let id_stride = if random.below(2) == 0 {
            1
        } else {
            0x9e37_79b9_7f4a_7c15
        };
        MixedFlow {
            random,
            time_ns: 0,
            mid_ticks: START_MID_TICKS,
            given: 0,
            id_stride,
        }
    }

    fn id(&self, number: u64) -> OrderId {
        OrderId(number.wrapping_mul(self.id_stride))
    }

    /// An id that was given lately, or will be soon.
    fn some_id(&mut self) -> OrderId {
        let first = self.given.saturating_sub(RECENT_IDS);
        let number = 1 + first + self.random.below(self.given - first + FUTURE_IDS);
        self.id(number)
    }

    fn account(&mut self) -> AccountId {
        AccountId(self.random.below(ACCOUNTS))
    }

    fn quantity(&mut self) -> Quantity {
        Quantity(1 + self.random.below(LARGEST_LOTS))
    }

    /// A price around the mid, on average `behind` ticks above it.
    fn price(&mut self, behind: i64) -> Price {
        let offset = self.random.below(2 * REACH_TICKS + 1) as i64 - REACH_TICKS as i64;
        Price(self.mid_ticks + behind + offset)
    }

    fn new_order(&mut self) -> NewOrder {
        let side = Side::BOTH[self.random.below(2) as usize];
        let behind = match side {
            Side::Buy => -BEHIND_TICKS,
            Side::Sell => BEHIND_TICKS,
        };
        let price = self.price(behind);
        let limit = OrderKind::Limit { price };
        let (kind, time_in_force, post_only) = match self.random.below(100) {
            0..=7 => (OrderKind::Market, TimeInForce::ImmediateOrCancel, false),
            8..=9 => (OrderKind::Market, TimeInForce::FillOrKill, false),
            10..=21 => (limit, TimeInForce::ImmediateOrCancel, false),
            22..=31 => (limit, TimeInForce::FillOrKill, false),
            32..=46 => (limit, TimeInForce::GoodTillCancel, true),
            _ => (limit, TimeInForce::GoodTillCancel, false),
        };
        self.given += 1;
        NewOrder {
            order_id: self.id(self.given),
            account: self.account(),
            side,
            quantity: self.quantity(),
            kind,
            time_in_force,
            post_only,
            display: None,
            self_trade: SELF_TRADE[self.random.below(SELF_TRADE.len() as u64) as usize],
        }
    }

    /// A new order with a term that some rule refuses, at least in most books.
    fn bad_order(&mut self) -> NewOrder {
        let order = self.new_order();
        match self.random.below(32) {
            // Rarely, for it can stand in the way of all others.
            0 => NewOrder {
                quantity: Quantity(HUGE_LOTS),
                kind: match order.side {
                    Side::Buy => FARTHEST[0],
                    Side::Sell => FARTHEST[1],
                },
                time_in_force: TimeInForce::GoodTillCancel,
                ..order
            },
            1..=2 => NewOrder {
                kind: FARTHEST[self.random.below(2) as usize],
                ..order
            },
            3..=6 => NewOrder {
                quantity: Quantity::ZERO,
                ..order
            },
            7..=10 => NewOrder {
                kind: OrderKind::Market,
                time_in_force: TimeInForce::GoodTillCancel,
                ..order
            },
            11..=14 => NewOrder {
                time_in_force: TimeInForce::ImmediateOrCancel,
                post_only: true,
                ..order
            },
            _ => NewOrder {
                order_id: self.some_id(),
                ..order
            },
        }
    }

    fn replace(&mut self) -> Action {
        let changes = self.random.below(16);
        Action::Replace {
            order_id: self.some_id(),
            price: (changes & 1 != 0).then(|| self.price(0)),
            quantity: (changes & 2 != 0).then(|| self.quantity()),
            // No order here has one.
            stop_price: (changes == 15).then(|| self.price(0)),
        }
    }

    fn action(&mut self) -> Action {
        match self.random.below(100) {
            0..=55 => Action::New(self.new_order()),
            56..=59 => Action::New(self.bad_order()),
            60..=73 => Action::Cancel {
                order_id: self.some_id(),
            },
            74..=83 => Action::Reduce {
                order_id: self.some_id(),
                quantity: Quantity(self.random.below(LARGEST_LOTS / 2)),
            },
            84..=96 => self.replace(),
            97..=98 => Action::MassCancel {
                account: self.account(),
            },
            _ => Action::Sweep,
        }
    }
}

impl Iterator for MixedFlow {
    type Item = Command;

    fn next(&mut self) -> Option<Command> {
        match self.random.below(200) {
            0..=19 => self.mid_ticks += 1,
            20..=39 => self.mid_ticks -= 1,
            40 => {
                let jump = self.random.below(2 * LARGEST_JUMP_TICKS + 1) as i64;
                self.mid_ticks += jump - LARGEST_JUMP_TICKS as i64;
            }
            _ => {}
        }
        let is_late = self.random.chance(LATE_SHARE);
        self.time_ns += self.random.below(LARGEST_PAUSE_NS);
        let late_ns = if is_late { LARGEST_PAUSE_NS } else { 0 };
        Some(Command {
            time: Timestamp(self.time_ns.saturating_sub(late_ns)),
            action: self.action(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_kind_of_command_comes() {
        let mut kinds = HashSet::new();
        let mut self_trade = HashSet::new();
        for command in MixedFlow::new(5).take(20_000) {
            let kind = match command.action {
                Action::New(order) => {
                    self_trade.insert(order.self_trade as u8);
                    let is_market = order.kind == OrderKind::Market;
                    let tif = format!("{:?}", order.time_in_force);
                    assert_eq!((order.display, order.kind.stop_price()), (None, None));
                    format!("new {is_market} {tif} {}", order.post_only)
                }
                Action::Replace { stop_price, .. } => format!("replace {}", stop_price.is_some()),
                other => format!("{other:?}")
                    .split_whitespace()
                    .next()
                    .expect("a name")
                    .into(),
            };
            kinds.insert(kind);
        }
        assert_eq!(self_trade.len(), SELF_TRADE.len(), "seed 5");
        for expected in ["Cancel", "MassCancel", "Reduce", "Sweep", "replace true"] {
            assert!(kinds.contains(expected), "seed 5: {expected} in {kinds:?}");
        }
        for expected in [
            "new true ImmediateOrCancel false",
            "new true FillOrKill false",
            "new true GoodTillCancel false",
            "new false ImmediateOrCancel false",
            "new false ImmediateOrCancel true",
            "new false FillOrKill false",
            "new false GoodTillCancel true",
            "new false GoodTillCancel false",
        ] {
            assert!(kinds.contains(expected), "seed 5: {expected} in {kinds:?}");
        }
    }
}
