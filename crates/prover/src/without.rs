//! Stands for the provers that this was built without: they cannot be started.
//!
//! The types have no values, so what would need one is never reached, which the compiler knows.

use std::convert::Infallible;

use crate::memory::MemoryLimit;
#[cfg(not(feature = "core"))]
use crate::prover::VerifyingKey;
#[cfg(not(feature = "prove"))]
use crate::ToJoin;
use crate::{ProofMode, ProvenProgram, ProverError};

/// A prover that was not built.
pub struct Without<const MODE: u8>(Infallible);

/// The core prover.
#[cfg(not(feature = "core"))]
pub type CoreProver = Without<{ ProofMode::Core as u8 }>;
/// The prover of compressed proofs.
#[cfg(not(feature = "prove"))]
pub type CompressedProver = Without<{ ProofMode::Compressed as u8 }>;

impl<const MODE: u8> Without<MODE> {
    /// Says which feature has it.
    pub fn new(_program: &ProvenProgram, _memory: MemoryLimit) -> Result<Self, ProverError> {
        let (mode, feature) = if MODE == ProofMode::Core as u8 {
            (ProofMode::Core, "core")
        } else {
            (ProofMode::Compressed, "prove")
        };
        let mode = mode.name();
        Err(ProverError::NotBuilt { mode, feature })
    }

    /// Never called.
    #[cfg(not(feature = "core"))]
    pub fn key(&self) -> Result<VerifyingKey, ProverError> {
        match self.0 {}
    }

    /// Never called.
    pub fn prove(&self, _inputs: &[Vec<u8>]) -> Result<Vec<u8>, ProverError> {
        match self.0 {}
    }

    /// Never called.
    pub fn verify(&self, _proof: &[u8], _values: &[u8]) -> Result<(), ProverError> {
        match self.0 {}
    }

    /// Never called.
    #[cfg(not(feature = "prove"))]
    pub fn join(&self, _parts: &ToJoin) -> Result<Vec<u8>, ProverError> {
        match self.0 {}
    }

    /// Never called.
    #[cfg(not(feature = "prove"))]
    pub fn verify_chain(&self, _proof: &[u8], _values: &[u8]) -> Result<(), ProverError> {
        match self.0 {}
    }
}
