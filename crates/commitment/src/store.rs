//! The nodes of a market's tries, in one vector of words, complete or not.
//!
//! A **link** is five words: a reference and the digest of what it leads to. The reference's upper half is the place of the
//! node among the words; of a node that nobody has looked at, it tells a [`Source`] outside of a proof where to find it. In its
//! lower half, two bits say whether it leads to a branch, to a leaf, or to what nobody has looked at yet; a third one says that
//! the digest is out of date; and the lowest seven are the position of a branch's bit, so that a walk need not look into it. A
//! link to nothing is five zero words.
//!
//! A **node** begins with a word of its own: its kind in the lowest byte, the parameter of its hash above it (bits 8 to
//! 39), and in the highest bit, for orders and levels, whether every link that leads to it is out of date.
//!
//! Invariants:
//! - if a link is out of date, so is every link above it;
//! - an opened node is reached by one link alone;
//! - everything that a digest binds was hashed when it came, and words that no digest binds were cleared then.

use alloc::vec::Vec;
use core::marker::PhantomData;

use crate::node::{self, Preimage};
use crate::sponge::{Digest, Permutation, Tag};

/// Place of a node's first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node(pub usize);

/// Place of a link's first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link(pub usize);

/// Kinds of nodes: the tags under which they are hashed.
pub mod kind {
    use super::Tag;

    /// An inner node of a trie.
    pub const BRANCH: u64 = Tag::Branch as u64;
    /// A leaf of the index of ids.
    pub const ID: u64 = Tag::Id as u64;
    /// A price level.
    pub const LEVEL: u64 = Tag::Level as u64;
    /// An order.
    pub const ORDER: u64 = Tag::Order as u64;
    /// A leaf of the index of expiries.
    pub const EXPIRY: u64 = Tag::Expiry as u64;
    /// A leaf of the index of accounts.
    pub const ACCOUNT: u64 = Tag::Account as u64;
}

/// Words of a link.
pub const LINK_WORDS: usize = 5;
/// Words of each kind of node, by kind. A branch: own word, two links. An id: own word, id, level key, priority, place of the
/// order. A level: own word, key, displayed, hidden, link to its orders, place of the first. An order: own word, eleven
/// words of its encoding, place of its level. An expiry: own word, expiry, priority, id. An account: own word, account, id.
const NODE_WORDS: [usize; 7] = [0, 11, 5, 10, 13, 4, 3];

/// Highest bit of an own word: the digest is out of date.
pub const STALE: u64 = 1 << 63;

/// Parts of a reference.
pub mod reference {
    /// The position of a branch's bit.
    pub const POSITION: u64 = 0x7f;
    /// It leads to a branch.
    pub const BRANCH: u64 = 1 << 7;
    /// It leads to any other node.
    pub const LEAF: u64 = 1 << 8;
    /// The digest is out of date.
    pub const STALE: u64 = 1 << 9;
    /// How far up the place is.
    pub const PLACE_SHIFT: u32 = 32;
}

/// The own word of a node.
pub const fn own_word(kind: u64, parameter: u32) -> u64 {
    kind | (parameter as u64) << 8
}

/// The link to a branch's left or right subtree: the keys whose bit is 0, or 1.
#[inline(always)]
pub const fn child(branch: Node, bit: usize) -> Link {
    Link(branch.0.wrapping_add(1 + LINK_WORDS * bit))
}

/// The link to a level's orders.
#[inline(always)]
pub const fn orders_link(level: Node) -> Link {
    Link(level.0.wrapping_add(4))
}

/// Where the nodes behind digests come from.
pub trait Source {
    /// Appends the node whose digest is `digest` to `words`, or finds it there; gives the reference to it. `hint` is what the
    /// link's reference says.
    ///
    /// # Panics
    /// Where there is no such node: a proof that depends on it must not come to an end.
    fn fetch<P: Permutation>(&mut self, words: &mut Vec<u64>, digest: Digest, hint: u32) -> u64;
}

