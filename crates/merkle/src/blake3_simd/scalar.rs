//! One node after another, by the `blake3` crate: what every other kernel must equal.

use blake3::hazmat::HasherExt;

use super::{NodeKey, Pair};

pub(super) fn hash_pairs(key: &NodeKey, pairs: &[Pair], out: &mut [[u8; 32]]) {
    let mut hasher = blake3::Hasher::new_from_context_key(&key.key);
    for (pair, node) in pairs.iter().zip(out) {
        hasher.reset();
        hasher.update(pair.as_flattened());
        *node = *hasher.finalize().as_bytes();
    }
}
