//! The zkVM program that proves a batch: reads batch and witness, applies the one to the other, commits the public values.
#![no_std]
#![no_main]

use proofbook_guest_runtime::{commit, input, Precompile};
use proofbook_transition::{run, BATCH_WORDS};

/// Words of new nodes for which room is kept for each word of a batch's commands. An order and all that leads to it are
/// under 100 words, a command is nine; with less room the nodes would only be moved once.
const NEW_WORDS: usize = 12;

#[no_mangle]
extern "C" fn guest() -> ! {
    let batch = input(0);
    let room = NEW_WORDS * batch.len().saturating_sub(BATCH_WORDS);
    let witness = input(room);
    let values = run::<Precompile>(&batch, witness);
    commit(&values.encode())
}
