//! Reading a tree from its root: a rank, the first one, the next one, all of them in order, and how deep they lie.
//!
//! The same code reads the tree of the writer, a published tree and one inside a snapshot. It writes nothing.
#![allow(unsafe_code)]

use core::marker::PhantomData;

use super::node::{above, digit, parting, Link, Target, DEPTH_MAX};
use crate::linked::Rank;

/// A rank and what the tree holds for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<V> {
    /// The rank.
    pub rank: Rank,
    /// Its value.
    pub value: V,
}

/// A tree that does not change while this lives.
#[derive(Clone, Copy, Debug)]
pub struct RadixView<'a, V> {
    root: Link<V>,
    tree: PhantomData<&'a V>,
}

// SAFETY: a view only reads, and what it reads nobody writes to while it lives; values are shared as the caller's type allows.
unsafe impl<V: Sync> Send for RadixView<'_, V> {}
// SAFETY: as above.
unsafe impl<V: Sync> Sync for RadixView<'_, V> {}

/// How far below the root the values of a tree lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// By number of nodes on the way: how many values lie there.
    pub values: [u64; DEPTH_MAX + 1],
    /// Number of nodes.
    pub nodes: u64,
    /// Number of their children, which are nodes or values.
    pub children: u64,
}

impl Depth {
    /// The most nodes on the way to a value.
    pub fn nodes_max(&self) -> usize {
        let is_there = |&nodes: &usize| self.values[nodes] > 0;
        (0..=DEPTH_MAX).rev().find(is_there).unwrap_or(0)
    }

    /// Nodes on the way to a value, on average, in thousandths.
    pub fn nodes_mean_thousandths(&self) -> u64 {
        let values: u64 = self.values.iter().sum();
        let steps: u64 = (0..)
            .zip(&self.values)
            .map(|(nodes, count)| nodes * count)
            .sum();
        (1000 * steps).checked_div(values).unwrap_or(0)
    }
}

impl<'a, V: Copy> RadixView<'a, V> {
    /// The tree below a root.
    ///
    /// # Safety
    /// Until `'a` ends, nothing that the root leads to is freed or written to.
    #[inline(always)]
    pub(super) unsafe fn new(root: Link<V>) -> Self {
        RadixView {
            root,
            tree: PhantomData,
        }
    }

