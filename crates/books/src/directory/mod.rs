//! Which level has a rank, and between which levels a new rank falls: a search tree whose every step reads one cache line.
//!
//! It is a B+-tree in the manner of the cache-sensitive one of Rao and Ross ("Making B+-trees cache conscious in main memory", 2000): all children
//! of a line lie side by side in one group, so that a line needs a single number to say where they are, and the rest of it is for what is compared: seven
//! separators for up to eight children. A leaf has five ranks and the names of their levels, again in one line. A way down touches as many lines
//! as the tree is high, and no other: with 1,000 levels that is about four.
//!
//! Lines that are full are split on the way down to an insertion, lines that are as empty as they may be are filled up or joined with a neighbour on the way to a
//! removal (Guibas and Sedgewick, "A dichromatic framework for balanced trees", 1978, work top-down in this way). So each is one
//! pass, and the height is logarithmic in the number of ranks whatever was inserted and removed before.
//!
//! Invariants, checked by [`Directory::verify`]: separators and ranks rise; what is below a child lies between the separators beside it; every line but
//! the root has at least [`CHILDREN_MIN`] children or [`RANKS_MIN`] ranks; no group is lost.

mod group;
mod insert;
mod remove;
mod verify;

use crate::layout::{layout, LayoutField};
use crate::linked::{LevelRef, Place, Rank};
use group::Groups;

/// Most children of a line, which are the lines of a group.
const CHILDREN_MAX: usize = 8;
/// Fewest children of a line that is not the root. Less than half, so that a line just joined is not full.
const CHILDREN_MIN: usize = 3;
/// Most ranks of a leaf.
const RANKS_MAX: usize = 5;
/// Fewest ranks of a leaf that is not the only one.
const RANKS_MIN: usize = 2;
/// Where the root lies.
const ROOT: usize = 0;

/// What a way down passes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
struct Inner {
    /// Everything below child `n + 1` is at or above separator `n`, everything below child `n` is under it.
    separators: [Rank; CHILDREN_MAX - 1],
    /// The group of its children.
    below: u32,
    /// Number of children.
    count: u32,
}

/// Where a way down ends.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
struct Leaf {
    ranks: [Rank; RANKS_MAX],
    levels: [LevelRef; RANKS_MAX],
    /// Number of ranks.
    count: u32,
}

const _: () = assert!(core::mem::size_of::<Inner>() == 64);
const _: () = assert!(core::mem::size_of::<Leaf>() == 64);

/// Where the fields of both kinds of line lie.
pub(crate) fn directory_layout() -> Vec<LayoutField> {
    let inner = layout!(Inner {
        separators,
        below,
        count
    });
    let leaf = layout!(Leaf {
        ranks,
        levels,
        count
    });
    [inner, leaf].concat()
}

/// How many of the first `count` numbers are at or below a rank. Without branches: which way a search takes cannot be foreseen.
#[inline(always)]
fn not_above(numbers: &[Rank], count: usize, rank: Rank) -> usize {
    let counted = numbers.iter().enumerate();
    counted
        .map(|(index, &number)| usize::from(index < count && number <= rank))
        .sum()
}

impl Inner {
    /// Which child has a rank below it.
    #[inline(always)]
    fn child(&self, rank: Rank) -> usize {
        not_above(&self.separators, self.count as usize - 1, rank)
    }
}

impl Leaf {
    /// The place of a rank that is here.
    #[inline(always)]
    fn find(&self, rank: Rank) -> Option<usize> {
        let place = not_above(&self.ranks, self.count as usize, rank);
        (place > 0 && self.ranks[place - 1] == rank).then(|| place - 1)
    }

    fn place(&self, at: usize) -> Place {
        Place {
            rank: self.ranks[at],
            level: self.levels[at],
        }
    }
}

/// What lies beside a rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// No other rank is here.
    Nothing,
    /// The next level of lower rank; the rank itself does not count.
    After(LevelRef),
    /// The next level of higher rank.
    Before(LevelRef),
}

/// The ranks of one queue and the levels that have them.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    inner: Groups<Inner>,
    leaves: Groups<Leaf>,
    /// Lines on a way from the root to a leaf, without that; never 0.
    height: u32,
}

impl Directory {
    pub(crate) fn new() -> Self {
        let (mut inner, mut leaves) = (Groups::default(), Groups::default());
        inner.allocate();
        *inner.line_mut(ROOT) = Inner {
            below: leaves.allocate(),
            count: 1,
            ..Inner::default()
        };
        Directory {
            inner,
            leaves,
            height: 1,
        }
    }

    /// The leaf that has a rank if any has it.
    #[inline(always)]
    fn leaf(&self, rank: Rank) -> &Leaf {
        let mut line = ROOT;
        for _ in 0..self.height {
            let inner = self.inner.line(line);
            line = Groups::<Inner>::place(inner.below, inner.child(rank));
        }
        self.leaves.line(line)
    }

    /// The level that has a rank.
    #[inline]
    pub(crate) fn find(&self, rank: Rank) -> Option<LevelRef> {
        let leaf = self.leaf(rank);
        leaf.find(rank).map(|at| leaf.levels[at])
    }

    /// What comes after a rank, whether or not that is here: the level itself, or else the last one that does not come after it.
    pub(crate) fn beside(&self, rank: Rank) -> Beside {
        let leaf = self.leaf(rank);
        let count = leaf.count as usize;
        match not_above(&leaf.ranks, count, rank) {
            at if at < count => Beside::Before(leaf.levels[at]),
            0 => Beside::Nothing,
            at => Beside::After(leaf.levels[at - 1]),
        }
    }
}
