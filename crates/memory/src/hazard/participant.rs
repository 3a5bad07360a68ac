//! One thread's part: which of its hazard pointers are in use, and what it has retired.
//!
//! Invariants:
//! - `is_in_use` says of each hazard pointer whether a [`Hazard`] of it lives;
//! - `record` is this participant's one of `shared`, which neither moves nor goes before `shared` does;
//! - `retired` holds things that this thread retired or took over, each unreachable since before it came here;
//! - nothing is freed that a hazard pointer named after the barrier that followed its removal.
#![allow(unsafe_code)]

use core::cell::Cell;
use core::fmt;
use core::ptr::NonNull;

use super::guard::Hazard;
use super::manager::{RetiredBatch, Shared, ThreadHazards};
use super::MAX_HAZARDS_PER_THREAD;
use crate::barrier::Barrier;
use crate::registration::ReclamationId;
use crate::retired::Retired;
use crate::sync::{Arc, Ordering};

/// All hazard pointers of a participant are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HazardsExhausted;

impl fmt::Display for HazardsExhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected at most {MAX_HAZARDS_PER_THREAD} hazard pointers of a thread at a time, received one more")
    }
}

impl core::error::Error for HazardsExhausted {}

/// One thread's hazard pointers and what it has retired. Dropping it hands over to the others what it cannot free.
pub struct Participant {
    shared: Arc<Shared>,
    record: NonNull<ThreadHazards>,
    barrier: Barrier,
    /// A flag for each, and no word of bits: who takes one and gives it back need not wait for what was written here before.
    is_in_use: [Cell<bool>; MAX_HAZARDS_PER_THREAD],
    retired: Cell<Vec<Retired>>,
    /// With how many retired things to look for what can be freed.
    look_at: Cell<usize>,
    is_reclaiming: Cell<bool>,
    /// The addresses in the hazard pointers of all, during a look. Kept for its memory.
    named: Cell<Vec<*mut u8>>,
}

// SAFETY: what it holds may be freed by any thread, and the addresses are only compared. Its record may be shared. It stays on one thread while a
// hazard pointer is in use, since that borrows it and it is not `Sync`.
unsafe impl Send for Participant {}

impl Participant {
    pub(super) fn new(shared: Arc<Shared>, index: usize, leftover: Vec<Retired>) -> Self {
        let look_at = shared.threshold.next_look(leftover.len());
        Participant {
            record: NonNull::from(&shared.records[index]),
            barrier: shared.barrier,
            shared,
            is_in_use: [const { Cell::new(false) }; MAX_HAZARDS_PER_THREAD],
            retired: Cell::new(leftover),
            look_at: Cell::new(look_at),
            is_reclaiming: Cell::new(false),
            named: Cell::new(Vec::new()),
        }
    }

    #[inline]
    pub(super) fn record(&self) -> &ThreadHazards {
        // SAFETY: `shared` is here as long as this is, and its records are never borrowed mutably or moved meanwhile.
        unsafe { self.record.as_ref() }
    }

    #[inline]
    pub(super) fn barrier(&self) -> Barrier {
        self.barrier
    }

    pub(super) fn is_of(&self, reclamation: ReclamationId) -> bool {
        self.shared.id == reclamation
    }

