//! Which ranks of one queue have a level, and where it lies: in order, with a node only where ranks part.
//!
//! A 64-ary trie over the digits of ranks, path-compressed: a node stands only where ranks parted, so that there are fewer nodes than levels however far
//! prices spread, and a way from the root has at most eleven steps. A level without neighbours hangs right below the node where it parts
//! from all others, unless orders come there again and again; the nodes of the lowest digit are **pages** of 64 neighbouring levels. Every node has an
//! occupancy word, as in a van Emde Boas tree of fixed fan-out, so that
//! the first level, and the next one after any rank, are found by counting trailing zeros.
//!
//! A node whose last level goes stays where it is, because markets come back to the same prices; when there are too many nodes, all
//! that part nothing are [swept](super::sweep) away at once.
//!
//! Invariants: a bit of `occupied` is set exactly if the child is a level or a node with a bit set, one of `vacant` if it is a node without; what is below a
//! node shares all digits above its height, and differs in the digit at its height; a level's tag is the node above it.

use super::cache::PageCache;
use super::nodes::{
    above, bit, digit, level_of, parting, prefix, to_level, Head, Link, Nodes, LEVEL, NONE, OUTSIDE,
};
use super::sweep::nodes_max;
use crate::linked::{LevelRef, Place, Rank, RankedSlab};

/// Nodes that one new level can need.
const NODES_AT_ONCE: usize = 2;

/// The ranks of one queue. The levels are the caller's.
#[derive(Clone, Debug)]
pub(super) struct Trie {
    pub(super) cache: PageCache,
    pub(super) nodes: Nodes,
    pub(super) root: Link,
    /// With more nodes than that, those that part nothing are taken out.
    pub(super) nodes_max: usize,
}

impl Trie {
    pub(super) fn new() -> Self {
        Trie {
            cache: PageCache::new(),
            nodes: Nodes::new(),
            root: NONE,
            nodes_max: nodes_max(0),
        }
    }

    /// The level of lowest rank. A few steps down the occupancy words, every time: to keep it at hand would cost a
    /// comparison at each birth and each death of a level that no processor can predict.
    #[inline(always)]
    pub(super) fn best(&self, levels: &RankedSlab) -> Option<Place> {
        if self.root & LEVEL != 0 {
            return place(levels, self.root);
        }
        // No node but the root is without levels on the way.
        if self.nodes.head(self.root).occupied == 0 {
            return None;
        }
        Some(self.first_below(levels, self.root))
    }

    /// The level of lowest rank below a node that has one.
    #[inline(always)]
    fn first_below(&self, levels: &RankedSlab, mut node: u32) -> Place {
        loop {
            let head = self.nodes.head(node);
            let digit = head.first();
            let child = self.nodes.child(node, digit);
            if head.height == 0 {
                // The rank is known before the level is.
                return Place {
                    rank: head.prefix | u64::from(digit),
                    level: child ^ LEVEL,
                };
            }
            if child & LEVEL != 0 {
                let level = child ^ LEVEL;
                let rank = levels.rank(level);
                return Place { rank, level };
            }
            node = child;
        }
    }

    /// The level at a rank.
    #[inline]
    pub(super) fn find(&self, levels: &RankedSlab, rank: Rank) -> Option<LevelRef> {
        let link = self.cache.get(rank).unwrap_or(self.root);
        self.find_below(levels, link, rank)
    }

    /// The level at a rank that is below a link, if it is anywhere.
    #[inline(always)]
    fn find_below(&self, levels: &RankedSlab, mut link: Link, rank: Rank) -> Option<LevelRef> {
        while link & LEVEL == 0 {
            let head = self.nodes.head(link);
            let digit = head.digit(rank);
            if head.occupied & bit(digit) == 0 {
                return None;
            }
            link = self.nodes.child(link, digit);
        }
        // Digits that nodes skip are compared here at last, with the whole rank.
        level_of(link).filter(|&level| levels.rank(level) == rank)
    }

