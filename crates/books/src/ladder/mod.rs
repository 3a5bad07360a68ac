//! The fast book: levels in pages of 64 neighbouring prices, found without a tree walk while their page is in use.
//!
//! Orders and their queues are those of [`LinkedBook`]; what is the ladder's own is [`pages`], and the trie behind it.
//!
//! Invariants, checked by `check`: the trie marks exactly the pages that hold orders; every page is found; no level is lost.

mod pages;
mod trie;

use proofbook_types::Queue;

use crate::layout::LayoutField;
use crate::linked::{level_layout, LevelData, LevelRef, Levels, LinkedBook, Place, Rank};
use crate::orders::order_layout;

/// The default book.
pub type Ladder = LinkedBook<PagedLevels>;

/// What the ladder is made of: orders, levels, pages, and the nodes of the trie above these.
pub fn ladder_layout() -> Vec<LayoutField> {
    let parts: [&[LayoutField]; 4] = [
        &order_layout(),
        &level_layout(),
        &pages::layout(),
        &trie::layout(),
    ];
    parts.concat()
}

/// The ladder's levels: pages for each of the four queues.
#[derive(Clone, Debug)]
pub struct PagedLevels {
    queues: [pages::Pages; 4],
}

impl Default for PagedLevels {
    fn default() -> Self {
        PagedLevels {
            queues: core::array::from_fn(|_| pages::Pages::new()),
        }
    }
}

impl Levels for PagedLevels {
    #[inline(always)]
    fn best(&self, queue: Queue) -> Option<Place> {
        self.queues[queue as usize].best()
    }

    #[inline]
    fn find(&self, queue: Queue, rank: Rank) -> Option<LevelRef> {
        self.queues[queue as usize].find(rank)
    }

    fn after(&self, queue: Queue, rank: Rank) -> Option<Place> {
        self.queues[queue as usize].after(rank)
    }

    #[inline(always)]
    fn occupy(&mut self, queue: Queue, rank: Rank) -> LevelRef {
        self.queues[queue as usize].occupy(rank)
    }

    #[inline(always)]
    fn vacate(&mut self, queue: Queue, level: LevelRef) {
        self.queues[queue as usize].vacate(level);
    }

    #[inline(always)]
    fn get(&self, queue: Queue, level: LevelRef) -> LevelData {
        *self.queues[queue as usize].get(level)
    }

    #[inline(always)]
    fn update<T>(
        &mut self,
        queue: Queue,
        level: LevelRef,
        change: impl FnOnce(&mut LevelData) -> T,
    ) -> T {
        change(self.queues[queue as usize].get_mut(level))
    }

    fn verify(&self) -> Result<(), String> {
        self.queues.iter().try_for_each(pages::Pages::verify)
    }
}
