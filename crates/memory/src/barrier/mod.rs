//! Announce, then look: what hazard pointers and epochs have in common.
//!
//! A reader writes that it is about to use something and then looks whether that is still there. Whoever removes it takes it
//! away and then looks whether somebody has announced its use. At least one of the two must see the other, which no pair
//! of acquire and release gives (it is Dekker's pattern): both sides need a barrier between their write and their look. Readers are many
//! and remove little, so that theirs should be cheap.
//!
//! - **Asymmetric**, on x86-64 where Linux lets it: the reader keeps its compiler from exchanging write and look, and no more; who removes asks the
//!   operating system to put a barrier into every thread of the process ([`membarrier`]). That costs a microsecond or two, once for many things.
//!   Folly's hazard pointers do so (`folly/synchronization/AsymmetricThreadFence.h`). D. Goldblatt, "Asymmetric fences" (C++ paper P1202), says
//!   what a light and a heavy side are to each other: what two sequentially consistent fences are. Other processors would lose more with the
//!   reader's fence: on x86-64 all that a fence does beyond what a compiler does is to keep a load behind an earlier store, and a change
//!   by an exchange does that by itself, so that structures which pin or protect are as they were.
//! - **Symmetric** elsewhere, and in models: both sides have a sequentially consistent operation, in models a fence. On x86-64 a swap is the
//!   faster one of two instructions that empty the store buffer, and the thread sanitizer, which does not know fences, understands it. Both are
//!   right by the rules of C++20 (`[atomics.order]`), for which the look that follows a swap is sequentially consistent too.
//!
//! Invariant: which of the two it is, is decided once for the process, before there is anything to announce to: what readers and removers
//! share has a [`Barrier`], and both use that one.

#[cfg(not(tsan))]
use crate::sync::fence;
use crate::sync::{AtomicPtr, AtomicU64, OnceLock, Ordering};

#[cfg(all(
    target_os = "linux",
    target_arch = "x86_64",
    not(any(loom, tsan, miri))
))]
mod membarrier;
#[cfg(not(all(
    target_os = "linux",
    target_arch = "x86_64",
    not(any(loom, tsan, miri))
)))]
#[path = "elsewhere.rs"]
mod membarrier;

#[cfg(any(loom, not(any(tsan, target_arch = "x86_64"))))]
mod symmetric {
    use super::{AtomicPtr, AtomicU64, Ordering};
    use crate::sync::fence;

    /// The order of the load that looks, after an announcement. Acquire: what the pointer leads to was written before it.
    pub(crate) const LOOK: Ordering = Ordering::Acquire;

    /// Announces a pointer. Release: the uses of the pointer that stood here before are over for whoever sees this one.
    #[inline]
    pub(super) fn announce_pointer(place: &AtomicPtr<u8>, pointer: *mut u8) {
        place.store(pointer, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// Announces a number. Release: as above.
    #[inline]
    pub(super) fn announce_number(place: &AtomicU64, number: u64) {
        place.store(number, Ordering::Release);
        fence(Ordering::SeqCst);
    }
}

#[cfg(not(any(loom, not(any(tsan, target_arch = "x86_64")))))]
mod symmetric {
    use super::{AtomicPtr, AtomicU64, Ordering};

    /// The order of the load that looks, after an announcement.
    pub(crate) const LOOK: Ordering = Ordering::SeqCst;

    /// Announces a pointer.
    #[inline]
    pub(super) fn announce_pointer(place: &AtomicPtr<u8>, pointer: *mut u8) {
        place.swap(pointer, Ordering::SeqCst);
    }

    /// Announces a number.
    #[inline]
    pub(super) fn announce_number(place: &AtomicU64, number: u64) {
        place.swap(number, Ordering::SeqCst);
    }
}

#[cfg(not(any(loom, tsan)))]
mod asymmetric {
    use super::{AtomicPtr, AtomicU64, Ordering};
    use crate::sync::compiler_fence;

    /// Announces a pointer. Release: as with the fence.
    #[inline]
    pub(super) fn announce_pointer(place: &AtomicPtr<u8>, pointer: *mut u8) {
        place.store(pointer, Ordering::Release);
        compiler_fence(Ordering::SeqCst);
    }

    /// Announces a number. Release: as with the fence.
    #[inline]
    pub(super) fn announce_number(place: &AtomicU64, number: u64) {
        place.store(number, Ordering::Release);
        compiler_fence(Ordering::SeqCst);
    }
}

/// Neither models nor the thread sanitizer know what the operating system does.
#[cfg(any(loom, tsan))]
use symmetric as asymmetric;

pub(crate) use symmetric::LOOK;

/// Which of the two ways the readers and the removers of one reclamation go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Barrier {
    is_asymmetric: bool,
}

impl Barrier {
    /// The symmetric one, which is right everywhere.
    pub(crate) const SYMMETRIC: Barrier = Barrier {
        is_asymmetric: false,
    };

