//! The committed state of a live market, off the path of its orders.
//!
//! A [`Ledger`] holds every node of a market's tries. It follows the market by commands and events alone ([`Follower`]), so any
//! book may run it; what changed in a batch goes into the tries once, at the batch's end. Before that it can run the batch
//! over its own nodes and write down which ones that takes: the witness of a proof ([`Ledger::seal`]).
#![forbid(unsafe_code)]

pub mod file;
mod folded_hash;
mod follow;
mod layers;
mod ledger;
mod record;
mod shown;
mod wide;

pub use file::BatchFileError;
pub use follow::Follower;
pub use ledger::{Ledger, Sealed};
pub use proofbook_poseidon2_simd::Kernel;
pub use record::{ListRoots, Record};
pub use shown::Question;
