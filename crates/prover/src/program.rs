//! The proven programs: their bytes, and what the executor makes of them.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use sp1_core_executor::Program;

use crate::ProverError;

/// Another checkout is another compile, and has its own programs and keys: `.cargo/config.toml`.
const _: Option<&str> = option_env!("PROOFBOOK_CHECKOUT");

/// The program that proves a batch, as `make guest` built it.
pub const PROGRAM: &[u8] = include_bytes!("../../../guest/program.elf");
/// The program that joins proofs of batches.
pub const CHAIN_PROGRAM: &[u8] = include_bytes!("../../../guest/chain.elf");

/// A program, ready to be run any number of times.
#[derive(Clone)]
pub struct ProvenProgram {
    elf: Vec<u8>,
    program: Arc<Program>,
}

impl ProvenProgram {
    /// The committed one that proves a batch.
    ///
    /// # Panics
    /// Where it is none, which a test would have found.
    pub fn committed() -> Self {
        ProvenProgram::from_elf(PROGRAM.to_vec()).expect("the committed program is one")
    }

    /// The committed one that joins proofs.
    ///
    /// # Panics
    /// Where it is none, which a test would have found.
    pub fn committed_chain() -> Self {
        ProvenProgram::from_elf(CHAIN_PROGRAM.to_vec()).expect("the committed program is one")
    }

    /// Any other.
    ///
    /// # Errors
    /// Where these bytes are no program for the zkVM.
    pub fn from_elf(elf: Vec<u8>) -> Result<Self, ProverError> {
        let program =
            Program::from(&elf).map_err(|error| ProverError::Program(error.to_string()))?;
        let program = Arc::new(program);
        Ok(ProvenProgram { elf, program })
    }

    /// Its bytes.
    pub fn elf(&self) -> &[u8] {
        &self.elf
    }

    /// What the executor takes.
    pub fn program(&self) -> Arc<Program> {
        self.program.clone()
    }

    /// SHA-256 of its bytes.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.elf).into()
    }
}