    /// The best one that the operating system has for this process. It is asked once, and the answer stays.
    pub(crate) fn of_this_process() -> Self {
        static IS_REGISTERED: OnceLock<bool> = OnceLock::new();
        if *IS_REGISTERED.get_or_init(membarrier::register) {
            Barrier {
                is_asymmetric: true,
            }
        } else {
            Barrier::SYMMETRIC
        }
    }

    /// Whether those who remove pay for those who read.
    #[inline]
    pub(crate) fn is_asymmetric(self) -> bool {
        self.is_asymmetric
    }

    /// Announces a pointer, before the look of [`LOOK`]'s ordering.
    #[inline]
    pub(crate) fn announce_pointer(self, place: &AtomicPtr<u8>, pointer: *mut u8) {
        if self.is_asymmetric {
            asymmetric::announce_pointer(place, pointer);
        } else {
            symmetric::announce_pointer(place, pointer);
        }
    }

    /// Announces a number, before the look of [`LOOK`]'s ordering.
    #[inline]
    pub(crate) fn announce_number(self, place: &AtomicU64, number: u64) {
        if self.is_asymmetric {
            asymmetric::announce_number(place, number);
        } else {
            symmetric::announce_number(place, number);
        }
    }

    /// Stands between removals and the look for announcements.
    #[inline]
    pub(crate) fn removed_before_look(self) {
        if self.is_asymmetric {
            membarrier::all_threads();
        } else {
            removed_before_look();
        }
    }
}

/// It must be sequentially consistent, as the file's head says.
#[cfg(not(tsan))]
#[inline]
fn removed_before_look() {
    fence(Ordering::SeqCst);
}

/// As above, for the thread sanitizer, which does not know fences: it is one of its false reports that this avoids.
#[cfg(tsan)]
fn removed_before_look() {
    static PLACE: AtomicU64 = AtomicU64::new(0);
    PLACE.fetch_add(1, Ordering::SeqCst);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::padded::Padded;
    use crate::sync::{spin_loop, thread, AtomicBool};

    const REMOVALS: usize = 20_000;

    /// A reader announces 1, 2, 3 and so on, and looks after each; a remover removes 1, 2, 3 and so on, and looks after each. Of the removal `m`
    /// whose look sees the announcement `a`, and the announcement `a + 1`, which it missed, the latter's look has to see `m`.
    fn removals_that_both_missed(barrier: Barrier) -> usize {
        let announced = Padded(AtomicU64::new(0));
        let removed = Padded(AtomicU64::new(0));
        let (is_reading, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
        // The first announcement that saw each removal.
        let mut first_sight = vec![u64::MAX; REMOVALS + 1];
        let seen_by_remover = thread::scope(|scope| {
            let remover = scope.spawn(|| {
                while !is_reading.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
                let looks: Vec<u64> = (1..=REMOVALS as u64)
                    .map(|removal| {
                        // The reader runs undisturbed for a while, so that both have the lines that they write.
                        (0..removal % 512).for_each(|_| spin_loop());
                        removed.0.store(removal, Ordering::Relaxed);
                        barrier.removed_before_look();
                        announced.0.load(Ordering::Acquire)
                    })
                    .collect();
                is_over.store(true, Ordering::Relaxed);
                looks
            });
            is_reading.store(true, Ordering::Relaxed);
            let (mut announcement, mut seen) = (0, 0);
            while !is_over.load(Ordering::Relaxed) || seen < REMOVALS {
                announcement += 1;
                barrier.announce_number(&announced.0, announcement);
                let now = removed.0.load(LOOK) as usize;
                first_sight[seen + 1..=now].fill(announcement);
                seen = now;
            }
            remover.join().expect("the remover ends")
        });
        let looks = first_sight[1..].iter().zip(seen_by_remover);
        looks.filter(|&(&first, last)| first > last + 1).count()
    }

    #[test]
    fn one_of_two_sees_the_other_in_both_ways() {
        assert_eq!(removals_that_both_missed(Barrier::SYMMETRIC), 0);
        assert_eq!(removals_that_both_missed(Barrier::of_this_process()), 0);
    }
}
