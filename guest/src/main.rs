//! The zkVM program that proves a batch: reads batch and witness, applies the one to the other, commits the public values.
#![no_std]
#![no_main]

extern crate alloc;

mod runtime;

use proofbook_commitment::Permutation;
use proofbook_transition::{run, BATCH_WORDS};

/// Poseidon2 by the zkVM's precompile.
struct Precompile;

impl Permutation for Precompile {
    #[inline(always)]
    fn permute(state: &mut [u64; 8]) {
        runtime::poseidon2(state);
    }
}

/// Words of new nodes for which room is kept for each word of a batch's commands. An order and all that leads to it are
/// under 100 words, a command is nine; with less room the nodes would only be moved once.
const NEW_WORDS: usize = 12;

#[no_mangle]
extern "C" fn guest() -> ! {
    let batch = runtime::input(0);
    let room = NEW_WORDS * batch.len().saturating_sub(BATCH_WORDS);
    let witness = runtime::input(room);
    let values = run::<Precompile>(&batch, witness);
    runtime::commit(&values.encode())
}
