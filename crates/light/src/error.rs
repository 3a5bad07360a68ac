//! Why something about a market is not shown.

use core::fmt;

use proofbook_commitment::{Digest, ProofError};
use proofbook_types::Side;

/// Why there is no answer, or why what was received is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LightError {
    /// The proof about the state does not hold, or does not show the levels.
    Proof(ProofError),
    /// Bytes of another length than the encoding has.
    Length {
        /// The only right one.
        expected: usize,
        /// Theirs.
        received: usize,
    },
    /// Bytes that are no encoding.
    Malformed {
        /// What is wrong with them.
        what: &'static str,
    },
    /// A number is another one than it must be.
    Number {
        /// Which one.
        what: &'static str,
        /// What it must be.
        expected: u64,
        /// What it is.
        received: u64,
    },
    /// A digest is another one than it must be.
    Digest {
        /// Which one.
        what: &'static str,
        /// What it must be.
        expected: Digest,
        /// What it is.
        received: Digest,
    },
    /// A level is not worse than the one before it.
    Order {
        /// Its side.
        side: Side,
        /// How many levels are before it.
        rank: usize,
    },
    /// What the levels show in sum does not fit 64 bits.
    Overflow,
    /// The answer lies beyond the levels that are there.
    NotShown,
}

impl fmt::Display for LightError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LightError::Proof(error) => error.fmt(f),
            LightError::Length { expected, received } => {
                write!(f, "expected {expected} bytes; received {received}")
            }
            LightError::Malformed { what } => write!(f, "malformed: {what}"),
            LightError::Number {
                what,
                expected,
                received,
            } => write!(f, "{what}: expected {expected}; received {received}"),
            LightError::Digest {
                what,
                expected,
                received,
            } => write!(f, "{what}: expected {expected}; received {received}"),
            LightError::Order { side, rank } => {
                let side = match side {
                    Side::Buy => "bid",
                    Side::Sell => "ask",
                };
                write!(f, "expected every {side} to be worse than the one before it; that of rank {rank} is not")
            }
            LightError::Overflow => write!(f, "what the levels show in sum does not fit 64 bits"),
            LightError::NotShown => write!(f, "the answer lies beyond the levels that are shown"),
        }
    }
}

impl core::error::Error for LightError {}

impl From<ProofError> for LightError {
    fn from(error: ProofError) -> Self {
        LightError::Proof(error)
    }
}
