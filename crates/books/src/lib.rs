//! Fast implementations of [`proofbook_book::Book`], one module each.
//!
//! [`Ladder`] is the default: the one that the engine, the Python package and the C ABI use.
//!
//! With the feature `std`, [`Ladder::with_secret_seed`] draws the seed of the id index from the operating system.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod ladder;

pub use ladder::Ladder;
