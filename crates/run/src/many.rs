//! Many books, each with its own commands: what they end in, and how long the engine took for them.
//!
//! Commands come as words, book after book. A book's words are decoded first, all of them; then they are applied in a plain loop, and
//! only that loop counts as the engine's time. A [`BookRunner`] belongs to one thread.

use core::fmt;
use core::ops::Range;
use std::time::{Duration, Instant};

use proofbook_book::Book;
use proofbook_matching::MatchingEngine;
use proofbook_types::{Command, ConfigError, DecodeError, Event, EventSink, MarketConfig};
use proofbook_types::{COMMAND_WORDS, EVENT_WORDS};

/// A digest of the words of events: quick to compute on any device, and no protection against forgers.
///
/// It starts at the offset of the 64-bit FNV-1 hash; each word is mixed in by an exclusive or, a multiplication by 2^64 over the golden
/// ratio and a folding of the high half onto the low one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventDigest(pub u64);

impl EventDigest {
    const START: u64 = 0xcbf2_9ce4_8422_2325;
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

    /// Takes the words of the next event.
    pub fn take(&mut self, words: &[u64; EVENT_WORDS]) {
        for word in words {
            self.0 = (self.0 ^ word).wrapping_mul(Self::MULTIPLIER);
            self.0 ^= self.0 >> 32;
        }
    }
}

/// That of no events.
impl Default for EventDigest {
    fn default() -> Self {
        EventDigest(Self::START)
    }
}

/// How a book ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookEnd {
    /// The digest of its market's state.
    pub digest: [u8; 32],
    /// That of its events, unless they were only counted.
    pub event_digest: EventDigest,
    /// How many events there were.
    pub events: u64,
    /// How many of them were trades.
    pub trades: u64,
    /// Orders that are live at the end.
    pub live_orders: u64,
}

/// Where the time of a thread went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timing {
    /// Making empty markets, and dropping them at the end.
    pub create: Duration,
    /// Decoding words.
    pub decode: Duration,
    /// Applying commands, their events counted or digested.
    pub apply: Duration,
    /// Computing digests of states.
    pub digest: Duration,
}

/// A row that is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedRow {
    /// Which one, among the book's.
    pub row: usize,
    /// Its words.
    pub words: [u64; COMMAND_WORDS],
    /// What is wrong with them.
    pub error: DecodeError,
}

impl fmt::Display for MalformedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MalformedRow { words, error, .. } = self;
        write!(
            f,
            "expected the {COMMAND_WORDS} words of a command; received {words:x?}: {error}"
        )
    }
}

impl core::error::Error for MalformedRow {}

/// The rows of each book.
///
/// # Errors
/// The first offset that does not go on from the one before it, or that is beyond the rows, with what it may be.
pub fn book_rows(offsets: &[i64], rows: usize) -> Result<Vec<Range<usize>>, String> {
    if offsets.is_empty() {
        return Err("expected one offset more than there are books; received none".into());
    }
    let mut before = 0;
    let mut starts = Vec::with_capacity(offsets.len());
    for (place, &offset) in offsets.iter().enumerate() {
        match usize::try_from(offset) {
            Ok(start) if (before..=rows).contains(&start) => before = start,
            _ => {
                return Err(format!(
                    "offset {place}: expected {before} to {rows}; received {offset}"
                ));
            }
        }
        starts.push(before);
    }
    Ok(starts.windows(2).map(|pair| pair[0]..pair[1]).collect())
}

/// Counts events, and digests them where that is asked for.
#[derive(Default)]
struct Counted {
    is_digested: bool,
    digest: EventDigest,
    events: u64,
    trades: u64,
}

impl Counted {
    /// Apart, so that what comes of an event's words is compiled once and not wherever there is an event.
    #[inline(never)]
    fn take(&mut self, event: &Event) {
        self.digest.take(&event.words());
    }
}

impl EventSink for Counted {
    #[inline]
    fn event(&mut self, event: Event) {
        self.events += 1;
        self.trades += u64::from(matches!(event, Event::Trade { .. }));
        if self.is_digested {
            self.take(&event);
        }
    }
}

/// Runs books of one market's terms, one after another.
#[derive(Clone)]
pub struct BookRunner {
    config: MarketConfig,
    is_digested: bool,
    commands: Vec<Command>,
    timing: Timing,
}

