//! Fast implementations of [`proofbook_book::Book`], one module each.
//!
//! [`Ladder`] is the default: the one that the engine, the Python package and the C ABI use.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod ladder;

pub use ladder::Ladder;
