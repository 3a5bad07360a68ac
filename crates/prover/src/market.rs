//! Markets to measure: a book of a size, and the flow that goes on from there.
//!
//! The flow of [`Kind::Spread`] touches a book all over: two thousand prices, many accounts; it keeps the book at its size, since of
//! ten commands four place an order, four cancel one, one trades and one replaces an order. A [`Scenario`]'s is that of the
//! benchmarks, from the start of its day until the book first holds so many orders, and then on. Both follow from the seed alone.

use std::vec::IntoIter;

use proofbook_book::Reference;
use proofbook_commitment::Portable;
use proofbook_ledger::{Ledger, Sealed};
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    AccountId, Action, Command, MarketConfig, NewOrder, OrderId, OrderKind, Price, Quantity,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};
use proofbook_workload::{generate, Message, Parameters, Random, Scenario};
use serde::Serialize;

use crate::ProverError;

/// New orders of a scenario's day: as many as the benchmarks have, or the first of these numbers that fills the book.
const DAY_ORDERS: [Option<u32>; 3] = [Some(1_000_000), Some(2_000_000), Some(4_000_000)];

/// Which flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Spread at random over all prices and orders.
    Spread,
    /// The benchmarks' of a scenario.
    Scenario(Scenario),
}

impl Kind {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Spread => "spread",
            Kind::Scenario(scenario) => scenario.name(),
        }
    }

    /// The flow of this name.
    pub fn from_name(name: &str) -> Option<Kind> {
        if name == Kind::Spread.name() {
            return Some(Kind::Spread);
        }
        Scenario::from_name(name).map(Kind::Scenario)
    }
}

/// Half of the prices, in ticks from the middle.
const REACH_TICKS: u64 = 1_000;
const MIDDLE_TICKS: i64 = 1_000_000;
const ACCOUNTS: u64 = 1_000;

/// The flow that touches a book all over.
#[derive(Clone)]
struct Spread {
    random: Random,
    live: Vec<(OrderId, Side)>,
    next_id: u64,
    time_ns: u64,
}

impl Spread {
    fn new(seed: u64) -> Self {
        Spread {
            random: Random::new(seed),
            live: Vec::new(),
            next_id: 1,
            time_ns: 0,
        }
    }

    fn stamp(&mut self, action: Action) -> Command {
        self.time_ns += 1_000;
        Command {
            time: Timestamp(self.time_ns),
            action,
        }
    }

    fn order(
        &mut self,
        side: Side,
        price: i64,
        quantity: u64,
        time_in_force: TimeInForce,
    ) -> Command {
        let order_id = OrderId(self.next_id);
        self.next_id += 1;
        let account = AccountId(1 + self.random.below(ACCOUNTS));
        self.stamp(Action::New(NewOrder {
            order_id,
            account,
            side,
            quantity: Quantity(quantity),
            kind: OrderKind::Limit {
                price: Price(price),
            },
            time_in_force,
            post_only: false,
            display: None,
            self_trade: SelfTradePrevention::Allow,
        }))
    }

    /// An order that rests.
    fn place(&mut self) -> Command {
        let side = if self.random.below(2) == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        let price = self.resting_price(side);
        let quantity = 1 + self.random.below(100);
        self.live.push((OrderId(self.next_id), side));
        self.order(side, price, quantity, TimeInForce::GoodTillCancel)
    }

    fn resting_price(&mut self, side: Side) -> i64 {
        let away = 1 + self.random.below(REACH_TICKS) as i64;
        match side {
            Side::Buy => MIDDLE_TICKS - away,
            Side::Sell => MIDDLE_TICKS + away,
        }
    }

    fn next_command(&mut self) -> Command {
        match self.random.below(10) {
            0..=3 => self.place(),
            4..=7 if !self.live.is_empty() => {
                let index = self.random.below(self.live.len() as u64) as usize;
                let (order_id, _) = self.live.swap_remove(index);
                self.stamp(Action::Cancel { order_id })
            }
            8 if !self.live.is_empty() => {
                let index = self.random.below(self.live.len() as u64) as usize;
                let (order_id, side) = self.live[index];
                let price = Some(Price(self.resting_price(side)));
                let quantity = Some(Quantity(1 + self.random.below(100)));
                self.stamp(Action::Replace {
                    order_id,
                    price,
                    quantity,
                    stop_price: None,
                })
            }
            _ => {
                // It meets the best order of the other side, wherever that is. Which one that was, nobody notes: to cancel it later
                // is a reject, as it is in a real market.
                let (side, reach) = if self.random.below(2) == 0 {
                    (Side::Buy, REACH_TICKS as i64)
                } else {
                    (Side::Sell, -(REACH_TICKS as i64))
                };
                let quantity = 1 + self.random.below(50);
                self.order(
                    side,
                    MIDDLE_TICKS + reach,
                    quantity,
                    TimeInForce::ImmediateOrCancel,
                )
            }
        }
    }
}

/// A flow that goes on.
#[derive(Clone)]
enum Flow {
    Spread(Spread),
    Day(IntoIter<Message>),
}

impl Flow {
    fn day(scenario: Scenario, seed: u64, new_orders: u32) -> Self {
        let messages = generate(&Parameters {
            scenario,
            seed,
            new_orders,
        });
        Flow::Day(messages.into_iter())
    }

