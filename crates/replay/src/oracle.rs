//! What the exchange itself says of its book, compared with the one that was rebuilt.
//!
//! - **Rows**: a LOBSTER order book file that pairs row by row. Each row must follow from the row before and the
//!   message between them, except for levels that enter from beyond the file's depth, which it cannot tell.
//! - **States**: a LOBSTER order book file that does not pair. The sequence of distinct best levels must be the same.
//! - **Levels**: books in the stream itself. The best five levels of each side must be the same.
//! - **Snapshots**: where the exchange clears the book in the middle of the stream and sends its own snapshot, every order
//!   of both must be the same.
//! - **Executions**: where there is no book, each execution must take from an order that is there, has enough, and
//!   stands at the best price of its side.

use std::collections::BTreeMap;

use proofbook_book::Book;
use proofbook_types::{Queue, Side};

use crate::error::{ErrorKind, ReplayError};
use crate::lobster::Rows;
use crate::rebuild::Rebuild;
use crate::record::{MarketEvent, PublishedBook, PublishedLevel, Record};
use crate::report::Differences;
use crate::survey::Units;

/// Levels of each side that are compared with a book in the stream.
pub const PUBLISHED_LEVELS: usize = 5;
/// How far the sequence of states is searched for the place where it agrees again.
const STATES_AHEAD_MAX: usize = 64;

/// What was compared.
#[derive(Debug, Default)]
pub struct Comparison {
    /// How many rows, states, levels or executions.
    pub compared: u64,
    /// How many of them differ.
    pub mismatches: u64,
    /// Which, and how.
    pub differences: Differences,
}

impl Comparison {
    pub(crate) fn agree(&mut self) {
        self.compared += 1;
    }

    pub(crate) fn differ(&mut self, record: u64, what: impl FnOnce() -> String) {
        self.compared += 1;
        self.mismatches += 1;
        self.differences.note(record, what);
    }
}

/// The best levels of a side of a rebuilt book, in the format's unit.
pub fn levels<B: Book>(
    book: &Rebuild<B>,
    units: Units,
    side: Side,
    count: usize,
) -> Vec<PublishedLevel> {
    let queue = Queue::resting(side);
    let mut levels = Vec::with_capacity(count.min(PUBLISHED_LEVELS));
    let mut after = None;
    while levels.len() < count {
        let Some(level) = book.book().next_level(queue, after) else {
            break;
        };
        after = Some(level.price);
        levels.push(PublishedLevel {
            price: level.price.0.saturating_mul(units.tick as i64),
            quantity: level.displayed.0,
        });
    }
    levels
}

/// A level as text, for differences.
fn show(level: Option<&PublishedLevel>) -> String {
    level.map_or("none".to_string(), |level| {
        format!("{} x {}", level.quantity, level.price)
    })
}

/// Order book rows that pair with the messages.
pub struct RowCheck {
    rows: Rows,
    previous: Option<PublishedBook>,
    /// Rows in which a level entered from beyond the file's depth.
    pub entered: u64,
    /// Rows with which the freely rebuilt book agrees at the best level of both sides, and at every level.
    pub free_best: u64,
    /// See `free_best`.
    pub free_full: u64,
}

impl RowCheck {
    /// Compares with these rows.
    pub fn new(rows: Rows) -> Self {
        RowCheck {
            rows,
            previous: None,
            entered: 0,
            free_best: 0,
            free_full: 0,
        }
    }

    /// Takes the row after a message. Returns the row where it is the first: the book at the start.
    ///
    /// # Errors
    /// The row cannot be read, or there is none.
    pub fn after<B: Book>(
        &mut self,
        record: &Record,
        book: &Rebuild<B>,
        units: Units,
        comparison: &mut Comparison,
    ) -> Result<Option<PublishedBook>, ReplayError> {
        let Some(row) = self.rows.next_row()? else {
            return Err(ReplayError::new(
                ErrorKind::Malformed,
                format!(
                    "expected an order book row for message {}, received the end of the file",
                    record.number
                ),
            ));
        };
        let Some(previous) = self.previous.replace(row.clone()) else {
            return Ok(Some(row));
        };
        let depth = self.rows.depth();
        let mut entered = false;
        let wrong = Side::BOTH.iter().find_map(|side| {
            match follow(&previous, record, *side, depth, row.side(*side)) {
                Followed::Exactly => None,
                Followed::WithEntry => {
                    entered = true;
                    None
                }
                Followed::Not(what) => Some(what),
            }
        });
        self.entered += u64::from(entered);
        match wrong {
            None => comparison.agree(),
            Some(what) => comparison.differ(record.number, || what),
        }
        let mine = Side::BOTH.map(|side| levels(book, units, side, depth));
        let is_same = |count: usize| {
            Side::BOTH.iter().all(|side| {
                let theirs = row.side(*side);
                let ours = &mine[*side as usize];
                theirs
                    .iter()
                    .take(count)
                    .eq(ours.iter().take(count.min(theirs.len())))
            })
        };
        self.free_best += u64::from(is_same(1));
        self.free_full += u64::from(is_same(depth));
        Ok(None)
    }

