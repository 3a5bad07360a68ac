//! Parcels: memory that a writer hands to reclamation and gets back to use again.
//!
//! What reclaims calls a function, once nobody holds a parcel any more, that sets the parcel's mark, which is one plain store. The writer looks at
//! the marks of what it has out, the oldest first. So a warm writer publishes without allocating, nobody waits for anybody, and no
//! publication pays for many parcels at once.
//!
//! A participant of a reclamation gives back itself what it retired, as long as it lives; what it leaves behind others give back. So the marks are set and looked at by
//! one thread: when another one sets them, there is no writer any more that would look.
//!
//! Invariants: a parcel is the writer's, or out with readers or reclamation; the writer lists what is retired and not yet back, once each.
#![allow(unsafe_code)]

use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use std::collections::VecDeque;

use proofbook_memory::retired::Retired;
use proofbook_memory::sync::{AtomicBool, Mutex, Ordering};

/// Parcels that are out, from which on one that does not come back is passed over for those behind it.
const PASS_OVER_FROM: usize = 256;

/// Memory that goes out and comes back. Readers look at the content alone: the mark has a line for itself, which stays in the writer's cache.
#[repr(C, align(64))]
pub(crate) struct Parcel<T> {
    /// Nobody holds the parcel any more.
    is_back: AtomicBool,
    /// What it holds. While it is out nobody writes to it.
    pub(crate) content: Line<T>,
}

/// A thing that begins with a cache line.
#[repr(align(64))]
pub(crate) struct Line<T>(T);

impl<T> Deref for Line<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Line<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
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
            content: Line(content),
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
    /// The parcel is the writer's or shown by it, and retired once; its memory outlives the reclamation that gets what this gives. One participant gets all of it, and
    /// nothing is taken back once that is gone.
    #[inline]
    pub(crate) unsafe fn retire(&mut self, parcel: NonNull<Parcel<T>>) -> Retired {
        // Relaxed: one thread sets it and looks at it.
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
        // Relaxed: it is set by the thread that looks at it, or by one after whom nobody looks. What readers did with the parcel was over before the
        // reclamation called this.
        parcel.is_back.store(true, Ordering::Relaxed);
    }

    /// A parcel that has come back, which is the caller's again.
    #[inline]
    pub(crate) fn take_back(&mut self) -> Option<NonNull<Parcel<T>>> {
        let front = *self.out.front()?;
        // SAFETY: parcels live as long as their memory.
        // Relaxed: this thread set it, so what came before that came before this.
        if unsafe { front.as_ref() }.is_back.load(Ordering::Relaxed) {
            return self.out.pop_front();
        }
        if self.out.len() >= PASS_OVER_FROM {
            // Somebody holds this one for long, and perhaps none of the others.
            self.out.rotate_left(1);
        }
        None
    }
}
