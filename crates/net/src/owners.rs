//! The owners of a pool's buffer, as its users see them: one who may write it, several who share a packet, several who share a piece.
//!
//! Invariants: a [`PooledBuffer`] is the only owner; after [`PooledBuffer::share`] nobody writes the packet or its bytes; a piece lies in what
//! was written.
#![allow(unsafe_code)]

use std::fmt;
use std::ops::Deref;

use crate::checksum::crc32c;
use crate::error::{in_range, NetError};
use crate::frame::FrameRef;
use crate::hft::{HFTBuffer, HFTPacket, PacketType, Validity};
use crate::stamps::KernelStamps;

/// A buffer of a pool with one owner, who may write it. Dropped, it goes back.
pub struct PooledBuffer(FrameRef);

impl PooledBuffer {
    /// The only owner's.
    pub(crate) fn new(frame: FrameRef) -> PooledBuffer {
        PooledBuffer(frame)
    }

    /// The frame, for who keeps its own rules of what may be written.
    pub(crate) fn into_frame(self) -> FrameRef {
        self.0
    }

    /// Bytes that it has room for.
    pub fn room_bytes(&self) -> usize {
        self.0.packet().buffer.room_bytes()
    }

    /// Its bytes: what was written, behind that what somebody wrote before, or zeros.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let room = self.room_bytes();
        // SAFETY: the only owner is borrowed alone.
        unsafe { self.0.bytes_mut(0, room) }
    }

    #[inline]
    fn packet_mut(&mut self) -> &mut HFTPacket {
        // SAFETY: there is no other owner.
        unsafe { self.0.packet_mut() }
    }

    /// Says what the packet is.
    #[inline]
    pub fn describe(&mut self, packet_type: PacketType, sequence: u64, timestamp_ns: u64) {
        let packet = self.packet_mut();
        (packet.packet_type, packet.sequence, packet.timestamp_ns) =
            (packet_type, sequence, timestamp_ns);
    }

    /// Notes what the kernel said of its arrival.
    #[inline]
    pub fn stamp(&mut self, stamps: KernelStamps) {
        let packet = self.packet_mut();
        let times = [
            (
                stamps.software_ns,
                &mut packet.kernel_timestamp_ns,
                Validity::KERNEL_TIMESTAMP,
            ),
            (
                stamps.hardware_ns,
                &mut packet.hardware_timestamp_ns,
                Validity::HARDWARE_TIMESTAMP,
            ),
        ];
        for (time, place, mark) in times {
            match time {
                Some(time) => {
                    *place = time;
                    packet.validity.set(mark);
                }
                None => packet.validity.clear(mark),
            }
        }
    }

    /// Notes the hash of its connection's addresses.
    #[inline]
    pub fn set_rss_hash(&mut self, hash: u32) {
        let packet = self.packet_mut();
        packet.buffer.rss_hash = hash;
        packet.validity.set(Validity::RSS_HASH);
    }

    /// A packet of the first bytes, to be shared. Nothing of it can be written any more.
    ///
    /// # Errors
    /// Where the length is more than there is room for; the buffer comes back with the error.
    #[inline]
    pub fn share(mut self, length: usize) -> Result<HFTPacketRef, NotShared> {
        if let Err(error) = in_range("bytes of a payload", length, 0, self.room_bytes()) {
            return Err(NotShared {
                error,
                buffer: self,
            });
        }
        self.packet_mut().payload_length = length as u32;
        Ok(HFTPacketRef(self.0))
    }

    /// As [`PooledBuffer::share`], with the payload's checksum beside it, for who wants to see that it stays what it is.
    ///
    /// # Errors
    /// As there.
    pub fn share_sealed(mut self, length: usize) -> Result<HFTPacketRef, NotShared> {
        if length <= self.room_bytes() {
            let checksum = crc32c(&self.bytes_mut()[..length]);
            let packet = self.packet_mut();
            packet.checksum = checksum;
            packet.validity.set(Validity::CHECKSUM);
        }
        self.share(length)
    }
}

impl fmt::Debug for PooledBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PooledBuffer")
            .field(self.0.packet())
            .finish()
    }
}

/// A buffer that was not made a packet, and why.
#[derive(Debug)]
pub struct NotShared {
    /// Why.
    pub error: NetError,
    /// The buffer, back with its owner.
    pub buffer: PooledBuffer,
}

impl fmt::Display for NotShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for NotShared {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// One of a packet's owners. It derefs to what is known of the packet; the last one to go gives the buffer back.
#[derive(Clone)]
pub struct HFTPacketRef(FrameRef);

impl HFTPacketRef {
    /// Its bytes, where they were received.
    #[inline]
    pub fn payload(&self) -> &[u8] {
        // SAFETY: the payload fits the room, and was written before it was shared.
        unsafe { self.0.bytes(0, self.payload_length()) }
    }

    /// Whether the payload is the one that the checksum was computed of; none where there is no checksum.
    pub fn verify_checksum(&self) -> Option<bool> {
        self.checksum()
            .map(|checksum| checksum == crc32c(self.payload()))
    }

    /// How many owners the packet has, this one included; others may come and go meanwhile.
    pub fn owners(&self) -> u32 {
        self.0.owners()
    }

    /// The payload, as a piece that can be sliced.
    pub(crate) fn into_slice(self) -> FrameSlice {
        let length = self.payload_length;
        FrameSlice {
            frame: self.0,
            offset: 0,
            length,
        }
    }
}

impl Deref for HFTPacketRef {
    type Target = HFTPacket;

    #[inline]
    fn deref(&self) -> &HFTPacket {
        self.0.packet()
    }
}

impl fmt::Debug for HFTPacketRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HFTPacketRef")
            .field(self.0.packet())
            .finish()
    }
}

/// A piece of a pool's buffer that is shared.
#[derive(Clone)]
pub struct FrameSlice {
    frame: FrameRef,
    offset: u32,
    length: u32,
}

impl FrameSlice {
    /// A piece.
    ///
    /// # Safety
    /// The range lies in the room, was written, and is not written again while somebody owns the frame beside the writer.
    #[inline]
    pub(crate) unsafe fn new(frame: FrameRef, offset: u32, length: u32) -> FrameSlice {
        FrameSlice {
            frame,
            offset,
            length,
        }
    }

    /// Its bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: as promised when it was made.
        unsafe { self.frame.bytes(self.offset as usize, self.length as usize) }
    }

    /// What is known of the buffer.
    pub fn buffer(&self) -> &HFTBuffer {
        self.frame.packet().buffer()
    }

    /// Makes it a piece of itself; the range lies in it.
    #[inline]
    pub(crate) fn narrow(&mut self, from: usize, length: usize) {
        debug_assert!(from + length <= self.length as usize);
        self.offset += from as u32;
        self.length = length as u32;
    }
}

impl fmt::Debug for FrameSlice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameSlice")
            .field("buffer", self.buffer())
            .field("offset", &self.offset)
            .field("length", &self.length)
            .finish()
    }
}
