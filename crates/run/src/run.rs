//! One run: commands through an engine, with everything that a report needs.
//!
//! Each batch goes through two engines of the same make. The first takes it in a plain loop, timed as a whole: the
//! throughput. The second takes it command by command, each one timed, and is looked at in between: latencies, trades,
//! the top of the book. So neither figure pays for the other, and the two engines must end in the same state.

use std::time::{Duration, Instant};

use proofbook_book::{Book, Level, Statistics};
use proofbook_fixed::{Kernel, Total};
use proofbook_matching::MatchingEngine;
use proofbook_types::{Command, ConfigError, Event, EventSink, MarketConfig, Queue, Side};

use crate::latency::{CommandType, Latencies};

/// How many levels of each side a picture of the depth has.
pub const DEPTH_LEVELS: usize = 10;
/// The most pictures of the depth that are kept; when they are full, every second one is dropped.
const PICTURES_MAX: usize = 1024;
/// Commands between two pictures at first.
const COMMANDS_PER_PICTURE: u64 = 512;

/// One trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeRow {
    /// Sequence of the command that caused it.
    pub sequence: u64,
    /// Time of that command.
    pub time_ns: u64,
    /// The resting order.
    pub maker_id: u64,
    /// The incoming order.
    pub taker_id: u64,
    /// The incoming order's side.
    pub taker_side: Side,
    /// Price in ticks.
    pub price: i64,
    /// Quantity in lots.
    pub quantity: u64,
}

/// The best levels after a command that changed them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopRow {
    /// Sequence of the command.
    pub sequence: u64,
    /// Time of the command.
    pub time_ns: u64,
    /// The best bid.
    pub bid: Option<Level>,
    /// The best ask.
    pub ask: Option<Level>,
}

/// A picture of the depth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepthRow {
    /// Time of the picture.
    pub time_ns: u64,
    /// The best bids, best first.
    pub bids: Vec<Level>,
    /// The best asks, best first.
    pub asks: Vec<Level>,
}

/// A run in progress. What it found so far is its [`Findings`].
#[derive(Debug)]
pub struct Run<B> {
    plain: MatchingEngine<B>,
    observed: MatchingEngine<B>,
    /// Space for events.
    events: Vec<Event>,
    findings: Findings,
}

/// What a run found so far, whatever its book.
#[derive(Debug)]
pub struct Findings {
    plain_time: Duration,
    commands: u64,
    commands_by_type: [u64; CommandType::ALL.len()],
    latencies: Latencies,
    statistics: Statistics,
    trades: Vec<TradeRow>,
    /// Price times quantity of all trades, unless that is beyond 128 bits.
    notional: Option<Total<0>>,
    tops: Vec<TopRow>,
    last_top: [Option<Level>; 2],
    pictures: Vec<DepthRow>,
    commands_per_picture: u64,
}

/// The best `count` levels of a queue.
fn levels<B: Book>(book: &B, queue: Queue, count: usize) -> Vec<Level> {
    let mut levels: Vec<Level> = Vec::with_capacity(count);
    while levels.len() < count {
        let after = levels.last().map(|level| level.price);
        match book.next_level(queue, after) {
            Some(level) => levels.push(level),
            None => break,
        }
    }
    levels
}

impl<B: Book> Run<B> {
    /// A run of a market, on books that `book` makes.
    ///
    /// # Errors
    /// Terms that make no market.
    pub fn new(config: MarketConfig, book: impl Fn() -> B) -> Result<Self, ConfigError> {
        Ok(Run {
            plain: MatchingEngine::new(config, book())?,
            observed: MatchingEngine::new(config, book())?,
            events: Vec::new(),
            findings: Findings::new(),
        })
    }

    /// Takes a batch of commands.
    pub fn take(&mut self, batch: &[Command]) {
        self.take_plainly(batch);
        let trades_before = self.findings.trades.len();
        for command in batch {
            self.take_one(command);
        }
        self.findings.note_notional(trades_before);
    }

    fn take_plainly(&mut self, batch: &[Command]) {
        self.events.clear();
        let events = &mut self.events;
        let start = Instant::now();
        for command in batch {
            self.plain
                .apply(command, &mut |event: Event| events.push(event));
        }
        self.findings.plain_time += start.elapsed();
    }