    /// A hazard pointer that is not in use, for as long as what it gives lives.
    #[inline]
    pub fn hazard(&self) -> Result<Hazard<'_>, HazardsExhausted> {
        for (index, is_in_use) in self.is_in_use.iter().enumerate() {
            if !is_in_use.get() {
                is_in_use.set(true);
                return Ok(Hazard::new(self, index));
            }
        }
        Err(HazardsExhausted)
    }

    /// The hazard pointer of this index is not in use any more.
    #[inline]
    pub(super) fn give_back(&self, index: usize) {
        self.is_in_use[index].set(false);
    }

    /// Hands over a thing to be freed once no hazard pointer names it. Now and then, this looks for all that can be freed.
    ///
    /// # Safety
    /// Nobody can reach the thing any more except through a hazard pointer of this manager that was set before, and it is retired
    /// here alone.
    #[inline]
    pub unsafe fn retire(&self, retired: Retired) {
        let mut things = self.retired.take();
        things.push(retired);
        let count = things.len();
        self.retired.set(things);
        self.record().tallies().retired.add_alone(1);
        if count >= self.look_at.get() {
            self.reclaim();
        }
    }

    /// How many things this participant holds that are not freed yet.
    pub fn retired_len(&self) -> usize {
        let things = self.retired.take();
        let count = things.len();
        self.retired.set(things);
        count
    }

    /// Frees all that no hazard pointer names, among what this participant retired and one batch of a thread that left.
    #[cold]
    pub fn reclaim(&self) {
        // What is freed may have a destructor that retires, and that would come here again.
        if self.is_reclaiming.replace(true) {
            return;
        }
        let mut things = self.retired.take();
        self.shared
            .retired_batches
            .pop_each(1, |mut batch| things.append(&mut batch.things));
        let looked_at = things.len();
        let kept = self.split_named(&mut things);
        let mut looking = Looking {
            participant: self,
            things,
        };
        for _ in kept..looked_at {
            let retired = looking
                .things
                .pop()
                .expect("it is behind those that are kept");
            // SAFETY: it was unreachable before the barrier in `split_named`, and no hazard pointer named it after that; whoever
            // set one later has looked again, as `Hazard::protect` does, and did not find it.
            unsafe { retired.free() };
        }
        drop(looking);
        self.shared.threshold.learn(looked_at, looked_at - kept);
        let tallies = self.record().tallies();
        tallies.freed.add_alone((looked_at - kept) as u64);
        tallies.scans.add_alone(1);
    }

    /// Puts the things that a hazard pointer names first; how many they are.
    fn split_named(&self, things: &mut [Retired]) -> usize {
        self.barrier.removed_before_look();
        let mut named = self.named.take();
        named.clear();
        for hazard in self
            .shared
            .records
            .iter()
            .flat_map(|record| &record.hazards)
        {
            // Acquire: if it names something else by now, the uses of what it named before are over.
            let pointer = hazard.load(Ordering::Acquire);
            if !pointer.is_null() {
                named.push(pointer);
            }
        }
        named.sort_unstable();
        let mut kept = 0;
        for index in 0..things.len() {
            if named.binary_search(&things[index].address().cast()).is_ok() {
                things.swap(kept, index);
                kept += 1;
            }
        }
        self.named.set(named);
        kept
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        // A hazard pointer that was forgotten still names something; no reference of it can live any more.
        for index in 0..MAX_HAZARDS_PER_THREAD {
            if self.is_in_use[index].get() {
                drop(Hazard::new(self, index));
            }
        }
        let leaving = Leaving { participant: self };
        leaving.participant.reclaim();
    }
}

/// A look for what can be freed, and what is not freed of it. That goes back when this is dropped, so also where freeing something unwinds.
struct Looking<'p> {
    participant: &'p Participant,
    things: Vec<Retired>,
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        let participant = self.participant;
        let mut things = core::mem::take(&mut self.things);
        things.append(&mut participant.retired.take());
        let next_look = participant.shared.threshold.next_look(things.len());
        participant.look_at.set(next_look);
        participant.retired.set(things);
        participant.is_reclaiming.set(false);
    }
}

/// Hands over what a participant could not free when this is dropped, so also where freeing something unwinds.
struct Leaving<'p> {
    participant: &'p Participant,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let participant = self.participant;
        let shared = &participant.shared;
        shared.threshold.one_leaves();
        let things = participant.retired.take();
        let leftover = if things.is_empty() {
            things
        } else {
            // Where the queue is full the record keeps them for its next owner.
            let refused = shared.retired_batches.push(RetiredBatch { things }).err();
            refused.map_or_else(Vec::new, |batch| batch.things)
        };
        participant.record().leave(leftover);
    }
}

impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Participant")
            .field("retired_len", &self.retired_len())
            .finish()
    }
}
