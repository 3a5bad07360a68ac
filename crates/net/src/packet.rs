//! A packet: bytes that are shared, and what is known of them.
//!
//! A clone, a slice and a split share the memory; nothing here copies a byte of it. The memory goes back to where it came from with the last packet.
//!
//! Invariant: the bytes of a packet never change.

use std::fmt;
use std::io::{self, IoSlice, Write};
use std::ops::Range;

use proofbook_memory::sync::Arc;

use crate::buffer::{MappedSlice, PacketBuffer, SEGMENTS_MAX};
use crate::error::{in_range, NetError};
use crate::hft::PacketType;
use crate::mapping::Region;
use crate::owners::{FrameSlice, HFTPacketRef};

/// What is known of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketMetadata {
    /// What it came as.
    pub packet_type: PacketType,
    /// Its number, as its receiver counts.
    pub sequence: u64,
    /// When it was received, by the clock that its receiver was given.
    pub timestamp_ns: u64,
    /// When the kernel took it from the network, where it said so.
    pub kernel_timestamp_ns: Option<u64>,
    /// The hash of its connection's addresses, where it is known.
    pub rss_hash: Option<u32>,
}

/// A packet whose bytes are shared and never copied.
///
/// ```
/// use proofbook_net::{BufferPool, ZeroCopyPacket};
///
/// let pool = BufferPool::new(1, 8, 256)?;
/// let mut buffer = pool.take()?;
/// buffer.bytes_mut()[..11].copy_from_slice(b"head|body|x");
/// let mut rest = ZeroCopyPacket::from(buffer.share(11)?);
/// let head = rest.split_to(5)?;
/// assert_eq!((head.as_slice(), rest.as_slice()), (Some(&b"head|"[..]), Some(&b"body|x"[..])));
/// let both = ZeroCopyPacket::gather([rest, head])?;
/// assert_eq!(both.slices().collect::<Vec<_>>(), [&b"body|x"[..], b"head|"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ZeroCopyPacket {
    buffer: PacketBuffer,
    metadata: PacketMetadata,
}

impl ZeroCopyPacket {
    /// A packet of these bytes.
    pub fn new(buffer: PacketBuffer, metadata: PacketMetadata) -> ZeroCopyPacket {
        ZeroCopyPacket { buffer, metadata }
    }

    /// All bytes of mapped memory.
    pub fn mapped(region: Arc<Region>) -> ZeroCopyPacket {
        let metadata = PacketMetadata {
            packet_type: PacketType::Mapped,
            ..PacketMetadata::default()
        };
        ZeroCopyPacket::new(
            PacketBuffer::MemoryMapped(MappedSlice::whole(region)),
            metadata,
        )
    }

    /// A piece of a pool's buffer.
    pub(crate) fn pooled(slice: FrameSlice, metadata: PacketMetadata) -> ZeroCopyPacket {
        ZeroCopyPacket::new(PacketBuffer::Pooled(slice), metadata)
    }

    /// Packets one after the other, as one; with what is known of the first.
    ///
    /// # Errors
    /// Where they have more than [`SEGMENTS_MAX`] segments.
    pub fn gather(
        packets: impl IntoIterator<Item = ZeroCopyPacket>,
    ) -> Result<ZeroCopyPacket, NetError> {
        let mut first = None;
        let parts = packets.into_iter().map(|packet| {
            first.get_or_insert(packet.metadata);
            packet.buffer
        });
        let buffer = PacketBuffer::gather(parts)?;
        Ok(ZeroCopyPacket::new(buffer, first.unwrap_or_default()))
    }

    /// What is known of it.
    pub fn metadata(&self) -> &PacketMetadata {
        &self.metadata
    }

    /// As above, to be changed: it is this owner's alone.
    pub fn metadata_mut(&mut self) -> &mut PacketMetadata {
        &mut self.metadata
    }

    /// Where its bytes are.
    pub fn buffer(&self) -> &PacketBuffer {
        &self.buffer
    }

    /// How many bytes it has.
    #[inline]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes, segment by segment.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.buffer.slices()
    }

    /// Its bytes as one slice; none where they lie in several.
    #[inline]
    pub fn as_slice(&self) -> Option<&[u8]> {
        self.buffer.as_slice()
    }

    /// A part of it, which shares its bytes.
    ///
    /// # Errors
    /// Where the range does not lie in it.
    pub fn slice(&self, range: Range<usize>) -> Result<ZeroCopyPacket, NetError> {
        Ok(ZeroCopyPacket {
            buffer: self.buffer.slice(range)?,
            metadata: self.metadata,
        })
    }

    /// Splits off the bytes before a place; they become a packet of their own, those from there on stay.
    ///
    /// # Errors
    /// Where the place lies behind its end; it stays as it was.
    pub fn split_to(&mut self, at: usize) -> Result<ZeroCopyPacket, NetError> {
        in_range("place of a split", at, 0, self.len())?;
        let head = self.slice(0..at)?;
        self.buffer = self.buffer.slice(at..self.len())?;
        Ok(head)
    }

    /// Splits off the first message where `end_of` finds its end in the bytes, which gives its length; none where it finds none.
    ///
    /// A packet of several segments is looked at as far as its first one goes: a message that goes on in the second is not found.
    ///
    /// # Errors
    /// Where `end_of` does not take the bytes for a message; the packet stays as it was.
    ///
    /// # Panics
    /// Where `end_of` gives a length beyond the bytes that it saw.
    pub fn split_message<E>(
        &mut self,
        end_of: impl FnOnce(&[u8]) -> Result<Option<usize>, E>,
    ) -> Result<Option<ZeroCopyPacket>, E> {
        let first = self.slices().next().unwrap_or(&[]);
        let Some(length) = end_of(first)? else {
            return Ok(None);
        };
        assert!(
            length <= first.len(),
            "a message ends in the bytes that it was found in"
        );
        Ok(Some(
            self.split_to(length).expect("the length was just checked"),
        ))
    }

    /// Writes what is left of it after `sent` bytes, with one call for all segments; how much of that was taken.
    ///
    /// # Errors
    /// Where the writer fails; one that would block is among these.
    pub fn write_to(&self, writer: &mut impl Write, sent: usize) -> io::Result<usize> {
        let mut places = [IoSlice::new(&[]); SEGMENTS_MAX];
        let (mut count, mut skip) = (0, sent);
        for slice in self.slices() {
            let from = skip.min(slice.len());
            skip -= from;
            if from < slice.len() {
                places[count] = IoSlice::new(&slice[from..]);
                count += 1;
            }
        }
        writer.write_vectored(&places[..count])
    }
}

impl From<HFTPacketRef> for ZeroCopyPacket {
    fn from(packet: HFTPacketRef) -> Self {
        let metadata = PacketMetadata {
            packet_type: packet.packet_type(),
            sequence: packet.sequence(),
            timestamp_ns: packet.timestamp_ns(),
            kernel_timestamp_ns: packet.kernel_timestamp_ns(),
            rss_hash: packet.rss_hash(),
        };
        ZeroCopyPacket::pooled(packet.into_slice(), metadata)
    }
}

impl fmt::Debug for ZeroCopyPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZeroCopyPacket")
            .field("length", &self.len())
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}
