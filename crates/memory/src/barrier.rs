//! Announce, then look: what hazard pointers and epochs have in common.
//!
//! A reader writes that it is about to use something and then looks whether that is still there. Whoever removes it takes it
//! away and then looks whether somebody has announced its use. At least one of the two must see the other, which no pair
//! of acquire and release gives (it is Dekker's pattern): both sides need one place in the order of all sequentially consistent
//! operations between their write and their look.
//!
//! There are two ways to write the reader's side. A fence is what the models check. On x86-64 a swap is the faster one of two
//! instructions that empty the store buffer, and the thread sanitizer, which does not know fences, understands it. Both are right by the
//! rules of C++20 (`[atomics.order]`), for which the look that follows a swap is sequentially consistent too.

#[cfg(not(tsan))]
use crate::sync::fence;
use crate::sync::{AtomicPtr, AtomicU64, Ordering};

#[cfg(any(loom, not(any(tsan, target_arch = "x86_64"))))]
mod announcement {
    use super::{AtomicPtr, AtomicU64, Ordering};
    use crate::sync::fence;

    /// The order of the load that looks, after an announcement. Acquire: what the pointer leads to was written before it.
    pub(crate) const LOOK: Ordering = Ordering::Acquire;

    /// Announces a pointer. Release: the uses of the pointer that stood here before are over for whoever sees this one.
    #[inline]
    pub(crate) fn announce_pointer(place: &AtomicPtr<u8>, pointer: *mut u8) {
        place.store(pointer, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// Announces a number. Release: as above.
    #[inline]
    pub(crate) fn announce_number(place: &AtomicU64, number: u64) {
        place.store(number, Ordering::Release);
        fence(Ordering::SeqCst);
    }
}

#[cfg(not(any(loom, not(any(tsan, target_arch = "x86_64")))))]
mod announcement {
    use super::{AtomicPtr, AtomicU64, Ordering};

    /// The order of the load that looks, after an announcement.
    pub(crate) const LOOK: Ordering = Ordering::SeqCst;

    /// Announces a pointer.
    #[inline]
    pub(crate) fn announce_pointer(place: &AtomicPtr<u8>, pointer: *mut u8) {
        place.swap(pointer, Ordering::SeqCst);
    }

    /// Announces a number.
    #[inline]
    pub(crate) fn announce_number(place: &AtomicU64, number: u64) {
        place.swap(number, Ordering::SeqCst);
    }
}

pub(crate) use announcement::{announce_number, announce_pointer, LOOK};

/// Stands between a removal and the look for announcements. It must be sequentially consistent, as the file's head says.
#[cfg(not(tsan))]
#[inline]
pub(crate) fn removed_before_look() {
    fence(Ordering::SeqCst);
}

/// As above, for the thread sanitizer, which does not know fences: it is one of its false reports that this avoids.
#[cfg(tsan)]
pub(crate) fn removed_before_look() {
    static PLACE: AtomicU64 = AtomicU64::new(0);
    PLACE.fetch_add(1, Ordering::SeqCst);
}
