//! A book laid out by cache lines: each step of what it does touches as few of them as it can.
//!
//! The first line of the levels holds what everyone asks for, the best prices, the spread, the last trade, how many orders there are; the second what matching needs next. A
//! price level is one line, with links to the levels beside it in order of price: so when the best level goes, the next one is known without a
//! search. A level at any other price is found through a [`Directory`], a search tree with one line to a step; so is
//! where a new level belongs.
//!
//! Invariants, checked by `check`: the first two lines agree with the levels; those are linked in order of price, exactly as the directories
//! have them; and those of the directories.

mod hot;
mod price_level;
mod verify;

use proofbook_types::{Price, Quantity, Queue, Timestamp};

use crate::directory::{directory_layout, Beside, Directory};
use crate::layout::{layout, LayoutField};
use crate::linked::{price_of, rank_of, LevelData, LevelRef, Levels, LinkedBook, Place, Rank};
use crate::orders::order_layout;
use hot::{HotLine, NextLine};
pub use hot::{HotView, LastTrade};
pub use price_level::CacheOptimizedPriceLevel;
use price_level::LevelLines;

/// No level.
const NO_LEVEL: LevelRef = 0;

/// The book over [`CacheOptimizedLevels`].
pub type CacheOptimizedOrderBook = LinkedBook<CacheOptimizedLevels>;

/// The levels of all four queues, with the first two lines of the book.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct CacheOptimizedLevels {
    hot: HotLine,
    next: NextLine,
    lines: LevelLines,
    directories: [Directory; 4],
}

const _: () = {
    assert!(core::mem::align_of::<CacheOptimizedLevels>() == 64);
    assert!(core::mem::offset_of!(CacheOptimizedLevels, hot) == 0);
    assert!(core::mem::offset_of!(CacheOptimizedLevels, next) == 64);
    assert!(core::mem::offset_of!(CacheOptimizedLevels, lines) == 128);
};

/// What the cache-optimized book is made of: its first lines, levels, lines of the directories, orders.
pub fn cache_layout() -> Vec<LayoutField> {
    let levels = layout!(CacheOptimizedLevels {
        hot,
        next,
        lines,
        directories
    });
    let parts: [&[LayoutField]; 5] = [
        &levels,
        &hot::lines_layout(),
        &price_level::level_layout(),
        &directory_layout(),
        &order_layout(),
    ];
    parts.concat()
}

impl Default for CacheOptimizedLevels {
    fn default() -> Self {
        CacheOptimizedLevels {
            hot: HotLine::default(),
            next: NextLine::default(),
            lines: LevelLines::new(),
            directories: core::array::from_fn(|_| Directory::new()),
        }
    }
}

impl CacheOptimizedOrderBook {
    /// What the hot line says.
    pub fn hot(&self) -> HotView {
        self.levels().hot()
    }
}

impl CacheOptimizedLevels {
    /// What the hot line says.
    pub fn hot(&self) -> HotView {
        self.hot.view()
    }

    /// The levels of a queue, the best one first.
    pub fn in_order(&self, queue: Queue) -> impl Iterator<Item = &CacheOptimizedPriceLevel> + '_ {
        self.lines.from(self.next.best[queue as usize])
    }

    /// Number of levels of a queue.
    pub fn level_count(&self, queue: Queue) -> u32 {
        self.next.level_counts[queue as usize]
    }

    /// Number of fills of resting orders that this book has seen.
    pub fn fills(&self) -> u64 {
        self.next.fills
    }

    /// Sum of what these fills traded.
    pub fn filled_volume(&self) -> u128 {
        u128::from(self.next.filled_high) << 64 | u128::from(self.next.filled_low)
    }

    fn directory(&self, queue: Queue) -> &Directory {
        &self.directories[queue as usize]
    }

    /// A level that exists, as a place.
    fn place(&self, queue: Queue, level: LevelRef) -> Option<Place> {
        (level != NO_LEVEL).then(|| Place {
            rank: rank_of(queue, self.lines.get(level).price()),
            level,
        })
    }

    fn set_best(&mut self, queue: Queue, level: LevelRef) {
        self.next.best[queue as usize] = level;
        let price = (level != NO_LEVEL).then(|| self.lines.get(level).price);
        self.hot.set_best(queue, price);
    }

    /// Makes the level at a rank that has none.
    #[inline(never)]
    fn open(&mut self, queue: Queue, rank: Rank) -> LevelRef {
        let level = self.lines.allocate(price_of(queue, rank).0);
        let (previous, next) = match self.directories[queue as usize].insert(rank, level) {
            Beside::Nothing => (NO_LEVEL, NO_LEVEL),
            Beside::After(previous) => (previous, self.lines.get(previous).next_level),
            Beside::Before(next) => (self.lines.get(next).prev_level, next),
        };
        self.lines.link(previous, level, next);
        self.next.level_counts[queue as usize] += 1;
        if previous == NO_LEVEL {
            self.set_best(queue, level);
        }
        level
    }

    /// Notes a fill of an order of a level.
    #[inline(always)]
    fn note_fill(&mut self, level: LevelRef, quantity: Quantity) {
        let price = self.lines.get(level).price;
        self.hot.set_last_trade(price, quantity);
        self.next.count_fill(quantity);
    }
}

