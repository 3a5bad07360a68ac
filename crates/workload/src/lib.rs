//! Synthetic order flow of one liquid equity, for benchmarks, samples and tests.
//!
//! The model and its parameters are those that the benchmark harness `flash1-dev/matching-engine-benchmark` publishes,
//! so that figures can be set beside its table; this generator is written from that description, with random numbers of
//! its own, and yields other orders than theirs.
//!
//! - The mid price is a geometric Brownian motion of a million steps, scaled so that its spread over the run is
//!   the scenario's swing. Buys are priced along the first half of the path, sells along the second; then the order
//!   of arrival is shuffled, so that flow crosses where the two halves overlap.
//! - An order stands `d` ticks behind its mid with a weight of d^-2.23 + 5 exp(-(d - 9)² / 2): most stand about 9 ticks
//!   away, some close, few far.
//! - 15% are immediate-or-cancel. Of the others, 20% are modified once (one lot more, in 80% of cases one tick closer)
//!   and 95% are cancelled after an exponential lifetime of median 0.431 ms, longer for deeper orders; 2% of cancels
//!   come twice, and 2% of modifies come again after the cancel.
//! - Ids are dense, from 1, and arrive in random order. New orders arrive evenly over six and a half hours, so that most
//!   are cancelled before the next one comes.
//!
//! [`ManyFlows`] gives each of many books a small flow of its own: of a scenario, or of every kind of command that such books take.
//!
//! Invariants: equal parameters give equal commands on every machine; times never run backwards.
#![forbid(unsafe_code)]

mod generate;
mod many;
mod message;
mod mixed;
mod random;

pub use generate::{generate, Parameters, Scenario};
pub use many::{FlowKind, ManyFlows};
pub use message::{read_messages, write_messages, FileError, Message, MessageKind, MESSAGE_BYTES};
pub use random::{exp, ln, Random};
