//! Poseidon2 over eight states side by side: the hash of `proofbook-commitment` where many things are hashed at once.
//!
//! A [`Kernel`] is an instruction set. All of them give what the portable permutation gives; which one runs is found out at
//! run time, and any that the machine has can be asked for. Words of the eight states lie beside each other: word `w` of lane
//! `l` is `words[w][l]`, two elements to a word as in [`proofbook_commitment::sponge`].
//!
//! Two tricks, both in the `schedule` module, keep the work down: each state is carried times a known factor, so that neither
//! Montgomery form nor the division in the internal layer costs anything; and the internal layer is divided by 2^15, which makes
//! its multiplications ones by negative powers of two, and those are shifts in this field.

mod kernel;
mod scalar;
mod schedule;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

pub use kernel::{Digests, Kernel, Preimages, Words, LANES};
