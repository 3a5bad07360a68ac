//! Compressed binary tries over the nodes of a [`Store`].
//!
//! They are crit-bit tries (Morrison's PATRICIA, 1968; Bernstein's crit-bit trees): a branch names the first bit in which the
//! keys below it differ, so the shape depends on the set of keys alone, and the order of the leaves is the order of the keys.
//! A branch does not hold the bits that its keys share; they are those of any leaf below it. So taking a leaf out lifts its
//! sibling without looking at it.

use crate::sponge::Permutation;
use crate::store::{kind, own_word, Link, Node, Source, Store};

/// A key of fixed width, most significant bit first.
pub trait Key: Copy + Eq + Ord {
    /// The bit at a position, 0 or 1.
    fn bit(self, position: u32) -> u32;

    /// The first position at which two different keys differ.
    fn first_difference(self, other: Self) -> u32;
}

impl Key for u64 {
    #[inline(always)]
    fn bit(self, position: u32) -> u32 {
        (self.wrapping_shl(position) >> 63) as u32
    }

    #[inline(always)]
    fn first_difference(self, other: Self) -> u32 {
        (self ^ other).leading_zeros()
    }
}

impl Key for (u64, u64) {
    #[inline(always)]
    fn bit(self, position: u32) -> u32 {
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
fn child(branch: Node, bit: u32) -> Link {
    Link(branch.0.wrapping_add(1 + 5 * bit))
}

impl<P: Permutation, S: Source> Store<P, S> {
    /// The position of the bit that a branch tests; `None` for a leaf.
    #[inline(always)]
    fn branch_position(&self, node: Node) -> Option<u32> {
        let own = self.word(node.0, 0);
        (own & 0xff == kind::BRANCH).then_some((own >> 8) as u32)
    }

    /// The leaf that has the key, if any has: every other leaf differs from it no later than this one.
    #[inline(always)]
    fn closest<L: Leaf>(&mut self, root: Link, key: L::Key) -> Option<Node> {
        let mut node = self.open(root)?;
        while let Some(position) = self.branch_position(node) {
            let link = child(node, key.bit(position));
            node = self.open(link).expect("a branch has two subtrees");
        }
        Some(node)
    }

    /// The leaf with a key.
    #[inline]
    pub fn find<L: Leaf>(&mut self, root: Link, key: L::Key) -> Option<Node> {
        self.closest::<L>(root, key)
            .filter(|&leaf| L::key(self, leaf) == key)
    }

    /// The first leaf under a link.
    #[inline]
    pub fn first(&mut self, root: Link) -> Option<Node> {
        let mut node = self.open(root)?;
        while self.branch_position(node).is_some() {
            node = self
                .open(child(node, 0))
                .expect("a branch has two subtrees");
        }
        Some(node)
    }

    /// The leaf with the lowest key above `key`, whether or not any has that key.
    pub fn after<L: Leaf>(&mut self, root: Link, key: L::Key) -> Option<Node> {
        let closest = self.closest::<L>(root, key)?;
        let closest = L::key(self, closest);
        // From here down, all keys agree with each other where they first differ from `key`.
        let end = if closest == key {
            u32::MAX
        } else {
            closest.first_difference(key)
        };
        let mut link = root;
        let mut right_of_path = None;
        while let Some(node) = self.opened(link) {
            let Some(position) = self.branch_position(node).filter(|&at| at < end) else {
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

    /// The leaf with a key; where there is none, the one that a new leaf with it is to be told apart from.
    #[inline]
    pub fn search<L: Leaf>(&mut self, root: Link, key: L::Key) -> Result<Node, Option<Node>> {
        match self.closest::<L>(root, key) {
            Some(leaf) if L::key(self, leaf) == key => Ok(leaf),
            other => Err(other),
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
        loop {
            let node = self.opened(link).expect("the path to a leaf was opened");
            match self.branch_position(node) {
                Some(tested) if tested < position => {
                    self.set_stale(link);
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
        let mut above: Option<(Link, Node, u32)> = None;
        let mut link = root;
        loop {
            let node = self.open(link).expect("the leaf is there");
            let Some(position) = self.branch_position(node) else {
                assert!(L::key(self, node) == key, "the leaf is there");
                match above {
                    None => self.clear_link(root),
                    Some((upper, branch, bit)) => {
                        self.copy_link(upper, child(branch, 1 - bit));
                        self.release(branch);
                    }
                }
                return node;
            };
            self.set_stale(link);
            let bit = key.bit(position);
            above = Some((link, node, bit));
            link = child(node, bit);
        }
    }

    /// Says that the leaf with a key, which is there and opened, has changed.
    #[inline]
    pub fn touch<L: Leaf>(&mut self, root: Link, key: L::Key) {
        let mut link = root;
        loop {
            self.set_stale(link);
            let node = self.opened(link).expect("the path to a leaf was opened");
            let Some(position) = self.branch_position(node) else {
                return;
            };
            link = child(node, key.bit(position));
        }
    }
}
