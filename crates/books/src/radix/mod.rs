//! Prices in a radix tree: sixteen ways from each node, nodes only where prices part, and none of them changed once readers may see it.
//!
//! A price is a rank of 64 bits, so sixteen digits of four bits. The tree is D. R. Morrison's (PATRICIA, 1968), in the form that main memory wants (Leis, Kemper and
//! Neumann, The Adaptive Radix Tree, 2013): path-compressed, with a word that tells which children there are. A lookup goes as deep as the ranks
//! that are there part from each other, at most sixteen nodes, whatever their number is; [`RadixView::depth`] measures it.
//!
//! - [`RadixPriceIndex`] publishes its tree to readers: its writer copies the way to a change instead of changing what they see, and one
//!   atomic store shows all changes at once. Replaced nodes are reclaimed by epochs.
//! - [`RadixLevels`] is the same tree, never published, as a structure for price levels; [`RadixOrderBook`] is the book over it.
//!
//! How it is put together: `node` says what nodes are, `nodes` where their memory comes from, `view` reads, `tree` changes, `publisher` lets readers see.

mod index;
mod levels;
mod node;
mod nodes;
mod publisher;
mod tree;
mod view;

use crate::layout::LayoutField;
use crate::linked::{level_layout, LinkedBook};
use crate::orders::order_layout;

pub use index::{PinnedTree, RadixPriceIndex, RadixReader, RadixReaders};
pub use levels::RadixLevels;
pub use node::DEPTH_MAX;
pub(crate) use publisher::{Domain, Publisher, Roots};
pub use publisher::{PublishingConfig, PublishingStatistics};
pub use tree::RadixCosts;
pub use view::{Ascending, Depth, Entry, RadixView};

/// A book that finds its levels in radix trees.
pub type RadixOrderBook = LinkedBook<RadixLevels>;

/// What the book is made of: orders, levels, and the nodes and leaves of the trees that name these.
pub fn radix_layout() -> Vec<LayoutField> {
    let parts: [&[LayoutField]; 4] = [
        &order_layout(),
        &level_layout(),
        &node::node_layout(),
        &node::leaf_layout(),
    ];
    parts.concat()
}
