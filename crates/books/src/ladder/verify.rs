//! The full self-check of a trie: everything that must hold, found again from scratch.

use super::nodes::{bit, level_of, Head, Link, LEVEL, NONE, OUTSIDE};
use super::trie::Trie;
use crate::linked::{Place, Rank, RankedSlab};

/// What is below a link.
#[derive(Clone, Copy, Debug, Default)]
struct Below {
    levels: usize,
    nodes: usize,
}

impl Trie {
    /// Checks nodes, levels and cache against each other. Gives the number of levels.
    pub(super) fn verify(&self, levels: &RankedSlab) -> Result<usize, String> {
        let mut best = None;
        let below = self.verify_below(levels, (OUTSIDE, 0), self.root, &mut best)?;
        let is_used = |&node: &u32| self.nodes.is_used(node);
        let used = self.nodes.made().filter(is_used).count();
        if below.nodes != used || used != self.nodes.used() || used > self.nodes_max {
            return Err(format!(
                "{} nodes are in a trie, {used} are used, {} were counted, there may be {}",
                below.nodes,
                self.nodes.used(),
                self.nodes_max
            ));
        }
        if best != self.best(levels) {
            return Err(format!(
                "the best level is {best:?}, found as {:?}",
                self.best(levels)
            ));
        }
        for (rank, page) in self.cache.known() {
            let head = self.nodes.head(page);
            if head.height != 0 || head.prefix != rank || !self.leads_to(page) {
                return Err(format!("the cache leads from rank {rank} to node {page}"));
            }
        }
        Ok(below.levels)
    }

    /// Checks what a link leads to; `digit` is its digit in `parent`. `best` is the first level, once it is known: levels come in order.
    fn verify_below(
        &self,
        levels: &RankedSlab,
        (parent, digit): (u32, u32),
        link: Link,
        best: &mut Option<Place>,
    ) -> Result<Below, String> {
        let is_in_place = |rank: Rank, above: u32| {
            let is_below = |head: &Head| head.is_above(rank) && head.digit(rank) == digit;
            above == parent && (parent == OUTSIDE || is_below(self.nodes.head(parent)))
        };
        if link == NONE && parent == OUTSIDE {
            return Ok(Below::default());
        }
        if let Some(level) = level_of(link) {
            let (rank, data) = (levels.rank(level), levels.get(level));
            let is_found = self.find(levels, rank) == Some(level);
            if !is_in_place(rank, data.tag) || data.orders == 0 || !is_found {
                return Err(format!("level {level} of rank {rank} is {data:?}"));
            }
            best.get_or_insert(Place { rank, level });
            return Ok(Below {
                levels: 1,
                nodes: 0,
            });
        }
        let head = self.nodes.head(link);
        let is_lower = parent == OUTSIDE || head.height < self.nodes.head(parent).height;
        let is_two_things = head.occupied & head.vacant != 0;
        if !is_in_place(head.prefix, head.parent) || !is_lower || is_two_things {
            return Err(format!("node {link} is misplaced: {head:?}"));
        }
        let mut sum = Below {
            levels: 0,
            nodes: 1,
        };
        for digit in (0..u64::BITS).filter(|&digit| head.has(digit)) {
            let child = self.nodes.child(link, digit);
            let below = self.verify_below(levels, (link, digit), child, best)?;
            let is_occupied = head.occupied & bit(digit) != 0;
            let is_level = child & LEVEL != 0;
            if is_occupied != (below.levels > 0) || head.height == 0 && !is_level {
                return Err(format!("node {link} mistells its child {digit}: {head:?}"));
            }
            sum.levels += below.levels;
            sum.nodes += below.nodes;
        }
        Ok(sum)
    }

    /// Whether a node is where its prefix leads.
    fn leads_to(&self, node: u32) -> bool {
        let rank = self.nodes.head(node).prefix;
        let mut link = self.root;
        while link != node {
            if link & LEVEL != 0 {
                return false;
            }
            let head = self.nodes.head(link);
            let digit = head.digit(rank);
            if !head.has(digit) {
                return false;
            }
            link = self.nodes.child(link, digit);
        }
        true
    }
}
