//! What the tests share: markets, and a listener that checks what is told of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;

use proofbook_book::Book;
use proofbook_books::numa::{
    Failure, Market, MarketId, Moved, NumaConfig, NumaOrderBook, Report, Residence, Seat,
    SubmitError,
};
use proofbook_books::LocalOrderBook;
use proofbook_matching::MatchingEngine;
use proofbook_memory::numa::{NodeId, Topology};
use proofbook_types::{Action, Command, Event, EventSink, MarketConfig, Timestamp};

/// A market that moves as its book does.
pub struct Moving(Option<MatchingEngine<LocalOrderBook>>);

impl Moving {
    pub fn new(config: MarketConfig) -> Self {
        let engine = MatchingEngine::new(config, LocalOrderBook::default());
        Moving(Some(engine.expect("terms of a market")))
    }

    pub fn engine(&self) -> &MatchingEngine<LocalOrderBook> {
        self.0
            .as_ref()
            .expect("the engine is only away while it moves")
    }
}

/// The canonical bytes of a market.
pub fn state<B: Book>(engine: &MatchingEngine<B>) -> Vec<u8> {
    let mut bytes = Vec::new();
    engine.write_state(&mut |part: &[u8]| bytes.extend_from_slice(part));
    bytes
}

impl Market for Moving {
    fn apply(&mut self, command: &Command, events: &mut impl EventSink) {
        let engine = self.0.as_mut();
        engine
            .expect("the engine is only away while it moves")
            .apply(command, events);
    }

    fn move_to(&mut self, seat: &Seat) -> Residence {
        let engine = self.0.take().expect("no move within a move");
        let (config, counters) = (*engine.config(), engine.counters());
        let mut book = engine.into_book();
        let residence = book.move_to(seat);
        let engine = MatchingEngine::from_counters(config, &counters, book);
        self.0 = Some(engine.expect("terms of a market"));
        residence
    }
}

pub fn simulated(nodes: usize) -> Arc<Topology> {
    Arc::new(Topology::simulated(nodes, 2).expect("a topology within its bounds"))
}

pub fn start<M: Market>(nodes: usize, config: NumaConfig) -> NumaOrderBook<M> {
    NumaOrderBook::start(simulated(nodes), config).expect("threads and sizes are to be had")
}

pub fn small() -> NumaConfig {
    NumaConfig {
        markets_max: 8,
        commands_max: 64,
        reports_max: 16,
        ..NumaConfig::default()
    }
}

pub fn sweep(time: u64) -> Command {
    Command {
        time: Timestamp(time),
        action: Action::Sweep,
    }
}

/// Everything that was told of one market.
#[derive(Default)]
pub struct Told {
    pub commands: Vec<Command>,
    pub events: Vec<Event>,
    pub node: Option<NodeId>,
    pub moves: u64,
    pub failures: Vec<Failure>,
}

/// Checks that reports of each market follow each other, and keeps them.
#[derive(Default)]
pub struct Listener {
    pub markets: BTreeMap<MarketId, Told>,
}

impl Listener {
    pub fn take(&mut self, report: Report) {
        match report {
            Report::Applied(batch) => {
                let told = self.markets.entry(batch.market).or_default();
                assert_eq!(
                    told.node,
                    Some(batch.node),
                    "{}: run where it is",
                    batch.market
                );
                for outcome in batch.outcomes() {
                    assert_eq!(outcome.sequence, told.commands.len() as u64 + 1);
                    told.commands.push(*outcome.command);
                    told.events.extend_from_slice(outcome.events);
                }
            }
            Report::Moved(Moved {
                market,
                from,
                to,
                sequence,
                ..
            }) => {
                let told = self.markets.entry(market).or_default();
                assert_eq!((told.node, told.commands.len() as u64), (from, sequence));
                told.node = Some(to);
                told.moves += 1;
            }
            Report::Failed(failure) => {
                let told = self.markets.entry(failure.market).or_default();
                assert_eq!(failure.sequence, told.commands.len() as u64);
                told.failures.push(failure);
            }
        }
    }
}

/// Submits until there is room. Commands wait in order, so those of one thread stay in its order.
pub fn submit<M: Market>(book: &NumaOrderBook<M>, market: MarketId, command: Command) {
    let handle = book.market(market).expect("the market is listed");
    loop {
        match handle.submit(command) {
            Ok(()) => return,
            Err(SubmitError::Full { command: back, .. }) => assert_eq!(back, command),
            Err(error) => panic!("{error}"),
        }
        std::thread::yield_now();
    }
}

/// A market that counts, waits while it is told to, and panics when it is told to.
pub struct Scripted {
    pub applied: Arc<AtomicU64>,
    pub is_held: Arc<AtomicBool>,
    pub panics_at: Option<u64>,
    pub panic: fn(),
    pub moves: u64,
    pub moves_max: u64,
}

impl Scripted {
    pub fn new() -> Self {
        Scripted {
            applied: Arc::default(),
            is_held: Arc::default(),
            panics_at: None,
            panic: || panic!("as scripted"),
            moves: 0,
            moves_max: u64::MAX,
        }
    }
}

impl Market for Scripted {
    fn apply(&mut self, command: &Command, _events: &mut impl EventSink) {
        while self.is_held.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        if self.panics_at == Some(command.time.0) {
            (self.panic)();
        }
        self.applied.fetch_add(1, Ordering::Release);
    }

    fn move_to(&mut self, _seat: &Seat) -> Residence {
        self.moves += 1;
        assert!(self.moves <= self.moves_max, "too far");
        Residence::default()
    }
}

pub fn wait_until(mut is_so: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !is_so() {
        assert!(start.elapsed().as_secs() < 300, "waited in vain");
        std::thread::yield_now();
    }
}
