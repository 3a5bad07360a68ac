//! Hashing: a sponge over Poseidon2, with a tag for each kind of thing that is hashed.
//!
//! The state is 16 field elements, kept as eight words of two elements each, lower element in the lower half: the layout of
//! the zkVM's precompile. The first eight elements are the rate. The others begin as tag, parameter and six zeros, so that
//! two kinds of things, or two of one kind with different parameters, never have the same preimage. A block overwrites the
//! whole rate, then the state is permuted. The digest is the rate at the end.

use core::fmt;
use core::marker::PhantomData;

use proofbook_types::same_words;

use crate::poseidon2::{self, ORDER};

/// Length of a digest's encoding.
pub const DIGEST_BYTES: usize = 32;

/// Eight field elements, two to a word, lower element in the lower half.
#[derive(Clone, Copy, Default)]
pub struct Digest(pub [u64; 4]);

impl Digest {
    /// Stands for a trie without leaves. No hash is known to give it.
    pub const EMPTY: Digest = Digest([0; 4]);

    /// The only encoding: eight elements of four bytes each, little-endian.
    pub fn encode(self) -> [u8; DIGEST_BYTES] {
        let mut bytes = [0; DIGEST_BYTES];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The digest that encodes to these bytes, or `None` where an element is not below the field's order.
    pub fn decode(bytes: &[u8; DIGEST_BYTES]) -> Option<Digest> {
        let mut words = [0; 4];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(chunk.try_into().expect("chunks of eight bytes"));
        }
        Digest(words).is_canonical().then_some(Digest(words))
    }

    /// Whether every element is below the field's order.
    pub fn is_canonical(self) -> bool {
        self.0
            .iter()
            .all(|&word| (word as u32) < ORDER && ((word >> 32) as u32) < ORDER)
    }
}

impl PartialEq for Digest {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        same_words(&self.0, &other.0)
    }
}

impl Eq for Digest {}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.encode()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Tag {
    /// An inner node of a trie; the parameter is its bit position.
    Branch = 1,
    /// A leaf of the index of ids; the parameter is the order's queue.
    Id = 2,
    /// A price level; the parameter is the number of its orders.
    Level = 3,
    /// An order.
    Order = 4,
    /// A leaf of the index of expiries.
    Expiry = 5,
    /// A leaf of the index of accounts.
    Account = 6,
    /// A market's configuration.
    Config = 7,
    /// A market's whole state.
    State = 8,
    /// A command.
    Command = 9,
    /// The events of one command.
    Events = 10,
    /// An inner node of a list's tree.
    ListNode = 11,
    /// A whole list; the parameter is its length.
    ListRoot = 12,
    /// What was proven of a batch.
    Batch = 13,
}

/// The permutation under the sponge, on two elements to a word. Every implementation gives the same result.
pub trait Permutation {
    /// Permutes canonical elements.
    fn permute(state: &mut [u64; 8]);
}

/// The portable implementation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable;

impl Permutation for Portable {
    fn permute(state: &mut [u64; 8]) {
        let mut elements = [0; poseidon2::WIDTH];
        for (pair, word) in elements.chunks_exact_mut(2).zip(*state) {
            pair[0] = word as u32;
            pair[1] = (word >> 32) as u32;
        }
        poseidon2::permute(&mut elements);
        for (word, pair) in state.iter_mut().zip(elements.chunks_exact(2)) {
            *word = u64::from(pair[0]) | u64::from(pair[1]) << 32;
        }
    }
}

/// A hash in the making.
pub struct Sponge<P> {
    state: [u64; 8],
    permutation: PhantomData<P>,
}

impl<P: Permutation> Sponge<P> {
    /// Nothing absorbed yet.
    #[inline(always)]
    pub fn new(tag: Tag, parameter: u32) -> Self {
        Sponge {
            state: start(tag, parameter),
            permutation: PhantomData,
        }
    }

    /// Absorbs eight elements.
    #[inline(always)]
    pub fn block(&mut self, block: [u64; 4]) {
        self.state[..4].copy_from_slice(&block);
        P::permute(&mut self.state);
    }

    /// The digest of what was absorbed.
    #[inline(always)]
    pub fn digest(&self) -> Digest {
        Digest([self.state[0], self.state[1], self.state[2], self.state[3]])
    }
}

/// The sponge's state before the first block.
#[inline(always)]
pub const fn start(tag: Tag, parameter: u32) -> [u64; 8] {
    [0, 0, 0, 0, tag as u64 | (parameter as u64) << 32, 0, 0, 0]
}

const LOW: u64 = (1 << 30) - 1;

/// The lower 60 bits of a word as two elements of 30 bits. Its upper four bits go into [`tops`].
#[inline(always)]
pub const fn pair(word: u64) -> u64 {
    (word & LOW) | (word << 2) & (LOW << 32)
}

/// The upper four bits of up to seven words as one element, the first word's lowest.
#[inline(always)]
pub const fn tops<const N: usize>(words: [u64; N]) -> u64 {
    assert!(N <= 7);
    let mut tops = 0;
    let mut i = N;
    while i > 0 {
        i -= 1;
        tops = tops << 4 | words[i] >> 60;
    }
    tops
}
