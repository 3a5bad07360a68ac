//! QuickFIX's acceptance scripts, all of them, over TCP against an acceptor of this crate that echoes.
//!
//! A script's lines: `iCONNECT`, `iDISCONNECT` and `I…` are ours, `eDISCONNECT` and `E…` are to come, in their order; `I1,` names one of several connections.
//! Expected messages are compared field by field in order, those of `fields.fmt` by its patterns, all others by their values. Each script has an acceptor of its own; `PROOFBOOK_SCRIPT`
//! names a single one. Time passes for the acceptor only while a script waits and nothing has come, so that a busy machine changes nothing.

mod common;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use common::acceptor::{Acceptor, Clock};
use common::readable;
use proofbook_fix::{Frame, Kernel, SIMDMessageParser, Version};
use proofbook_session::{Identity, Settings};
use proofbook_testkit::files::data;

/// How long a message or an end is waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// When nothing has come for so long, the acceptor is let go on.
const LOOK: Duration = Duration::from_millis(20);

/// Scripts that run at once.
const WORKERS: usize = 24;

/// The patterns of `fields.fmt`: digits (`\d{n}`), a class of one character (`[.]`), other characters; alternatives.
struct Patterns(BTreeMap<String, Vec<String>>);

impl Patterns {
    fn read(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let alternatives = |pattern: &str| pattern.split('|').map(str::to_owned).collect();
        Patterns(
            lines
                .map(|(tag, pattern)| (tag.to_owned(), alternatives(pattern)))
                .collect(),
        )
    }

    /// Whether a value starts with one of the tag's patterns; `None` where it has none.
    fn allow(&self, tag: &str, value: &str) -> Option<bool> {
        let alternatives = self.0.get(tag)?;
        Some(
            alternatives
                .iter()
                .any(|pattern| starts_with(pattern, value)),
        )
    }
}

fn starts_with(mut pattern: &str, mut value: &str) -> bool {
    while !pattern.is_empty() {
        if let Some(rest) = pattern.strip_prefix(r"\d{") {
            let (count, rest) = rest.split_once('}').expect("a count ends");
            let count: usize = count.parse().expect("a count is a number");
            let Some(digits) = value.get(..count) else {
                return false;
            };
            if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return false;
            }
            (pattern, value) = (rest, &value[count..]);
            continue;
        }
        let (literal, rest) = match pattern.strip_prefix('[') {
            Some(class) => class.split_once(']').expect("a class ends"),
            None => pattern.split_at(1),
        };
        let Some(after) = value.strip_prefix(literal) else {
            return false;
        };
        (pattern, value) = (rest, after);
    }
    true
}

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    clock: Clock,
}

impl Connection {
    fn open(address: SocketAddr, clock: Clock) -> Self {
        let stream = TcpStream::connect(address).expect("the acceptor listens");
        stream.set_read_timeout(Some(LOOK)).expect("not zero");
        stream.set_nodelay(true).expect("TCP has it");
        let received = Vec::new();
        Connection {
            stream,
            received,
            clock,
        }
    }

    /// Reads more; `false` at the end.
    fn more(&mut self) -> Result<bool, String> {
        let (mut bytes, start) = ([0; 4_096], Instant::now());
        loop {
            match self.stream.read(&mut bytes) {
                Ok(count) => {
                    self.received.extend_from_slice(&bytes[..count]);
                    return Ok(count > 0);
                }
                Err(error) => match error.kind() {
                    ErrorKind::ConnectionReset => return Ok(false),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut if start.elapsed() < PATIENCE => {
                        self.clock.wait();
                    }
                    // This process was stopped for a while.
                    ErrorKind::Interrupted => {}
                    _ => return Err(format!("nothing within {PATIENCE:?}: {error}")),
                },
            }
        }
    }

    /// The next message, whose length and sum are right.
    fn message(&mut self) -> Result<String, String> {
        let parser = SIMDMessageParser::new(Kernel::detect());
        loop {
            match parser.frame(&self.received) {
                Frame::Whole(message) => {
                    let text = readable(message.bytes());
                    let length = message.bytes().len();
                    self.received.drain(..length);
                    return Ok(text);
                }
                Frame::Garbled { reason, .. } => return Err(format!("garbled: {reason}")),
                Frame::NeedMore => {}
            }
            if !self.more()? {
                return Err("the connection ended".to_owned());
            }
        }
    }

    fn end(&mut self) -> Result<(), String> {
        while self.received.is_empty() {
            if !self.more()? {
                return Ok(());
            }
        }
        Err(format!(
            "expected the end, received {}",
            readable(&self.received)
        ))
    }
}

struct Script<'p> {
    patterns: &'p Patterns,
    acceptor: Acceptor,
    clock: Clock,
    connections: BTreeMap<String, Connection>,
}

