//! A barrier in every thread of the process, by Linux's call `membarrier`.
//!
//! The call returns when each running thread of the process has executed a full memory barrier between its begin and its end; threads that do
//! not run have executed one when they were stopped (`man 2 membarrier`, `MEMBARRIER_CMD_PRIVATE_EXPEDITED`). So for every other thread there is a point
//! in its program, such that all accesses before it are done when the call returns, and all accesses behind it see what was done before the call.
//!
//! A process registers before its first call. A child of `fork` inherits that with the memory; a program that is executed anew decides anew.
#![allow(unsafe_code)]

use std::io;

/// Commands of Linux's `membarrier.h`.
const QUERY: libc::c_int = 0;
const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

fn membarrier(command: libc::c_int) -> libc::c_long {
    // SAFETY: the call takes numbers alone. It touches no memory of the process; it only delays its threads.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }
}

/// Gets this process leave to ask for barriers; whether it did. Kernels before 4.14 have no such call, and sandboxes may refuse it.
pub(super) fn register() -> bool {
    let known = membarrier(QUERY);
    let wanted = libc::c_long::from(PRIVATE_EXPEDITED | REGISTER_PRIVATE_EXPEDITED);
    known >= 0
        && known & wanted == wanted
        && membarrier(REGISTER_PRIVATE_EXPEDITED) == 0
        // A kernel that registers and then refuses would be found out too late.
        && membarrier(PRIVATE_EXPEDITED) == 0
}

/// Puts a barrier into every thread, this one included.
///
/// # Panics
/// Where the kernel refuses what it allowed before. Readers rely on it by then, so that nothing could be freed any more.
#[cold]
pub(super) fn all_threads() {
    let outcome = membarrier(PRIVATE_EXPEDITED);
    assert!(
        outcome == 0,
        "expected the barrier that the process is registered for, received {}",
        io::Error::last_os_error()
    );
}