impl Levels for CacheOptimizedLevels {
    #[inline(always)]
    fn best(&self, queue: Queue) -> Option<Place> {
        let level = self.next.best[queue as usize];
        if level == NO_LEVEL {
            return None;
        }
        // The best prices of the resting queues are here already: their levels stay untouched.
        let price = match queue {
            Queue::Bids => self.hot.best_bid_price,
            Queue::Asks => self.hot.best_ask_price,
            Queue::BuyStops | Queue::SellStops => self.lines.get(level).price,
        };
        let rank = rank_of(queue, Price(price));
        Some(Place { rank, level })
    }

    #[inline]
    fn find(&self, queue: Queue, rank: Rank) -> Option<LevelRef> {
        let best = self.best(queue)?;
        match rank.cmp(&best.rank) {
            core::cmp::Ordering::Less => None,
            core::cmp::Ordering::Equal => Some(best.level),
            core::cmp::Ordering::Greater => self.directory(queue).find(rank),
        }
    }

    fn after(&self, queue: Queue, rank: Rank) -> Option<Place> {
        let best = self.best(queue)?;
        if rank < best.rank {
            return Some(best);
        }
        let beside = match rank == best.rank {
            true => Beside::After(best.level),
            false => self.directory(queue).beside(rank),
        };
        match beside {
            Beside::Nothing => None,
            Beside::Before(next) => self.place(queue, next),
            Beside::After(last) => self.place(queue, self.lines.get(last).next_level),
        }
    }

    #[inline(always)]
    fn occupy(&mut self, queue: Queue, rank: Rank) -> LevelRef {
        match self.find(queue, rank) {
            Some(level) => level,
            None => self.open(queue, rank),
        }
    }

    fn vacate(&mut self, queue: Queue, level: LevelRef) {
        let line = self.lines.get(level);
        let rank = rank_of(queue, line.price());
        self.hot.total_orders -= u64::from(line.data.orders);
        self.hot.sequence += 1;
        self.next.level_counts[queue as usize] -= 1;
        let next = self.lines.unlink(level);
        self.directories[queue as usize].remove(rank);
        self.lines.free(level);
        if self.next.best[queue as usize] == level {
            self.set_best(queue, next);
        }
    }

    #[inline(always)]
    fn get(&self, _queue: Queue, level: LevelRef) -> LevelData {
        self.lines.get(level).data
    }

    #[inline(always)]
    fn update<T>(
        &mut self,
        _queue: Queue,
        level: LevelRef,
        change: impl FnOnce(&mut LevelData) -> T,
    ) -> T {
        let clock = self.next.clock;
        let line = self.lines.get_mut(level);
        let before = line.data.orders;
        let result = change(&mut line.data);
        line.last_update_time = clock;
        line.access_count += 1;
        let (more, fewer) = (u64::from(line.data.orders), u64::from(before));
        self.hot.total_orders = self.hot.total_orders + more - fewer;
        self.hot.sequence += 1;
        result
    }

    #[inline(always)]
    fn trade(&mut self, queue: Queue, level: LevelRef, quantity: Quantity) {
        self.note_fill(level, quantity);
        self.update(queue, level, |data| data.displayed -= quantity.0);
    }

    #[inline(always)]
    fn trade_all(&mut self, _queue: Queue, level: LevelRef, quantity: Quantity) {
        self.note_fill(level, quantity);
    }

    #[inline(always)]
    fn set_clock(&mut self, now: Timestamp) {
        self.next.clock = now;
    }

    fn verify(&self) -> Result<(), String> {
        self.verify_all()
    }
}
