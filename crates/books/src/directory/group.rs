//! Lines in groups of eight that lie side by side, and moving them within and between these.

use super::CHILDREN_MAX;

/// All lines of one kind. Freed groups are used again last in, first out.
#[derive(Clone, Debug)]
pub(super) struct Groups<L> {
    lines: Vec<L>,
    free: Vec<u32>,
}

impl<L> Default for Groups<L> {
    fn default() -> Self {
        Groups {
            lines: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<L: Copy + Default> Groups<L> {
    /// Where a line of a group lies.
    #[inline(always)]
    pub(super) fn place(group: u32, at: usize) -> usize {
        group as usize * CHILDREN_MAX + at
    }

    #[inline(always)]
    pub(super) fn line(&self, place: usize) -> &L {
        &self.lines[place]
    }

    #[inline(always)]
    pub(super) fn line_mut(&mut self, place: usize) -> &mut L {
        &mut self.lines[place]
    }

    /// A group whose lines hold nothing meaningful, except that the lines of one never used before are empty.
    pub(super) fn allocate(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            let group = self.lines.len() / CHILDREN_MAX;
            let end = self.lines.len() + CHILDREN_MAX;
            self.lines.resize(end, L::default());
            u32::try_from(group).expect("2^24 levels have fewer than 2^24 groups")
        })
    }

    pub(super) fn free(&mut self, group: u32) {
        self.free.push(group);
    }

    /// Moves the lines of a group from `at` on, of `count`, one place up.
    pub(super) fn open_gap(&mut self, group: u32, at: usize, count: usize) {
        let first = Self::place(group, 0);
        self.lines
            .copy_within(first + at..first + count, first + at + 1);
    }

    /// Moves the lines of a group behind `at`, of `count`, one place down.
    pub(super) fn close_gap(&mut self, group: u32, at: usize, count: usize) {
        let first = Self::place(group, 0);
        self.lines
            .copy_within(first + at + 1..first + count, first + at);
    }

    /// Copies `count` lines from one place to another.
    pub(super) fn copy(&mut self, from: usize, to: usize, count: usize) {
        self.lines.copy_within(from..from + count, to);
    }

    /// Number of groups that are not free.
    pub(super) fn used(&self) -> usize {
        self.lines.len() / CHILDREN_MAX - self.free.len()
    }
}
