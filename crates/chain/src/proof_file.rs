//! Proof files: the bytes, and nothing of what they mean.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `PROOFBK1` |
//! | 1 | mode: 1 core, 2 compressed, 3 chain |
//! | 7 | zeros |
//! | 8 | length of the public values: 232, of a chain 272 |
//! | … | the public values |
//! | 8 | length of the proof |
//! | … | the proof |
//!
//! Numbers are little-endian; nothing follows the proof. A file names no program: whoever checks it knows which one he
//! means.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::error::Error;
use core::fmt;

use proofbook_commitment::PUBLIC_BYTES;

use crate::values::CHAIN_BYTES;

/// The first bytes of every proof file.
pub const PROOF_MAGIC: [u8; 8] = *b"PROOFBK1";
/// No proof is longer.
pub const PROOF_BYTES_MAX: u64 = 1 << 30;
/// Bytes of a proof file before its proof, of the kind that has fewest: of a batch.
pub const HEAD_BYTES: usize = Mode::Core.head_bytes();

/// Kinds of proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Mode {
    /// One proof for each part of the run: quicker to make, longer with the run.
    Core = 1,
    /// One proof of about the same length for every batch.
    Compressed = 2,
    /// As compressed, of a chain of batches.
    Chain = 3,
}

impl Mode {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Core => "core",
            Mode::Compressed => "compressed",
            Mode::Chain => "chain",
        }
    }

    /// Length of the public values of such a proof.
    pub const fn values_bytes(self) -> usize {
        match self {
            Mode::Core | Mode::Compressed => PUBLIC_BYTES,
            Mode::Chain => CHAIN_BYTES,
        }
    }

    /// Bytes of a file of such a proof before the proof.
    pub const fn head_bytes(self) -> usize {
        8 + 8 + 8 + self.values_bytes() + 8
    }
}

/// The parts of a proof file. That it is well formed says nothing about whether it proves anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofFile<'a> {
    /// The kind of the proof.
    pub mode: Mode,
    /// The public values, encoded.
    pub public_values: &'a [u8],
    /// The proof, encoded.
    pub proof: &'a [u8],
}

/// Why bytes are no proof file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatError {
    /// Too short to hold what precedes the proof.
    TooShort {
        /// How long it is.
        received: u64,
    },
    /// It begins with something else.
    Magic {
        /// What it begins with.
        received: [u8; 8],
    },
    /// A kind of proof that does not exist.
    Mode {
        /// Its code.
        received: u8,
    },
    /// Reserved bytes that are not zero.
    Reserved {
        /// The bytes.
        received: [u8; 7],
    },
    /// Public values of another length.
    ValuesLength {
        /// The length that its kind of proof has.
        expected: u64,
        /// The length that the file states.
        received: u64,
    },
    /// A proof longer than any may be.
    ProofLength {
        /// The length that the file states.
        received: u64,
    },
    /// More or fewer bytes than the file states.
    Length {
        /// How long it says it is.
        expected: u64,
        /// How long it is.
        received: u64,
    },
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no proof file: expected ")?;
        match self {
            FormatError::TooShort { received } => {
                write!(f, "at least {HEAD_BYTES} bytes; received {received}")
            }
            FormatError::Magic { received } => write!(
                f,
                "it to begin with {:?}; received {:?}",
                PROOF_MAGIC.escape_ascii().to_string(),
                received.escape_ascii().to_string()
            ),
            FormatError::Mode { received } => {
                write!(
                    f,
                    "mode 1 (core), 2 (compressed) or 3 (chain); received {received}"
                )
            }
            FormatError::Reserved { received } => {
                write!(f, "seven zeros after the mode; received {received:?}")
            }
            FormatError::ValuesLength { expected, received } => {
                write!(f, "{expected} bytes of public values; received {received}")
            }
            FormatError::ProofLength { received } => {
                write!(
                    f,
                    "a proof of at most {PROOF_BYTES_MAX} bytes; received {received}"
                )
            }
            FormatError::Length { expected, received } => {
                write!(f, "{expected} bytes; received {received}")
            }
        }
    }
}

impl Error for FormatError {}

/// Takes the first bytes off the front of a file; `None` where it has fewer.
fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

/// Takes a number off the front of a file.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(u64::from_le_bytes(*head))
}

impl<'a> ProofFile<'a> {
    /// The parts of the file with these bytes.
    ///
    /// # Errors
    /// Bytes that [`ProofFile::encode`] gives for no parts.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let received = bytes.len() as u64;
        if let Some(&magic) = bytes.first_chunk() {
            if magic != PROOF_MAGIC {
                return Err(FormatError::Magic { received: magic });
            }
        }
        let too_short = FormatError::TooShort { received };
        if bytes.len() < HEAD_BYTES {
            return Err(too_short);
        }
        let mut rest = &bytes[PROOF_MAGIC.len()..];
        let [mode, reserved @ ..] = number(&mut rest).ok_or(too_short)?.to_le_bytes();
        let mode = match mode {
            1 => Mode::Core,
            2 => Mode::Compressed,
            3 => Mode::Chain,
            received => return Err(FormatError::Mode { received }),
        };
        if reserved != [0; 7] {
            return Err(FormatError::Reserved { received: reserved });
        }
        let values_length = number(&mut rest).ok_or(too_short)?;
        let expected = mode.values_bytes() as u64;
        if values_length != expected {
            let received = values_length;
            return Err(FormatError::ValuesLength { expected, received });
        }
        let public_values = take(&mut rest, mode.values_bytes()).ok_or(too_short)?;
        let proof_length = number(&mut rest).ok_or(too_short)?;
        if proof_length > PROOF_BYTES_MAX {
            return Err(FormatError::ProofLength {
                received: proof_length,
            });
        }
        if proof_length != rest.len() as u64 {
            let expected = mode.head_bytes() as u64 + proof_length;
            return Err(FormatError::Length { expected, received });
        }
        Ok(ProofFile {
            mode,
            public_values,
            proof: rest,
        })
    }

    /// The only encoding of these parts.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.mode.head_bytes() + self.proof.len());
        bytes.extend(PROOF_MAGIC);
        bytes.extend(u64::from(self.mode as u8).to_le_bytes());
        bytes.extend((self.public_values.len() as u64).to_le_bytes());
        bytes.extend(self.public_values);
        bytes.extend((self.proof.len() as u64).to_le_bytes());
        bytes.extend(self.proof);
        bytes
    }
}
