//! Large pages for large blocks.

/// Asks the system to back a block with large pages. It may decline; nothing depends on it but speed.
pub fn prefer_large_pages(start: *mut u8, length: usize) {
    #[cfg(target_os = "linux")]
    {
        const MADV_HUGEPAGE: i32 = 14;
        extern "C" {
            fn madvise(address: *mut core::ffi::c_void, length: usize, advice: i32) -> i32;
        }
        // SAFETY: the block is the caller's; the call changes only how it is backed.
        unsafe { madvise(start.cast(), length, MADV_HUGEPAGE) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, length);
}
