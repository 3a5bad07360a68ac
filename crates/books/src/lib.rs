//! Implementations of [`proofbook_book::Book`], one module each.
//!
//! [`Ladder`] is the default: the one that the engine, the Python package and the C ABI use.
//!
//! [`Structure`] lists all books by name.
//!
//! What the books have in common stands once: `orders` keeps live orders in a slab and finds them by id, account and expiry;
//! [`linked`] makes a book of it and of any structure for price levels, behind the trait [`linked::Levels`].
#![deny(unsafe_code)]

pub mod hybrid;
mod ladder;
pub mod layout;
pub mod linked;
mod orders;
pub mod simd;
mod structure;

pub use ladder::{ladder_layout, Ladder, PagedLevels};
pub use simd::{simd_layout, SimdOrderBook};
pub use structure::{NamedBook, Structure, Visitor};
