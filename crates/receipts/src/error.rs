//! Why bytes are no receipt, no signed batch, no inclusion file and no contradiction.

use std::error::Error;
use std::fmt;

use proofbook_commitment::ProofError;

/// What bytes were taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// A receipt.
    Receipt,
    /// A signed batch.
    SignedBatch,
    /// An inclusion file.
    Inclusion,
    /// A contradiction.
    Contradiction,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Receipt => "receipt",
            Field::SignedBatch => "signed batch",
            Field::Inclusion => "inclusion file",
            Field::Contradiction => "contradiction",
        })
    }
}

/// Why bytes are not what they were taken for, or a signature does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Another number of bytes.
    Length {
        /// What they were taken for.
        what: Field,
        /// Bytes that there must be.
        expected: u64,
        /// Bytes that there are.
        received: u64,
    },
    /// They begin with something else.
    Magic {
        /// What they were taken for.
        what: Field,
        /// What it begins with.
        expected: [u8; 8],
        /// What they begin with.
        received: [u8; 8],
    },
    /// They end too early.
    TooShort {
        /// What they were taken for.
        what: Field,
    },
    /// Something in them is not as it must be.
    Malformed {
        /// What they were taken for.
        what: Field,
        /// What must be.
        expected: &'static str,
    },
    /// A proof in them is none.
    Proof {
        /// What they were taken for.
        what: Field,
        /// What is wrong with the proof.
        error: ProofError,
    },
    /// The signature is not the key's.
    Signature {
        /// What is signed.
        what: Field,
    },
}

impl fmt::Display for ReceiptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReceiptError::Length {
                what,
                expected,
                received,
            } => write!(f, "{what}: expected {expected} bytes; received {received}"),
            ReceiptError::Magic {
                what,
                expected,
                received,
            } => write!(
                f,
                "no {what}: expected it to begin with \"{}\"; received \"{}\"",
                expected.escape_ascii(),
                received.escape_ascii()
            ),
            ReceiptError::TooShort { what } => {
                write!(f, "{what}: expected more bytes; received its end")
            }
            ReceiptError::Malformed { what, expected } => {
                write!(f, "{what}: expected {expected}; received something else")
            }
            ReceiptError::Proof { what, error } => write!(f, "{what}: {error}"),
            ReceiptError::Signature { what } => write!(
                f,
                "{what}: expected a signature of the operator's key; received one that does not hold"
            ),
        }
    }
}

impl Error for ReceiptError {}
