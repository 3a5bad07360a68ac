//! A client's connection: bytes are read to where they are parsed, and written to where the socket takes them from.

use std::ops::Range;
use std::sync::Arc;

use mio::net::TcpStream;
use proofbook_fix::MESSAGE_BYTES_MAX;
use proofbook_net::bytes::MirroredBytes;
use proofbook_net::{Filled, Flushed, Receiver, Sender};
use proofbook_session::Output;
use rustls::ServerConfig;

use crate::error::GatewayError;
use crate::tls::Tls;

/// Bytes that may wait to be parsed.
const RECEIVE_BYTES: usize = 4 * MESSAGE_BYTES_MAX;

/// Bytes that may wait for a client to read them; a client for whom more wait is disconnected, and asks for it later.
const SEND_BYTES: usize = 4 << 20;

/// How long a connection may take to name its session, with the handshake before that.
const NAME_LIMIT_NS: u64 = 10_000_000_000;

/// How long a connection that is to end may take to read what was sent.
const CLOSE_LIMIT_NS: u64 = 2_000_000_000;

/// One connection.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    tls: Option<Tls>,
    pub(crate) receiver: Receiver<MirroredBytes>,
    pub(crate) sender: Sender<MirroredBytes>,
    /// The session, once the first message has named it.
    pub(crate) session: Option<usize>,
    since_ns: u64,
    /// There may be something to read.
    pub(crate) is_readable: bool,
    /// The end, at the latest at this time, or once everything was sent.
    close_at_ns: Option<u64>,
    /// The socket has ended.
    is_ended: bool,
}

impl Connection {
    pub(crate) fn new(
        stream: TcpStream,
        tls: Option<&Arc<ServerConfig>>,
        now_ns: u64,
    ) -> Result<Self, GatewayError> {
        Ok(Connection {
            stream,
            tls: tls
                .map(Tls::new)
                .transpose()
                .map_err(GatewayError::Rustls)?,
            receiver: Receiver::new(MirroredBytes::new(RECEIVE_BYTES)?),
            sender: Sender::new(MirroredBytes::new(SEND_BYTES)?),
            session: None,
            since_ns: now_ns,
            is_readable: true,
            close_at_ns: None,
            is_ended: false,
        })
    }

    /// Reads once. Whatever ends the connection is noted.
    pub(crate) fn fill(&mut self) {
        let filled = match &mut self.tls {
            None => self.receiver.fill(&mut self.stream),
            Some(tls) => self.receiver.fill(&mut tls.over(&mut self.stream)),
        };
        match filled {
            Ok(Filled::Bytes(_)) => {}
            Ok(Filled::Nothing) => {
                self.is_readable = self.tls.as_ref().is_some_and(Tls::has_more);
            }
            Ok(Filled::Ended) | Err(_) => self.end(),
        }
    }

    /// The first bytes of what waits are done with.
    pub(crate) fn consume(&mut self, length: usize) {
        if length > 0 {
            let taken: Result<_, std::convert::Infallible> =
                self.receiver.next_message(|_| Ok(Some(length)));
            assert!(taken.is_ok_and(|bytes| bytes.is_some()), "it is there");
        }
    }

    /// Sends what the socket takes.
    pub(crate) fn flush(&mut self) {
        let flushed = match &mut self.tls {
            None => self.sender.flush(&mut self.stream),
            Some(tls) => self.sender.flush(&mut tls.over(&mut self.stream)),
        };
        let is_closing = self.close_at_ns.is_some();
        let is_out = match (flushed, &mut self.tls) {
            (Ok(Flushed::All), None) => Ok(true),
            (Ok(Flushed::All), Some(tls)) => {
                if is_closing {
                    tls.end();
                }
                tls.push(&mut self.stream)
            }
            (Ok(Flushed::Waiting(_)), _) => Ok(false),
            (Err(error), _) => Err(error),
        };
        match is_out {
            Ok(is_out) => self.is_ended |= is_out && is_closing,
            Err(_) => self.end(),
        }
    }

    /// Whether something waits for the socket.
    pub(crate) fn has_output(&self) -> bool {
        self.sender.waiting() > 0 || self.tls.as_ref().is_some_and(Tls::wants_write)
    }

    /// Whether the next bytes are of a handshake.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(Tls::is_handshaking)
    }

    /// Whether it took too long to say whose it is.
    pub(crate) fn is_late(&self, now_ns: u64) -> bool {
        let since_ns = now_ns.saturating_sub(self.since_ns);
        self.session.is_none() && since_ns >= NAME_LIMIT_NS
    }

    /// Nothing more is read, and the end comes once everything was sent.
    pub(crate) fn close(&mut self, now_ns: u64) {
        self.is_readable = false;
        self.close_at_ns.get_or_insert(now_ns + CLOSE_LIMIT_NS);
    }

    pub(crate) fn end(&mut self) {
        self.is_readable = false;
        self.is_ended = true;
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.close_at_ns.is_some() || self.is_ended
    }

    pub(crate) fn is_over(&self, now_ns: u64) -> bool {
        self.is_ended || self.close_at_ns.is_some_and(|at_ns| now_ns >= at_ns)
    }
}

/// Where a session writes for a connection.
pub(crate) struct Outlet<'a>(pub(crate) Option<&'a mut Sender<MirroredBytes>>);

impl Output for Outlet<'_> {
    fn room(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Some(sender) => sender.room(MESSAGE_BYTES_MAX).unwrap_or_default(),
            None => &mut [],
        }
    }

    fn commit(&mut self, message: Range<usize>) {
        let sender = self.0.as_mut().expect("there was room");
        let room = sender.room(message.end).expect("there was room");
        let length = message.len();
        // BeginString and BodyLength end at a fixed place, so a message starts up to five bytes behind the room's start.
        room.copy_within(message, 0);
        sender.commit(length);
    }
}
