//! The tree: updates gathered, then hashed in one go.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cache::{CacheStatistics, ProofCache};
use crate::error::MerkleError;
use crate::hasher::{NodeHasher, LEAVES_MAX};
use crate::proof::AggregatedProof;

/// What a commit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed<D> {
    /// The root now.
    pub root: D,
    /// Leaves that are others than before, or new.
    pub changed: usize,
    /// Nodes that were hashed, each once, without the root itself.
    pub hashed: usize,
}

/// Nodes whose children are gathered at a time.
const GATHERED: usize = 1024;
/// What the cache of proofs may take where nothing else is said.
const CACHE_BYTES: usize = 16 << 20;

/// A Merkle tree whose leaves change many at a time.
///
/// Updates wait until [`commit`](Self::commit); of several to one leaf the last one counts. Root, leaves and proofs are those of the last commit.
#[derive(Debug)]
pub struct BatchOptimizedMerkleTree<H: NodeHasher> {
    hasher: H,
    /// The leaves, and every layer above them up to the top; each half as wide, rounded up. One empty layer without leaves.
    layers: Vec<Vec<H::Digest>>,
    root: H::Digest,
    pending: BTreeMap<u32, H::Digest>,
    /// How many of the pending leaves are new.
    appended: u32,
    cache: ProofCache<H>,
}

impl<H: NodeHasher> BatchOptimizedMerkleTree<H> {
    /// The tree of some leaves.
    ///
    /// # Errors
    /// [`MerkleError::TooManyLeaves`].
    pub fn new(hasher: H, leaves: Vec<H::Digest>) -> Result<Self, MerkleError> {
        if leaves.len() > LEAVES_MAX as usize {
            return Err(MerkleError::TooManyLeaves {
                received: leaves.len(),
            });
        }
        let mut layers = vec![leaves];
        while let Some(layer) = layers.last().filter(|layer| layer.len() > 1) {
            let pairs = layer.len() / 2;
            let mut above = layer[..pairs].to_vec();
            hasher.nodes(&layer[..2 * pairs], &mut above);
            above.extend(&layer[2 * pairs..]);
            layers.push(above);
        }
        let root = root_of(&hasher, &layers);
        Ok(BatchOptimizedMerkleTree {
            hasher,
            layers,
            root,
            pending: BTreeMap::new(),
            appended: 0,
            cache: ProofCache::new(CACHE_BYTES),
        })
    }

    /// Empties the cache of proofs and lets it take so many bytes from now on; none of it where they are 0.
    pub fn set_cache_bytes(&mut self, bytes_max: usize) {
        self.cache = ProofCache::new(bytes_max);
    }

    /// How often the cache was of use.
    pub fn cache_statistics(&self) -> CacheStatistics {
        self.cache.statistics()
    }

    /// How it is hashed.
    pub fn hasher(&self) -> &H {
        &self.hasher
    }

    /// The root.
    pub fn root(&self) -> H::Digest {
        self.root
    }

    /// The leaves.
    pub fn leaves(&self) -> &[H::Digest] {
        &self.layers[0]
    }

    /// Leaves that wait for the next commit.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    fn count(&self) -> u32 {
        self.layers[0].len() as u32
    }

    /// Sets a leaf, from the next commit on.
    ///
    /// # Errors
    /// [`MerkleError::Position`] where there is none at this position, waiting ones included.
    pub fn update(&mut self, position: u32, leaf: H::Digest) -> Result<(), MerkleError> {
        let leaves = self.count() + self.appended;
        if position >= leaves {
            return Err(MerkleError::Position {
                leaves,
                received: position,
            });
        }
        self.pending.insert(position, leaf);
        Ok(())
    }

    /// Appends a leaf, from the next commit on; gives its position.
    ///
    /// # Errors
    /// [`MerkleError::TooManyLeaves`].
    pub fn push(&mut self, leaf: H::Digest) -> Result<u32, MerkleError> {
        let position = self.count() + self.appended;
        if position >= LEAVES_MAX {
            return Err(MerkleError::TooManyLeaves {
                received: position as usize + 1,
            });
        }
        self.pending.insert(position, leaf);
        self.appended += 1;
        Ok(position)
    }

    /// Takes the updates into the tree and hashes what they touch, layer by layer, each node once. An update that changes nothing touches nothing.
    pub fn commit(&mut self) -> Committed<H::Digest> {
        let mut dirty: Vec<u32> = Vec::with_capacity(self.pending.len());
        for (position, leaf) in std::mem::take(&mut self.pending) {
            match self.layers[0].get_mut(position as usize) {
                Some(same) if *same == leaf => continue,
                Some(old) => *old = leaf,
                // New ones come in the order of their positions, without a gap.
                None => self.layers[0].push(leaf),
            }
            dirty.push(position);
        }
        self.appended = 0;
        let changed = dirty.len();
        let mut hashed = 0;
        if changed > 0 {
            let mut layer = 0;
            while self.layers[layer].len() > 1 {
                for index in &mut dirty {
                    *index /= 2;
                }
                dirty.dedup();
                hashed += self.rehash_above(layer, &dirty);
                layer += 1;
            }
            self.root = root_of(&self.hasher, &self.layers);
        }
        Committed {
            root: self.root,
            changed,
            hashed,
        }
    }

    /// Brings the nodes at these indices of the layer above this one up to date; gives how many had to be hashed.
    fn rehash_above(&mut self, layer: usize, indices: &[u32]) -> usize {
        if self.layers.len() == layer + 1 {
            self.layers.push(Vec::new());
        }
        let (below, above) = self.layers.split_at_mut(layer + 1);
        let (below, above) = (&below[layer], &mut above[0]);
        let width = below.len().div_ceil(2);
        // What is new here is dirty and set further down; until then anything stands there.
        above.resize(width, below[0]);
        let mut indices = indices;
        let lone = below.len() / 2;
        if let [rest @ .., last] = indices {
            if *last as usize == lone {
                above[lone] = below[2 * lone];
                indices = rest;
            }
        }
        let mut children = Vec::with_capacity(2 * GATHERED);
        let mut nodes = vec![below[0]; GATHERED.min(indices.len())];
        for some in indices.chunks(GATHERED) {
            children.clear();
            for &index in some {
                children.extend_from_slice(&below[2 * index as usize..][..2]);
            }
            let nodes = &mut nodes[..some.len()];
            self.hasher.nodes(&children, nodes);
            for (&index, node) in some.iter().zip(nodes) {
                above[index as usize] = *node;
            }
        }
        indices.len()
    }

    /// The proof of the leaves at `positions`, which go up. One that was made for this root before, and is still there, is given again.
    ///
    /// # Errors
    /// [`MerkleError::Position`], [`MerkleError::Order`].
    pub fn prove(&mut self, positions: &[u32]) -> Result<Arc<AggregatedProof<H>>, MerkleError> {
        let root = H::encode(&self.root);
        if let Some(proof) = self.cache.find(root, positions) {
            return Ok(proof);
        }
        let node = |layer: usize, index: u32| self.layers[layer][index as usize];
        let proof = Arc::new(AggregatedProof::new(self.count(), positions, node)?);
        self.cache.keep(root, &proof);
        Ok(proof)
    }
}

fn root_of<H: NodeHasher>(hasher: &H, layers: &[Vec<H::Digest>]) -> H::Digest {
    let top = layers.last().and_then(|layer| layer.first());
    hasher.root(layers[0].len() as u32, top.copied())
}
