//! A FIX client over TCP, and the server as a process of its own. The client checks every message against the dictionary, and that numbers rise without gaps; it asks
//! for what it missed, and sends again what the server missed.
#![allow(dead_code)] // each test needs some

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proofbook_fix::{
    validate, Frame, Kernel, MessageEncoder, Precision, SIMDMessageParser, UserFields, Version,
};
pub use proofbook_testkit::files::Temporary;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// How long a message is waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// The longest heartbeat that may be asked for, since a client may be silent for long on a busy machine.
const LOGON: &str = "98=0 108=120";

/// The binary `serve`, as a process. It is killed (by signal 9) when this goes.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_serve"))
            .arg(folder)
            .arg("0")
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let output = child.stdout.take().expect("it is piped");
        let mut line = String::new();
        let read = BufReader::new(output).read_line(&mut line);
        read.expect("the server says its address");
        let address = line.trim().parse().expect("an address");
        Server { child, address }
    }

    /// What it says where it does not start.
    pub fn refusal(folder: &Path) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_serve"));
        let output = command.arg(folder).arg("0").output();
        let output = output.expect("the server starts");
        assert!(!output.status.success());
        String::from_utf8(output.stderr).expect("a text")
    }

    pub fn kill(mut self) {
        self.end();
    }

    /// Sends it a signal by name; it has not ended then.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("there is a kill").success());
    }

    /// Waits for its end; whether it ended by itself and without an error.
    pub fn ends_well(mut self) -> bool {
        self.child.wait().expect("it is ours").success()
    }

    fn end(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// A message, field by field.
#[derive(Clone, Debug)]
pub struct Message(Vec<(i32, String)>);

impl Message {
    pub fn get(&self, tag: i32) -> &str {
        self.find(tag).unwrap_or("")
    }

    pub fn find(&self, tag: i32) -> Option<&str> {
        let field = self.0.iter().find(|(number, _)| *number == tag)?;
        Some(&field.1)
    }

    /// The values of a tag that stands in each entry of a group.
    pub fn all(&self, tag: i32) -> Vec<&str> {
        let fields = self.0.iter().filter(|(number, _)| *number == tag);
        fields.map(|(_, value)| value.as_str()).collect()
    }

    pub fn number(&self, tag: i32) -> u64 {
        self.get(tag).parse().expect("a number")
    }

    /// Asserts fields, written `tag=value` with spaces between; a tag without a value must not be there.
    #[track_caller]
    pub fn has(&self, fields: &str) -> &Self {
        for field in fields.split_whitespace() {
            let (tag, value) = field.split_once('=').expect("tag=value");
            let tag = tag.parse().expect("a tag");
            assert_eq!(self.get(tag), value, "tag {tag} of {self:?}");
        }
        self
    }
}

/// A client's connection.
enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Read for Wire {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.read(room),
            Wire::Tls(stream) => stream.read(room),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.write(bytes),
            Wire::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Wire::Plain(stream) => stream.flush(),
            Wire::Tls(stream) => stream.flush(),
        }
    }
}

struct Sent {
    number: u64,
    kind: String,
    fields: Vec<(i32, String)>,
    time_ns: u64,
}

/// A client's side of a session, through any number of connections.
pub struct Client {
    name: &'static str,
    version: Version,
    stream: Option<Wire>,
    /// With this it speaks TLS.
    pub tls: Option<Arc<ClientConfig>>,
    encoder: MessageEncoder,
    parser: SIMDMessageParser,
    received: Vec<u8>,
    outgoing: u64,
    expected: u64,
    sent: Vec<Sent>,
    gap_until: u64,
    /// ResendRequests that the server sent.
    pub resends: u32,
}

pub fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("it is after 1970").as_nanos() as u64
}

