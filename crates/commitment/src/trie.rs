//! Compressed binary tries over the nodes of a [`Store`].
//!
//! They are crit-bit tries (Morrison's PATRICIA, 1968; Bernstein's crit-bit trees): a branch names the first bit in which the
//! keys below it differ, so the shape depends on the set of keys alone, and the order of the leaves is the order of the keys.
//! A branch does not hold the bits that its keys share; they are those of any leaf below it. So taking a leaf out lifts its
//! sibling without looking at it.
//!
//! The loops below go through the words themselves and leave them only to fetch a node: inside a proof each instruction is
//! paid for, and nearly all of them are here.

use crate::sponge::Permutation;
use crate::store::{child, kind, own_word, Link, Node, Source, Store, STALE};

/// A key of fixed width, most significant bit first.
pub trait Key: Copy + Eq + Ord {
    /// The bit at a position, 0 or 1. Only the lowest byte of the position counts.
    fn bit(self, position: u64) -> usize;

    /// The first position at which two different keys differ.
    fn first_difference(self, other: Self) -> u32;
}

impl Key for u64 {
    #[inline(always)]
    fn bit(self, position: u64) -> usize {
        (self.wrapping_shl(position as u32) >> 63) as usize
    }

    #[inline(always)]
    fn first_difference(self, other: Self) -> u32 {
        (self ^ other).leading_zeros()
    }
}

impl Key for (u64, u64) {
    #[inline(always)]
    fn bit(self, position: u64) -> usize {
        let half = if position & 0xff < 64 { self.0 } else { self.1 };
        half.bit(position)
    }

    #[inline(always)]
    fn first_difference(self, other: Self) -> u32 {
        if self.0 == other.0 {
            64 + self.1.first_difference(other.1)
        } else {
            self.0.first_difference(other.0)
        }
    }
}

/// What the leaves of a trie are.
pub trait Leaf {
    /// Their keys.
    type Key: Key;

    /// A leaf's key.
    fn key<P: Permutation, S: Source>(store: &Store<P, S>, leaf: Node) -> Self::Key;
}

/// What a link's reference says of the node that it leads to.
enum Step {
    /// Nobody has looked at it yet.
    Closed,
    /// A branch.
    Branch(Node),
    /// A leaf.
    Leaf(Node),
}

#[inline(always)]
fn step(reference: u64) -> Step {
    let node = Node(reference as u32 as usize);
    if node.0 == 0 {
        Step::Closed
    } else if reference >> 32 & 0xff == kind::BRANCH {
        Step::Branch(node)
    } else {
        Step::Leaf(node)
    }
}

/// The position of the bit that a branch tests, in the lowest byte, from the reference to it.
#[inline(always)]
fn position(reference: u64) -> u64 {
    reference >> 40
}

impl<P: Permutation, S: Source> Store<P, S> {
    /// The leaf that the path of some bits leads to, whose beginning is a link.
    #[inline(always)]
    fn descend(&mut self, mut link: Link, bit: impl Fn(u64) -> usize) -> Option<Node> {
        loop {
            let words = self.words.as_slice();
            loop {
                let reference = words[link.0];
                match step(reference) {
                    Step::Closed => break,
                    Step::Branch(node) => link = child(node, bit(position(reference))),
                    Step::Leaf(node) => return Some(node),
                }
            }
            self.fetch(link)?;
        }
    }

    /// The leaf with a key; where there is none, the one that a new leaf with it is to be told apart from: every other leaf
    /// differs from the key no later than that one.
    #[inline]
    pub fn search<L: Leaf>(&mut self, root: Link, key: L::Key) -> Result<Node, Option<Node>> {
        match self.descend(root, |position| key.bit(position)) {
            Some(leaf) if L::key(self, leaf) == key => Ok(leaf),
            other => Err(other),
        }
    }

    /// The leaf with a key.
    #[inline]
    pub fn find<L: Leaf>(&mut self, root: Link, key: L::Key) -> Option<Node> {
        self.search::<L>(root, key).ok()
    }

    /// The first leaf under a link.
    #[inline]
    pub fn first(&mut self, root: Link) -> Option<Node> {
        self.descend(root, |_| 0)
    }

    /// The leaf with the lowest key above `key`, whether or not any has that key.
    pub fn after<L: Leaf>(&mut self, root: Link, key: L::Key) -> Option<Node> {
        let closest = match self.search::<L>(root, key) {
            Ok(_) => key,
            Err(other) => L::key(self, other?),
        };
        // From there down, all keys agree with each other where they first differ from `key`.
        let end = if closest == key {
            u32::MAX
        } else {
            closest.first_difference(key)
        };
        let mut link = root;
        let mut right_of_path = None;
        loop {
            let reference = self.word(link.0, 0);
            let Step::Branch(node) = step(reference) else {
                break;
            };
            if (position(reference) & 0xff) as u32 >= end {
                break;
            }
            let bit = key.bit(position(reference));
            if bit == 0 {
                right_of_path = Some(child(node, 1));
            }
            link = child(node, bit);
        }
        if closest > key {
            self.first(link)
        } else {
            self.first(right_of_path?)
        }
    }

    /// Adds a leaf whose key no leaf has. `closest` is what a search for it gave.
    #[inline]
    pub fn insert<L: Leaf>(&mut self, root: Link, leaf: Node, key: L::Key, closest: Option<Node>) {
        let Some(closest) = closest else {
            self.lead(root, leaf);
            return;
        };
        let difference = L::key(self, closest).first_difference(key);
        let mut link = root;
        let words = self.words.as_mut_slice();
        loop {
            let reference = words[link.0];
            match step(reference) {
                Step::Branch(node) if ((position(reference) & 0xff) as u32) < difference => {
                    words[link.0] = reference | STALE;
                    link = child(node, key.bit(position(reference)));
                }
                _ => break,
            }
        }
        let (branch, words) = self.make::<11>(kind::BRANCH);
        words[0] = own_word(kind::BRANCH, difference);
        let bit = key.bit(difference.into());
        self.copy_link(child(branch, 1 - bit), link);
        self.lead(child(branch, bit), leaf);
        self.lead(link, branch);
    }

    /// Takes the leaf with a key out, which is there, and gives it.
    ///
    /// # Panics
    /// Where it is not there.
    #[inline]
    pub fn take<L: Leaf>(&mut self, root: Link, key: L::Key) -> Node {
        let mut above = root;
        let mut link = root;
        let leaf = 'leaf: loop {
            let words = self.words.as_mut_slice();
            loop {
                let reference = words[link.0];
                match step(reference) {
                    Step::Closed => break,
                    Step::Branch(node) => {
                        words[link.0] = reference | STALE;
                        above = link;
                        link = child(node, key.bit(position(reference)));
                    }
                    Step::Leaf(node) => break 'leaf node,
                }
            }
            self.fetch(link).expect("the leaf is there");
        };
        assert!(L::key(self, leaf) == key, "the leaf is there");
        match self.opened(above) {
            Some(branch) if link != root => {
                let sibling = if link == child(branch, 0) { 1 } else { 0 };
                self.copy_link(above, child(branch, sibling));
                self.release(branch);
            }
            _ => self.clear_link(root),
        }
        leaf
    }

    /// Says that the leaf with a key, which is there and opened, has changed.
    #[inline]
    pub fn touch<L: Leaf>(&mut self, root: Link, key: L::Key) {
        let mut link = root;
        let words = self.words.as_mut_slice();
        loop {
            let reference = words[link.0];
            words[link.0] = reference | STALE;
            let Step::Branch(node) = step(reference) else {
                return;
            };
            link = child(node, key.bit(position(reference)));
        }
    }
}
