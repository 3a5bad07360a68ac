//! The ladder's own parts, compiled from where they are, since nothing outside it may use them.

#![allow(dead_code, unused_imports)]

/// As in the ladder.
const NIL: u32 = u32::MAX;

#[path = "../../../books/src/ladder/index.rs"]
mod index;
#[path = "../../../books/src/ladder/levels.rs"]
mod levels;
#[path = "../../../books/src/ladder/trie.rs"]
mod trie;

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
    sides: [levels::Levels; 2],
    of_slot: Vec<levels::LevelRef>,
}

impl LadderLevels {
    pub fn new(capacity: usize) -> Self {
        LadderLevels {
            sides: [levels::Levels::new(), levels::Levels::new()],
            of_slot: vec![0; capacity],
        }
    }

    #[inline]
    pub fn best(&self, side: usize) -> Option<u64> {
        self.sides[side].best().map(|(rank, _)| rank)
    }

    #[inline]
    pub fn add(&mut self, side: usize, rank: u64, slot: u32) -> u64 {
        let level = self.sides[side].occupy(rank);
        self.of_slot[slot as usize] = level;
        let data = self.sides[side].get_mut(level);
        data.append(slot, 1, 0);
        u64::from(data.orders)
    }

    #[inline]
    pub fn touch(&mut self, side: usize, slot: u32) -> u64 {
        u64::from(self.sides[side].get(self.of_slot[slot as usize]).orders)
    }

    #[inline]
    pub fn drop(&mut self, side: usize, slot: u32) -> u64 {
        let level = self.of_slot[slot as usize];
        let data = self.sides[side].get_mut(level);
        data.remove(NIL - 1, NIL - 1, 1, 0);
        let left = data.orders;
        if left == 0 {
            (data.head, data.tail) = (NIL, NIL);
            self.sides[side].vacate(level);
        }
        u64::from(left)
    }
}
