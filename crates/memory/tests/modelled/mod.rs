//! What the models share: how many orders they try, and things whose life loom watches.

#![allow(dead_code, unsafe_code)]

use loom::cell::UnsafeCell;
use proofbook_memory::retired::Retired;

/// Tries every order with at most so many preemptions; none is a thread that is stopped where it could go on.
///
/// Published experience (Musuvathi and Qadeer, "Iterative context bounding", 2007) is that two find nearly all faults.
pub fn model(preemptions_max: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions_max);
    builder.max_branches = 20_000;
    builder.check(run);
}

const UNBORN: u32 = 0;
const ALIVE: u32 = 1;
const DEAD: u32 = 2;

/// A thing that is born, read and freed. Loom fails where a read and the birth or the death are not ordered.
pub struct Thing(UnsafeCell<u32>);

impl Thing {
    pub fn unborn() -> Self {
        Thing(UnsafeCell::new(UNBORN))
    }

    pub fn alive() -> Self {
        Thing(UnsafeCell::new(ALIVE))
    }

    pub fn bear(&self) {
        // SAFETY: loom fails where another thread could access it now.
        self.0.with_mut(|word| unsafe { *word = ALIVE });
    }

    pub fn word(&self) -> u32 {
        // SAFETY: as above.
        self.0.with(|word| unsafe { *word })
    }

    pub fn assert_alive(&self) {
        assert_eq!(self.word(), ALIVE);
    }

    pub fn is_dead(&self) -> bool {
        self.word() == DEAD
    }

    pub fn pointer(&self) -> *mut Thing {
        std::ptr::from_ref(self).cast_mut()
    }

    /// To be freed by marking it. The thing outlives all reclamation.
    pub fn retired(&self) -> Retired {
        unsafe fn free(pointer: *mut (), _context: *const ()) {
            // SAFETY: the thing outlives all reclamation.
            let thing = unsafe { &*pointer.cast::<Thing>() };
            thing.0.with_mut(|word| {
                // SAFETY: loom fails where another thread could access it now.
                let word = unsafe { &mut *word };
                assert_eq!(*word, ALIVE, "freed twice, or before it was born");
                *word = DEAD;
            });
        }
        // SAFETY: it is freed by marking it, and it lives long enough.
        unsafe { Retired::new(self.pointer().cast(), std::ptr::null(), free) }
    }
}

// SAFETY: loom watches every access.
unsafe impl Send for Thing {}
// SAFETY: loom watches every access.
unsafe impl Sync for Thing {}
