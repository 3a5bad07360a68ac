//! A ring of bytes whose memory is mapped twice in a row, so that what waits is one slice wherever it begins.
//!
//! Nothing in it is ever moved: a message is read from the socket to where it will be parsed, also across the ring's end.
//!
//! Invariants: `start` lies in the first copy; `length` is at most the memory's; room begins right behind what waits.

use proofbook_memory::pool::PoolError;
use proofbook_memory::sync::{compiler_fence, Ordering};

use super::StreamBytes;
use crate::error::NetError;
use crate::mapping::Mirror;

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
        let capacity = self.mirror.len();
        let end = self.start + self.length;
        let end = if end < capacity { end } else { end - capacity };
        Ok(self.mirror.slice_mut(end, capacity - self.length))
    }

    #[inline]
    fn fill(&mut self, length: usize) {
        let room = self.mirror.len() - self.length;
        assert!(
            length <= room,
            "expected at most {room} bytes, received {length}"
        );
        self.length += length;
        // What was written through one address is read through the other, which the compiler cannot know: it must not carry bytes
        // that it read before across this line. The processor sees one memory.
        compiler_fence(Ordering::SeqCst);
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
        } else if self.start >= self.mirror.len() {
            self.start -= self.mirror.len();
        }
        // As above: the place may be written next.
        compiler_fence(Ordering::SeqCst);
    }

    fn capacity(&self) -> usize {
        self.mirror.len()
    }

    fn moved_bytes(&self) -> u64 {
        0
    }
}
