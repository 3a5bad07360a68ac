//! One thread's part: what it has pinned, and its bags.
//!
//! Invariants:
//! - the record's state is pinned exactly while `depth` is not 0;
//! - after an announcement the epoch was seen to be the announced one: it gets no further than one beyond while this is pinned;
//! - `record` is this participant's one of `shared`, which neither moves nor goes before `shared` does;
//! - a participant holds at most as many things as the policy allows.
#![allow(unsafe_code)]

use core::cell::Cell;
use core::fmt;
use core::ptr::NonNull;

use super::bags::Bags;
use super::guard::EpochGuard;
use super::manager::{pinned, Record, RetiredBatch, Shared, UNPINNED};
use super::policy::{Refused, Stalled};
use super::EPOCHS_UNTIL_FREE;
use crate::barrier::{Barrier, LOOK};
use crate::registration::ReclamationId;
use crate::retired::Retired;
use crate::sync::{thread, Arc, Ordering};

/// Retired things after which a thread tries to advance the epoch. Beside running threads an asymmetric barrier takes about two microseconds: with
/// so many, less than 20 ns for each thing.
const ADVANCE_PERIOD: u32 = 128;
/// Ripe things that are freed for each that is retired: more than one, so that they run out.
const FREED_PER_RETIRED: usize = 4;
/// Batches of threads that left that one collection looks at.
const BATCHES_PER_COLLECTION: usize = 4;

/// One thread's pinned epoch and bags. Dropping it hands over to the others what cannot be freed yet.
pub struct Participant {
    shared: Arc<Shared>,
    index: usize,
    record: NonNull<Record>,
    barrier: Barrier,
    /// Guards that live.
    depth: Cell<u32>,
    /// The epoch that is pinned, or was last.
    epoch: Cell<u64>,
    retired_since_advance: Cell<u32>,
    bags: Bags,
}

// SAFETY: its record may be shared, and what is in its bags may be freed by any thread. It stays on one thread while it is pinned, since guards borrow
// it and it is not `Sync`.
unsafe impl Send for Participant {}

impl Participant {
    pub(super) fn new(shared: Arc<Shared>, index: usize, leftover: Vec<RetiredBatch>) -> Self {
        let epoch = shared.epoch();
        let bags = Bags::default();
        for batch in leftover {
            bags.take_over(batch, epoch);
        }
        Participant {
            index,
            record: NonNull::from(&shared.records[index]),
            barrier: shared.barrier,
            shared,
            depth: Cell::new(0),
            epoch: Cell::new(epoch),
            retired_since_advance: Cell::new(0),
            bags,
        }
    }

    #[inline]
    fn record(&self) -> &Record {
        // SAFETY: `shared` is here as long as this is, and its records are never borrowed mutably or moved meanwhile.
        unsafe { self.record.as_ref() }
    }

    pub(super) fn is_of(&self, reclamation: ReclamationId) -> bool {
        self.shared.id == reclamation
    }