impl BookRunner {
    /// For books with these terms; `is_digested` says whether their events are digested.
    ///
    /// # Errors
    /// Terms that make no market.
    pub fn new(config: MarketConfig, is_digested: bool) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(BookRunner {
            config,
            is_digested,
            commands: Vec::new(),
            timing: Timing::default(),
        })
    }

    /// Where the time went so far.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// Runs the commands that these words are, on a book that `empty` makes.
    ///
    /// # Errors
    /// Words that are no command; then none of the book's commands was applied.
    pub fn run<B: Book>(
        &mut self,
        words: &[[u64; COMMAND_WORDS]],
        empty: impl FnOnce() -> B,
    ) -> Result<BookEnd, MalformedRow> {
        let start = Instant::now();
        self.decode(words)?;
        let decoded = Instant::now();
        let mut engine = MatchingEngine::new(self.config, empty()).expect("the terms were checked");
        let mut counted = Counted {
            is_digested: self.is_digested,
            ..Counted::default()
        };
        let made = Instant::now();
        for command in &self.commands {
            engine.apply(command, &mut counted);
        }
        let applied = Instant::now();
        let end = BookEnd {
            digest: proofbook_engine::digest(&engine),
            event_digest: counted.digest,
            events: counted.events,
            trades: counted.trades,
            live_orders: engine.book().len() as u64,
        };
        let digested = Instant::now();
        drop(engine);
        let timing = &mut self.timing;
        timing.decode += decoded - start;
        timing.create += (made - decoded) + digested.elapsed();
        timing.apply += applied - made;
        timing.digest += digested - applied;
        Ok(end)
    }

    fn decode(&mut self, words: &[[u64; COMMAND_WORDS]]) -> Result<(), MalformedRow> {
        self.commands.clear();
        for (row, words) in words.iter().enumerate() {
            let command = Command::from_words(words).map_err(|error| MalformedRow {
                row,
                words: *words,
                error,
            })?;
            self.commands.push(command);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proofbook_book::Reference;
    use proofbook_books::Ladder;
    use proofbook_workload::{FlowKind, ManyFlows};

    fn flow(commands: u32) -> Vec<[u64; COMMAND_WORDS]> {
        let flows = ManyFlows::new(FlowKind::Mixed, 4, commands);
        flows.book(2).map(|command| command.words()).collect()
    }

    fn runner() -> BookRunner {
        BookRunner::new(MarketConfig::default(), true).expect("the default terms make a market")
    }

    #[test]
    fn a_book_ends_as_an_engine_that_keeps_its_events_does() {
        let words = flow(5_000);
        let end = runner()
            .run(&words, Ladder::default)
            .expect("well-formed flow");
        let mut engine = MatchingEngine::new(MarketConfig::default(), Reference::new())
            .expect("the default terms make a market");
        let mut events: Vec<Event> = Vec::new();
        for words in &words {
            let command = Command::from_words(words).expect("well-formed flow");
            engine.apply(&command, &mut |event: Event| events.push(event));
        }
        let mut digest: u128 = 0xcbf2_9ce4_8422_2325;
        for word in events.iter().flat_map(Event::words) {
            digest = (digest ^ u128::from(word)) * 0x9e37_79b9_7f4a_7c15 % (1 << 64);
            digest ^= digest / (1 << 32);
        }
        let is_trade = |event: &&Event| event.name() == "trade";
        let expected = BookEnd {
            digest: proofbook_engine::digest(&engine),
            event_digest: EventDigest(digest as u64),
            events: events.len() as u64,
            trades: events.iter().filter(is_trade).count() as u64,
            live_orders: engine.counters().orders.into(),
        };
        assert_eq!(end, expected, "seed 4, book 2");
        assert!(end.trades > 500 && end.live_orders > 10, "{end:?}");
    }

    #[test]
    fn a_runner_starts_each_book_anew() {
        let words = flow(300);
        let mut one = runner();
        let first = one.run(&words, Ladder::default);
        assert_eq!(one.run(&words, Ladder::default), first);
        assert_ne!(one.run(&words[..299], Ladder::default), first);
        let empty = one
            .run(&[], Ladder::default)
            .expect("no words, no mistakes");
        assert_eq!(
            (empty.events, empty.event_digest),
            (0, EventDigest::default())
        );
    }

    #[test]
    fn a_row_that_is_no_command_is_named() {
        let mut words = flow(10);
        words[7][0] = 99;
        let error = runner()
            .run(&words, Ladder::default)
            .expect_err("there is no action 99");
        assert_eq!((error.row, error.words), (7, words[7]));
        assert!(error.to_string().contains("received [63, "), "{error}");
    }

    #[test]
    fn offsets_must_go_up_within_the_rows() {
        assert_eq!(book_rows(&[0, 2, 2, 5], 5), Ok(vec![0..2, 2..2, 2..5]));
        assert_eq!(book_rows(&[3], 5), Ok(vec![]));
        for (offsets, named) in [
            (&[][..], "received none"),
            (&[0, 3, 2], "offset 2: expected 3 to 5; received 2"),
            (&[0, 6], "offset 1: expected 0 to 5; received 6"),
            (&[-1, 2], "offset 0: expected 0 to 5; received -1"),
        ] {
            let error = book_rows(offsets, 5).expect_err(named);
            assert!(error.contains(named), "{error}");
        }
    }
}
