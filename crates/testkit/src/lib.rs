//! What every book is tested with. A development dependency only.
//!
//! - [`flow`]: random commands of every kind in random markets, from bytes, so that one decoder serves property tests (which
//!   shrink), long seeded runs and fuzzers;
//! - [`workload`]: the benchmarks' order flow;
//! - [`conformance`]: drives a book and the reference book side by side and compares everything after every command;
//!   [`conformance!`] makes the tests for one book.
//!
//! Every failure names the seed that repeats it. `PROOFBOOK_SEED` sets another one, `PROOFBOOK_COMMANDS` the length of the
//! long runs.
#![forbid(unsafe_code)]

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod flow;

pub use proofbook_workload as workload;
