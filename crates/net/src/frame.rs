//! A buffer of a pool and its owners: one who may write it, or several who share what was written.
//!
//! The count of owners is in the packet's second line. An owner who goes lowers it with release ordering, the last one acquires all of them
//! and gives the buffer back (the way of `std::sync::Arc`).
//!
//! Invariants: a frame is in its pool, or has as many owners as its count says; bytes below a writer's mark are never written while somebody
//! shares them; bytes above it are the writer's alone.
#![allow(unsafe_code)]

use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;

use proofbook_memory::sync::{AtomicU32, Ordering, UnsafeCell};

use crate::checksum::crc32c;
use crate::error::{in_range, NetError};
use crate::hft::{HFTBuffer, HFTPacket, PacketType, Validity};
use crate::pool::Home;
use crate::stamps::KernelStamps;

/// Owners that one buffer can have: far more than there is memory for, and far below where the count would wrap.
const REFERENCES_MAX: u32 = 1 << 30;

/// What a slot of a pool holds: a packet's two lines, and the way back.
pub(crate) struct Frame {
    packet: HFTPacket,
    /// The pool, which lives at least as long as the frame is out of it.
    home: Option<Home>,
    /// Has no bytes. Models see through it whether reading, writing and giving back are ordered.
    witness: UnsafeCell<()>,
}

// SAFETY: the address leads to bytes of the pool's region, which any thread may read or write as the frame's owners agree.
unsafe impl Send for Frame {}
// SAFETY: shared owners read alone, and count atomically.
unsafe impl Sync for Frame {}

impl Frame {
    /// A frame that has its slot but no bytes yet.
    pub(crate) fn new(pool_id: u16, room_bytes: u32) -> Frame {
        let buffer = HFTBuffer {
            address: NonNull::dangling(),
            references: AtomicU32::new(1),
            room_bytes,
            buffer_id: 0,
            rss_hash: 0,
            pool_id,
            node: 0,
        };
        Frame {
            packet: HFTPacket::of(buffer),
            home: None,
            witness: UnsafeCell::new(()),
        }
    }

    /// Gives the frame its bytes and the way back.
    pub(crate) fn settle(&mut self, address: NonNull<u8>, buffer_id: u32, node: u16, home: Home) {
        let buffer = &mut self.packet.buffer;
        (buffer.address, buffer.buffer_id, buffer.node) = (address, buffer_id, node);
        self.home = Some(home);
    }
}

/// One of a frame's owners.
pub(crate) struct FrameRef(NonNull<Frame>);

// SAFETY: owners share the frame, which is `Sync`, and any of them may be the last one, which sends it home.
unsafe impl Send for FrameRef {}
// SAFETY: as above.
unsafe impl Sync for FrameRef {}

impl FrameRef {
    /// The first owner.
    ///
    /// # Safety
    /// The frame came out of the slots of its home, has its bytes there, and nobody else owns it.
    #[inline]
    pub(crate) unsafe fn first(frame: NonNull<Frame>) -> FrameRef {
        FrameRef(frame)
    }

    #[inline]
    fn frame(&self) -> &Frame {
        // SAFETY: a frame stays where it is while it has an owner.
        unsafe { self.0.as_ref() }
    }

    /// What is known of the packet.
    #[inline]
    pub(crate) fn packet(&self) -> &HFTPacket {
        &self.frame().packet
    }

    /// As above, to be written.
    ///
    /// # Safety
    /// This owner is the only one, and was it when the frame was last looked at.
    #[inline]
    unsafe fn packet_mut(&mut self) -> &mut HFTPacket {
        // SAFETY: the caller's promise; the borrow of the only owner keeps others from coming.
        unsafe { &mut (*self.0.as_ptr()).packet }
    }

    /// How many owners there are, this one included: exact where it says one.
    #[inline]
    pub(crate) fn owners(&self) -> u32 {
        // Acquire: who finds itself alone comes after all that the others did.
        self.packet().buffer.references.load(Ordering::Acquire)
    }

    /// Whether this is the only owner, so that what others read may be written again.
    #[inline]
    pub(crate) fn is_alone(&mut self) -> bool {
        let is_alone = self.owners() == 1;
        if is_alone {
            self.frame().witness.with_mut(|_| ());
        }
        is_alone
    }

    /// Bytes that were written and are not written again.
    ///
    /// # Safety
    /// The range lies in the room, and nobody writes it while the slice is there.
    #[inline]
    pub(crate) unsafe fn bytes(&self, offset: usize, length: usize) -> &[u8] {
        debug_assert!(offset + length <= self.packet().buffer.room_bytes());
        self.frame().witness.with(|_| ());
        // SAFETY: the room is memory of the pool's region, which lives as long as an owner; the caller's promise.
        unsafe {
            std::slice::from_raw_parts(self.packet().buffer.address.as_ptr().add(offset), length)
        }
    }

    /// Bytes for writing.
    ///
    /// # Safety
    /// The range lies in the room, and nobody else reads or writes it while the slice is there.
    #[inline]
    pub(crate) unsafe fn bytes_mut(&mut self, offset: usize, length: usize) -> &mut [u8] {
        debug_assert!(offset + length <= self.packet().buffer.room_bytes());
        // SAFETY: as above.
        unsafe {
            std::slice::from_raw_parts_mut(
                self.packet().buffer.address.as_ptr().add(offset),
                length,
            )
        }
    }
}

impl Clone for FrameRef {
    #[inline]
    fn clone(&self) -> Self {
        // Relaxed: this owner keeps the frame, and whoever gets the new one gets it from here.
        let before = self
            .packet()
            .buffer
            .references
            .fetch_add(1, Ordering::Relaxed);
        assert!(
            before < REFERENCES_MAX,
            "expected at most {REFERENCES_MAX} owners of a packet"
        );
        FrameRef(self.0)
    }
}

impl Drop for FrameRef {
    #[inline]
    fn drop(&mut self) {
        // Release: all that this owner did with the packet comes before it goes home.
        let before = self
            .packet()
            .buffer
            .references
            .fetch_sub(1, Ordering::Release);
        if before == 1 {
            // Acquires what the other owners released: this one's own write follows on theirs.
            let owners = self.owners();
            debug_assert_eq!(owners, 0, "nobody shares a packet from an owner that goes");
            self.frame().witness.with_mut(|_| ());
            // SAFETY: the last owner has the frame for itself.
            let home = unsafe { (*self.0.as_ptr()).home.take() };
            let home = home.expect("a frame has its home until it goes there");
            // SAFETY: the frame came from there, and its last owner ends here.
            unsafe { home.take_back(self.0) };
        }
    }
}

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
