//! Implementations of [`proofbook_book::Book`], one module each.
//!
//! [`Ladder`] is the default: the one that the engine, the Python package and the C ABI use.
//!
//! What the books have in common stands once: `orders` keeps live orders in a slab and finds them by id, account and expiry; `directory` is a
//! search tree for levels, for books that have one; [`linked`] makes a book of it and of any structure for price levels, behind the trait [`linked::Levels`].
#![deny(unsafe_code)]

pub mod cache;
mod directory;
mod ladder;
pub mod layout;
pub mod linked;
pub mod lockfree;
mod orders;
mod parcels;
pub mod radix;
pub mod simd;
pub mod skiplist;

pub use cache::{cache_layout, CacheOptimizedOrderBook};
pub use ladder::{ladder_layout, Ladder, PagedLevels};
pub use lockfree::{lockfree_layout, OptimizedLockFreeLevels};
pub use radix::{radix_layout, RadixLevels, RadixOrderBook};
pub use simd::{simd_layout, SimdOrderBook};
pub use skiplist::{skiplist_layout, LockFreeSkipList, SkipListOrderBook};

/// A book whose touch and depth many threads read while one changes it, over the ladder's levels or any others.
pub type OptimizedLockFreeOrderBook<L = PagedLevels> =
    linked::LinkedBook<OptimizedLockFreeLevels<L>>;
