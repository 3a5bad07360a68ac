//! Multiproofs: of every set of leaves of small trees, of random ones of large trees, against `rs_merkle`; altered, and many at a time.

mod common;

use std::sync::Arc;

use common::{leaves, root, Digest, Tree};
use proofbook_merkle::{verify_all, AggregatedProof, MerkleError, NodeHasher, SimdHasher};
use proofbook_workload::Random;

type Proof = AggregatedProof<SimdHasher>;

fn tree(seed: u64, count: usize) -> Tree {
    Tree::new(SimdHasher::default(), leaves(&mut Random::new(seed), count)).expect("a tree")
}

fn shown(tree: &Tree, positions: &[u32]) -> Vec<Digest> {
    positions
        .iter()
        .map(|&at| tree.leaves()[at as usize])
        .collect()
}

fn random_positions(random: &mut Random, leaves: u32, most: u64) -> Vec<u32> {
    let mut positions: Vec<u32> = (0..random.below(most + 1))
        .map(|_| random.below(leaves.into()) as u32)
        .collect();
    positions.sort_unstable();
    positions.dedup();
    positions
}

#[test]
fn every_set_of_leaves_of_small_trees() {
    for count in 0..=11u32 {
        let mut tree = tree(count.into(), count as usize);
        let expected = root(tree.leaves());
        let hasher = *tree.hasher();
        let singles: Vec<Arc<Proof>> = (0..count)
            .map(|at| tree.prove(&[at]).expect("a proof"))
            .collect();
        for set in 0..1u32 << count {
            let positions: Vec<u32> = (0..count).filter(|at| set >> at & 1 == 1).collect();
            let proof = tree.prove(&positions).expect("a proof");
            let leaves = shown(&tree, &positions);
            assert_eq!(
                proof.check(&hasher, &expected, &leaves),
                Ok(()),
                "{count}, {positions:?}"
            );
            let bytes = proof.encode();
            assert_eq!(bytes.len(), proof.encoded_bytes());
            assert_eq!(Proof::decode(&bytes).as_ref(), Ok(&*proof));
            // Nothing that could be computed, and nothing that a single proof has not.
            let apart: usize = positions
                .iter()
                .map(|&at| singles[at as usize].siblings().len())
                .sum();
            assert!(proof.siblings().len() <= apart.max(1));
            for &position in &positions {
                let single = &singles[position as usize];
                let leaf = tree.leaves()[position as usize];
                assert_eq!(single.root(&hasher, &[leaf]), Ok(expected));
            }
            for sibling in proof.siblings() {
                let is_in_single = singles
                    .iter()
                    .any(|single| single.siblings().contains(sibling));
                assert!(
                    is_in_single || positions.is_empty(),
                    "{count}, {positions:?}"
                );
            }
        }
    }
}

#[derive(Clone)]
struct Peer;

impl rs_merkle::Hasher for Peer {
    type Hash = [u8; 32];

    fn hash(data: &[u8]) -> [u8; 32] {
        blake3::derive_key(SimdHasher::NODE_CONTEXT, data)
    }
}

#[test]
fn random_sets_of_large_trees_as_another_library_has_them() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let count = 1 + random.below(3000) as u32;
        let mut tree = tree(seed, count as usize);
        let peer = rs_merkle::MerkleTree::<Peer>::from_leaves(tree.leaves());
        let top = peer.root().expect("a top");
        assert_eq!(
            tree.hasher().root(count, Some(top)),
            tree.root(),
            "seed {seed}"
        );
        for _ in 0..20 {
            let positions = random_positions(&mut random, count, 60);
            if positions.is_empty() {
                continue;
            }
            let proof = tree.prove(&positions).expect("a proof");
            let indices: Vec<usize> = positions.iter().map(|&at| at as usize).collect();
            let of_peer = peer.proof(&indices);
            assert_eq!(
                proof.siblings(),
                of_peer.proof_hashes(),
                "seed {seed}, {positions:?}"
            );
            let leaves = shown(&tree, &positions);
            assert!(of_peer.verify(top, &indices, &leaves, count as usize));
            assert_eq!(proof.check(tree.hasher(), &tree.root(), &leaves), Ok(()));
        }
    }
}

/// Changes a proof's bytes, a leaf or the root: anything but the whole.
fn altered(random: &mut Random, bytes: &mut Vec<u8>, leaves: &mut Vec<Digest>, root: &mut Digest) {
    match random.below(8) {
        0 => root[random.below(32) as usize] ^= 1 << random.below(8),
        1 if !leaves.is_empty() => {
            let place = random.below(leaves.len() as u64) as usize;
            leaves[place][random.below(32) as usize] ^= 1 << random.below(8);
        }
        2 if leaves.len() > 1 => leaves.swap(0, 1),
        3 => bytes.extend_from_slice(&[0; 32][..1 + random.below(32) as usize]),
        4 => bytes.truncate(random.below(bytes.len() as u64) as usize),
        5 => leaves.push([0; 32]),
        _ => {
            let place = random.below(bytes.len() as u64) as usize;
            bytes[place] ^= 1 << random.below(8);
        }
    }
}

