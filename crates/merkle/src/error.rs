//! What can go wrong with a tree or a proof.

use core::fmt;

/// Why there is no result, or why a proof does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MerkleError {
    /// A tree would have more leaves than a tree may.
    TooManyLeaves {
        /// How many it would have.
        received: usize,
    },
    /// A position beyond the last leaf.
    Position {
        /// How many leaves there are.
        leaves: u32,
        /// The position.
        received: u32,
    },
    /// Positions that do not go up.
    Order {
        /// The first one that is not above the one before it.
        received: u32,
    },
    /// A proof's bytes have another length than its positions need.
    Length {
        /// The only right one.
        expected: usize,
        /// Theirs.
        received: usize,
    },
    /// Bytes that are no digest of this hash.
    Digest {
        /// Where they begin.
        offset: usize,
    },
    /// Another number of leaves than positions.
    Leaves {
        /// How many positions there are.
        expected: usize,
        /// How many leaves.
        received: usize,
    },
    /// The proof leads to another root.
    Root {
        /// The root that was asked about, in hexadecimal.
        expected: String,
        /// The one that the proof leads to.
        received: String,
    },
    /// Of several proofs, these do not hold.
    Several {
        /// Their places among the proofs, from 0.
        places: Vec<usize>,
    },
}

impl fmt::Display for MerkleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MerkleError::TooManyLeaves { received } => {
                write!(
                    f,
                    "a tree has at most {} leaves; received {received}",
                    crate::LEAVES_MAX
                )
            }
            MerkleError::Position { leaves, received } => {
                write!(
                    f,
                    "expected a position below the number of leaves, {leaves}; received {received}"
                )
            }
            MerkleError::Order { received } => {
                write!(f, "expected positions that go up; received {received} after one that is not below it")
            }
            MerkleError::Length { expected, received } => {
                write!(
                    f,
                    "expected a proof of {expected} bytes; received {received}"
                )
            }
            MerkleError::Digest { offset } => {
                write!(
                    f,
                    "expected a digest at byte {offset}; received 32 bytes that are none"
                )
            }
            MerkleError::Leaves { expected, received } => {
                write!(
                    f,
                    "expected one leaf for each of {expected} positions; received {received}"
                )
            }
            MerkleError::Root { expected, received } => {
                write!(f, "the proof leads to root {received}, expected {expected}")
            }
            MerkleError::Several { places } => {
                write!(f, "expected proofs that hold; those at {places:?} do not")
            }
        }
    }
}

impl std::error::Error for MerkleError {}
