//! Merkle trees outside of proofs: many leaves changed at a time, one short proof for many of them.
//!
//! A [`BatchOptimizedMerkleTree`] takes updates, hashes what they touched once, many nodes side by side, and gives an [`AggregatedProof`] of
//! any of its leaves. It is generic over its [`NodeHasher`]: [`SimdHasher`] is BLAKE3, for trees that never enter a proof of the zkVM;
//! [`PoseidonHasher`] gives the lists of `docs/COMMITMENT.md`. `docs/STRUCTURES.md` specifies both to the byte.
//!
//! The shape is that of RFC 6962: layer by layer two neighbours make a node, and a last one without a neighbour moves up as it is. No leaf stands
//! twice, and the root binds how many there are.

mod blake3_simd;
mod cache;
mod error;
mod hasher;
mod proof;
mod several;
mod tree;

pub use blake3_simd::Kernel;
pub use cache::CacheStatistics;
pub use error::MerkleError;
pub use hasher::{NodeHasher, PoseidonHasher, SimdHasher, DIGEST_BYTES, LEAVES_MAX};
pub use proof::AggregatedProof;
pub use several::verify_all;
pub use tree::{BatchOptimizedMerkleTree, Committed};
