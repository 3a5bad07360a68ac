//! Where the nodes and leaves of trees come from: a pool, and in front of it what this writer got back.
//!
//! One writer takes and frees, so its own lists serve nearly every call without anything that threads share. What is in them keeps its slot
//! of the pool; the pool takes all memory back when it goes.
//!
//! Invariant: what is in a list here is reached by no tree and no reader.
#![allow(unsafe_code)]

use core::ptr::NonNull;

use super::node::{Leaf, LeafData, Link, Node, NodeData, Place};

/// Nodes and leaves for the trees of one writer.
pub(crate) struct Nodes<V> {
    free_nodes: Vec<NonNull<Node<V>>>,
    free_leaves: Vec<NonNull<Leaf<V>>>,
    made: usize,
}

// SAFETY: what is in the lists belongs to nobody else.
unsafe impl<V: Send> Send for Nodes<V> {}
// SAFETY: a shared reference gives numbers only.
unsafe impl<V: Send> Sync for Nodes<V> {}

impl<V: Copy> Nodes<V> {
    pub(crate) fn new() -> Self {
        Nodes {
            free_nodes: Vec::new(),
            free_leaves: Vec::new(),
            made: 0,
        }
    }

    /// Nodes and leaves that trees or readers hold.
    pub(crate) fn used(&self) -> usize {
        self.made - self.free_nodes.len() - self.free_leaves.len()
    }

    #[inline(always)]
    pub(super) fn node(&mut self, data: NodeData<V>) -> NonNull<Node<V>> {
        match self.free_nodes.pop() {
            Some(node) => {
                // SAFETY: what is in the list was made by this and is known to nobody.
                unsafe { node.as_ref().write(&data) };
                node
            }
            None => self.make_node(data),
        }
    }

    /// A copy of a node with another birth.
    #[inline(always)]
    pub(super) fn copy(&mut self, node: &Node<V>, birth: u64) -> NonNull<Node<V>> {
        self.node(NodeData {
            birth,
            ..node.read(|node| *node)
        })
    }

    #[inline(always)]
    pub(super) fn leaf(&mut self, data: LeafData<V>) -> NonNull<Leaf<V>> {
        match self.free_leaves.pop() {
            Some(leaf) => {
                // SAFETY: what is in the list was made by this and is known to nobody.
                unsafe { leaf.as_ref().write(data) };
                leaf
            }
            None => self.make_leaf(data),
        }
    }

    /// Takes a node or leaf back.
    ///
    /// # Safety
    /// It came from here, nothing leads to it any more, and it is freed once.
    #[inline(always)]
    pub(super) unsafe fn free(&mut self, link: Link<V>) {
        match link.place() {
            Place::Nothing => {}
            Place::Leaf(leaf) => self.free_leaves.push(leaf),
            Place::Node(node) => self.free_nodes.push(node),
        }
    }

    #[cold]
    fn make_node(&mut self, data: NodeData<V>) -> NonNull<Node<V>> {
        self.made += 1;
        NonNull::from(Box::leak(Box::new(Node::new(data))))
    }

    #[cold]
    fn make_leaf(&mut self, data: LeafData<V>) -> NonNull<Leaf<V>> {
        self.made += 1;
        NonNull::from(Box::leak(Box::new(Leaf::new(data))))
    }
}
