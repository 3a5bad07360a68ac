//! What a light client holds of a market.
//!
//! A [`CompressedOrderBook`] is the public header of a state: what the state root is the hash of. It is downloaded per batch and checked
//! against what a proof of the batch says.
//!
//! A [`CircuitOptimizedState`] is the best 128 levels of both sides in a tree of fixed depth, whose root follows from the state root: it is made
//! from a proof about the state and from nothing less. Whoever trusts its [`ViewHeader`] checks the best bid, the best ask and the depth through a
//! price by paths of eight digests, natively or in a circuit: the hash is Poseidon2, every loop has a fixed bound.
//!
//! `docs/STRUCTURES.md` specifies both to the byte.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod compressed;
mod error;
mod hash;
mod path;
mod state;
mod tree;
mod view;

pub use compressed::{CompressedOrderBook, COMPRESSED_BYTES, COMPRESSED_VERSION};
pub use error::LightError;
pub use path::{DepthProof, LevelPath, ProvenLevel, PATH_BYTES};
pub use state::{CircuitOptimizedState, Fill, Rehashed};
pub use tree::{DEPTH, LEAVES, LEVELS};
pub use view::{ViewHeader, ViewLevel, VIEW_HEADER_BYTES};
