//! A radix tree.

mod levels;
mod node;
mod nodes;
mod tree;
mod view;

pub use levels::RadixLevels;
pub use node::DEPTH_MAX;
pub use tree::RadixCosts;
pub use view::{Ascending, Depth, Entry, RadixView};

/// A book
pub type RadixOrderBook = crate::linked::LinkedBook<RadixLevels>;
