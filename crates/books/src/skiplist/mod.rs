//! A skip list that many threads change without locks, and a book over it.
//!
//! - [`LockFreeSkipList`] is the list: sorted keys, inserted, removed, popped, read and iterated by many threads at once;
//! - [`SkipListLevels`] keeps a market's price levels in such lists, which a [`SkipListReader`] can look at from other threads;
//!   [`SkipListOrderBook`] is the book.
//!
//! `walk` tells how it is walked and why nothing is used after it was freed, `change` how it is changed and which races that has to
//! survive. `link` is one word of it, `node` a node, `nodes` their memory, `member` one thread's part in that.

mod change;
mod levels;
mod link;
mod list;
mod member;
mod node;
mod nodes;
mod verify;
mod walk;

use crate::layout::LayoutField;
use crate::linked::level_layout;
use crate::orders::order_layout;

pub use levels::{SkipListLevels, SkipListOrderBook, SkipListReader};
pub use list::{LockFreeSkipList, SkipListHandle, SkipListIter};
pub use node::MAX_HEIGHT;
pub use nodes::{SkipListConfig, SkipListError, SkipListStatistics};

/// What the skip list's book is made of: orders, levels, the nodes that find these, and the heads of the lists.
pub fn skiplist_layout() -> Vec<LayoutField> {
    let parts: [&[LayoutField]; 4] = [
        &order_layout(),
        &level_layout(),
        &node::node_layout(),
        &walk::head_layout(),
    ];
    parts.concat()
}
