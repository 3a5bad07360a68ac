//! Parcels: memory that a writer hands to reclamation and gets back to use again.
//!
//! What reclaims calls, on whichever thread finds that nobody holds a parcel any more, a function that sets the parcel's mark, which is one plain store. The writer looks at
//! the marks of what it has out, the oldest first. So a warm writer publishes without allocating, nobody waits for anybody, and no
//! publication pays for many parcels at once.
//!
//! Invariants: a parcel is the writer's, or out with readers or reclamation; the writer lists what is retired and not yet back, once each.
#![allow(unsafe_code)]

use core::ptr::{self, NonNull};
use std::collections::VecDeque;

use proofbook_memory::retired::Retired;
use proofbook_memory::sync::{AtomicBool, Mutex, Ordering};

/// Parcels that are out, from which on one that does not come back is passed over for those behind it.
const PASS_OVER_FROM: usize = 256;

/// Memory that goes out and comes back.
pub(crate) struct Parcel<T> {
    /// What it holds. While it is out nobody writes to it.
    pub(crate) content: T,
    /// Nobody holds the parcel any more.
    is_back: AtomicBool,
}

/// The memory of a writer's parcels, wherever they are. It outlives the reclamation that they are retired to.
pub(crate) struct ParcelMemory<T> {
    all: Mutex<Vec<NonNull<Parcel<T>>>>,
}

/// Which parcels are out.
pub(crate) struct Parcels<T> {
    out: VecDeque<NonNull<Parcel<T>>>,
}

// SAFETY: it only keeps parcels until it is dropped; whoever reaches what is in them answers for it.
unsafe impl<T: Send> Send for ParcelMemory<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for ParcelMemory<T> {}
// SAFETY: of parcels that are out it looks at the marks alone.
unsafe impl<T: Send> Send for Parcels<T> {}

impl<T> ParcelMemory<T> {
    pub(crate) fn new() -> Self {
        ParcelMemory {
            all: Mutex::new(Vec::new()),
        }
    }

    /// A new parcel, which is the caller's until it is retired.
    #[cold]
    pub(crate) fn make(&self, content: T) -> NonNull<Parcel<T>> {
        let parcel = NonNull::from(Box::leak(Box::new(Parcel {
            content,
            is_back: AtomicBool::new(false),
        })));
        let all = self.all.lock();
        all.expect("no thread stops while it holds this lock")
            .push(parcel);
        parcel
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        let all = self.all.lock();
        all.expect("no thread stops while it holds this lock").len()
    }
}

impl<T> Drop for ParcelMemory<T> {
    fn drop(&mut self) {
        let all = self.all.lock();
        for parcel in all
            .expect("no thread stops while it holds this lock")
            .drain(..)
        {
            // SAFETY: `make` leaked the box; the reclamation is gone, and with it all who could hold the parcel.
            drop(unsafe { Box::from_raw(parcel.as_ptr()) });
        }
    }
}

impl<T> Parcels<T> {
    pub(crate) fn new() -> Self {
        Parcels {
            out: VecDeque::new(),
        }
    }

    /// How many are retired and not yet seen to be back.
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    /// For reclamation: the parcel is to come back.
    ///
    /// # Safety
    /// The parcel is the writer's or shown by it, and retired once; its memory outlives the reclamation that gets what this gives.
    #[inline]
    pub(crate) unsafe fn retire(&mut self, parcel: NonNull<Parcel<T>>) -> Retired {
        // Relaxed: whoever sets the mark got the parcel from this thread after this.
        // SAFETY: parcels live as long as their memory.
        unsafe { parcel.as_ref() }
            .is_back
            .store(false, Ordering::Relaxed);
        self.out.push_back(parcel);
        // SAFETY: the caller's promise; to set a mark is right on any thread and does not unwind.
        unsafe { Retired::new(parcel.as_ptr().cast(), ptr::null(), Self::come_back) }
    }

    /// # Safety
    /// A parcel that nobody holds, whose memory lives.
    unsafe fn come_back(parcel: *mut (), _context: *const ()) {
        // SAFETY: the caller's promise.
        let parcel = unsafe { &*parcel.cast::<Parcel<T>>() };
        // Release: what others did with the parcel is over for whoever sees the mark. The writer's own part in the reclamation mostly comes here, where no order
        // is needed; any thread may.
        parcel.is_back.store(true, Ordering::Release);
    }

    /// A parcel that has come back, which is the caller's again.
    #[inline]
    pub(crate) fn take_back(&mut self) -> Option<NonNull<Parcel<T>>> {
        let front = *self.out.front()?;
        // SAFETY: parcels live as long as their memory.
        // Acquire: what others did with the parcel is over.
        if unsafe { front.as_ref() }.is_back.load(Ordering::Acquire) {
            return self.out.pop_front();
        }
        if self.out.len() >= PASS_OVER_FROM {
            // Somebody holds this one for long, and perhaps none of the others.
            self.out.rotate_left(1);
        }
        None
    }
}
