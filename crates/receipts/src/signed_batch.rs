//! Signed batches: the operator's word that a batch is his.
//!
//! Anyone can prove a batch of some market with any number. What ties a proof to an operator is this signature of its public values.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `PBSIGND1` |
//! | 232 | the public values, `docs/COMMITMENT.md`, section 7 |
//! | 64 | signature of the 240 bytes before it |

use proofbook_commitment::{PublicValues, PUBLIC_BYTES};

use crate::codec::Reader;
use crate::error::{Field, ReceiptError};
use crate::key::{OperatorKey, PublicKey, SIGNATURE_BYTES};

/// The first bytes of every signed batch; the last of them is the version.
pub const SIGNED_BATCH_MAGIC: [u8; 8] = *b"PBSIGND1";

/// Length of a signed batch.
pub const SIGNED_BATCH_BYTES: usize = SIGNED_BYTES + SIGNATURE_BYTES;

const SIGNED_BYTES: usize = 8 + PUBLIC_BYTES;

/// A batch and a signature. That it exists says nothing: [`SignedBatch::verify`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedBatch {
    /// What the batch is.
    pub values: PublicValues,
    /// The operator's signature.
    pub signature: [u8; SIGNATURE_BYTES],
}

impl SignedBatch {
    /// The batch, signed.
    pub fn sign(key: &OperatorKey, values: &PublicValues) -> Self {
        SignedBatch {
            values: *values,
            signature: key.sign(&signed_bytes(values)),
        }
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// [`ReceiptError::Signature`] where it is not this key's.
    pub fn verify(&self, key: &PublicKey) -> Result<(), ReceiptError> {
        if key.has_signed(&signed_bytes(&self.values), &self.signature) {
            Ok(())
        } else {
            let what = Field::SignedBatch;
            Err(ReceiptError::Signature { what })
        }
    }

    /// Its only encoding.
    pub fn encode(&self) -> [u8; SIGNED_BATCH_BYTES] {
        let mut bytes = [0; SIGNED_BATCH_BYTES];
        bytes[..SIGNED_BYTES].copy_from_slice(&signed_bytes(&self.values));
        bytes[SIGNED_BYTES..].copy_from_slice(&self.signature);
        bytes
    }

    /// The signed batch that encodes to exactly these bytes. Its signature is not checked.
    ///
    /// # Errors
    /// Bytes that encode none.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let what = Field::SignedBatch;
        let mut reader = Reader::new(what, SIGNED_BATCH_MAGIC, bytes)?;
        if bytes.len() != SIGNED_BATCH_BYTES {
            return Err(ReceiptError::Length {
                what,
                expected: SIGNED_BATCH_BYTES as u64,
                received: bytes.len() as u64,
            });
        }
        Ok(SignedBatch {
            values: reader.public_values()?,
            signature: reader.array()?,
        })
    }
}

fn signed_bytes(values: &PublicValues) -> [u8; SIGNED_BYTES] {
    let mut bytes = [0; SIGNED_BYTES];
    bytes[..8].copy_from_slice(&SIGNED_BATCH_MAGIC);
    bytes[8..].copy_from_slice(&values.encode());
    bytes
}