/// The nodes of a market's tries.
#[derive(Clone, Debug)]
pub struct Store<P, S> {
    pub(crate) words: Vec<u64>,
    /// First of the freed nodes of each kind, linked through their second words; 0 where there is none.
    free: [usize; 7],
    source: S,
    permutation: PhantomData<P>,
}

impl<P: Permutation, S: Source> Store<P, S> {
    /// A store over words that the source may have put there. The first word is never used.
    pub fn new(words: Vec<u64>, source: S) -> Self {
        Store {
            words,
            free: [0; 7],
            source,
            permutation: PhantomData,
        }
    }

    /// Takes the store apart.
    pub fn into_source(self) -> S {
        self.source
    }

    /// All words.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// A word of a node or link.
    #[inline(always)]
    pub fn word(&self, place: usize, offset: usize) -> u64 {
        self.words[place.wrapping_add(offset)]
    }

    /// Changes a word of a node or link.
    #[inline(always)]
    pub fn set_word(&mut self, place: usize, offset: usize, word: u64) {
        self.words[place.wrapping_add(offset)] = word;
    }

    /// A node's kind.
    #[inline(always)]
    pub fn kind(&self, node: Node) -> u64 {
        self.word(node.0, 0) & 0xff
    }

    /// The parameter of a node's hash.
    #[inline(always)]
    pub fn parameter(&self, node: Node) -> u32 {
        (self.word(node.0, 0) >> 8) as u32
    }

    /// The digest in a link. Out of date where the link says so.
    #[inline(always)]
    pub fn digest(&self, link: Link) -> Digest {
        let [_, digest @ ..] = *chunk::<5>(&self.words, Node(link.0));
        Digest(digest)
    }

    /// Whether a link leads nowhere.
    #[inline(always)]
    pub fn is_empty(&self, link: Link) -> bool {
        self.opened(link).is_none() && self.digest(link) == Digest::EMPTY
    }

    /// Whether a link's digest is out of date.
    #[inline(always)]
    pub fn is_stale(&self, link: Link) -> bool {
        self.word(link.0, 0) & reference::STALE != 0
    }

    /// The node behind a link, if nobody has to be asked for it.
    #[inline(always)]
    pub fn opened(&self, link: Link) -> Option<Node> {
        let reference = self.word(link.0, 0);
        is_open(reference).then(|| node_of(reference))
    }

    /// Asks the source for the node behind a link; `None` where it leads nowhere.
    #[inline(never)]
    pub(crate) fn fetch(&mut self, link: Link) -> Option<()> {
        let digest = self.digest(link);
        if digest == Digest::EMPTY {
            return None;
        }
        let hint = (self.word(link.0, 0) >> reference::PLACE_SHIFT) as u32;
        let reference = self.source.fetch::<P>(&mut self.words, digest, hint);
        self.words[link.0] = reference;
        Some(())
    }

    /// Lets a link lead to a new leaf.
    #[inline(always)]
    pub(crate) fn lead_to_leaf(&mut self, link: Link, leaf: Node) {
        self.words[link.0] = leaf_reference(leaf) | reference::STALE;
    }

    /// Lets a link lead to a new branch.
    #[inline(always)]
    pub(crate) fn lead_to_branch(&mut self, link: Link, branch: Node, position: u32) {
        self.words[link.0] = branch_reference(branch, position) | reference::STALE;
    }

    /// Lets a link lead to what another one leads to, with its digest.
    #[inline(always)]
    pub fn copy_link(&mut self, to: Link, from: Link) {
        let from = *chunk::<5>(&self.words, Node(from.0));
        *chunk_mut(&mut self.words, Node(to.0)) = from;
    }

    /// Lets a link lead nowhere.
    #[inline(always)]
    pub fn clear_link(&mut self, link: Link) {
        *chunk_mut(&mut self.words, Node(link.0)) = [0; LINK_WORDS];
    }

