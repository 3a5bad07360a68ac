//! Whole engines on flows: the benchmarks' scenarios, files of the user, and flows that are meant to hurt.
//!
//! Every event of every book is hashed first; only books that say what the reference book says are timed, in turns.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use proofbook_bench::{digest, spread, throughput_of, BookMarket, Throughput, Value};
use proofbook_books::{NamedBook, Structure, Visitor};
use proofbook_replay::{open_commands, Options, ReplayError};
use proofbook_types::{
    AccountId, Action, Command, ConfigError, MarketConfig, NewOrder, OrderId, OrderKind, Price,
    Quantity, SelfTradePrevention, Side, TimeInForce, Timestamp,
};
use proofbook_workload::{generate, Parameters, Random, Scenario};

/// Around which price hostile flows stand.
const PRICE: i64 = 1 << 41;
/// How far away the prices of [`Hostile::FarAway`] lie.
const FAR: u64 = 1 << 40;
/// Orders of a burst of [`Hostile::CancelStorm`].
const STORM_ORDERS: usize = 1000;
/// The most commands of a file: what comes after them is left out, and said so.
const FILE_COMMANDS_MAX: usize = 4_000_000;

/// How often the depth is looked at in a flow: hostile ones have so many levels that looking is long.
const LOOKS_MAX: usize = 64;

/// A flow that is meant to hurt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hostile {
    /// Every order at one price, cancels out of the middle of a long queue.
    OnePrice,
    /// Never two orders at a price.
    OwnPrices,
    /// Prices so far from each other that none is near another.
    FarAway,
    /// Bursts of orders near the touch, all cancelled in random order.
    CancelStorm,
}

impl Hostile {
    /// All of them.
    pub const ALL: [Hostile; 4] = [
        Hostile::OnePrice,
        Hostile::OwnPrices,
        Hostile::FarAway,
        Hostile::CancelStorm,
    ];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Hostile::OnePrice => "one-price",
            Hostile::OwnPrices => "own-prices",
            Hostile::FarAway => "far-away",
            Hostile::CancelStorm => "cancel-storm",
        }
    }
}

/// A flow and the terms of its market.
pub struct Flow {
    /// The market's terms.
    pub config: MarketConfig,
    /// What it is asked.
    pub commands: Vec<Command>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// The flow of this name: a scenario or a hostile flow. `new_orders` orders are entered.
pub fn named(name: &str, seed: u64, new_orders: u32) -> Option<Flow> {
    let commands = match Scenario::from_name(name) {
        Some(scenario) => {
            let parameters = Parameters {
                scenario,
                seed,
                new_orders,
            };
            let messages = generate(&parameters);
            messages.iter().map(|message| message.command()).collect()
        }
        None => {
            let hostile = Hostile::ALL.into_iter().find(|flow| flow.name() == name)?;
            Maker::new(seed).make(hostile, new_orders as usize)
        }
    };
    Some(Flow {
        config: proofbook_bench::config(),
        commands,
        notes: Vec::new(),
    })
}

/// The flow of files of an exchange, or of our own commands.
///
/// # Errors
/// They cannot be read as order flow.
pub fn from_files(paths: &[PathBuf]) -> Result<Flow, ReplayError> {
    let mut source = open_commands(paths, &Options::default())?;
    let config = source.info().config;
    let mut notes = source.info().notes.clone();
    let mut commands = Vec::new();
    while source.next_batch(&mut commands)? > 0 {
        if commands.len() >= FILE_COMMANDS_MAX {
            notes.push(format!("the first {} commands are used", commands.len()));
            break;
        }
    }
    Ok(Flow {
        config,
        commands,
        notes,
    })
}

/// Writes hostile flows.
struct Maker {
    random: Random,
    commands: Vec<Command>,
    /// Ids that may be live.
    live: Vec<u64>,
    next_id: u64,
}

impl Maker {
    fn new(seed: u64) -> Self {
        Maker {
            random: Random::new(seed),
            commands: Vec::new(),
            live: Vec::new(),
            next_id: 1,
        }
    }

