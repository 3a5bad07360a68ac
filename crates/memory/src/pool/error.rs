//! Why a pool gives nothing, as values.

use std::fmt;

/// Why a pool cannot be made, or gives no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolError {
    /// Every slot that the pool may ever have is in use.
    Exhausted {
        /// How many these are.
        capacity: usize,
    },
    /// The pool would grow, but the allocator has no memory.
    OutOfMemory {
        /// What was asked of it.
        bytes: usize,
    },
    /// A number of the configuration is out of its range.
    OutOfRange {
        /// Which one.
        what: &'static str,
        /// The least that is allowed.
        least: usize,
        /// The most that is allowed.
        most: usize,
        /// What was received.
        received: usize,
    },
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolError::Exhausted { capacity } => {
                write!(f, "all {capacity} slots of the pool are in use")
            }
            PoolError::OutOfMemory { bytes } => {
                write!(f, "the pool cannot grow: no memory for {bytes} bytes")
            }
            PoolError::OutOfRange {
                what,
                least,
                most,
                received,
            } => {
                write!(f, "{what}: expected {least} to {most}, received {received}")
            }
        }
    }
}

impl std::error::Error for PoolError {}

/// Refuses a number that is out of its range.
pub(crate) fn in_range(
    what: &'static str,
    received: usize,
    least: usize,
    most: usize,
) -> Result<usize, PoolError> {
    if (least..=most).contains(&received) {
        Ok(received)
    } else {
        Err(PoolError::OutOfRange {
            what,
            least,
            most,
            received,
        })
    }
}

/// An object that found no slot, and why.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Refused<T> {
    /// Why.
    pub error: PoolError,
    /// The object, back with its owner.
    pub value: T,
}

impl<T> fmt::Debug for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> std::error::Error for Refused<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
