//! What all threads share: the epoch, what each thread has pinned, and what threads that left could not free.
//!
//! Invariants:
//! - the epoch only grows, by one, and only when every pinned thread has pinned it;
//! - a record belongs to the participant that set its mark, until that one clears it; `leftover` is touched by the owner alone;
//! - a record without owner is not pinned;
//! - a batch's epoch is not before the one in which the last of its things was retired.
#![allow(unsafe_code)]

use core::fmt;

use super::participant::Participant;
use super::policy::{SettingsError, StallPolicy, RETIRED_PER_THREAD_MIN};
use crate::barrier::Barrier;
use crate::padded::Padded;
use crate::queue::LockFreeQueue;
use crate::registration::{ReclamationId, RegistrationError, ThreadCountError};
use crate::retired::Retired;
use crate::sync::{Arc, AtomicBool, AtomicU64, Ordering, Statistic, UnsafeCell};

/// Participants that there can be at a time: to advance the epoch, the records of all are read.
pub const THREADS_MAX: usize = 1024;

/// A participant that leaves hands over its three bags, one of which may be more than half of what it may hold.
const BATCHES_PER_THREAD: usize = 4;

/// The state of a record that has nothing pinned.
pub(super) const UNPINNED: u64 = 0;

/// The state of a record that has pinned this epoch.
#[inline]
pub(super) fn pinned(epoch: u64) -> u64 {
    epoch << 1 | 1
}

/// What a thread shows to the others, on lines of its own.
#[repr(align(128))]
pub(super) struct Record {
    /// [`UNPINNED`], or [`pinned`] with an epoch.
    pub(super) state: AtomicU64,
    is_registered: AtomicBool,
    /// What a participant that left could not hand over, for the next one.
    leftover: UnsafeCell<Vec<RetiredBatch>>,
    pub(super) retired: Statistic,
    pub(super) freed: Statistic,
    pub(super) refused: Statistic,
}

/// Things that can be freed three epochs later.
pub(super) struct RetiredBatch {
    pub(super) epoch: u64,
    pub(super) things: Vec<Retired>,
}

pub(super) struct Shared {
    pub(super) id: ReclamationId,
    pub(super) epoch: Padded<AtomicU64>,
    pub(super) records: Box<[Record]>,
    pub(super) retired_batches: LockFreeQueue<RetiredBatch>,
    pub(super) policy: StallPolicy,
    pub(super) barrier: Barrier,
}

// SAFETY: `leftover` is reached by the owner of its record alone, all else may be shared.
unsafe impl Sync for Shared {}

impl Record {
    fn new() -> Self {
        Record {
            state: AtomicU64::new(UNPINNED),
            is_registered: AtomicBool::new(false),
            leftover: UnsafeCell::new(Vec::new()),
            retired: Statistic::new(0),
            freed: Statistic::new(0),
            refused: Statistic::new(0),
        }
    }

    /// Makes the record the caller's, unless it has an owner; gives what was left in it.
    fn claim(&self) -> Option<Vec<RetiredBatch>> {
        // Acquire: the owner before is done with the record.
        self.is_registered
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .ok()?;
        // SAFETY: the record is this thread's now.
        Some(
            self.leftover
                .with_mut(|batches| core::mem::take(unsafe { &mut *batches })),
        )
    }

    /// Gives the record back, with what could not be handed over. The caller is its owner and has nothing pinned.
    pub(super) fn leave(&self, leftover: Vec<RetiredBatch>) {
        // SAFETY: the record is this thread's until the mark is cleared.
        self.leftover
            .with_mut(|batches| unsafe { *batches = leftover });
        // Release: the next owner sees what was left.
        self.is_registered.store(false, Ordering::Release);
    }
}

impl Shared {
    /// Advances the epoch by one if every pinned thread has pinned it.
    pub(super) fn try_advance(&self) {
        // Relaxed: the exchange below tells whether it is still the epoch.
        let epoch = self.epoch.0.load(Ordering::Relaxed);
        // Relaxed: only whether the barrier would be for nothing.
        if self.barrier.is_asymmetric() && self.is_held_back(epoch, Ordering::Relaxed) {
            return;
        }
        self.barrier.removed_before_look();
        // Acquire: what each thread did in the epochs before this one is over, for whoever sees the next one.
        if self.is_held_back(epoch, Ordering::Acquire) {
            return;
        }
        // Release: hands that on, and as an exchange it continues what those before it released.
        let _ =
            self.epoch
                .0
                .compare_exchange(epoch, epoch + 1, Ordering::Release, Ordering::Relaxed);
    }

