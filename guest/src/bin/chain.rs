//! The zkVM program that joins proofs of batches: one proof for all of them.
#![no_std]
#![no_main]

use proofbook_chain::join;
use proofbook_guest_runtime::{commit_requiring, input, Precompile, Required};

#[no_mangle]
extern "C" fn guest() -> ! {
    let mut required = Required::default();
    let values = join::<Precompile>(&input(0), &mut |program, values| {
        required.require(program, values);
    });
    commit_requiring(&values.encode(), &required)
}
