//! Memory for structures that many threads share: pools, safe reclamation, and queues without locks.
//!
//! Everything that threads share goes through [`sync`], so that the models in `tests/` can run the same code under loom.
#![deny(unsafe_code)]

pub mod numa;
pub mod pool;
pub mod sync;
