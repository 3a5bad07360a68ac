//! A ring of bytes whose memory is mapped twice in a row, so that what waits is one slice wherever it begins.
//!
//! Nothing in it is ever moved: a message is read from the socket to where it will be parsed, also across the ring's end.
//!
//! Invariants: `start` lies in the first copy; `length` is at most the memory's; room begins right behind what waits.

use super::StreamBytes;
use crate::error::NetError;
use crate::mapping::Mirror;
use proofbook_memory::pool::PoolError;

/// A ring of bytes without an end.
#[derive(Debug)]
pub struct MirroredBytes {
    mirror: Mirror,
    start: usize,
    length: usize,
}

impl MirroredBytes {
    /// A ring for so many bytes, rounded up to whole pages.
    ///
    /// # Errors
    /// Where the number is out of its range, or the operating system cannot map memory twice.
    pub fn new(bytes: usize) -> Result<MirroredBytes, NetError> {
        Ok(MirroredBytes {
            mirror: Mirror::new(bytes)?,
            start: 0,
            length: 0,
        })
    }
}

impl StreamBytes for MirroredBytes {
    #[inline]
    fn waiting(&self) -> &[u8] {
        self.mirror.slice(self.start, self.length)
    }

    #[inline]
    fn room(&mut self, _wanted: usize) -> Result<&mut [u8], PoolError> {
        let capacity = self.mirror.size_bytes();
        let end = self.start + self.length;
        let end = if end < capacity { end } else { end - capacity };
        Ok(self.mirror.slice_mut(end, capacity - self.length))
    }

    #[inline]
    fn fill(&mut self, length: usize) {
        let room = self.mirror.size_bytes() - self.length;
        assert!(
            length <= room,
            "expected at most {room} bytes, received {length}"
        );
        self.length += length;
        forget_what_was_read();
    }

    #[inline]
    fn consume(&mut self, length: usize) {
        let waiting = self.length;
        assert!(
            length <= waiting,
            "expected at most {waiting} bytes, received {length}"
        );
        self.length -= length;
        self.start += length;
        if self.length == 0 {
            // From the beginning, so that a stream whose messages are taken at once stays in the nearest cache.
            self.start = 0;
        } else if self.start >= self.mirror.size_bytes() {
            self.start -= self.mirror.size_bytes();
        }
        forget_what_was_read();
    }

    fn capacity(&self) -> usize {
        self.mirror.size_bytes()
    }

    fn moved_bytes(&self) -> u64 {
        0
    }
}

/// Keeps the compiler from carrying bytes that it read before across this call: what is written through one address is read through the other,
/// which it cannot know. The processor sees one memory. Between threads it orders nothing, so that models leave it out.
#[inline(always)]
fn forget_what_was_read() {
    #[cfg(not(loom))]
    proofbook_memory::sync::compiler_fence(proofbook_memory::sync::Ordering::SeqCst);
}
