//! The hashes of the view: the sponge of `docs/COMMITMENT.md`, section 2, with tags of their own.

use proofbook_commitment::sponge::{pair, tops};
use proofbook_commitment::{Digest, Permutation};
use proofbook_types::Side;

use crate::tree::Node;
use crate::view::ViewLevel;

/// What is hashed. The state root's tags end at 12; these begin far above, so that both can grow.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Tag {
    Bid = 32,
    Ask = 33,
    Node = 34,
    View = 35,
}

/// The version of the view, which its root binds.
const VIEW_VERSION: u32 = 1;

fn hash<P: Permutation, const N: usize>(tag: Tag, parameter: u32, blocks: [[u64; 4]; N]) -> Digest {
    let mut state = [0; 8];
    state[4] = tag as u64 | u64::from(parameter) << 32;
    for block in blocks {
        state[..4].copy_from_slice(&block);
        P::permute(&mut state);
    }
    let [a, b, c, d, ..] = state;
    Digest([a, b, c, d])
}

fn three(words: [u64; 3]) -> [u64; 4] {
    let [a, b, c] = words;
    [pair(a), pair(b), pair(c), tops(words)]
}

/// A level, which is on a side. Its number of orders is below the field's order, since a market's terms bound it by 2^24.
pub(crate) fn level<P: Permutation>(side: Side, level: &ViewLevel) -> Digest {
    let tag = match side {
        Side::Buy => Tag::Bid,
        Side::Sell => Tag::Ask,
    };
    let words = [level.price.0 as u64, level.displayed, level.hidden];
    hash::<P, 1>(tag, level.orders, [three(words)])
}

/// A node: both of its children with what they show in sum.
pub(crate) fn node<P: Permutation>(left: Node, right: Node) -> Digest {
    let sums = [left.displayed, right.displayed];
    let last = [pair(sums[0]), pair(sums[1]), tops(sums), 0];
    hash::<P, 3>(Tag::Node, 0, [left.digest.0, right.digest.0, last])
}

/// A whole view.
pub(crate) fn view<P: Permutation>(
    state_root: Digest,
    top: Digest,
    numbers: [u64; 3],
    bitmap: [u64; 4],
) -> Digest {
    let blocks = [
        state_root.0,
        top.0,
        three(numbers),
        bitmap.map(pair),
        [tops(bitmap), 0, 0, 0],
    ];
    hash::<P, 5>(Tag::View, VIEW_VERSION, blocks)
}