    /// Pins the epoch: what is reachable while the guard lives is not freed while it lives. Guards can be nested.
    #[inline]
    pub fn pin(&self) -> EpochGuard<'_> {
        // The count is set rather than raised where it can be, here and in `unpin`: so no pin waits for what the one before wrote.
        match self.depth.get() {
            0 => {
                self.announce();
                self.depth.set(1);
            }
            depth => self.depth.set(
                depth
                    .checked_add(1)
                    .expect("fewer than 2^32 guards live at a time"),
            ),
        }
        EpochGuard::new(self)
    }

    /// Pins the epoch for a writer that will retire up to so many things; refuses where the policy has no room for them.
    ///
    /// Where it can it collects first. It cannot advance the epoch while this thread is pinned already, so that an outer
    /// guard has to have had the room.
    pub fn pin_with_room(&self, count: usize) -> Result<EpochGuard<'_>, Stalled> {
        if self.room(count).is_err() {
            self.make_room(count)?;
        }
        Ok(self.pin())
    }

    #[cold]
    fn make_room(&self, count: usize) -> Result<(), Stalled> {
        self.collect();
        let mut yields = self.shared.policy.yields_max();
        loop {
            let room = self.room(count);
            if room.is_ok() || yields == 0 || self.depth.get() > 0 {
                if room.is_err() {
                    self.record().refused.add_alone(1);
                }
                return room;
            }
            yields -= 1;
            thread::yield_now();
            self.collect();
        }
    }

    /// Whether so many more things can be retired.
    #[inline]
    pub(super) fn room(&self, wanted: usize) -> Result<(), Stalled> {
        let (retired, retired_max) = (
            self.bags.count(),
            self.shared.policy.retired_per_thread_max(),
        );
        if wanted <= retired_max.saturating_sub(retired) {
            Ok(())
        } else {
            Err(Stalled {
                retired,
                wanted,
                retired_max,
            })
        }
    }

    /// Announces the epoch and sees that it is still the epoch.
    #[inline]
    fn announce(&self) {
        let state = &self.record().state;
        // Relaxed: a guess, which the look after the announcement confirms.
        let mut epoch = self.shared.epoch.0.load(Ordering::Relaxed);
        loop {
            self.barrier.announce_number(state, pinned(epoch));
            let now = self.shared.epoch.0.load(LOOK);
            if now == epoch {
                break;
            }
            epoch = now;
        }
        if self.epoch.get() != epoch {
            self.enter(epoch);
        }
    }

    /// Another epoch than the last one is pinned.
    #[cold]
    fn enter(&self, epoch: u64) {
        self.epoch.set(epoch);
        self.bags.ripen(epoch);
    }

    /// A guard has gone.
    #[inline]
    pub(super) fn unpin(&self) {
        match self.depth.get() {
            1 => {
                self.depth.set(0);
                // Release: what this thread read is over for whoever sees this.
                self.record().state.store(UNPINNED, Ordering::Release);
            }
            depth => self.depth.set(depth - 1),
        }
    }

    /// Pins the newest epoch, if no other guard lives; whether none does.
    pub(super) fn refresh(&self) -> bool {
        let is_alone = self.depth.get() == 1;
        if is_alone {
            self.announce();
        }
        is_alone
    }

    /// Puts a thing into the bag of the pinned epoch; now and then tries to advance it, and frees a few that are ripe.
    #[inline]
    pub(super) fn retire(
        &self,
        retired: Retired,
        free: impl FnMut(Retired),
    ) -> Result<(), Refused> {
        debug_assert!(self.depth.get() > 0, "only a guard retires");
        if let Err(stalled) = self.room(1) {
            self.record().refused.add_alone(1);
            return Err(Refused { stalled, retired });
        }
        self.bags.put(self.epoch.get(), [retired]);
        self.record().retired.add_alone(1);
        let since = self.retired_since_advance.get() + 1;
        self.retired_since_advance.set(since % ADVANCE_PERIOD);
        if since == ADVANCE_PERIOD {
            self.shared.try_advance();
        }
        self.free_ripe(FREED_PER_RETIRED, free);
        Ok(())
    }

    #[inline]
    fn free_ripe(&self, limit: usize, free: impl FnMut(Retired)) {
        let freed = self.bags.free_ripe(limit, free);
        if freed > 0 {
            self.record().freed.add_alone(freed as u64);
        }
    }

    fn free_all_ripe(&self) {
        // SAFETY: what is given is held by nobody.
        self.free_ripe(usize::MAX, |free| unsafe { free.free() });
    }

    /// The epoch that is pinned, or was last.
    #[inline]
    pub fn epoch(&self) -> u64 {
        self.epoch.get()
    }

    /// Its number, below that of all that there can be: no two participants that live at a time have the same.
    pub fn index(&self) -> usize {
        self.index
    }

    /// How many things this participant holds that are not freed yet.
    pub fn retired_len(&self) -> usize {
        self.bags.count()
    }

    /// Frees all that can be freed: advances the epoch as far as pinned threads let it, and takes over what threads left behind.
    #[cold]
    pub fn collect(&self) {
        for _ in 0..EPOCHS_UNTIL_FREE {
            self.shared.try_advance();
        }
        let now = self.shared.epoch();
        self.bags.ripen(now);
        self.free_all_ripe();
        for _ in 0..BATCHES_PER_COLLECTION {
            // A batch has at most half of what this participant may hold, so that there is room for one.
            if self.bags.count() > self.batch_max() {
                break;
            }
            let Some(batch) = self.shared.retired_batches.pop() else {
                break;
            };
            self.bags.take_over(batch, self.shared.epoch());
            self.free_all_ripe();
        }
    }

    fn batch_max(&self) -> usize {
        self.shared.policy.retired_per_thread_max() / 2
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        // A guard that was forgotten leaves its pin behind; no reference of it can live any more.
        if self.depth.get() > 0 {
            self.depth.set(1);
            self.unpin();
        }
        let leaving = Leaving { participant: self };
        leaving.participant.collect();
    }
}

/// Hands over what a participant could not free when this is dropped, so also where freeing something unwinds.
struct Leaving<'p> {
    participant: &'p mut Participant,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let things_max = self.participant.batch_max();
        let bags = core::mem::take(&mut self.participant.bags);
        let shared = &self.participant.shared;
        // Where the queue is full the record keeps them for its next owner.
        let leftover = bags
            .into_batches(things_max, shared.epoch())
            .into_iter()
            .filter_map(|batch| shared.retired_batches.push(batch).err())
            .collect();
        self.participant.record().leave(leftover);
    }
}

impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Participant")
            .field("depth", &self.depth.get())
            .field("retired_len", &self.retired_len())
            .finish()
    }
}
