//! The full self-check of a [`LinkedBook`]: everything that must hold, found again from scratch.

use proofbook_types::{Price, Queue};

use super::{rank_of, LevelData, Levels, LinkedBook, Place};
use crate::orders::{Seen, NIL};

impl<L: Levels> LinkedBook<L> {
    pub(super) fn verify(&self) -> Result<(), String> {
        let mut seen = self.orders.nothing_seen();
        self.levels.verify()?;
        for queue in Queue::ALL {
            let mut found = self.levels.best(queue);
            while let Some(place) = found {
                self.verify_level(queue, place, &mut seen)?;
                found = self.levels.after(queue, place.rank);
            }
        }
        self.orders.verify(seen)
    }

    fn verify_level(&self, queue: Queue, place: Place, seen: &mut Seen) -> Result<(), String> {
        let Place { rank, level } = place;
        let data = self.levels.get(queue, level);
        let mut sums = LevelData {
            head: data.head,
            tag: data.tag,
            ..LevelData::EMPTY
        };
        let mut slot = data.head;
        while slot != NIL {
            let hot = self.orders.hot(slot);
            if hot.previous != sums.tail
                || hot.level != level
                || hot.terms.queue != queue
                || rank_of(queue, Price(hot.price)) != rank
            {
                return Err(format!(
                    "the order in slot {slot} is misplaced at rank {rank}: {hot:?}"
                ));
            }
            self.orders.verify_order(slot, seen)?;
            sums.displayed += hot.displayed;
            sums.hidden += self.orders.hidden(slot);
            sums.orders += 1;
            sums.tail = slot;
            slot = hot.next;
        }
        if sums != data || sums.orders == 0 || self.levels.find(queue, rank) != Some(level) {
            return Err(format!(
                "level {level} of rank {rank} says {data:?}, but holds {sums:?}"
            ));
        }
        Ok(())
    }
}
