//! One price level in exactly one cache line, and all levels of a book side by side.

use proofbook_types::{Price, Quantity, Timestamp};

use super::NO_LEVEL;
use crate::layout::{layout, LayoutField};
use crate::linked::{LevelData, LevelRef};

/// A price level: its sums and the ends of its list of orders, which every command at this price needs, in the first half of
/// the line; its price, what is noted of it and the levels beside it in the second.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub struct CacheOptimizedPriceLevel {
    /// Total volume, hidden volume, first and last order, number of orders; the tag is the level's own name.
    pub(super) data: LevelData,
    pub(super) price: i64,
    pub(super) last_update_time: Timestamp,
    pub(super) access_count: u64,
    pub(super) next_level: LevelRef,
    pub(super) prev_level: LevelRef,
}

const _: () = {
    use core::mem::offset_of;
    assert!(core::mem::size_of::<CacheOptimizedPriceLevel>() == 64);
    assert!(core::mem::align_of::<CacheOptimizedPriceLevel>() == 64);
    assert!(offset_of!(CacheOptimizedPriceLevel, data.displayed) == 0);
    assert!(offset_of!(CacheOptimizedPriceLevel, data.hidden) == 8);
    assert!(offset_of!(CacheOptimizedPriceLevel, data.head) == 16);
    assert!(offset_of!(CacheOptimizedPriceLevel, data.tail) == 20);
    assert!(offset_of!(CacheOptimizedPriceLevel, data.orders) == 24);
    assert!(offset_of!(CacheOptimizedPriceLevel, data.tag) == 28);
    assert!(offset_of!(CacheOptimizedPriceLevel, price) == 32);
    assert!(offset_of!(CacheOptimizedPriceLevel, last_update_time) == 40);
    assert!(offset_of!(CacheOptimizedPriceLevel, access_count) == 48);
    assert!(offset_of!(CacheOptimizedPriceLevel, next_level) == 56);
    assert!(offset_of!(CacheOptimizedPriceLevel, prev_level) == 60);
};

/// Where the fields lie.
pub(super) fn level_layout() -> [LayoutField; 11] {
    layout!(CacheOptimizedPriceLevel {
        data.displayed,
        data.hidden,
        data.head,
        data.tail,
        data.orders,
        data.tag,
        price,
        last_update_time,
        access_count,
        next_level,
        prev_level
    })
}

impl CacheOptimizedPriceLevel {
    /// Its price.
    pub fn price(&self) -> Price {
        Price(self.price)
    }

    /// Sum of what its orders show.
    pub fn total_volume(&self) -> Quantity {
        Quantity(self.data.displayed)
    }

    /// Sum of what its orders hide.
    pub fn hidden_volume(&self) -> Quantity {
        Quantity(self.data.hidden)
    }

    /// Number of its orders.
    pub fn order_count(&self) -> u32 {
        self.data.orders
    }

    /// Its name among the levels of its book.
    pub fn level_id(&self) -> LevelRef {
        self.data.tag
    }

    /// The time of the command that changed it last.
    pub fn last_update_time(&self) -> Timestamp {
        self.last_update_time
    }

    /// How often it was changed.
    pub fn access_count(&self) -> u64 {
        self.access_count
    }
}

/// The levels of a book. Freed ones are used again last in, first out. Level 0 exists but is never given out: it takes the writes that a link to
/// nothing would have to skip.
#[derive(Clone, Debug)]
pub(super) struct LevelLines {
    levels: Vec<CacheOptimizedPriceLevel>,
    free: Vec<LevelRef>,
}

impl LevelLines {
    pub(super) fn new() -> Self {
        LevelLines {
            levels: vec![CacheOptimizedPriceLevel::default()],
            free: Vec::new(),
        }
    }

    /// A level without orders or neighbours.
    pub(super) fn allocate(&mut self, price: i64) -> LevelRef {
        let name = self.free.pop().unwrap_or_else(|| {
            self.levels.push(CacheOptimizedPriceLevel::default());
            (self.levels.len() - 1) as LevelRef
        });
        *self.get_mut(name) = CacheOptimizedPriceLevel {
            data: LevelData {
                tag: name,
                ..LevelData::EMPTY
            },
            price,
            ..CacheOptimizedPriceLevel::default()
        };
        name
    }

    pub(super) fn free(&mut self, level: LevelRef) {
        self.free.push(level);
    }

    #[inline(always)]
    pub(super) fn get(&self, level: LevelRef) -> &CacheOptimizedPriceLevel {
        &self.levels[level as usize]
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self, level: LevelRef) -> &mut CacheOptimizedPriceLevel {
        &mut self.levels[level as usize]
    }

    /// Links a level between two others, each of which may be none.
    pub(super) fn link(&mut self, previous: LevelRef, level: LevelRef, next: LevelRef) {
        self.get_mut(previous).next_level = level;
        self.get_mut(next).prev_level = level;
        let line = self.get_mut(level);
        line.prev_level = previous;
        line.next_level = next;
    }

    /// Takes a level out from between those beside it. Gives the one after it.
    pub(super) fn unlink(&mut self, level: LevelRef) -> LevelRef {
        let line = self.get(level);
        let (previous, next) = (line.prev_level, line.next_level);
        self.get_mut(previous).next_level = next;
        self.get_mut(next).prev_level = previous;
        next
    }

    /// A level and all that come after it.
    pub(super) fn from(
        &self,
        first: LevelRef,
    ) -> impl Iterator<Item = &CacheOptimizedPriceLevel> + '_ {
        let existing = |level: LevelRef| (level != NO_LEVEL).then(|| self.get(level));
        core::iter::successors(existing(first), move |line| existing(line.next_level))
    }

    /// Number of levels that are not free.
    pub(super) fn used(&self) -> usize {
        self.levels.len() - 1 - self.free.len()
    }
}
