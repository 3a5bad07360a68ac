//! One FIX session over TCP, in two halves, of which each can be used from a thread of its own: what is to be sent is sent as far as the socket takes it, what has come
//! is taken. Neither waits, unless the session is told to. Programs beside this one include the file as it is; what is said and heard here is theirs.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proofbook_fix::{
    Frame, Kernel, MessageEncoder, ParsedMessage, Precision, SIMDMessageParser, Version,
};

/// A server may not have seen the end of an earlier connection yet: so often a Logon is tried.
const TRIES: u32 = 500;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(120);
const RECEIVED_BYTES_MAX: usize = 1 << 18;
const MESSAGE_BYTES_MAX: usize = 512;

/// A session that is logged on.
pub struct Client {
    pub outgoing: Outgoing,
    pub incoming: Incoming,
}

/// What is sent.
pub struct Outgoing {
    name: Vec<u8>,
    stream: TcpStream,
    encoder: MessageEncoder,
    bytes: Vec<u8>,
    sent: usize,
    number: u64,
}

/// What comes.
pub struct Incoming {
    stream: TcpStream,
    parser: SIMDMessageParser,
    received: Box<[u8]>,
    /// What was received and not taken is from here,
    start: usize,
    /// to here.
    end: usize,
    expected: u64,
    is_ended: bool,
    /// Whether the server may end the connection: before the Logon is answered, and after the Logout.
    may_end: bool,
}

pub fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("it is after 1970").as_nanos() as u64
}

impl Client {
    /// Logs on, with numbers that start again.
    pub fn on(address: SocketAddr, name: &[u8]) -> Self {
        for _ in 0..TRIES {
            if let Some(client) = Client::try_on(address, name) {
                return client;
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
        panic!("expected a Logon of {address}, received none in {TRIES} tries");
    }

    fn try_on(address: SocketAddr, name: &[u8]) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_nodelay(true).expect("TCP has it");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        let mut client = Client {
            outgoing: Outgoing {
                name: name.to_vec(),
                stream: stream.try_clone().expect("there is a descriptor left"),
                encoder: MessageEncoder::new(Kernel::detect(), Version::Fix44),
                bytes: Vec::new(),
                sent: 0,
                number: 1,
            },
            incoming: Incoming {
                stream,
                parser: SIMDMessageParser::new(Kernel::detect()),
                received: vec![0; RECEIVED_BYTES_MAX].into_boxed_slice(),
                start: 0,
                end: 0,
                expected: 1,
                is_ended: false,
                may_end: true,
            },
        };
        let fields: [(i32, &[u8]); 3] = [(98, b"0"), (108, b"120"), (141, b"Y")];
        client.outgoing.write(b"A", &fields);
        client.outgoing.flush();
        while client.incoming.next(&[b"A"]).is_none() {
            if !client.incoming.fill() {
                return None;
            }
        }
        client.incoming.may_end = false;
        client.wait(false);
        Some(client)
    }

    /// Whether both halves wait for the socket from now on.
    pub fn wait(&self, is_waiting: bool) {
        let stream = &self.incoming.stream;
        stream.set_nonblocking(!is_waiting).expect("a socket");
    }
}

impl Outgoing {
    /// Writes a message to be sent; how many bytes wait for that.
    pub fn write(&mut self, kind: &[u8], fields: &[(i32, &[u8])]) -> usize {
        let now_ns = now_ns();
        let mut buffer = [0; MESSAGE_BYTES_MAX];
        let mut draft = self.encoder.begin(&mut buffer, kind);
        draft.unsigned(34, self.number).text(49, &self.name);
        draft.timestamp(52, now_ns, Precision::Milliseconds);
        draft.text(56, b"EXCHANGE");
        for (tag, value) in fields {
            draft.text(*tag, value);
        }
        if matches!(kind, b"D" | b"F") {
            draft.timestamp(60, now_ns, Precision::Milliseconds);
        }
        let message = draft.finish().expect("it fits");
        self.bytes.extend_from_slice(message);
        self.number += 1;
        self.bytes.len() - self.sent
    }

    /// Says that nothing more comes.
    pub fn log_out(&mut self) {
        self.write(b"5", &[]);
        self.flush();
    }

    /// Sends what the socket takes.
    pub fn flush(&mut self) {
        while self.sent < self.bytes.len() {
            match self.stream.write(&self.bytes[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("expected a server that reads, received {error}"),
            }
        }
        self.bytes.clear();
        self.sent = 0;
    }
}

impl Incoming {
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
        assert!(
            !self.is_ended || self.may_end,
            "expected a server that goes on"
        );
        !self.is_ended && self.end > self.start
    }

    /// The next message, if it is there; it must be of one of these kinds.
    pub fn next(&mut self, kinds: &[&[u8]]) -> Option<ParsedMessage<'_>> {
        let rest = &self.received[self.start..self.end];
        let Frame::Whole(frame) = self.parser.frame(rest) else {
            return None;
        };
        self.start += frame.bytes().len();
        let message = self.parser.parse(frame).expect("it is well formed");
        let text = || message.bytes().escape_ascii().to_string();
        let kind = message.message_type();
        assert!(
            kinds.contains(&kind),
            "expected a message of kind {}, received {}",
            kinds.join(&b'/').escape_ascii(),
            text()
        );
        let number = message.get(34).expect("a number").unsigned();
        assert_eq!(number, Ok(self.expected), "{}", text());
        self.expected += 1;
        Some(message)
    }

    /// Waits until the server, which was told that nothing more comes, has ended the connection.
    pub fn end(mut self) {
        self.may_end = true;
        while !self.is_ended && self.fill() {
            while self.next(&[b"5"]).is_some() {}
        }
    }
}
