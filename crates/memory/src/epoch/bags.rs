//! The three bags of one thread, and what came out of them and is being freed.
//!
//! A bag that is ripe is exchanged for the empty list of ripe things, and those are freed a few at a time as others are
//! retired: no operation pays for a whole bag, and no memory is allocated once the lists have their size.
//!
//! Invariants:
//! - a bag holds things of one epoch, which has its number modulo three;
//! - `ripe` holds what may be freed at once;
//! - `count` is the number of things in all of them, and of those that are being freed right now.

use core::cell::Cell;

use super::manager::RetiredBatch;
use super::EPOCHS_UNTIL_FREE;
use crate::retired::Retired;

const BAGS: usize = EPOCHS_UNTIL_FREE as usize;

#[derive(Default)]
struct Bag {
    epoch: Cell<u64>,
    things: Cell<Vec<Retired>>,
}

#[derive(Default)]
pub(super) struct Bags {
    bags: [Bag; BAGS],
    ripe: Cell<Vec<Retired>>,
    count: Cell<usize>,
    is_freeing: Cell<bool>,
}

/// Whether things of one epoch may be freed in another.
#[inline]
fn is_ripe(epoch: u64, now: u64) -> bool {
    epoch + EPOCHS_UNTIL_FREE <= now
}

impl Bags {
    /// How many things wait.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count.get()
    }

    /// Puts things into the bag of an epoch, which is not before the one in which they were retired, and not ripe. The epoch that is
    /// pinned, or the global one, is no more than one before it.
    #[inline]
    pub(super) fn put(&self, epoch: u64, things: impl IntoIterator<Item = Retired>) {
        let bag = &self.bags[(epoch % EPOCHS_UNTIL_FREE) as usize];
        let last = bag.epoch.replace(epoch);
        let mut held = bag.things.take();
        if last != epoch && !held.is_empty() {
            debug_assert!(
                is_ripe(last, epoch),
                "the bag has things of epoch {last} in epoch {epoch}"
            );
            held = self.exchange_for_ripe(held);
        }
        let before = held.len();
        held.extend(things);
        self.count.set(self.count.get() + held.len() - before);
        bag.things.set(held);
    }

    /// Lets the bags that are ripe in this epoch be freed.
    pub(super) fn ripen(&self, now: u64) {
        for bag in &self.bags {
            let things = bag.things.take();
            let keeps = things.is_empty() || !is_ripe(bag.epoch.get(), now);
            bag.things.set(if keeps {
                things
            } else {
                self.exchange_for_ripe(things)
            });
        }
    }

    /// Takes things that may be freed; gives an empty list with the memory that can be used again.
    fn exchange_for_ripe(&self, mut things: Vec<Retired>) -> Vec<Retired> {
        let mut ripe = self.ripe.take();
        if ripe.is_empty() {
            self.ripe.set(things);
            return ripe;
        }
        ripe.append(&mut things);
        self.ripe.set(ripe);
        things
    }

    /// Takes over a batch: to be freed where it is ripe, into a bag otherwise.
    pub(super) fn take_over(&self, batch: RetiredBatch, now: u64) {
        if is_ripe(batch.epoch, now) {
            self.count.set(self.count.get() + batch.things.len());
            self.exchange_for_ripe(batch.things);
        } else {
            // A later epoch than its own only makes it wait longer.
            self.put(now.max(batch.epoch), batch.things);
        }
    }

    /// Gives up to `limit` ripe things, which nobody holds any more, to be freed; how many these were.
    #[inline]
    pub(super) fn free_ripe(&self, limit: usize, mut free: impl FnMut(Retired)) -> usize {
        // What is freed may have a destructor that retires, and that would come here again.
        if self.is_freeing.replace(true) {
            return 0;
        }
        let mut freeing = Freeing {
            bags: self,
            has_one_out: false,
        };
        let mut freed = 0;
        while freed < limit {
            let mut ripe = self.ripe.take();
            let Some(retired) = ripe.pop() else {
                self.ripe.set(ripe);
                break;
            };
            self.ripe.set(ripe);
            freeing.has_one_out = true;
            // It was retired three epochs ago at least, so that all who could hold it have unpinned since.
            free(retired);
            freeing.count_it();
            freed += 1;
        }
        freed
    }

    /// Takes everything out, as batches of at most `things_max` things. Ripe ones are left only where freeing one unwound; they count as retired `now`.
    pub(super) fn into_batches(self, things_max: usize, now: u64) -> Vec<RetiredBatch> {
        let bags = self.bags.map(|bag| (bag.epoch.get(), bag.things.take()));
        let mut batches = Vec::new();
        for (epoch, mut things) in bags.into_iter().chain([(now, self.ripe.take())]) {
            while things.len() > things_max {
                let rest = things.split_off(things_max);
                batches.push(RetiredBatch { epoch, things });
                things = rest;
            }
            if !things.is_empty() {
                batches.push(RetiredBatch { epoch, things });
            }
        }
        batches
    }
}

/// Things are being freed. That ends when this is dropped, so also where freeing one unwinds.
struct Freeing<'b> {
    bags: &'b Bags,
    /// One of them is neither in a bag nor gone.
    has_one_out: bool,
}

impl Freeing<'_> {
    /// The one that is out is gone.
    #[inline]
    fn count_it(&mut self) {
        self.has_one_out = false;
        self.bags.count.set(self.bags.count.get() - 1);
    }
}

impl Drop for Freeing<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.has_one_out {
            self.count_it();
        }
        self.bags.is_freeing.set(false);
    }
}
