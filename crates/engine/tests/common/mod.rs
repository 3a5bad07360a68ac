//! Commands of every kind from a seed, and the state that they lead to.
#![allow(dead_code, reason = "each test file uses a part of this")]

use proofbook_book::Reference;
use proofbook_engine::digest;
use proofbook_journal::simulated::Random;
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    AccountId, Action, Command, Event, MarketConfig, NewOrder, OrderId, OrderKind, Price, Quantity,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};

/// A market in which collars, limits and a full book all happen.
pub fn config() -> MarketConfig {
    MarketConfig {
        market: 7,
        max_quantity: Some(Quantity(500)),
        collar: Some(15),
        reference_price: Some(Price(100)),
        max_orders: 300,
        ..MarketConfig::default()
    }
}

/// Commands of every kind, each a little later than the one before.
pub struct Workload {
    random: Random,
    time: u64,
    next_id: u64,
}

impl Workload {
    pub fn new(seed: u64) -> Self {
        Workload {
            random: Random::new(seed),
            time: 1,
            next_id: 1,
        }
    }

    pub fn next_command(&mut self) -> Command {
        self.time += self.random.below(3);
        let random = &mut self.random;
        let order_id = OrderId(self.next_id.saturating_sub(random.below(40)).max(1));
        let price = Price(90 + random.below(21) as i64);
        let quantity = Quantity(1 + random.below(30));
        let action = match random.below(100) {
            0..=57 => return self.new_order(price, quantity),
            58..=74 => Action::Cancel { order_id },
            75..=81 => Action::Reduce { order_id, quantity },
            82..=91 => Action::Replace {
                order_id,
                price: random.one_in(2).then_some(price),
                quantity: random.one_in(2).then_some(quantity),
                stop_price: random.one_in(8).then_some(price),
            },
            92 => Action::MassCancel {
                account: AccountId(random.below(5)),
            },
            93..=95 => Action::Sweep,
            96 => Action::Halt,
            97 => Action::OpenAuction,
            98 => Action::Uncross,
            _ => Action::Resume,
        };
        Command {
            time: Timestamp(self.time),
            action,
        }
    }

    fn new_order(&mut self, price: Price, quantity: Quantity) -> Command {
        let random = &mut self.random;
        let stop_price = Price(90 + random.below(21) as i64);
        let kind = match random.below(12) {
            0 => OrderKind::Market,
            1 => OrderKind::Stop { stop_price },
            2 => OrderKind::StopLimit { stop_price, price },
            _ => OrderKind::Limit { price },
        };
        let time_in_force = match (kind, random.below(10)) {
            (OrderKind::Market, _) | (OrderKind::Limit { .. }, 0) => TimeInForce::ImmediateOrCancel,
            (OrderKind::Limit { .. }, 1) => TimeInForce::FillOrKill,
            (_, 2 | 3) => TimeInForce::GoodTillDate {
                expiry: Timestamp(self.time + random.below(200)),
            },
            _ => TimeInForce::GoodTillCancel,
        };
        let order_id = OrderId(self.next_id);
        self.next_id += 1;
        let self_trade = [
            SelfTradePrevention::Allow,
            SelfTradePrevention::CancelNewest,
            SelfTradePrevention::CancelOldest,
            SelfTradePrevention::CancelBoth,
            SelfTradePrevention::DecrementAndCancel,
        ][random.below(5) as usize];
        let display = (random.one_in(6) && quantity.0 > 1).then_some(Quantity(1));
        Command {
            time: Timestamp(self.time),
            action: Action::New(NewOrder {
                order_id,
                account: AccountId(random.below(5)),
                side: Side::BOTH[random.below(2) as usize],
                quantity,
                kind,
                time_in_force,
                post_only: random.one_in(10),
                display,
                self_trade,
            }),
        }
    }

    pub fn take(&mut self, count: usize) -> Vec<Command> {
        (0..count).map(|_| self.next_command()).collect()
    }
}

/// The market after these commands, over the book that is simple enough to be believed.
pub fn market_after(commands: &[Command]) -> MatchingEngine<Reference> {
    let mut matching =
        MatchingEngine::new(config(), Reference::new()).expect("the terms make a market");
    for command in commands {
        matching.apply(command, &mut |_: Event| {});
    }
    matching
}

pub fn digest_after(commands: &[Command]) -> [u8; 32] {
    digest(&market_after(commands))
}

/// Whether the long tests are asked for.
pub fn is_soak() -> bool {
    std::env::var_os("PROOFBOOK_SOAK").is_some()
}