impl Client {
    pub fn new(name: &'static str, version: Version) -> Self {
        Client {
            name,
            version,
            stream: None,
            tls: None,
            encoder: MessageEncoder::new(Kernel::detect(), version),
            parser: SIMDMessageParser::new(Kernel::detect()),
            received: Vec::new(),
            outgoing: 1,
            expected: 1,
            sent: Vec::new(),
            gap_until: 0,
            resends: 0,
        }
    }

    /// A client that has logged on.
    pub fn on(server: &Server, name: &'static str, version: Version) -> Self {
        let mut client = Client::new(name, version);
        client.log_on(server.address);
        client
    }

    /// Logs on. The server may not have seen the end of an earlier connection yet, and takes no second one: then it is tried again.
    pub fn log_on(&mut self, address: SocketAddr) {
        for _ in 0..200 {
            self.connect(address);
            self.send("A", LOGON);
            if let Some(reply) = self.any() {
                assert_eq!(reply.get(35), "A", "{reply:?}");
                return;
            }
            self.outgoing -= 1;
            self.sent.pop();
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{} cannot log on", self.name);
    }

    /// Logs on with numbers that start again.
    pub fn log_on_anew(&mut self, address: SocketAddr) {
        (self.outgoing, self.expected) = (1, 1);
        self.sent.clear();
        self.connect(address);
        self.send("A", &format!("{LOGON} 141=Y"));
        let reply = self.any().expect("a Logon");
        reply.has("35=A 141=Y 34=1");
    }

    pub fn connect(&mut self, address: SocketAddr) {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        stream.set_nodelay(true).expect("TCP has it");
        self.received.clear();
        self.gap_until = 0;
        self.stream = Some(match &self.tls {
            None => Wire::Plain(stream),
            Some(config) => {
                let name = ServerName::try_from("localhost").expect("a name");
                let connection = ClientConnection::new(config.clone(), name);
                let connection = connection.expect("a right configuration");
                Wire::Tls(Box::new(StreamOwned::new(connection, stream)))
            }
        });
    }

    pub fn drop_connection(&mut self) {
        self.stream = None;
    }

    pub fn log_out(&mut self) {
        self.send("5", "");
        while let Some(message) = self.any() {
            assert_eq!(message.get(35), "5", "{message:?}");
        }
        self.stream = None;
    }

    /// Sends fields, written `tag=value` with spaces between.
    pub fn send(&mut self, kind: &str, fields: &str) {
        let fields = fields.split_whitespace().map(|field| {
            let (tag, value) = field.split_once('=').expect("tag=value");
            (tag.parse().expect("a tag"), value.to_owned())
        });
        let sent = Sent {
            number: self.outgoing,
            kind: kind.to_owned(),
            fields: fields.collect(),
            time_ns: now_ns(),
        };
        self.outgoing += 1;
        self.write(&sent, false);
        self.sent.push(sent);
    }

    /// A request with the time that it must have.
    pub fn ask(&mut self, kind: &str, fields: &str) {
        self.send(kind, &format!("{fields} 60=20260101-00:00:00"));
    }

    fn write(&mut self, sent: &Sent, is_duplicate: bool) {
        let mut buffer = vec![0; 4_096];
        let mut draft = self.encoder.begin(&mut buffer, sent.kind.as_bytes());
        draft.unsigned(34, sent.number);
        if is_duplicate {
            draft.flag(43, true);
        }
        draft.text(49, self.name.as_bytes());
        draft.timestamp(52, now_ns(), Precision::Milliseconds);
        draft.text(56, b"EXCHANGE");
        if is_duplicate {
            draft.timestamp(122, sent.time_ns, Precision::Milliseconds);
        }
        for (tag, value) in &sent.fields {
            draft.text(*tag, value.as_bytes());
        }
        let bytes = draft.finish().expect("it fits");
        let stream = self.stream.as_mut().expect("a connection");
        // The server may be killed while this is sent: then it is sent again later.
        let _ = stream.write_all(bytes);
    }

    fn send_again(&mut self, from: u64) {
        self.resends += 1;
        let sent = std::mem::take(&mut self.sent);
        for message in sent.iter().filter(|message| message.number >= from) {
            let is_administrative = matches!(message.kind.as_str(), "0" | "1" | "2" | "5" | "A");
            let fill = Sent {
                number: message.number,
                kind: "4".to_owned(),
                fields: vec![
                    (123, "Y".to_owned()),
                    (36, (message.number + 1).to_string()),
                ],
                time_ns: message.time_ns,
            };
            self.write(if is_administrative { &fill } else { message }, true);
        }
        self.sent = sent;
    }

    /// Asks for messages that it has, and takes them once more.
    pub fn ask_again_from(&mut self, number: u64) {
        self.send("2", &format!("7={number} 16=0"));
        self.expected = number;
    }

    /// The next whole message of the connection, or none at its end.
    fn read(&mut self) -> Option<Message> {
        loop {
            match self.parser.frame(&self.received) {
                Frame::NeedMore => {}
                Frame::Garbled { reason, .. } => panic!("garbled: {reason}"),
                Frame::Whole(frame) => {
                    let length = frame.bytes().len();
                    let message = self.parser.parse(frame).expect("it is well formed");
                    let dictionary = self.version.dictionary();
                    let valid = validate(dictionary, &message, UserFields::Refused);
                    let text = String::from_utf8_lossy(message.bytes()).replace('\x01', "|");
                    assert!(valid.is_ok(), "{valid:?} of {text}");
                    let fields = message.fields();
                    let fields = fields.map(|field| {
                        let value = String::from_utf8_lossy(field.value);
                        (field.tag, value.into_owned())
                    });
                    let message = Message(fields.collect());
                    self.received.drain(..length);
                    return Some(message);
                }
            }
            let mut bytes = [0; 65_536];
            let stream = self.stream.as_mut().expect("a connection");
            match stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.received.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                // This process was stopped for a while.
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => panic!("{}: nothing within {PATIENCE:?}: {error}", self.name),
            }
        }
    }

