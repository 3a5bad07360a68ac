//! Batch files: a sealed batch as bytes, for whoever proves it.
//!
//! All numbers are eight bytes, little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `PBBATCH` and the version of this format, the byte 1 |
//! | 8 | words of the batch |
//! | 8 | words of the witness |
//! | 232 | the public values that a proof of it will have |
//! | 8 each | the words of the batch, then those of the witness |
//!
//! and nothing after it. What decodes encodes to the same bytes. The content is not believed: a proof of a batch whose
//! witness or values are false cannot be made.

use core::fmt;

use proofbook_commitment::{PublicValues, PUBLIC_BYTES};

use crate::ledger::Sealed;

/// The first eight bytes of a batch file; the last of them is the version.
pub const BATCH_MAGIC: [u8; 8] = *b"PBBATCH\x01";

/// Words that a batch and its witness may have, each: 2 GiB.
pub const FILE_WORDS_MAX: u64 = 1 << 28;

const HEAD_BYTES: usize = 24 + PUBLIC_BYTES;

/// Why bytes are no batch file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchFileError {
    /// It begins with something else, or is of another version.
    Magic {
        /// The first eight bytes, or fewer where there are fewer.
        received: Vec<u8>,
    },
    /// It has another length than its head says.
    Length {
        /// Bytes that the head asks for, or that a head has.
        expected: u64,
        /// Bytes that there are.
        received: u64,
    },
    /// It says that it has more words than any batch.
    Size {
        /// Words of the batch or the witness.
        received: u64,
    },
    /// The public values are not canonical.
    PublicValues,
}

impl fmt::Display for BatchFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BatchFileError::Magic { received } => {
                write!(
                    f,
                    "no batch file: expected it to begin with {BATCH_MAGIC:02x?}; received {received:02x?}"
                )
            }
            BatchFileError::Length { expected, received } => {
                write!(
                    f,
                    "batch file: expected {expected} bytes; received {received}"
                )
            }
            BatchFileError::Size { received } => write!(
                f,
                "batch file: expected at most {FILE_WORDS_MAX} words of batch or witness; received {received}"
            ),
            BatchFileError::PublicValues => {
                write!(f, "batch file: the public values are not canonical")
            }
        }
    }
}

impl std::error::Error for BatchFileError {}

fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("eight bytes are asked for"))
}

fn words(bytes: &[u8]) -> Vec<u64> {
    bytes.chunks_exact(8).map(word).collect()
}

impl Sealed {
    /// The batch file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let words = self.batch.len() + self.witness.len();
        let mut bytes = Vec::with_capacity(HEAD_BYTES + 8 * words);
        bytes.extend(BATCH_MAGIC);
        bytes.extend((self.batch.len() as u64).to_le_bytes());
        bytes.extend((self.witness.len() as u64).to_le_bytes());
        bytes.extend(self.values.encode());
        for word in self.batch.iter().chain(&self.witness) {
            bytes.extend(word.to_le_bytes());
        }
        bytes
    }

    /// The batch that a batch file holds.
    ///
    /// # Errors
    /// Where the bytes are not exactly the file of some batch.
    pub fn from_bytes(bytes: &[u8]) -> Result<Sealed, BatchFileError> {
        if !bytes.starts_with(&BATCH_MAGIC) {
            return Err(BatchFileError::Magic {
                received: bytes[..bytes.len().min(8)].to_vec(),
            });
        }
        let received = bytes.len() as u64;
        let Some((head, body)) = bytes.split_at_checked(HEAD_BYTES) else {
            let expected = HEAD_BYTES as u64;
            return Err(BatchFileError::Length { expected, received });
        };
        let (batch, witness) = (word(&head[8..16]), word(&head[16..24]));
        if let Some(&received) = [batch, witness].iter().find(|&&n| n > FILE_WORDS_MAX) {
            return Err(BatchFileError::Size { received });
        }
        let expected = HEAD_BYTES as u64 + 8 * (batch + witness);
        if received != expected {
            return Err(BatchFileError::Length { expected, received });
        }
        let (batch, witness) = body.split_at(8 * batch as usize);
        Ok(Sealed {
            values: PublicValues::decode(&head[24..]).ok_or(BatchFileError::PublicValues)?,
            batch: words(batch),
            witness: words(witness),
        })
    }
}
