//! Markets on nodes: moved while commands flow, nothing is lost, doubled or reordered; what breaks is told.
#![cfg(not(loom))]

mod all_at_once;
mod common;
mod failures;
mod moves;
mod placing;
mod wandering;

#[path = "../common/mod.rs"]
mod shown;
