//! Proofs that were made already, by root and positions, in bounded memory.

use std::sync::Arc;

use lru::LruCache;

use crate::hasher::{NodeHasher, DIGEST_BYTES};
use crate::proof::AggregatedProof;

/// How often the cache was of use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStatistics {
    /// Proofs that were there.
    pub hits: u64,
    /// Proofs that had to be made.
    pub misses: u64,
    /// Proofs that had to go.
    pub evicted: u64,
    /// Proofs that are there.
    pub proofs: usize,
    /// What they take, without the table's own memory.
    pub bytes: usize,
}

type Key = ([u8; DIGEST_BYTES], Box<[u32]>);

/// The least recently used proof goes first.
#[derive(Debug)]
pub(crate) struct ProofCache<H: NodeHasher> {
    proofs: LruCache<Key, Arc<AggregatedProof<H>>>,
    bytes_max: usize,
    statistics: CacheStatistics,
}

/// What an entry takes: proof, positions once more in its key, and both of their heads.
fn entry_bytes<H: NodeHasher>(proof: &AggregatedProof<H>) -> usize {
    let heads = size_of::<Key>() + size_of::<AggregatedProof<H>>();
    heads + proof.encoded_bytes() + size_of_val(proof.positions())
}

impl<H: NodeHasher> ProofCache<H> {
    pub(crate) fn new(bytes_max: usize) -> Self {
        ProofCache {
            proofs: LruCache::unbounded(),
            bytes_max,
            statistics: CacheStatistics::default(),
        }
    }

    pub(crate) fn statistics(&self) -> CacheStatistics {
        CacheStatistics {
            proofs: self.proofs.len(),
            ..self.statistics
        }
    }

    pub(crate) fn find(
        &mut self,
        root: [u8; DIGEST_BYTES],
        positions: &[u32],
    ) -> Option<Arc<AggregatedProof<H>>> {
        let found = self.proofs.get(&(root, positions.into())).cloned();
        match found {
            Some(_) => self.statistics.hits += 1,
            None => self.statistics.misses += 1,
        }
        found
    }

    /// Keeps a proof that was not there, unless it is larger than the whole cache may be.
    pub(crate) fn keep(&mut self, root: [u8; DIGEST_BYTES], proof: &Arc<AggregatedProof<H>>) {
        let bytes = entry_bytes(proof);
        if bytes > self.bytes_max {
            return;
        }
        while self.statistics.bytes + bytes > self.bytes_max {
            let Some((_, oldest)) = self.proofs.pop_lru() else {
                break;
            };
            self.statistics.bytes -= entry_bytes(&oldest);
            self.statistics.evicted += 1;
        }
        self.proofs
            .put((root, proof.positions().into()), proof.clone());
        self.statistics.bytes += bytes;
    }
}
