//! What threads share: the standard library's parts, or loom's where a model checks every order in which they can act.
//!
//! Concurrent code of the project names atomics, fences, cells and threads through this module alone. A build with `--cfg loom` then runs
//! the very code that ships under [loom](https://docs.rs/loom), which tries all interleavings that the memory model allows.

#[cfg(not(loom))]
mod native {
    pub use std::hint::spin_loop;
    // Orders nothing between threads: there is nothing in it for a model.
    pub use std::sync::atomic::compiler_fence;
    pub use std::sync::atomic::{
        fence, AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicU8, AtomicUsize, Ordering,
    };
    pub use std::sync::{Arc, Mutex};
    pub use std::thread;

    /// A cell whose content is reached through closures, as loom has it, so that its models see each access.
    #[derive(Debug, Default)]
    #[repr(transparent)]
    pub struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        /// A cell with this content.
        pub const fn new(value: T) -> Self {
            UnsafeCell(std::cell::UnsafeCell::new(value))
        }

        /// Calls `f` with a pointer for reading.
        #[inline(always)]
        pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Calls `f` with a pointer for writing.
        #[inline(always)]
        pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

#[cfg(loom)]
mod modelled {
    pub use loom::cell::UnsafeCell;
    pub use loom::hint::spin_loop;
    pub use loom::sync::atomic::{
        fence, AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicU8, AtomicUsize, Ordering,
    };
    pub use loom::sync::{Arc, Mutex};
    pub use loom::thread;
}

#[cfg(loom)]
pub use modelled::*;
#[cfg(not(loom))]
pub use native::*;

/// What is decided once for the process, and the same for all models.
pub use std::sync::OnceLock;

/// A number that somebody reads later: for statistics and tuning, never for what is right.
///
/// One thread writes it or several add to it; it orders nothing, so models leave it out.
#[derive(Debug, Default)]
pub struct Statistic(std::sync::atomic::AtomicU64);

impl Statistic {
    /// A number that starts here.
    pub const fn new(value: u64) -> Self {
        Statistic(std::sync::atomic::AtomicU64::new(value))
    }

    /// The number now, or a moment ago.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Another number.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, std::sync::atomic::Ordering::Relaxed);
    }

    /// Adds, where one thread alone writes: without the cost of an addition that others may interrupt.
    #[inline]
    pub fn add_alone(&self, value: u64) {
        self.set(self.get().wrapping_add(value));
    }
}

/// A number that this gave to nobody before. It orders nothing, so models leave it out.
pub(crate) fn unique_number() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}
