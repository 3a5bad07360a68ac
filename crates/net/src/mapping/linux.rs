//! Mappings by the calls of Linux: `mmap`, `memfd_create`, `munmap`.
//!
//! Invariant: what is mapped over is a range that this file has reserved before, so that no other mapping of the process is lost.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::{self, NonNull};

use super::refused;
use crate::error::NetError;

/// What `mmap` says of an address, as a result.
fn mapped(address: *mut libc::c_void) -> Result<NonNull<u8>, NetError> {
    if address == libc::MAP_FAILED {
        return Err(refused("mmap", io::Error::last_os_error()));
    }
    Ok(
        NonNull::new(address.cast())
            .expect("Linux maps nothing at address 0 unless it is asked to"),
    )
}

/// Pages of the process that can be read and written. They are there at once, so that no later use of one waits for the system.
pub(super) fn map_anonymous(bytes: usize) -> Result<NonNull<u8>, NetError> {
    let (access, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
    );
    // SAFETY: a new mapping at an address that the kernel chooses.
    mapped(unsafe { libc::mmap(ptr::null_mut(), bytes, access, flags, -1, 0) })
}

/// A file's pages, to be read.
pub(super) fn map_file(file: &File, bytes: usize) -> Result<NonNull<u8>, NetError> {
    let (access, flags, fd) = (libc::PROT_READ, libc::MAP_PRIVATE, file.as_raw_fd());
    // SAFETY: a new mapping at an address that the kernel chooses.
    mapped(unsafe { libc::mmap(ptr::null_mut(), bytes, access, flags, fd, 0) })
}

/// The same pages twice in a row.
pub(super) fn map_twice(bytes: usize) -> Result<NonNull<u8>, NetError> {
    // SAFETY: the name is a text with a zero at its end.
    let fd = unsafe { libc::memfd_create(c"proofbook-ring".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(refused("memfd_create", io::Error::last_os_error()));
    }
    // SAFETY: the descriptor is new and nobody else's. The mappings keep the memory when it is closed.
    let memory = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    let length = memory.set_len(bytes as u64);
    length.map_err(|error| refused("ftruncate", error))?;
    let (nothing, private) = (
        libc::PROT_NONE,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
    );
    // SAFETY: a new mapping at an address that the kernel chooses: it reserves the range.
    let start = mapped(unsafe { libc::mmap(ptr::null_mut(), 2 * bytes, nothing, private, -1, 0) })?;
    match map_over(&memory, start, bytes) {
        Ok(()) => Ok(start),
        Err(error) => {
            // SAFETY: the range was reserved above, and nobody has its address.
            unsafe { unmap(start, 2 * bytes) };
            Err(error)
        }
    }
}

/// Maps the memory over both halves of a reserved range.
fn map_over(memory: &File, start: NonNull<u8>, bytes: usize) -> Result<(), NetError> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // Pages come with their first use: a connection that sends little has few of them, and one that says nothing costs none.
    let flags = libc::MAP_SHARED | libc::MAP_FIXED;
    for half in 0..2 {
        // SAFETY: the range was reserved with twice the length, and nothing else lies in it.
        mapped(unsafe {
            let place = start.as_ptr().add(half * bytes).cast();
            libc::mmap(place, bytes, access, flags, memory.as_raw_fd(), 0)
        })?;
    }
    // A child process would share the memory, and write what this one reads.
    // SAFETY: advice about the range that was just mapped.
    let advised = unsafe { libc::madvise(start.as_ptr().cast(), 2 * bytes, libc::MADV_DONTFORK) };
    if advised != 0 {
        return Err(refused("madvise", io::Error::last_os_error()));
    }
    Ok(())
}

/// Gives a mapping back.
///
/// # Safety
/// The range is one mapping or several of this file's, and nobody uses it any more.
pub(super) unsafe fn unmap(start: NonNull<u8>, bytes: usize) {
    // SAFETY: the caller's promise.
    let result = unsafe { libc::munmap(start.as_ptr().cast(), bytes) };
    debug_assert_eq!(result, 0, "a mapping can be given back");
}
