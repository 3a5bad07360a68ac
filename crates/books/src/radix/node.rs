//! What a radix tree is made of: nodes, leaves, and the links to them.
//!
//! A **node** stands only where ranks part: it says in which digit its children differ, and which digits have one. A **leaf** is a rank and its value. A
//! **link** leads to a node, to a leaf or to nothing, and tells which in its lowest bit.
//!
//! Nodes and leaves carry the version of the tree that they were born in. From the moment that version is published until they are
//! reclaimed nobody writes to them, so that any thread may read them.
#![allow(unsafe_code)]

use core::marker::PhantomData;
use core::ptr::NonNull;

use proofbook_memory::sync::UnsafeCell;

use crate::layout::{layout, LayoutField};
use crate::linked::{LevelRef, Rank};

/// Bits of a digit.
const DIGIT_BITS: u32 = 4;
/// Children that a node can have.
pub(super) const FANOUT: usize = 1 << DIGIT_BITS;
/// Digits of a rank, and so the most nodes on the way to a leaf.
pub const DEPTH_MAX: usize = (Rank::BITS / DIGIT_BITS) as usize;

/// Set in a link that leads to a leaf. Nodes and leaves have alignments that leave the bit free.
const LEAF: usize = 1;

/// Digit of a rank at a height: 0 is the lowest.
#[inline(always)]
pub(super) fn digit(rank: Rank, height: u8) -> usize {
    (rank >> (DIGIT_BITS * u32::from(height))) as usize % FANOUT
}

/// The highest digit in which two ranks differ.
#[inline(always)]
pub(super) fn parting(one: Rank, other: Rank) -> Option<u8> {
    let bit = (one ^ other).checked_ilog2()?;
    Some((bit / DIGIT_BITS) as u8)
}

/// The bits of the digits above one.
#[inline(always)]
pub(super) fn above(digit: usize) -> u16 {
    (u16::MAX << digit) << 1
}

/// A rank and its value.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct LeafData<V> {
    /// The version of the tree that it was born in.
    pub(super) birth: u64,
    /// Its rank.
    pub(super) rank: Rank,
    /// Its value.
    pub(super) value: V,
}

/// Where ranks part.
#[derive(Debug)]
#[repr(C)]
pub(super) struct NodeData<V> {
    /// The version of the tree that it was born in.
    pub(super) birth: u64,
    /// A rank that is or was below; only its digits above `height` matter.
    pub(super) rank: Rank,
    /// Which digits have a child: at least two.
    pub(super) occupied: u16,
    /// The digit that its children differ in: 0 is the lowest.
    pub(super) height: u8,
    /// A child for each digit, nothing where there is none.
    pub(super) children: [Link<V>; FANOUT],
}

impl<V> Clone for NodeData<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for NodeData<V> {}

/// A leaf that names a level.
type NameLeaf = LeafData<LevelRef>;
/// A node above leaves that name levels.
type NameNode = NodeData<LevelRef>;

/// Where the fields of a node lie.
pub(super) fn node_layout() -> [LayoutField; 5] {
    layout!(NameNode {
        birth,
        rank,
        occupied,
        height,
        children
    })
}

/// Where the fields of a leaf lie.
pub(super) fn leaf_layout() -> [LayoutField; 3] {
    layout!(NameLeaf { birth, rank, value })
}

/// A leaf as threads share it.
#[repr(transparent)]
pub(super) struct Leaf<V>(UnsafeCell<LeafData<V>>);

/// A node as threads share it: three cache lines.
#[repr(C, align(64))]
pub(super) struct Node<V>(UnsafeCell<NodeData<V>>);

#[cfg(all(not(loom), target_pointer_width = "64"))]
const _: () = assert!(core::mem::size_of::<Node<u32>>() == 192);

impl<V: Copy> Leaf<V> {
    pub(super) fn new(data: LeafData<V>) -> Self {
        Leaf(UnsafeCell::new(data))
    }

    /// What the leaf says.
    #[inline(always)]
    pub(super) fn read(&self) -> LeafData<V> {
        // SAFETY: a reference to a leaf is had only through `Link::target`, whose caller keeps it from being written to meanwhile.
        self.0.with(|data| unsafe { *data })
    }

    /// Writes the leaf anew.
    ///
    /// # Safety
    /// No other thread knows the leaf.
    #[inline(always)]
    pub(super) unsafe fn write(&self, data: LeafData<V>) {
        // SAFETY: no other thread knows the leaf, and this one holds no reference to what is in it: `read` copies.
        self.0.with_mut(|leaf| unsafe { leaf.write(data) });
    }