    /// Whether a thread has pinned another epoch.
    fn is_held_back(&self, epoch: u64, ordering: Ordering) -> bool {
        self.records.iter().any(|record| {
            let state = record.state.load(ordering);
            state != UNPINNED && state != pinned(epoch)
        })
    }

    /// The epoch now, or a moment ago. What is ripe in it may be freed.
    pub(super) fn epoch(&self) -> u64 {
        // Acquire: everybody's reads of what was retired three epochs ago are over.
        self.epoch.0.load(Ordering::Acquire)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // No participant is left, each held a share of this: nobody has anything pinned.
        self.retired_batches.pop_each(usize::MAX, free_all);
        for record in &self.records {
            // SAFETY: there is no participant, so no owner.
            let leftover = record
                .leftover
                .with_mut(|batches| core::mem::take(unsafe { &mut *batches }));
            leftover.into_iter().for_each(free_all);
        }
    }
}

fn free_all(batch: RetiredBatch) {
    for retired in batch.things {
        // SAFETY: called where no participant is left, so that nobody holds anything.
        unsafe { retired.free() };
    }
}

/// Epochs for the threads of one structure, or of several. Clones are the same reclamation.
#[derive(Clone)]
pub struct EpochBasedReclamation {
    pub(super) shared: Arc<Shared>,
}

impl EpochBasedReclamation {
    /// Epochs for this many threads at a time, from 1 to [`THREADS_MAX`], with what to do where one of them stalls.
    pub fn new(threads_max: usize, policy: StallPolicy) -> Result<Self, SettingsError> {
        Self::with_barrier(threads_max, policy, Barrier::of_this_process())
    }

    /// Epochs whose readers and removers meet in this way.
    fn with_barrier(
        threads_max: usize,
        policy: StallPolicy,
        barrier: Barrier,
    ) -> Result<Self, SettingsError> {
        let threads_max =
            ThreadCountError::check(threads_max, THREADS_MAX).map_err(SettingsError::Threads)?;
        let received = policy.retired_per_thread_max();
        if received < RETIRED_PER_THREAD_MIN {
            return Err(SettingsError::RetiredPerThread { received });
        }
        let capacity = (threads_max * BATCHES_PER_THREAD).next_power_of_two();
        let shared = Shared {
            id: ReclamationId::next(),
            epoch: Padded(AtomicU64::new(0)),
            records: (0..threads_max).map(|_| Record::new()).collect(),
            retired_batches: LockFreeQueue::with_capacity(capacity)
                .expect("a power of two within the queue's bounds"),
            policy,
            barrier,
        };
        Ok(EpochBasedReclamation {
            shared: Arc::new(shared),
        })
    }

    /// A participant for the calling thread. It can be moved to another one while nothing is pinned.
    pub fn register(&self) -> Result<Participant, RegistrationError> {
        for (index, record) in self.shared.records.iter().enumerate() {
            if let Some(leftover) = record.claim() {
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

    /// How many things can wait to be freed, whatever stalls: those of participants, of records that they left, and in the queue.
    pub fn retired_max(&self) -> usize {
        let per_thread = self.shared.policy.retired_per_thread_max();
        let batches = self.shared.retired_batches.capacity();
        per_thread
            .saturating_mul(2 * self.threads_max())
            .saturating_add(per_thread.div_ceil(2).saturating_mul(batches))
    }

    /// What happened until a moment ago.
    pub fn statistics(&self) -> EpochStatistics {
        let sum = |of: fn(&Record) -> &Statistic| -> u64 {
            self.shared
                .records
                .iter()
                .map(|record| of(record).get())
                .sum()
        };
        let epoch = self.shared.epoch();
        let states = || {
            self.shared
                .records
                .iter()
                .map(|record| record.state.load(Ordering::Relaxed))
        };
        EpochStatistics {
            epoch,
            pinned: states().filter(|&state| state != UNPINNED).count(),
            behind: states()
                .filter(|&state| state != UNPINNED && state < pinned(epoch))
                .count(),
            freed: sum(|record| &record.freed),
            retired: sum(|record| &record.retired),
            refused: sum(|record| &record.refused),
        }
    }
}

impl fmt::Debug for EpochBasedReclamation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EpochBasedReclamation")
            .field("threads_max", &self.threads_max())
            .field("statistics", &self.statistics())
            .finish()
    }
}

/// What the participants of a reclamation have done and do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochStatistics {
    /// The epoch.
    pub epoch: u64,
    /// How many participants are pinned.
    pub pinned: usize,
    /// How many of them keep the epoch from advancing: where this stays above zero, a thread has stalled.
    pub behind: usize,
    /// Things that were retired.
    pub retired: u64,
    /// Things that were freed; the rest waits.
    pub freed: u64,
    /// How often a writer or a thing was refused.
    pub refused: u64,
}
