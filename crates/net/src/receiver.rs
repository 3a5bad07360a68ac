//! A stream socket's incoming side: bytes are read to where they are parsed.
//!
//! The loop of a reactor: [`Receiver::fill`] once the socket is readable, then [`Receiver::next_message`] until it gives none. With
//! [`MirroredBytes`](crate::bytes::MirroredBytes) the kernel's copy into the ring is the only one of a message; with
//! [`PooledBytes`] each can also be shared, by [`Receiver::next_packet`].
//!
//! Invariants: bytes are given out in order, each once; at most the memory's capacity waits; what was given out is not written while it is borrowed or
//! shared.

use std::io::{self, Read};

use crate::bytes::{PooledBytes, StreamBytes};
use crate::error::ReceiveError;
use crate::hft::PacketType;
use crate::packet::{PacketMetadata, ZeroCopyPacket};
use crate::pool::BufferSource;
use crate::stamps::{KernelStamps, Received};

/// Room that is wanted before a read: with less, a read would cost a call of the system for few bytes.
const READ_BYTES_MIN: usize = 2048;

/// What a stream is read from.
pub trait Source {
    /// Reads into the room; 0 bytes are the end. With what the kernel says of when they came, if it does.
    ///
    /// # Errors
    /// Those of the socket; one that would block is among them.
    fn receive(&mut self, room: &mut [u8]) -> io::Result<Received>;
}

impl<R: Read> Source for R {
    #[inline]
    fn receive(&mut self, room: &mut [u8]) -> io::Result<Received> {
        Ok(Received {
            bytes: self.read(room)?,
            ..Received::default()
        })
    }
}

/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// So many bytes came; there may be more.
    Bytes(usize),
    /// Nothing is there now.
    Nothing,
    /// The other side sends no more.
    Ended,
}

/// What a receiver did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiverStatistics {
    /// Reads that gave bytes.
    pub reads: u64,
    /// Bytes that were read.
    pub received_bytes: u64,
    /// Messages that were given out.
    pub messages: u64,
    /// Bytes that were copied after the kernel wrote them.
    pub copied_bytes: u64,
}

/// The incoming side of a stream.
///
/// ```
/// use proofbook_net::bytes::MirroredBytes;
/// use proofbook_net::{Filled, Receiver};
///
/// let line = |bytes: &[u8]| Ok::<_, ()>(bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1));
/// let mut receiver = Receiver::new(MirroredBytes::new(4096)?);
/// let mut socket: &[u8] = b"one\ntwo\nthr";
/// assert_eq!(receiver.fill(&mut socket)?, Filled::Bytes(11));
/// assert_eq!(receiver.next_message(line), Ok(Some(&b"one\n"[..])));
/// assert_eq!(receiver.next_message(line), Ok(Some(&b"two\n"[..])));
/// assert_eq!(receiver.next_message(line), Ok(None));
/// assert_eq!((receiver.waiting(), receiver.statistics().copied_bytes), (&b"thr"[..], 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Receiver<M> {
    bytes: M,
    /// Bytes of the message that was given out last, which its reader may still borrow.
    given_out: usize,
    stamps: KernelStamps,
    rss_hash: Option<u32>,
    statistics: ReceiverStatistics,
}

impl<M: StreamBytes> Receiver<M> {
    /// A receiver whose bytes wait in this memory.
    pub fn new(bytes: M) -> Receiver<M> {
        Receiver {
            bytes,
            given_out: 0,
            stamps: KernelStamps::default(),
            rss_hash: None,
            statistics: ReceiverStatistics::default(),
        }
    }

    /// Reads once, right behind what waits.
    ///
    /// # Errors
    /// Where the memory is full of one unfinished message, the pool has no buffer to go on in, or the socket fails. Nothing is lost by the
    /// first two.
    #[inline]
    pub fn fill(&mut self, source: &mut impl Source) -> Result<Filled, ReceiveError> {
        self.let_go();
        let most = self.bytes.capacity();
        let wanted = READ_BYTES_MIN.min(most / 2);
        let room = self.bytes.room(wanted).map_err(ReceiveError::Pool)?;
        if room.is_empty() {
            return Err(ReceiveError::MessageTooLong { most });
        }
        match source.receive(room) {
            Ok(Received { bytes: 0, .. }) => Ok(Filled::Ended),
            Ok(Received { bytes, stamps, .. }) => {
                self.bytes.fill(bytes);
                self.stamps = stamps;
                self.statistics.reads += 1;
                self.statistics.received_bytes += bytes as u64;
                Ok(Filled::Bytes(bytes))
            }
            Err(error) if is_for_later(&error) => Ok(Filled::Nothing),
            Err(error) => Err(ReceiveError::Socket(error)),
        }
    }

    /// What was read and not given out.
    #[inline]
    pub fn waiting(&self) -> &[u8] {
        &self.bytes.waiting()[self.given_out..]
    }

    /// The next message, where it lies: `end_of` gives the length of the message that some bytes begin with, or none where its end is not
    /// there yet.
    ///
    /// # Errors
    /// Where `end_of` does not take the bytes for a message; nothing was given out.
    ///
    /// # Panics
    /// Where `end_of` gives a length beyond the bytes that it saw.
    #[inline]
    pub fn next_message<E>(
        &mut self,
        end_of: impl FnOnce(&[u8]) -> Result<Option<usize>, E>,
    ) -> Result<Option<&[u8]>, E> {
        self.let_go();
        let Some(length) = end_of(self.bytes.waiting())? else {
            return Ok(None);
        };
        let message = &self.bytes.waiting()[..length];
        self.given_out = length;
        self.statistics.messages += 1;
        Ok(Some(message))
    }

    /// Frees the place of the message that was given out last: its borrow has ended.
    #[inline]
    fn let_go(&mut self) {
        self.bytes.consume(self.given_out);
        self.given_out = 0;
    }

    /// Notes the hash of the connection's addresses, which its packets will carry.
    pub fn set_rss_hash(&mut self, hash: u32) {
        self.rss_hash = Some(hash);
    }

    /// When the kernel took the bytes that were read last, where the source knows.
    pub fn stamps(&self) -> KernelStamps {
        self.stamps
    }

    /// What it did.
    pub fn statistics(&self) -> ReceiverStatistics {
        ReceiverStatistics {
            copied_bytes: self.bytes.moved_bytes(),
            ..self.statistics
        }
    }
}

impl<B: BufferSource> Receiver<PooledBytes<B>> {
    /// As [`Receiver::next_message`], as a packet that shares the buffer and can go to other threads. `timestamp_ns` is the time now.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// As there.
    #[inline]
    pub fn next_packet<E>(
        &mut self,
        timestamp_ns: u64,
        end_of: impl FnOnce(&[u8]) -> Result<Option<usize>, E>,
    ) -> Result<Option<ZeroCopyPacket>, E> {
        self.let_go();
        let Some(length) = end_of(self.bytes.waiting())? else {
            return Ok(None);
        };
        let metadata = PacketMetadata {
            packet_type: PacketType::Stream,
            sequence: self.statistics.messages,
            timestamp_ns,
            kernel_timestamp_ns: self.stamps.software_ns,
            rss_hash: self.rss_hash,
        };
        self.statistics.messages += 1;
        let slice = self.bytes.take_slice(length);
        Ok(Some(ZeroCopyPacket::pooled(slice, metadata)))
    }
}

/// Whether a call is to be made again, at once or when the socket is ready.
pub(crate) fn is_for_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
