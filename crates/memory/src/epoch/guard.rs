//! A pinned epoch.
//!
//! Invariant: while a guard lives its participant is pinned, so nothing is freed that could be reached since it was made.
#![allow(unsafe_code)]

use super::participant::Participant;
use super::policy::{Refused, Stalled};
use crate::retired::Retired;
use crate::sync::{AtomicPtr, Ordering};

/// Keeps what can be reached from being freed, while it lives.
#[derive(Debug)]
pub struct EpochGuard<'p> {
    participant: &'p Participant,
}

impl<'p> EpochGuard<'p> {
    #[inline]
    pub(super) fn new(participant: &'p Participant) -> Self {
        EpochGuard { participant }
    }

    pub(super) fn participant(&self) -> &'p Participant {
        self.participant
    }

    /// What `source` leads to, safe from being freed while the guard lives; none where it leads nowhere.
    ///
    /// Pointers that carry marks are loaded as any atomic is and followed under the same promise.
    ///
    /// # Safety
    /// The pointer is null or leads to a `T` that may be shared, and it is taken out of all that can be reached before the `T` is
    /// retired, to the same reclamation as this guard's.
    #[inline]
    pub unsafe fn load<'g, T>(&'g self, source: &AtomicPtr<T>) -> Option<&'g T> {
        // Acquire: what the pointer leads to was written before it.
        let pointer = source.load(Ordering::Acquire);
        // SAFETY: it could be reached while this is pinned, so that it is not freed before the guard is gone; the caller promises
        // that it leads to a `T`.
        unsafe { pointer.as_ref() }
    }

    /// Whether so many more things can be retired under this guard, which [`Participant::pin_with_room`] has made sure of.
    #[inline]
    pub fn room(&self, count: usize) -> Result<(), Stalled> {
        self.participant.room(count)
    }

    /// Hands over a thing to be freed once all that could hold it are gone. Gives it back where there is no room.
    ///
    /// # Safety
    /// Nobody who pins from now on can reach the thing, it was never handed to another reclamation, and it is retired here alone.
    #[inline]
    pub unsafe fn retire(&self, retired: Retired) -> Result<(), Refused> {
        // SAFETY: what is given is held by nobody.
        self.participant
            .retire(retired, |free| unsafe { free.free() })
    }

    /// As [`EpochGuard::retire`], with something else done to what becomes free meanwhile: things that were retired to this reclamation before, by
    /// whomever, which nobody holds any more.
    ///
    /// # Safety
    /// As with [`EpochGuard::retire`].
    #[inline]
    pub unsafe fn retire_with(
        &self,
        retired: Retired,
        free: impl FnMut(Retired),
    ) -> Result<(), Refused> {
        self.participant.retire(retired, free)
    }

    /// The epoch that is pinned.
    ///
    /// What could be reached while this participant had one epoch pinned is not freed as long as it has the same one pinned, be that
    /// by another guard: the epoch was not beyond it when that guard was made, and what has been retired since the first one was made waits for two more.
    #[inline]
    pub fn epoch(&self) -> u64 {
        self.participant.epoch()
    }

    /// Pins the newest epoch instead of the old one, so that a long reader does not hold back all others. Whether it could: a guard
    /// around this one keeps its own.
    pub fn refresh(&mut self) -> bool {
        self.participant.refresh()
    }
}

impl Drop for EpochGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        self.participant.unpin();
    }
}
