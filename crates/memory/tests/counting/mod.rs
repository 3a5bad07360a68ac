//! An allocator that counts what the calling thread asks of it and what it holds, for tests of what allocates and what is left behind. A test takes it in
//! with `mod counting;`, in another crate with the path of this file.
#![allow(dead_code)] // each test looks at what it needs

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<i64> = const { Cell::new(0) };
    static HELD_BYTES: Cell<i64> = const { Cell::new(0) };
}

/// How often this thread has asked for memory so far.
pub fn asked() -> u64 {
    ASKED.get()
}

/// How many blocks this thread has asked for and not given back.
pub fn held() -> i64 {
    HELD.get()
}

/// How many bytes they have.
pub fn held_bytes() -> i64 {
    HELD_BYTES.get()
}

/// The system's allocator with counters beside it.
struct Counting;

fn count(asked: u64, held: i64, held_bytes: i64) {
    ASKED.with(|count| count.set(count.get() + asked));
    HELD.with(|count| count.set(count.get() + held));
    HELD_BYTES.with(|count| count.set(count.get() + held_bytes));
}

// SAFETY: every call goes to the system's allocator as it came; the counters neither allocate nor unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, 1, layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, -1, -(layout.size() as i64));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, 0, size as i64 - layout.size() as i64);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
