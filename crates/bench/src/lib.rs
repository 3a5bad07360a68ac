//! Benchmarks: result hash first, then time.
//!
//! A [`Contender`] is anything that takes the messages of a workload one at a time. The same code times all of them: the
//! books of this project, and peers from elsewhere, each in a program of its own. Every number comes with what
//! is needed to read it: how many messages, what the clock itself costs, how much the machine wavers.
//!
//! What is timed is matching in one thread: commands lie ready in memory, and every event is written into a ring buffer.
//! Nothing is journalled, sent or printed. [`command`] is the way in, for the command line and for Python alike.
#![forbid(unsafe_code)]

mod books;
mod command;
mod commitment;
mod contender;
mod json;
pub mod latency;
pub mod machine;
mod measure;
mod quick;

pub use books::{
    config, digest, event_digest, BookMarket, Depth, EventDigest, LadderMarket, ReferenceMarket,
};
pub use command::{command, main, peer_main, Error};
pub use contender::{Contender, Fills};
pub use json::Value;
pub use measure::{measure, spread, throughput, throughput_of, Plan, Spread, Throughput};
