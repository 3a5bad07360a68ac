//! Trees of BLAKE3: `rs_merkle` and the `blake3` crate node by node, and every kernel; updates against rebuilding; multiproofs, alone and together.
//! Leaves lie ready, hashed.

use proofbook_merkle::{
    verify_all, AggregatedProof, BatchOptimizedMerkleTree, Kernel, NodeHasher as _, SimdHasher,
};
use proofbook_workload::Random;

use crate::contest::{contest, head, Contender};

type Tree = BatchOptimizedMerkleTree<SimdHasher>;
type Digest = [u8; 32];

const LEAVES: usize = 1 << 16;
const UPDATES: usize = 1000;
const PROVEN: usize = 100;

/// The node hash for `rs_merkle`, by the `blake3` crate: its context is made ready once.
#[derive(Clone)]
struct Peer;

impl rs_merkle::Hasher for Peer {
    type Hash = Digest;

    fn hash(data: &[u8]) -> Digest {
        use blake3::hazmat::{ContextKey, HasherExt};
        use std::sync::LazyLock;
        static KEY: LazyLock<ContextKey> =
            LazyLock::new(|| blake3::hazmat::hash_derive_key_context(SimdHasher::NODE_CONTEXT));
        *blake3::Hasher::new_from_context_key(&KEY)
            .update(data)
            .finalize()
            .as_bytes()
    }
}

fn tree(kernel: Kernel, leaves: &[Digest]) -> Tree {
    Tree::new(SimdHasher::with_kernel(kernel), leaves.to_vec()).expect("a tree")
}

pub fn run() {
    let mut random = Random::new(2);
    let leaves: Vec<Digest> = (0..LEAVES)
        .map(|_| SimdHasher::leaf(&random.next_u64().to_le_bytes()))
        .collect();
    build(&leaves);
    update(&mut random, &leaves);
    prove(&mut random, &leaves);
}

fn build(leaves: &[Digest]) {
    let hasher = SimdHasher::default();
    let mut contenders = vec![
        Contender::new("rs_merkle over blake3", || {
            let tree = rs_merkle::MerkleTree::<Peer>::from_leaves(leaves);
            head(&hasher.root(LEAVES as u32, tree.root()))
        }),
        Contender::new("blake3 crate, node by node", || {
            head(&tree(Kernel::SCALAR, leaves).root())
        }),
    ];
    for kernel in Kernel::all().skip(1) {
        contenders.push(Contender::new(kernel.name(), move || {
            head(&tree(kernel, leaves).root())
        }));
    }
    contest("tree of 65,536 leaves", "node", LEAVES - 1, contenders);
}

fn update(random: &mut Random, leaves: &[Digest]) {
    let changes: Vec<(u32, Digest)> = (0..UPDATES)
        .map(|_| {
            (
                random.below(LEAVES as u64) as u32,
                SimdHasher::leaf(&random.next_u64().to_le_bytes()),
            )
        })
        .collect();
    // Each run changes these leaves back or forth, so that it always has the same to do.
    let mut changed = leaves.to_vec();
    for &(position, leaf) in &changes {
        changed[position as usize] = leaf;
    }
    let answer = |there: Digest, back: Digest| head(&there) ^ head(&back);
    let there_and_back = |tree: &mut Tree, one_by_one: bool| {
        let roots = [&changed, leaves].map(|to: &[Digest]| {
            for &(position, _) in &changes {
                tree.update(position, to[position as usize])
                    .expect("a leaf");
                if one_by_one {
                    tree.commit();
                }
            }
            tree.commit().root
        });
        answer(roots[0], roots[1])
    };
    let mut single = tree(Kernel::detect(), leaves);
    let mut contenders = vec![
        Contender::new("rebuilt whole", || {
            answer(
                tree(Kernel::detect(), &changed).root(),
                tree(Kernel::detect(), leaves).root(),
            )
        }),
        Contender::new("one update after another", || {
            there_and_back(&mut single, true)
        }),
    ];
    for kernel in Kernel::all() {
        let mut batched = tree(kernel, leaves);
        let there_and_back = &there_and_back;
        contenders.push(Contender::new(
            format!("in a batch, {}", kernel.name()),
            move || there_and_back(&mut batched, false),
        ));
    }
    contest(
        "1,000 leaves of 65,536 changed",
        "update",
        2 * UPDATES,
        contenders,
    );
}

fn prove(random: &mut Random, leaves: &[Digest]) {
    let mut positions: Vec<u32> = (0..PROVEN)
        .map(|_| random.below(LEAVES as u64) as u32)
        .collect();
    positions.sort_unstable();
    positions.dedup();
    let mut tree = tree(Kernel::detect(), leaves);
    let hasher = *tree.hasher();
    let root = tree.root();
    let shown: Vec<Digest> = positions.iter().map(|&at| leaves[at as usize]).collect();
    let proof = tree.prove(&positions).expect("a proof");
    let singles: Vec<AggregatedProof<SimdHasher>> = positions
        .iter()
        .map(|&at| AggregatedProof::clone(&tree.prove(&[at]).expect("a proof")))
        .collect();
    let together: Vec<_> = singles
        .iter()
        .zip(shown.as_chunks::<1>().0)
        .map(|(proof, leaf)| (proof, &leaf[..]))
        .collect();
    let peer_tree = rs_merkle::MerkleTree::<Peer>::from_leaves(leaves);
    let indices: Vec<usize> = positions.iter().map(|&at| at as usize).collect();
    let (peer, top) = (peer_tree.proof(&indices), peer_tree.root().expect("a top"));
    let bytes: usize = singles.iter().map(AggregatedProof::encoded_bytes).sum();
    println!("{{\"group\": \"bytes of proofs of {} leaves\", \"one by one\": {bytes}, \"multiproof\": {}}}", positions.len(), proof.encoded_bytes());
    let contenders = vec![
        Contender::new("rs_merkle multiproof", || {
            u64::from(peer.verify(top, &indices, &shown, LEAVES))
        }),
        Contender::new("single proofs, one by one", || {
            u64::from(
                together
                    .iter()
                    .all(|(proof, leaf)| proof.check(&hasher, &root, leaf).is_ok()),
            )
        }),
        Contender::new("single proofs, together", || {
            u64::from(verify_all(&hasher, &root, &together).is_ok())
        }),
        Contender::new("multiproof", || {
            u64::from(proof.check(&hasher, &root, &shown).is_ok())
        }),
    ];
    contest(
        "100 leaves of 65,536 checked",
        "leaf",
        positions.len(),
        contenders,
    );
    give(&positions, leaves);
}

/// Making a proof, and finding one that was made.
fn give(positions: &[u32], leaves: &[Digest]) {
    let peer_tree = rs_merkle::MerkleTree::<Peer>::from_leaves(leaves);
    let indices: Vec<usize> = positions.iter().map(|&at| at as usize).collect();
    let mut cached = tree(Kernel::detect(), leaves);
    let mut uncached = tree(Kernel::detect(), leaves);
    uncached.set_cache_bytes(0);
    let contenders = vec![
        Contender::new("rs_merkle", || {
            peer_tree.proof(&indices).proof_hashes().len() as u64
        }),
        Contender::new("made", || {
            uncached.prove(positions).expect("a proof").siblings().len() as u64
        }),
        Contender::new("from the cache", || {
            cached.prove(positions).expect("a proof").siblings().len() as u64
        }),
    ];
    contest(
        "proof of 100 leaves of 65,536 given",
        "leaf",
        positions.len(),
        contenders,
    );
}
