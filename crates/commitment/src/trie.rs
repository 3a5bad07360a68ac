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
use crate::store::{kind, own_word, Link, Node, Source, Store, STALE};

/// A key of fixed width, most significant bit first.
pub trait Key: Copy + Eq + Ord {
    /// The bit at a position, 0 or 1.
    fn bit(self, position: u32) -> usize;

    /// The first position at which two different keys differ.
    fn first_difference(self, other: Self) -> u32;
}

impl Key for u64 {
    #[inline(always)]
    fn bit(self, position: u32) -> usize {
        (self.wrapping_shl(position) >> 63) as usize
    }

    #[inline(always)]
    fn first_difference(self, other: Self) -> u32 {
        (self ^ other).leading_zeros()
    }
}

impl Key for (u64, u64) {
    #[inline(always)]
    fn bit(self, position: u32) -> usize {
        let half = if position < 64 { self.0 } else { self.1 };
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

/// The link to a branch's left or right subtree.
#[inline(always)]
fn child(branch: Node, bit: usize) -> Link {
    Link(branch.0.wrapping_add(1 + 5 * bit))
}

/// The node that a link's reference leads to, if it is open.
#[inline(always)]
fn opened(reference: u64) -> Option<Node> {
    match reference as u32 {
        0 => None,
        place => Some(Node(place as usize)),
    }
}

/// The position of the bit that a branch tests; `None` for a leaf.
#[inline(always)]
fn branch_position(words: &[u64], node: Node) -> Option<u32> {
    let own = words[node.0];
    (own & 0xff == kind::BRANCH).then_some((own >> 8) as u32)
}

impl<P: Permutation, S: Source> Store<P, S> {
    /// The leaf that the path of some bits leads to, whose beginning is a link.
    #[inline(always)]
    fn descend(&mut self, mut link: Link, bit: impl Fn(u32) -> usize) -> Option<Node> {
        loop {
            let words = self.words.as_slice();
            while let Some(node) = opened(words[link.0]) {
                match branch_position(words, node) {
                    Some(position) => link = child(node, bit(position)),
                    None => return Some(node),
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
        while let Some(node) = self.opened(link) {
            let Some(position) = branch_position(&self.words, node).filter(|&at| at < end) else {
                break;
            };
            let bit = key.bit(position);
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
        let position = L::key(self, closest).first_difference(key);
        let mut link = root;
        let words = self.words.as_mut_slice();
        loop {
            let reference = words[link.0];
            let node = opened(reference).expect("the path to a leaf was opened");
            match branch_position(words, node) {
                Some(tested) if tested < position => {
                    words[link.0] = reference | STALE;
                    link = child(node, key.bit(tested));
                }
                _ => break,
            }
        }
        let mut words = [0; 11];
        words[0] = own_word(kind::BRANCH, position);
        let branch = self.add(&words);
        let bit = key.bit(position);
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
        // The link to the branch above, that branch, and the side that was taken there.
        let mut above: Option<(Link, Node, usize)> = None;
        let mut link = root;
        let leaf = loop {
            let words = self.words.as_mut_slice();
            let reference = words[link.0];
            let Some(node) = opened(reference) else {
                self.fetch(link).expect("the leaf is there");
                continue;
            };
            let Some(position) = branch_position(words, node) else {
                break node;
            };
            words[link.0] = reference | STALE;
            let bit = key.bit(position);
            above = Some((link, node, bit));
            link = child(node, bit);
        };
        assert!(L::key(self, leaf) == key, "the leaf is there");
        match above {
            None => self.clear_link(root),
            Some((upper, branch, bit)) => {
                self.copy_link(upper, child(branch, 1 - bit));
                self.release(branch);
            }
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
            let node = opened(reference).expect("the path to a leaf was opened");
            let Some(position) = branch_position(words, node) else {
                return;
            };
            link = child(node, key.bit(position));
        }
    }
}
