//! Sequencer, journal and matching put together.
#![forbid(unsafe_code)]

mod digest;

pub use digest::{digest, state_bytes};