    fn take_one(&mut self, command: &Command) {
        self.events.clear();
        let events = &mut self.events;
        let start = Instant::now();
        self.observed
            .apply(command, &mut |event: Event| events.push(event));
        let duration = start.elapsed();

        let sequence = self.observed.sequence();
        let book = self.observed.book();
        let findings = &mut self.findings;
        findings.note_command(command, duration);
        findings.note_events(command, sequence, &self.events);
        let top = [Queue::Bids, Queue::Asks].map(|queue| book.next_level(queue, None));
        findings.note_top(command, sequence, top);
        if findings.is_picture_due() {
            findings.note_depth(DepthRow {
                time_ns: command.time.0,
                bids: levels(book, Queue::Bids, DEPTH_LEVELS),
                asks: levels(book, Queue::Asks, DEPTH_LEVELS),
            });
        }
    }

    /// What the run found so far.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// The same, to take rows out of it.
    pub fn findings_mut(&mut self) -> &mut Findings {
        &mut self.findings
    }

    /// The engine that was observed, and the one that took whole batches: both must be in the same state.
    pub fn engines(&self) -> [&MatchingEngine<B>; 2] {
        [&self.observed, &self.plain]
    }
}

impl Findings {
    fn new() -> Self {
        Findings {
            plain_time: Duration::ZERO,
            commands: 0,
            commands_by_type: [0; CommandType::ALL.len()],
            latencies: Latencies::new(),
            statistics: Statistics::default(),
            trades: Vec::new(),
            notional: Some(Total::ZERO),
            tops: Vec::new(),
            last_top: [None; 2],
            pictures: Vec::new(),
            commands_per_picture: COMMANDS_PER_PICTURE,
        }
    }

    fn note_command(&mut self, command: &Command, duration: Duration) {
        let kind = CommandType::of(command);
        self.latencies.record(kind, duration);
        self.commands += 1;
        self.commands_by_type[kind as usize] += 1;
    }

    /// Adds the trades from this one on to the notional.
    fn note_notional(&mut self, first: usize) {
        let trades = &self.trades[first..];
        let prices: Vec<i64> = trades.iter().map(|trade| trade.price).collect();
        let quantities: Vec<u64> = trades.iter().map(|trade| trade.quantity).collect();
        let batch = Kernel::detect().notional(&prices, &quantities);
        self.notional = self.notional.and_then(|notional| {
            let batch = Total::from_units(batch.ok()?);
            notional.checked_add(batch).ok()
        });
    }

    fn note_events(&mut self, command: &Command, sequence: u64, events: &[Event]) {
        for event in events {
            self.statistics.event(*event);
            if let Event::Trade {
                maker_id,
                taker_id,
                taker_side,
                price,
                quantity,
                ..
            } = *event
            {
                self.trades.push(TradeRow {
                    sequence,
                    time_ns: command.time.0,
                    maker_id: maker_id.0,
                    taker_id: taker_id.0,
                    taker_side,
                    price: price.0,
                    quantity: quantity.0,
                });
            }
        }
    }

    fn note_top(&mut self, command: &Command, sequence: u64, top: [Option<Level>; 2]) {
        if top != self.last_top {
            self.last_top = top;
            self.tops.push(TopRow {
                sequence,
                time_ns: command.time.0,
                bid: top[0],
                ask: top[1],
            });
        }
    }

    fn is_picture_due(&self) -> bool {
        self.commands.is_multiple_of(self.commands_per_picture)
    }

    fn note_depth(&mut self, picture: DepthRow) {
        if self.pictures.len() == PICTURES_MAX {
            let mut index = 0;
            self.pictures.retain(|_| {
                index += 1;
                index % 2 == 0
            });
            self.commands_per_picture *= 2;
        }
        self.pictures.push(picture);
    }

    /// Commands taken.
    pub fn commands(&self) -> u64 {
        self.commands
    }

    /// Commands taken, of one type.
    pub fn commands_of(&self, kind: CommandType) -> u64 {
        self.commands_by_type[kind as usize]
    }

    /// Time that the plain loop took.
    pub fn plain_time(&self) -> Duration {
        self.plain_time
    }

    /// Latencies so far.
    pub fn latencies(&self) -> &Latencies {
        &self.latencies
    }

    /// What happened so far.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Price times quantity of all trades so far, in ticks times lots; `None` where that is beyond 128 bits.
    pub fn notional(&self) -> Option<Total<0>> {
        self.notional
    }

    /// The trades since the last call.
    pub fn take_trades(&mut self) -> Vec<TradeRow> {
        std::mem::take(&mut self.trades)
    }

    /// The changes of the top of the book since the last call.
    pub fn take_tops(&mut self) -> Vec<TopRow> {
        std::mem::take(&mut self.tops)
    }

    /// Pictures of the depth, evenly spread over the commands so far.
    pub fn pictures(&self) -> &[DepthRow] {
        &self.pictures
    }

    /// The best bid and the best ask now.
    pub fn top(&self) -> [Option<Level>; 2] {
        self.last_top
    }
}