    /// The level of lowest rank above `rank`.
    pub(super) fn after(&self, levels: &RankedSlab, rank: Rank) -> Option<Place> {
        if let Some(page) = self.cache.get(rank) {
            let head = self.nodes.head(page);
            let higher = head.occupied & above(head.digit(rank));
            if higher != 0 {
                let digit = higher.trailing_zeros();
                return Some(Place {
                    rank: head.prefix | u64::from(digit),
                    level: self.nodes.child(page, digit) ^ LEVEL,
                });
            }
        }
        self.after_by_walk(levels, rank)
    }

    fn after_by_walk(&self, levels: &RankedSlab, rank: Rank) -> Option<Place> {
        // Where the way to `rank` could have turned towards higher ranks last.
        let mut turn = NONE;
        let mut link = self.root;
        loop {
            if link & LEVEL != 0 {
                // A level that the way ends at is the only one there: where it comes after `rank`, it comes first.
                let last = place(levels, link).filter(|last| last.rank > rank);
                if last.is_some() {
                    return last;
                }
                break;
            }
            let head = self.nodes.head(link);
            if !head.is_above(rank) {
                if head.prefix > rank && head.occupied != 0 {
                    turn = link;
                }
                break;
            }
            let digit = head.digit(rank);
            let higher = head.occupied & above(digit);
            if higher != 0 {
                turn = self.nodes.child(link, higher.trailing_zeros());
            }
            if head.occupied & bit(digit) == 0 {
                break;
            }
            link = self.nodes.child(link, digit);
        }
        if turn & LEVEL != 0 {
            return place(levels, turn);
        }
        Some(self.first_below(levels, turn))
    }

    /// The level at a rank, which is there from now on.
    #[inline(always)]
    pub(super) fn occupy(&mut self, levels: &mut RankedSlab, rank: Rank) -> LevelRef {
        let Some(page) = self.cache.get(rank) else {
            return self.occupy_by_walk(levels, rank);
        };
        let digit = digit(rank, 0);
        if self.nodes.head(page).occupied & bit(digit) != 0 {
            return self.nodes.child(page, digit) ^ LEVEL;
        }
        self.add(levels, page, rank)
    }

    #[inline(never)]
    fn occupy_by_walk(&mut self, levels: &mut RankedSlab, rank: Rank) -> LevelRef {
        if self.nodes.used() + NODES_AT_ONCE > self.nodes_max {
            self.sweep(levels);
        }
        let (mut parent, mut link) = (OUTSIDE, self.root);
        while link & LEVEL == 0 {
            let head = self.nodes.head(link);
            if !head.is_above(rank) {
                let node = self.part(levels, (parent, link, head.prefix), rank);
                return self.hang_level(levels, node, rank);
            }
            let digit = head.digit(rank);
            if !head.has(digit) {
                return self.hang_level(levels, link, rank);
            }
            parent = link;
            link = self.nodes.child(link, digit);
        }
        let Some(level) = level_of(link) else {
            return self.hang_level(levels, OUTSIDE, rank);
        };
        let other = levels.rank(level);
        if other != rank {
            let node = self.part(levels, (parent, link, other), rank);
            return self.hang_level(levels, node, rank);
        }
        if self.nodes.head(parent).height == 0 {
            self.cache.set(rank, parent);
        } else if self.cache.note(rank) {
            let page = self.part(levels, (parent, link, rank), rank);
            self.cache.set(rank, page);
        }
        level
    }

    /// A new level below a node, or at the root, where nothing is: alone, or in a page of its own where orders came lately, since levels come and
    /// go there.
    fn hang_level(&mut self, levels: &mut RankedSlab, parent: u32, rank: Rank) -> LevelRef {
        if self.nodes.head(parent).height == 0 {
            self.cache.set(rank, parent);
        } else if self.cache.note(rank) {
            let page = self.nodes.allocate(Head {
                prefix: prefix(rank, 0),
                occupied: 0,
                vacant: 0,
                parent,
                height: 0,
            });
            self.hang(parent, rank, page);
            self.cache.set(rank, page);
            return self.add(levels, page, rank);
        } else if parent == OUTSIDE {
            let level = levels.allocate(rank, OUTSIDE);
            self.root = to_level(level);
            return level;
        }
        self.add(levels, parent, rank)
    }

