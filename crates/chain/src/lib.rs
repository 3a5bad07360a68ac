//! Batches that follow each other.
//!
//! A proof speaks of one batch alone. That no batch was left out, repeated or replaced by another shows in the chain: number,
//! sequence, clock and state root continue without a gap, and market and configuration stay the same. [`Checkpoint`] is where a
//! chain stands; whoever holds it and gets what comes next sees every replay, gap and fork.
//!
//! [`join`] is the same check as a proven function: given proofs of batches, or of a chain and the batches after it, it says
//! what one proof can say of all of them ([`ChainValues`]).
//!
//! [`proof_file`] is the format of the files that proofs of both kinds come in.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod checkpoint;
mod join;
pub mod proof_file;
mod span;
mod values;

pub use checkpoint::{ChainError, Checkpoint, Number};
pub use join::{batch_leaf, join, ChainInput, Earlier};
pub use span::Span;
pub use values::{ChainValues, CHAIN_BYTES, CHAIN_VERSION, CHAIN_WORDS};