    #[inline(always)]
    fn target(self, link: Link<V>) -> Target<'a, V> {
        // SAFETY: `new` has its caller promise it, and every link that is asked for was found below the root.
        unsafe { link.target() }
    }

    /// Whether it holds nothing.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.root.is_nothing()
    }

    /// The value of a rank.
    #[inline]
    pub fn get(self, rank: Rank) -> Option<V> {
        let mut link = self.root;
        loop {
            match self.target(link) {
                // Digits that a node skips are compared here at last, with the whole rank.
                Target::Leaf(leaf) => {
                    let leaf = leaf.read();
                    return (leaf.rank == rank).then_some(leaf.value);
                }
                Target::Node(node) => link = node.child(rank),
                Target::Nothing => return None,
            }
        }
    }

    /// The lowest rank.
    #[inline]
    pub fn first(self) -> Option<Entry<V>> {
        self.first_below(self.root)
    }

    #[inline(always)]
    fn first_below(self, mut link: Link<V>) -> Option<Entry<V>> {
        loop {
            match self.target(link) {
                Target::Leaf(leaf) => return Some(entry(leaf.read())),
                Target::Node(node) => {
                    link = node.read(|node| node.children[node.occupied.trailing_zeros() as usize]);
                }
                Target::Nothing => return None,
            }
        }
    }

    /// The lowest rank above `rank`, whether or not that is there.
    pub fn after(self, rank: Rank) -> Option<Entry<V>> {
        // Where the way to `rank` could have turned towards higher ranks last.
        let mut turn = Link::NOTHING;
        let mut link = self.root;
        loop {
            match self.target(link) {
                Target::Node(node) => {
                    let (higher, next) = node.read(|node| match parting(node.rank, rank) {
                        Some(height) if height > node.height => {
                            let is_higher = node.rank > rank;
                            let turned = if is_higher { link } else { Link::NOTHING };
                            (turned, Link::NOTHING)
                        }
                        _ => {
                            let digit = digit(rank, node.height);
                            let higher = node.occupied & above(digit);
                            let turned = match higher {
                                0 => Link::NOTHING,
                                _ => node.children[higher.trailing_zeros() as usize],
                            };
                            (turned, node.children[digit])
                        }
                    });
                    turn = if higher.is_nothing() { turn } else { higher };
                    link = next;
                }
                Target::Leaf(leaf) => {
                    // A leaf that the way ends at is the only one there: where it comes after `rank`, it comes first.
                    let leaf = leaf.read();
                    if leaf.rank > rank {
                        return Some(entry(leaf));
                    }
                    break;
                }
                Target::Nothing => break,
            }
        }
        self.first_below(turn)
    }

    /// Everything, in the order of ranks.
    pub fn iter(self) -> Ascending<'a, V> {
        let mut ascending = Ascending {
            view: self,
            links: [Link::NOTHING; DEPTH_MAX + 1],
            left: [0; DEPTH_MAX + 1],
            steps: 0,
        };
        if !self.root.is_nothing() {
            ascending.descend(self.root);
        }
        ascending
    }

    /// How deep the values lie.
    pub fn depth(self) -> Depth {
        let mut depth = Depth {
            values: [0; DEPTH_MAX + 1],
            nodes: 0,
            children: 0,
        };
        self.add_depth(self.root, 0, &mut depth);
        depth
    }

    fn add_depth(self, link: Link<V>, nodes: usize, depth: &mut Depth) {
        match self.target(link) {
            Target::Nothing => {}
            Target::Leaf(_) => depth.values[nodes] += 1,
            Target::Node(node) => {
                let children = node.read(|node| node.children);
                depth.nodes += 1;
                for child in children.into_iter().filter(|child| !child.is_nothing()) {
                    depth.children += 1;
                    self.add_depth(child, nodes + 1, depth);
                }
            }
        }
    }

    /// Checks that every node parts something, that everything is where its rank says, and nothing was born after `version`.
    /// Gives the number of values.
    pub(super) fn verify(self, version: u64) -> Result<usize, String> {
        self.verify_below(self.root, version, None)
    }

    fn verify_below(
        self,
        link: Link<V>,
        version: u64,
        parent: Option<Parent>,
    ) -> Result<usize, String> {
        let is_in_place = |rank: Rank| {
            parent.is_none_or(|parent| {
                digit(rank, parent.height) == parent.digit
                    && parting(rank, parent.rank).is_none_or(|height| height <= parent.height)
            })
        };
        match self.target(link) {
            Target::Nothing => Ok(0),
            Target::Leaf(leaf) => {
                let leaf = leaf.read();
                if !is_in_place(leaf.rank) || leaf.birth > version {
                    return Err(format!("rank {} is misplaced below {parent:?}", leaf.rank));
                }
                Ok(1)
            }
            Target::Node(node) => {
                let node = node.read(|node| *node);
                let is_lower = parent.is_none_or(|parent| node.height < parent.height);
                if !is_in_place(node.rank) || !is_lower || node.birth > version {
                    return Err(format!(
                        "a node of height {} at rank {} is misplaced below {parent:?}",
                        node.height, node.rank
                    ));
                }
                if node.occupied.count_ones() < 2 {
                    return Err(format!("the node at rank {} parts nothing", node.rank));
                }
                let mut values = 0;
                for (digit, &child) in node.children.iter().enumerate() {
                    if child.is_nothing() == (node.occupied >> digit & 1 == 1) {
                        return Err(format!("the node at rank {} mistells {digit}", node.rank));
                    }
                    let parent = Parent {
                        rank: node.rank,
                        height: node.height,
                        digit,
                    };
                    values += self.verify_below(child, version, Some(parent))?;
                }
                Ok(values)
            }
        }
    }
}

/// Where a child must be.
#[derive(Clone, Copy, Debug)]
struct Parent {
    rank: Rank,
    height: u8,
    digit: usize,
}

#[inline(always)]
fn entry<V>(leaf: super::node::LeafData<V>) -> Entry<V> {
    Entry {
        rank: leaf.rank,
        value: leaf.value,
    }
}

/// The values of a tree in the order of their ranks.
#[derive(Clone, Debug)]
pub struct Ascending<'a, V> {
    view: RadixView<'a, V>,
    /// The way to the next value: nodes, and where it ends a leaf.
    links: [Link<V>; DEPTH_MAX + 1],
    /// Children of each node of the way that are still to come.
    left: [u16; DEPTH_MAX + 1],
    steps: usize,
}

impl<V: Copy> Ascending<'_, V> {
    /// Goes on with what is below a link.
    fn descend(&mut self, link: Link<V>) {
        self.links[self.steps] = link;
        self.left[self.steps] = match self.view.target(link) {
            Target::Node(node) => node.read(|node| node.occupied),
            Target::Leaf(_) | Target::Nothing => 0,
        };
        self.steps += 1;
    }
}

impl<V: Copy> Iterator for Ascending<'_, V> {
    type Item = Entry<V>;

    fn next(&mut self) -> Option<Entry<V>> {
        while self.steps > 0 {
            let last = self.steps - 1;
            match self.view.target(self.links[last]) {
                Target::Leaf(leaf) => {
                    self.steps = last;
                    return Some(entry(leaf.read()));
                }
                Target::Node(_) if self.left[last] == 0 => self.steps = last,
                Target::Node(node) => {
                    let digit = self.left[last].trailing_zeros() as usize;
                    self.left[last] &= self.left[last] - 1;
                    let child = node.read(|node| node.children[digit]);
                    self.descend(child);
                }
                Target::Nothing => self.steps = last,
            }
        }
        None
    }
}
