//! What a tree is hashed with.

use core::fmt;

use proofbook_commitment::list::{self, LIST_MAX};
use proofbook_commitment::node::Preimage;
use proofbook_commitment::{Digest, Portable, Tag};
use proofbook_poseidon2_simd::{Kernel as PoseidonKernel, Preimages, LANES};

use crate::blake3_simd::{Kernel, NodeKey};

/// Length of a digest's encoding, of any hash.
pub const DIGEST_BYTES: usize = 32;

/// No tree has more leaves: a proof's numbers have four bytes, and a tree of BLAKE3 has a gigabyte then.
pub const LEAVES_MAX: u32 = LIST_MAX;

/// A hash for the nodes of a tree. Leaves are digests already; what of, and under which tag, is their maker's affair.
pub trait NodeHasher {
    /// A leaf or node.
    type Digest: Copy + Eq + fmt::Debug;

    /// The node over pairs of neighbours, one for each of `out`.
    ///
    /// # Panics
    /// Where there are not two children for each node.
    fn nodes(&self, children: &[Self::Digest], out: &mut [Self::Digest]);

    /// The root of a tree of so many leaves under its top; there is none over no leaves.
    fn root(&self, leaves: u32, top: Option<Self::Digest>) -> Self::Digest;

    /// The only encoding.
    fn encode(digest: &Self::Digest) -> [u8; DIGEST_BYTES];

    /// The digest that encodes to these bytes, if any does.
    fn decode(bytes: &[u8; DIGEST_BYTES]) -> Option<Self::Digest>;
}

/// BLAKE3, by its mode for deriving keys: leaves, nodes and roots have a context each, so that none can be taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimdHasher {
    kernel: Kernel,
    node_key: NodeKey,
}

impl SimdHasher {
    /// The context of leaves.
    pub const LEAF_CONTEXT: &'static str = "proofbook merkle tree 1: leaf";
    /// The context of nodes.
    pub const NODE_CONTEXT: &'static str = "proofbook merkle tree 1: node";
    /// The context of roots.
    pub const ROOT_CONTEXT: &'static str = "proofbook merkle tree 1: root";

    /// With a certain instruction set.
    pub fn with_kernel(kernel: Kernel) -> Self {
        SimdHasher {
            kernel,
            node_key: NodeKey::new(Self::NODE_CONTEXT),
        }
    }

    /// The leaf that some bytes are.
    pub fn leaf(bytes: &[u8]) -> [u8; DIGEST_BYTES] {
        blake3::derive_key(Self::LEAF_CONTEXT, bytes)
    }
}

impl Default for SimdHasher {
    fn default() -> Self {
        SimdHasher::with_kernel(Kernel::detect())
    }
}

impl NodeHasher for SimdHasher {
    type Digest = [u8; DIGEST_BYTES];

    fn nodes(&self, children: &[Self::Digest], out: &mut [Self::Digest]) {
        let (pairs, rest) = children.as_chunks::<2>();
        assert!(
            rest.is_empty() && pairs.len() == out.len(),
            "a node has two children"
        );
        self.kernel.hash_pairs(&self.node_key, pairs, out);
    }

    fn root(&self, leaves: u32, top: Option<Self::Digest>) -> Self::Digest {
        let mut bytes = [0; 4 + DIGEST_BYTES];
        bytes[..4].copy_from_slice(&leaves.to_le_bytes());
        let used = match top {
            None => 4,
            Some(top) => {
                bytes[4..].copy_from_slice(&top);
                bytes.len()
            }
        };
        blake3::derive_key(Self::ROOT_CONTEXT, &bytes[..used])
    }

    fn encode(digest: &Self::Digest) -> [u8; DIGEST_BYTES] {
        *digest
    }

    fn decode(bytes: &[u8; DIGEST_BYTES]) -> Option<Self::Digest> {
        Some(*bytes)
    }
}

/// Poseidon2, as the lists of a batch's commands and events are hashed: a tree's root is the list's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoseidonHasher {
    kernel: PoseidonKernel,
}

impl PoseidonHasher {
    /// With a certain instruction set.
    pub fn with_kernel(kernel: PoseidonKernel) -> Self {
        PoseidonHasher { kernel }
    }
}

impl Default for PoseidonHasher {
    fn default() -> Self {
        PoseidonHasher::with_kernel(PoseidonKernel::detect())
    }
}

impl NodeHasher for PoseidonHasher {
    type Digest = Digest;

    fn nodes(&self, children: &[Digest], out: &mut [Digest]) {
        let (pairs, rest) = children.as_chunks::<2>();
        assert!(
            rest.is_empty() && pairs.len() == out.len(),
            "a node has two children"
        );
        let mut preimages = [Preimages::default(), Preimages::default()];
        for (pairs, out) in pairs.chunks(2 * LANES).zip(out.chunks_mut(2 * LANES)) {
            for (lane, [left, right]) in pairs.iter().enumerate() {
                let preimage = Preimage {
                    tag: Tag::ListNode,
                    parameter: 0,
                    blocks: [left.0, right.0],
                };
                preimages[lane / LANES].set(lane % LANES, &preimage);
            }
            let digests = self.kernel.hash_two(&preimages, pairs.len());
            for (lane, node) in out.iter_mut().enumerate() {
                *node = digests[lane / LANES].get(lane % LANES);
            }
        }
    }

    fn root(&self, leaves: u32, top: Option<Digest>) -> Digest {
        list::root::<Portable>(leaves, top.unwrap_or(Digest::EMPTY))
    }

    fn encode(digest: &Digest) -> [u8; DIGEST_BYTES] {
        digest.encode()
    }

    fn decode(bytes: &[u8; DIGEST_BYTES]) -> Option<Digest> {
        Digest::decode(bytes)
    }
}
