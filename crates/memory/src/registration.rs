//! Why a thread may not take part in a reclamation, and how many may.

use core::fmt;

/// All places are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistrationError {
    /// How many participants there are, which is how many there can be.
    pub threads_max: usize,
}

impl fmt::Display for RegistrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads_max = self.threads_max;
        write!(
            f,
            "expected fewer than {threads_max} participants, received one more than these"
        )
    }
}

impl core::error::Error for RegistrationError {}

/// A number of threads that a reclamation cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadCountError {
    /// The largest number.
    pub limit: usize,
    /// The number that was asked for.
    pub received: usize,
}

impl ThreadCountError {
    /// The number, where it is from 1 to the limit.
    pub(crate) fn check(received: usize, limit: usize) -> Result<usize, Self> {
        if (1..=limit).contains(&received) {
            Ok(received)
        } else {
            Err(ThreadCountError { limit, received })
        }
    }
}

impl fmt::Display for ThreadCountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected from 1 to {} threads, received {}",
            self.limit, self.received
        )
    }
}

impl core::error::Error for ThreadCountError {}
