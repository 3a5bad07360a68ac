//! Sequencer, journal and matching put together: a market that survives a crash.
//!
//! [`Engine`] gives each command its number, writes it to the journal, applies it, and shows what came of it once the
//! journal acknowledges it. [`recover`] rebuilds the exact state after a crash. [`digest`] tells whether two states
//! are equal.
#![forbid(unsafe_code)]

mod digest;
mod engine;
mod error;
mod recover;

pub use proofbook_journal as journal;

pub use digest::{digest, state_bytes};
pub use engine::{Engine, HELD_EVENTS_MAX};
pub use error::EngineError;
pub use recover::{
    inspect, inspect_directory, recover, recover_directory, RecoveryReport, Verification,
};
