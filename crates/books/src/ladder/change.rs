//! Changes of a trie: levels are born and die, and nodes are made where ranks part.
//!
//! A birth in a page that the cache has, and every death, change one node, and those above it only where that has no other level. Everything else walks.

use super::nodes::{
    bit, digit, level_of, parting, prefix, to_level, Head, Link, LEVEL, NONE, OUTSIDE,
};
use super::trie::Trie;
use crate::linked::{LevelRef, Rank, RankedSlab};

impl Trie {
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
        let (mut parent, mut link) = (OUTSIDE, self.root);
        while link & LEVEL == 0 {
            let head = self.nodes.head(link);
            if !head.is_above(rank) {
                let other = head.prefix;
                return self.part_level(levels, (parent, link, other), rank);
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
            return self.part_level(levels, (parent, link, other), rank);
        }
        if self.nodes.head(parent).height == 0 {
            self.cache.set(rank, parent);
        } else if parent != OUTSIDE && self.cache.note(rank) {
            let page = self.part(levels, (parent, link, rank), rank);
            self.cache.set(rank, page);
            self.sweep_if_many(levels);
        }
        level
    }

    /// A new level below a node, or at the root, where nothing is: alone, or in a page of its own where orders came lately, since levels come and
    /// go there.
    fn hang_level(&mut self, levels: &mut RankedSlab, parent: u32, rank: Rank) -> LevelRef {
        if parent == OUTSIDE {
            let level = levels.allocate(rank, OUTSIDE);
            self.root = to_level(level);
            return level;
        }
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
            let level = self.add(levels, page, rank);
            self.sweep_if_many(levels);
            return level;
        }
        self.add(levels, parent, rank)
    }

    /// A new level where its rank parts from what is below a link.
    fn part_level(
        &mut self,
        levels: &mut RankedSlab,
        below: (u32, Link, Rank),
        rank: Rank,
    ) -> LevelRef {
        let node = self.part(levels, below, rank);
        let level = self.hang_level(levels, node, rank);
        self.sweep_if_many(levels);
        level
    }

    #[inline]
    fn sweep_if_many(&mut self, levels: &mut RankedSlab) {
        if self.nodes.used() > self.nodes_max {
            self.sweep(levels);
        }
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
