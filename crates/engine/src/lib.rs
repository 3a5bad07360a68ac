//! Sequencer, journal and matching put together: a market that survives a crash.
//!
//! [`Sequenced`] does it for any [`Machine`]: the market is one, and [`Engine`] its name then; an exchange is another.
//!
//! [`Engine`] gives each command its number, writes it to the journal, applies it, and shows what came of it once the
//! journal acknowledges it. [`Replica`] follows such a log from the outside, while it grows. [`recover`] rebuilds the
//! exact state after a crash. [`digest`] tells whether two states are equal.
#![forbid(unsafe_code)]

mod digest;
mod engine;
mod error;
mod frozen;
mod machine;
mod recover;
mod replica;

pub use proofbook_journal as journal;

pub use digest::{digest, state_bytes};
pub use engine::{Engine, Sequenced};
pub use error::EngineError;
pub use frozen::Frozen;
pub use machine::{Machine, Maker, HELD_EVENTS_MAX};
pub use recover::{
    inspect, inspect_directory, recover, recover_directory, RecoveryReport, Verification,
};
pub use replica::Replica;
