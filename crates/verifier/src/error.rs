//! Why a file proves nothing.

use std::error::Error;
use std::fmt;

use proofbook_chain::proof_file::FormatError;
use proofbook_chain::{ChainValues, CHAIN_VERSION};
use proofbook_commitment::poseidon2::ORDER;
use proofbook_commitment::public::PUBLIC_VERSION;
use proofbook_commitment::{PublicValues, PUBLIC_BYTES};

use crate::key::ProgramKey;
use crate::COMPRESSED_BYTES_MAX;

// Both encodings have one version; the messages say only one.
const _: () = assert!(PUBLIC_VERSION == CHAIN_VERSION);

/// The words of a batch's public values that are digests, by the place of their first word.
const DIGESTS: [(usize, &str); 5] = [
    (2, "configuration"),
    (11, "previous root"),
    (15, "new root"),
    (20, "root of the commands"),
    (25, "root of the events"),
];

/// Those of a chain.
const CHAIN_DIGESTS: [(usize, &str); 6] = [
    (2, "configuration"),
    (12, "previous root"),
    (16, "new root"),
    (22, "root of the batches"),
    (26, "program of the batches"),
    (30, "program of the chain"),
];

/// Why bytes are no public values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValuesError {
    /// Another version of the encoding.
    Version {
        /// The version.
        received: u64,
    },
    /// A digest with an element that is not below the field's order.
    Digest {
        /// Which digest.
        what: &'static str,
        /// The element.
        received: u32,
    },
    /// A chain whose last batch comes before its first one.
    Reversed,
}

impl fmt::Display for ValuesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValuesError::Version { received } => {
                write!(
                    f,
                    "public values: expected version {PUBLIC_VERSION}; received {received}"
                )
            }
            ValuesError::Digest { what, received } => write!(
                f,
                "public values: {what}: expected elements below {ORDER}; received {received}"
            ),
            ValuesError::Reversed => {
                write!(
                    f,
                    "public values: expected the last batch not before the first one"
                )
            }
        }
    }
}

impl Error for ValuesError {}

/// The public values of a batch with exactly this encoding.
pub(crate) fn decode_values(bytes: &[u8]) -> Result<PublicValues, ValuesError> {
    PublicValues::decode(bytes).ok_or_else(|| fault(bytes, &DIGESTS))
}

/// The public values of a chain with exactly this encoding.
pub(crate) fn decode_chain_values(bytes: &[u8]) -> Result<ChainValues, ValuesError> {
    ChainValues::decode(bytes).ok_or_else(|| fault(bytes, &CHAIN_DIGESTS))
}

