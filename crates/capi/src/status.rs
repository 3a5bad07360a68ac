//! How a call ended: status codes, the text of the latest failure, and the border that no panic crosses.

use core::ffi::{c_char, CStr};
use core::fmt;
use std::any::Any;
use std::cell::RefCell;
use std::ffi::CString;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// How a call ended. The codes are part of the interface: `proofbook.h` lists the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// Done, and there is nothing: an empty queue, no such order.
    NotFound = 1,
    /// A pointer that must not be null is null.
    NullPointer = -1,
    /// Terms that make no market.
    Config = -2,
    /// Bytes that are no command.
    Command = -3,
    /// An argument has no meaning.
    Argument = -4,
    /// Events of an earlier batch wait to be taken.
    EventsPending = -5,
    /// The market is in the middle of a call: an event callback must not call it.
    Busy = -6,
    /// Bytes that are no state.
    State = -7,
    /// A buffer is too small.
    Capacity = -8,
    /// A defect: the call stopped half way. The market is unusable from now on.
    Panic = -9,
    /// An earlier call stopped half way.
    Poisoned = -10,
    /// The self-check found a broken invariant.
    Broken = -11,
}

impl Status {
    /// Every status.
    pub const ALL: &'static [Status] = &[
        Status::Ok,
        Status::NotFound,
        Status::NullPointer,
        Status::Config,
        Status::Command,
        Status::Argument,
        Status::EventsPending,
        Status::Busy,
        Status::State,
        Status::Capacity,
        Status::Panic,
        Status::Poisoned,
        Status::Broken,
    ];

    /// The stable name.
    pub const fn name(self) -> &'static CStr {
        match self {
            Status::Ok => c"ok",
            Status::NotFound => c"not_found",
            Status::NullPointer => c"null_pointer",
            Status::Config => c"config",
            Status::Command => c"command",
            Status::Argument => c"argument",
            Status::EventsPending => c"events_pending",
            Status::Busy => c"busy",
            Status::State => c"state",
            Status::Capacity => c"capacity",
            Status::Panic => c"panic",
            Status::Poisoned => c"poisoned",
            Status::Broken => c"broken",
        }
    }
}

/// Why a call did not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    pub(crate) status: Status,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(status: Status, text: impl fmt::Display) -> Self {
        Failure {
            status,
            text: text.to_string(),
        }
    }

    /// There is nothing to give. Not an error, so it leaves no text.
    pub(crate) fn nothing() -> Self {
        Failure {
            status: Status::NotFound,
            text: String::new(),
        }
    }
}

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::new(CString::default());
}

fn remember(text: &str) {
    let text: Vec<u8> = text.bytes().filter(|&byte| byte != 0).collect();
    let text = CString::new(text).expect("zero bytes were taken out");
    LAST_ERROR.with(|last| *last.borrow_mut() = text);
}

/// The text of this thread's latest failure; good until its next one.
pub(crate) fn last_error() -> *const c_char {
    LAST_ERROR.with(|last| last.borrow().as_ptr())
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without text")
}

/// Runs the body of a call. Whatever happens inside, a status comes out.
pub(crate) fn guard(body: impl FnOnce() -> Result<(), Failure>) -> Status {
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return Status::Ok,
        Ok(Err(failure)) => failure,
        Err(payload) => Failure::new(Status::Panic, panic_text(&*payload)),
    };
    if failure.status != Status::NotFound {
        remember(&failure.text);
    }
    failure.status
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        // SAFETY: the text is this thread's and no call comes between.
        let text = unsafe { CStr::from_ptr(last_error()) };
        text.to_str().expect("texts are UTF-8").to_owned()
    }

    #[test]
    fn a_panic_becomes_a_status_with_its_text() {
        assert_eq!(guard(|| panic!("count {}", 7)), Status::Panic);
        assert_eq!(text(), "count 7");
        assert_eq!(guard(|| panic!("plain")), Status::Panic);
        assert_eq!(text(), "plain");
        assert_eq!(guard(|| std::panic::panic_any(3_u8)), Status::Panic);
        assert_eq!(text(), "a panic without text");
    }

    #[test]
    fn nothing_found_is_no_error() {
        assert_eq!(
            guard(|| Err(Failure::new(Status::Argument, "queue\0 9"))),
            Status::Argument
        );
        assert_eq!(guard(|| Err(Failure::nothing())), Status::NotFound);
        assert_eq!(guard(|| Ok(())), Status::Ok);
        assert_eq!(text(), "queue 9");
    }
}
