//! What the subscribers of one market and one depth are shown, and what changed of it.
//!
//! A view of all levels follows the touched prices. One of so many levels is read anew where a touched price could be among them, and compared with what it was:
//! a level that moves into the depth is new to its clients, one that is pushed out is gone.

use std::collections::BTreeMap;

use proofbook_book::{Book, Level};
use proofbook_types::{Price, Queue, Side};

/// The depth of a view of all levels.
pub(super) const ALL_LEVELS: usize = usize::MAX;

/// A price of a side; the better ones of a side come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Touched {
    pub(super) side: Side,
    pub(super) rank: i64,
}

impl Touched {
    pub(super) fn new(side: Side, price: Price) -> Self {
        let rank = match side {
            Side::Buy => -price.0,
            Side::Sell => price.0,
        };
        Touched { side, rank }
    }

    pub(super) fn price(self) -> Price {
        match self.side {
            Side::Buy => Price(-self.rank),
            Side::Sell => Price(self.rank),
        }
    }
}

/// A level as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) quantity: u64,
    pub(super) orders: u32,
}

impl From<Level> for Shown {
    fn from(level: Level) -> Self {
        Shown {
            quantity: level.displayed.0,
            orders: level.orders,
        }
    }
}

/// What became of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Update {
    New(Shown),
    Change(Shown),
    Delete,
}

/// A level that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) at: Touched,
    pub(super) update: Update,
}

/// What is shown.
pub(super) struct View {
    depth: usize,
    /// By rank; bids, then asks.
    sides: [BTreeMap<i64, Shown>; 2],
    /// What the last update changed: first what is gone, then the others.
    pub(super) changes: Vec<Change>,
}

fn levels<B: Book>(book: &B, side: Side, depth: usize) -> impl Iterator<Item = (i64, Shown)> + '_ {
    let queue = Queue::resting(side);
    let first = book.next_level(queue, None);
    let following = move |level: &Level| book.next_level(queue, Some(level.price));
    let levels = std::iter::successors(first, following).take(depth);
    levels.map(move |level| (Touched::new(side, level.price).rank, level.into()))
}

impl View {
    /// A book as it is.
    pub(super) fn read(book: &impl Book, depth: usize) -> Self {
        View {
            depth,
            sides: Side::BOTH.map(|side| levels(book, side, depth).collect()),
            changes: Vec::new(),
        }
    }

    /// The levels of a side, the best first.
    pub(super) fn side(&self, side: Side) -> &BTreeMap<i64, Shown> {
        &self.sides[side as usize]
    }

    /// Follows the book, of which these prices were touched, each once.
    pub(super) fn update(&mut self, book: &impl Book, touched: &[Touched]) {
        self.changes.clear();
        if self.depth == ALL_LEVELS {
            for at in touched {
                let level = book.level(Queue::resting(at.side), at.price());
                self.set(*at, level.map(Shown::from));
            }
        } else {
            for side in Side::BOTH {
                self.update_best(book, side, touched);
            }
        }
        let is_left = |change: &Change| change.update != Update::Delete;
        self.changes.sort_by_key(is_left);
    }

    fn update_best(&mut self, book: &impl Book, side: Side, touched: &[Touched]) {
        let shown = &self.sides[side as usize];
        let worst = shown.last_key_value().map(|(rank, _)| *rank);
        let reach = worst.filter(|_| shown.len() >= self.depth);
        let is_within = |at: &Touched| at.side == side && reach.is_none_or(|end| at.rank <= end);
        if !touched.iter().any(is_within) {
            return;
        }
        let new: BTreeMap<i64, Shown> = levels(book, side, self.depth).collect();
        let gone = self.sides[side as usize].keys();
        let gone: Vec<i64> = gone
            .filter(|rank| !new.contains_key(rank))
            .copied()
            .collect();
        for rank in gone {
            self.set(Touched { side, rank }, None);
        }
        for (rank, level) in new {
            self.set(Touched { side, rank }, Some(level));
        }
    }

    fn set(&mut self, at: Touched, level: Option<Shown>) {
        let side = &mut self.sides[at.side as usize];
        let before = match level {
            Some(level) => side.insert(at.rank, level),
            None => side.remove(&at.rank),
        };
        let update = match (before, level) {
            (None, None) => return,
            (before, Some(level)) if before == Some(level) => return,
            (None, Some(level)) => Update::New(level),
            (Some(_), Some(level)) => Update::Change(level),
            (Some(_), None) => Update::Delete,
        };
        self.changes.push(Change { at, update });
    }
}
