//! The preimage of everything in the committed state: which words go into which block. `docs/COMMITMENT.md` specifies them.
//!
//! Each kind of node is a fixed number of words, [`blocks`](branch) of four words are absorbed one after another. The same
//! functions serve the hasher that takes one node at a time and those that take many side by side.

use crate::public::PUBLIC_WORDS;
use crate::sponge::{pair, tops, Digest, Permutation, Sponge, Tag};

/// A preimage: its tag, its parameter and its blocks.
#[derive(Clone, Copy, Debug)]
pub struct Preimage<const N: usize> {
    /// What is hashed.
    pub tag: Tag,
    /// The tag's parameter, below the field's order.
    pub parameter: u32,
    /// What is absorbed.
    pub blocks: [[u64; 4]; N],
}

impl<const N: usize> Preimage<N> {
    /// The hash.
    #[inline(always)]
    pub fn digest<P: Permutation>(&self) -> Digest {
        let mut sponge = Sponge::<P>::new(self.tag, self.parameter);
        for block in self.blocks {
            sponge.block(block);
        }
        sponge.digest()
    }
}

/// An inner node of a trie: the position of the bit in which its two subtrees differ, and their digests.
#[inline(always)]
pub fn branch(bit: u32, left: Digest, right: Digest) -> Preimage<2> {
    Preimage {
        tag: Tag::Branch,
        parameter: bit,
        blocks: [left.0, right.0],
    }
}

/// Where the order with an id is: queue, key of its level, priority.
#[inline(always)]
pub fn id(queue: u32, id: u64, level_key: u64, priority: u64) -> Preimage<1> {
    Preimage {
        tag: Tag::Id,
        parameter: queue,
        blocks: [three([id, level_key, priority])],
    }
}

/// A price level: number of orders, key, sums, and the trie of its orders.
#[inline(always)]
pub fn level(orders: u32, key: u64, displayed: u64, hidden: u64, root: Digest) -> Preimage<2> {
    Preimage {
        tag: Tag::Level,
        parameter: orders,
        blocks: [three([key, displayed, hidden]), root.0],
    }
}

/// An order: the first eleven words of its encoding; the twelfth is always zero.
#[inline(always)]
pub fn order(words: &[u64; 11]) -> Preimage<3> {
    Preimage {
        tag: Tag::Order,
        parameter: 0,
        blocks: eleven(words),
    }
}

/// An order that expires.
#[inline(always)]
pub fn expiry(expiry: u64, priority: u64, id: u64) -> Preimage<1> {
    Preimage {
        tag: Tag::Expiry,
        parameter: 0,
        blocks: [three([expiry, priority, id])],
    }
}

/// An account's order.
#[inline(always)]
pub fn account(account: u64, id: u64) -> Preimage<1> {
    Preimage {
        tag: Tag::Account,
        parameter: 0,
        blocks: [[pair(account), pair(id), tops([account, id]), 0]],
    }
}

/// A configuration: its encoding.
#[inline(always)]
pub fn config(words: &[u64; 11]) -> Preimage<3> {
    Preimage {
        tag: Tag::Config,
        parameter: 0,
        blocks: eleven(words),
    }
}

/// A command: its encoding.
#[inline(always)]
pub fn command(words: &[u64; 9]) -> Preimage<3> {
    let [a, b, c, d, e, f, g, h, i] = *words;
    Preimage {
        tag: Tag::Command,
        parameter: 0,
        blocks: [
            [pair(a), pair(b), pair(c), pair(d)],
            [pair(e), pair(f), pair(g), pair(h)],
            [
                pair(i),
                tops([a, b, c, d, e, f, g]) | tops([h, i]) << 32,
                0,
                0,
            ],
        ],
    }
}

/// What was proven of a batch: its encoding.
pub fn batch(words: &[u64; PUBLIC_WORDS]) -> Preimage<8> {
    let mut blocks = [[0; 4]; 8];
    let all = blocks.as_flattened_mut();
    for (element, &word) in all.iter_mut().zip(words) {
        *element = pair(word);
    }
    // Five groups of words, two elements to a word: the fifth group has one word.
    let mut groups = words.chunks(7).map(|group| {
        let mut seven = [0; 7];
        seven[..group.len()].copy_from_slice(group);
        tops(seven)
    });
    for element in &mut all[PUBLIC_WORDS..] {
        let low = groups.next().unwrap_or(0);
        *element = low | groups.next().unwrap_or(0) << 32;
    }
    Preimage {
        tag: Tag::Batch,
        parameter: 0,
        blocks,
    }
}

/// Seven words in two blocks.
#[inline(always)]
pub fn seven(words: &[u64; 7]) -> [[u64; 4]; 2] {
    let [a, b, c, d, e, f, g] = *words;
    [
        [pair(a), pair(b), pair(c), pair(d)],
        [pair(e), pair(f), pair(g), tops(*words)],
    ]
}

/// Three words in one block.
#[inline(always)]
fn three(words: [u64; 3]) -> [u64; 4] {
    let [a, b, c] = words;
    [pair(a), pair(b), pair(c), tops(words)]
}

/// Eleven words in three blocks.
#[inline(always)]
fn eleven(words: &[u64; 11]) -> [[u64; 4]; 3] {
    let [a, b, c, d, e, f, g, h, i, j, k] = *words;
    [
        [pair(a), pair(b), pair(c), pair(d)],
        [pair(e), pair(f), pair(g), pair(h)],
        [
            pair(i),
            pair(j),
            pair(k),
            tops([a, b, c, d, e, f, g]) | tops([h, i, j, k]) << 32,
        ],
    ]
}
