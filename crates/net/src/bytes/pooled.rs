//! Bytes of a stream in buffers of a pool, one after the other: for messages that are shared, and where memory cannot be mapped twice.
//!
//! When the room behind an unfinished message is used up, that message is moved to the beginning of a buffer: of the same one, where nobody shares it,
//! or of the pool's next one. Only then are bytes moved, and they are counted.
//!
//! Invariants: `start <= end`, which is at most the buffer's room; bytes below `end` are not written while the buffer has another owner; bytes from `end` on are
//! nobody else's.
#![allow(unsafe_code)]

use std::fmt;

use proofbook_memory::pool::PoolError;

use super::StreamBytes;
use crate::frame::FrameWriter;
use crate::owners::FrameSlice;
use crate::pool::BufferSource;

/// Bytes in a pool's buffers.
pub struct PooledBytes<B> {
    buffers: B,
    frame: FrameWriter,
    start: usize,
    end: usize,
    moved_bytes: u64,
}

impl<B: BufferSource> PooledBytes<B> {
    /// No bytes yet, and one buffer.
    ///
    /// # Errors
    /// Where the pool has none.
    pub fn new(mut buffers: B) -> Result<PooledBytes<B>, PoolError> {
        let frame = FrameWriter::new(buffers.take()?.into_frame());
        Ok(PooledBytes {
            buffers,
            frame,
            start: 0,
            end: 0,
            moved_bytes: 0,
        })
    }

    /// The first bytes of what waits, taken away as a piece that can be shared.
    ///
    /// # Panics
    /// Where less is waiting.
    pub(crate) fn take_slice(&mut self, length: usize) -> FrameSlice {
        let offset = self.start as u32;
        self.consume(length);
        // SAFETY: these bytes were filled, and are not written while the piece is an owner of the buffer.
        unsafe { FrameSlice::new(self.frame.share(), offset, length as u32) }
    }

    /// Moves what waits to the beginning of a buffer that nobody shares.
    #[cold]
    fn begin_anew(&mut self) -> Result<(), PoolError> {
        let waiting = self.end - self.start;
        if self.frame.is_alone() {
            // SAFETY: this is the only owner, borrowed alone.
            let bytes = unsafe { self.frame.bytes_mut(0, self.end) };
            bytes.copy_within(self.start.., 0);
        } else {
            let mut frame = FrameWriter::new(self.buffers.take()?.into_frame());
            let room = frame.room_bytes();
            assert!(
                waiting <= room,
                "expected {waiting} bytes of room in each buffer of one source, received {room}"
            );
            // SAFETY: the new buffer has one owner, which is here, and the room.
            unsafe { frame.bytes_mut(0, waiting) }.copy_from_slice(self.waiting());
            self.frame = frame;
        }
        self.moved_bytes += waiting as u64;
        (self.start, self.end) = (0, waiting);
        Ok(())
    }
}

impl<B: BufferSource> StreamBytes for PooledBytes<B> {
    #[inline]
    fn waiting(&self) -> &[u8] {
        // SAFETY: these bytes were filled, and are written only through a borrow of this alone.
        unsafe { self.frame.bytes(self.start, self.end - self.start) }
    }

    #[inline]
    fn room(&mut self, wanted: usize) -> Result<&mut [u8], PoolError> {
        let capacity = self.frame.room_bytes();
        let room = capacity - self.end;
        // A buffer that nobody looks at any more begins anew for nothing.
        let is_free = self.start == self.end && self.frame.is_alone();
        if self.start > 0 && (room < wanted || is_free) {
            match self.begin_anew() {
                Ok(()) => {}
                // There is less room than was wanted, but there is some.
                Err(_) if room > 0 => {}
                Err(error) => return Err(error),
            }
        }
        // SAFETY: bytes from the end on are this one's alone.
        Ok(unsafe { self.frame.bytes_mut(self.end, capacity - self.end) })
    }

    #[inline]
    fn fill(&mut self, length: usize) {
        let room = self.frame.room_bytes() - self.end;
        assert!(
            length <= room,
            "expected at most {room} bytes, received {length}"
        );
        self.end += length;
    }

    #[inline]
    fn consume(&mut self, length: usize) {
        let waiting = self.end - self.start;
        assert!(
            length <= waiting,
            "expected at most {waiting} bytes, received {length}"
        );
        self.start += length;
    }

    fn capacity(&self) -> usize {
        self.frame.room_bytes()
    }

    fn moved_bytes(&self) -> u64 {
        self.moved_bytes
    }
}

impl<B> fmt::Debug for PooledBytes<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PooledBytes")
            .field("start", &self.start)
            .field("end", &self.end)
            .field("moved_bytes", &self.moved_bytes)
            .finish_non_exhaustive()
    }
}
