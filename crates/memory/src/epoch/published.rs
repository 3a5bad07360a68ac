//! One value behind a pointer: the root of a structure that is replaced as a whole, or in part.
//!
//! Invariant: `current` leads to a box that nobody else owns; a box that is replaced is retired at once, and nowhere else.
#![allow(unsafe_code)]

use core::fmt;

use super::guard::EpochGuard;
use super::manager::EpochBasedReclamation;
use super::policy::Stalled;
use crate::registration::ReclamationId;
use crate::retired::Retired;
use crate::sync::{AtomicPtr, Ordering};

/// A value that pinned readers see while others replace it.
pub struct Published<T: Send + Sync + 'static> {
    reclamation: ReclamationId,
    current: AtomicPtr<T>,
}

/// A value that was not published, because the one before could not have been retired.
pub struct NotReplaced<T> {
    /// Why.
    pub stalled: Stalled,
    /// The value.
    pub value: T,
}

impl<T> fmt::Debug for NotReplaced<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotReplaced")
            .field("stalled", &self.stalled)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for NotReplaced<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stalled.fmt(f)
    }
}

impl<T> core::error::Error for NotReplaced<T> {}

impl<T: Send + Sync + 'static> Published<T> {
    /// A value to start with.
    pub fn new(epochs: &EpochBasedReclamation, value: T) -> Self {
        Published {
            reclamation: epochs.shared.id,
            current: AtomicPtr::new(Box::into_raw(Box::new(value))),
        }
    }

    fn check(&self, guard: &EpochGuard<'_>) {
        let is_ours = guard.participant().is_of(self.reclamation);
        assert!(is_ours, "expected a guard of the reclamation that this was published with, received one of another");
    }

    /// The value now. It stays as it is while the guard lives, also where it is replaced.
    ///
    /// # Panics
    /// Where the guard is of another reclamation.
    pub fn load<'g>(&'g self, guard: &'g EpochGuard<'_>) -> &'g T {
        self.check(guard);
        // SAFETY: the pointer leads to a box, whose content may be shared; `replace` takes it out before it retires the box, to
        // the reclamation that the guard is of. The value itself is dropped only when `self` is not borrowed.
        unsafe { guard.load(&self.current) }.expect("the pointer is never null")
    }

    /// Another value from now on. The one before is dropped when nobody can hold it; where there is no room for it, nothing changes.
    ///
    /// # Panics
    /// Where the guard is of another reclamation.
    pub fn replace(&self, guard: &EpochGuard<'_>, value: T) -> Result<(), NotReplaced<T>> {
        self.check(guard);
        if let Err(stalled) = guard.room(1) {
            return Err(NotReplaced { stalled, value });
        }
        // Release: whoever sees the pointer sees the value. Whoever wrote the value before was pinned then, and has unpinned before it is freed, which acquires what was written.
        let before = self
            .current
            .swap(Box::into_raw(Box::new(value)), Ordering::Release);
        // SAFETY: whoever pins from now on does not reach the box, and only the thread that took its pointer out retires it. It
        // borrows nothing and may be dropped by any thread, as the bounds of `T` say.
        unsafe { guard.retire(Retired::boxed(before)) }
            .expect("there is room for one, and no other thread uses it");
        Ok(())
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
