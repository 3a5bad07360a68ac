//! The way of bytes between sockets and the exchange: read once into memory that stays, looked at where they lie, handed on by reference.
//!
//! - [`bytes`]: where a stream's bytes wait: [`bytes::MirroredBytes`], a ring that is mapped twice in a row, so that whatever waits is one slice;
//!   [`bytes::PooledBytes`], buffers of a pool, whose messages can be shared;
//! - [`Receiver`] and [`Sender`]: a stream socket's two directions over either of them; [`DatagramReceiver`]: a datagram into each buffer;
//! - [`ZeroCopyPacket`]: bytes in mapped memory, in a pool's buffer or in several segments: shared, sliced and split without a copy;
//! - [`HFTPacket`] and [`HFTBuffer`]: what is known of a buffer of a [`BufferPool`], in two cache lines; [`PooledBuffer`] owns one
//!   alone, [`HFTPacketRef`] shares it;
//! - [`ring`]: a bounded ring from threads to one thread, which hands packets over in batches;
//! - [`toeplitz`]: the hash by which connections are dealt to threads; [`checksum`]: CRC-32C of a payload; [`stamps`]: the kernel's times.
//!
//! Invariants: every pool, ring, batch and list of segments is bounded, and what does not fit is an error value that gives the thing back
//! or leaves it as it was; bytes that are shared are never written; no clock is read, times come from the caller or from the kernel.
//!
//! There are no DMA addresses here. A process that receives through the kernel's sockets never learns where a network card wrote: the
//! kernel copies from its own buffers into the memory named here, once, and that is the one copy of a message. An address for DMA has a meaning
//! only where the card is driven from the process (VFIO, DPDK), and a number that nobody can use would be untrue.
#![deny(unsafe_code)]

mod buffer;
pub mod bytes;
pub mod checksum;
mod datagram;
mod error;
mod frame;
mod hft;
pub mod mapping;
mod owners;
mod packet;
mod pool;
mod receiver;
pub mod ring;
mod sender;
pub mod stamps;
pub mod toeplitz;

pub use buffer::{PacketBuffer, Segment, SEGMENTS_MAX};
pub use datagram::DatagramReceiver;
pub use error::{NetError, ReceiveError, SendError};
pub use hft::{HFTBuffer, HFTPacket, PacketType, Validity};
pub use owners::{FrameSlice, HFTPacketRef, NotShared, PooledBuffer};
pub use packet::{PacketMetadata, ZeroCopyPacket};
pub use pool::{BufferCache, BufferPool, BufferSource, NodeBufferPool};
pub use receiver::{Filled, Receiver, ReceiverStatistics, Source};
pub use ring::{Batch, PacketProducer, PacketRingBuffer, RingConfig};
pub use sender::{Flushed, Sender, SenderStatistics};
