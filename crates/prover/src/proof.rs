//! Proof files.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `PROOFBK1` |
//! | 1 | mode: 1 core, 2 compressed |
//! | 7 | zero |
//! | 8 | length of the public values, little-endian |
//! | 232 | the public values |
//! | 8 | length of the proof, little-endian |
//! | … | the proof: SP1's `SP1Proof`, encoded by bincode |
//!
//! and nothing after it. A file does not name its program: whoever verifies knows which one he means.

use std::fmt;

use proofbook_commitment::{PublicValues, PUBLIC_BYTES};

/// The first eight bytes of a proof file.
pub const PROOF_MAGIC: [u8; 8] = *b"PROOFBK1";
/// Bytes that a proof may have: 1 GiB.
pub const PROOF_BYTES_MAX: u64 = 1 << 30;

const HEAD_BYTES: usize = 24;

/// Kinds of proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ProofMode {
    /// One proof for each part of the run: quick to make, as long as the run.
    Core = 1,
    /// One proof of a fixed length.
    Compressed = 2,
}

impl ProofMode {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            ProofMode::Core => "core",
            ProofMode::Compressed => "compressed",
        }
    }
}

/// A proof of what a batch did.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    /// Its kind.
    pub mode: ProofMode,
    /// What it says.
    pub values: PublicValues,
    /// SP1's proof.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof")
            .field("mode", &self.mode)
            .field("values", &self.values)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

/// Why bytes are no proof file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofFileError {
    /// It begins with something else.
    Magic,
    /// No known kind of proof, or bytes after it that are not zero.
    Mode {
        /// The eight bytes.
        received: [u8; 8],
    },
    /// It has another length than it says.
    Length {
        /// Bytes that it says, or that it needs at least.
        expected: u64,
        /// Bytes that there are.
        received: u64,
    },
    /// Its public values are not canonical, or of another length.
    PublicValues,
}

impl fmt::Display for ProofFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProofFileError::Magic => write!(f, "no proof file: expected it to begin with PROOFBK1"),
            ProofFileError::Mode { received } => write!(
                f,
                "proof file: expected mode 1 (core) or 2 (compressed) and seven zeros; received {received:02x?}"
            ),
            ProofFileError::Length { expected, received } => {
                write!(f, "proof file: expected {expected} bytes; received {received}")
            }
            ProofFileError::PublicValues => {
                write!(f, "proof file: expected {PUBLIC_BYTES} bytes of canonical public values")
            }
        }
    }
}

impl std::error::Error for ProofFileError {}

fn length(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("eight bytes are asked for"))
}

impl Proof {
    /// The proof file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut file = Vec::with_capacity(HEAD_BYTES + PUBLIC_BYTES + 8 + self.bytes.len());
        file.extend(PROOF_MAGIC);
        file.extend([self.mode as u8, 0, 0, 0, 0, 0, 0, 0]);
        file.extend((PUBLIC_BYTES as u64).to_le_bytes());
        file.extend(self.values.encode());
        file.extend((self.bytes.len() as u64).to_le_bytes());
        file.extend(&self.bytes);
        file
    }

    /// The proof that a file holds, which may not hold itself.
    ///
    /// # Errors
    /// Where the bytes are not exactly the file of some proof.
    pub fn from_bytes(file: &[u8]) -> Result<Proof, ProofFileError> {
        if !file.starts_with(&PROOF_MAGIC) {
            return Err(ProofFileError::Magic);
        }
        let received = file.len() as u64;
        let head_bytes = HEAD_BYTES + PUBLIC_BYTES + 8;
        let Some((head, bytes)) = file.split_at_checked(head_bytes) else {
            let expected = head_bytes as u64;
            return Err(ProofFileError::Length { expected, received });
        };
        let mode = match head[8..16] {
            [1, 0, 0, 0, 0, 0, 0, 0] => ProofMode::Core,
            [2, 0, 0, 0, 0, 0, 0, 0] => ProofMode::Compressed,
            ref other => {
                let received = other.try_into().expect("eight bytes are asked for");
                return Err(ProofFileError::Mode { received });
            }
        };
        if length(&head[16..24]) != PUBLIC_BYTES as u64 {
            return Err(ProofFileError::PublicValues);
        }
        let values = PublicValues::decode(&head[HEAD_BYTES..][..PUBLIC_BYTES]);
        let values = values.ok_or(ProofFileError::PublicValues)?;
        let expected = (head_bytes as u64).saturating_add(length(&head[head_bytes - 8..]));
        if expected != received || bytes.len() as u64 > PROOF_BYTES_MAX {
            return Err(ProofFileError::Length { expected, received });
        }
        Ok(Proof {
            mode,
            values,
            bytes: bytes.to_vec(),
        })
    }
}
