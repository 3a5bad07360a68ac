//! Why a record is none, or cannot answer.

use std::error::Error;
use std::fmt;

use proofbook_commitment::Digest;

/// Why a record is none, or cannot answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServingError {
    /// It begins with something else, or is of another version.
    Magic {
        /// The first eight bytes, or fewer where there are fewer.
        received: Vec<u8>,
    },
    /// It has another length than its head says.
    Length {
        /// Bytes that its head asks for, or that a head has.
        expected: u64,
        /// Bytes that there are.
        received: u64,
    },
    /// Something in it is not as it must be.
    Malformed {
        /// What must be.
        expected: &'static str,
    },
    /// Its commands and events are not those of its public values.
    OtherRoots {
        /// Number of the batch.
        batch: u64,
    },
    /// It does not follow the one before it.
    NotNext {
        /// The number that follows.
        expected: u64,
        /// Its number.
        received: u64,
    },
    /// Following it leads to another state than its public values say.
    OtherState {
        /// The state root of its public values.
        expected: Digest,
        /// The one that it leads to.
        received: Digest,
    },
}

impl fmt::Display for ServingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record of a batch: ")?;
        match self {
            ServingError::Magic { received } => write!(
                f,
                "expected it to begin with \"PBRECRD1\"; received \"{}\"",
                received.escape_ascii()
            ),
            ServingError::Length { expected, received } => {
                write!(f, "expected {expected} bytes; received {received}")
            }
            ServingError::Malformed { expected } => {
                write!(f, "expected {expected}; received something else")
            }
            ServingError::OtherRoots { batch } => write!(
                f,
                "expected the commands and events of batch {batch}; received others"
            ),
            ServingError::NotNext { expected, received } => {
                write!(f, "expected batch {expected}; received batch {received}")
            }
            ServingError::OtherState { expected, received } => write!(
                f,
                "expected a batch that leads to state {expected}; received one that leads to {received}"
            ),
        }
    }
}

impl Error for ServingError {}
