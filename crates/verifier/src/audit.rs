//! Receipts held against proven batches: the command stands where the operator signed that it does, or another one does.
//!
//! `proofbook-receipts` knows the files and checks them against public values; here these come from proofs, and from nothing else.

use std::error::Error;
use std::fmt;

use proofbook_receipts::{
    BatchPart, Contradiction, ContradictionError, Finding, InclusionError, Opened, PublicKey,
    Receipt, ReceiptError, SignedBatch,
};

use crate::error::VerifyError;
use crate::key::ProgramKey;
use crate::{verify_against, Verified};

/// What became of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Its command has its sequence.
    Stands(&'a Opened),
    /// Another command has its sequence.
    Contradicted(&'a Opened),
}

/// Why a receipt or a contradiction is not decided, or does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditError {
    /// The receipt is not signed by this key.
    Receipt(ReceiptError),
    /// The batch is one of another market than the receipt.
    OtherMarket {
        /// The receipt's market.
        expected: u64,
        /// The batch's.
        received: u64,
    },
    /// What should show the command does not belong to the batch, or does not show it.
    Inclusion(InclusionError),
    /// The proof of a batch does not hold.
    Proof(VerifyError),
    /// A contradiction shows nothing.
    Contradiction(ContradictionError),
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuditError::Receipt(error) => fmt::Display::fmt(error, f),
            AuditError::OtherMarket { expected, received } => write!(
                f,
                "receipt: expected a batch of its market {expected}; received one of market {received}"
            ),
            AuditError::Inclusion(error) => fmt::Display::fmt(error, f),
            AuditError::Proof(error) => fmt::Display::fmt(error, f),
            AuditError::Contradiction(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl Error for AuditError {}

/// Holds a receipt against the proven batch that has its sequence.
///
/// # Errors
/// The receipt is not this key's, the batch is not its market's, or `part` does not show what has its sequence.
pub fn audit<'a>(
    receipt: &Receipt,
    key: &PublicKey,
    batch: &Verified,
    part: &'a BatchPart,
) -> Result<Verdict<'a>, AuditError> {
    receipt.verify(key).map_err(AuditError::Receipt)?;
    let (expected, received) = (receipt.market, batch.values().market);
    if expected != received {
        return Err(AuditError::OtherMarket { expected, received });
    }
    let shown = part.check(batch.values()).map_err(AuditError::Inclusion)?;
    let opened = shown
        .command(receipt.sequence)
        .map_err(AuditError::Inclusion)?;
    Ok(if receipt.names(&opened.command) {
        Verdict::Stands(opened)
    } else {
        Verdict::Contradicted(opened)
    })
}

/// The contradiction of a receipt and the proven batch in which another command has its sequence, for anyone to check.
///
/// # Errors
/// Whatever [`check_contradiction`] would find wrong with it.
pub fn contradict(
    receipt: &Receipt,
    key: &PublicKey,
    proof: &[u8],
    part: &BatchPart,
    signed: Option<&SignedBatch>,
) -> Result<Contradiction, AuditError> {
    contradict_against(&ProgramKey::PINNED, receipt, key, proof, part, signed)
}

/// As [`contradict`], of another program.
pub(crate) fn contradict_against(
    program: &ProgramKey,
    receipt: &Receipt,
    key: &PublicKey,
    proof: &[u8],
    part: &BatchPart,
    signed: Option<&SignedBatch>,
) -> Result<Contradiction, AuditError> {
    let contradiction = Contradiction::OtherCommand {
        receipt: *receipt,
        signature: signed.map(|signed| signed.signature),
        part: Box::new(part.without_states()),
        proof: proof.to_vec(),
    };
    check_contradiction_against(program, &contradiction, key)?;
    Ok(contradiction)
}

/// Checks a contradiction from nothing but itself and the operator's key: signatures, proof, and that both cannot be true.
///
/// # Errors
/// The first thing that does not hold.
pub fn check_contradiction(
    contradiction: &Contradiction,
    key: &PublicKey,
) -> Result<Finding, AuditError> {
    check_contradiction_against(&ProgramKey::PINNED, contradiction, key)
}

/// As [`check_contradiction`], of another program. Private, as [`verify_against`] is.
pub(crate) fn check_contradiction_against(
    program: &ProgramKey,
    contradiction: &Contradiction,
    key: &PublicKey,
) -> Result<Finding, AuditError> {
    let verified = contradiction
        .proof()
        .map(|proof| verify_against(program, proof))
        .transpose()
        .map_err(AuditError::Proof)?;
    contradiction
        .check(key, verified.as_ref().map(Verified::values))
        .map_err(AuditError::Contradiction)
}