#[test]
fn altered_proofs_are_refused() {
    let count = if std::env::var_os("PROOFBOOK_SOAK").is_some() {
        1_000_000
    } else {
        100_000
    };
    let (mut undecoded, mut unproven) = (0, 0);
    for seed in 0..count {
        let mut random = Random::new(seed);
        let mut tree = tree(seed % 97, 1 + (seed % 97) as usize);
        let positions = random_positions(&mut random, tree.leaves().len() as u32, 6);
        let mut bytes = tree.prove(&positions).expect("a proof").encode();
        let mut leaves = shown(&tree, &positions);
        let mut root = tree.root();
        altered(&mut random, &mut bytes, &mut leaves, &mut root);
        match Proof::decode(&bytes) {
            Err(_) => undecoded += 1,
            Ok(proof) => {
                assert_eq!(proof.encode(), bytes, "seed {seed}");
                assert!(
                    proof.check(tree.hasher(), &root, &leaves).is_err(),
                    "seed {seed}"
                );
                let failed = verify_all(tree.hasher(), &root, &[(&proof, &leaves)]);
                assert_eq!(
                    failed,
                    Err(MerkleError::Several { places: vec![0] }),
                    "seed {seed}"
                );
                unproven += 1;
            }
        }
    }
    assert!(
        undecoded > count / 10 && unproven > count / 10,
        "{undecoded} and {unproven}"
    );
}

#[test]
fn many_proofs_hold_together_as_they_do_alone() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let mut tree = tree(seed, 1 + (seed as usize % 70));
        let count = tree.leaves().len() as u32;
        let hasher = *tree.hasher();
        let mut proofs: Vec<(Proof, Vec<Digest>)> = Vec::new();
        for _ in 0..random.below(12) {
            let positions = random_positions(&mut random, count, 5);
            let proof = tree.prove(&positions).expect("a proof");
            proofs.push((Proof::clone(&proof), shown(&tree, &positions)));
        }
        let root = tree.root();
        let verify = |proofs: &[(Proof, Vec<Digest>)]| {
            let borrowed: Vec<_> = proofs
                .iter()
                .map(|(proof, leaves)| (proof, leaves.as_slice()))
                .collect();
            verify_all(&hasher, &root, &borrowed)
        };
        assert_eq!(verify(&proofs), Ok(()), "seed {seed}");
        let mut places = Vec::new();
        for (place, (proof, leaves)) in proofs.iter_mut().enumerate() {
            if random.below(3) > 0 {
                continue;
            }
            let mut bytes = proof.encode();
            let start = 8 + 4 * proof.positions().len();
            if bytes.len() > start && random.below(2) == 0 {
                let place = start + random.below((bytes.len() - start) as u64) as usize;
                bytes[place] ^= 1;
                *proof = Proof::decode(&bytes).expect("any digest is one");
            } else if let Some(leaf) = leaves.first_mut() {
                leaf[31] ^= 128;
            } else {
                continue;
            }
            places.push(place);
        }
        let expected = if places.is_empty() {
            Ok(())
        } else {
            Err(MerkleError::Several { places })
        };
        assert_eq!(verify(&proofs), expected, "seed {seed}");
    }
}

#[test]
fn only_one_encoding_is_taken() {
    let mut tree = tree(1, 13);
    let bytes = tree.prove(&[2, 7]).expect("a proof").encode();
    let with = |place: usize, number: u32| {
        let mut bytes = bytes.clone();
        bytes[place..][..4].copy_from_slice(&number.to_le_bytes());
        Proof::decode(&bytes).expect_err("no proof")
    };
    assert_eq!(with(8, 7), MerkleError::Order { received: 7 });
    assert_eq!(
        with(12, 13),
        MerkleError::Position {
            leaves: 13,
            received: 13
        }
    );
    assert_eq!(
        with(0, u32::MAX),
        MerkleError::TooManyLeaves {
            received: u32::MAX as usize
        }
    );
    assert!(matches!(with(0, 1 << 20), MerkleError::Length { .. }));
    assert!(matches!(with(4, u32::MAX), MerkleError::Length { .. }));
    assert!(matches!(
        Proof::decode(&[]),
        Err(MerkleError::Length {
            expected: 8,
            received: 0
        })
    ));
    let trailing = Proof::decode(&[bytes.as_slice(), &[0]].concat()).expect_err("a byte too many");
    let expected = MerkleError::Length {
        expected: bytes.len(),
        received: bytes.len() + 1,
    };
    assert_eq!(trailing, expected);
    assert_eq!(
        trailing.to_string(),
        format!(
            "expected a proof of {} bytes; received {}",
            bytes.len(),
            bytes.len() + 1
        )
    );
}
