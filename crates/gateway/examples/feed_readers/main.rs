//! Readers of a market's public data, as cheap as they can be, so that what is measured is not them: each message's arrival is noted with the place in the log and in
//! the stream that it names, and that none is missing is checked. Nothing else is done with it.
//!
//! `feed_readers KIND ADDRESS COUNT FILE`, where KIND is
//! - `web`: WebSockets that subscribe to the book of BTC-USD, all in one thread. What the first of them is sent is in FILE.texts too, a message a line, for others to check;
//! - `fix`: sessions `READER1` and so on, which ask for book and trades of BTC-USD, each in a thread of its own. The place in the log is known of trades alone there.
//!
//! It says `ready` once each reader has a snapshot, and is told on standard input `end ENTRY`. It ends when each reader has what came of that entry, or fails if that
//! takes too long. Then FILE has a row for each message: nanoseconds since 1970, the reader, the entry (0 where none is named), the sequence, 1 for a snapshot, bytes;
//! each 8 bytes, little-endian.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::{Duration, Instant};

#[path = "../order_load/client.rs"]
mod client;
mod fix;
mod web;

/// Nobody is waited for longer than this: at the start, for the word to end, and after it.
const PATIENCE: Duration = Duration::from_secs(120);
const ROWS_MAX: usize = 8_000_000;

/// What was noted of a message.
struct Row {
    received_ns: u64,
    reader: usize,
    entry: u64,
    sequence: u64,
    is_snapshot: bool,
    bytes: usize,
}

#[derive(Default)]
struct Rows(Vec<Row>);

impl Rows {
    fn push(&mut self, row: Row) {
        assert!(
            self.0.len() < ROWS_MAX,
            "expected at most {ROWS_MAX} messages"
        );
        self.0.push(row);
    }

    fn bytes(&self) -> Vec<u8> {
        let values = self.0.iter().flat_map(|row| {
            let is_snapshot = u64::from(row.is_snapshot);
            let numbers = [row.reader, row.bytes].map(|number| number as u64);
            let [reader, bytes] = numbers;
            [
                row.received_ns,
                reader,
                row.entry,
                row.sequence,
                is_snapshot,
                bytes,
            ]
        });
        values.flat_map(u64::to_le_bytes).collect()
    }
}

/// The word to end, once it has come; and that nothing takes too long.
struct End {
    words: Receiver<u64>,
    entry: Option<u64>,
    since: Instant,
}

impl End {
    fn new() -> Self {
        let (sender, words) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = std::io::stdin().read_line(&mut line);
            let entry = line.trim().strip_prefix("end ").map(str::parse);
            if let (Ok(_), Some(Ok(entry))) = (read, entry) {
                // Whoever does not listen any more has failed.
                let _ = sender.send(entry);
            }
        });
        End {
            words,
            entry: None,
            since: Instant::now(),
        }
    }

    /// The entry with which all is told, if it is known.
    fn entry(&mut self) -> Option<u64> {
        assert!(
            self.since.elapsed() < PATIENCE,
            "expected all readers to have what came of entry {:?} within {PATIENCE:?}",
            self.entry
        );
        if self.entry.is_none() {
            match self.words.try_recv() {
                Ok(entry) => (self.entry, self.since) = (Some(entry), Instant::now()),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => panic!("expected the line `end ENTRY`"),
            }
        }
        self.entry
    }
}

/// Says that each reader has a snapshot.
fn say_ready() {
    println!("ready");
}

fn read<T: FromStr>(text: &str, name: &str) -> T {
    text.parse()
        .unwrap_or_else(|_| panic!("expected {name}, received {text:?}"))
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [kind, address, count, file] = words[..] else {
        panic!("expected KIND ADDRESS COUNT FILE, received {words:?}");
    };
    let address: SocketAddr = read(address, "ADDRESS");
    let count: usize = read(count, "COUNT");
    let rows = match kind {
        "web" => {
            let (rows, texts) = web::run(address, count, End::new());
            std::fs::write(format!("{file}.texts"), texts).expect("a file that can be written");
            rows
        }
        "fix" => fix::run(address, count, End::new()),
        other => panic!("expected web or fix, received {other:?}"),
    };
    std::fs::write(file, rows.bytes()).expect("a file that can be written");
}
