//! The project's own books as contenders, and the digest of everything they say.

use std::num::NonZeroUsize;

use proofbook_book::{Book, Reference};
use proofbook_books::{Ladder, NamedBook, Structure, Visitor};
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    Command, ConfigError, Event, EventSink, MarketConfig, OrderId, Phase, Queue,
};
use proofbook_workload::Message;

use crate::contender::{Contender, Fills};
use crate::json::Value;

/// Events that the ring holds: 64 KiB, as an outgoing queue may.
const RING_EVENTS: usize = 1024;

/// Takes events as a publisher would: each is written to memory that someone else reads.
struct Ring {
    events: Box<[Event; RING_EVENTS]>,
    next: usize,
    fills: Fills,
}

impl Ring {
    fn new() -> Self {
        let blank = Event::Triggered {
            order_id: OrderId(0),
        };
        Ring {
            events: Box::new([blank; RING_EVENTS]),
            next: 0,
            fills: Fills::default(),
        }
    }
}

impl EventSink for Ring {
    #[inline]
    fn event(&mut self, event: Event) {
        self.events[self.next] = event;
        self.next = (self.next + 1) % RING_EVENTS;
        record(&mut self.fills, &event);
    }
}

#[inline]
fn record(fills: &mut Fills, event: &Event) {
    if let Event::Trade {
        maker_id,
        taker_id,
        price,
        quantity,
        ..
    } = *event
    {
        fills.record(maker_id.0, taker_id.0, price.0, quantity.0);
    }
}

/// The terms of the benchmarks' markets.
pub fn config() -> MarketConfig {
    MarketConfig {
        initial_phase: Phase::Continuous,
        ..MarketConfig::default()
    }
}

/// A market over a book, as a contender.
pub struct BookMarket<B> {
    engine: MatchingEngine<B>,
    ring: Ring,
}

/// A market over the reference book.
pub type ReferenceMarket = BookMarket<Reference>;

/// A market over the ladder.
pub type LadderMarket = BookMarket<Ladder>;

impl<B: NamedBook> BookMarket<B> {
    /// An empty market with these terms.
    ///
    /// # Errors
    /// They make no market.
    pub fn with_config(config: MarketConfig) -> Result<Self, ConfigError> {
        // Room for few orders at first: it grows to what the market needs, and a needlessly large index is a slow one.
        Ok(BookMarket {
            engine: MatchingEngine::new(config, B::empty())?,
            ring: Ring::new(),
        })
    }
}

impl<B: NamedBook> Contender for BookMarket<B> {
    type Input = Command;
    const NAME: &'static str = B::STRUCTURE.name();
    const DIFFERENCES: &'static str = "";

    fn prepare(message: &Message) -> Command {
        message.command()
    }

    fn new() -> Self {
        BookMarket::with_config(config()).expect("the default terms make a market")
    }

    #[inline]
    fn apply(&mut self, command: &Command) {
        self.engine.apply(command, &mut self.ring);
    }

    fn fills(&self) -> Fills {
        // The last events are read, so that none of the writes can be left out.
        std::hint::black_box(&self.ring.events);
        self.ring.fills
    }
}

/// Everything that a market says about a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventDigest {
    /// BLAKE3 of the encoded events, one after another.
    pub hash: blake3::Hash,
    /// How many events.
    pub events: u64,
    /// The trades among them.
    pub fills: Fills,
    /// How deep the book was on the way.
    pub depth: Depth,
}

/// Orders and price levels in the book, looked at now and then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    looks: u64,
    orders_sum: u64,
    levels_sum: u64,
    /// Most orders.
    pub orders_max: u64,
    /// Most levels.
    pub levels_max: u64,
}

/// Messages of a workload between two looks at the depth.
const DEPTH_INTERVAL: usize = 1024;

impl Depth {
    /// Orders on average.
    pub fn orders_mean(&self) -> f64 {
        self.orders_sum as f64 / self.looks.max(1) as f64
    }

