//! Messages that came before others that they follow, until the gap is filled.
//!
//! Invariants: never more messages or bytes than the bounds; what does not fit is dropped, and asked for again as any other missing message.

use std::collections::BTreeMap;

use crate::settings::QueueBounds;

/// A message that waits.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) bytes: Box<[u8]>,
    /// It was answered when it came, and only its number is left to be counted.
    pub(crate) is_answered: bool,
}

#[derive(Debug)]
pub(crate) struct GapQueue {
    bounds: QueueBounds,
    messages: BTreeMap<u64, Queued>,
    bytes: usize,
}

impl GapQueue {
    pub(crate) fn new(bounds: QueueBounds) -> Self {
        GapQueue {
            bounds,
            messages: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Keeps a message, unless there is one of its number or no room.
    pub(crate) fn insert(&mut self, number: u64, bytes: &[u8], is_answered: bool) {
        let has_room = self.messages.len() < self.bounds.messages_max
            && self.bytes + bytes.len() <= self.bounds.bytes_max;
        if has_room && !self.messages.contains_key(&number) {
            self.bytes += bytes.len();
            let bytes = bytes.into();
            self.messages.insert(number, Queued { bytes, is_answered });
        }
    }

    /// The message of this number; earlier ones are forgotten.
    pub(crate) fn take(&mut self, number: u64) -> Option<Queued> {
        while let Some(first) = self.messages.first_entry() {
            if *first.key() > number {
                return None;
            }
            let is_it = *first.key() == number;
            let queued = first.remove();
            self.bytes -= queued.bytes.len();
            if is_it {
                return Some(queued);
            }
        }
        None
    }

    pub(crate) fn clear(&mut self) {
        self.messages.clear();
        self.bytes = 0;
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_and_numbers_come_in_order() {
        let mut queue = GapQueue::new(QueueBounds {
            messages_max: 3,
            bytes_max: 10,
        });
        queue.insert(7, b"sevens", false);
        queue.insert(7, b"other", false);
        queue.insert(9, b"nine", true);
        queue.insert(8, b"too long", false);
        assert_eq!((queue.len(), queue.bytes), (2, 10));
        assert!(queue.take(6).is_none());
        assert_eq!(*queue.take(7).expect("it was kept").bytes, *b"sevens");
        queue.insert(8, b"eight", false);
        assert!(queue.take(9).expect("it was kept").is_answered);
        assert_eq!((queue.len(), queue.bytes), (0, 0), "8 is behind");
        for number in 10..20 {
            queue.insert(number, b"x", false);
        }
        assert_eq!(queue.len(), 3);
    }
}
