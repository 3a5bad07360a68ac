//! The proven function: previous root, commands and witness give public values.
//!
//! [`run`] is what a proof is a proof of. It rebuilds the previous root from what it is given, runs the rules of
//! `proofbook-matching` over a [`TrieBook`] that holds the nodes of the witness, and hashes what changed. Nothing that
//! it is given is believed: a node counts once it has the digest that a root leads to. A false witness makes it panic,
//! and so gives no proof; any commands do not.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod batch;
mod book;
mod events;
mod run;

pub use batch::{BatchInput, BATCH_WORDS};
pub use book::TrieBook;
pub use events::EventHasher;
pub use run::{apply, run, Observer};
