//! The fast book: a search tree for levels whose lowest nodes are found without a walk while they are in use.
//!
//! Orders and their queues are those of [`LinkedBook`], levels lie side by side in a slab, for all queues together: freed places are used
//! again last in, first out, so that what a market touches stays within a few cache lines for each level that holds orders. What is the
//! ladder's own is the [`trie`] that finds them, and the cache before it.
//!
//! Invariants, checked by `check`: the tries hold exactly the levels that hold orders.

mod cache;
mod change;
mod nodes;
mod sweep;
#[cfg(test)]
mod tests;
mod trie;
mod verify;

use proofbook_types::Queue;

use crate::layout::LayoutField;
use crate::linked::{
    level_layout, LevelData, LevelRef, Levels, LinkedBook, Place, Rank, RankedSlab,
};
use crate::orders::order_layout;
use trie::Trie;

/// The default book.
pub type Ladder = LinkedBook<PagedLevels>;

/// What the ladder is made of: orders, levels, and the nodes of the tries above these.
pub fn ladder_layout() -> Vec<LayoutField> {
    let parts: [&[LayoutField]; 4] = [
        &order_layout(),
        &level_layout(),
        &nodes::layout(),
        &cache::layout(),
    ];
    parts.concat()
}

/// The ladder's levels: a trie for each of the four queues, whose lowest nodes are pages of 64 neighbouring prices.
#[derive(Clone, Debug)]
pub struct PagedLevels {
    tries: [Trie; 4],
    levels: RankedSlab,
}

impl Default for PagedLevels {
    fn default() -> Self {
        PagedLevels {
            tries: core::array::from_fn(|_| Trie::new()),
            levels: RankedSlab::default(),
        }
    }
}

impl Levels for PagedLevels {
    #[inline(always)]
    fn best(&self, queue: Queue) -> Option<Place> {
        self.tries[queue as usize].best(&self.levels)
    }

    #[inline]
    fn find(&self, queue: Queue, rank: Rank) -> Option<LevelRef> {
        self.tries[queue as usize].find(&self.levels, rank)
    }

    fn after(&self, queue: Queue, rank: Rank) -> Option<Place> {
        self.tries[queue as usize].after(&self.levels, rank)
    }

    #[inline(always)]
    fn occupy(&mut self, queue: Queue, rank: Rank) -> LevelRef {
        self.tries[queue as usize].occupy(&mut self.levels, rank)
    }

    #[inline(always)]
    fn vacate(&mut self, queue: Queue, level: LevelRef) {
        self.tries[queue as usize].vacate(&mut self.levels, level);
    }

    #[inline(always)]
    fn get(&self, _queue: Queue, level: LevelRef) -> LevelData {
        *self.levels.get(level)
    }

    #[inline(always)]
    fn update<T>(
        &mut self,
        _queue: Queue,
        level: LevelRef,
        change: impl FnOnce(&mut LevelData) -> T,
    ) -> T {
        change(self.levels.get_mut(level))
    }

    fn verify(&self) -> Result<(), String> {
        let mut levels = 0;
        for trie in &self.tries {
            levels += trie.verify(&self.levels)?;
        }
        if levels != self.levels.used() {
            return Err(format!(
                "{levels} levels are in tries, {} hold orders",
                self.levels.used()
            ));
        }
        Ok(())
    }
}
