//! Queues without locks: [`LockFreeQueue`] between any number of threads, and [`ring`] between two.
//!
//! Both are bounded and allocate once. Both give back what does not fit, and drop what is left in them.

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
