//! Trees against their definition: built, changed in batches, by every kernel and by both hashes.

mod common;

use common::{leaves, root, Tree};
use proofbook_commitment::{Digest, ListHasher, ListProof, Portable, Sponge, Tag};
use proofbook_merkle::{
    BatchOptimizedMerkleTree, Kernel, MerkleError, NodeHasher, PoseidonHasher, SimdHasher,
};
use proofbook_poseidon2_simd::Kernel as PoseidonKernel;
use proofbook_workload::Random;

fn sizes() -> impl Iterator<Item = usize> {
    (0..70).chain([127, 128, 129, 1000, 4097])
}

#[test]
fn every_kernel_builds_the_tree_of_the_definition() {
    for size in sizes() {
        let leaves = leaves(&mut Random::new(size as u64), size);
        let expected = root(&leaves);
        for kernel in Kernel::all() {
            let tree = Tree::new(SimdHasher::with_kernel(kernel), leaves.clone()).expect("a tree");
            assert_eq!(tree.root(), expected, "{kernel:?}, {size} leaves");
        }
    }
}

#[test]
fn every_kernel_hashes_any_bytes_in_any_number() {
    for kernel in Kernel::all() {
        for count in 0..40usize {
            let mut random = Random::new(count as u64);
            let children: Vec<[u8; 32]> = (0..2 * count)
                .map(|place| match place % 3 {
                    0 => [0xff; 32],
                    _ => core::array::from_fn(|_| random.next_u64() as u8),
                })
                .collect();
            let mut nodes = vec![[0; 32]; count];
            SimdHasher::with_kernel(kernel).nodes(&children, &mut nodes);
            for (pair, node) in children.chunks(2).zip(nodes) {
                let expected = blake3::derive_key(SimdHasher::NODE_CONTEXT, &pair.concat());
                assert_eq!(node, expected, "{kernel:?}, {count} nodes");
            }
        }
    }
}

#[test]
fn batches_of_updates_give_the_tree_of_the_leaves_that_result() {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let mut expected = leaves(&mut random, (seed as usize * 7) % 90);
        let kernel = Kernel::all()
            .nth(seed as usize % Kernel::all().count())
            .expect("a kernel");
        let mut tree =
            Tree::new(SimdHasher::with_kernel(kernel), expected.clone()).expect("a tree");
        for _ in 0..30 {
            let (before, mut changed) = (expected.clone(), 0);
            for _ in 0..random.below(40) {
                let leaf = leaves(&mut random, 1)[0];
                if expected.is_empty() || random.below(4) == 0 {
                    let position = tree.push(leaf).expect("room");
                    assert_eq!(position as usize, expected.len(), "seed {seed}");
                    expected.push(leaf);
                } else {
                    let position = random.below(expected.len() as u64) as usize;
                    // Now and then back to what it was.
                    let old = before.get(position).filter(|_| random.below(3) == 0);
                    expected[position] = *old.unwrap_or(&leaf);
                    tree.update(position as u32, expected[position])
                        .expect("a leaf");
                }
            }
            assert_eq!(
                tree.root(),
                root(&before),
                "seed {seed}: nothing changes before the commit"
            );
            for (position, leaf) in expected.iter().enumerate() {
                changed += usize::from(before.get(position) != Some(leaf));
            }
            let committed = tree.commit();
            assert_eq!(committed.root, root(&expected), "seed {seed}");
            assert_eq!(committed.changed, changed, "seed {seed}");
            assert_eq!(tree.leaves(), expected, "seed {seed}");
            assert_eq!(tree.pending(), 0);
        }
    }
}

#[test]
fn only_what_an_update_touches_is_hashed() {
    let mut tree =
        Tree::new(SimdHasher::default(), leaves(&mut Random::new(1), 1 << 12)).expect("a tree");
    tree.update(77, [7; 32]).expect("a leaf");
    tree.update(77, [8; 32]).expect("a leaf");
    let committed = tree.commit();
    assert_eq!((committed.changed, committed.hashed), (1, 12));
    tree.update(76, [8; 32]).expect("a leaf");
    tree.update(77, [9; 32]).expect("a leaf");
    let committed = tree.commit();
    assert_eq!(
        (committed.changed, committed.hashed),
        (2, 12),
        "two neighbours share their way"
    );
    tree.update(77, [9; 32]).expect("a leaf");
    assert_eq!(tree.commit().hashed, 0, "it was that already");
}