    /// The next message in the order of its number, of any kind; gaps are filled first.
    pub fn any(&mut self) -> Option<Message> {
        loop {
            let message = self.read()?;
            let number = message.number(34);
            let is_duplicate = message.find(43) == Some("Y");
            if message.get(35) == "2" {
                self.send_again(message.number(7));
            }
            if number > self.expected && self.gap_until == 0 {
                self.gap_until = number;
                let from = self.expected;
                self.send("2", &format!("7={from} 16=0"));
            }
            if number > self.expected {
                // It comes again with what is missing; a Logon alone is never sent again.
                if message.get(35) == "A" {
                    return Some(message);
                }
                continue;
            }
            assert!(
                number == self.expected || is_duplicate,
                "too low: {message:?}"
            );
            if number < self.expected {
                continue;
            }
            self.expected += 1;
            if message.get(35) == "4" {
                self.expected = message.number(36);
                continue;
            }
            return Some(message);
        }
    }

    /// The next message of the application, or none at the end of the connection.
    pub fn try_next(&mut self) -> Option<Message> {
        loop {
            let message = self.any()?;
            if !matches!(message.get(35), "0" | "1" | "2" | "A") {
                return Some(message);
            }
        }
    }

    #[track_caller]
    pub fn next(&mut self) -> Message {
        self.try_next().expect("a message, and not the end")
    }

    /// What waits for this client: all messages of the application before the answers to tests.
    pub fn rest(&mut self) -> Vec<Message> {
        let mut rest = Vec::new();
        // Requests of the turn before are answered by the second test.
        for test in ["FIRST", "SECOND"] {
            self.send("1", &format!("112={test}"));
            loop {
                let message = self.any().expect("an answer to a test");
                match message.get(35) {
                    "0" if message.get(112) == test => break,
                    "0" | "1" | "2" | "A" => {}
                    _ => rest.push(message),
                }
            }
        }
        rest
    }

    /// Asserts that nothing waits for this client.
    #[track_caller]
    pub fn has_nothing(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "{rest:?}");
    }
}
