//! A node of the list: key, value, and as many links as its height asks for.
//!
//! Heights come from the key alone, through a hash that mixes all its bits: a list of the same keys has the same shape, whoever inserted
//! them in which order. A quarter of the nodes of one level reach the next (W. Pugh, "Skip Lists: A Probabilistic Alternative to Balanced
//! Trees", CACM 33(6), 1990, recommends that fraction: a third of a link more for each node, and searches as short as with a half).
//!
//! Nodes come in three sizes, so that a short one does not carry the links of the tallest: half a cache line for up to two links, which are 15
//! of 16 nodes; a line; and two lines. These are for values of four bytes or fewer; with larger ones all are larger.
//!
//! Invariants: key, value and height never change; a link is one of the node's `height` first ones.
#![allow(unsafe_code)]

use core::marker::PhantomData;
use core::mem::offset_of;
use core::ptr::NonNull;

use proofbook_memory::sync::{AtomicPtr, AtomicU8, Ordering, UnsafeCell};

use super::link::Link;
use crate::layout::{layout, LayoutField};

/// The most links that a node has. A quarter goes on from each level to the next, and a book has at most 2^24 orders, so at most 4^12
/// levels: one node of these is expected at the twelfth. Longer lists work too; their searches walk a little further at the top.
pub const MAX_HEIGHT: usize = 12;

/// Links of the smallest nodes.
const SMALL_HEIGHT: usize = 2;
/// Links of the middle nodes.
const MIDDLE_HEIGHT: usize = 6;

/// The sizes of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// A [`Small`] node.
    Small,
    /// A [`Middle`] node.
    Middle,
    /// A [`Large`] node.
    Large,
}

impl Size {
    pub(super) const COUNT: usize = Size::ALL.len();
    pub(super) const ALL: [Size; 3] = [Size::Small, Size::Middle, Size::Large];

    /// The size of nodes that have so many links.
    #[inline(always)]
    pub(super) fn of(height: usize) -> Self {
        if height <= SMALL_HEIGHT {
            Size::Small
        } else if height <= MIDDLE_HEIGHT {
            Size::Middle
        } else {
            Size::Large
        }
    }
}

/// Bits of the hash that decide over one level: a quarter goes on.
const BITS_PER_LEVEL: u32 = 2;

/// Set once the inserter links the node nowhere any more.
const BUILT: u8 = 1;
/// Set once the node is removed, by who removed it.
const GONE: u8 = 1 << 1;

/// The height that a key has, whatever list it is in, but for the list's seed and bound.
///
/// The hash is the output function of SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
pub(super) fn height_of(key: u64, seed: u64, height_max: usize) -> usize {
    let mut hash = (key ^ seed).wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    let levels = 1 + hash.trailing_zeros() / BITS_PER_LEVEL;
    height_max.min(levels as usize)
}

/// One atomic link.
pub(super) struct LinkCell<V>(AtomicPtr<Node<V>>);

impl<V> LinkCell<V> {
    /// A link to the end.
    pub(super) fn end() -> Self {
        LinkCell(AtomicPtr::new(core::ptr::null_mut()))
    }

    #[inline(always)]
    pub(super) fn load(&self, ordering: Ordering) -> Link<V> {
        Link::from_word(self.0.load(ordering))
    }

    /// For a node that nobody else can see yet.
    #[inline(always)]
    pub(super) fn set(&self, link: Link<V>) {
        self.0.store(link.word(), Ordering::Relaxed);
    }

    /// Changes the link from what it is expected to be; says what it is if it is something else.
    #[inline(always)]
    pub(super) fn exchange(
        &self,
        expected: Link<V>,
        new: Link<V>,
        success: Ordering,
        failure: Ordering,
    ) -> Result<(), Link<V>> {
        match self
            .0
            .compare_exchange(expected.word(), new.word(), success, failure)
        {
            Ok(_) => Ok(()),
            Err(found) => Err(Link::from_word(found)),
        }
    }
}

/// The links of a node or of a list's head, lowest level first, which are there for as long as `'g`.
pub(super) struct Tower<'g, V> {
    lowest: NonNull<LinkCell<V>>,
    marker: PhantomData<&'g LinkCell<V>>,
}

impl<V> Clone for Tower<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Tower<'_, V> {}

impl<'g, V> Tower<'g, V> {
    /// The links of a list's head.
    #[inline(always)]
    pub(super) fn of_head(links: &'g [LinkCell<V>; MAX_HEIGHT]) -> Self {
        Tower {
            lowest: NonNull::from(links).cast(),
            marker: PhantomData,
        }
    }

