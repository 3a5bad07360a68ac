//! Memory that is asked of the operating system in whole pages: what lies in it never moves and is never uninitialized.
//!
//! [`Region`] is a range of it, private to the process or a view of a file; [`Mirror`] shows one range twice in a row, so that a ring in
//! it has no end (the "virtual ring buffer" of P. Howard, 2004). Both are given back when their owner is dropped.
//!
//! Invariants: an address of a region is valid for reads from its making to its drop, and for writes unless it is a view of a file;
//! byte `n` and byte `n + length` of a mirror are one byte.
#![allow(unsafe_code)]

use std::fmt;
use std::io;
use std::ptr::NonNull;

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
mod system;

use crate::error::{in_range, NetError};
use proofbook_memory::numa::{self, Node, NumaError};

/// Bytes that one mapping can have: far below where lengths and offsets of 32 bits end.
pub const BYTES_MAX: usize = 1 << 30;

/// A range of pages. Its bytes are zero until somebody writes them, or those of a file.
pub struct Region {
    start: NonNull<u8>,
    bytes: usize,
    is_writable: bool,
}

// SAFETY: a region is memory and its owner; who may read or write which bytes is up to those who share it.
unsafe impl Send for Region {}
// SAFETY: as above; a shared region gives out addresses, and slices only of what nobody writes.
unsafe impl Sync for Region {}

impl Region {
    /// Memory of the process, rounded up to whole pages; zero at first.
    ///
    /// # Errors
    /// Where the length is 0 or above [`BYTES_MAX`], or the operating system has no memory.
    pub fn anonymous(bytes: usize) -> Result<Region, NetError> {
        in_range("bytes of a region", bytes, 1, BYTES_MAX)?;
        let bytes = bytes.next_multiple_of(numa::page_bytes());
        let start = system::map_anonymous(bytes)?;
        Ok(Region {
            start,
            bytes,
            is_writable: true,
        })
    }

    /// A view of a whole file that is only read, such as one of captured packets.
    ///
    /// # Errors
    /// Where the file is empty or larger than [`BYTES_MAX`], or the operating system refuses.
    ///
    /// # Safety
    /// While the region lives nobody changes the file's bytes or makes it shorter: Rust takes it for granted that shared bytes stay.
    pub unsafe fn of_file(file: &std::fs::File) -> Result<Region, NetError> {
        let length = file.metadata().map_err(NetError::from)?.len();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let bytes = in_range("bytes of a file", length, 1, BYTES_MAX)?;
        let start = system::map_file(file, bytes)?;
        Ok(Region {
            start,
            bytes,
            is_writable: false,
        })
    }

    /// Its bytes, whole pages unless it is a view of a file.
    pub fn size_bytes(&self) -> usize {
        self.bytes
    }

    /// Wishes the pages onto a node.
    ///
    /// # Errors
    /// Where the operating system refuses; the memory is as good as before.
    pub fn place(&self, node: &Node) -> Result<(), NumaError> {
        numa::place_memory(self.start.as_ptr(), self.bytes, node)
    }

    /// All its bytes, for writing: there is no other user of them yet. None where it is a view of a file.
    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        // SAFETY: the region is borrowed alone, so that nobody else reads or writes it.
        self.is_writable
            .then(|| unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.bytes) })
    }

    /// The address of a byte.
    pub(crate) fn address(&self, offset: usize) -> NonNull<u8> {
        assert!(offset <= self.bytes, "an address in the region");
        // SAFETY: the offset is within the region, or right behind it.
        unsafe { self.start.add(offset) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's, and whoever uses it shares its owner.
        unsafe { system::unmap(self.start, self.bytes) };
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region")
            .field("bytes", &self.bytes)
            .finish()
    }
}

/// A range of pages that is there twice, the second time right behind the first.
pub struct Mirror {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a mirror is memory with one owner.
unsafe impl Send for Mirror {}
// SAFETY: a shared mirror gives slices for reading alone.
unsafe impl Sync for Mirror {}

impl Mirror {
    /// Memory of this length, rounded up to whole pages, and the same once more behind it; zero at first.
    ///
    /// # Errors
    /// Where the length is 0 or above [`BYTES_MAX`], or the operating system has no memory or knows no such mappings.
    pub fn new(bytes: usize) -> Result<Mirror, NetError> {
        in_range("bytes of a mirror", bytes, 1, BYTES_MAX)?;
        let bytes = bytes.next_multiple_of(numa::page_bytes());
        let start = system::map_twice(bytes)?;
        Ok(Mirror { start, bytes })
    }

    /// Bytes of memory, each of which has two addresses.
    pub fn size_bytes(&self) -> usize {
        self.bytes
    }

    /// A range that begins in the first copy and is no longer than the memory.
    #[inline]
    pub fn slice(&self, from: usize, length: usize) -> &[u8] {
        assert!(from < self.bytes && length <= self.bytes);
        // SAFETY: the range ends within the second copy; while it is borrowed nobody writes either of them.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().add(from), length) }
    }

    /// As [`Mirror::slice`], for writing.
    #[inline]
    pub fn slice_mut(&mut self, from: usize, length: usize) -> &mut [u8] {
        assert!(from < self.bytes && length <= self.bytes);
        // SAFETY: as above, and the range has no byte twice, since it is no longer than the memory.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().add(from), length) }
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        // SAFETY: both mappings are this one's, side by side, and slices of them borrow it.
        unsafe { system::unmap(self.start, 2 * self.bytes) };
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror")
            .field("bytes", &self.bytes)
            .finish()
    }
}

/// The refusal of a call.
fn refused(call: &'static str, error: io::Error) -> NetError {
    NetError::Refused {
        call,
        code: error.raw_os_error().unwrap_or(0),
    }
}