    /// Makes room for a node of some kind and length, whose words are to be written next.
    ///
    /// # Panics
    /// Where the words would need more than 31 bits to count.
    #[inline(always)]
    pub fn make<const N: usize>(&mut self, kind: u64) -> (Node, &mut [u64; N]) {
        let kind = kind as usize;
        let free = self.free[kind];
        let node = if free != 0 {
            self.free[kind] = self.words[free + 1] as usize;
            Node(free)
        } else {
            let place = self.words.len();
            assert!(place < 1 << 31, "a store holds at most 2^31 words");
            self.words.extend_from_slice(&[0; N]);
            Node(place)
        };
        (node, chunk_mut(&mut self.words, node))
    }

    /// Gives a node's space back. Nothing leads to it any more.
    #[inline(always)]
    pub fn release(&mut self, node: Node) {
        let kind = self.kind(node) as usize;
        self.set_word(node.0, 1, self.free[kind] as u64);
        self.free[kind] = node.0;
    }

    /// Writes the digest of the node behind a link, which others have hashed: neither is out of date any more.
    #[inline]
    pub fn renew(&mut self, link: Link, node: Node, digest: Digest) {
        self.words[node.0] &= !STALE;
        let link = chunk_mut::<5>(&mut self.words, Node(link.0));
        link[0] &= !reference::STALE;
        link[1..].copy_from_slice(&digest.0);
    }

    /// Hashes whatever is out of date under a link, the link's own digest last; gives it.
    pub fn rehash(&mut self, link: Link) -> Digest {
        if self.is_stale(link) {
            rehash::<P>(&mut self.words, link);
        }
        self.digest(link)
    }
}

/// Hashes what is out of date under a link that is.
fn rehash<P: Permutation>(words: &mut [u64], link: Link) {
    let reference = words[link.0] & !reference::STALE;
    assert!(is_open(reference), "only what is there can be out of date");
    let node = node_of(reference);
    let own = words[node.0];
    let digest = if own & 0xff == kind::BRANCH {
        for bit in [0, 1] {
            let child = child(node, bit);
            if words[child.0] & reference::STALE != 0 {
                rehash::<P>(words, child);
            }
        }
        branch_of(own, chunk(words, node)).digest::<P>()
    } else {
        if own & 0xff == kind::LEVEL {
            let orders = orders_link(node);
            if words[orders.0] & reference::STALE != 0 {
                rehash::<P>(words, orders);
            }
        }
        words[node.0] = own & !STALE;
        node_digest::<P>(words, node)
    };
    let link = chunk_mut::<5>(words, Node(link.0));
    *link = [
        reference,
        digest.0[0],
        digest.0[1],
        digest.0[2],
        digest.0[3],
    ];
}

/// The node that an open reference leads to.
#[inline(always)]
pub(crate) const fn node_of(reference: u64) -> Node {
    Node((reference >> reference::PLACE_SHIFT) as usize)
}

/// Whether somebody has looked at what a reference leads to.
#[inline(always)]
const fn is_open(reference: u64) -> bool {
    reference & (reference::BRANCH | reference::LEAF) != 0
}

#[inline(always)]
const fn leaf_reference(leaf: Node) -> u64 {
    (leaf.0 as u64) << reference::PLACE_SHIFT | reference::LEAF
}

#[inline(always)]
const fn branch_reference(branch: Node, position: u32) -> u64 {
    let position = position as u64 & reference::POSITION;
    (branch.0 as u64) << reference::PLACE_SHIFT | reference::BRANCH | position
}

/// The reference to a node.
#[inline(always)]
fn reference_to(words: &[u64], node: Node) -> u64 {
    let own = words[node.0];
    if own & 0xff == kind::BRANCH {
        branch_reference(node, (own >> 8) as u32)
    } else {
        leaf_reference(node)
    }
}

/// The words of a node, all at once, so that their bounds are checked once.
#[inline(always)]
fn chunk<const N: usize>(words: &[u64], node: Node) -> &[u64; N] {
    let rest = words.get(node.0..).unwrap_or_default();
    rest.first_chunk().expect("a node has all of its words")
}

