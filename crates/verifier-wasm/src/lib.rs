//! The verifier for a web page: functions over numbers and linear memory, called by `web/verifier/verifier.mjs` alone.
//!
//! A call is: ask for room ([`proofbook_input`]), write the input there, call one function, read its output
//! ([`proofbook_output`], [`proofbook_output_length`]). Each function gives a [`Status`] and an output: bytes, or the text of an
//! error, the same as natively.
//!
//! Invariants:
//! - nothing is kept from call to call, so that an instance which stopped can be replaced by a new one: where a chain stands comes
//!   with the call;
//! - the input is bounded ([`INPUT_BYTES_MAX`]);
//! - a stop in the crates below ends the instance, since WebAssembly cannot unwind. Its reason is the output by then.
#![deny(unsafe_code)]

mod buffers;
mod calls;
mod place;
#[cfg(target_arch = "wasm32")]
mod platform;

pub use calls::{Status, INPUT_BYTES_MAX};

use buffers::{answer, make_room, output};

/// Makes room for an input of this length and gives its address; null where there is none for so much, with the reason as output.
#[no_mangle]
#[allow(unsafe_code, reason = "an exported name")]
pub extern "C" fn proofbook_input(length: usize) -> *mut u8 {
    #[cfg(target_arch = "wasm32")]
    platform::report_stops();
    make_room(length)
}

/// Where the output of the latest call is.
#[no_mangle]
#[allow(unsafe_code, reason = "an exported name")]
pub extern "C" fn proofbook_output() -> *const u8 {
    output().0
}

/// How long the output of the latest call is.
#[no_mangle]
#[allow(unsafe_code, reason = "an exported name")]
pub extern "C" fn proofbook_output_length() -> usize {
    output().1
}

/// The key of the pinned program that proves a batch, 32 bytes.
#[no_mangle]
#[allow(unsafe_code, reason = "an exported name")]
pub extern "C" fn proofbook_program_key() -> Status {
    answer(calls::program_key)
}

/// That of the one that joins proofs.
#[no_mangle]
#[allow(unsafe_code, reason = "an exported name")]
pub extern "C" fn proofbook_chain_program_key() -> Status {
    answer(calls::chain_program_key)
}

/// Checks a proof file of a batch: its public values, 232 bytes.
#[no_mangle]
#[allow(unsafe_code, reason = "an exported name")]
pub extern "C" fn proofbook_verify() -> Status {
    answer(calls::verify)
}

/// Checks a proof file of a chain: its public values, 272 bytes.
#[no_mangle]
#[allow(unsafe_code, reason = "an exported name")]
pub extern "C" fn proofbook_verify_chain() -> Status {
    answer(calls::verify_chain)
}

/// The place before the first batch of the market with a configuration of 88 bytes.
#[no_mangle]
#[allow(unsafe_code, reason = "an exported name")]
pub extern "C" fn proofbook_genesis() -> Status {
    answer(calls::genesis)
}

/// The places before and after the batch with public values that held, 232 bytes.
#[no_mangle]
#[allow(unsafe_code, reason = "an exported name")]
pub extern "C" fn proofbook_places() -> Status {
    answer(calls::places)
}

/// The places before and after the chain with public values that held, 272 bytes.
#[no_mangle]
#[allow(unsafe_code, reason = "an exported name")]
pub extern "C" fn proofbook_chain_places() -> Status {
    answer(calls::chain_places)
}

/// Checks a proof file of a batch, and that the batch comes next at the place whose bytes stand before it: its public values, and the
/// place after it. Where the proof holds and the batch does not follow: its public values, and the reason.
#[no_mangle]
#[allow(unsafe_code, reason = "an exported name")]
pub extern "C" fn proofbook_extend() -> Status {
    answer(calls::extend)
}

/// As [`proofbook_extend`], with a proof file of a chain.
#[no_mangle]
#[allow(unsafe_code, reason = "an exported name")]
pub extern "C" fn proofbook_extend_by() -> Status {
    answer(calls::extend_by)
}

/// The public values of a chain's batches, 232 bytes each, if they are those that the public values of the chain bind: 272 bytes that
/// held, before the others.
#[no_mangle]
#[allow(unsafe_code, reason = "an exported name")]
pub extern "C" fn proofbook_open() -> Status {
    answer(calls::open)
}

/// What a receipt says, 64 bytes, if it is signed by the key whose 32 bytes stand before it.
#[no_mangle]
#[allow(unsafe_code, reason = "an exported name")]
pub extern "C" fn proofbook_receipt() -> Status {
    answer(calls::receipt)
}
