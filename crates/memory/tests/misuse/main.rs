//! Attempts to break what can be used without unsafe code: objects whose drop panics, comes back in, or owns the pool; owners that are forgotten, sent away
//! or given to the wrong pool; values that are published inside of published values.
//!
//! Objects count how many of them live. The sanitizers see what a counter does not.
#![cfg(not(loom))]
#![forbid(unsafe_code)]

mod fragile;
#[path = "../objects/mod.rs"]
mod objects;
mod pools;
mod queues;
mod reclamation;