    /// How many rows are left after the last message.
    ///
    /// # Errors
    /// A row cannot be read.
    pub fn rest(&mut self) -> Result<u64, ReplayError> {
        let mut count = 0;
        while self.rows.next_row()?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}

enum Followed {
    Exactly,
    WithEntry,
    Not(String),
}

/// Whether a side of a row follows from the row before and the message between them.
fn follow(
    previous: &PublishedBook,
    record: &Record,
    side: Side,
    depth: usize,
    next: &[PublishedLevel],
) -> Followed {
    // Ranks ascend from the best level, on either side.
    let rank = |price: i64| if side == Side::Buy { -price } else { price };
    let before = previous.side(side);
    let mut sums: BTreeMap<i64, i128> = before
        .iter()
        .map(|level| (rank(level.price), i128::from(level.quantity)))
        .collect();
    let change = match record.event {
        MarketEvent::Add { quantity, .. } => i128::from(quantity),
        MarketEvent::Reduce { quantity, .. } | MarketEvent::Execute { quantity, .. } => {
            -i128::from(quantity)
        }
        MarketEvent::Delete { quantity, .. } => -i128::from(quantity.unwrap_or(0)),
        _ => 0,
    };
    if let Some(standing) = record.standing.filter(|standing| standing.side == side) {
        let is_beyond = before.len() >= depth
            && before
                .iter()
                .all(|level| rank(level.price) < rank(standing.price));
        if change > 0 || !is_beyond {
            let sum = sums.entry(rank(standing.price)).or_insert(0);
            *sum += change;
            if *sum < 0 {
                return Followed::Not(format!(
                    "the message takes more than the {} that the row before shows at {}",
                    *sum - change,
                    standing.price
                ));
            }
        }
    }
    let expected: Vec<PublishedLevel> = sums
        .into_iter()
        .filter(|(_, sum)| *sum > 0)
        .take(depth)
        .map(|(rank, sum)| PublishedLevel {
            price: if side == Side::Buy { -rank } else { rank },
            quantity: u64::try_from(sum).unwrap_or(u64::MAX),
        })
        .collect();
    if next == expected {
        return Followed::Exactly;
    }
    // Only a side that was full, and lost a level, may gain one that the row before did not show.
    let is_entry = before.len() >= depth
        && expected.len() < next.len()
        && next[..expected.len()] == expected[..];
    if is_entry {
        return Followed::WithEntry;
    }
    let at = (0..depth)
        .find(|at| next.get(*at) != expected.get(*at))
        .unwrap_or(0);
    Followed::Not(format!(
        "{side:?} level {}: expected {}, received {}",
        at + 1,
        show(expected.get(at)),
        show(next.get(at))
    ))
}

/// The best levels of both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    bid: Option<PublishedLevel>,
    ask: Option<PublishedLevel>,
}

/// Order book rows that do not pair with the messages.
pub struct StateCheck {
    rows: Rows,
    ahead: std::collections::VecDeque<(u64, State)>,
    last_row: Option<State>,
    last: Option<State>,
    /// States that the rebuilt book went through and the file does not have.
    pub extra: u64,
}

impl StateCheck {
    /// Compares with these rows.
    pub fn new(rows: Rows) -> Self {
        StateCheck {
            rows,
            ahead: std::collections::VecDeque::new(),
            last_row: None,
            last: None,
            extra: 0,
        }
    }

    /// Makes sure that the next distinct states are at hand.
    fn look_ahead(&mut self, count: usize) -> Result<(), ReplayError> {
        while self.ahead.len() < count {
            let Some(row) = self.rows.next_row()? else {
                return Ok(());
            };
            let state = State {
                bid: row.bids.first().copied(),
                ask: row.asks.first().copied(),
            };
            if self.last_row != Some(state) {
                self.last_row = Some(state);
                self.ahead.push_back((self.rows.number(), state));
            }
        }
        Ok(())
    }

    /// Takes the state after a message.
    ///
    /// # Errors
    /// A row cannot be read.
    pub fn after<B: Book>(
        &mut self,
        record: &Record,
        book: &Rebuild<B>,
        units: Units,
        comparison: &mut Comparison,
    ) -> Result<(), ReplayError> {
        let best = |side| levels(book, units, side, 1).first().copied();
        let state = State {
            bid: best(Side::Buy),
            ask: best(Side::Sell),
        };
        if self.last == Some(state) {
            return Ok(());
        }
        self.last = Some(state);
        self.look_ahead(1)?;
        if self
            .ahead
            .front()
            .is_some_and(|(_, theirs)| *theirs == state)
        {
            self.ahead.pop_front();
            comparison.agree();
            return Ok(());
        }
        self.look_ahead(STATES_AHEAD_MAX)?;
        match self.ahead.iter().position(|(_, theirs)| *theirs == state) {
            Some(skipped) => {
                for (row, missed) in self.ahead.drain(..skipped) {
                    comparison.differ(record.number, || {
                        format!("row {row} was never reached: {}", text(missed))
                    });
                }
                self.ahead.pop_front();
                comparison.agree();
            }
            None => {
                self.extra += 1;
                let next = self.ahead.front().copied();
                comparison.differ(record.number, || {
                    let next = next.map_or("the end".to_string(), |(row, state)| {
                        format!("row {row}: {}", text(state))
                    });
                    format!("expected {next}, received {}", text(state))
                });
            }
        }
        Ok(())
    }

