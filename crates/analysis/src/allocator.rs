//! An allocator that counts the bytes that live, while it is told to. Programs that measure how much room a book takes install it.
//!
//! It is the system's allocator with one load and one branch in front, which costs nothing that can be measured beside an allocation.
//! Counted are the bytes that were asked for; what the allocator itself adds is not in it.
#![allow(unsafe_code)] // the interface of allocators is unsafe

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// Whether bytes are counted now.
static IS_COUNTING: AtomicBool = AtomicBool::new(false);
/// Bytes asked for less bytes given back since counting began: an allocation from before may be given back meanwhile.
static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

/// The system's allocator, which counts while [`count`] runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

#[inline(always)]
fn note(bytes: usize, sign: i64) {
    // Relaxed: only the thread that counts reads the sum, after its own changes.
    if IS_COUNTING.load(Ordering::Relaxed) {
        LIVE_BYTES.fetch_add(bytes as i64 * sign, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for CountingAllocator {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 1);
        // SAFETY: the caller's promise, handed on.
        unsafe { System.alloc(layout) }
    }

    #[inline(always)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 1);
        // SAFETY: the caller's promise, handed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline(always)]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(layout.size(), -1);
        // SAFETY: the caller's promise, handed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    #[inline(always)]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        note(layout.size(), -1);
        note(bytes, 1);
        // SAFETY: the caller's promise, handed on.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

/// Does some work and gives the bytes that it left behind; `None` where the program has another allocator, or counts already. Other threads
/// that allocate meanwhile are counted too.
pub fn count<T>(work: impl FnOnce() -> T) -> (T, Option<u64>) {
    if IS_COUNTING.swap(true, Ordering::Relaxed) {
        return (work(), None);
    }
    LIVE_BYTES.store(0, Ordering::Relaxed);
    let witness = std::hint::black_box(Box::new([0u8; WITNESS_BYTES]));
    let is_installed = LIVE_BYTES.load(Ordering::Relaxed) >= WITNESS_BYTES as i64;
    drop(witness);
    LIVE_BYTES.store(0, Ordering::Relaxed);
    let result = work();
    let live_bytes = LIVE_BYTES.load(Ordering::Relaxed);
    IS_COUNTING.store(false, Ordering::Relaxed);
    (
        result,
        is_installed.then_some(u64::try_from(live_bytes).unwrap_or(0)),
    )
}

/// An allocation that a program with this allocator cannot miss.
const WITNESS_BYTES: usize = 4096;
