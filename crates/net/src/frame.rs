//! A buffer of a pool, and the count of its owners: one who may write it, or several who share what was written.
//!
//! The count of owners is in the packet's second line. An owner who goes lowers it with release ordering, the last one acquires all of them
//! and gives the buffer back (the way of `std::sync::Arc`).
//!
//! Invariants: a frame is in its pool, or has as many owners as its count says; bytes below a writer's mark are never written while somebody
//! shares them; bytes above it are the writer's alone.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use proofbook_memory::sync::{AtomicU32, Ordering, UnsafeCell};

use crate::hft::{HFTBuffer, HFTPacket};
use crate::pool::Home;

/// Owners that one buffer can have: far more than there is memory for, and far below where the count would wrap.
const REFERENCES_MAX: u32 = 1 << 30;

/// Owners that a writer counts at once.
const EXPECTED_AT_ONCE: u32 = 1 << 12;

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
    pub(crate) unsafe fn packet_mut(&mut self) -> &mut HFTPacket {
        // SAFETY: the caller's promise; the borrow of the only owner keeps others from coming.
        unsafe { &mut (*self.0.as_ptr()).packet }
    }

    /// How many owners there are, this one included: exact where it says one.
    #[inline]
    pub(crate) fn owners(&self) -> u32 {
        // Acquire: who finds itself alone comes after all that the others did.
        self.packet().buffer.references.load(Ordering::Acquire)
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

impl FrameRef {
    /// Counts more owners, before they are there.
    #[inline]
    fn expect_owners(&self, count: u32) {
        let references = &self.packet().buffer.references;
        // Relaxed: this owner keeps the frame, and whoever gets the new one gets it from here.
        let before = references.fetch_add(count, Ordering::Relaxed);
        assert!(
            before < REFERENCES_MAX,
            "expected at most {REFERENCES_MAX} owners of a packet"
        );
    }
}

impl Clone for FrameRef {
    #[inline]
    fn clone(&self) -> Self {
        self.expect_owners(1);
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

/// An owner who writes a frame while others share what was written before.
///
/// It counts many owners at once, before they are there, so that to give a piece to another thread does not touch the line that the others write.
pub(crate) struct FrameWriter {
    frame: FrameRef,
    /// Owners that were counted and are not there.
    expected: u32,
}

impl FrameWriter {
    /// The writer of a frame that has no other owner.
    pub(crate) fn new(frame: FrameRef) -> FrameWriter {
        FrameWriter { frame, expected: 0 }
    }

    /// One more owner.
    #[inline]
    pub(crate) fn share(&mut self) -> FrameRef {
        if self.expected == 0 {
            self.frame.expect_owners(EXPECTED_AT_ONCE);
            self.expected = EXPECTED_AT_ONCE;
        }
        self.expected -= 1;
        FrameRef(self.frame.0)
    }

    /// Whether there is no other owner, so that what others read may be written again.
    #[inline]
    pub(crate) fn is_alone(&mut self) -> bool {
        let is_alone = self.frame.owners() == 1 + self.expected;
        if is_alone {
            self.frame.frame().witness.with_mut(|_| ());
        }
        is_alone
    }

    /// Bytes that the frame has room for.
    #[inline]
    pub(crate) fn room_bytes(&self) -> usize {
        self.frame.packet().buffer.room_bytes()
    }

    /// As [`FrameRef::bytes`].
    ///
    /// # Safety
    /// As there.
    #[inline]
    pub(crate) unsafe fn bytes(&self, offset: usize, length: usize) -> &[u8] {
        // SAFETY: the caller's promise.
        unsafe { self.frame.bytes(offset, length) }
    }

    /// As [`FrameRef::bytes_mut`].
    ///
    /// # Safety
    /// As there.
    #[inline]
    pub(crate) unsafe fn bytes_mut(&mut self, offset: usize, length: usize) -> &mut [u8] {
        // SAFETY: the caller's promise.
        unsafe { self.frame.bytes_mut(offset, length) }
    }
}

impl Drop for FrameWriter {
    fn drop(&mut self) {
        let references = &self.frame.packet().buffer.references;
        // Relaxed: the writer is an owner itself, and releases what it did when that one goes.
        references.fetch_sub(self.expected, Ordering::Relaxed);
    }
}
