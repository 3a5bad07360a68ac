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
pub mod lockfree;
pub mod numa;
mod orders;
pub mod radix;
mod returned;
pub mod simd;
mod structure;

pub use ladder::{ladder_layout, Ladder, PagedLevels};
pub use lockfree::{lockfree_layout, OptimizedLockFreeLevels};
pub use radix::{radix_layout, RadixLevels, RadixOrderBook};
pub use simd::{simd_layout, SimdOrderBook};
pub use structure::{NamedBook, Structure, Visitor};

/// A book whose touch and depth many threads read while one changes it, over the ladder's levels or any others.
pub type OptimizedLockFreeOrderBook<L = PagedLevels> =
    linked::LinkedBook<OptimizedLockFreeLevels<L>>;

/// A book whose memory lies on one node, over the ladder's levels.
pub type LocalOrderBook = numa::LocalBook<PagedLevels>;