    fn push(&mut self, action: Action) {
        self.commands.push(Command {
            time: Timestamp(self.commands.len() as u64),
            action,
        });
    }

    fn enter(&mut self, side: Side, price: i64, lots: u64, time_in_force: TimeInForce) {
        let id = self.next_id;
        self.next_id += 1;
        if time_in_force == TimeInForce::GoodTillCancel {
            self.live.push(id);
        }
        self.push(Action::New(NewOrder {
            order_id: OrderId(id),
            account: AccountId::NONE,
            side,
            quantity: Quantity(lots),
            kind: OrderKind::Limit {
                price: Price(price),
            },
            time_in_force,
            post_only: false,
            display: None,
            self_trade: SelfTradePrevention::Allow,
        }));
    }

    fn cancel_any(&mut self) {
        if self.live.is_empty() {
            return;
        }
        let at = self.random.below(self.live.len() as u64) as usize;
        let order_id = OrderId(self.live.swap_remove(at));
        self.push(Action::Cancel { order_id });
    }

    fn make(mut self, flow: Hostile, new_orders: usize) -> Vec<Command> {
        for number in 0..new_orders {
            match flow {
                Hostile::OnePrice => self.at_one_price(),
                Hostile::OwnPrices => self.at_own_price(number),
                Hostile::FarAway => self.far_away(),
                Hostile::CancelStorm => self.storm(number),
            }
        }
        self.commands
    }

    fn at_one_price(&mut self) {
        if self.random.chance(0.2) {
            let lots = 1 + self.random.below(5);
            self.enter(Side::Sell, PRICE, lots, TimeInForce::ImmediateOrCancel);
        } else {
            self.enter(Side::Buy, PRICE, 1, TimeInForce::GoodTillCancel);
        }
        if self.random.chance(0.4) {
            self.cancel_any();
        }
    }

    /// Prices of both sides go away from the middle, one after another; none is used twice.
    fn at_own_price(&mut self, number: usize) {
        let distance = 1 + (number / 2) as i64;
        if number.is_multiple_of(2) {
            self.enter(Side::Buy, PRICE - distance, 1, TimeInForce::GoodTillCancel);
        } else {
            self.enter(Side::Sell, PRICE + distance, 1, TimeInForce::GoodTillCancel);
        }
        if self.random.chance(0.5) {
            self.cancel_any();
        }
    }

    fn far_away(&mut self) {
        let distance = 1 + self.random.below(FAR) as i64;
        if self.random.chance(0.1) {
            // Buys up to the price of the best few asks, wherever they are.
            let lots = 1 + self.random.below(4);
            let (side, price) = if self.random.chance(0.5) {
                (Side::Buy, PRICE + FAR as i64)
            } else {
                (Side::Sell, PRICE - FAR as i64)
            };
            self.enter(side, price, lots, TimeInForce::ImmediateOrCancel);
        } else if self.random.chance(0.5) {
            self.enter(Side::Buy, PRICE - distance, 2, TimeInForce::GoodTillCancel);
        } else {
            self.enter(Side::Sell, PRICE + distance, 2, TimeInForce::GoodTillCancel);
        }
        if self.random.chance(0.45) {
            self.cancel_any();
        }
    }

    fn storm(&mut self, number: usize) {
        let distance = 1 + self.random.below(50) as i64;
        if self.random.chance(0.5) {
            self.enter(Side::Buy, PRICE - distance, 1, TimeInForce::GoodTillCancel);
        } else {
            self.enter(Side::Sell, PRICE + distance, 1, TimeInForce::GoodTillCancel);
        }
        if (number + 1).is_multiple_of(STORM_ORDERS) {
            while !self.live.is_empty() {
                self.cancel_any();
            }
        }
    }
}

struct Timing<'a> {
    flow: &'a Flow,
    limit: Duration,
}

impl Visitor for Timing<'_> {
    type Output = Result<Throughput, ConfigError>;

    fn visit<B: NamedBook>(self) -> Self::Output {
        let market = BookMarket::<B>::with_config(self.flow.config)?;
        Ok(throughput_of(market, &self.flow.commands, self.limit))
    }
}

