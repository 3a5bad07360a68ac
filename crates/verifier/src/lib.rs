//! Checks that batches of a market were matched as the rules say, from their proofs alone.
//!
//! [`verify`] takes a proof file of a batch and gives what it proves, or an error; [`verify_chain`] takes that of a chain of batches.
//! [`Chain`] takes what was proven, one after another, and makes sure that each begins where the one before it ended; [`audit`]
//! holds an operator's receipt against a proven batch. There is no
//! engine and no prover in here.
//!
//! Invariants:
//! - the programs' keys are part of this crate ([`ProgramKey::PINNED`]); nothing in a file can name another;
//! - [`Verified`] can only come from [`verify`], [`VerifiedChain`] from [`verify_chain`], and [`Chain`] takes nothing else;
//! - a file has one encoding: whatever is accepted encodes to the same bytes again;
//! - whatever the bytes, the answer is a value or an error: a stop in the crates below is a refusal. A proof is decoded in memory
//!   that its length bounds, and the length is bounded.
#![forbid(unsafe_code)]

use proofbook_chain::batch_leaf;
use proofbook_commitment::{ListHasher, Portable};

mod audit;
mod chain;
mod compressed;
mod error;
mod key;
#[cfg(test)]
mod tests;

pub use audit::{audit, check_contradiction, contradict, AuditError, Verdict};
pub use chain::Chain;
pub use error::{ValuesError, VerifyError};
pub use key::ProgramKey;
pub use proofbook_chain::proof_file::{
    FormatError, Mode, ProofFile, HEAD_BYTES, PROOF_BYTES_MAX, PROOF_MAGIC,
};
pub use proofbook_chain::{ChainError, ChainValues, Checkpoint, Number, Span, CHAIN_BYTES};
pub use proofbook_commitment::{Digest, PublicValues, PUBLIC_BYTES};

/// No compressed proof is longer; those that exist have about 1.3 MB.
pub const COMPRESSED_BYTES_MAX: u64 = 8 << 20;

/// What a proof proves. That it exists says that the proof held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    values: PublicValues,
    mode: Mode,
}

impl Verified {
    /// What was proven of the batch.
    pub fn values(&self) -> &PublicValues {
        &self.values
    }

    /// The kind of the proof.
    pub fn mode(&self) -> Mode {
        self.mode
    }
}

/// What a proof of a chain proves. That it exists says that the proof held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedChain {
    values: ChainValues,
}

impl VerifiedChain {
    /// What was proven of the batches.
    pub fn values(&self) -> &ChainValues {
        &self.values
    }

    /// What was proven of each batch, from the public values of all of them, one after the other: the list of batches
    /// that the proof binds has these leaves and no other.
    ///
    /// # Errors
    /// Where they are not those of the chain.
    pub fn batches(&self, values: &[u8]) -> Result<Vec<Verified>, VerifyError> {
        let verified = |values| Verified {
            values,
            mode: Mode::Chain,
        };
        let batches = open_batches(&self.values, values)?;
        Ok(batches.into_iter().map(verified).collect())
    }
}

/// The batches that a chain's values bind, from the public values of all of them, one after the other. They are proven if the
/// chain's values are, which is not asked here: [`VerifiedChain::batches`] is this for values that were.
///
/// # Errors
/// Where they are not those of the chain.
pub fn open_batches(chain: &ChainValues, values: &[u8]) -> Result<Vec<PublicValues>, VerifyError> {
    let (encoded, rest) = values.as_chunks::<PUBLIC_BYTES>();
    let expected = chain.batches();
    if encoded.len() as u64 != expected || !rest.is_empty() {
        let received = values.len() as u64;
        return Err(VerifyError::BatchesLength { expected, received });
    }
    let mut list = ListHasher::<Portable>::default();
    let mut batches = Vec::with_capacity(encoded.len());
    for bytes in encoded {
        let values = error::decode_values(bytes)?;
        list.push(batch_leaf::<Portable>(&values));
        batches.push(values);
    }
    if list.root() == chain.batch_root {
        Ok(batches)
    } else {
        Err(VerifyError::OtherBatches)
    }
}

/// Checks a proof file of a batch: its format, its public values, and its proof against the pinned program.
///
/// # Errors
/// Whatever is wrong first.
pub fn verify(file: &[u8]) -> Result<Verified, VerifyError> {
    verify_against(&ProgramKey::PINNED, file)
}

/// As [`verify`], of another program. Private, so that nobody outside the tests can ask about another one.
fn verify_against(key: &ProgramKey, file: &[u8]) -> Result<Verified, VerifyError> {
    let file = ProofFile::decode(file)?;
    match file.mode {
        Mode::Core => return Err(VerifyError::CoreProof),
        Mode::Chain => return Err(VerifyError::ChainProof),
        Mode::Compressed => {}
    }
    let values = error::decode_values(file.public_values)?;
    compressed::check(key, file.public_values, file.proof)?;
    Ok(Verified {
        values,
        mode: file.mode,
    })
}

/// Checks a proof file of a chain: its format, its public values, its proof against the pinned program that joins, and that the
/// batches were proven with the pinned program.
///
/// # Errors
/// Whatever is wrong first.
pub fn verify_chain(file: &[u8]) -> Result<VerifiedChain, VerifyError> {
    verify_chain_against(&ProgramKey::PINNED_CHAIN, &ProgramKey::PINNED, file)
}

/// As [`verify_chain`], of other programs. Private, as [`verify_against`].
fn verify_chain_against(
    chain: &ProgramKey,
    batch: &ProgramKey,
    file: &[u8],
) -> Result<VerifiedChain, VerifyError> {
    let file = ProofFile::decode(file)?;
    match file.mode {
        Mode::Core | Mode::Compressed => return Err(VerifyError::BatchProof),
        Mode::Chain => {}
    }
    let values = error::decode_chain_values(file.public_values)?;
    let named = ProgramKey::from_digest(values.batch_program);
    if named != *batch {
        return Err(VerifyError::OtherBatchProgram {
            expected: *batch,
            received: named,
        });
    }
    // The program takes proofs of earlier chains of the program that its values name, so it has to be the one that is pinned.
    let named = ProgramKey::from_digest(values.chain_program);
    if named != *chain {
        return Err(VerifyError::OtherProgram {
            expected: *chain,
            received: named,
        });
    }
    compressed::check(chain, file.public_values, file.proof)?;
    Ok(VerifiedChain { values })
}
