//! From a 64-bit key to a slot: open addressing with linear probing, one probe in the common case.
//!
//! Two arrays: a mark of 16 bits for each entry, and the slots. A mark holds eleven bits of the key's hash and how far the
//! entry lies behind its home, the entry at which its key is looked for first. So whether a key is absent, which is asked for every new order, is nearly
//! always answered by one mark, and the marks of even a large book fit the nearest caches. The hash is a folded
//! multiplication with a seed, so that nobody who does not know the seed can choose keys that collide. Removal shifts later
//! entries back (Knuth, TAOCP 6.4, algorithm R), so there are no tombstones and no slow decay. At most half of the entries
//! are used.

use alloc::vec;
use alloc::vec::Vec;

use super::NIL;

/// The mark of an entry that is not used.
const EMPTY: u16 = 0;
/// Set in the mark of every used entry.
const USED: u16 = 1 << 15;
/// The lowest bits of a mark: the distance from home, or this much or more.
const FAR: u16 = 15;
/// 2^64 divided by the golden ratio (Knuth, TAOCP 6.4).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A map from keys to slots. The caller says which key a slot has.
#[derive(Clone, Debug)]
pub(super) struct Index {
    marks: Vec<u16>,
    slots: Vec<u32>,
    len: usize,
    seed: u64,
}

/// Where to look for a key, and the mark it has without its distance.
#[derive(Clone, Copy)]
struct Hash {
    home: usize,
    mark: u16,
}

impl Index {
    /// Room for `capacity` keys before it has to grow.
    pub(super) fn with_capacity(capacity: usize, seed: u64) -> Self {
        let size = (capacity.max(8) * 2).next_power_of_two();
        Index {
            marks: vec![EMPTY; size],
            slots: vec![NIL; size],
            len: 0,
            seed,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    fn hash(&self, key: u64) -> Hash {
        let product = u128::from(key ^ self.seed) * u128::from(MULTIPLIER);
        let folded = (product >> 64) as u64 ^ product as u64;
        Hash {
            home: folded as usize & self.mask(),
            mark: (folded >> 48) as u16 & !FAR | USED,
        }
    }

    #[inline(always)]
    fn mask(&self) -> usize {
        self.marks.len() - 1
    }

    /// The slot of `key`, where `key_of` tells the key of a slot.
    #[inline(always)]
    pub(super) fn find(&self, key: u64, key_of: impl Fn(u32) -> u64) -> Option<u32> {
        self.position(key, key_of)
            .map(|position| self.slots[position])
    }

    #[inline(always)]
    fn position(&self, key: u64, key_of: impl Fn(u32) -> u64) -> Option<usize> {
        let hash = self.hash(key);
        let mut position = hash.home;
        loop {
            let mark = self.marks[position];
            if mark == EMPTY {
                return None;
            }
            if mark & !FAR == hash.mark && key_of(self.slots[position]) == key {
                return Some(position);
            }
            position = (position + 1) & self.mask();
        }
    }

    /// Adds a key that is not in here.
    #[inline(always)]
    pub(super) fn insert(&mut self, key: u64, slot: u32, key_of: impl Fn(u32) -> u64) {
        if self.len >= self.marks.len() / 2 {
            self.grow(key_of);
        }
        self.put(self.hash(key), slot);
        self.len += 1;
    }

    #[inline(always)]
    fn put(&mut self, hash: Hash, slot: u32) {
        let mut position = hash.home;
        let mut distance = 0;
        while self.marks[position] != EMPTY {
            position = (position + 1) & self.mask();
            distance += 1;
        }
        self.marks[position] = hash.mark | mark_distance(distance);
        self.slots[position] = slot;
    }

    /// Points a key that is in here to another slot.
    pub(super) fn set(&mut self, key: u64, slot: u32, key_of: impl Fn(u32) -> u64) {
        let position = self.position(key, key_of).expect("the key is in the index");
        self.slots[position] = slot;
    }

    /// Removes a key that is in here with `slot`.
    #[inline(always)]
    pub(super) fn remove(&mut self, key: u64, slot: u32, key_of: impl Fn(u32) -> u64) {
        let hash = self.hash(key);
        let mut hole = hash.home;
        while self.marks[hole] & !FAR != hash.mark || self.slots[hole] != slot {
            assert_ne!(self.marks[hole], EMPTY, "the key is in the index");
            hole = (hole + 1) & self.mask();
        }
        let mut position = hole;
        loop {
            position = (position + 1) & self.mask();
            let mark = self.marks[position];
            if mark == EMPTY {
                break;
            }
            let mut distance = usize::from(mark & FAR);
            if distance == usize::from(FAR) {
                let home = self.hash(key_of(self.slots[position])).home;
                distance = position.wrapping_sub(home) & self.mask();
            }
            // An entry may move back to the hole unless that is before its home.
            let way = position.wrapping_sub(hole) & self.mask();
            if distance >= way {
                self.marks[hole] = mark & !FAR | mark_distance(distance - way);
                self.slots[hole] = self.slots[position];
                hole = position;
            }
        }
        self.marks[hole] = EMPTY;
        self.len -= 1;
    }

    #[cold]
    fn grow(&mut self, key_of: impl Fn(u32) -> u64) {
        let size = self.marks.len() * 2;
        let marks = core::mem::replace(&mut self.marks, vec![EMPTY; size]);
        let slots = core::mem::replace(&mut self.slots, vec![NIL; size]);
        for (mark, slot) in marks.into_iter().zip(slots) {
            if mark != EMPTY {
                self.put(self.hash(key_of(slot)), slot);
            }
        }
    }
}

#[inline(always)]
fn mark_distance(distance: usize) -> u16 {
    distance.min(usize::from(FAR)) as u16
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::collections::BTreeMap;

    /// Keys that all have the same home in a small table, so that entries lie far from home and runs wrap around.
    #[test]
    fn agrees_with_an_ordered_map_under_collisions() {
        for seed in [0, 0x1234_5678_9abc_def0] {
            let probe = Index::with_capacity(64, seed);
            let mut keys: Vec<u64> = (0..200_000)
                .filter(|&key| probe.hash(key).home >= 126)
                .take(60)
                .collect();
            keys.extend(1_000_000..1_000_200);
            let mut index = Index::with_capacity(64, seed);
            let mut map: BTreeMap<u64, u32> = BTreeMap::new();
            let mut state = 9u64;
            for step in 0..60_000 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                // Mostly the colliding keys, later all of them, so that the table grows.
                let range = if step < 40_000 { 60 } else { keys.len() as u64 };
                let position = (state >> 33) % range;
                let (key, slot) = (keys[position as usize], position as u32 + 1);
                let key_of = |slot: u32| keys[slot as usize - 1];
                assert_eq!(
                    index.find(key, key_of),
                    map.get(&key).copied(),
                    "step {step}"
                );
                if map.remove(&key).is_some() {
                    index.remove(key, slot, key_of);
                } else if map.len() < 62 || step >= 40_000 {
                    map.insert(key, slot);
                    index.insert(key, slot, key_of);
                }
                assert_eq!(index.len(), map.len());
            }
            for (position, key) in keys.iter().enumerate() {
                let found = index.find(*key, |slot| keys[slot as usize - 1]);
                assert_eq!(found, map.get(key).copied(), "key {position}");
            }
        }
    }
}