/// Hashes what all books say about a flow, and times those that say what the reference book says.
///
/// # Errors
/// The flow's terms make no market.
pub fn contest(
    flow: &Flow,
    books: &[Structure],
    runs: usize,
    limit: Duration,
) -> Result<Value, ConfigError> {
    // The depth is the same in all books that say the same, so that one tells it.
    let interval = NonZeroUsize::new(flow.commands.len() / LOOKS_MAX).unwrap_or(NonZeroUsize::MIN);
    let expected = digest(Structure::Reference, flow.config, &flow.commands, interval)?;
    let mut agreeing = Vec::new();
    let mut results: Vec<(String, Value)> = Vec::new();
    for &book in books {
        if book == Structure::Reference {
            agreeing.push((book, Vec::new()));
            continue;
        }
        let found = digest(book, flow.config, &flow.commands, NonZeroUsize::MAX)?;
        if found.hash == expected.hash {
            agreeing.push((book, Vec::new()));
        } else {
            let members = [("hash_ok", Value::from(false)), ("found", found.to_json())];
            results.push((book.name().to_owned(), Value::object(members)));
        }
    }
    let is_same = agreeing.len() == books.len();
    for _ in 0..runs.max(1) {
        for (book, measured) in &mut agreeing {
            measured.push(book.visit(Timing { flow, limit })?);
        }
    }
    results.extend(
        agreeing
            .into_iter()
            .map(|(book, measured)| (book.name().to_owned(), timed(&measured, flow))),
    );
    Ok(Value::object([
        ("hash_ok", Value::from(is_same)),
        ("commands", Value::from(flow.commands.len())),
        ("reference", expected.to_json()),
        (
            "notes",
            Value::from(
                flow.notes
                    .iter()
                    .cloned()
                    .map(Value::from)
                    .collect::<Vec<_>>(),
            ),
        ),
        ("books", Value::Object(results)),
    ]))
}

fn timed(measured: &[Throughput], flow: &Flow) -> Value {
    let rates = measured.iter().map(Throughput::per_s).collect();
    let waited = spread(measured.iter().map(Throughput::waited_share).collect());
    let is_complete = measured
        .iter()
        .all(|run| run.messages == flow.commands.len());
    Value::object([
        ("hash_ok", Value::from(true)),
        ("commands_per_s", spread(rates).to_json()),
        ("waited_share", Value::from(waited.median)),
        ("is_complete", Value::from(is_complete)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn hostile_flows_are_what_they_are_called() {
        for flow in Hostile::ALL {
            let made = named(flow.name(), 3, 4000).expect("it has a name");
            let mut prices = HashSet::new();
            let (mut entered, mut cancelled) = (0, 0);
            for command in &made.commands {
                match command.action {
                    Action::New(order) => {
                        entered += 1;
                        if let OrderKind::Limit { price } = order.kind {
                            prices.insert(price);
                        }
                    }
                    Action::Cancel { .. } => cancelled += 1,
                    _ => {}
                }
            }
            assert_eq!(entered, 4000, "{}", flow.name());
            assert!(cancelled > 1200, "{}: {cancelled}", flow.name());
            match flow {
                Hostile::OnePrice => assert_eq!(prices.len(), 1),
                Hostile::OwnPrices => assert_eq!(prices.len(), entered),
                Hostile::FarAway => assert!(prices.len() > 3000),
                Hostile::CancelStorm => assert!(prices.len() <= 100 && cancelled == entered),
            }
            let again = named(flow.name(), 3, 4000).expect("it has a name");
            assert_eq!(made.commands, again.commands);
        }
        assert!(named("calm", 3, 10).is_none());
    }

    #[test]
    fn every_book_agrees_on_every_hostile_flow() {
        for flow in Hostile::ALL {
            let made = named(flow.name(), 4, 3000).expect("it has a name");
            let result = contest(&made, &Structure::ALL, 1, Duration::from_secs(5))
                .expect("the terms make a market")
                .to_string();
            assert!(result.starts_with("{\"hash_ok\": true"), "{result}");
        }
    }
}
