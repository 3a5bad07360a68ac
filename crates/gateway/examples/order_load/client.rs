//! One FIX session over TCP that never waits: what is to be sent is sent as far as the socket takes it, what has come is taken.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proofbook_fix::{
    Frame, Kernel, MessageEncoder, ParsedMessage, Precision, SIMDMessageParser, Version,
};

/// A server may not have seen the end of an earlier connection yet: so often a Logon is tried.
const TRIES: u32 = 500;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(10);
const RECEIVED_BYTES_MAX: usize = 1 << 18;
const MESSAGE_BYTES_MAX: usize = 512;

/// A session that is logged on.
pub struct Client {
    name: &'static [u8],
    stream: TcpStream,
    encoder: MessageEncoder,
    parser: SIMDMessageParser,
    received: Box<[u8]>,
    /// What was received and not taken is from here,
    start: usize,
    /// to here.
    end: usize,
    outgoing: Vec<u8>,
    sent: usize,
    number: u64,
    expected: u64,
    is_ended: bool,
}

/// An ExecutionReport.
pub struct Report<'c>(ParsedMessage<'c>);

impl Report<'_> {
    pub fn char(&self, tag: i32) -> u8 {
        match self.0.get(tag).map(|field| field.value) {
            Some([value]) => *value,
            other => panic!("expected one character in tag {tag}, received {other:?}"),
        }
    }

    pub fn number(&self, tag: i32) -> usize {
        let field = self.0.require(tag).expect("it must be there");
        field.unsigned().expect("it is a number") as usize
    }

    pub fn decimal(&self, tag: i32, decimals: u32) -> Option<u64> {
        let units = self.0.get(tag)?.decimal(decimals).expect("a decimal");
        Some(u64::try_from(units).expect("it is not negative"))
    }
}

fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("it is after 1970").as_nanos() as u64
}

impl Client {
    /// Logs on, with numbers that start again.
    pub fn on(address: SocketAddr, name: &'static [u8]) -> Self {
        for _ in 0..TRIES {
            if let Some(client) = Client::try_on(address, name) {
                return client;
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
        panic!("expected a Logon of {address}, received none in {TRIES} tries");
    }

    fn try_on(address: SocketAddr, name: &'static [u8]) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_nodelay(true).expect("TCP has it");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        let mut client = Client {
            name,
            stream,
            encoder: MessageEncoder::new(Kernel::detect(), Version::Fix44),
            parser: SIMDMessageParser::new(Kernel::detect()),
            received: vec![0; RECEIVED_BYTES_MAX].into_boxed_slice(),
            start: 0,
            end: 0,
            outgoing: Vec::new(),
            sent: 0,
            number: 1,
            expected: 1,
            is_ended: false,
        };
        client.write(b"A", &[(98, b"0"), (108, b"120"), (141, b"Y")]);
        client.flush();
        while client.next(b"A").is_none() {
            if !client.fill() {
                return None;
            }
        }
        client.stream.set_nonblocking(true).expect("a socket");
        Some(client)
    }

    pub fn log_out(mut self) {
        self.stream.set_nonblocking(false).expect("a socket");
        self.write(b"5", &[]);
        self.flush();
        // The server answers, and ends the connection.
        while self.next(b"5").is_none() && self.fill() {}
        while !self.is_ended && self.fill() {}
    }

    fn write(&mut self, kind: &[u8], fields: &[(i32, &[u8])]) {
        let now_ns = now_ns();
        let mut buffer = [0; MESSAGE_BYTES_MAX];
        let mut draft = self.encoder.begin(&mut buffer, kind);
        draft.unsigned(34, self.number).text(49, self.name);
        draft.timestamp(52, now_ns, Precision::Milliseconds);
        draft.text(56, b"EXCHANGE");
        for (tag, value) in fields {
            draft.text(*tag, value);
        }
        if !matches!(kind, b"A" | b"5") {
            draft.timestamp(60, now_ns, Precision::Milliseconds);
        }
        let message = draft.finish().expect("it fits");
        self.outgoing.extend_from_slice(message);
        self.number += 1;
    }

    /// A limit order that may trade with its own account (7928 = 0).
    pub fn enter(&mut self, id: &[u8], side: u8, quantity: &[u8], price: &[u8], time: u8) {
        let fields: [(i32, &[u8]); 8] = [
            (11, id),
            (55, b"BTC-USD"),
            (54, &[side]),
            (38, quantity),
            (40, b"2"),
            (44, price),
            (59, &[time]),
            (7928, b"0"),
        ];
        self.write(b"D", &fields);
    }

    pub fn cancel(&mut self, id: &[u8], original: &[u8], side: u8) {
        let fields: [(i32, &[u8]); 4] = [(11, id), (41, original), (55, b"BTC-USD"), (54, &[side])];
        self.write(b"F", &fields);
    }

    pub fn outgoing_bytes(&self) -> usize {
        self.outgoing.len() - self.sent
    }

    /// Sends what the socket takes.
    pub fn flush(&mut self) {
        while self.sent < self.outgoing.len() {
            match self.stream.write(&self.outgoing[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("expected a server that reads, received {error}"),
            }
        }
        self.outgoing.clear();
        self.sent = 0;
    }

    /// Takes what has come; whether anything has.
    pub fn fill(&mut self) -> bool {
        self.received.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        match self.stream.read(&mut self.received[self.end..]) {
            Ok(0) => self.is_ended = true,
            Ok(count) => self.end += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => self.is_ended = true,
            Err(error) => panic!("expected a server that goes on, received {error}"),
        }
        // Before the Logon is answered, and after the Logout, it may end.
        let may_end = self.expected == 1 || self.outgoing.is_empty();
        assert!(!self.is_ended || may_end, "expected a server that goes on");
        !self.is_ended && self.end > self.start
    }

    /// The next message, if it is there; it must be of this kind.
    fn next(&mut self, kind: &[u8]) -> Option<ParsedMessage<'_>> {
        let rest = &self.received[self.start..self.end];
        let Frame::Whole(frame) = self.parser.frame(rest) else {
            return None;
        };
        self.start += frame.bytes().len();
        let message = self.parser.parse(frame).expect("it is well formed");
        let text = || message.bytes().escape_ascii().to_string();
        assert_eq!(message.message_type(), kind, "{}", text());
        let number = message.get(34).expect("a number").unsigned();
        assert_eq!(number, Ok(self.expected), "{}", text());
        self.expected += 1;
        Some(message)
    }

    pub fn next_report(&mut self) -> Option<Report<'_>> {
        self.next(b"8").map(Report)
    }
}
