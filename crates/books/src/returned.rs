//! Parcels: memory that a writer hands to reclamation and gets back to use again.
//!
//! What reclaims calls, on whichever thread finds that nobody holds a parcel any more, a function that puts it on a stack; the writer takes the
//! whole stack when it needs parcels. So a warm writer publishes without allocating, and nobody waits for anybody. The stack is Treiber's
//! (Systems Programming: Coping with Parallelism, 1986); since it is only ever emptied as a whole, no address can be mistaken for another (ABA).
//!
//! Invariant: a parcel is the writer's, or out with readers or reclamation, or in the stack.
#![allow(unsafe_code)]

use core::ptr::{self, NonNull};

use proofbook_memory::retired::Retired;
use proofbook_memory::sync::{AtomicPtr, Ordering, UnsafeCell};

/// Memory that goes out and comes back.
pub(crate) struct Parcel<T> {
    /// What it holds. While it is out nobody writes to it.
    pub(crate) content: T,
    /// The parcel below in the stack.
    below: UnsafeCell<*mut Parcel<T>>,
}

/// Parcels that came back.
pub(crate) struct Returned<T> {
    top: AtomicPtr<Parcel<T>>,
}

// SAFETY: parcels are moved through it, each owned by one side at a time.
unsafe impl<T: Send> Send for Returned<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Returned<T> {}

impl<T> Parcel<T> {
    /// A new parcel.
    pub(crate) fn new(content: T) -> Box<Self> {
        Box::new(Parcel {
            content,
            below: UnsafeCell::new(ptr::null_mut()),
        })
    }

    /// Sends it out. It comes back by `retire` and then from the stack, or is leaked.
    pub(crate) fn send(self: Box<Self>) -> NonNull<Self> {
        NonNull::from(Box::leak(self))
    }

    /// The parcel, which is owned again.
    ///
    /// # Safety
    /// It was sent out, and nobody else has it or will get it.
    pub(crate) unsafe fn receive(parcel: NonNull<Self>) -> Box<Self> {
        // SAFETY: `send` leaked a box; the caller promises the rest.
        unsafe { Box::from_raw(parcel.as_ptr()) }
    }
}

impl<T> Returned<T> {
    pub(crate) fn new() -> Self {
        Returned {
            top: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// For reclamation: the parcel is to come back here.
    ///
    /// # Safety
    /// The parcel was sent out and is retired once; this stack lives as long as the reclamation that gets what this gives.
    pub(crate) unsafe fn retire(&self, parcel: NonNull<Parcel<T>>) -> Retired {
        // SAFETY: the caller's promise; to push a parcel is right on any thread and does not unwind.
        unsafe {
            Retired::new(
                parcel.as_ptr().cast(),
                ptr::from_ref(self).cast(),
                Self::come_back,
            )
        }
    }

    /// # Safety
    /// The two are a parcel that nobody holds and the stack, as `retire` put them together.
    unsafe fn come_back(parcel: *mut (), stack: *const ()) {
        // SAFETY: the caller's promise.
        let stack = unsafe { &*stack.cast::<Returned<T>>() };
        let parcel = parcel.cast::<Parcel<T>>();
        let mut top = stack.top.load(Ordering::Relaxed);
        loop {
            // SAFETY: nobody holds the parcel, and others see it only after the exchange.
            unsafe { (*parcel).below.with_mut(|below| *below = top) };
            // Release: the writer sees what lies below, and that what others did with the parcel is over.
            match stack
                .top
                .compare_exchange_weak(top, parcel, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// Takes all that came back, the last one first.
    pub(crate) fn take_all(&self, mut take: impl FnMut(Box<Parcel<T>>)) {
        // Relaxed: a guess that spares the exchange.
        if self.top.load(Ordering::Relaxed).is_null() {
            return;
        }
        // Acquire: what the pushes released. Each was a read-modify-write, so the last one's carries those below.
        let mut top = self.top.swap(ptr::null_mut(), Ordering::Acquire);
        while let Some(parcel) = NonNull::new(top) {
            // SAFETY: parcels in the stack were sent out, and belong to whoever took them out of it, which is this call.
            let parcel = unsafe { Parcel::receive(parcel) };
            // SAFETY: as above.
            top = parcel.below.with(|below| unsafe { *below });
            take(parcel);
        }
    }
}

impl<T> Drop for Returned<T> {
    fn drop(&mut self) {
        self.take_all(drop);
    }
}