    /// Levels on average.
    pub fn levels_mean(&self) -> f64 {
        self.levels_sum as f64 / self.looks.max(1) as f64
    }

    fn look<B: Book>(&mut self, book: &B) {
        let orders = book.len() as u64;
        let mut levels = 0;
        for queue in [Queue::Bids, Queue::Asks] {
            let mut after = None;
            while let Some(level) = book.next_level(queue, after) {
                levels += 1;
                after = Some(level.price);
            }
        }
        self.looks += 1;
        self.orders_sum += orders;
        self.levels_sum += levels;
        self.orders_max = self.orders_max.max(orders);
        self.levels_max = self.levels_max.max(levels);
    }
}

impl EventDigest {
    /// For reports.
    pub fn to_json(&self) -> Value {
        Value::object([
            ("event_hash", Value::from(self.hash.to_string())),
            ("events", Value::from(self.events)),
            ("trades", Value::from(self.fills.trades)),
            ("volume", Value::from(self.fills.volume)),
            (
                "trade_hash",
                Value::from(format!("{:016x}", self.fills.hash)),
            ),
            ("orders_mean", Value::from(self.depth.orders_mean())),
            ("orders_max", Value::from(self.depth.orders_max)),
            ("levels_mean", Value::from(self.depth.levels_mean())),
            ("levels_max", Value::from(self.depth.levels_max)),
        ])
    }
}

/// Runs a workload through a book and digests every event.
pub fn event_digest(book: Structure, messages: &[Message]) -> EventDigest {
    let commands: Vec<Command> = messages.iter().map(Message::command).collect();
    let interval = NonZeroUsize::new(DEPTH_INTERVAL).expect("it is a constant above 0");
    digest(book, config(), &commands, interval).expect("the default terms make a market")
}

/// Runs commands through a market with these terms over a book, and digests every event. Once in `interval` commands it looks at the depth, which
/// means every level.
///
/// # Errors
/// Terms that make no market.
pub fn digest(
    book: Structure,
    config: MarketConfig,
    commands: &[Command],
    interval: NonZeroUsize,
) -> Result<EventDigest, ConfigError> {
    book.visit(Digesting {
        config,
        commands,
        interval,
    })
}

struct Digesting<'a> {
    config: MarketConfig,
    commands: &'a [Command],
    interval: NonZeroUsize,
}

impl Visitor for Digesting<'_> {
    type Output = Result<EventDigest, ConfigError>;

    fn visit<B: NamedBook>(self) -> Self::Output {
        let mut engine = MatchingEngine::new(self.config, B::empty())?;
        let mut hasher = blake3::Hasher::new();
        let mut events = 0;
        let mut fills = Fills::default();
        let mut depth = Depth::default();
        for (index, command) in self.commands.iter().enumerate() {
            if index.is_multiple_of(self.interval.get()) {
                depth.look(engine.book());
            }
            engine.apply(command, &mut |event: Event| {
                hasher.update(&event.encode());
                events += 1;
                record(&mut fills, &event);
            });
        }
        Ok(EventDigest {
            hash: hasher.finalize(),
            events,
            fills,
            depth,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proofbook_workload::{generate, Parameters, Scenario};

    #[test]
    fn books_agree_and_another_workload_differs() {
        let [first, second] = [1, 2].map(|seed| {
            generate(&Parameters {
                scenario: Scenario::Swing25,
                seed,
                new_orders: 5000,
            })
        });
        let expected = event_digest(Structure::Reference, &first);
        for book in Structure::ALL {
            assert_eq!(expected, event_digest(book, &first), "{}", book.name());
        }
        assert_ne!(expected.hash, event_digest(Structure::Ladder, &second).hash);
        assert!(expected.fills.trades > 0 && expected.events > 10_000);
        let mut timed = LadderMarket::new();
        for message in &first {
            timed.apply(&LadderMarket::prepare(message));
        }
        assert_eq!(timed.fills(), expected.fills, "the timed path trades alike");
    }
}