/// What is wrong with bytes of the right length that are no public values.
fn fault(bytes: &[u8], digests: &[(usize, &'static str)]) -> ValuesError {
    let element = |at: usize| {
        let mut element = [0; 4];
        element.copy_from_slice(&bytes[4 * at..][..4]);
        u32::from_le_bytes(element)
    };
    for &(word, what) in digests {
        let elements = (2 * word..2 * word + 8).map(element);
        if let Some(received) = elements.into_iter().find(|&element| element >= ORDER) {
            return ValuesError::Digest { what, received };
        }
    }
    match u64::from(element(0)) | u64::from(element(1)) << 32 {
        PUBLIC_VERSION => ValuesError::Reversed,
        received => ValuesError::Version { received },
    }
}

/// Why a file proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// It is no proof file.
    Format(FormatError),
    /// Its public values are none.
    Values(ValuesError),
    /// It holds a core proof. Those need the prover's machinery.
    CoreProof,
    /// A proof longer than any of its kind.
    TooLong {
        /// How long it is.
        received: u64,
    },
    /// The proof's bytes encode none.
    Undecodable {
        /// What is wrong with them.
        reason: String,
    },
    /// The proof's bytes are not the encoding of the proof that they decode to.
    NotCanonical {
        /// Where the two first differ.
        offset: u64,
    },
    /// A proof of a chain where one of a batch is expected.
    ChainProof,
    /// A proof of a batch where one of a chain is expected.
    BatchProof,
    /// A chain of batches that were proven with another program.
    OtherBatchProgram {
        /// The program that is pinned.
        expected: ProgramKey,
        /// The program that the chain names.
        received: ProgramKey,
    },
    /// Public values of more or fewer batches than the chain has.
    BatchesLength {
        /// Number of batches.
        expected: u64,
        /// Length of what was given.
        received: u64,
    },
    /// Public values of other batches than the chain's.
    OtherBatches,
    /// The bytes hold another kind of proof than the file says.
    OtherKind {
        /// The kind that they hold.
        received: String,
    },
    /// A proof of another program.
    OtherProgram {
        /// The program that is pinned.
        expected: ProgramKey,
        /// The program that the proof names.
        received: ProgramKey,
    },
    /// A proof about other public values than those in the file.
    OtherValues,
    /// A proof that does not hold.
    Rejected {
        /// Which check it fails.
        reason: String,
    },
}

impl VerifyError {
    /// A check that stopped, with the reason that it gave. Where a stop cannot be caught, as in WebAssembly, whoever sees it
    /// says so in the same words.
    pub fn stopped(reason: Option<&str>) -> Self {
        let reason = reason.unwrap_or("no reason given");
        VerifyError::Rejected {
            reason: format!("its check stopped: {reason}"),
        }
    }

    /// Whether the file is none that is checked here. Otherwise it is, and its proof does not hold.
    pub fn is_about_format(&self) -> bool {
        match self {
            VerifyError::Format(_)
            | VerifyError::Values(_)
            | VerifyError::CoreProof
            | VerifyError::ChainProof
            | VerifyError::BatchProof
            | VerifyError::BatchesLength { .. }
            | VerifyError::TooLong { .. }
            | VerifyError::Undecodable { .. }
            | VerifyError::NotCanonical { .. }
            | VerifyError::OtherKind { .. } => true,
            VerifyError::OtherProgram { .. }
            | VerifyError::OtherBatchProgram { .. }
            | VerifyError::OtherBatches
            | VerifyError::OtherValues
            | VerifyError::Rejected { .. } => false,
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VerifyError::Format(error) => fmt::Display::fmt(error, f),
            VerifyError::Values(error) => fmt::Display::fmt(error, f),
            VerifyError::CoreProof => write!(
                f,
                "expected a compressed proof (mode 2); received a core proof (mode 1), which only the prover can check"
            ),
            VerifyError::ChainProof => {
                write!(f, "expected a proof of a batch (mode 2); received one of a chain (mode 3)")
            }
            VerifyError::BatchProof => {
                write!(f, "expected a proof of a chain (mode 3); received one of a batch (mode 2)")
            }
            VerifyError::OtherBatchProgram { expected, received } => write!(
                f,
                "a chain of batches of another program: expected key {expected}; received {received}"
            ),
            VerifyError::BatchesLength { expected, received } => write!(
                f,
                "batches of a chain: expected {expected} times {PUBLIC_BYTES} bytes; received {received} bytes"
            ),
            VerifyError::OtherBatches => write!(
                f,
                "batches of a chain: expected those whose list the chain's proof binds; received others"
            ),
            VerifyError::TooLong { received } => write!(
                f,
                "expected a compressed proof of at most {COMPRESSED_BYTES_MAX} bytes; received {received}"
            ),
            VerifyError::Undecodable { reason } => {
                write!(f, "expected an encoded proof; received bytes that are none: {reason}")
            }
            VerifyError::NotCanonical { offset } => write!(
                f,
                "expected the only encoding of the proof; received another, which differs at its byte {offset}"
            ),
            VerifyError::OtherKind { received } => {
                write!(f, "expected a compressed proof; the bytes hold another kind: {received}")
            }
            VerifyError::OtherProgram { expected, received } => write!(
                f,
                "a proof of another program: expected key {expected}; received {received}"
            ),
            VerifyError::OtherValues => write!(
                f,
                "the proof is about other public values than those in the file"
            ),
            VerifyError::Rejected { reason } => write!(f, "the proof does not hold: {reason}"),
        }
    }
}

impl Error for VerifyError {}

impl From<FormatError> for VerifyError {
    fn from(error: FormatError) -> Self {
        VerifyError::Format(error)
    }
}

impl From<ValuesError> for VerifyError {
    fn from(error: ValuesError) -> Self {
        VerifyError::Values(error)
    }
}
