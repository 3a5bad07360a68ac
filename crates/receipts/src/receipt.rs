//! Receipts: the operator's signed word that a command has a sequence number in a market.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `PBRECPT1` |
//! | 8 | market |
//! | 8 | sequence |
//! | 8 | the command's time, nanoseconds |
//! | 32 | the command's hash, `docs/COMMITMENT.md`, tag 9 |
//! | 64 | signature of the 64 bytes before it |
//!
//! The first eight bytes say what is signed: nothing else that the operator signs begins with them.

use proofbook_commitment::{node, Digest, Portable};
use proofbook_types::{Command, Timestamp};

use crate::codec::Reader;
use crate::error::{Field, ReceiptError};
use crate::key::{OperatorKey, PublicKey, SIGNATURE_BYTES};

/// The first bytes of every receipt; the last of them is the version.
pub const RECEIPT_MAGIC: [u8; 8] = *b"PBRECPT1";

/// Length of a receipt.
pub const RECEIPT_BYTES: usize = 128;

const SIGNED_BYTES: usize = RECEIPT_BYTES - SIGNATURE_BYTES;

/// A receipt. That it exists says nothing: [`Receipt::verify`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Which market.
    pub market: u64,
    /// The number that the command has there.
    pub sequence: u64,
    /// When the command was sequenced.
    pub time: Timestamp,
    /// Hash of the command, its time included.
    pub command: Digest,
    /// The operator's signature.
    pub signature: [u8; SIGNATURE_BYTES],
}

/// Hash of a command, as the list of a batch's commands has it.
pub fn command_digest(command: &Command) -> Digest {
    node::command(&command.words()).digest::<Portable>()
}

impl Receipt {
    /// The receipt of a command.
    pub fn sign(key: &OperatorKey, market: u64, sequence: u64, command: &Command) -> Self {
        let mut receipt = Receipt {
            market,
            sequence,
            time: command.time,
            command: command_digest(command),
            signature: [0; SIGNATURE_BYTES],
        };
        receipt.signature = key.sign(&receipt.signed_bytes());
        receipt
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// [`ReceiptError::Signature`] where it is not this key's.
    pub fn verify(&self, key: &PublicKey) -> Result<(), ReceiptError> {
        if key.has_signed(&self.signed_bytes(), &self.signature) {
            Ok(())
        } else {
            let what = Field::Receipt;
            Err(ReceiptError::Signature { what })
        }
    }

    /// Whether it is a receipt of this command.
    pub fn names(&self, command: &Command) -> bool {
        self.time == command.time && self.command == command_digest(command)
    }

    fn signed_bytes(&self) -> [u8; SIGNED_BYTES] {
        let mut bytes = [0; SIGNED_BYTES];
        bytes[..8].copy_from_slice(&RECEIPT_MAGIC);
        bytes[8..16].copy_from_slice(&self.market.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.time.0.to_le_bytes());
        bytes[32..].copy_from_slice(&self.command.encode());
        bytes
    }

    /// Its only encoding.
    pub fn encode(&self) -> [u8; RECEIPT_BYTES] {
        let mut bytes = [0; RECEIPT_BYTES];
        bytes[..SIGNED_BYTES].copy_from_slice(&self.signed_bytes());
        bytes[SIGNED_BYTES..].copy_from_slice(&self.signature);
        bytes
    }

    /// The receipt that encodes to exactly these bytes. Its signature is not checked.
    ///
    /// # Errors
    /// Bytes that encode none.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let what = Field::Receipt;
        let mut reader = Reader::new(what, RECEIPT_MAGIC, bytes)?;
        if bytes.len() != RECEIPT_BYTES {
            return Err(ReceiptError::Length {
                what,
                expected: RECEIPT_BYTES as u64,
                received: bytes.len() as u64,
            });
        }
        Ok(Receipt {
            market: reader.word()?,
            sequence: reader.word()?,
            time: Timestamp(reader.word()?),
            command: reader.digest()?,
            signature: reader.array()?,
        })
    }
}
