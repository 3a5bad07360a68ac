//! A stream socket's outgoing side: messages are encoded where the socket takes them from.
//!
//! [`Sender::room`] gives a place behind what waits, [`Sender::commit`] makes what was encoded there a message, [`Sender::flush`] writes as much as the
//! socket takes. What it does not take stays, in place, for the next flush.
//!
//! Invariants: bytes leave in the order of the commits, each once; at most the memory's capacity waits, and a message that does not fit is an
//! error value: the client is too slow, and who owns it decides what becomes of it.

use std::io::{self, Write};

use crate::bytes::StreamBytes;
use crate::error::SendError;
use crate::receiver::is_for_later;

/// What a flush came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// Nothing waits any more.
    All,
    /// The socket takes no more now; so many bytes wait.
    Waiting(usize),
}

/// What a sender did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderStatistics {
    /// Messages that were committed.
    pub messages: u64,
    /// Bytes that the socket took.
    pub sent_bytes: u64,
    /// Writes of which the socket took a part alone.
    pub partial_writes: u64,
    /// Messages that were refused, since the client was too slow.
    pub refused: u64,
    /// Bytes that were moved after they were encoded.
    pub copied_bytes: u64,
}

/// The outgoing side of a stream.
///
/// ```
/// use proofbook_net::bytes::MirroredBytes;
/// use proofbook_net::{Flushed, Sender};
///
/// let mut sender = Sender::new(MirroredBytes::new(4096)?);
/// sender.room(5)?[..5].copy_from_slice(b"hello");
/// sender.commit(5);
/// let mut socket = Vec::new();
/// assert_eq!(sender.flush(&mut socket)?, Flushed::All);
/// assert_eq!(socket, b"hello");
/// assert!(sender.room(1 << 20).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sender<M> {
    bytes: M,
    statistics: SenderStatistics,
}

impl<M: StreamBytes> Sender<M> {
    /// A sender whose bytes wait in this memory.
    pub fn new(bytes: M) -> Sender<M> {
        Sender {
            bytes,
            statistics: SenderStatistics::default(),
        }
    }

    /// A place of at least `needed` bytes, right behind what waits. Bytes that others encoded there before may be in it.
    ///
    /// # Errors
    /// Where there is none: too much waits, or the message is too long, or the pool has no buffer. What waits is as before.
    #[inline]
    pub fn room(&mut self, needed: usize) -> Result<&mut [u8], SendError> {
        let most = self.bytes.capacity();
        let free = most - self.bytes.waiting().len();
        let error = if needed > most {
            SendError::MessageTooLong { most, needed }
        } else if needed > free {
            SendError::SlowClient { free, needed }
        } else {
            let room = self.bytes.room(needed).map_err(SendError::Pool)?;
            match room.len() {
                length if length >= needed => return Ok(room),
                free => SendError::SlowClient { free, needed },
            }
        };
        self.statistics.refused += 1;
        Err(error)
    }

    /// Makes the first bytes of the room a message that waits to be sent.
    ///
    /// # Panics
    /// Where the room is shorter.
    #[inline]
    pub fn commit(&mut self, length: usize) {
        self.bytes.fill(length);
        self.statistics.messages += 1;
    }

    /// Bytes that wait.
    pub fn waiting(&self) -> usize {
        self.bytes.waiting().len()
    }

    /// Writes until nothing waits or the socket takes no more.
    ///
    /// # Errors
    /// Where the socket fails or takes nothing at all.
    pub fn flush(&mut self, socket: &mut impl Write) -> io::Result<Flushed> {
        // Each turn takes at least one byte away, so that this ends.
        while !self.bytes.waiting().is_empty() {
            let waiting = self.bytes.waiting();
            match socket.write(waiting) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => {
                    self.statistics.sent_bytes += length as u64;
                    self.statistics.partial_writes += u64::from(length < waiting.len());
                    self.bytes.consume(length);
                }
                Err(error) if is_for_later(&error) => {
                    return Ok(Flushed::Waiting(self.waiting()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Flushed::All)
    }

    /// What it did.
    pub fn statistics(&self) -> SenderStatistics {
        SenderStatistics {
            copied_bytes: self.bytes.moved_bytes(),
            ..self.statistics
        }
    }
}