#[inline(always)]
fn chunk_mut<const N: usize>(words: &mut [u64], node: Node) -> &mut [u64; N] {
    let rest = words.get_mut(node.0..).unwrap_or_default();
    rest.first_chunk_mut().expect("a node has all of its words")
}

/// What is hashed of a branch, whose own digests are up to date, with this own word.
#[inline(always)]
fn branch_of(own: u64, branch: &[u64; 11]) -> Preimage<2> {
    let [_, _, a, b, c, d, _, e, f, g, h] = *branch;
    let digests = [Digest([a, b, c, d]), Digest([e, f, g, h])];
    node::branch((own >> 8) as u32, digests[0], digests[1])
}

/// What is hashed of a branch whose own digests are up to date.
#[inline(always)]
pub fn branch_preimage(words: &[u64], node: Node) -> Preimage<2> {
    branch_of(words[node.0], chunk(words, node))
}

/// What is hashed of a level whose own digest is up to date.
#[inline(always)]
pub fn level_preimage(words: &[u64], node: Node) -> Preimage<2> {
    let [own, key, displayed, hidden, _, a, b, c, d] = *chunk(words, node);
    let root = Digest([a, b, c, d]);
    node::level((own >> 8) as u32, key, displayed, hidden, root)
}

/// What is hashed of an order.
#[inline(always)]
pub fn order_preimage(words: &[u64], node: Node) -> Preimage<3> {
    let [_, order @ ..] = chunk::<12>(words, node);
    node::order(order)
}

/// What is hashed of a leaf of the ids, expiries or accounts.
///
/// # Panics
/// Where it is none.
#[inline(always)]
pub fn index_preimage(words: &[u64], node: Node) -> Preimage<1> {
    let [own, first, second] = *chunk(words, node);
    match own & 0xff {
        kind::ID => {
            let [.., third] = *chunk::<4>(words, node);
            node::id((own >> 8) as u32, first, second, third)
        }
        kind::EXPIRY => {
            let [.., third] = *chunk::<4>(words, node);
            node::expiry(first, second, third)
        }
        kind::ACCOUNT => node::account(first, second),
        kind => unknown_kind(kind),
    }
}

/// The hash of a node whose own digests are up to date.
///
/// # Panics
/// Where its kind is unknown.
#[inline(always)]
pub fn node_digest<P: Permutation>(words: &[u64], node: Node) -> Digest {
    match words[node.0] & 0xff {
        kind::BRANCH => branch_preimage(words, node).digest::<P>(),
        kind::LEVEL => level_preimage(words, node).digest::<P>(),
        kind::ORDER => order_preimage(words, node).digest::<P>(),
        _ => index_preimage(words, node).digest::<P>(),
    }
}

#[cold]
fn unknown_kind(kind: u64) -> ! {
    panic!("a node's kind is 1 to 6; received {kind}")
}

/// Clears what no digest binds: references, places, marks. Gives the node's length.
#[inline(always)]
fn clear_unbound(words: &mut [u64], node: Node) -> usize {
    let own = words[node.0];
    let kind = own & 0xff;
    let parameter = (own >> 8) as u32;
    // Of the others, the hash takes no parameter.
    words[node.0] = match kind {
        kind::BRANCH | kind::ID | kind::LEVEL => own_word(kind, parameter),
        _ => own_word(kind, 0),
    };
    match kind {
        kind::BRANCH => {
            let branch = chunk_mut::<11>(words, node);
            branch[1] = 0;
            branch[6] = 0;
        }
        kind::ID => chunk_mut::<5>(words, node)[4] = 0,
        kind::LEVEL => {
            let level = chunk_mut::<10>(words, node);
            level[4] = 0;
            level[9] = 0;
        }
        kind::ORDER => chunk_mut::<13>(words, node)[12] = 0,
        kind::EXPIRY | kind::ACCOUNT => {}
        kind => unknown_kind(kind),
    }
    NODE_WORDS[kind as usize]
}

/// The nodes that somebody will look at, one after another in the order in which they are looked at, lying among the
/// store's words. Nothing about them is believed: each is hashed and compared when it is opened.
#[derive(Clone, Debug)]
pub struct Witness {
    next: usize,
    end: usize,
}

