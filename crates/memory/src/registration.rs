//! Why a thread may not take part in a reclamation, how many may, and which reclamation it is.

use core::fmt;

use crate::sync::unique_number;

/// Tells a reclamation from all others of the process, also when it is gone.
///
/// What is published names its reclamation by this and owns no part of it. Values may be published inside of published values: if these owned the
/// reclamation in which they wait to be freed, neither would ever go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReclamationId(u64);

impl ReclamationId {
    /// One that no other reclamation has.
    pub(crate) fn next() -> Self {
        ReclamationId(unique_number())
    }
}

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
