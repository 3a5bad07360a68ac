//! How much of the heap something holds: what is in use with it, less what is in use without.
//!
//! The account is the system allocator's own (glibc's `mallinfo2`). So nothing stands between a program and its allocator for the sake of a
//! measurement. What the allocator adds to a block, and whole pages for large ones, are part of it: they are taken from the machine.
//!
//! What is measured is made in a thread that has ended before the account is read: small blocks that a living thread has given back lie in a cache of
//! its own, and count as in use.
#![allow(unsafe_code)] // the allocator's account is a function of C

use std::hint::black_box;
use std::thread;

/// A block of this size has pages of its own until the first one is given back; from then on glibc takes smaller blocks from its arenas, where what
/// it leaves free for an alignment is not in use (`mallopt`'s M_MMAP_THRESHOLD, which grows up to 32 MiB).
const LARGE_BYTES: usize = (32 << 20) - (1 << 16);

/// Bytes of the heap that are in use; `None` where the system's allocator keeps no account that can be read.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn in_use_bytes() -> Option<usize> {
    // SAFETY: the call takes nothing and gives numbers.
    let account = unsafe { libc::mallinfo2() };
    // What lies in arenas, and what has pages of its own.
    Some(account.uordblks + account.hblkhd)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn in_use_bytes() -> Option<usize> {
    None
}

/// What a thread makes that has ended.
fn made_apart<T: Send>(make: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(make).join()).expect("what is measured does not panic")
}

/// Makes something, and gives it with the bytes of the heap that it holds; `None` where nobody can tell. What other threads take or give
/// back meanwhile is counted too.
pub fn held<T: Send>(make: impl FnOnce() -> T + Send) -> (T, Option<u64>) {
    // The first thread that allocates has an arena made for it, which stays; and every measurement finds the same limit for large blocks.
    drop(made_apart(|| black_box(vec![0u8; LARGE_BYTES])));
    drop(made_apart(|| black_box(Box::new(0u64))));
    let before = in_use_bytes();
    let made = made_apart(make);
    let bytes = in_use_bytes().zip(before);
    let bytes = bytes.map(|(after, before)| after.saturating_sub(before) as u64);
    (made, bytes)
}
