//! From a 64-bit key to a slot: open addressing with linear probing, one probe in the common case.
//!
//! An entry is eight bytes: the slot and 32 bits of the key's hash, which tell nearly always without a look at the slot
//! whether it is the right one. The hash is a folded multiplication with a seed, so that nobody who does not know the
//! seed can choose keys that collide. Removal shifts later entries back (Knuth, TAOCP 6.4, algorithm R), so there are no
//! tombstones and no slow decay. At most three of eight entries are used.

use alloc::vec;
use alloc::vec::Vec;

use super::NIL;

#[derive(Clone, Copy, Debug)]
struct Entry {
    tag: u32,
    slot: u32,
}

const EMPTY: Entry = Entry { tag: 0, slot: NIL };
/// 2^64 divided by the golden ratio (Knuth, TAOCP 6.4).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A map from keys to slots; the caller says which key a slot has.
#[derive(Clone, Debug)]
pub(super) struct Index {
    entries: Vec<Entry>,
    len: usize,
    seed: u64,
}

impl Index {
    /// Room for `capacity` keys before it has to grow.
    pub(super) fn with_capacity(capacity: usize, seed: u64) -> Self {
        let size = (capacity.max(6).div_ceil(3) * 8).next_power_of_two();
        Index {
            entries: vec![EMPTY; size],
            len: 0,
            seed,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// 32 bits of hash, whose lowest bits are the entry at which to look first.
    #[inline(always)]
    fn tag(&self, key: u64) -> u32 {
        let product = u128::from(key ^ self.seed) * u128::from(MULTIPLIER);
        ((product >> 64) as u64 ^ product as u64) as u32
    }

    #[inline]
    fn home(&self, tag: u32) -> usize {
        tag as usize & (self.entries.len() - 1)
    }

    /// The slot of `key`, where `is_key` tells whether a slot has that key.
    #[inline(always)]
    pub(super) fn find(&self, key: u64, is_key: impl Fn(u32) -> bool) -> Option<u32> {
        self.position(key, is_key)
            .map(|position| self.entries[position].slot)
    }

    #[inline(always)]
    fn position(&self, key: u64, is_key: impl Fn(u32) -> bool) -> Option<usize> {
        let tag = self.tag(key);
        let mask = self.entries.len() - 1;
        let mut position = self.home(tag);
        loop {
            let entry = self.entries[position];
            if entry.slot == NIL {
                return None;
            }
            if entry.tag == tag && is_key(entry.slot) {
                return Some(position);
            }
            position = (position + 1) & mask;
        }
    }

    /// Adds a key that is not in here.
    #[inline(always)]
    pub(super) fn insert(&mut self, key: u64, slot: u32) {
        if self.len >= self.entries.len() / 8 * 3 {
            self.grow();
        }
        let tag = self.tag(key);
        self.put(Entry { tag, slot });
        self.len += 1;
    }

    #[inline(always)]
    fn put(&mut self, entry: Entry) {
        let mask = self.entries.len() - 1;
        let mut position = self.home(entry.tag);
        while self.entries[position].slot != NIL {
            position = (position + 1) & mask;
        }
        self.entries[position] = entry;
    }

    /// Points a key that is in here to another slot.
    pub(super) fn set(&mut self, key: u64, slot: u32, is_key: impl Fn(u32) -> bool) {
        let position = self.position(key, is_key).expect("the key is in the index");
        self.entries[position].slot = slot;
    }

    /// Removes a key that is in here with `slot`.
    #[inline(always)]
    pub(super) fn remove(&mut self, key: u64, slot: u32) {
        let mask = self.entries.len() - 1;
        let mut hole = self.home(self.tag(key));
        while self.entries[hole].slot != slot {
            debug_assert_ne!(self.entries[hole].slot, NIL, "the key is not in the index");
            hole = (hole + 1) & mask;
        }
        let mut position = hole;
        loop {
            position = (position + 1) & mask;
            let entry = self.entries[position];
            if entry.slot == NIL {
                break;
            }
            // An entry may move back to the hole unless that is before its home.
            let home = self.home(entry.tag);
            if position.wrapping_sub(home) & mask >= position.wrapping_sub(hole) & mask {
                self.entries[hole] = entry;
                hole = position;
            }
        }
        self.entries[hole] = EMPTY;
        self.len -= 1;
    }

    #[cold]
    fn grow(&mut self) {
        let doubled = vec![EMPTY; self.entries.len() * 2];
        let before = core::mem::replace(&mut self.entries, doubled);
        for entry in before {
            if entry.slot != NIL {
                self.put(entry);
            }
        }
    }
}
