//! Ways to find an order by its id.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use crate::ladder::LadderIndex;
use crate::record::IdAccess;
use crate::{replay, Outcome};

/// Room for the live orders of every scenario.
const CAPACITY: usize = 1 << 16;

/// A map from ids to slots.
trait Ids {
    fn find(&self, id: u64) -> Option<u32>;
    fn insert(&mut self, id: u64, slot: u32);
    fn remove(&mut self, id: u64, slot: u32);
}

impl<H: std::hash::BuildHasher> Ids for HashMap<u64, u32, H> {
    fn find(&self, id: u64) -> Option<u32> {
        self.get(&id).copied()
    }

    fn insert(&mut self, id: u64, slot: u32) {
        self.insert(id, slot);
    }

    fn remove(&mut self, id: u64, _slot: u32) {
        self.remove(&id);
    }
}

impl Ids for BTreeMap<u64, u32> {
    fn find(&self, id: u64) -> Option<u32> {
        self.get(&id).copied()
    }

    fn insert(&mut self, id: u64, slot: u32) {
        self.insert(id, slot);
    }

    fn remove(&mut self, id: u64, _slot: u32) {
        self.remove(&id);
    }
}

impl Ids for LadderIndex {
    fn find(&self, id: u64) -> Option<u32> {
        self.find(id)
    }

    fn insert(&mut self, id: u64, slot: u32) {
        self.insert(id, slot);
    }

    fn remove(&mut self, id: u64, slot: u32) {
        self.remove(id, slot);
    }
}

/// One folded multiplication, as the ladder's index has it.
#[derive(Default)]
struct MultiplyHasher(u64);

