//! Brings the digests of a store up to date, layer by layer: whatever has no other node out of date below it, then what lies
//! above that, and so on. The nodes of a layer do not depend on each other, so they are hashed side by side; each is hashed once.

use proofbook_commitment::maps::{map_link, Maps};
use proofbook_commitment::node::Preimage;
use proofbook_commitment::store::{
    branch_preimage, child, index_preimage, kind, level_preimage, order_preimage, orders_link,
    Complete, Link, Node, Store,
};
use proofbook_commitment::{Digest, Map, Permutation, MAPS};
use proofbook_poseidon2_simd::Kernel;

use crate::wide::hash_each;

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
        for map in Map::ALL {
            self.collect(store, map_link(map));
        }
        for layer in &mut self.layers {
            layer.rehash(kernel, store);
        }
        Map::ALL.map(|map| store.digest(map_link(map)))
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
                let left = self.collect(store, child(node, 0));
                left.max(self.collect(store, child(node, 1)))
            }
            kind::LEVEL => self.collect(store, orders_link(node)),
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
        hash_list(kernel, store, &mut self.three, order_preimage);
        hash_list(kernel, store, &mut self.one, index_preimage);
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

#[inline]
fn branch_or_level(words: &[u64], node: Node) -> Preimage<2> {
    if words[node.0] & 0xff == kind::BRANCH {
        branch_preimage(words, node)
    } else {
        level_preimage(words, node)
    }
}
