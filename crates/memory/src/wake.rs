//! Who has to wake whom: flags beside what threads hand over, by which a thread that sleeps misses nothing and is not woken for each thing.
//!
//! Neither sleeps nor wakes: that is its user's, by what remembers a waking that comes before the sleep, as events of the operating system and parked threads do.
//!
//! - [`WakeFlag`]: many threads have things for one, which looks for them whenever it is woken;
//! - [`WaitFlag`]: one thread looks for something and sleeps until another, which publishes it, wakes it.

use crate::sync::{fence, AtomicBool, Ordering};

/// The sleeper is called and has not looked since.
#[derive(Debug, Default)]
pub struct WakeFlag {
    is_called: AtomicBool,
}

impl WakeFlag {
    /// Calls the sleeper, after something was handed over. Whether the caller has to wake it: otherwise an earlier one does, and it has not looked
    /// yet.
    #[must_use = "nobody else wakes it"]
    pub fn call(&self) -> bool {
        // Release: whoever ends this call finds what was handed over before. An exchange, so that earlier calls stay part of what it ends.
        !self.is_called.swap(true, Ordering::Release)
    }

    /// Ends the calls so far: the sleeper's, before it looks, or that of a caller who could not wake it.
    pub fn end(&self) {
        // Acquire: what callers had handed over is found from here on.
        self.is_called.swap(false, Ordering::Acquire);
    }
}

/// A thread may be asleep until something is published.
#[derive(Debug, Default)]
pub struct WaitFlag {
    is_waiting: AtomicBool,
}

impl WaitFlag {
    /// Announces a wait: before each look that may end in sleep.
    pub fn announce(&self) {
        // Release: whoever takes it finds what it needs to wake this thread.
        self.is_waiting.store(true, Ordering::Release);
        // With the fence of `take`: either this thread's look sees what was published, or that sees the flag.
        fence(Ordering::SeqCst);
    }

    /// Takes the announced wait, after something was published. Whether there was one: then the caller has to wake that thread.
    #[must_use = "nobody else wakes it"]
    pub fn take(&self) -> bool {
        fence(Ordering::SeqCst);
        // Acquire: as `announce` says.
        let is_waiting = self.is_waiting.load(Ordering::Acquire);
        if is_waiting {
            // Relaxed: an announcement that this overwrites is of the thread that is woken after it, and that looks again.
            self.is_waiting.store(false, Ordering::Relaxed);
        }
        is_waiting
    }
}
