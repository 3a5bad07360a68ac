//! Contradictions: two things that an operator signed, or signed and proved, of which one is false. They stand by themselves.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `PBCONTR1` |
//! | 1, 7 | what kind it is, and zeros |
//!
//! **1, another command, in a signed batch**: the receipt (128 bytes); the signature of the batch (64, as in a signed batch); length of an
//! inclusion file (4) and that file, which opens the command that has the sequence, and nothing of the states; the proof file of the
//! batch, to the end. **2, another command**: the same without the signature. Whether the batch is the operator's has to be known
//! otherwise. **3, two receipts** of one sequence for different commands: both. **4, two signed batches** of one number: both.

use std::error::Error;
use std::fmt;

use proofbook_chain::proof_file::{FormatError, ProofFile};
use proofbook_commitment::PublicValues;

use crate::codec::{put_piece, Reader};
use crate::error::{Field, ReceiptError};
use crate::inclusion::{BatchPart, Inclusion};
use crate::key::{PublicKey, SIGNATURE_BYTES};
use crate::receipt::{Receipt, RECEIPT_BYTES};
use crate::shown::InclusionError;
use crate::signed_batch::{SignedBatch, SIGNED_BATCH_BYTES};

/// The first bytes of every contradiction; the last of them is the version.
pub const CONTRADICTION_MAGIC: [u8; 8] = *b"PBCONTR1";

const OTHER_COMMAND_SIGNED: u8 = 1;
const OTHER_COMMAND: u8 = 2;
const TWO_RECEIPTS: u8 = 3;
const TWO_BATCHES: u8 = 4;

/// Two things of which one is false. It is not checked: [`Contradiction::check`] does that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// A receipt, and a batch in which another command has its sequence.
    OtherCommand {
        /// The receipt.
        receipt: Receipt,
        /// The operator's signature of the batch, if there is one.
        signature: Option<[u8; SIGNATURE_BYTES]>,
        /// The command that has the sequence.
        part: Box<BatchPart>,
        /// The batch's proof file.
        proof: Vec<u8>,
    },
    /// Two receipts of one sequence.
    TwoReceipts([Receipt; 2]),
    /// Two signed batches of one number.
    TwoBatches(Box<[SignedBatch; 2]>),
}

/// What a contradiction shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Another command has the sequence of the receipt.
    OtherCommand {
        /// Which market.
        market: u64,
        /// Which batch.
        batch: u64,
        /// Which sequence.
        sequence: u64,
        /// Whether the operator signed the batch. If not, someone else may have proven it.
        is_signed: bool,
    },
    /// One sequence was promised twice.
    TwoReceipts {
        /// Which market.
        market: u64,
        /// Which sequence.
        sequence: u64,
    },
    /// One number has two batches.
    TwoBatches {
        /// Which market.
        market: u64,
        /// Which number.
        batch: u64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::OtherCommand {
                market,
                batch,
                sequence,
                is_signed,
            } => {
                write!(
                    f,
                    "market {market}: the operator signed that one command has sequence {sequence}, and in batch {batch}, which is \
                     proven, another one has it"
                )?;
                if *is_signed {
                    write!(f, "; the operator signed that batch too")
                } else {
                    write!(f, "; that batch is not signed: anyone can have proven it")
                }
            }
            Finding::TwoReceipts { market, sequence } => write!(
                f,
                "market {market}: the operator signed that sequence {sequence} is that of two different commands"
            ),
            Finding::TwoBatches { market, batch } => write!(
                f,
                "market {market}: the operator signed two different batches with the number {batch}"
            ),
        }
    }
}

/// Why a contradiction shows nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContradictionError {
    /// A signature in it does not hold.
    Signature(ReceiptError),
    /// Receipt and batch, or the two of a kind, are about different markets.
    OtherMarket {
        /// The market of the first.
        expected: u64,
        /// The market of the second.
        received: u64,
    },
    /// The two of a kind have different numbers.
    OtherNumber {
        /// The number of the first.
        expected: u64,
        /// The number of the second.
        received: u64,
    },
    /// Its proof file is none.
    Format(FormatError),
    /// The values of its proof file are not those that were proven.
    OtherBatch,
    /// The sequence is not the batch's, or what should be in its list is not.
    Inclusion(InclusionError),
    /// There is no contradiction: both can be true.
    Agree,
}

impl fmt::Display for ContradictionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ContradictionError::Signature(error) => fmt::Display::fmt(error, f),
            ContradictionError::OtherMarket { expected, received } => write!(
                f,
                "no contradiction: expected both to be of market {expected}; received market {received}"
            ),
            ContradictionError::OtherNumber { expected, received } => write!(
                f,
                "no contradiction: expected both to have the number {expected}; received {received}"
            ),
            ContradictionError::Format(error) => fmt::Display::fmt(error, f),
            ContradictionError::OtherBatch => write!(
                f,
                "no contradiction: expected the public values that are proven; received others"
            ),
            ContradictionError::Inclusion(error) => write!(f, "no contradiction: {error}"),
            ContradictionError::Agree => write!(
                f,
                "no contradiction: expected two things that cannot both be true; received two that say the same"
            ),
        }
    }
}

impl Error for ContradictionError {}

fn equal(
    expected: u64,
    received: u64,
    error: impl FnOnce(u64, u64) -> ContradictionError,
) -> Result<(), ContradictionError> {
    if expected == received {
        Ok(())
    } else {
        Err(error(expected, received))
    }
}

fn other_market(expected: u64, received: u64) -> ContradictionError {
    ContradictionError::OtherMarket { expected, received }
}

fn other_number(expected: u64, received: u64) -> ContradictionError {
    ContradictionError::OtherNumber { expected, received }
}

