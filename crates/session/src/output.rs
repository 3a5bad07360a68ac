//! The two sides that a session has besides its peer's bytes: where messages are written to, and who takes what they say.

use core::ops::Range;

use proofbook_fix::{Draft, ParsedMessage, MESSAGE_BYTES_MAX};

use crate::authentication::LogonRequest;
use crate::core::Core;
use crate::header::HeaderField;
use crate::reject::BusinessReject;
use crate::session::SendError;
use crate::store::Store;

/// Where bytes for the peer go. Messages are written in place.
pub trait Output {
    /// Room for the next message: at least [`MESSAGE_BYTES_MAX`] bytes, or fewer where there is no room now. A session that must
    /// answer and has no room ends the connection, since its peer reads too slowly; resends wait for room.
    fn room(&mut self) -> &mut [u8];

    /// These bytes of the last room are a message, to be sent after all before it.
    fn commit(&mut self, message: Range<usize>);
}

/// Who takes application messages.
pub trait Application {
    /// The next application message, valid by the dictionary, once each and in the order of its numbers. It may be answered at once through `outgoing`,
    /// or later with [`crate::Session::send`].
    ///
    /// # Errors
    /// A refusal, which the peer gets as BusinessMessageReject.
    fn message<S: Store, O: Output>(
        &mut self,
        message: &ParsedMessage<'_>,
        outgoing: &mut Outgoing<'_, S, O>,
    ) -> Result<(), BusinessReject>;

    /// The peer has logged on.
    fn logged_on(&mut self, _logon: &LogonRequest<'_>) {}
}

/// What an application answers with.
pub struct Outgoing<'a, S, O> {
    pub(crate) core: &'a mut Core<S>,
    pub(crate) output: &'a mut O,
    pub(crate) now_ns: u64,
}

impl<S: Store, O: Output> Outgoing<'_, S, O> {
    /// Sends a message; its number. As [`crate::Session::send`].
    ///
    /// # Errors
    /// As there.
    pub fn send(
        &mut self,
        message_type: &[u8],
        header: &[HeaderField<'_>],
        body: impl FnOnce(&mut Draft<'_>),
    ) -> Result<u64, SendError> {
        self.core
            .application(self.output, self.now_ns, message_type, header, body)
    }

    /// The time of the message that is being taken.
    pub fn now_ns(&self) -> u64 {
        self.now_ns
    }
}

/// An [`Output`] in memory: messages side by side, taken from its front.
#[derive(Debug)]
pub struct SendBuffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl SendBuffer {
    /// A buffer of so many bytes; fewer than two longest messages are never of use.
    pub fn new(bytes: usize) -> Self {
        SendBuffer {
            bytes: vec![0; bytes.max(2 * MESSAGE_BYTES_MAX)].into(),
            start: 0,
            end: 0,
        }
    }

    /// What is to be sent.
    pub fn pending(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The first bytes of it were sent.
    pub fn sent(&mut self, bytes: usize) {
        assert!(bytes <= self.end - self.start, "sent is what was pending");
        self.start += bytes;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }
}

impl Output for SendBuffer {
    fn room(&mut self) -> &mut [u8] {
        if self.bytes.len() - self.end < MESSAGE_BYTES_MAX && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut self.bytes[self.end..]
    }

    fn commit(&mut self, message: Range<usize>) {
        let length = message.len();
        let from = self.end + message.start;
        self.bytes.copy_within(from..from + length, self.end);
        self.end += length;
    }
}
