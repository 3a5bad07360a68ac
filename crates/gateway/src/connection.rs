//! A client's connection: bytes are read to where they are parsed, and written to where the socket takes them from.

use std::ops::Range;

use mio::net::TcpStream;
use proofbook_fix::MESSAGE_BYTES_MAX;
use proofbook_net::bytes::MirroredBytes;
use proofbook_net::{Filled, Flushed, NetError, Receiver, Sender};
use proofbook_session::Output;

/// Bytes that may wait to be parsed.
const RECEIVE_BYTES: usize = 4 * MESSAGE_BYTES_MAX;

/// Bytes that may wait for a client to read them; a client for whom more wait is disconnected, and asks for it later.
const SEND_BYTES: usize = 4 << 20;

/// How long a connection that is to end may take to read what was sent.
const CLOSE_LIMIT_NS: u64 = 2_000_000_000;

/// One connection.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) receiver: Receiver<MirroredBytes>,
    pub(crate) sender: Sender<MirroredBytes>,
    /// The session, once the first message has named it.
    pub(crate) session: Option<usize>,
    pub(crate) since_ns: u64,
    /// There may be something to read.
    pub(crate) is_readable: bool,
    /// The end, at the latest at this time, or once everything was sent.
    close_at_ns: Option<u64>,
    /// The socket has ended.
    is_ended: bool,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, now_ns: u64) -> Result<Self, NetError> {
        Ok(Connection {
            stream,
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
        match self.receiver.fill(&mut self.stream) {
            Ok(Filled::Bytes(_)) => {}
            Ok(Filled::Nothing) => self.is_readable = false,
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
        match self.sender.flush(&mut self.stream) {
            Ok(Flushed::All) => self.is_ended |= self.close_at_ns.is_some(),
            Ok(Flushed::Waiting(_)) => {}
            Err(_) => self.end(),
        }
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
