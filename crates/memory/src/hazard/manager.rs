//! What all threads share: the records with their hazard pointers, and what threads that left could not free.
//!
//! Invariants:
//! - a record belongs to the participant that set its mark, until that one clears it; `leftover` is touched by the owner alone;
//! - the hazard pointers of a record without owner are null;
//! - what is in `retired_batches` and in `leftover` was retired and not freed, and belongs to nobody else.
#![allow(unsafe_code)]

use core::fmt;
use core::ptr;

use super::participant::Participant;
use super::threshold::Threshold;
use super::MAX_HAZARDS_PER_THREAD;
use crate::barrier::Barrier;
use crate::queue::LockFreeQueue;
use crate::registration::{ReclamationId, RegistrationError, ThreadCountError};
use crate::retired::Retired;
use crate::sync::{Arc, AtomicBool, AtomicPtr, Ordering, Statistic, UnsafeCell};

/// Participants that a manager can have at a time: every search for what can be freed looks at the hazard pointers of all.
pub const THREADS_MAX: usize = 1024;

/// The hazard pointers of one thread, on a line of their own.
#[repr(C, align(128))]
pub(super) struct ThreadHazards {
    pub(super) hazards: [AtomicPtr<u8>; MAX_HAZARDS_PER_THREAD],
    owner: Owner,
}

/// What does not change when a thread reads: on the line behind the hazard pointers.
#[repr(C, align(64))]
struct Owner {
    is_registered: AtomicBool,
    /// What a participant that left could not hand over, for the next one.
    leftover: UnsafeCell<Vec<Retired>>,
    tallies: Tallies,
}

const _: () = assert!(core::mem::offset_of!(ThreadHazards, owner) >= 64);

/// What each thread counts of itself.
#[derive(Default)]
pub(super) struct Tallies {
    pub(super) retired: Statistic,
    pub(super) freed: Statistic,
    pub(super) scans: Statistic,
}

/// What a thread that left had retired and could not free.
pub(super) struct RetiredBatch {
    pub(super) things: Vec<Retired>,
}

pub(super) struct Shared {
    pub(super) id: ReclamationId,
    pub(super) records: Box<[ThreadHazards]>,
    pub(super) retired_batches: LockFreeQueue<RetiredBatch>,
    pub(super) threshold: Threshold,
    pub(super) barrier: Barrier,
}

// SAFETY: hazard pointers are only compared, never followed; `leftover` is reached by the owner of its record alone.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl ThreadHazards {
    fn new() -> Self {
        ThreadHazards {
            hazards: core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
            owner: Owner {
                is_registered: AtomicBool::new(false),
                leftover: UnsafeCell::new(Vec::new()),
                tallies: Tallies::default(),
            },
        }
    }

    pub(super) fn tallies(&self) -> &Tallies {
        &self.owner.tallies
    }

    /// Makes the record the caller's, unless it has an owner; gives what was left in it.
    fn claim(&self) -> Option<Vec<Retired>> {
        // Acquire: the owner before is done with the record.
        let mark = &self.owner.is_registered;
        mark.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .ok()?;
        // SAFETY: the record is this thread's now.
        Some(
            self.owner
                .leftover
                .with_mut(|things| core::mem::take(unsafe { &mut *things })),
        )
    }

    /// Gives the record back, with what could not be handed over. The caller is its owner, whose hazard pointers are all null.
    pub(super) fn leave(&self, leftover: Vec<Retired>) {
        // SAFETY: the record is this thread's until the mark is cleared.
        self.owner
            .leftover
            .with_mut(|things| unsafe { *things = leftover });
        // Release: the next owner sees what was left.
        self.owner.is_registered.store(false, Ordering::Release);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // No participant is left, each held a share of this: nobody holds anything.
        self.retired_batches
            .pop_each(usize::MAX, |batch| free_all(batch.things));
        for record in &self.records {
            // SAFETY: there is no participant, so no owner.
            free_all(
                record
                    .owner
                    .leftover
                    .with_mut(|things| core::mem::take(unsafe { &mut *things })),
            );
        }
    }
}

fn free_all(things: Vec<Retired>) {
    for retired in things {
        // SAFETY: called where no participant is left, so that no hazard pointer names it.
        unsafe { retired.free() };
    }
}