impl Script<'_> {
    fn with_times(&self, text: &str) -> String {
        let mut text = text.to_owned();
        while let Some(start) = text.find("<TIME") {
            let end = start + text[start..].find('>').expect("a time ends");
            let shift = &text[start + "<TIME".len()..end];
            let shift: i64 = if shift.is_empty() {
                0
            } else {
                shift.parse().expect("seconds")
            };
            let seconds = (self.clock.now_ns() / 1_000_000_000) as i64 + shift;
            text.replace_range(start..=end, &common::time_text(seconds));
        }
        text
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let (command, rest) = line.split_at(1);
        let (name, what) = match rest.split_once(',') {
            Some((name, what)) if name.len() == 1 => (name, what),
            _ => ("", rest),
        };
        if (command, what) == ("i", "CONNECT") {
            let connection = Connection::open(self.acceptor.address, self.clock.clone());
            self.connections.insert(name.to_owned(), connection);
            return Ok(());
        }
        let text = self.with_times(&what.replace('\x01', "|"));
        let connection = self.connections.get_mut(name).ok_or("no such connection")?;
        match (command, what) {
            ("i", "DISCONNECT") => {
                self.connections.remove(name);
                Ok(())
            }
            ("e", "DISCONNECT") => connection.end(),
            ("I", _) => {
                let sent = connection.stream.write_all(&common::message(&text));
                sent.map_err(|error| error.to_string())
            }
            ("E", _) => {
                let received = connection.message()?;
                let expected = readable(&common::message(&text));
                compare(self.patterns, &expected, &received)
            }
            _ => Err("expected a command".to_owned()),
        }
    }
}

fn compare(patterns: &Patterns, expected: &str, received: &str) -> Result<(), String> {
    let fields = |text: &str| -> Vec<(String, String)> {
        let fields = text.split_terminator('|');
        fields
            .map(|field| field.split_once('=').expect("a field"))
            .map(|(tag, value)| (tag.to_owned(), value.to_owned()))
            .collect()
    };
    let (wanted, got) = (fields(expected), fields(received));
    let agree = wanted.len() == got.len()
        && wanted
            .iter()
            .zip(&got)
            .all(|((tag, value), (got_tag, got_value))| {
                let by_pattern = patterns.allow(tag, got_value);
                tag == got_tag && by_pattern.unwrap_or(value == got_value)
            });
    if agree {
        return Ok(());
    }
    Err(format!("expected\n  {expected}\nreceived\n  {received}"))
}

/// Whether a script waits for what comes by itself.
fn waits(text: &str) -> bool {
    let is_sent = |line: &str, kind: &str| line.starts_with('E') && line.contains(kind);
    text.lines().any(|line| {
        is_sent(line, "\x0135=1\x01") || is_sent(line, "\x0135=0\x01") && !line.contains("\x01112=")
    })
}

fn run(version: Version, patterns: &Patterns, text: &str) -> Result<(), String> {
    let clock = Clock::new();
    let sender = match version {
        Version::Fix42 => b"TW42",
        Version::Fix44 => b"TW44",
    };
    let identity = Identity::new(version, sender, b"ISLD").expect("names");
    let settings = Settings {
        reset_on_disconnect: true,
        ..Settings::new(identity)
    };
    let mut script = Script {
        patterns,
        acceptor: Acceptor::start(settings, clock.clone()),
        clock,
        connections: BTreeMap::new(),
    };
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        script
            .line(line)
            .map_err(|error| format!("line {}: {error}", index + 1))?;
    }
    Ok(())
}

struct Task {
    name: String,
    version: Version,
    text: String,
}

fn tasks(folder: &Path) -> Vec<Task> {
    let only = std::env::var("PROOFBOOK_SCRIPT").ok();
    let mut tasks = Vec::new();
    for (version, of_version, count) in
        [(Version::Fix42, "fix42", 58), (Version::Fix44, "fix44", 59)]
    {
        let entries = std::fs::read_dir(folder.join(of_version)).expect("scripts of a version");
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.expect("an entry").path())
            .collect();
        paths.sort();
        assert_eq!(paths.len(), count, "scripts of {of_version}");
        for path in paths {
            let stem = path.file_stem().expect("a name").to_string_lossy();
            let name = format!("{of_version}/{stem}");
            let text = std::fs::read_to_string(&path).expect("a script is text");
            if only.as_ref().is_none_or(|only| name.contains(only)) {
                tasks.push(Task {
                    name,
                    version,
                    text,
                });
            }
        }
    }
    // Those that wait take longest.
    tasks.sort_by_key(|task| !waits(&task.text));
    tasks
}

#[test]
fn all_acceptance_scripts_pass() {
    let Some(folder) = data("fix") else { return };
    let patterns = std::fs::read_to_string(folder.join("fields.fmt")).expect("the patterns");
    let patterns = Patterns::read(&patterns);
    let tasks = tasks(&folder);
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = run(task.version, &patterns, &task.text);
                    let mut results = results.lock().expect("no panic before");
                    results.insert(task.name.clone(), result);
                }
            });
        }
    });
    let results = results.into_inner().expect("no panic before");
    assert_eq!(results.len(), tasks.len());
    for (name, result) in &results {
        match result {
            Ok(()) => println!("passed {name}"),
            Err(error) => println!("FAILED {name}: {error}"),
        }
    }
    let failed = results.values().filter(|result| result.is_err()).count();
    assert_eq!(failed, 0, "of {} scripts", results.len());
}