impl Witness {
    /// The nodes from word `start` to word `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Witness { next: start, end }
    }

    /// Whether every node was opened.
    pub fn is_used_up(&self) -> bool {
        self.next == self.end
    }

    #[inline(never)]
    fn fetch_leaf<P: Permutation>(&mut self, words: &mut [u64], digest: Digest) -> u64 {
        let node = Node(self.next);
        let length = clear_unbound(words, node);
        self.pass(length, node_digest::<P>(words, node) == digest, digest);
        leaf_reference(node)
    }

    /// Goes on behind a node, which has to be one of the witness and the one with the digest.
    #[inline(always)]
    fn pass(&mut self, length: usize, is_right: bool, digest: Digest) {
        self.next += length;
        assert!(
            self.next <= self.end && is_right,
            "the witness does not have the node {digest} where it is needed"
        );
    }
}

impl Source for Witness {
    #[inline(always)]
    fn fetch<P: Permutation>(&mut self, words: &mut Vec<u64>, digest: Digest, _hint: u32) -> u64 {
        let node = Node(self.next);
        if words[node.0] & 0xff != kind::BRANCH {
            return self.fetch_leaf::<P>(words, digest);
        }
        // Most nodes are branches: theirs is the short way.
        let branch = chunk_mut::<11>(words, node);
        let own = own_word(kind::BRANCH, (branch[0] >> 8) as u32);
        branch[0] = own;
        branch[1] = 0;
        branch[6] = 0;
        let found = branch_of(own, branch).digest::<P>();
        self.pass(11, found == digest, digest);
        branch_reference(node, (own >> 8) as u32)
    }
}

/// There is nothing to fetch: the store is complete.
#[derive(Clone, Copy, Debug, Default)]
pub struct Complete;

impl Source for Complete {
    fn fetch<P: Permutation>(&mut self, _words: &mut Vec<u64>, digest: Digest, _hint: u32) -> u64 {
        panic!("a complete store lacks the node {digest}")
    }
}

/// Fetches nodes from a complete store, and keeps each as a witness.
#[derive(Clone, Debug)]
pub struct Recorder<'a, P> {
    complete: &'a Store<P, Complete>,
    recorded: Vec<u64>,
}

impl<'a, P: Permutation> Recorder<'a, P> {
    /// Nothing recorded yet.
    pub fn new(complete: &'a Store<P, Complete>) -> Self {
        Recorder {
            complete,
            recorded: Vec::new(),
        }
    }

    /// What was fetched, in order: the words of a [`Witness`].
    pub fn into_words(self) -> Vec<u64> {
        self.recorded
    }
}

/// A reference into a complete store as a [`Recorder`] wants it.
const fn closed(reference: u64) -> u64 {
    reference >> reference::PLACE_SHIFT << reference::PLACE_SHIFT
}

/// A link into a complete store as a [`Recorder`] wants it: it says where the node is.
pub fn closed_link<P: Permutation>(complete: &Store<P, Complete>, link: Link) -> [u64; 5] {
    let Digest([a, b, c, d]) = complete.digest(link);
    [closed(complete.word(link.0, 0)), a, b, c, d]
}

impl<P: Permutation> Source for Recorder<'_, P> {
    fn fetch<Q: Permutation>(&mut self, words: &mut Vec<u64>, _digest: Digest, hint: u32) -> u64 {
        let kind = self.complete.kind(Node(hint as usize));
        let length = NODE_WORDS[kind as usize];
        let original = &self.complete.words[hint as usize..][..length];
        let node = Node(words.len());
        words.extend_from_slice(original);
        clear_unbound(words, node);
        self.recorded.extend_from_slice(&words[node.0..][..length]);
        let links: &[usize] = match kind {
            kind::BRANCH => &[1, 6],
            kind::LEVEL => &[4],
            _ => &[],
        };
        for &link in links {
            words[node.0 + link] = closed(original[link]);
        }
        reference_to(words, node)
    }
}
