//! Removal from a [`Directory`]: one way down, on which lines that are as empty as they may be get a child of a neighbour, or are joined with it.

use super::group::Groups;
use super::{Directory, Inner, Leaf, CHILDREN_MIN, RANKS_MIN, ROOT};
use crate::linked::{Place, Rank};

impl Inner {
    /// Forgets child `at + 1` and what separates it from child `at`.
    fn remove(&mut self, at: usize) {
        let end = self.count as usize - 1;
        self.separators.copy_within(at + 1..end, at);
        self.count -= 1;
    }
}

impl Leaf {
    /// Takes a rank out.
    fn remove(&mut self, at: usize) -> Place {
        let place = self.place(at);
        let end = self.count as usize;
        self.ranks.copy_within(at + 1..end, at);
        self.levels.copy_within(at + 1..end, at);
        self.count -= 1;
        place
    }
}

impl Directory {
    /// Takes out a rank that is here.
    pub(crate) fn remove(&mut self, rank: Rank) {
        let mut line = ROOT;
        for height in (1..=self.height).rev() {
            let child = self.child(line, rank);
            let has_neighbour = self.inner.line(line).count > 1;
            let is_low = if height > 1 {
                self.inner.line(child).count as usize == CHILDREN_MIN
            } else {
                self.leaves.line(child).count as usize == RANKS_MIN
            };
            if is_low && has_neighbour {
                self.fill(line, rank, height);
            }
            if line == ROOT && height > 1 && self.inner.line(ROOT).count == 1 {
                self.lower_root();
                continue;
            }
            line = self.child(line, rank);
        }
        let leaf = self.leaves.line_mut(line);
        let at = leaf.find(rank).expect("the rank is in the directory");
        leaf.remove(at);
    }

    /// Takes the root away that has one child, which becomes the root.
    fn lower_root(&mut self) {
        let group = self.inner.line(ROOT).below;
        let child = Groups::<Inner>::place(group, 0);
        *self.inner.line_mut(ROOT) = *self.inner.line(child);
        self.inner.free(group);
        self.height -= 1;
    }

    /// Sees to it that the child of a line of this height with `rank` below it has more than the least, by way of the child beside it.
    fn fill(&mut self, parent: usize, rank: Rank, height: u32) {
        let inner = self.inner.line(parent);
        let at = inner.child(rank);
        // The pair of children: the one to fill is the right one, except where it is the first of all.
        let left = at.saturating_sub(1);
        let is_left = at == left;
        let pair = Groups::<Inner>::place(inner.below, left);
        if height > 1 {
            self.fill_inner(parent, left, pair, is_left, height - 1);
        } else {
            self.fill_leaf(parent, left, pair, is_left);
        }
    }

    /// Fills one of the lines at `pair` and `pair + 1`, which are of this height.
    fn fill_inner(&mut self, parent: usize, left: usize, pair: usize, is_left: bool, height: u32) {
        let mut low = *self.inner.line(pair);
        let mut high = *self.inner.line(pair + 1);
        let separator = self.inner.line(parent).separators[left];
        let low_end = Groups::<Inner>::place(low.below, low.count as usize);
        let high_start = Groups::<Inner>::place(high.below, 0);
        let (low_count, high_count) = (low.count as usize, high.count as usize);
        if low_count + high_count == 2 * CHILDREN_MIN {
            low.separators[low_count - 1] = separator;
            low.separators[low_count..low_count + high_count - 1]
                .copy_from_slice(&high.separators[..high_count - 1]);
            low.count += high.count;
            self.copy_below(height, high_start, low_end, high_count);
            self.free_below(height, high.below);
            *self.inner.line_mut(pair) = low;
            let Inner { below, count, .. } = *self.inner.line(parent);
            self.inner.close_gap(below, left + 1, count as usize);
            self.inner.line_mut(parent).remove(left);
            return;
        }
        let between = if is_left {
            low.separators[low_count - 1] = separator;
            low.count += 1;
            self.copy_below(height, high_start, low_end, 1);
            self.copy_below(height, high_start + 1, high_start, high_count - 1);
            let between = high.separators[0];
            high.remove(0);
            between
        } else {
            self.copy_below(height, high_start, high_start + 1, high_count);
            self.copy_below(height, low_end - 1, high_start, 1);
            high.separators.copy_within(0..high_count - 1, 1);
            high.separators[0] = separator;
            high.count += 1;
            low.count -= 1;
            low.separators[low_count - 2]
        };
        *self.inner.line_mut(pair) = low;
        *self.inner.line_mut(pair + 1) = high;
        self.inner.line_mut(parent).separators[left] = between;
    }

    /// Fills one of the leaves at `pair` and `pair + 1`.
    fn fill_leaf(&mut self, parent: usize, left: usize, pair: usize, is_left: bool) {
        let mut low = *self.leaves.line(pair);
        let mut high = *self.leaves.line(pair + 1);
        if (low.count + high.count) as usize == 2 * RANKS_MIN {
            while high.count > 0 {
                let Place { rank, level } = high.remove(0);
                low.insert(low.count as usize, rank, level);
            }
            *self.leaves.line_mut(pair) = low;
            let Inner { below, count, .. } = *self.inner.line(parent);
            self.leaves.close_gap(below, left + 1, count as usize);
            self.inner.line_mut(parent).remove(left);
            return;
        }
        if is_left {
            let Place { rank, level } = high.remove(0);
            low.insert(low.count as usize, rank, level);
        } else {
            let Place { rank, level } = low.remove(low.count as usize - 1);
            high.insert(0, rank, level);
        }
        *self.leaves.line_mut(pair) = low;
        *self.leaves.line_mut(pair + 1) = high;
        self.inner.line_mut(parent).separators[left] = high.ranks[0];
    }

    /// Frees the group that the children of a line of this height were in.
    fn free_below(&mut self, height: u32, group: u32) {
        if height > 1 {
            self.inner.free(group);
        } else {
            self.leaves.free(group);
        }
    }
}
