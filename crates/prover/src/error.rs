//! What can go wrong, and what was expected.

use std::fmt;

use proofbook_chain::ChainError;
use proofbook_ledger::BatchFileError;

use crate::proof::ProofFileError;

/// Why there is no result.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProverError {
    /// The program ended itself: with 1 where batch or witness are false, with 3 where they are no words or missing.
    Guest {
        /// What it ended with; a proof needs 0.
        exit_code: u64,
    },
    /// The program could not be run, or did what cannot be proven.
    Execution(String),
    /// The program said something else than the batch says that it does.
    Values {
        /// The batch's public values.
        expected: Vec<u8>,
        /// The program's.
        received: Vec<u8>,
    },
    /// This executable was built without that mode.
    NotBuilt {
        /// The mode that was asked for.
        mode: &'static str,
        /// The feature of this crate that it needs.
        feature: &'static str,
    },
    /// The mode needs something that is not there.
    NotAvailable {
        /// The mode that was asked for.
        mode: &'static str,
        /// All that it needs.
        needs: String,
    },
    /// The bytes are no program for the zkVM.
    Program(String),
    /// The program has another verifying key than the one that was asked for.
    Key {
        /// Hash of the key that was asked for.
        expected: String,
        /// Hash of the program's key.
        received: String,
    },
    /// The prover failed.
    Proving(String),
    /// The proof is none of this program with these public values.
    Verification(String),
    /// A batch file is none.
    BatchFile(BatchFileError),
    /// A proof file is none.
    ProofFile(ProofFileError),
    /// Proofs that are to be joined do not follow each other.
    Chain(ChainError),
    /// A file could not be read or written.
    Io {
        /// Which.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A request is none.
    Request(String),
}

impl ProverError {
    /// A short name that never changes.
    pub fn code(&self) -> &'static str {
        match self {
            ProverError::Guest { .. } => "guest",
            ProverError::Execution(_) => "execution",
            ProverError::Values { .. } => "values",
            ProverError::NotBuilt { .. } => "not_built",
            ProverError::NotAvailable { .. } => "not_available",
            ProverError::Program(_) => "program",
            ProverError::Key { .. } => "key",
            ProverError::Proving(_) => "proving",
            ProverError::Verification(_) => "verification",
            ProverError::BatchFile(_) => "batch_file",
            ProverError::ProofFile(_) => "proof_file",
            ProverError::Chain(_) => "chain",
            ProverError::Io { .. } => "io",
            ProverError::Request(_) => "request",
        }
    }
}

impl fmt::Display for ProverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProverError::Guest { exit_code: 1 } => {
                write!(
                    f,
                    "the program refuses the batch or its witness (exit code 1)"
                )
            }
            ProverError::Guest { exit_code } => {
                write!(
                    f,
                    "expected the program to end with 0; it ended with {exit_code}"
                )
            }
            ProverError::Execution(why) => write!(f, "the program cannot be run: {why}"),
            ProverError::Values { expected, received } => write!(
                f,
                "expected public values {}; the program gives {}",
                hex::encode(expected),
                hex::encode(received)
            ),
            ProverError::NotBuilt { mode, feature } => {
                write!(f, "{mode} proofs need the prover built with its feature `{feature}` (make prover)")
            }
            ProverError::NotAvailable { mode, needs } => write!(f, "{mode} proofs need {needs}"),
            ProverError::Program(why) => write!(f, "no program for the zkVM: {why}"),
            ProverError::Key { expected, received } => {
                write!(
                    f,
                    "expected a program with the verifying key {expected}; received {received}"
                )
            }
            ProverError::Proving(why) => write!(f, "the prover failed: {why}"),
            ProverError::Verification(why) => write!(f, "the proof does not hold: {why}"),
            ProverError::BatchFile(error) => error.fmt(f),
            ProverError::ProofFile(error) => error.fmt(f),
            ProverError::Chain(error) => write!(f, "the batches do not follow each other: {error}"),
            ProverError::Io { path, error } => write!(f, "{path}: {error}"),
            ProverError::Request(why) => write!(f, "{why}"),
        }
    }
}

impl std::error::Error for ProverError {}

impl From<BatchFileError> for ProverError {
    fn from(error: BatchFileError) -> Self {
        ProverError::BatchFile(error)
    }
}

impl From<ProofFileError> for ProverError {
    fn from(error: ProofFileError) -> Self {
        ProverError::ProofFile(error)
    }
}