    /// A new level below a node that has no child there.
    #[inline(always)]
    fn add(&mut self, levels: &mut RankedSlab, node: u32, rank: Rank) -> LevelRef {
        let level = levels.allocate(rank, node);
        let head = self.nodes.head_mut(node);
        let digit = head.digit(rank);
        let before = head.occupied;
        head.occupied = before | bit(digit);
        self.nodes.set_child(node, digit, to_level(level));
        if before == 0 {
            self.mark(node);
        }
        level
    }

    /// A new node between a node and what is below it, where a rank parts from `other`, a rank there. Where both are the same it is a page.
    fn part(
        &mut self,
        levels: &mut RankedSlab,
        (parent, link, other): (u32, Link, Rank),
        rank: Rank,
    ) -> u32 {
        let height = parting(rank, other);
        let digit = digit(other, height);
        let is_vacant = link & LEVEL == 0 && self.nodes.head(link).occupied == 0;
        let (occupied, vacant) = match is_vacant {
            true => (0, bit(digit)),
            false => (bit(digit), 0),
        };
        let node = self.nodes.allocate(Head {
            prefix: prefix(rank, height),
            occupied,
            vacant,
            parent,
            height,
        });
        self.nodes.set_child(node, digit, link);
        self.set_parent(levels, link, node);
        self.hang(parent, rank, node);
        node
    }

    /// Puts a link where a rank's way goes on below a node, or at the root.
    pub(super) fn hang(&mut self, parent: u32, rank: Rank, link: Link) {
        if parent == OUTSIDE {
            self.root = link;
        } else {
            let digit = self.nodes.head(parent).digit(rank);
            self.nodes.set_child(parent, digit, link);
        }
    }

    /// Notes which node is above what a link leads to.
    pub(super) fn set_parent(&mut self, levels: &mut RankedSlab, link: Link, parent: u32) {
        match level_of(link) {
            Some(level) => levels.get_mut(level).tag = parent,
            None => self.nodes.head_mut(link).parent = parent,
        }
    }

    /// Gives up a level.
    #[inline(always)]
    pub(super) fn vacate(&mut self, levels: &mut RankedSlab, level: LevelRef) {
        let (rank, node) = (levels.rank(level), levels.get(level).tag);
        levels.free(level);
        if node == OUTSIDE {
            self.root = NONE;
            return;
        }
        let head = self.nodes.head_mut(node);
        let after = head.occupied & !bit(head.digit(rank));
        head.occupied = after;
        if after == 0 {
            self.unmark(node);
        }
    }

    /// A node has levels below it again: says so upwards.
    #[inline]
    fn mark(&mut self, node: u32) {
        let Head { prefix, parent, .. } = *self.nodes.head(node);
        let mut above = parent;
        loop {
            let head = self.nodes.head_mut(above);
            let before = head.occupied;
            let bit = bit(head.digit(prefix));
            head.occupied |= bit;
            head.vacant &= !bit;
            // One branch for both, since whether a root holds levels is hard to predict in a market that is nearly empty.
            if (before != 0) | (head.parent == OUTSIDE) {
                return;
            }
            above = head.parent;
        }
    }

    /// A node has no levels below it any more: says so upwards.
    #[inline]
    fn unmark(&mut self, node: u32) {
        let Head { prefix, parent, .. } = *self.nodes.head(node);
        let mut above = parent;
        loop {
            let head = self.nodes.head_mut(above);
            let bit = bit(head.digit(prefix));
            head.occupied &= !bit;
            head.vacant |= bit;
            if (head.occupied != 0) | (head.parent == OUTSIDE) {
                return;
            }
            above = head.parent;
        }
    }
}

/// What a link leads to that is no node.
#[inline(always)]
fn place(levels: &RankedSlab, link: Link) -> Option<Place> {
    let level = level_of(link)?;
    let rank = levels.rank(level);
    Some(Place { rank, level })
}
