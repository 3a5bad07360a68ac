//! Queues without locks: [`LockFreeQueue`] between any number of threads, and [`ring`] between two.
//!
//! Both are bounded and allocate once. Both give back what does not fit, and drop what is left in them.
//!
//! A ring has one sender, which cannot be cloned; what must stay in its thread does not go through a queue:
//!
//! ```compile_fail,E0599
//! let (sender, receiver) = proofbook_memory::queue::ring::channel::<u64>(2).expect("a power of two");
//! let second = sender.clone();
//! ```
//!
//! ```compile_fail,E0277
//! # use proofbook_memory::queue::LockFreeQueue;
//! let queue = LockFreeQueue::<std::rc::Rc<u64>>::with_capacity(2).expect("a power of two");
//! std::thread::scope(|scope| scope.spawn(|| queue.pop()).join());
//! ```

mod many;
pub mod ring;

pub use many::LockFreeQueue;

use core::fmt;

/// A capacity that a queue cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapacityError {
    /// The capacity that was asked for; expected is a power of two from [`CAPACITY_MIN`] to [`CAPACITY_MAX`].
    pub received: usize,
}

/// With one slot alone, "free for the next round" and "filled in this one" would have the same number.
pub const CAPACITY_MIN: usize = 2;
/// Far beyond what memory holds, and far below where the difference of two positions could be read with the wrong sign.
pub const CAPACITY_MAX: usize = 1 << 31;

impl fmt::Display for CapacityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let received = self.received;
        write!(f, "expected a capacity that is a power of two from {CAPACITY_MIN} to {CAPACITY_MAX}, received {received}")
    }
}

impl core::error::Error for CapacityError {}

fn check_capacity(capacity: usize) -> Result<usize, CapacityError> {
    if capacity.is_power_of_two() && (CAPACITY_MIN..=CAPACITY_MAX).contains(&capacity) {
        Ok(capacity)
    } else {
        Err(CapacityError { received: capacity })
    }
}
