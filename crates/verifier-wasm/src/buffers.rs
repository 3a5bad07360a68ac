//! What crosses the border: one input and one output, in memory that the caller reads and writes.
//!
//! WebAssembly has one thread here; natively, in tests, each thread has its own.

use std::cell::RefCell;
use std::ptr;

use crate::calls::{Status, INPUT_BYTES_MAX};

#[derive(Default)]
struct Buffers {
    input: Vec<u8>,
    output: Vec<u8>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

fn with<T>(body: impl FnOnce(&mut Buffers) -> T) -> T {
    BUFFERS.with_borrow_mut(body)
}

/// An input of zeros with this length, to be overwritten by the caller.
pub(crate) fn make_room(length: usize) -> *mut u8 {
    with(|buffers| {
        // The old ones go first: two files would not have to fit.
        *buffers = Buffers::default();
        let reason = if length > INPUT_BYTES_MAX {
            format!("expected at most {INPUT_BYTES_MAX} bytes; received {length}")
        } else if buffers.input.try_reserve_exact(length).is_err() {
            format!("there is no memory for {length} bytes")
        } else {
            buffers.input.resize(length, 0);
            return buffers.input.as_mut_ptr();
        };
        buffers.output = reason.into_bytes();
        ptr::null_mut()
    })
}

/// Address and length of the output.
pub(crate) fn output() -> (*const u8, usize) {
    with(|buffers| (buffers.output.as_ptr(), buffers.output.len()))
}

pub(crate) fn set_output(output: Vec<u8>) {
    with(|buffers| buffers.output = output);
}

/// Makes a call's output from the input, which it uses up.
pub(crate) fn answer(call: impl FnOnce(&[u8]) -> (Status, Vec<u8>)) -> Status {
    let input = with(|buffers| std::mem::take(buffers).input);
    // Nothing is borrowed now: a call that stops has its reason put into the output.
    let (status, output) = call(&input);
    set_output(output);
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_bounded_and_the_reason_is_said() {
        assert!(make_room(INPUT_BYTES_MAX + 1).is_null());
        let said = with(|buffers| String::from_utf8(buffers.output.clone()));
        let expected = format!(
            "expected at most {INPUT_BYTES_MAX} bytes; received {}",
            INPUT_BYTES_MAX + 1
        );
        assert_eq!(said, Ok(expected));
        assert!(!make_room(INPUT_BYTES_MAX).is_null());
        assert_eq!(output().1, 0, "the reason is gone");
    }

    #[test]
    fn an_input_is_used_once() {
        make_room(3);
        let seen = |input: &[u8]| (Status::Holds, input.to_vec());
        answer(seen);
        assert_eq!(output().1, 3);
        answer(seen);
        assert_eq!(output().1, 0);
    }
}
