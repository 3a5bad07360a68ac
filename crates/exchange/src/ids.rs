//! From order ids to slots. The exchange gives ids in order, so those of the latest orders lie side by side in a table that
//! is as long as there may be orders known: nearly every order is there, for the cost of a load. The few that live on while
//! the ids go once around the table move to an index.
//!
//! Invariant: an id is in the table, at its place, or in the index, and never in both.

use proofbook_books::SlotIndex;

const NIL: u32 = u32::MAX;

/// A map from order ids to slots. The caller says which id a slot has.
pub(crate) struct Ids {
    recent: Vec<u32>,
    old: SlotIndex,
    len: usize,
}

impl Ids {
    /// Room for so many ids.
    pub(crate) fn with_capacity(capacity: usize, seed: u64) -> Self {
        Ids {
            recent: vec![NIL; capacity.next_power_of_two()],
            old: SlotIndex::with_capacity(capacity, seed),
            len: 0,
        }
    }

    /// How many ids are in it.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn place(&self, id: u64) -> usize {
        id as usize & (self.recent.len() - 1)
    }

    /// The slot of an id.
    #[inline]
    pub(crate) fn find(&self, id: u64, id_of: impl Fn(u32) -> u64) -> Option<u32> {
        match self.recent[self.place(id)] {
            slot if slot != NIL && id_of(slot) == id => Some(slot),
            _ if self.old.is_empty() => None,
            _ => self.old.find(id, id_of),
        }
    }

    /// Adds an id that is not in here.
    #[inline]
    pub(crate) fn insert(&mut self, id: u64, slot: u32, id_of: impl Fn(u32) -> u64) {
        let place = self.place(id);
        let before = std::mem::replace(&mut self.recent[place], slot);
        if before != NIL {
            self.old.insert(id_of(before), before, id_of);
        }
        self.len += 1;
    }

    /// Removes an id that is in here with this slot.
    #[inline]
    pub(crate) fn remove(&mut self, id: u64, slot: u32) {
        let place = self.place(id);
        if self.recent[place] == slot {
            self.recent[place] = NIL;
        } else {
            self.old.remove(id, slot);
        }
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn agrees_with_an_ordered_map_while_ids_go_around() {
        let mut ids = Ids::with_capacity(8, 3);
        let mut map: BTreeMap<u64, u32> = BTreeMap::new();
        let mut id_of = [0u64; 8];
        let mut state = 5u64;
        let mut moved = 0;
        for id in 1..4_000 {
            let is_new = |slot: &u32| !map.values().any(|used| used == slot);
            if let Some(slot) = (0..8).find(is_new) {
                id_of[slot as usize] = id;
                ids.insert(id, slot, |slot| id_of[slot as usize]);
                map.insert(id, slot);
            }
            moved += usize::from(!ids.old.is_empty());
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            // Mostly the latest goes, now and then an old one.
            let index = if state >> 60 == 0 { 0 } else { map.len() - 1 };
            if map.len() > 4 {
                let (&gone, &slot) = map.iter().nth(index).expect("there are as many");
                map.remove(&gone);
                ids.remove(gone, slot);
            }
            assert_eq!(ids.len(), map.len());
            for known in id.saturating_sub(40)..=id + 8 {
                let found = ids.find(known, |slot| id_of[slot as usize]);
                assert_eq!(found, map.get(&known).copied(), "id {known}");
            }
        }
        assert!(moved > 1_000, "old ids were in the index {moved} times");
    }
}