    /// The next command, `None` after the last one.
    fn next_command(&mut self) -> Option<Command> {
        match self {
            Flow::Spread(spread) => Some(spread.next_command()),
            Flow::Day(messages) => messages.next().map(|message| message.command()),
        }
    }
}

/// A book of a size, and the flow to it.
#[derive(Clone)]
pub struct Market {
    ledger: Ledger<Portable>,
    flow: Flow,
    start: Start,
}

/// How a book came to its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Start {
    /// The flow.
    pub flow: &'static str,
    /// Where its choices come from.
    pub seed: u64,
    /// Orders in the book.
    pub book_orders: u64,
    /// Commands until then.
    pub warm_up_commands: u64,
    /// New orders of the scenario's whole day.
    pub day_orders: Option<u32>,
}

impl Market {
    /// With exactly so many orders.
    ///
    /// # Errors
    /// Where the flow ends before the book holds so many.
    pub fn new(kind: Kind, orders: u64, seed: u64) -> Result<Self, ProverError> {
        let days: &[Option<u32>] = match kind {
            Kind::Spread => &[None],
            Kind::Scenario(_) => &DAY_ORDERS,
        };
        let mut most = 0;
        for &day_orders in days {
            let mut flow = match kind {
                Kind::Spread => Flow::Spread(Spread::new(seed)),
                Kind::Scenario(scenario) => Flow::day(scenario, seed, day_orders.unwrap_or(0)),
            };
            match fill(&mut flow, orders) {
                Ok((ledger, warm_up_commands)) => {
                    let start = Start {
                        flow: kind.name(),
                        seed,
                        book_orders: orders,
                        warm_up_commands,
                        day_orders,
                    };
                    return Ok(Market {
                        ledger,
                        flow,
                        start,
                    });
                }
                Err(held) => most = most.max(held),
            }
        }
        Err(ProverError::Request(format!(
            "the flow {}, seed {seed}: expected its book to hold {orders} orders; received {most} at most",
            kind.name()
        )))
    }

    /// How the book came to its size.
    pub fn start(&self) -> Start {
        self.start
    }

    /// The next batch.
    ///
    /// # Errors
    /// Where the flow has fewer commands.
    pub fn seal(&mut self, commands: u64) -> Result<Sealed, ProverError> {
        let next: Vec<Command> = (0..commands)
            .map_while(|_| self.flow.next_command())
            .collect();
        if (next.len() as u64) < commands {
            return Err(ProverError::Request(format!(
                "the flow {}: expected {commands} more commands; received {}",
                self.start.flow,
                next.len()
            )));
        }
        Ok(self.ledger.seal(&next))
    }
}

/// Runs a flow until its book first holds so many orders: the market's state, and how many commands that took; else how many orders it
/// ever held.
fn fill(flow: &mut Flow, orders: u64) -> Result<(Ledger<Portable>, u64), u64> {
    let mut engine = MatchingEngine::new(MarketConfig::default(), Reference::new())
        .expect("the default terms are valid");
    let (mut commands, mut most) = (0, 0);
    loop {
        let held = u64::from(engine.counters().orders);
        if held == orders {
            return Ok((Ledger::of_engine(&engine), commands));
        }
        most = most.max(held);
        let command = match flow {
            Flow::Spread(spread) => spread.place(),
            Flow::Day(_) => flow.next_command().ok_or(most)?,
        };
        engine.apply(&command, &mut ());
        commands += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(batch: &Sealed) -> u64 {
        use proofbook_types::{Counters, CONFIG_WORDS, COUNTER_WORDS};
        let words = batch.batch[1 + CONFIG_WORDS..].first_chunk::<COUNTER_WORDS>();
        let counters = Counters::from_words(words.expect("a batch has counters"));
        counters.expect("canonical counters").orders.into()
    }

    #[test]
    fn a_batch_begins_with_exactly_the_orders_asked_for() {
        for kind in [
            Kind::Spread,
            Kind::Scenario(Scenario::Static),
            Kind::Scenario(Scenario::Normal),
        ] {
            let mut market = Market::new(kind, 300, 2).expect("the flow leaves that many");
            assert_eq!(market.start().book_orders, 300);
            assert!(market.start().warm_up_commands >= 300);
            let batch = market.seal(50).expect("the flow goes on");
            assert_eq!(
                (held(&batch), batch.values.commands),
                (300, 50),
                "{}",
                kind.name()
            );
            assert!(batch.values.events >= 50);
        }
    }

    #[test]
    fn what_a_flow_does_not_give_is_named() {
        let text = |error: ProverError| error.to_string();
        let market = Market::new(Kind::Scenario(Scenario::FlashCrash), 1_000_000, 2);
        let error = text(market.err().expect("no day leaves a million orders"));
        assert!(
            error.contains("expected its book to hold 1000000 orders; received"),
            "{error}"
        );
        let mut market = Market::new(Kind::Scenario(Scenario::Static), 10, 2).expect("ten rest");
        let error = text(
            market
                .seal(3_000_000)
                .expect_err("a day has two million commands"),
        );
        assert!(
            error.contains("expected 3000000 more commands; received 1"),
            "{error}"
        );
    }

    #[test]
    fn names_lead_back_to_flows() {
        for kind in [Kind::Spread, Kind::Scenario(Scenario::Swing25)] {
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(Kind::from_name("spreads"), None);
    }
}
