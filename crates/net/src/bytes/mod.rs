//! Where the bytes of a stream wait, between the socket and who reads or sends them.
//!
//! Invariants: what waits is one slice, in the order in which it came; room and what waits never overlap; a place keeps its bytes until they
//! are consumed, except that [`PooledBytes`] may move an unfinished message to the next buffer and counts that.

mod mirrored;
mod pooled;

pub use mirrored::MirroredBytes;
pub use pooled::PooledBytes;

use proofbook_memory::pool::PoolError;

use crate::pool::BufferPool;

/// Bytes that wait in order, bounded.
pub trait StreamBytes {
    /// What waits.
    fn waiting(&self) -> &[u8];

    /// Makes room for at least `wanted` bytes behind what waits, if it can, and gives what there is, which may be less.
    ///
    /// # Errors
    /// Where a buffer is needed and the pool has none; what waits is as before.
    fn room(&mut self, wanted: usize) -> Result<&mut [u8], PoolError>;

    /// Adds the first bytes of the room to what waits.
    ///
    /// # Panics
    /// Where there is less room.
    fn fill(&mut self, length: usize);

    /// Takes away the first bytes of what waits.
    ///
    /// # Panics
    /// Where less is waiting.
    fn consume(&mut self, length: usize);

    /// Bytes that can wait at most.
    fn capacity(&self) -> usize;

    /// Bytes that were moved from one place of the memory to another so far.
    fn moved_bytes(&self) -> u64;
}

/// The memory that this machine is able to have: mirrored, or a pool's buffers.
#[derive(Debug)]
pub enum AnyBytes {
    /// A ring that is mapped twice.
    Mirrored(MirroredBytes),
    /// Buffers of a pool.
    Pooled(PooledBytes<BufferPool>),
}

impl AnyBytes {
    /// A mirrored ring for so many bytes, or else a pool's buffers.
    ///
    /// # Errors
    /// Where the mirror cannot be had and the pool has no buffer.
    pub fn new(bytes: usize, pool: &BufferPool) -> Result<AnyBytes, PoolError> {
        match MirroredBytes::new(bytes) {
            Ok(mirrored) => Ok(AnyBytes::Mirrored(mirrored)),
            Err(_) => Ok(AnyBytes::Pooled(PooledBytes::new(pool.clone())?)),
        }
    }
}

/// Passes a call on to the memory that there is.
macro_rules! either {
    ($bytes:expr, $name:ident => $call:expr) => {
        match $bytes {
            AnyBytes::Mirrored($name) => $call,
            AnyBytes::Pooled($name) => $call,
        }
    };
}

impl StreamBytes for AnyBytes {
    #[inline]
    fn waiting(&self) -> &[u8] {
        either!(self, bytes => bytes.waiting())
    }

    #[inline]
    fn room(&mut self, wanted: usize) -> Result<&mut [u8], PoolError> {
        either!(self, bytes => bytes.room(wanted))
    }

    #[inline]
    fn fill(&mut self, length: usize) {
        either!(self, bytes => bytes.fill(length));
    }

    #[inline]
    fn consume(&mut self, length: usize) {
        either!(self, bytes => bytes.consume(length));
    }

    fn capacity(&self) -> usize {
        either!(self, bytes => bytes.capacity())
    }

    fn moved_bytes(&self) -> u64 {
        either!(self, bytes => bytes.moved_bytes())
    }
}
