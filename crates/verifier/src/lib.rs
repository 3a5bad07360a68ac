//! Checks that batches of a market were matched as the rules say, from their proofs alone.
//!
//! [`verify`] takes a proof file and gives what it proves, or an error; [`Chain`] takes proven batches one after another and
//! makes sure that each begins where the one before it ended; [`audit`] holds an operator's receipt against a proven batch. There is no
//! engine and no prover in here.
//!
//! Invariants:
//! - the program's key is part of this crate ([`ProgramKey::PINNED`]); nothing in a file can name another;
//! - [`Verified`] can only come from [`verify`], and [`Chain::extend`] takes nothing else;
//! - a file has one encoding: whatever is accepted encodes to the same bytes again;
//! - whatever the bytes, the answer is a value or an error: a stop in the crates below is a refusal. A proof is decoded in memory
//!   that its length bounds, and the length is bounded.
#![forbid(unsafe_code)]

mod audit;
mod chain;
mod compressed;
mod error;
mod key;
#[cfg(test)]
mod tests;

pub use audit::{audit, check_contradiction, contradict, AuditError, Verdict};
pub use chain::{Chain, ChainError, Checkpoint};
pub use error::{ValuesError, VerifyError};
pub use key::ProgramKey;
pub use proofbook_commitment::proof_file::{
    FormatError, Mode, ProofFile, HEAD_BYTES, PROOF_BYTES_MAX, PROOF_MAGIC,
};
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

/// Checks a proof file: its format, its public values, and its proof against the pinned program.
///
/// # Errors
/// Whatever is wrong first.
pub fn verify(file: &[u8]) -> Result<Verified, VerifyError> {
    verify_against(&ProgramKey::PINNED, file)
}

/// As [`verify`], of another program. Private, so that nobody outside the tests can ask about another one.
fn verify_against(key: &ProgramKey, file: &[u8]) -> Result<Verified, VerifyError> {
    let file = ProofFile::decode(file)?;
    let values = error::decode_values(file.public_values)?;
    match file.mode {
        Mode::Core => return Err(VerifyError::CoreProof),
        Mode::Compressed => compressed::check(key, file.public_values, file.proof)?,
    }
    Ok(Verified {
        values,
        mode: file.mode,
    })
}
