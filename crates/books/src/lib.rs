//! Implementations of [`proofbook_book::Book`], one module each.
//!
//! [`Ladder`] is the default: the one that the engine, the Python package and the C ABI use.
//!
//! [`Structure`] lists all books by name.
//!
//! What the books have in common stands once: `orders` keeps live orders in a slab and finds them by id, account and expiry; `directory` is a
//! search tree for levels, for books that have one; [`linked`] makes a book of it and of any structure for price levels, behind the trait
//! [`linked::Levels`]. [`SlotIndex`] finds slots by key for whoever else keeps things in slabs.
#![deny(unsafe_code)]

pub mod cache;
mod directory;
pub mod hybrid;
mod ladder;
pub mod layout;
pub mod linked;
pub mod lockfree;
pub mod numa;
mod orders;
mod parcels;
pub mod radix;
pub mod simd;
pub mod skiplist;
mod structure;

pub use cache::{cache_layout, CacheOptimizedOrderBook};
pub use ladder::{ladder_layout, Ladder, PagedLevels};
pub use lockfree::{lockfree_layout, OptimizedLockFreeLevels};
pub use orders::Index as SlotIndex;
pub use radix::{radix_layout, RadixLevels, RadixOrderBook, RadixTier};
pub use simd::{simd_layout, SimdOrderBook};
pub use skiplist::{skiplist_layout, LockFreeSkipList, SkipListOrderBook};
pub use structure::{NamedBook, Structure, Visitor};

/// A book whose touch and depth many threads read while one changes it, over the ladder's levels or any others.
pub type OptimizedLockFreeOrderBook<L = PagedLevels> =
    linked::LinkedBook<OptimizedLockFreeLevels<L>>;

/// A book whose memory lies on one node, over the ladder's levels.
pub type LocalOrderBook = numa::LocalBook<PagedLevels>;

/// A book whose hot levels are in lanes, the warm ones in skip lists, and all others in radix trees.
pub type HybridOrderBook = linked::LinkedBook<
    hybrid::HybridLevels<simd::SimdTier, linked::OverLevels<skiplist::SkipListLevels>, RadixTier>,
>;

/// What the hybrid book is made of: what is kept of each level, lanes, nodes of the skip lists and of the radix trees, orders.
pub fn hybrid_layout() -> Vec<layout::LayoutField> {
    let mut fields = hybrid::places_layout();
    fields.extend(simd::tier_layout());
    for part in [skiplist_layout(), radix_layout()] {
        // Both have the orders and the levels in them.
        let new: Vec<layout::LayoutField> = part
            .into_iter()
            .filter(|field| !fields.contains(field))
            .collect();
        fields.extend(new);
    }
    fields
}

/// What a book on a node is made of, and the market around it: the ladder's parts, and what the threads of nodes share.
pub fn numa_layout() -> Vec<layout::LayoutField> {
    let mut fields = ladder_layout();
    fields.extend(numa::cell_layout());
    fields
}
