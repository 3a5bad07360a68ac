//! What a trie is made of: nodes, each in two parts, and links to nodes and levels.
//!
//! A node is a **head** of half a cache line, which says what there is, and **children**, which say where. A child is meaningful only where its head says
//! that it is there, so that a node is born and a level dies without clearing anything. Heads lie side by side, children in whole lines:
//! a step down touches one line of each, and both are found by a shift.
//!
//! Invariant: a freed node is in the free list once and its height is [`FREE`].

use crate::layout::{layout, LayoutField};
use crate::linked::{LevelRef, Rank};

/// Bits of a digit.
pub(super) const DIGIT_BITS: u32 = 6;
const FANOUT: usize = 1 << DIGIT_BITS;
const DIGIT: u64 = FANOUT as u64 - 1;

/// Leads to a node, by its index, or to a level, by its name with [`LEVEL`] set, or nowhere: [`NONE`].
pub(super) type Link = u32;
/// Set in a link to a level.
pub(super) const LEVEL: Link = 1 << 31;
/// Leads nowhere. No level has this name: a market holds at most 2^24 orders.
pub(super) const NONE: Link = u32::MAX;
/// What is above a root. There is such a node, but it is in no trie: it takes the writes that would have to be skipped at a root, so that
/// these need no branches.
pub(super) const OUTSIDE: u32 = 0;
/// The height of a node that is not in use.
const FREE: u32 = u32::MAX;

/// What a node says about its children.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Head {
    /// The digits of the ranks below that are above the node's height; the others are zero.
    pub(super) prefix: Rank,
    /// The children that are levels, or nodes with levels below.
    pub(super) occupied: u64,
    /// The children that are nodes without any level below.
    pub(super) vacant: u64,
    /// The node above, `OUTSIDE` for the root.
    pub(super) parent: u32,
    /// Bits of a rank below the digit that the children differ in: 0 for a page, whose children are 64 neighbouring levels.
    pub(super) height: u32,
}

const _: () = assert!(core::mem::size_of::<Head>() == 32);

const NO_CHILDREN: Children = Children {
    links: [NONE; FANOUT],
};

/// Where the children of a node are, by their digit.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Children {
    links: [Link; FANOUT],
}

/// Where the fields of a node lie.
pub(super) fn layout() -> [LayoutField; 6] {
    let [prefix, occupied, vacant, parent, height] = layout!(Head {
        prefix,
        occupied,
        vacant,
        parent,
        height
    });
    let [links] = layout!(Children { links });
    [prefix, occupied, vacant, parent, height, links]
}

/// The nodes of one trie. Freed ones are used again last in, first out.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    heads: Vec<Head>,
    children: Vec<Children>,
    free: Vec<u32>,
}

impl Nodes {
    /// No nodes in use.
    pub(super) fn new() -> Self {
        let outside = Head {
            prefix: 0,
            occupied: 0,
            vacant: 0,
            parent: OUTSIDE,
            // No page.
            height: DIGIT_BITS,
        };
        Nodes {
            heads: vec![outside],
            children: vec![NO_CHILDREN],
            free: Vec::new(),
        }
    }

    /// A node with this head. Its children are the caller's to set.
    #[inline]
    pub(super) fn allocate(&mut self, head: Head) -> u32 {
        if let Some(node) = self.free.pop() {
            self.heads[node as usize] = head;
            return node;
        }
        let node = self.heads.len() as u32;
        assert!(node < LEVEL, "a market holds fewer levels than 2^24");
        self.heads.push(head);
        self.children.push(NO_CHILDREN);
        node
    }

    /// Frees a node that nothing leads to any more.
    pub(super) fn free(&mut self, node: u32) {
        self.heads[node as usize].height = FREE;
        self.free.push(node);
    }

    #[inline(always)]
    pub(super) fn head(&self, node: u32) -> &Head {
        &self.heads[node as usize]
    }

    #[inline(always)]
    pub(super) fn head_mut(&mut self, node: u32) -> &mut Head {
        &mut self.heads[node as usize]
    }

    #[inline(always)]
    pub(super) fn child(&self, node: u32, digit: u32) -> Link {
        self.children[node as usize].links[digit as usize % FANOUT]
    }

    #[inline(always)]
    pub(super) fn set_child(&mut self, node: u32, digit: u32, child: Link) {
        self.children[node as usize].links[digit as usize % FANOUT] = child;
    }

    /// Nodes in use.
    #[inline]
    pub(super) fn used(&self) -> usize {
        self.heads.len() - 1 - self.free.len()
    }

    /// Every node that was ever made. Not all are in use.
    pub(super) fn made(&self) -> core::ops::Range<u32> {
        OUTSIDE + 1..self.heads.len() as u32
    }

    /// Whether a node that was made is in use.
    pub(super) fn is_used(&self, node: u32) -> bool {
        self.head(node).height != FREE
    }
}

impl Head {
    /// The digit of a rank that tells the children apart.
    #[inline(always)]
    pub(super) fn digit(&self, rank: Rank) -> u32 {
        digit(rank, self.height)
    }

    /// Whether a rank has all digits that are the same below this node.
    #[inline(always)]
    pub(super) fn is_above(&self, rank: Rank) -> bool {
        (self.prefix ^ rank).wrapping_shr(self.height) >> DIGIT_BITS == 0
    }

    /// Whether there is a child at a digit, with or without levels below.
    #[inline(always)]
    pub(super) fn has(&self, digit: u32) -> bool {
        (self.occupied | self.vacant) & bit(digit) != 0
    }

    /// The lowest digit of a child with levels. There is one.
    #[inline(always)]
    pub(super) fn first(&self) -> u32 {
        self.occupied.trailing_zeros()
    }
}

/// The digit of a rank at a height.
#[inline(always)]
pub(super) fn digit(rank: Rank, height: u32) -> u32 {
    (rank.wrapping_shr(height) & DIGIT) as u32
}

/// The height of the digit in which two ranks part; the lowest if they are the same.
#[inline(always)]
pub(super) fn parting(one: Rank, other: Rank) -> u32 {
    let bit = (one ^ other).checked_ilog2().unwrap_or(0);
    bit / DIGIT_BITS * DIGIT_BITS
}

/// A rank's digits above a height, the others zero.
#[inline(always)]
pub(super) fn prefix(rank: Rank, height: u32) -> Rank {
    (rank.wrapping_shr(height) & !DIGIT).wrapping_shl(height)
}

/// A digit's bit.
#[inline(always)]
pub(super) fn bit(digit: u32) -> u64 {
    1u64.wrapping_shl(digit)
}

/// The bits above a digit.
#[inline(always)]
pub(super) fn above(digit: u32) -> u64 {
    u64::MAX.wrapping_shl(digit) << 1
}

/// The link to a level.
#[inline(always)]
pub(super) fn to_level(level: LevelRef) -> Link {
    level | LEVEL
}

/// The level that a link leads to, if it leads to one.
#[inline(always)]
pub(super) fn level_of(link: Link) -> Option<LevelRef> {
    (link & LEVEL != 0 && link != NONE).then_some(link ^ LEVEL)
}
