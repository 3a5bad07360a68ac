//! From a tag to the first field that has it, in constant time.
//!
//! Tags of the specification have a slot each; any other tag is found in an open-addressed table of twice as many slots as there are fields at
//! most. A slot holds the generation of its message, so that a new message costs nothing but a new generation.

use crate::dictionary::TagSet;
use crate::parser::FIELDS_MAX;

const HASHED_SLOTS: usize = 2 * FIELDS_MAX;

const _: () = assert!(HASHED_SLOTS.is_power_of_two() && FIELDS_MAX <= u16::MAX as usize);

#[derive(Clone, Copy, Default)]
struct Stamp {
    generation: u16,
    position: u16,
}

#[derive(Clone, Copy, Default)]
struct Hashed {
    tag: i32,
    stamp: Stamp,
}

pub(crate) struct TagIndex {
    /// Of the message that is indexed; no slot has generation 0 unless it was never used.
    generation: u16,
    direct: Box<[Stamp; TagSet::TAGS]>,
    hashed: Box<[Hashed; HASHED_SLOTS]>,
}

impl TagIndex {
    pub(crate) fn new() -> Self {
        TagIndex {
            generation: 1,
            direct: Box::new([Stamp::default(); TagSet::TAGS]),
            hashed: Box::new([Hashed::default(); HASHED_SLOTS]),
        }
    }

    /// Forgets all.
    #[inline]
    pub(crate) fn clear(&mut self) {
        match self.generation.checked_add(1) {
            Some(generation) => self.generation = generation,
            None => self.wipe(),
        }
    }

    /// Every generation was used once.
    #[cold]
    fn wipe(&mut self) {
        self.direct.fill(Stamp::default());
        self.hashed.fill(Hashed::default());
        self.generation = 1;
    }

    /// Notes a field, unless its tag is there already.
    #[inline]
    pub(crate) fn insert(&mut self, tag: i32, position: usize) {
        let stamp = Stamp {
            generation: self.generation,
            position: position as u16,
        };
        match self.direct.get_mut(tag as u32 as usize) {
            Some(slot) if slot.generation == self.generation => {}
            Some(slot) => *slot = stamp,
            None => self.insert_hashed(tag, stamp),
        }
    }

    #[cold]
    fn insert_hashed(&mut self, tag: i32, stamp: Stamp) {
        let slot = self.slot(tag);
        if self.hashed[slot].stamp.generation != self.generation {
            self.hashed[slot] = Hashed { tag, stamp };
        }
    }

    /// The place of the first field with this tag.
    #[inline]
    pub(crate) fn get(&self, tag: i32) -> Option<usize> {
        let stamp = match self.direct.get(tag as u32 as usize) {
            Some(stamp) => *stamp,
            None => self.hashed[self.slot(tag)].stamp,
        };
        (stamp.generation == self.generation).then_some(usize::from(stamp.position))
    }

    /// The slot of a tag, or the free one in which it belongs. There is one: half of all stay free.
    fn slot(&self, tag: i32) -> usize {
        // Fibonacci hashing (Knuth, volume 3, section 6.4).
        let hash = (tag as u32).wrapping_mul(0x9e37_79b9) >> (32 - HASHED_SLOTS.ilog2());
        (0..HASHED_SLOTS)
            .map(|step| (hash as usize + step) % HASHED_SLOTS)
            .find(|&slot| {
                let hashed = self.hashed[slot];
                hashed.stamp.generation != self.generation || hashed.tag == tag
            })
            .expect("a message has at most half as many fields as there are slots")
    }
}
