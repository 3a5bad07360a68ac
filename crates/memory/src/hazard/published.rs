//! One value behind a pointer: read by many, replaced as a whole.
//!
//! Invariant: `current` leads to a box that nobody else owns; a box that is replaced is retired at once, and nowhere else.
#![allow(unsafe_code)]

use core::fmt;

use super::guard::Hazard;
use super::manager::OptimizedHazardPointerManager;
use super::participant::Participant;
use crate::registration::ReclamationId;
use crate::retired::Retired;
use crate::sync::{AtomicPtr, Ordering};

/// A value that readers hold as long as they like while others replace it.
pub struct Published<T: Send + Sync + 'static> {
    reclamation: ReclamationId,
    current: AtomicPtr<T>,
}

impl<T: Send + Sync + 'static> Published<T> {
    /// A value to start with. Its type must have a size: all values without one have the same address, so that one hazard pointer would hold all of them.
    pub fn new(manager: &OptimizedHazardPointerManager, value: T) -> Self {
        const { assert!(size_of::<T>() > 0, "expected a type with a size") };
        Published {
            reclamation: manager.shared.id,
            current: AtomicPtr::new(Box::into_raw(Box::new(value))),
        }
    }

    /// The value now. It stays as it is while the reference lives, also where it is replaced.
    ///
    /// # Panics
    /// Where the hazard pointer is of another manager.
    pub fn load<'g>(&'g self, hazard: &'g mut Hazard<'_>) -> &'g T {
        let is_ours = hazard.participant().is_of(self.reclamation);
        assert!(is_ours, "expected a hazard pointer of the manager that this was published with, received one of another");
        // SAFETY: the pointer leads to a box, whose content may be shared; `replace` takes it out before it retires the box, to
        // the manager that the hazard pointer is of. The value itself is dropped only when `self` is not borrowed.
        unsafe { hazard.protect(&self.current) }.expect("the pointer is never null")
    }

    /// Another value from now on. The one before is dropped when nobody holds it.
    ///
    /// # Panics
    /// Where the participant is of another manager.
    pub fn replace(&self, participant: &Participant, value: T) {
        let is_ours = participant.is_of(self.reclamation);
        assert!(is_ours, "expected a participant of the manager that this was published with, received one of another");
        // Release: whoever sees the pointer sees the value. What the value before was written with is acquired by the fence that stands before it is freed.
        let before = self
            .current
            .swap(Box::into_raw(Box::new(value)), Ordering::Release);
        // SAFETY: the box cannot be reached any more except through hazard pointers of this manager, and only the thread that
        // took its pointer out retires it. It borrows nothing and may be dropped by any thread, as the bounds of `T` say.
        unsafe { participant.retire(Retired::boxed(before)) };
    }
}

impl<T: Send + Sync + 'static> Drop for Published<T> {
    fn drop(&mut self) {
        // Relaxed: whoever owns this comes after all who replaced the value.
        let last = self.current.load(Ordering::Relaxed);
        // SAFETY: `self` is not borrowed, so that nobody holds the value, and the pointer came from a box.
        drop(unsafe { Box::from_raw(last) });
    }
}

impl<T: Send + Sync + 'static> fmt::Debug for Published<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Published").finish_non_exhaustive()
    }
}
