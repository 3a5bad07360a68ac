//! When the kernel took bytes from the network, as sockets say it beside the bytes.
//!
//! [`request`] asks a socket for its times, [`receive`] reads together with them; [`Stamped`] makes a stream a [`Source`] that knows them.
//! For a stream the time is that of the last packet whose bytes the read gave. A network card's own time comes only where the card has a clock that
//! was set up for it, which over loopback none has; and the kernel begins to take its own a
//! moment after it is first asked. So each time may be missing, and is marked where it is there.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
mod system;

use std::io;
use std::net::SocketAddr;

pub use system::{receive, request, Readable};

use crate::receiver::Source;

/// The kernel's times of what was read, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelStamps {
    /// When the kernel got it.
    pub software_ns: Option<u64>,
    /// When the network card got it.
    pub hardware_ns: Option<u64>,
}

/// What a read gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Bytes that were read.
    pub bytes: usize,
    /// The kernel's times.
    pub stamps: KernelStamps,
    /// Who sent it, where it is a datagram.
    pub from: Option<SocketAddr>,
    /// Whether a datagram had more bytes than there was room for.
    pub is_truncated: bool,
}

/// A stream socket that is read with the kernel's times. Ask for them first, with [`request`].
#[derive(Debug)]
pub struct Stamped<'socket, S>(pub &'socket S);

impl<S: Readable> Source for Stamped<'_, S> {
    #[inline]
    fn receive(&mut self, room: &mut [u8]) -> io::Result<Received> {
        receive(self.0, room)
    }
}
