//! A radix tree.

mod levels;
mod node;
mod nodes;
mod tree;
mod view;

use crate::layout::LayoutField;
use crate::linked::level_layout;
use crate::orders::order_layout;

pub use levels::RadixLevels;
pub use node::DEPTH_MAX;
pub use tree::RadixCosts;
pub use view::{Ascending, Depth, Entry, RadixView};

/// A book
pub type RadixOrderBook = crate::linked::LinkedBook<RadixLevels>;

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
