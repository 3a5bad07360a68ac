//! The ladder's own parts. Its index of ids is compiled from where it is, since nothing outside of the books may use it.

#![allow(dead_code, unused_imports)]

use proofbook_books::linked::{LevelRef, Levels};
use proofbook_books::PagedLevels;
use proofbook_types::Queue;

/// As in the books.
const NIL: u32 = 0;

#[path = "../../../books/src/orders/index.rs"]
mod index;

/// The ladder's index of ids, with the ids of its slots beside it, as the ladder has them in its orders.
pub struct LadderIndex {
    index: index::Index,
    ids: Vec<u64>,
}

impl LadderIndex {
    pub fn new(capacity: usize) -> Self {
        LadderIndex {
            index: index::Index::with_capacity(capacity, 0),
            ids: vec![0; capacity],
        }
    }

    #[inline]
    pub fn find(&self, id: u64) -> Option<u32> {
        self.index.find(id, |slot| self.ids[slot as usize])
    }

    #[inline]
    pub fn insert(&mut self, id: u64, slot: u32) {
        self.ids[slot as usize] = id;
        self.index.insert(id, slot, |slot| self.ids[slot as usize]);
    }

    #[inline]
    pub fn remove(&mut self, id: u64, slot: u32) {
        self.index.remove(id, slot);
    }
}

/// The ladder's levels of both sides, with each slot's level beside them, as the ladder has it in its orders.
pub struct LadderLevels {
    levels: PagedLevels,
    of_slot: Vec<LevelRef>,
}

const SIDES: [Queue; 2] = [Queue::Bids, Queue::Asks];

impl LadderLevels {
    pub fn new(capacity: usize) -> Self {
        LadderLevels {
            levels: PagedLevels::default(),
            of_slot: vec![0; capacity],
        }
    }

    #[inline]
    pub fn best(&self, side: usize) -> Option<u64> {
        self.levels.best(SIDES[side]).map(|best| best.rank)
    }

    #[inline]
    pub fn add(&mut self, side: usize, rank: u64, slot: u32) -> u64 {
        let level = self.levels.occupy(SIDES[side], rank);
        self.of_slot[slot as usize] = level;
        let orders = self.levels.update(SIDES[side], level, |data| {
            data.append(slot, 1, 0);
            data.orders
        });
        u64::from(orders)
    }

    #[inline]
    pub fn touch(&mut self, side: usize, slot: u32) -> u64 {
        let level = self.of_slot[slot as usize];
        u64::from(self.levels.get(SIDES[side], level).orders)
    }

    #[inline]
    pub fn drop(&mut self, side: usize, slot: u32) -> u64 {
        let level = self.of_slot[slot as usize];
        let left = self.levels.update(SIDES[side], level, |data| {
            data.remove(NIL, NIL, 1, 0);
            data.orders
        });
        if left == 0 {
            self.levels.vacate(SIDES[side], level);
        }
        u64::from(left)
    }
}
