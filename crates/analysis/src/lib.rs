//! The whole comparison: every book by operation, size and flow; pools, reclamation and lists beside their peers.
//!
//! [`command`] answers one question at a time with one JSON object, so that the caller can show how far the work has come and decide what a machine
//! has time for. What the figures mean is said elsewhere: this crate only measures.
//!
//! Rules of measuring, kept by all of it:
//! - a book is timed on a flow only after every event was found equal to the reference book's;
//! - contenders take turns (A B C A B C ...), so that a machine that wavers wavers for all of them;
//! - nothing is subtracted: what reading the clock costs stands beside the figures that contain it;
//! - where single operations are shorter than the clock can tell, several are timed together, and their number is part of the result.
#![deny(unsafe_code)]

mod command;
mod counters;
mod flows;
mod growth;
mod heap;
mod marks;
mod meter;
mod operation;
mod readers;
mod room;
mod shared;
mod standing;
mod streaming;

pub use command::{command, Error};
pub use heap::held;
