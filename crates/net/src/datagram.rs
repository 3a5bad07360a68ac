//! Datagrams: each is read into a buffer of its own, with what the kernel says of it, and shared from there.
//!
//! Invariants: a datagram is given out whole or not at all; where the pool has no buffer, none is read.

use std::net::{SocketAddr, UdpSocket};

use crate::error::ReceiveError;
use crate::hft::PacketType;
use crate::owners::{HFTPacketRef, PooledBuffer};
use crate::pool::BufferSource;
use crate::receiver::is_for_later;
use crate::stamps;
use crate::toeplitz::Toeplitz;

/// The incoming side of a datagram socket.
#[derive(Debug)]
pub struct DatagramReceiver<B> {
    buffers: B,
    /// A buffer that the socket had nothing for.
    empty: Option<PooledBuffer>,
    local: SocketAddr,
    hash: Toeplitz,
    received: u64,
}

impl<B: BufferSource> DatagramReceiver<B> {
    /// A receiver with buffers from here, for a socket with this address; the hash of a datagram is that of its sender's address and this one.
    pub fn new(buffers: B, local: SocketAddr, hash: Toeplitz) -> DatagramReceiver<B> {
        DatagramReceiver {
            buffers,
            empty: None,
            local,
            hash,
            received: 0,
        }
    }

    /// The next datagram; none where the socket has none now. `timestamp_ns` is the time now.
    ///
    /// # Errors
    /// Where the pool has no buffer, the socket fails, or the datagram is longer than a buffer: that one is lost.
    pub fn receive(
        &mut self,
        socket: &UdpSocket,
        timestamp_ns: u64,
    ) -> Result<Option<HFTPacketRef>, ReceiveError> {
        let mut buffer = match self.empty.take() {
            Some(buffer) => buffer,
            None => self.buffers.take().map_err(ReceiveError::Pool)?,
        };
        let received = match stamps::receive(socket, buffer.bytes_mut()) {
            Ok(received) if received.is_truncated => {
                let most = buffer.room_bytes();
                self.empty = Some(buffer);
                return Err(ReceiveError::DatagramTooLong { most });
            }
            Ok(received) => received,
            Err(error) => {
                self.empty = Some(buffer);
                if is_for_later(&error) {
                    return Ok(None);
                }
                return Err(ReceiveError::Socket(error));
            }
        };
        buffer.describe(PacketType::Datagram, self.received, timestamp_ns);
        buffer.stamp(received.stamps);
        if let Some(from) = received.from {
            buffer.set_rss_hash(self.hash.hash(from, self.local));
        }
        self.received += 1;
        let packet = buffer.share(received.bytes);
        Ok(Some(
            packet.expect("the kernel wrote no more than the room"),
        ))
    }
}