    /// The link of a level.
    ///
    /// # Safety
    /// The tower has that level.
    #[inline(always)]
    pub(super) unsafe fn cell(self, level: usize) -> &'g LinkCell<V> {
        // SAFETY: links lie side by side, as many as the tower has levels, and are there for as long as `'g`.
        unsafe { self.lowest.add(level).as_ref() }
    }
}

/// The part of a node that does not depend on its size.
#[repr(C)]
pub(super) struct Node<V> {
    /// In a cell, as the value is, so that models see each use, and one that comes after the node was freed.
    key: UnsafeCell<u64>,
    value: UnsafeCell<V>,
    /// `BUILT` and `GONE`.
    state: AtomicU8,
    height: u8,
}

impl<V> Drop for Node<V> {
    fn drop(&mut self) {
        // Nothing is written: this shows models that nobody may use the node any more.
        self.key.with_mut(|_| ());
        self.value.with_mut(|_| ());
    }
}

/// A node of the smallest size.
#[repr(C, align(32))]
pub(super) struct Small<V> {
    node: Node<V>,
    links: [LinkCell<V>; SMALL_HEIGHT],
}

/// A node of the middle size.
#[repr(C, align(64))]
pub(super) struct Middle<V> {
    node: Node<V>,
    links: [LinkCell<V>; MIDDLE_HEIGHT],
}

/// A node of the largest size.
#[repr(C, align(64))]
pub(super) struct Large<V> {
    node: Node<V>,
    links: [LinkCell<V>; MAX_HEIGHT],
}

#[cfg(not(loom))]
const _: () = {
    assert!(size_of::<Small<u32>>() == 32);
    assert!(size_of::<Middle<u32>>() == 64);
    assert!(size_of::<Large<u32>>() == 128);
};

/// The nodes of price levels, whose values are names of levels.
type SmallLevelNode = Small<u32>;
type MiddleLevelNode = Middle<u32>;
type LargeLevelNode = Large<u32>;

/// Where the fields of price levels' nodes lie.
pub(super) fn node_layout() -> Vec<LayoutField> {
    macro_rules! of_node {
        ($node:ident) => {
            layout!($node {
                node.key,
                node.value,
                node.state,
                node.height,
                links
            })
        };
    }
    [
        of_node!(SmallLevelNode),
        of_node!(MiddleLevelNode),
        of_node!(LargeLevelNode),
    ]
    .concat()
}

macro_rules! of_size {
    ($size:ident) => {
        impl<V> $size<V> {
            /// A node that is linked nowhere.
            pub(super) fn new(node: Node<V>) -> Self {
                $size {
                    node,
                    links: core::array::from_fn(|_| LinkCell::end()),
                }
            }
        }
    };
}

of_size!(Small);
of_size!(Middle);
of_size!(Large);

impl<V> Node<V> {
    /// Bytes from a node to its links, of whatever size it is.
    const LINKS_OFFSET: usize = {
        let offset = offset_of!(Small<V>, links);
        assert!(offset == offset_of!(Middle<V>, links) && offset == offset_of!(Large<V>, links));
        assert!(offset_of!(Small<V>, node) == 0);
        assert!(offset_of!(Middle<V>, node) == 0 && offset_of!(Large<V>, node) == 0);
        offset
    };

    /// What all sizes have in common.
    pub(super) fn new(key: u64, value: V, height: usize) -> Self {
        // What has one level is linked by one exchange, and there is nothing more to build.
        let state = if height == 1 { BUILT } else { 0 };
        Node {
            key: UnsafeCell::new(key),
            value: UnsafeCell::new(value),
            state: AtomicU8::new(state),
            height: u8::try_from(height).expect("heights are at most MAX_HEIGHT"),
        }
    }
}

/// A node that is not freed for as long as `'g`.
pub(super) struct NodeRef<'g, V> {
    pointer: NonNull<Node<V>>,
    marker: PhantomData<&'g Node<V>>,
}

impl<V> Clone for NodeRef<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for NodeRef<'_, V> {}

impl<V> PartialEq for NodeRef<'_, V> {
    fn eq(&self, other: &Self) -> bool {
        self.pointer == other.pointer
    }
}

impl<'g, V> NodeRef<'g, V> {
    /// The node at a place, if it is one.
    ///
    /// # Safety
    /// The pointer is null or that of a [`Small`], [`Middle`] or [`Large`] with room for its height, with leave to use the whole of it,
    /// which was written before in the sense of the memory model and is not freed for as long as `'g`.
    #[inline(always)]
    pub(super) unsafe fn new(pointer: *mut Node<V>) -> Option<Self> {
        NonNull::new(pointer).map(|pointer| NodeRef {
            pointer,
            marker: PhantomData,
        })
    }

