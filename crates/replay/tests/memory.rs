//! Memory does not grow with the file: the most that is held at a time is measured by the allocator itself.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{checked, scratch};
use proofbook_replay::Mode;

/// Counts the bytes that are held, and the most that ever were.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; only numbers are kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes held during a replay of a day with this many messages.
fn most_held(messages: u64, mode: Mode) -> usize {
    let mut bytes = Vec::new();
    proofbook_replay::itch::generate(9, messages, &mut bytes).expect("memory can be written");
    let path = scratch("memory.itch", &bytes);
    drop(bytes);
    let before = HELD.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let report = checked(&path, mode);
    assert_eq!(report.failure, None);
    assert!(report.records >= messages);
    MOST.load(Ordering::Relaxed) - before
}

#[test]
fn a_file_eight_times_as_long_takes_no_more_memory() {
    for mode in [Mode::Rebuild, Mode::Match] {
        let short = most_held(50_000, mode);
        let long = most_held(400_000, mode);
        assert!(
            long < short + short / 4,
            "{mode:?}: {short} bytes for 50,000 messages, {long} bytes for 400,000"
        );
    }
}
