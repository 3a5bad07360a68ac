//! What was taken out of a shared structure and waits until nobody can be reading it.
//!
//! It is a pointer with the function that frees it, so that one list holds things of every type and gives each back where it came
//! from: to the allocator, or to a pool, which is what the context is for. It is three words and nothing is allocated for it.
//!
//! Invariant: whoever makes one promises that it may be freed, once, by any thread. It is freed when [`crate::hazard`] or
//! [`crate::epoch`] finds that nobody holds it; dropping one instead leaks the thing, which is safe.

use core::fmt;
use core::ptr;

/// A thing that nobody can reach any more, though some may still hold it.
#[must_use = "what is dropped here is never freed"]
pub struct Retired {
    pointer: *mut (),
    context: *const (),
    free: unsafe fn(*mut (), *const ()),
}

// SAFETY: whoever made it promised that any thread may free it.
#[allow(unsafe_code)]
unsafe impl Send for Retired {}

#[allow(unsafe_code)]
impl Retired {
    /// A thing that `free(pointer, context)` frees.
    ///
    /// # Safety
    /// Calling `free` with these two must be right once, on any thread, at any time until the reclamation that it is handed to is
    /// gone with all its participants; so `context` lives that long. `free` does not unwind.
    pub unsafe fn new(
        pointer: *mut (),
        context: *const (),
        free: unsafe fn(*mut (), *const ()),
    ) -> Self {
        Retired {
            pointer,
            context,
            free,
        }
    }

    /// A thing that came from [`Box::into_raw`] and is dropped with its box.
    ///
    /// # Safety
    /// The pointer came from a box and is freed nowhere else. Its drop may run on any thread and any later time, so that it borrows
    /// nothing. Where it unwinds, so does the call that frees it, and all else that waits goes on waiting.
    pub unsafe fn boxed<T: Send>(pointer: *mut T) -> Self {
        unsafe fn free<T>(pointer: *mut (), _context: *const ()) {
            // SAFETY: the pointer came from a box of this type, and `Retired::free` is called once.
            drop(unsafe { Box::from_raw(pointer.cast::<T>()) });
        }
        Retired {
            pointer: pointer.cast(),
            context: ptr::null(),
            free: free::<T>,
        }
    }

    /// Where the thing lies: what a reader's hazard pointer would hold.
    pub fn address(&self) -> *mut () {
        self.pointer
    }

    /// Frees the thing at once.
    ///
    /// # Safety
    /// Nobody holds it any more.
    pub unsafe fn free(self) {
        // SAFETY: whoever made it promised that this is right once, and `self` is used up here; the caller, that nobody holds it.
        unsafe { (self.free)(self.pointer, self.context) }
    }
}

impl fmt::Debug for Retired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Retired").field(&self.pointer).finish()
    }
}