impl Hasher for MultiplyHasher {
    fn write(&mut self, _bytes: &[u8]) {
        unreachable!("only words are hashed");
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(word) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// An array with a place for every id there can be: only where ids are dense and their range is known.
struct Direct(Vec<u32>);

const NONE: u32 = u32::MAX;

impl Ids for Direct {
    fn find(&self, id: u64) -> Option<u32> {
        let slot = self.0[id as usize];
        (slot != NONE).then_some(slot)
    }

    fn insert(&mut self, id: u64, slot: u32) {
        self.0[id as usize] = slot;
    }

    fn remove(&mut self, id: u64, _slot: u32) {
        self.0[id as usize] = NONE;
    }
}

/// Linear probing, entries of slot and 32 bits of hash, removal by shifting back: an earlier form of the ladder's index.
struct Tagged {
    entries: Vec<(u32, u32)>,
    ids: Vec<u64>,
}

impl Tagged {
    fn new() -> Self {
        Tagged {
            entries: vec![(0, NONE); 4 * CAPACITY],
            ids: vec![0; CAPACITY],
        }
    }

    fn tag(id: u64) -> u32 {
        let mut hasher = MultiplyHasher::default();
        hasher.write_u64(id);
        hasher.finish() as u32
    }

    fn mask(&self) -> usize {
        self.entries.len() - 1
    }
}

impl Ids for Tagged {
    fn find(&self, id: u64) -> Option<u32> {
        let tag = Self::tag(id);
        let mut position = tag as usize & self.mask();
        loop {
            let (found, slot) = self.entries[position];
            if slot == NONE {
                return None;
            }
            if found == tag && self.ids[slot as usize] == id {
                return Some(slot);
            }
            position = (position + 1) & self.mask();
        }
    }

    fn insert(&mut self, id: u64, slot: u32) {
        let tag = Self::tag(id);
        let mut position = tag as usize & self.mask();
        while self.entries[position].1 != NONE {
            position = (position + 1) & self.mask();
        }
        self.entries[position] = (tag, slot);
        self.ids[slot as usize] = id;
    }

    fn remove(&mut self, id: u64, slot: u32) {
        let mask = self.mask();
        let mut hole = Self::tag(id) as usize & mask;
        while self.entries[hole].1 != slot {
            hole = (hole + 1) & mask;
        }
        let mut position = hole;
        loop {
            position = (position + 1) & mask;
            let (tag, slot) = self.entries[position];
            if slot == NONE {
                break;
            }
            let home = tag as usize & mask;
            if position.wrapping_sub(home) & mask >= position.wrapping_sub(hole) & mask {
                self.entries[hole] = self.entries[position];
                hole = position;
            }
        }
        self.entries[hole] = (0, NONE);
    }
}

/// Linear probing with whole ids in the table and tombstones, the textbook way.
struct Tombstones {
    entries: Vec<(u64, u32)>,
    used: usize,
}

/// A removed entry; ids of the workload are below.
const GRAVE: u64 = u64::MAX - 1;
const FREE: u64 = u64::MAX;

impl Tombstones {
    fn new() -> Self {
        Tombstones {
            entries: vec![(FREE, 0); 4 * CAPACITY],
            used: 0,
        }
    }

    fn home(&self, id: u64) -> usize {
        let mut hasher = MultiplyHasher::default();
        hasher.write_u64(id);
        hasher.finish() as usize & (self.entries.len() - 1)
    }

    fn position(&self, id: u64) -> Option<usize> {
        let mut position = self.home(id);
        loop {
            match self.entries[position].0 {
                found if found == id => return Some(position),
                FREE => return None,
                _ => position = (position + 1) & (self.entries.len() - 1),
            }
        }
    }

    /// Builds the table anew without its graves.
    #[cold]
    fn clean(&mut self) {
        let fresh = vec![(FREE, 0); self.entries.len()];
        let before = std::mem::replace(&mut self.entries, fresh);
        self.used = 0;
        for (id, slot) in before {
            if id < GRAVE {
                Ids::insert(self, id, slot);
            }
        }
    }
}

impl Ids for Tombstones {
    fn find(&self, id: u64) -> Option<u32> {
        self.position(id).map(|position| self.entries[position].1)
    }

    fn insert(&mut self, id: u64, slot: u32) {
        if self.used >= self.entries.len() / 2 {
            self.clean();
        }
        let mut position = self.home(id);
        while self.entries[position].0 < GRAVE {
            position = (position + 1) & (self.entries.len() - 1);
        }
        self.used += usize::from(self.entries[position].0 == FREE);
        self.entries[position] = (id, slot);
    }

    fn remove(&mut self, id: u64, _slot: u32) {
        if let Some(position) = self.position(id) {
            self.entries[position].0 = GRAVE;
        }
    }
}

#[inline]
fn apply<S: Ids>(ids: &mut S, access: &IdAccess) -> u64 {
    match *access {
        IdAccess::Find(id) => ids.find(id).map_or(0, |slot| u64::from(slot) + 1),
        IdAccess::Insert(id, slot) => {
            ids.insert(id, slot);
            0
        }
        IdAccess::Remove(id, slot) => {
            ids.remove(id, slot);
            0
        }
    }
}

/// Every candidate on these accesses.
pub fn outcomes(accesses: &[IdAccess], largest_id: u64) -> Vec<Outcome> {
    type Fast = HashMap<u64, u32, BuildHasherDefault<MultiplyHasher>>;
    vec![
        replay(
            "the ladder's index: groups of seven byte marks in one word, slots apart",
            accesses,
            || LadderIndex::new(CAPACITY),
            apply,
        ),
        replay(
            "open addressing, 8-byte entries of hash and slot, backward shift",
            accesses,
            Tagged::new,
            apply,
        ),
        replay(
            "open addressing, 16-byte entries, tombstones",
            accesses,
            Tombstones::new,
            apply,
        ),
        replay(
            "`HashMap` (SwissTable), one multiplication as hash",
            accesses,
            || Fast::with_capacity_and_hasher(CAPACITY, BuildHasherDefault::default()),
            apply,
        ),
        replay(
            "`HashMap` (SwissTable), SipHash",
            accesses,
            || HashMap::<u64, u32>::with_capacity(CAPACITY),
            apply,
        ),
        replay(
            "array by id (needs dense ids of known range)",
            accesses,
            || Direct(vec![NONE; largest_id as usize + 1]),
            apply,
        ),
        replay("`BTreeMap`", accesses, BTreeMap::<u64, u32>::new, apply),
    ]
}
