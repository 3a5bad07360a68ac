//! Readers of the stream, all in one thread: WebSocket (RFC 6455) as far as a server's texts need it. Of a message only the numbers at its head are looked at.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::client::now_ns;
use crate::{End, Row, Rows, PATIENCE};

/// The example of RFC 6455, section 1.3: a key, and what a server that speaks the protocol makes of it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const SUBSCRIBE: &[u8] = br#"{"op":"subscribe","channel":"book","market":"BTC-USD"}"#;

const FRAME_BYTES_MAX: usize = 1 << 20;
const TEXTS_BYTES_MAX: usize = 1 << 28;
/// The numbers of a message are in its first bytes, before the levels.
const HEAD_BYTES: usize = 256;
const ANSWER_BYTES_MAX: usize = 4096;
const EVENTS_MAX: usize = 1024;
const LOOK_EVERY: Duration = Duration::from_millis(50);

struct Reader {
    stream: TcpStream,
    /// The beginning of a frame whose end has not come.
    rest: Vec<u8>,
    /// The last message's, once there was one.
    sequence: Option<u64>,
    entry: u64,
}

/// A whole frame.
struct Frame<'b> {
    kind: u8,
    payload: &'b [u8],
    bytes: usize,
}

/// The frame at the start of these bytes, if it is whole.
fn frame(bytes: &[u8]) -> Option<Frame<'_>> {
    let [first, second, ..] = *bytes else {
        return None;
    };
    assert!(
        first & 0xf0 == 0x80 && second & 0x80 == 0,
        "expected a whole message, unmasked, received a frame that begins with {first:#x} {second:#x}"
    );
    let (start, length) = match second {
        126 => (
            4,
            u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into(),
        ),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        short => (2, u64::from(short)),
    };
    let length = usize::try_from(length).expect("a length of this machine");
    assert!(
        length <= FRAME_BYTES_MAX,
        "expected a frame of at most {FRAME_BYTES_MAX} bytes, received {length}"
    );
    Some(Frame {
        kind: first & 0x0f,
        payload: bytes.get(start..start + length)?,
        bytes: start + length,
    })
}

/// A short frame of a client, whose mask is zeros.
fn masked(kind: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126, "a short message");
    let mut bytes = vec![0x80 | kind, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    bytes.extend_from_slice(payload);
    bytes
}

/// The number behind a name in a message's head.
fn number(text: &[u8], name: &str) -> u64 {
    let head = &text[..text.len().min(HEAD_BYTES)];
    let place = head
        .windows(name.len())
        .position(|at| at == name.as_bytes());
    let digits = place.map(|place| &head[place + name.len()..]);
    let digits = digits.and_then(|digits| digits.split(|byte| !byte.is_ascii_digit()).next());
    let number = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    number.unwrap_or_else(|| panic!("expected {name} and a number in {}", head.escape_ascii()))
}

impl Reader {
    fn connect(address: SocketAddr) -> Self {
        let mut stream = std::net::TcpStream::connect(address).expect("a server that listens");
        stream.set_nodelay(true).expect("TCP has it");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        let head = format!(
            "GET /api/v1/stream HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream
            .write_all(head.as_bytes())
            .expect("a server that reads");
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\n") && answer.len() < ANSWER_BYTES_MAX {
            stream.read_exact(&mut byte).expect("an answer");
            answer.push(byte[0]);
        }
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.starts_with("HTTP/1.1 101 ") && answer.contains(ACCEPT),
            "expected a WebSocket, received {answer}"
        );
        let subscribe = masked(1, SUBSCRIBE);
        stream.write_all(&subscribe).expect("a server that reads");
        stream.set_nonblocking(true).expect("a socket");
        Reader {
            stream: TcpStream::from_std(stream),
            rest: Vec::new(),
            sequence: None,
            entry: 0,
        }
    }

    /// Takes all that the socket has, by a buffer that readers share.
    fn take(&mut self, place: usize, buffer: &mut [u8], rows: &mut Rows, texts: &mut Vec<u8>) {
        loop {
            let before = self.rest.len();
            let count = match self.stream.read(&mut buffer[before..]) {
                Ok(0) => panic!("expected a server that goes on"),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("expected a server that goes on, received {error}"),
            };
            let received_ns = now_ns();
            buffer[..before].copy_from_slice(&self.rest);
            let end = before + count;
            let mut start = 0;
            while let Some(frame) = frame(&buffer[start..end]) {
                start += frame.bytes;
                self.hear(&frame, place, received_ns, rows, texts);
            }
            self.rest.clear();
            self.rest.extend_from_slice(&buffer[start..end]);
            // What is told of a socket is told once; with less than there was room for, it is empty (epoll(7)).
            if end < buffer.len() {
                return;
            }
        }
    }

    fn hear(
        &mut self,
        frame: &Frame<'_>,
        place: usize,
        received_ns: u64,
        rows: &mut Rows,
        texts: &mut Vec<u8>,
    ) {
        let text = frame.payload;
        match frame.kind {
            1 => {}
            9 => {
                let pong = masked(10, text);
                self.stream.write_all(&pong).expect("room for a few bytes");
                return;
            }
            kind => panic!("expected a text, received {kind}: {}", text.escape_ascii()),
        }
        let is_snapshot = text.starts_with(br#"{"channel":"book","type":"snapshot""#);
        if !is_snapshot && !text.starts_with(br#"{"channel":"book","type":"delta""#) {
            let is_answer = text.starts_with(br#"{"id":null,"result":"#);
            assert!(
                is_answer,
                "expected a book, received {}",
                text.escape_ascii()
            );
            return;
        }
        let sequence = number(text, "\"sequence\":");
        if !is_snapshot {
            let previous = Some(number(text, "\"previous\":"));
            assert_eq!(previous, self.sequence, "what a delta follows");
        }
        self.sequence = Some(sequence);
        self.entry = number(text, "\"entry\":");
        if place == 0 {
            assert!(texts.len() < TEXTS_BYTES_MAX, "expected fewer messages");
            texts.extend_from_slice(text);
            texts.push(b'\n');
        }
        rows.push(Row {
            received_ns,
            reader: place,
            entry: self.entry,
            sequence,
            is_snapshot,
            bytes: frame.bytes,
        });
    }
}

/// All messages, and the texts of the first reader's.
pub fn run(address: SocketAddr, count: usize, mut end: End) -> (Rows, Vec<u8>) {
    let mut poll = Poll::new().expect("there is a descriptor left");
    let mut readers: Vec<Reader> = (0..count).map(|_| Reader::connect(address)).collect();
    for (place, reader) in readers.iter_mut().enumerate() {
        let registry = poll.registry();
        let registered = registry.register(&mut reader.stream, Token(place), Interest::READABLE);
        registered.expect("a socket");
    }
    let (mut rows, mut texts) = (Rows::default(), Vec::new());
    let mut buffer = vec![0; 2 * FRAME_BYTES_MAX];
    let mut events = Events::with_capacity(EVENTS_MAX);
    let mut is_ready = false;
    loop {
        poll.poll(&mut events, Some(LOOK_EVERY)).expect("it waits");
        for event in &events {
            let Token(place) = event.token();
            readers[place].take(place, &mut buffer, &mut rows, &mut texts);
        }
        if !is_ready && readers.iter().all(|reader| reader.sequence.is_some()) {
            crate::say_ready();
            is_ready = true;
        }
        let has = |entry| readers.iter().all(|reader| reader.entry >= entry);
        if end.entry().is_some_and(has) && is_ready {
            return (rows, texts);
        }
    }
}
