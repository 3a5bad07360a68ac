//! A pointer to the next node, with two marks in its low bits: what one atomic word of the list says.
//!
//! A node is removed by marking the pointer that leads away from it (T. L. Harris, "A Pragmatic Implementation of Non-Blocking
//! Linked-Lists", DISC 2001). An insertion behind a removed node would have to change that very word from what it was, and fails. A mark
//! that lay beside the pointer would not stop it: the new node would be linked to one that is gone, and be lost.
//!
//! Invariant: a marked link of a node never changes again.

use core::fmt;
use core::ptr;

use super::node::Node;

/// The node that the link leads away from is removed, as far as the link's level is concerned.
const REMOVED: usize = 1;

/// In the head's lowest link: the first node is being popped. Beside `REMOVED`, in a node's lowest link: a pop removed it.
const POPPED: usize = 1 << 1;

const MARKS: usize = REMOVED | POPPED;

/// Where a link leads, and its marks.
pub(super) struct Link<V>(*mut Node<V>);

impl<V> Clone for Link<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Link<V> {}

impl<V> PartialEq for Link<V> {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.0, other.0)
    }
}

impl<V> fmt::Debug for Link<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marks = self.0.addr() & MARKS;
        write!(f, "{:p} with marks {marks:#b}", self.pointer())
    }
}

impl<V> Link<V> {
    /// To a node, or with null to the end, without marks.
    #[inline(always)]
    pub(super) fn to(node: *mut Node<V>) -> Self {
        debug_assert!(node.addr() & MARKS == 0, "nodes lie at multiples of eight");
        Link(node)
    }

    /// What an atomic word holds.
    #[inline(always)]
    pub(super) fn from_word(word: *mut Node<V>) -> Self {
        Link(word)
    }

    /// What an atomic word is to hold.
    #[inline(always)]
    pub(super) fn word(self) -> *mut Node<V> {
        self.0
    }

    /// The node, null at the end.
    #[inline(always)]
    pub(super) fn pointer(self) -> *mut Node<V> {
        self.0.map_addr(|address| address & !MARKS)
    }

    /// Without marks.
    #[inline(always)]
    pub(super) fn plain(self) -> Self {
        Link(self.pointer())
    }

    /// With the mark of a removal.
    #[inline(always)]
    pub(super) fn removed(self) -> Self {
        Link(self.0.map_addr(|address| address | REMOVED))
    }

    /// With the mark of a pop.
    #[inline(always)]
    pub(super) fn popped(self) -> Self {
        Link(self.0.map_addr(|address| address | POPPED))
    }

    /// Whether it leads away from a removed node.
    #[inline(always)]
    pub(super) fn is_removed(self) -> bool {
        self.0.addr() & REMOVED != 0
    }

    /// Whether a pop has claimed the node that it leads to, where it is the head's, or took the node that it leads away from.
    #[inline(always)]
    pub(super) fn is_popped(self) -> bool {
        self.0.addr() & POPPED != 0
    }
}
