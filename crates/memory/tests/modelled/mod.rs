//! What models share: how many orders they try, who comes first, and things whose life loom watches.

#![allow(dead_code, unsafe_code, clippy::unwrap_used)]

use loom::cell::UnsafeCell;
use loom::thread::spawn;
use proofbook_memory::retired::Retired;

/// Which role the first thread plays, which loom runs as far as it can before it tries other orders.
///
/// Of the earlier accesses to an atomic loom remembers the latest alone. Where a thread reads an atomic and then writes it, its own read hides
/// that another thread has read it before, and orders with the write in front of that read are not tried. With the roles exchanged they
/// are, so each model is run with each role first.
#[derive(Clone, Copy)]
pub struct Roles(usize);

impl Roles {
    /// Runs two roles on two threads.
    pub fn two<A: 'static, B: 'static>(
        self,
        a: impl FnOnce() -> A + 'static,
        b: impl FnOnce() -> B + 'static,
    ) -> (A, B) {
        if self.0 % 2 == 0 {
            let other = spawn(b);
            let a = a();
            (a, other.join().unwrap())
        } else {
            let other = spawn(a);
            let b = b();
            (other.join().unwrap(), b)
        }
    }

    /// Runs three roles on three threads.
    pub fn three<A: 'static, B: 'static, C: 'static>(
        self,
        a: impl FnOnce() -> A + 'static,
        b: impl FnOnce() -> B + 'static,
        c: impl FnOnce() -> C + 'static,
    ) -> (A, B, C) {
        match self.0 % 3 {
            0 => {
                let others = (spawn(b), spawn(c));
                let a = a();
                (a, others.0.join().unwrap(), others.1.join().unwrap())
            }
            1 => {
                let others = (spawn(c), spawn(a));
                let b = b();
                (others.1.join().unwrap(), b, others.0.join().unwrap())
            }
            _ => {
                let others = (spawn(a), spawn(b));
                let c = c();
                (others.0.join().unwrap(), others.1.join().unwrap(), c)
            }
        }
    }
}

/// Tries every order of two roles with at most so many preemptions. None is a thread that is stopped where it could go on; two find nearly
/// all faults (Musuvathi and Qadeer, "Iterative context bounding", 2007), and what each model has is what it can afford.
pub fn model(preemptions_max: usize, run: impl Fn(Roles) + Copy + Sync + Send + 'static) {
    (0..2).for_each(|first| check(preemptions_max, first, run));
}

/// As [`model`], for three roles.
pub fn model_of_three(preemptions_max: usize, run: impl Fn(Roles) + Copy + Sync + Send + 'static) {
    (0..3).for_each(|first| check(preemptions_max, first, run));
}

fn check(preemptions_max: usize, first: usize, run: impl Fn(Roles) + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions_max);
    builder.max_branches = 20_000;
    let orders = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counter = std::sync::Arc::clone(&orders);
    builder.check(move || {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        run(Roles(first));
    });
    println!(
        "role {first} first: {} orders",
        orders.load(std::sync::atomic::Ordering::Relaxed)
    );
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