/// Hazard pointers for the threads of one structure, or of several. Clones are the same manager.
#[derive(Clone)]
pub struct OptimizedHazardPointerManager {
    pub(super) shared: Arc<Shared>,
}

impl OptimizedHazardPointerManager {
    /// A manager for this many threads at a time, from 1 to [`THREADS_MAX`].
    pub fn new(threads_max: usize) -> Result<Self, ThreadCountError> {
        Self::with_barrier(threads_max, Barrier::of_this_process())
    }

    /// A manager whose readers and removers meet in this way.
    fn with_barrier(threads_max: usize, barrier: Barrier) -> Result<Self, ThreadCountError> {
        let threads_max = ThreadCountError::check(threads_max, THREADS_MAX)?;
        let capacity = threads_max
            .next_power_of_two()
            .max(crate::queue::CAPACITY_MIN);
        let shared = Shared {
            id: ReclamationId::next(),
            records: (0..threads_max).map(|_| ThreadHazards::new()).collect(),
            retired_batches: LockFreeQueue::with_capacity(capacity)
                .expect("a power of two within the queue's bounds"),
            threshold: Threshold::new(threads_max * MAX_HAZARDS_PER_THREAD),
            barrier,
        };
        Ok(OptimizedHazardPointerManager {
            shared: Arc::new(shared),
        })
    }

    /// A participant for the calling thread. It can be moved to another one while none of its hazard pointers is in use.
    pub fn register(&self) -> Result<Participant, RegistrationError> {
        for (index, record) in self.shared.records.iter().enumerate() {
            if let Some(leftover) = record.claim() {
                self.shared.threshold.one_joins();
                return Ok(Participant::new(Arc::clone(&self.shared), index, leftover));
            }
        }
        Err(RegistrationError {
            threads_max: self.threads_max(),
        })
    }

    /// How many participants there can be at a time.
    pub fn threads_max(&self) -> usize {
        self.shared.records.len()
    }

    /// How many things can wait to be freed, where none of them retires others while it is freed: those of participants, of threads
    /// that left, and of records that they left.
    pub fn retired_max(&self) -> usize {
        let hazards_max = self.threads_max() * MAX_HAZARDS_PER_THREAD;
        let held = self.shared.threshold.held_max() + self.shared.threshold.batch_max();
        let left = hazards_max * (self.shared.retired_batches.capacity() + self.threads_max());
        self.threads_max() * held + left
    }

    /// What happened until a moment ago.
    pub fn statistics(&self) -> ReclamationStatistics {
        let sum = |of: fn(&Tallies) -> &Statistic| -> u64 {
            self.shared
                .records
                .iter()
                .map(|record| of(record.tallies()).get())
                .sum()
        };
        ReclamationStatistics {
            // What is freed was retired before, so that the second cannot be seen larger than the first by much.
            freed: sum(|tallies| &tallies.freed),
            retired: sum(|tallies| &tallies.retired),
            scans: sum(|tallies| &tallies.scans),
            reclamation_threshold: self.shared.threshold.get(),
        }
    }
}

impl fmt::Debug for OptimizedHazardPointerManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptimizedHazardPointerManager")
            .field("threads_max", &self.threads_max())
            .field("statistics", &self.statistics())
            .finish()
    }
}

/// What the participants of a manager have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReclamationStatistics {
    /// Things that were retired.
    pub retired: u64,
    /// Things that were freed; the rest waits.
    pub freed: u64,
    /// How often all hazard pointers were read.
    pub scans: u64,
    /// With how many retired things a participant looks for what it can free, now.
    pub reclamation_threshold: usize,
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_a_record_could_not_hand_over_goes_to_its_next_owner() {
        let record = ThreadHazards::new();
        assert_eq!(record.claim().expect("nobody owns it").len(), 0);
        assert!(record.claim().is_none());
        // SAFETY: it came from a box and is freed below.
        record.leave(vec![unsafe { Retired::boxed(Box::into_raw(Box::new(7))) }]);
        let left = record.claim().expect("its owner left");
        assert_eq!(left.len(), 1);
        free_all(left);
    }
}
