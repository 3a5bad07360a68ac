//! From a 64-bit key to a slot, in groups of seven entries.
//!
//! A group is one word, seven marks of a byte each and a count, and seven slots in a second array. A mark is a bit that
//! says that the entry is used, and seven bits of the key's hash. All marks of a group are compared at once with arithmetic
//! on the word (Lamport, "Multiple byte processing with full-word instructions", 1975), so neither a search nor an
//! insertion has a branch that depends on how full a group is. Whether a key is absent, which is asked for every new order, is
//! nearly always answered by one word, and the words of even a large book fit the nearest caches.
//!
//! An entry whose own group is full lies in one of the groups behind it. A group's count says how many entries went
//! past it (as in Facebook's F14 tables): a search goes on only where it is not zero. So a removal clears a mark and
//! lowers counts, nothing moves, and there are no tombstones. The hash is a folded multiplication with a seed, so that nobody who
//! does not know the seed can choose keys that collide. At most four entries to a group are used on average.

use super::NIL;

/// Distance between the first slots of neighbouring groups; the last place of each is not used.
const STRIDE: usize = 8;
/// How full groups are on average, at most.
const ENTRIES_MAX: usize = 4;
/// One in the byte of every mark.
const ONES: u64 = 0x0001_0101_0101_0101;
/// The highest bit of every mark: set where the entry is used.
const USED: u64 = 0x0080_8080_8080_8080;
/// Where the count lies, above the marks.
const COUNT_SHIFT: u32 = 56;
/// A count that has come so far stays there until the table is rebuilt.
const COUNT_MAX: u64 = 255;
/// 2^64 divided by the golden ratio (Knuth, TAOCP 6.4).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A map from keys to slots. The caller says which key a slot has; where hashes of longer keys are the keys here, two slots
/// may have the same one, as long as the caller tells them apart.
#[derive(Clone, Debug)]
pub struct Index {
    /// Marks and count of each group.
    groups: Vec<u64>,
    slots: Vec<u32>,
    len: usize,
    seed: u64,
}

/// Where to look for a key first, and its mark.
#[derive(Clone, Copy)]
struct Hash {
    home: usize,
    mark: u64,
}

impl Index {
    /// Room for `capacity` keys before it has to grow.
    pub fn with_capacity(capacity: usize, seed: u64) -> Self {
        let groups = capacity.div_ceil(ENTRIES_MAX).next_power_of_two();
        Index {
            groups: vec![0; groups],
            slots: vec![NIL; groups * STRIDE],
            len: 0,
            seed,
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many keys are in it.
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    fn hash(&self, key: u64) -> Hash {
        let product = u128::from(key ^ self.seed) * u128::from(MULTIPLIER);
        let folded = (product >> 64) as u64 ^ product as u64;
        Hash {
            home: folded as usize & self.mask(),
            mark: folded >> 57 | 0x80,
        }
    }

    #[inline(always)]
    fn mask(&self) -> usize {
        self.groups.len() - 1
    }

    /// The slot of `key`, where `key_of` tells the key of a slot.
    #[inline(always)]
    pub fn find(&self, key: u64, key_of: impl Fn(u32) -> u64) -> Option<u32> {
        self.position(key, |slot| key_of(slot) == key)
            .map(|position| self.slots[position])
    }

    /// The entry of a key, where `is_it` tells whether a slot is the one.
    #[inline(always)]
    fn position(&self, key: u64, is_it: impl Fn(u32) -> bool) -> Option<usize> {
        let hash = self.hash(key);
        let mut group = hash.home;
        loop {
            let word = self.groups[group];
            let difference = word ^ hash.mark.wrapping_mul(ONES);
            // Bytes that are zero, and now and then one above such a byte that is not.
            let mut equal = difference.wrapping_sub(ONES) & !difference & USED;
            while equal != 0 {
                let position = group * STRIDE + (equal.trailing_zeros() / 8) as usize;
                if is_it(self.slots[position]) {
                    return Some(position);
                }
                equal &= equal - 1;
            }
            if word >> COUNT_SHIFT == 0 {
                return None;
            }
            group = (group + 1) & self.mask();
        }
    }

    /// Adds a key that is not in here.
    #[inline(always)]
    pub fn insert(&mut self, key: u64, slot: u32, key_of: impl Fn(u32) -> u64) {
        if self.len >= self.groups.len() * ENTRIES_MAX {
            self.grow(key_of);
        }
        self.put(self.hash(key), slot);
        self.len += 1;
    }

    #[inline(always)]
    fn put(&mut self, hash: Hash, slot: u32) {
        let mut group = hash.home;
        let mut free = !self.groups[group] & USED;
        while free == 0 {
            self.count_up(group);
            group = (group + 1) & self.mask();
            free = !self.groups[group] & USED;
        }
        let entry = free.trailing_zeros() / 8;
        self.groups[group] |= hash.mark << (entry * 8);
        self.slots[group * STRIDE + entry as usize] = slot;
    }

    #[cold]
    fn count_up(&mut self, group: usize) {
        let word = &mut self.groups[group];
        if *word >> COUNT_SHIFT != COUNT_MAX {
            *word += 1 << COUNT_SHIFT;
        }
    }

    #[cold]
    fn count_down(&mut self, home: usize, end: usize) {
        let mut group = home;
        while group != end {
            let word = &mut self.groups[group];
            if *word >> COUNT_SHIFT != COUNT_MAX {
                *word -= 1 << COUNT_SHIFT;
            }
            group = (group + 1) & self.mask();
        }
    }

    /// Points a key that is in here to another slot.
    pub(crate) fn set(&mut self, key: u64, slot: u32, key_of: impl Fn(u32) -> u64) {
        let position = self.position(key, |slot| key_of(slot) == key);
        self.slots[position.expect("the key is in the index")] = slot;
    }

    /// Removes a key that is in here with `slot`.
    #[inline(always)]
    pub fn remove(&mut self, key: u64, slot: u32) {
        let position = self.position(key, |found| found == slot);
        let position = position.expect("the key is in the index");
        let group = position / STRIDE;
        // A slot whose mark is gone is never looked at.
        self.groups[group] &= !(0xff << (position % STRIDE * 8));
        self.len -= 1;
        let home = self.hash(key).home;
        if group != home {
            self.count_down(home, group);
        }
    }

    #[cold]
    fn grow(&mut self, key_of: impl Fn(u32) -> u64) {
        let doubled = self.groups.len() * 2;
        let groups = core::mem::replace(&mut self.groups, vec![0; doubled]);
        let slots = core::mem::replace(&mut self.slots, vec![NIL; doubled * STRIDE]);
        for (group, slots) in groups.into_iter().zip(slots.chunks_exact(STRIDE)) {
            for (entry, &slot) in slots.iter().enumerate().take(STRIDE - 1) {
                if group >> (entry * 8 + 7) & 1 == 1 {
                    self.put(self.hash(key_of(slot)), slot);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Keys that all have the same home in a small table, so that entries lie far from home and runs wrap around.
    #[test]
    fn agrees_with_an_ordered_map_under_collisions() {
        for seed in [0, 0x1234_5678_9abc_def0] {
            let probe = Index::with_capacity(64, seed);
            let mut keys: Vec<u64> = (0..200_000)
                .filter(|&key| probe.hash(key).home >= 15)
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
                    index.remove(key, slot);
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
