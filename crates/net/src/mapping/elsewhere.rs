//! Operating systems whose mappings the project does not know: regions come from the allocator, mirrors and views of files are refused.

use std::alloc::{alloc_zeroed, dealloc, Layout};
use std::fs::File;
use std::ptr::NonNull;

use crate::error::NetError;
use proofbook_memory::numa;

/// Whole pages.
fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, numa::page_bytes()).expect("lengths are bounded")
}

/// Pages of the process that can be read and written.
pub(super) fn map_anonymous(bytes: usize) -> Result<NonNull<u8>, NetError> {
    // SAFETY: the length is not 0.
    let start = unsafe { alloc_zeroed(layout(bytes)) };
    NonNull::new(start).ok_or(NetError::Unavailable { call: "memory" })
}

/// Refuses.
pub(super) fn map_file(_file: &File, _bytes: usize) -> Result<NonNull<u8>, NetError> {
    Err(NetError::Unavailable { call: "mmap" })
}

/// Refuses.
pub(super) fn map_twice(_bytes: usize) -> Result<NonNull<u8>, NetError> {
    Err(NetError::Unavailable {
        call: "memfd_create",
    })
}

/// Gives memory back.
///
/// # Safety
/// `map_anonymous` gave it with this length, and nobody uses it any more.
pub(super) unsafe fn unmap(start: NonNull<u8>, bytes: usize) {
    // SAFETY: the caller's promise.
    unsafe { dealloc(start.as_ptr(), layout(bytes)) };
}
