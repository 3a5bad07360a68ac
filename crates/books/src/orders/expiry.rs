//! Which order expires first: a binary heap whose entries know, through a callback, where they stand.

/// One order with an expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) expiry: u64,
    pub(super) priority: u64,
    pub(super) slot: u32,
}

/// A binary min-heap by (expiry, priority). Each method is given `moved`, which it tells the new position of each slot.
#[derive(Clone, Debug, Default)]
pub(super) struct ExpiryHeap {
    entries: Vec<Entry>,
}

impl ExpiryHeap {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        ExpiryHeap {
            entries: Vec::with_capacity(capacity),
        }
    }

    #[inline]
    pub(super) fn first(&self) -> Option<&Entry> {
        self.entries.first()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, position: u32) -> Option<&Entry> {
        self.entries.get(position as usize)
    }

    pub(super) fn insert(&mut self, entry: Entry, mut moved: impl FnMut(u32, u32)) {
        self.entries.push(entry);
        self.rise(self.entries.len() - 1, &mut moved);
    }

    pub(super) fn remove(&mut self, position: u32, mut moved: impl FnMut(u32, u32)) {
        let position = position as usize;
        self.entries.swap_remove(position);
        if position < self.entries.len() {
            self.settle(position, &mut moved);
        }
    }

    /// Gives the order at `position` another priority.
    pub(super) fn set_priority(
        &mut self,
        position: u32,
        priority: u64,
        mut moved: impl FnMut(u32, u32),
    ) {
        self.entries[position as usize].priority = priority;
        self.settle(position as usize, &mut moved);
    }

    fn settle(&mut self, position: usize, moved: &mut impl FnMut(u32, u32)) {
        let position = self.rise(position, moved);
        self.sink(position, moved);
    }

    fn tell(&self, position: usize, moved: &mut impl FnMut(u32, u32)) {
        let index = u32::try_from(position).expect("there are at most 2^24 orders");
        moved(self.entries[position].slot, index);
    }

    fn rise(&mut self, mut position: usize, moved: &mut impl FnMut(u32, u32)) -> usize {
        while position > 0 {
            let parent = (position - 1) / 2;
            if self.entries[parent] <= self.entries[position] {
                break;
            }
            self.entries.swap(parent, position);
            self.tell(position, moved);
            position = parent;
        }
        self.tell(position, moved);
        position
    }

    fn sink(&mut self, mut position: usize, moved: &mut impl FnMut(u32, u32)) {
        loop {
            let left = 2 * position + 1;
            let Some(&first) = self.entries.get(left) else {
                break;
            };
            let is_right_lower = self
                .entries
                .get(left + 1)
                .is_some_and(|right| *right < first);
            let child = if is_right_lower { left + 1 } else { left };
            if self.entries[position] <= self.entries[child] {
                break;
            }
            self.entries.swap(position, child);
            self.tell(position, moved);
            position = child;
        }
        self.tell(position, moved);
    }
}
