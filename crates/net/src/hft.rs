//! What is known of a packet in a pool's buffer: two cache lines, apart from the bytes.
//!
//! The first line is what whoever handles the packet reads: it is written by the packet's only owner and never again once it is shared. The second line
//! says where the bytes are and how many share them, and is the one that owners on other processors write.
//!
//! Invariants: a field that may be missing is marked in [`Validity`], and its reader gives none without the mark; the payload is no longer than the
//! buffer's room.

use std::fmt;
use std::ptr::NonNull;

use proofbook_memory::sync::AtomicU32;

/// What a packet came as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PacketType {
    /// Not said.
    #[default]
    Unspecified = 0,
    /// A message out of a stream.
    Stream = 1,
    /// A datagram.
    Datagram = 2,
    /// A piece of mapped memory, such as captured packets.
    Mapped = 3,
    /// To be sent.
    Outgoing = 4,
}

/// Which fields of a packet have a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Validity(u8);

impl Validity {
    /// The checksum is that of the payload.
    pub const CHECKSUM: Validity = Validity(1);
    /// The kernel said when the packet came in.
    pub const KERNEL_TIMESTAMP: Validity = Validity(1 << 1);
    /// The network card said when the packet came in.
    pub const HARDWARE_TIMESTAMP: Validity = Validity(1 << 2);
    /// The hash of the connection's addresses is known.
    pub const RSS_HASH: Validity = Validity(1 << 3);

    /// Whether all marks of the other are set.
    pub const fn has(self, other: Validity) -> bool {
        self.0 & other.0 == other.0
    }

    /// Sets marks.
    pub(crate) fn set(&mut self, other: Validity) {
        self.0 |= other.0;
    }

    /// Takes marks away.
    pub(crate) fn clear(&mut self, other: Validity) {
        self.0 &= !other.0;
    }

    /// A value, where its mark is set.
    fn then<T>(self, mark: Validity, value: T) -> Option<T> {
        self.has(mark).then_some(value)
    }
}

/// Where a packet's bytes are, and how many share them.
#[repr(C, align(64))]
pub struct HFTBuffer {
    pub(crate) address: NonNull<u8>,
    pub(crate) references: AtomicU32,
    pub(crate) room_bytes: u32,
    pub(crate) buffer_id: u32,
    pub(crate) rss_hash: u32,
    pub(crate) pool_id: u16,
    pub(crate) node: u16,
}

impl HFTBuffer {
    /// The number of the pool, as its maker chose it.
    pub fn pool_id(&self) -> u16 {
        self.pool_id
    }

    /// The buffer's number in its pool's part on its node: no other buffer there has it.
    pub fn buffer_id(&self) -> u32 {
        self.buffer_id
    }

    /// The place of its node of memory in the pool's topology; 0 where the pool has none.
    pub fn node(&self) -> u16 {
        self.node
    }

    /// Bytes that the buffer has room for.
    pub fn room_bytes(&self) -> usize {
        self.room_bytes as usize
    }

    /// Where its bytes lie, in this process's addresses.
    pub fn virtual_address(&self) -> usize {
        self.address.as_ptr().addr()
    }
}

impl fmt::Debug for HFTBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HFTBuffer")
            .field("pool_id", &self.pool_id)
            .field("node", &self.node)
            .field("buffer_id", &self.buffer_id)
            .field("room_bytes", &self.room_bytes)
            .finish_non_exhaustive()
    }
}

/// What is known of a packet.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct HFTPacket {
    pub(crate) sequence: u64,
    pub(crate) timestamp_ns: u64,
    pub(crate) kernel_timestamp_ns: u64,
    pub(crate) hardware_timestamp_ns: u64,
    pub(crate) payload_length: u32,
    pub(crate) checksum: u32,
    pub(crate) packet_type: PacketType,
    pub(crate) validity: Validity,
    /// In the next line.
    pub(crate) buffer: HFTBuffer,
}

impl HFTPacket {
    /// What a buffer begins with: nothing is known but the buffer.
    pub(crate) fn of(buffer: HFTBuffer) -> HFTPacket {
        HFTPacket {
            sequence: 0,
            timestamp_ns: 0,
            kernel_timestamp_ns: 0,
            hardware_timestamp_ns: 0,
            payload_length: 0,
            checksum: 0,
            packet_type: PacketType::Unspecified,
            validity: Validity::default(),
            buffer,
        }
    }

    /// What it came as.
    pub fn packet_type(&self) -> PacketType {
        self.packet_type
    }

    /// Its number, as its receiver counts.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When it was received, by the clock that its receiver was given.
    pub fn timestamp_ns(&self) -> u64 {
        self.timestamp_ns
    }

    /// Bytes of its payload.
    pub fn payload_length(&self) -> usize {
        self.payload_length as usize
    }

    /// Which of the fields below have a value.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// CRC-32C of the payload, where it was computed.
    pub fn checksum(&self) -> Option<u32> {
        self.validity.then(Validity::CHECKSUM, self.checksum)
    }

    /// When the kernel took it from the network, in nanoseconds since 1970, where the kernel said so.
    pub fn kernel_timestamp_ns(&self) -> Option<u64> {
        self.validity
            .then(Validity::KERNEL_TIMESTAMP, self.kernel_timestamp_ns)
    }

    /// When the network card received it, by the card's clock, where it has one.
    pub fn hardware_timestamp_ns(&self) -> Option<u64> {
        self.validity
            .then(Validity::HARDWARE_TIMESTAMP, self.hardware_timestamp_ns)
    }

    /// The hash of the connection's addresses, where it is known.
    pub fn rss_hash(&self) -> Option<u32> {
        self.validity.then(Validity::RSS_HASH, self.buffer.rss_hash)
    }

    /// Where its bytes are.
    pub fn buffer(&self) -> &HFTBuffer {
        &self.buffer
    }
}

/// Bytes of a cache line.
#[cfg(not(loom))]
const LINE: usize = 64;

// A model's atomics are larger.
#[cfg(not(loom))]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<HFTPacket>() == 2 * LINE && align_of::<HFTPacket>() == LINE);
    assert!(size_of::<HFTBuffer>() == LINE && align_of::<HFTBuffer>() == LINE);
    assert!(offset_of!(HFTPacket, sequence) == 0);
    assert!(offset_of!(HFTPacket, timestamp_ns) == 8);
    assert!(offset_of!(HFTPacket, kernel_timestamp_ns) == 16);
    assert!(offset_of!(HFTPacket, hardware_timestamp_ns) == 24);
    assert!(offset_of!(HFTPacket, payload_length) == 32);
    assert!(offset_of!(HFTPacket, checksum) == 36);
    assert!(offset_of!(HFTPacket, packet_type) == 40);
    assert!(offset_of!(HFTPacket, validity) == 41);
    assert!(offset_of!(HFTPacket, buffer) == LINE);
    assert!(offset_of!(HFTBuffer, address) == 0);
    assert!(offset_of!(HFTBuffer, references) == 8);
    assert!(offset_of!(HFTBuffer, room_bytes) == 12);
    assert!(offset_of!(HFTBuffer, buffer_id) == 16);
    assert!(offset_of!(HFTBuffer, rss_hash) == 20);
    assert!(offset_of!(HFTBuffer, pool_id) == 24);
    assert!(offset_of!(HFTBuffer, node) == 26);
};
