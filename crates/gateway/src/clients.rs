//! What is told to clients without being kept: market data, lists and states of markets. It is written at a turn's end, and not for a client that reads too slowly.

use proofbook_fix::Draft;
use proofbook_session::SendError;

use crate::connection::Connection;
use crate::error::GatewayError;
use crate::gateway::{Gateway, Slot};
use crate::turn::outlet;

/// With more bytes waiting for a client, nothing is written for it but what is kept.
pub(crate) const HOLD_BYTES: usize = 512 << 10;

/// With no more bytes waiting, it is sent what it lacks.
pub(crate) const RESUME_BYTES: usize = 128 << 10;

/// The clients, named by the places of their sessions.
pub(crate) trait Clients {
    /// Bytes that wait for a client; none where it is not logged on.
    fn waiting_bytes(&self, client: usize) -> Option<usize>;

    /// Sends a message that is not kept; whether it went out.
    ///
    /// # Errors
    /// Those of the session.
    fn send(
        &mut self,
        client: usize,
        message_type: &[u8],
        body: impl FnOnce(&mut Draft<'_>),
    ) -> Result<bool, SendError>;

    /// Whether a client reads fast enough to be sent more.
    fn is_reading(&self, client: usize) -> bool {
        let waiting = self.waiting_bytes(client);
        waiting.is_some_and(|waiting| waiting <= HOLD_BYTES)
    }
}

struct Sessions<'g> {
    slots: &'g mut [Slot],
    connections: &'g mut [Option<Connection>],
    now_ns: u64,
}

impl Clients for Sessions<'_> {
    fn waiting_bytes(&self, client: usize) -> Option<usize> {
        let slot = &self.slots[client];
        let connection = self.connections[slot.connection?].as_ref()?;
        let is_there = slot.session.is_logged_on() && !connection.is_closing();
        is_there.then(|| connection.sender.waiting())
    }

    fn send(
        &mut self,
        client: usize,
        message_type: &[u8],
        body: impl FnOnce(&mut Draft<'_>),
    ) -> Result<bool, SendError> {
        let slot = &mut self.slots[client];
        let mut outlet = outlet(self.connections, slot.connection);
        slot.is_changed = true;
        let session = &mut slot.session;
        let number = session.send_transient(self.now_ns, &mut outlet, message_type, body)?;
        Ok(number.is_some())
    }
}

impl Gateway {
    /// Sends what changed in the turn and what was asked. Everything that the exchange has taken is acknowledged.
    pub(crate) fn publish(&mut self, now_ns: u64) -> Result<(), GatewayError> {
        let mut clients = Sessions {
            slots: &mut self.slots,
            connections: &mut self.connections,
            now_ns,
        };
        let exchange = self.desk.engine.machine();
        self.desk.securities.flush(exchange, &mut clients)?;
        Ok(self.desk.market_data.flush(exchange, &mut clients)?)
    }
}

#[cfg(test)]
pub(crate) mod recorder {
    //! A client that notes what it is sent, as text.

    use proofbook_fix::{
        validate, Draft, Frame, Kernel, MessageEncoder, SIMDMessageParser, UserFields, Version,
        MESSAGE_BYTES_MAX,
    };
    use proofbook_session::SendError;

    use super::Clients;

    pub(crate) struct Recorder {
        pub(crate) version: Version,
        pub(crate) waiting: Option<usize>,
        /// With `|` for the separator, from the type on.
        pub(crate) messages: Vec<String>,
    }

    impl Clients for Recorder {
        fn waiting_bytes(&self, _: usize) -> Option<usize> {
            self.waiting
        }

        fn send(
            &mut self,
            _: usize,
            message_type: &[u8],
            body: impl FnOnce(&mut Draft<'_>),
        ) -> Result<bool, SendError> {
            let bytes = message(self.version, message_type, body);
            let mut parser = SIMDMessageParser::new(Kernel::detect());
            let Frame::Whole(frame) = parser.frame(&bytes) else {
                panic!("a whole message");
            };
            let message = parser.parse(frame).expect("it is well formed");
            let valid = validate(self.version.dictionary(), &message, UserFields::Refused);
            let text = String::from_utf8_lossy(&bytes).replace('\x01', "|");
            assert!(valid.is_ok(), "{valid:?} of {text}");
            let (_, body) = text.split_once("|56=B|").expect("a header");
            let kind = message_type.escape_ascii();
            self.messages.push(format!("{kind}|{body}"));
            Ok(true)
        }
    }

    /// A whole message.
    pub(crate) fn message(
        version: Version,
        message_type: &[u8],
        body: impl FnOnce(&mut Draft<'_>),
    ) -> Vec<u8> {
        let mut encoder = MessageEncoder::new(Kernel::detect(), version);
        let mut buffer = vec![0; MESSAGE_BYTES_MAX];
        let mut draft = encoder.begin(&mut buffer, message_type);
        draft.unsigned(34, 1).text(49, b"A");
        draft.timestamp(52, 0, proofbook_fix::Precision::Seconds);
        draft.text(56, b"B");
        body(&mut draft);
        draft.finish().expect("it fits").to_vec()
    }
}
