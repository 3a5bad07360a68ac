//! Where the nodes and leaves of trees come from: a pool, and in front of it what this writer got back.
//!
//! One writer takes and frees, so its own lists serve nearly every call without anything that threads share. What is in them keeps its slot
//! of the pool. Nodes and leaves need no drop: the memory goes when the pool goes, which readers share the ownership of.
//!
//! Invariant: what is in a list here is reached by no tree and no reader.
#![allow(unsafe_code)]

use core::ptr::NonNull;

use proofbook_memory::pool::{Handle, LockFreePool, PoolConfig};
use proofbook_memory::sync::Arc;

use super::node::{Leaf, LeafData, Link, Node, NodeData, Place};

/// Slots that come with each chunk of a pool. Models have few: each chunk costs them.
const CHUNK_SLOTS: usize = if cfg!(loom) { 16 } else { 4096 };
/// Slots of a pool: a market has 2^24 orders at most, so at most as many levels and fewer nodes; copies that wait for readers have the rest.
const SLOTS_MAX: usize = if cfg!(loom) { 256 } else { 1 << 26 };

/// The memory of nodes and leaves.
pub(crate) struct NodeMemory<V> {
    nodes: LockFreePool<Node<V>>,
    leaves: LockFreePool<Leaf<V>>,
}

// SAFETY: the pools only hand out slots, each to one owner; whoever reaches what is in them answers for it.
unsafe impl<V: Send + Sync> Send for NodeMemory<V> {}
// SAFETY: as above.
unsafe impl<V: Send + Sync> Sync for NodeMemory<V> {}

impl<V> NodeMemory<V> {
    pub(crate) fn new() -> Self {
        let config = PoolConfig {
            initial_capacity: 0,
            expansion_size: CHUNK_SLOTS,
            max_capacity: SLOTS_MAX,
            prefault: false,
        };
        let is_possible = "the sizes are within the bounds of a pool";
        NodeMemory {
            nodes: LockFreePool::new(config).expect(is_possible),
            leaves: LockFreePool::new(config).expect(is_possible),
        }
    }
}

/// Nodes and leaves for the trees of one writer.
pub(crate) struct Nodes<V> {
    memory: Arc<NodeMemory<V>>,
    free_nodes: Vec<NonNull<Node<V>>>,
    free_leaves: Vec<NonNull<Leaf<V>>>,
    made: usize,
}

// SAFETY: what is in the lists belongs to nobody else.
unsafe impl<V: Send + Sync> Send for Nodes<V> {}
// SAFETY: a shared reference gives numbers only.
unsafe impl<V: Send + Sync> Sync for Nodes<V> {}

impl<V: Copy> Nodes<V> {
    pub(crate) fn new(memory: Arc<NodeMemory<V>>) -> Self {
        Nodes {
            memory,
            free_nodes: Vec::new(),
            free_leaves: Vec::new(),
            made: 0,
        }
    }

    /// Nodes and leaves that trees hold, or readers may.
    pub(crate) fn used(&self) -> usize {
        self.made - self.free_nodes.len() - self.free_leaves.len()
    }

    #[inline(always)]
    pub(super) fn node(&mut self, data: NodeData<V>) -> NonNull<Node<V>> {
        match self.free_nodes.pop() {
            Some(node) => {
                // SAFETY: what is in the list lives in the memory and is known to nobody.
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
                // SAFETY: what is in the list lives in the memory and is known to nobody.
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
        let node = self.memory.nodes.allocate(Node::new(data));
        Handle::into_raw(node.expect("a market has fewer levels than a pool has slots"))
    }

    #[cold]
    fn make_leaf(&mut self, data: LeafData<V>) -> NonNull<Leaf<V>> {
        self.made += 1;
        let leaf = self.memory.leaves.allocate(Leaf::new(data));
        Handle::into_raw(leaf.expect("a market has fewer levels than a pool has slots"))
    }
}