impl Contradiction {
    /// The proof file that it holds. Whoever checks the contradiction has to check that first.
    pub fn proof(&self) -> Option<&[u8]> {
        match self {
            Contradiction::OtherCommand { proof, .. } => Some(proof),
            _ => None,
        }
    }

    /// Checks all but the proof of the batch. `proven` is what that proof proves: the caller has it from a verifier.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn check(
        &self,
        key: &PublicKey,
        proven: Option<&PublicValues>,
    ) -> Result<Finding, ContradictionError> {
        match self {
            Contradiction::OtherCommand { proof, .. } => {
                let file = ProofFile::decode(proof).map_err(ContradictionError::Format)?;
                let proven = proven.filter(|proven| proven.encode() == *file.public_values);
                self.check_command(key, proven.ok_or(ContradictionError::OtherBatch)?)
            }
            Contradiction::TwoReceipts([first, second]) => {
                for receipt in [first, second] {
                    receipt.verify(key).map_err(ContradictionError::Signature)?;
                }
                equal(first.market, second.market, other_market)?;
                equal(first.sequence, second.sequence, other_number)?;
                if (first.time, first.command) == (second.time, second.command) {
                    return Err(ContradictionError::Agree);
                }
                let (market, sequence) = (first.market, first.sequence);
                Ok(Finding::TwoReceipts { market, sequence })
            }
            Contradiction::TwoBatches(batches) => {
                let [first, second] = &**batches;
                for batch in [first, second] {
                    batch.verify(key).map_err(ContradictionError::Signature)?;
                }
                equal(first.values.market, second.values.market, other_market)?;
                equal(first.values.batch, second.values.batch, other_number)?;
                if first.values == second.values {
                    return Err(ContradictionError::Agree);
                }
                let (market, batch) = (first.values.market, first.values.batch);
                Ok(Finding::TwoBatches { market, batch })
            }
        }
    }

    fn check_command(
        &self,
        key: &PublicKey,
        proven: &PublicValues,
    ) -> Result<Finding, ContradictionError> {
        let Contradiction::OtherCommand {
            receipt,
            signature,
            part,
            ..
        } = self
        else {
            return Err(ContradictionError::Agree);
        };
        receipt.verify(key).map_err(ContradictionError::Signature)?;
        if let Some(signature) = *signature {
            let values = *proven;
            SignedBatch { values, signature }
                .verify(key)
                .map_err(ContradictionError::Signature)?;
        }
        equal(receipt.market, proven.market, other_market)?;
        let inclusion = ContradictionError::Inclusion;
        let shown = part.check(proven).map_err(inclusion)?;
        let opened = shown.command(receipt.sequence).map_err(inclusion)?;
        if receipt.names(&opened.command) {
            return Err(ContradictionError::Agree);
        }
        Ok(Finding::OtherCommand {
            market: proven.market,
            batch: proven.batch,
            sequence: receipt.sequence,
            is_signed: signature.is_some(),
        })
    }

    fn kind(&self) -> u8 {
        match self {
            Contradiction::OtherCommand {
                signature: Some(_), ..
            } => OTHER_COMMAND_SIGNED,
            Contradiction::OtherCommand { .. } => OTHER_COMMAND,
            Contradiction::TwoReceipts(_) => TWO_RECEIPTS,
            Contradiction::TwoBatches(_) => TWO_BATCHES,
        }
    }

    /// Its only encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = CONTRADICTION_MAGIC.to_vec();
        out.extend([self.kind(), 0, 0, 0, 0, 0, 0, 0]);
        match self {
            Contradiction::OtherCommand {
                receipt,
                signature,
                part,
                proof,
            } => {
                out.extend(receipt.encode());
                out.extend(signature.iter().flatten());
                put_piece(Some(Inclusion::encode_one(part)), &mut out);
                out.extend(proof);
            }
            Contradiction::TwoReceipts(receipts) => {
                out.extend(receipts.iter().flat_map(Receipt::encode));
            }
            Contradiction::TwoBatches(batches) => {
                out.extend(batches.iter().flat_map(SignedBatch::encode));
            }
        }
        out
    }

    /// The contradiction that encodes to exactly these bytes. Nothing that it says is checked.
    ///
    /// # Errors
    /// Bytes that encode none.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let mut reader = Reader::new(Field::Contradiction, CONTRADICTION_MAGIC, bytes)?;
        let [kind, zeros @ ..]: [u8; 8] = reader.array()?;
        if zeros != [0; 7] {
            return reader.malformed("seven zeros after its kind");
        }
        let contradiction = match kind {
            OTHER_COMMAND_SIGNED | OTHER_COMMAND => Contradiction::OtherCommand {
                receipt: Receipt::decode(reader.bytes(RECEIPT_BYTES)?)?,
                signature: match kind {
                    OTHER_COMMAND_SIGNED => Some(reader.array()?),
                    _ => None,
                },
                part: match Inclusion::decode_one(reader.piece()?)? {
                    Some(part) if !part.has_states() => Box::new(part),
                    _ => {
                        return reader
                            .malformed("an inclusion file of one batch without its states")
                    }
                },
                proof: reader.bytes(reader.left())?.to_vec(),
            },
            TWO_RECEIPTS => {
                let mut next = || Receipt::decode(reader.bytes(RECEIPT_BYTES)?);
                Contradiction::TwoReceipts([next()?, next()?])
            }
            TWO_BATCHES => {
                let mut next = || SignedBatch::decode(reader.bytes(SIGNED_BATCH_BYTES)?);
                Contradiction::TwoBatches(Box::new([next()?, next()?]))
            }
            _ => return reader.malformed("kind 1 to 4"),
        };
        reader.end()?;
        Ok(contradiction)
    }
}
