//! Which ranks of one queue have a level, and where it lies: in order, with a node only where ranks part.
//!
//! A 64-ary trie over the digits of ranks, path-compressed: a node stands only where ranks parted, so that a way from the root has at most
//! eleven steps. The nodes of the lowest digit are **pages** of 64 neighbouring levels. A level without neighbours hangs right below the node
//! where it parts from all others, unless orders come there again and again. Every node has an occupancy word, as in a van Emde Boas tree of fixed
//! fan-out, so that the first level, and the next one after any rank, are found by counting trailing zeros.
//!
//! A node whose last level goes stays where it is, because markets come back to the same prices; when there are too many nodes, all
//! that part nothing are [swept](super::sweep) away at once. Here it is read; [changes](super::change) are elsewhere.
//!
//! Invariants: a bit of `occupied` is set exactly if the child is a level or a node with a bit set, one of `vacant` if it is a node without; what is below a
//! node shares all digits above its height, and differs in the digit at its height; a level's tag is the node above it.

use super::cache::PageCache;
use super::nodes::{above, bit, level_of, Link, Nodes, LEVEL, NONE};
use super::sweep::nodes_max;
use crate::linked::{LevelRef, Place, Rank, RankedSlab};

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
}

/// What a link leads to that is no node.
#[inline(always)]
fn place(levels: &RankedSlab, link: Link) -> Option<Place> {
    let level = level_of(link)?;
    let rank = levels.rank(level);
    Some(Place { rank, level })
}