    /// Writes a node where it is to lie.
    ///
    /// # Safety
    /// The place is that of a [`Small`], [`Middle`] or [`Large`] as the node's height asks for, with leave to use the whole of it. It holds nothing that is
    /// to be dropped, nobody else uses it, and the node is not freed for as long as `'g`.
    #[inline]
    pub(super) unsafe fn write(place: NonNull<Node<V>>, node: Node<V>) -> Self {
        // SAFETY: the caller's promise.
        unsafe {
            match Size::of(node.height.into()) {
                Size::Small => place.cast().write(Small::new(node)),
                Size::Middle => place.cast().write(Middle::new(node)),
                Size::Large => place.cast().write(Large::new(node)),
            }
        }
        NodeRef {
            pointer: place,
            marker: PhantomData,
        }
    }

    /// Drops the node; its place holds nothing any more.
    ///
    /// # Safety
    /// Nobody uses the node any more.
    #[inline]
    pub(super) unsafe fn drop_in_place(self) -> *mut Node<V> {
        // SAFETY: it is a node of the size that its height tells; the caller promises the rest.
        unsafe {
            match Size::of(self.height()) {
                Size::Small => self.pointer.cast::<Small<V>>().drop_in_place(),
                Size::Middle => self.pointer.cast::<Middle<V>>().drop_in_place(),
                Size::Large => self.pointer.cast::<Large<V>>().drop_in_place(),
            }
        }
        self.pointer.as_ptr()
    }

    /// A link to it.
    #[inline(always)]
    pub(super) fn link(self) -> Link<V> {
        Link::to(self.pointer.as_ptr())
    }

    #[inline(always)]
    fn node(self) -> &'g Node<V> {
        // SAFETY: the node is there for as long as `'g`, as whoever made `self` promised; it is never borrowed mutably in that time.
        unsafe { self.pointer.as_ref() }
    }

    #[inline(always)]
    pub(super) fn key(self) -> u64 {
        // SAFETY: the key was written before anybody could have this reference and never changes.
        self.node().key.with(|key| unsafe { *key })
    }

    /// What was inserted with the key.
    #[inline(always)]
    pub(super) fn value(self) -> V
    where
        V: Clone,
    {
        // SAFETY: as with the key.
        self.node().value.with(|value| unsafe { (*value).clone() })
    }

    #[inline(always)]
    pub(super) fn height(self) -> usize {
        self.node().height.into()
    }

    /// Its links, lowest level first.
    #[inline(always)]
    pub(super) fn links(self) -> &'g [LinkCell<V>] {
        // SAFETY: there are at least `height` of them, atomic and there for as long as `'g`.
        unsafe { core::slice::from_raw_parts(self.tower().lowest.as_ptr(), self.height()) }
    }

    /// The same, without how many they are.
    #[inline(always)]
    pub(super) fn tower(self) -> Tower<'g, V> {
        // SAFETY: the offset is that of the links in a node of every size.
        let lowest = unsafe { self.pointer.byte_add(Node::<V>::LINKS_OFFSET) };
        Tower {
            lowest: lowest.cast(),
            marker: PhantomData,
        }
    }

    /// Notes that the node is gone, and says whether it is built: then it is the caller's to unlink and to retire. Otherwise its inserter's.
    ///
    /// A node of one level is built when it is linked: there the only remover need not write what nobody asks.
    #[inline]
    pub(super) fn note_gone(self) -> bool {
        self.height() == 1 || self.note(GONE) & BUILT != 0
    }

    /// Notes that the node is built, and says whether it is gone: then it is the caller's to unlink and to retire. Otherwise its remover's.
    #[inline]
    pub(super) fn note_built(self) -> bool {
        self.note(BUILT) & GONE != 0
    }

    /// Notes that the node is built or gone; gives what was noted before.
    ///
    /// The inserter, who has linked the node wherever it is linked, and the remover, who has marked it, each note their end here. The second one
    /// sees the first one's note and with it all that the first one did: so it is the one that unlinks the node and retires it.
    #[inline]
    fn note(self, flag: u8) -> u8 {
        // Release: what was done before is seen by who comes second. Acquire: who comes second sees it.
        self.node().state.fetch_or(flag, Ordering::AcqRel)
    }

    /// Whether the node is complete and not removed: for a check of a list that nobody changes.
    pub(super) fn is_built_and_there(self) -> bool {
        self.node().state.load(Ordering::Relaxed) == BUILT
    }
}
