//! A peer without a network: it writes messages by hand, and reads what the session wrote.

use std::collections::BTreeMap;
use std::sync::Arc;

use proofbook_fix::{Frame, Kernel, SIMDMessageParser, Version};
use proofbook_session::{
    Authenticator, DisconnectReason, Identity, SendBuffer, Session, Settings, Store,
    Unauthenticated,
};

use super::echo::Echo;

pub const SECOND_NS: u64 = 1_000_000_000;

/// A session of `CLIENT` with `VENUE`, at a time of its own.
pub struct Peer<S> {
    pub session: Session<S>,
    pub echo: Echo,
    pub parser: SIMDMessageParser,
    pub output: SendBuffer,
    pub now_ns: u64,
    /// What the session said last of its connection.
    pub disconnect: Option<DisconnectReason>,
    input: Vec<u8>,
}

pub fn settings() -> Settings {
    let identity = Identity::new(Version::Fix44, b"CLIENT", b"VENUE");
    Settings::new(identity.expect("names"))
}

impl<S: Store> Peer<S> {
    pub fn new(settings: Settings, store: S) -> Self {
        Self::with(settings, store, Arc::new(Unauthenticated))
    }

    pub fn with(settings: Settings, store: S, authenticator: Arc<dyn Authenticator>) -> Self {
        let kernel = Kernel::detect();
        let echo = Echo::new(settings.identity.version().dictionary());
        let mut peer = Peer {
            session: Session::new(settings, store, authenticator, kernel),
            echo,
            parser: SIMDMessageParser::new(kernel),
            output: SendBuffer::new(1 << 18),
            now_ns: 1_800_000_000 * SECOND_NS,
            disconnect: None,
            input: Vec::new(),
        };
        peer.connect();
        peer
    }

    pub fn connect(&mut self) {
        self.session.connect(self.now_ns).expect("it is free");
        self.disconnect = None;
    }

    pub fn closed(&mut self) {
        self.session.closed().expect("the store works");
        let pending = self.output.pending().len();
        self.output.sent(pending);
        self.input.clear();
    }

    pub fn time(&self) -> String {
        super::time_text((self.now_ns / SECOND_NS) as i64)
    }

    /// A message of this type, number and body, with `|` for the separator.
    pub fn message(&self, message_type: &str, number: u64, body: &str) -> Vec<u8> {
        let time = self.time();
        super::message(&format!(
            "8=FIX.4.4|35={message_type}|34={number}|49=CLIENT|52={time}|56=VENUE|{body}"
        ))
    }

    /// A valid order.
    pub fn order(&self, number: u64, header: &str) -> Vec<u8> {
        let time = self.time();
        let body = format!("{header}11=ID{number}|21=3|40=1|54=1|55=INTC|60={time}|");
        self.message("D", number, &body)
    }

    /// Gives bytes to the session; what it wrote.
    pub fn send(&mut self, bytes: &[u8]) -> Vec<String> {
        self.push(bytes);
        self.written()
    }

    /// Gives bytes to the session, and leaves what it wrote in the output.
    pub fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        let received = self.session.receive(
            &mut self.parser,
            &self.input,
            self.now_ns,
            &mut self.output,
            &mut self.echo,
        );
        let received = received.expect("the store works");
        self.input.drain(..received.consumed);
        self.disconnect = received.disconnect;
    }

    pub fn log_on(&mut self, number: u64, more: &str) -> Vec<String> {
        let logon = self.message("A", number, &format!("98=0|108=30|{more}"));
        self.send(&logon)
    }

    /// Lets time pass; what the session wrote then.
    pub fn pass(&mut self, seconds: u64) -> Vec<String> {
        self.now_ns += seconds * SECOND_NS;
        let ticked = self
            .session
            .tick(&mut self.parser, self.now_ns, &mut self.output);
        self.disconnect = ticked.expect("the store works");
        self.written()
    }

    /// The messages in the output, which are sent with that.
    pub fn written(&mut self) -> Vec<String> {
        let mut messages = Vec::new();
        let mut position = 0;
        let bytes = self.output.pending();
        while position < bytes.len() {
            match self.parser.frame(&bytes[position..]) {
                Frame::Whole(message) => {
                    position += message.bytes().len();
                    messages.push(super::readable(message.bytes()));
                }
                other => panic!("a session writes messages, not {other:?}"),
            }
        }
        self.output.sent(position);
        messages
    }
}

/// A field's value; empty where it is not there.
pub fn field(message: &str, tag: &str) -> String {
    let fields = message.split('|').filter_map(|field| field.split_once('='));
    let fields: BTreeMap<&str, &str> = fields.collect();
    fields
        .get(tag)
        .map_or(String::new(), |value| (*value).to_owned())
}

/// Types and numbers of messages: `A1 02`.
pub fn outline(messages: &[String]) -> String {
    let outlines = messages
        .iter()
        .map(|message| format!("{}{}", field(message, "35"), field(message, "34")));
    outlines.collect::<Vec<_>>().join(" ")
}
