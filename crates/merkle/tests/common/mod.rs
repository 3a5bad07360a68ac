//! The tree once more, as its definition reads: recursive, one node at a time, by the `blake3` crate alone.

use proofbook_merkle::{BatchOptimizedMerkleTree, SimdHasher};
use proofbook_workload::Random;

/// A digest.
pub type Digest = [u8; 32];
/// A tree of BLAKE3.
pub type Tree = BatchOptimizedMerkleTree<SimdHasher>;

/// Leaves that a seed stands for.
pub fn leaves(random: &mut Random, count: usize) -> Vec<Digest> {
    (0..count)
        .map(|_| SimdHasher::leaf(&random.next_u64().to_le_bytes()))
        .collect()
}

/// The top of some leaves, as RFC 6962 splits them.
pub fn top(leaves: &[Digest]) -> Digest {
    if let [leaf] = leaves {
        return *leaf;
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    blake3::derive_key(
        "proofbook merkle tree 1: node",
        &[top(left), top(right)].concat(),
    )
}

/// The root of some leaves.
pub fn root(leaves: &[Digest]) -> Digest {
    let mut bytes = (leaves.len() as u32).to_le_bytes().to_vec();
    if !leaves.is_empty() {
        bytes.extend(top(leaves));
    }
    blake3::derive_key("proofbook merkle tree 1: root", &bytes)
}