#[test]
fn trees_of_poseidon_are_the_lists_of_the_commitment() {
    for kernel in PoseidonKernel::all() {
        for size in (0..40).chain([257]) {
            let mut list = ListHasher::<Portable>::default();
            let leaves: Vec<Digest> = (0..size)
                .map(|index| {
                    let mut sponge = Sponge::<Portable>::new(Tag::Command, index);
                    sponge.block([u64::from(index), 1, 2, 3]);
                    sponge.digest()
                })
                .collect();
            leaves.iter().for_each(|&leaf| list.push(leaf));
            let hasher = PoseidonHasher::with_kernel(kernel);
            let mut tree = BatchOptimizedMerkleTree::new(hasher, leaves.clone()).expect("a tree");
            assert_eq!(tree.root(), list.root(), "{kernel:?}, {size} leaves");
            let positions: Vec<u32> = (0..size).filter(|position| position % 5 == 2).collect();
            let proof = tree.prove(&positions).expect("a proof");
            let shown: Vec<Digest> = positions.iter().map(|&at| leaves[at as usize]).collect();
            assert_eq!(proof.check(&hasher, &list.root(), &shown), Ok(()));
            // The same digests as the list's own proof has, which orders them otherwise.
            let of_list = ListProof::new::<Portable>(&leaves, &positions).encode();
            let mut expected: Vec<&[u8]> = of_list[8..].chunks(32).collect();
            let encoded = proof.encode();
            let mut found: Vec<&[u8]> = encoded[8 + 4 * positions.len()..].chunks(32).collect();
            expected.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, expected, "{size} leaves");
        }
    }
}

#[test]
fn what_a_tree_cannot_have_is_refused() {
    let mut tree = Tree::new(SimdHasher::default(), vec![[1; 32]; 3]).expect("a tree");
    let beyond = MerkleError::Position {
        leaves: 3,
        received: 3,
    };
    assert_eq!(tree.update(3, [0; 32]), Err(beyond.clone()));
    assert_eq!(tree.prove(&[1, 3]).expect_err("beyond"), beyond);
    assert_eq!(
        tree.prove(&[1, 1]).expect_err("twice"),
        MerkleError::Order { received: 1 }
    );
    let too_many = Tree::new(SimdHasher::default(), vec![[0; 32]; (1 << 24) + 1]);
    assert_eq!(
        too_many.expect_err("too many"),
        MerkleError::TooManyLeaves {
            received: (1 << 24) + 1
        }
    );
}

#[test]
fn the_cache_gives_what_was_made_and_stays_small() {
    let mut tree =
        Tree::new(SimdHasher::default(), leaves(&mut Random::new(3), 100)).expect("a tree");
    let first = tree.prove(&[5, 9]).expect("a proof");
    assert_eq!(tree.prove(&[5, 9]).expect("a proof"), first);
    let statistics = tree.cache_statistics();
    assert_eq!(
        (statistics.hits, statistics.misses, statistics.proofs),
        (1, 1, 1)
    );
    let old = tree.leaves()[5];
    tree.update(5, [5; 32]).expect("a leaf");
    tree.commit();
    assert_ne!(tree.prove(&[4, 9]).expect("a proof"), first);
    tree.prove(&[5, 9]).expect("a proof");
    assert_eq!(
        tree.cache_statistics().hits,
        1,
        "another root has other proofs"
    );
    tree.update(5, old).expect("a leaf");
    tree.commit();
    assert_eq!(tree.prove(&[5, 9]).expect("a proof"), first);
    assert_eq!(
        tree.cache_statistics().hits,
        2,
        "the same root has the same ones"
    );

    tree.set_cache_bytes(2000);
    for position in 0..100 {
        tree.prove(&[position]).expect("a proof");
        assert!(tree.cache_statistics().bytes <= 2000);
    }
    let statistics = tree.cache_statistics();
    assert_eq!(statistics.misses, 100);
    assert_eq!(statistics.evicted as usize, 100 - statistics.proofs);
    assert!(statistics.proofs > 3);
    tree.prove(&[99]).expect("a proof");
    assert_eq!(tree.cache_statistics().hits, 1);
    let all: Vec<u32> = (0..100).collect();
    tree.prove(&all).expect("a proof");
    tree.set_cache_bytes(0);
    tree.prove(&[1]).expect("a proof");
    assert_eq!(tree.cache_statistics().proofs, 0);
}
