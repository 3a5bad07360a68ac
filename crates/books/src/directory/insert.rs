//! Insertion into a [`Directory`]: one way down, on which full lines are split.

use super::group::Groups;
use super::{not_above, Beside, Directory, Inner, Leaf, CHILDREN_MAX, RANKS_MAX, ROOT};
use crate::linked::{LevelRef, Rank};

/// Children of a full line that stay where they are when it is split; as many go.
const CHILDREN_KEPT: usize = CHILDREN_MAX / 2;
/// Ranks of a full leaf that stay where they are.
const RANKS_KEPT: usize = RANKS_MAX.div_ceil(2);

impl Inner {
    fn is_full(&self) -> bool {
        self.count as usize == CHILDREN_MAX
    }

    /// Notes a new child behind child `at`, and what separates the two.
    fn insert(&mut self, at: usize, separator: Rank) {
        let end = self.count as usize - 1;
        self.separators.copy_within(at..end, at + 1);
        self.separators[at] = separator;
        self.count += 1;
    }
}

impl Leaf {
    fn is_full(&self) -> bool {
        self.count as usize == RANKS_MAX
    }

    /// Adds a rank at its place.
    pub(super) fn insert(&mut self, at: usize, rank: Rank, level: LevelRef) {
        let end = self.count as usize;
        self.ranks.copy_within(at..end, at + 1);
        self.levels.copy_within(at..end, at + 1);
        self.ranks[at] = rank;
        self.levels[at] = level;
        self.count += 1;
    }
}

impl Directory {
    /// Adds a rank that is not here. Says what lies beside it: what is lower, where the leaf tells.
    pub(crate) fn insert(&mut self, rank: Rank, level: LevelRef) -> Beside {
        if self.inner.line(ROOT).is_full() {
            self.raise_root();
        }
        let mut line = ROOT;
        for height in (1..=self.height).rev() {
            let child = self.child(line, rank);
            let is_full = if height > 1 {
                self.inner.line(child).is_full()
            } else {
                self.leaves.line(child).is_full()
            };
            if is_full && height > 1 {
                self.split_inner(line, child, height - 1);
            } else if is_full {
                self.split_leaf(line, child);
            }
            line = self.child(line, rank);
        }
        let leaf = self.leaves.line_mut(line);
        let count = leaf.count as usize;
        let at = not_above(&leaf.ranks, count, rank);
        let beside = match at {
            0 if count == 0 => Beside::Nothing,
            0 => Beside::Before(leaf.levels[0]),
            at => Beside::After(leaf.levels[at - 1]),
        };
        leaf.insert(at, rank, level);
        beside
    }

    /// The child of a line that has a rank below it.
    #[inline]
    pub(super) fn child(&self, line: usize, rank: Rank) -> usize {
        let inner = self.inner.line(line);
        Groups::<Inner>::place(inner.below, inner.child(rank))
    }

    /// Puts a root above the root.
    fn raise_root(&mut self) {
        let group = self.inner.allocate();
        let root = *self.inner.line(ROOT);
        *self.inner.line_mut(Groups::<Inner>::place(group, 0)) = root;
        *self.inner.line_mut(ROOT) = Inner {
            below: group,
            count: 1,
            ..Inner::default()
        };
        self.height += 1;
    }

    /// Splits a full child, of this height itself, of a line that is not full.
    fn split_inner(&mut self, parent: usize, child: usize, height: u32) {
        let group = self.allocate_below(height);
        let line = self.inner.line_mut(child);
        let mut half = Inner {
            below: group,
            count: (CHILDREN_MAX - CHILDREN_KEPT) as u32,
            ..Inner::default()
        };
        let separators = line.separators;
        half.separators[..CHILDREN_MAX - CHILDREN_KEPT - 1]
            .copy_from_slice(&separators[CHILDREN_KEPT..]);
        line.count = CHILDREN_KEPT as u32;
        let from = Groups::<Inner>::place(line.below, CHILDREN_KEPT);
        let to = Groups::<Inner>::place(group, 0);
        self.copy_below(height, from, to, CHILDREN_MAX - CHILDREN_KEPT);
        let (below, count, at) = self.child_place(parent, child);
        self.inner.open_gap(below, at + 1, count);
        *self.inner.line_mut(child + 1) = half;
        let separator = separators[CHILDREN_KEPT - 1];
        self.inner.line_mut(parent).insert(at, separator);
    }

    /// Splits a full leaf below a line that is not full.
    fn split_leaf(&mut self, parent: usize, child: usize) {
        let leaf = self.leaves.line_mut(child);
        let mut half = Leaf {
            count: (RANKS_MAX - RANKS_KEPT) as u32,
            ..Leaf::default()
        };
        half.ranks[..RANKS_MAX - RANKS_KEPT].copy_from_slice(&leaf.ranks[RANKS_KEPT..]);
        half.levels[..RANKS_MAX - RANKS_KEPT].copy_from_slice(&leaf.levels[RANKS_KEPT..]);
        leaf.count = RANKS_KEPT as u32;
        let (below, count, at) = self.child_place(parent, child);
        self.leaves.open_gap(below, at + 1, count);
        *self.leaves.line_mut(child + 1) = half;
        self.inner.line_mut(parent).insert(at, half.ranks[0]);
    }

    /// The group of a line's children, how many there are, and which of them `child` is.
    fn child_place(&self, parent: usize, child: usize) -> (u32, usize, usize) {
        let Inner { below, count, .. } = *self.inner.line(parent);
        let at = child - Groups::<Inner>::place(below, 0);
        (below, count as usize, at)
    }

    /// A group for the children of a line of this height: leaves below lines of height 1.
    fn allocate_below(&mut self, height: u32) -> u32 {
        if height > 1 {
            self.inner.allocate()
        } else {
            self.leaves.allocate()
        }
    }

    /// Copies children of lines of this height.
    pub(super) fn copy_below(&mut self, height: u32, from: usize, to: usize, count: usize) {
        if height > 1 {
            self.inner.copy(from, to, count);
        } else {
            self.leaves.copy(from, to, count);
        }
    }
}