    /// Counts the states that were never reached.
    ///
    /// # Errors
    /// A row cannot be read.
    pub fn finish(&mut self, record: u64, comparison: &mut Comparison) -> Result<(), ReplayError> {
        loop {
            self.look_ahead(1)?;
            let Some((row, missed)) = self.ahead.pop_front() else {
                return Ok(());
            };
            comparison.differ(record, || {
                format!("row {row} was never reached: {}", text(missed))
            });
        }
    }
}

fn text(state: State) -> String {
    format!(
        "bid {}, ask {}",
        show(state.bid.as_ref()),
        show(state.ask.as_ref())
    )
}

/// Compares a book in the stream with the rebuilt one: its best levels, and whatever the rebuilt book has among them.
pub fn compare_published<B: Book>(
    record: u64,
    published: &PublishedBook,
    book: &Rebuild<B>,
    units: Units,
    comparison: &mut Comparison,
) {
    for side in Side::BOTH {
        let theirs = &published.side(side)[..published.side(side).len().min(PUBLISHED_LEVELS)];
        let Some(last) = theirs.last() else {
            continue;
        };
        let is_within = |level: &&PublishedLevel| match side {
            Side::Buy => level.price >= last.price,
            Side::Sell => level.price <= last.price,
        };
        // More of ours than this within their five levels would each be a difference anyway.
        let ours = levels(book, units, side, 4 * PUBLISHED_LEVELS);
        for level in theirs {
            let mine = ours.iter().find(|mine| mine.price == level.price);
            if mine == Some(level) {
                comparison.agree();
            } else {
                comparison.differ(record, || {
                    format!(
                        "{side:?}: expected {}, received {}",
                        show(Some(level)),
                        show(mine)
                    )
                });
            }
        }
        for extra in ours.iter().filter(is_within) {
            if theirs.iter().all(|level| level.price != extra.price) {
                comparison.differ(record, || {
                    format!("{side:?}: expected none, received {}", show(Some(extra)))
                });
            }
        }
    }
}

/// Checks an execution against the book before it is applied.
pub fn check_execution<B: Book>(
    record: &Record,
    order_id: u64,
    quantity: u64,
    book: &Rebuild<B>,
    comparison: &mut Comparison,
) {
    let Some(order) = book.order(order_id) else {
        return comparison.differ(record.number, || {
            format!("expected order {order_id} in the book, received none")
        });
    };
    if order.displayed.0 < quantity {
        return comparison.differ(record.number, || {
            format!(
                "expected order {order_id} to have {quantity}, received {}",
                order.displayed
            )
        });
    }
    let best = book.best_price(order.side);
    if best != order.price {
        return comparison.differ(record.number, || {
            format!(
                "expected order {order_id} at the best price {best:?}, received {:?}",
                order.price
            )
        });
    }
    comparison.agree();
}

/// An order's side, price in ticks, and quantity.
type Terms = (Side, i64, u64);

/// A book that was cleared for a snapshot of the exchange, until the snapshot is complete.
pub struct SnapshotCheck {
    before: BTreeMap<u64, Terms>,
}

impl SnapshotCheck {
    /// Keeps a book that is about to be cleared; `None` where it is empty and has nothing to compare.
    pub fn keep<B: Book>(book: &Rebuild<B>) -> Option<Self> {
        let before = terms(book);
        (!before.is_empty()).then_some(SnapshotCheck { before })
    }

    /// Compares with the snapshot, which is complete. A book that stays empty was cleared without one.
    pub fn compare<B: Book>(
        self,
        record: u64,
        book: &Rebuild<B>,
        comparison: &mut Comparison,
    ) -> u64 {
        let after = terms(book);
        if after.is_empty() {
            return 0;
        }
        let mut compared = 0;
        for order_id in self
            .before
            .keys()
            .chain(after.keys().filter(|id| !self.before.contains_key(id)))
        {
            let (mine, theirs) = (self.before.get(order_id), after.get(order_id));
            compared += 1;
            if mine == theirs {
                comparison.agree();
            } else {
                comparison.differ(record, || {
                    format!(
                        "order {order_id} of the snapshot: expected {theirs:?}, received {mine:?}"
                    )
                });
            }
        }
        compared
    }
}

fn terms<B: Book>(book: &Rebuild<B>) -> BTreeMap<u64, Terms> {
    Side::BOTH
        .iter()
        .flat_map(|side| std::iter::successors(book.first(*side), |slot| book.book().next(*slot)))
        .map(|slot| book.book().order(slot))
        .map(|order| {
            let price = order.price.map_or(0, |price| price.0);
            (order.id.0, (order.side, price, order.displayed.0))
        })
        .collect()
}
