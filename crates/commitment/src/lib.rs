//! The committed state of a market: one 32-byte root that binds every order, its place, and every counter.
//!
//! `docs/COMMITMENT.md` specifies it to the byte. A market is seven maps, each a compressed binary trie whose shape depends
//! on its keys alone ([`trie`]), and a [`Header`] with their roots. The first leaf of a queue's trie is its best
//! level, the first leaf of that level's trie its first order: a path to them shows that nothing better exists.
//!
//! The tries of this crate need not be complete. A part that nobody has looked at is a digest; looking at it asks a
//! [`Source`] for the node with that digest. Inside a proof the source is the witness and a node is hashed as it
//! comes; outside it is the whole state. So the code that decides what is looked at is the same in both places.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod header;
pub mod list;
pub mod list_proof;
pub mod maps;
pub mod node;
pub mod part;
pub mod poseidon2;
pub mod public;
pub mod sponge;
pub mod state_proof;
pub mod store;
pub mod trie;

pub use header::{Header, Map, MAPS};
pub use list::ListHasher;
pub use list_proof::ListProof;
pub use maps::{Maps, OrderWords};
pub use part::ProofError;
pub use public::{PublicValues, PUBLIC_BYTES};
pub use sponge::{Digest, Permutation, Portable, Sponge, Tag, DIGEST_BYTES};
pub use state_proof::StateProof;
pub use store::{Source, Store, Witness};