    /// Changes the value.
    ///
    /// # Safety
    /// No other thread knows the leaf.
    #[inline(always)]
    pub(super) unsafe fn set_value(&self, value: V) {
        // SAFETY: as above.
        self.0.with_mut(|leaf| unsafe { (*leaf).value = value });
    }
}

impl<V> Node<V> {
    pub(super) fn new(data: NodeData<V>) -> Self {
        Node(UnsafeCell::new(data))
    }

    /// Looks at the node.
    #[inline(always)]
    pub(super) fn read<T>(&self, look: impl FnOnce(&NodeData<V>) -> T) -> T {
        // SAFETY: a reference to a node is had only through `Link::target`, whose caller keeps it from being written to meanwhile.
        self.0.with(|data| look(unsafe { &*data }))
    }

    /// The child that a rank is below, if any.
    #[inline(always)]
    pub(super) fn child(&self, rank: Rank) -> Link<V> {
        self.read(|node| node.children[digit(rank, node.height)])
    }

    /// Writes the node anew.
    ///
    /// # Safety
    /// No other thread knows the node.
    #[inline(always)]
    pub(super) unsafe fn write(&self, data: &NodeData<V>) {
        // SAFETY: no other thread knows the node, and this one looks into it in no closure that could be running now.
        self.0.with_mut(|node| unsafe { node.write(*data) });
    }

    /// Puts a child in the place of a digit, or nothing.
    ///
    /// # Safety
    /// No other thread knows the node.
    #[inline(always)]
    pub(super) unsafe fn set_child(&self, digit: usize, child: Link<V>) {
        self.0.with_mut(|data| {
            // SAFETY: as above.
            let node = unsafe { &mut *data };
            node.children[digit] = child;
            let bit = 1 << digit;
            node.occupied = if child.is_nothing() {
                node.occupied & !bit
            } else {
                node.occupied | bit
            };
        });
    }
}

/// Leads to a node, a leaf, or nothing.
#[repr(transparent)]
pub(super) struct Link<V>(*mut u8, PhantomData<*mut V>);

impl<V> Clone for Link<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Link<V> {}

impl<V> PartialEq for Link<V> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<V> core::fmt::Debug for Link<V> {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What a link leads to.
pub(super) enum Target<'a, V> {
    Nothing,
    Leaf(&'a Leaf<V>),
    Node(&'a Node<V>),
}

/// What a link leads to, for whoever takes it back.
pub(super) enum Place<V> {
    Nothing,
    Leaf(NonNull<Leaf<V>>),
    Node(NonNull<Node<V>>),
}

impl<V> Link<V> {
    /// Leads nowhere.
    pub(super) const NOTHING: Link<V> = Link(core::ptr::null_mut(), PhantomData);

    #[inline(always)]
    pub(super) fn to_node(node: NonNull<Node<V>>) -> Self {
        Link(node.as_ptr().cast(), PhantomData)
    }

    #[inline(always)]
    pub(super) fn to_leaf(leaf: NonNull<Leaf<V>>) -> Self {
        let tagged = leaf
            .as_ptr()
            .cast::<u8>()
            .map_addr(|address| address | LEAF);
        Link(tagged, PhantomData)
    }

    /// The link as one word, and back: what an atomic pointer holds.
    #[inline(always)]
    pub(super) fn into_raw(self) -> *mut u8 {
        self.0
    }

    /// A link that `into_raw` gave.
    #[inline(always)]
    pub(super) fn from_raw(raw: *mut u8) -> Self {
        Link(raw, PhantomData)
    }

    #[inline(always)]
    pub(super) fn is_nothing(self) -> bool {
        self.0.is_null()
    }

    #[inline(always)]
    pub(super) fn is_leaf(self) -> bool {
        self.0.addr() & LEAF != 0
    }

    #[inline(always)]
    pub(super) fn place(self) -> Place<V> {
        let plain = self.0.map_addr(|address| address & !LEAF);
        match NonNull::new(plain) {
            None => Place::Nothing,
            Some(leaf) if self.is_leaf() => Place::Leaf(leaf.cast()),
            Some(node) => Place::Node(node.cast()),
        }
    }

    /// What it leads to.
    ///
    /// # Safety
    /// For as long as the references are used the node or leaf is neither freed nor written to by another thread.
    #[inline(always)]
    pub(super) unsafe fn target<'a>(self) -> Target<'a, V> {
        match self.place() {
            Place::Nothing => Target::Nothing,
            // SAFETY: the caller's promise; links are made from pointers to leaves.
            Place::Leaf(leaf) => Target::Leaf(unsafe { leaf.as_ref() }),
            // SAFETY: the caller's promise; links are made from pointers to nodes.
            Place::Node(node) => Target::Node(unsafe { node.as_ref() }),
        }
    }
}
