//! Many proofs about one root, checked together: what they share is hashed once.

use std::collections::HashMap;

use crate::error::MerkleError;
use crate::hasher::NodeHasher;
use crate::proof::{layer_above, siblings, AggregatedProof};

/// Checks that the tree with this root has each proof's leaves at its positions.
///
/// All proofs are laid over each other. Where two of them say something of one node, it must be the same, given or computed; so if
/// the one computation that is left leads to the root, each proof's own does. If anything is amiss, each is checked by itself, to
/// say which do not hold.
///
/// # Errors
/// [`MerkleError::Several`] with the places of the proofs that do not hold.
pub fn verify_all<H: NodeHasher>(
    hasher: &H,
    root: &H::Digest,
    proofs: &[(&AggregatedProof<H>, &[H::Digest])],
) -> Result<(), MerkleError> {
    if proofs.is_empty() || overlaid(hasher, proofs).is_some_and(|received| received == *root) {
        return Ok(());
    }
    let failed = |(proof, leaves): &(&AggregatedProof<H>, &[H::Digest])| {
        proof.check(hasher, root, leaves).is_err()
    };
    let places: Vec<usize> = (0..proofs.len())
        .filter(|&place| failed(&proofs[place]))
        .collect();
    if places.is_empty() {
        Ok(())
    } else {
        Err(MerkleError::Several { places })
    }
}

/// Notes a node; whether nothing else was known of it.
fn note<D: Eq>(nodes: &mut HashMap<u32, D>, index: u32, digest: D) -> bool {
    match nodes.get(&index) {
        Some(known) => *known == digest,
        None => {
            nodes.insert(index, digest);
            true
        }
    }
}

/// The root that all of the proofs lead to, if they agree with each other.
fn overlaid<H: NodeHasher>(
    hasher: &H,
    proofs: &[(&AggregatedProof<H>, &[H::Digest])],
) -> Option<H::Digest> {
    let count = proofs.first()?.0.leaves();
    let mut starts = HashMap::new();
    let mut given: Vec<HashMap<u32, H::Digest>> = Vec::new();
    for (proof, leaves) in proofs {
        let is_whole = proof.positions().len() == leaves.len() && !leaves.is_empty();
        if proof.leaves() != count || !is_whole {
            return None;
        }
        let mut is_agreed = true;
        for (&position, &leaf) in proof.positions().iter().zip(*leaves) {
            is_agreed &= note(&mut starts, position, leaf);
        }
        let mut digests = proof.siblings().iter();
        siblings(count, proof.positions(), |layer, index| {
            if given.len() <= layer {
                given.resize_with(layer + 1, HashMap::new);
            }
            if let Some(&digest) = digests.next() {
                is_agreed &= note(&mut given[layer], index, digest);
            }
        });
        if !is_agreed {
            return None;
        }
    }
    let mut known: Vec<(u32, H::Digest)> = starts.into_iter().collect();
    known.sort_unstable_by_key(|(index, _)| *index);
    let mut width = count;
    let none = HashMap::new();
    for layer in 0.. {
        let given = given.get(layer).unwrap_or(&none);
        let is_agreed = known
            .iter()
            .all(|(index, digest)| given.get(index).is_none_or(|given| given == digest));
        if !is_agreed {
            return None;
        }
        if width <= 1 {
            break;
        }
        known = layer_above(hasher, &known, width, |index| given.get(&index).copied());
        width = width.div_ceil(2);
    }
    Some(hasher.root(count, known.first().map(|(_, top)| *top)))
}
