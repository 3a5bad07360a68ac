//! Brings the digests of a store up to date, layer by layer: whatever has no other node out of date below it, then what lies
//! above that, and so on. The nodes of a layer do not depend on each other, so they are hashed side by side; each is hashed once.

use proofbook_commitment::maps::{map_link, Maps};
use proofbook_commitment::node::{self, Preimage};
use proofbook_commitment::store::{kind, Complete, Link, Node, Store};
use proofbook_commitment::{Digest, Map, Permutation, MAPS};
use proofbook_poseidon2_simd::Kernel;

use crate::wide::hash_each;

/// Every map, in the order of the header.
pub(crate) const ALL_MAPS: [Map; MAPS] = [
    Map::Bids,
    Map::Asks,
    Map::BuyStops,
    Map::SellStops,
    Map::Ids,
    Map::Expiries,
    Map::Accounts,
];

/// A node whose digest is out of date, and the link that holds it.
#[derive(Clone, Copy, Debug)]
struct Stale {
    node: Node,
    link: Link,
}

/// The nodes of a layer by the blocks that they take.
#[derive(Clone, Debug, Default)]
struct Layer {
    /// Leaves of the indices.
    one: Vec<Stale>,
    /// Branches and levels.
    two: Vec<Stale>,
    /// Orders.
    three: Vec<Stale>,
}

/// The nodes that are out of date, the lowest layer first. Kept for its memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    layers: Vec<Layer>,
}

impl Layers {
    /// Hashes whatever is out of date in all maps and gives their roots.
    pub(crate) fn rehash<P: Permutation>(
        &mut self,
        kernel: Kernel,
        maps: &mut Maps<P, Complete>,
    ) -> [Digest; MAPS] {
        let store = &mut maps.store;
        for map in ALL_MAPS {
            self.collect(store, map_link(map));
        }
        for layer in &mut self.layers {
            layer.rehash(kernel, store);
        }
        ALL_MAPS.map(|map| store.digest(map_link(map)))
    }

    /// Puts whatever is out of date under a link into its layer; gives the number of layers that takes.
    fn collect<P: Permutation>(&mut self, store: &Store<P, Complete>, link: Link) -> usize {
        if !store.is_stale(link) {
            return 0;
        }
        let node = store
            .opened(link)
            .expect("only what is there can be out of date");
        let kind = store.kind(node);
        let below = match kind {
            kind::BRANCH => {
                let left = self.collect(store, Link(node.0 + 1));
                left.max(self.collect(store, Link(node.0 + 6)))
            }
            kind::LEVEL => self.collect(store, Link(node.0 + 4)),
            _ => 0,
        };
        if self.layers.len() == below {
            self.layers.push(Layer::default());
        }
        let layer = &mut self.layers[below];
        let list = match kind {
            kind::BRANCH | kind::LEVEL => &mut layer.two,
            kind::ORDER => &mut layer.three,
            _ => &mut layer.one,
        };
        list.push(Stale { node, link });
        below + 1
    }
}

impl Layer {
    /// Hashes the layer and leaves it empty.
    fn rehash<P: Permutation>(&mut self, kernel: Kernel, store: &mut Store<P, Complete>) {
        hash_list(kernel, store, &mut self.three, order);
        hash_list(kernel, store, &mut self.one, index_leaf);
        hash_list(kernel, store, &mut self.two, branch_or_level);
    }
}

fn hash_list<P: Permutation, const N: usize>(
    kernel: Kernel,
    store: &mut Store<P, Complete>,
    list: &mut Vec<Stale>,
    preimage: impl Fn(&[u64], Node) -> Preimage<N>,
) {
    hash_each(
        kernel,
        list.len(),
        store,
        |store, index| preimage(store.words(), list[index].node),
        |store, index, digest| store.renew(list[index].link, list[index].node, digest),
    );
    list.clear();
}

/// The words of a node.
#[inline(always)]
fn words_of<const N: usize>(words: &[u64], node: Node) -> &[u64; N] {
    let rest = words.get(node.0..).unwrap_or_default();
    rest.first_chunk().expect("a node has all of its words")
}

/// What its kind and parameter are.
#[inline(always)]
fn own(word: u64) -> (u64, u32) {
    (word & 0xff, (word >> 8) as u32)
}

#[inline]
fn branch_or_level(words: &[u64], node: Node) -> Preimage<2> {
    let (kind, parameter) = own(words[node.0]);
    if kind == kind::BRANCH {
        let [_, _, a, b, c, d, _, e, f, g, h] = *words_of(words, node);
        node::branch(parameter, Digest([a, b, c, d]), Digest([e, f, g, h]))
    } else {
        let [_, key, displayed, hidden, _, a, b, c, d] = *words_of(words, node);
        node::level(parameter, key, displayed, hidden, Digest([a, b, c, d]))
    }
}

#[inline]
fn order(words: &[u64], node: Node) -> Preimage<3> {
    let [_, order @ ..] = words_of::<12>(words, node);
    node::order(order)
}

#[inline]
fn index_leaf(words: &[u64], node: Node) -> Preimage<1> {
    let (kind, parameter) = own(words[node.0]);
    let [_, first, second] = *words_of(words, node);
    if kind == kind::ACCOUNT {
        return node::account(first, second);
    }
    let [_, _, _, third] = *words_of(words, node);
    match kind {
        kind::ID => node::id(parameter, first, second, third),
        kind::EXPIRY => node::expiry(first, second, third),
        kind => panic!("a leaf of an index is of kind 2, 5 or 6; received {kind}"),
    }
}
