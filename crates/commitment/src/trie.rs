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
use crate::store::reference::{BRANCH, LEAF, POSITION, STALE};
use crate::store::{child, kind, node_of, own_word, Link, Node, Source, Store};

/// A key of fixed width, most significant bit first.
pub trait Key: Copy + Eq + Ord {
    /// The bit at a position, 0 or 1. Only the lowest seven bits of the position count; of a key of 64 bits, six.
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
        let half = if position & 64 == 0 { self.0 } else { self.1 };
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

/// The words from the first one that a link can begin at, and the place of a link among them: a child is as far behind that of
/// its branch as its bit says, with nothing to be added.
#[inline(always)]
fn from_first_link(words: &mut [u64]) -> &mut [u64] {
    words.get_mut(1..).unwrap_or_default()
}

/// The place of a link as [`from_first_link`] counts.
#[inline(always)]
fn place(link: Link) -> usize {
    link.0.wrapping_sub(1)
}

/// The link at a place as [`from_first_link`] counts.
#[inline(always)]
fn link_at(place: usize) -> Link {
    Link(place.wrapping_add(1))
}

/// The place of the link to a branch's subtree, from the reference to the branch.
#[inline(always)]
fn child_place(reference: u64, bit: usize) -> usize {
    place(child(node_of(reference), bit))
}

impl<P: Permutation, S: Source> Store<P, S> {
    /// The leaf that the path of some bits leads to, whose beginning is a link.
    #[inline(always)]
    fn descend(&mut self, link: Link, bit: impl Fn(u64) -> usize) -> Option<Node> {
        let mut at = place(link);
        loop {
            let words = from_first_link(&mut self.words);
            let mut reference = words[at];
            while reference & BRANCH != 0 {
                at = child_place(reference, bit(reference));
                reference = words[at];
            }
            if reference & LEAF != 0 {
                return Some(node_of(reference));
            }
            self.fetch(link_at(at))?;
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
            if reference & BRANCH == 0 || (reference & POSITION) as u32 >= end {
                break;
            }
            let bit = key.bit(reference);
            if bit == 0 {
                right_of_path = Some(child(node_of(reference), 1));
            }
            link = child(node_of(reference), bit);
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
            self.lead_to_leaf(root, leaf);
            return;
        };
        let difference = L::key(self, closest).first_difference(key);
        let mut at = place(root);
        let words = from_first_link(&mut self.words);
        loop {
            let reference = words[at];
            // What is no branch lies above every position.
            let position = reference & (BRANCH | POSITION) ^ BRANCH;
            if position >= difference.into() {
                break;
            }
            words[at] = reference | STALE;
            at = child_place(reference, key.bit(reference));
        }
        let link = link_at(at);
        let (branch, words) = self.make::<11>(kind::BRANCH);
        words[0] = own_word(kind::BRANCH, difference);
        let bit = key.bit(difference.into());
        self.copy_link(child(branch, 1 - bit), link);
        self.lead_to_leaf(child(branch, bit), leaf);
        self.lead_to_branch(link, branch, difference);
    }

    /// Takes the leaf with a key out, which is there, and gives it.
    ///
    /// # Panics
    /// Where it is not there.
    #[inline]
    pub fn take<L: Leaf>(&mut self, root: Link, key: L::Key) -> Node {
        let mut above = place(root);
        let mut at = above;
        let leaf = loop {
            let words = from_first_link(&mut self.words);
            let mut reference = words[at];
            while reference & BRANCH != 0 {
                words[at] = reference | STALE;
                above = at;
                at = child_place(reference, key.bit(reference));
                reference = words[at];
            }
            if reference & LEAF != 0 {
                break node_of(reference);
            }
            self.fetch(link_at(at)).expect("the leaf is there");
        };
        assert!(L::key(self, leaf) == key, "the leaf is there");
        match self.opened(link_at(above)) {
            Some(branch) if above != at => {
                let bit = usize::from(link_at(at) == child(branch, 0));
                self.copy_link(link_at(above), child(branch, bit));
                self.release(branch);
            }
            _ => self.clear_link(root),
        }
        leaf
    }

    /// Says that the leaf with a key, which is there and opened, has changed.
    #[inline]
    pub fn touch<L: Leaf>(&mut self, root: Link, key: L::Key) {
        let mut at = place(root);
        let words = from_first_link(&mut self.words);
        loop {
            let reference = words[at];
            words[at] = reference | STALE;
            if reference & BRANCH == 0 {
                return;
            }
            at = child_place(reference, key.bit(reference));
        }
    }
}
