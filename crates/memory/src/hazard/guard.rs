//! One hazard pointer in use.
//!
//! Invariant: from the announcement that [`Hazard::protect`] verified until this names something else, the thing is not freed. The
//! reference that it gives borrows this mutably, so that neither can happen while it lives.
#![allow(unsafe_code)]

use core::ptr;

use super::participant::Participant;
use crate::barrier::LOOK;
use crate::sync::{AtomicPtr, Ordering};

/// One hazard pointer of a thread.
#[derive(Debug)]
pub struct Hazard<'p> {
    participant: &'p Participant,
    index: usize,
}

impl<'p> Hazard<'p> {
    pub(super) fn new(participant: &'p Participant, index: usize) -> Self {
        Hazard { participant, index }
    }

    pub(super) fn participant(&self) -> &'p Participant {
        self.participant
    }

    #[inline]
    fn place(&self) -> &AtomicPtr<u8> {
        &self.participant.record().hazards[self.index]
    }

    /// What `source` leads to, safe from being freed while the reference lives; none where it leads nowhere.
    ///
    /// It is not wait-free: it tries again where the pointer changes between two looks, which means that another thread went on.
    ///
    /// # Safety
    /// The pointer is null or leads to a `T` that may be shared, and it is taken out of `source` before the `T` is retired,
    /// to the same manager as this hazard pointer's.
    #[inline]
    pub unsafe fn protect<'g, T>(&'g mut self, source: &AtomicPtr<T>) -> Option<&'g T> {
        // Relaxed: it is only a guess, which the second look confirms.
        let mut pointer = source.load(Ordering::Relaxed);
        loop {
            if pointer.is_null() {
                self.clear();
                return None;
            }
            self.participant
                .barrier()
                .announce_pointer(self.place(), pointer.cast());
            let now = source.load(LOOK);
            if now == pointer {
                // SAFETY: it was there after the announcement, so it was not retired before that; whoever retires it later sees
                // the announcement. The caller promises that it leads to a `T`.
                return Some(unsafe { &*pointer });
            }
            pointer = now;
        }
    }

    /// Names nothing any more, so that what it named can be freed.
    #[inline]
    pub fn clear(&mut self) {
        // Release: what was read through it is over for whoever sees this.
        self.place().store(ptr::null_mut(), Ordering::Release);
    }
}

impl Drop for Hazard<'_> {
    #[inline]
    fn drop(&mut self) {
        self.clear();
        self.participant.give_back(self.index);
    }
}
