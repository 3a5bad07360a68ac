//! Runs and proves batches in SP1.
//!
//! A batch is a [`Sealed`](proofbook_ledger::Sealed): what the proven program is given, and what it must say. [`executor`] runs
//! the program and counts; [`prover`] has the one trait by which batches are proven, and [`Local`], which does it on this machine;
//! [`worker`] takes requests line by line, so that what a process pays once is paid once. [`proof`] is the format of what
//! comes out. [`chain`] joins proofs of batches into one.
//!
//! Nothing is given out that was not verified first: values against what the batch says, a proof against the program's
//! verifying key.

pub mod chain;
#[cfg(feature = "prove")]
mod compressed;
#[cfg(feature = "core")]
mod core_proof;
pub mod cycles;
mod error;
pub mod executor;
pub mod market;
pub mod memory;
#[cfg(feature = "profile")]
pub mod profile;
pub mod program;
pub mod proof;
pub mod prover;
#[cfg(not(feature = "prove"))]
mod without;
pub mod worker;

pub use chain::{ChainProof, ToJoin};
pub use error::ProverError;
pub use executor::Execution;
pub use program::ProvenProgram;
pub use proof::{Proof, ProofMode};
pub use prover::{Local, Prover};
