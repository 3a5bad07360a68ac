//! What books and concurrent structures are tested with. A development dependency only.
//!
//! - [`flow`]: random commands of every kind in random markets, from bytes, so that one decoder serves property tests (which
//!   shrink), long seeded runs and fuzzers;
//! - [`workload`]: the benchmarks' order flow;
//! - [`conformance`]: drives a book and the reference book side by side and compares everything after every command;
//!   [`conformance!`] makes the tests for one book;
//! - [`files`]: real data where it is at hand, and folders for one test;
//! - [`linearizability`]: decides whether what threads saw of a shared structure is what some order of their operations gives.
//!
//! Every failure names the seed that repeats it. `PROOFBOOK_SEED` sets another one, `PROOFBOOK_COMMANDS` the length of the
//! long runs.
#![forbid(unsafe_code)]

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod files;
pub mod flow;
pub mod linearizability;

pub use proofbook_workload as workload;
