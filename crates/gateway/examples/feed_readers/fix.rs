//! Readers of market data over FIX: each asks for the book and the trades, and reads until the server answers its Logout.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use proofbook_fix::ParsedMessage;

use crate::client::{now_ns, Client, Incoming};
use crate::{End, Row, Rows, PATIENCE};

const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Subscribe (263=1) to all levels (264=0) as updates (265=1): bids, offers and trades.
const REQUEST: [(i32, &[u8]); 9] = [
    (262, b"1"),
    (263, b"1"),
    (264, b"0"),
    (265, b"1"),
    (267, b"3"),
    (269, b"0"),
    (269, b"1"),
    (269, b"2"),
    (146, b"1"),
];

pub fn run(address: SocketAddr, count: usize, mut end: End) -> Rows {
    let (mut outgoing, mut incoming) = (Vec::new(), Vec::new());
    for reader in 1..=count {
        let mut client = Client::on(address, format!("READER{reader}").as_bytes());
        client.wait(true);
        let fields: Vec<(i32, &[u8])> = [&REQUEST[..], &[(55, b"BTC-USD")]].concat();
        client.outgoing.write(b"V", &fields);
        client.outgoing.flush();
        outgoing.push(client.outgoing);
        incoming.push(client.incoming);
    }
    let told: Vec<AtomicU64> = (0..count).map(|_| AtomicU64::new(0)).collect();
    let (snapshots, shown) = mpsc::channel();
    let mut all = Rows::default();
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for (reader, (incoming, told)) in incoming.into_iter().zip(&told).enumerate() {
            let snapshots = snapshots.clone();
            threads.push(scope.spawn(move || take(reader, incoming, told, &snapshots)));
        }
        for _ in 0..count {
            shown.recv_timeout(PATIENCE).expect("a snapshot each");
        }
        crate::say_ready();
        // Relaxed: the numbers alone matter, rows come by the threads' ends.
        let has = |entry| {
            told.iter()
                .all(|told| told.load(Ordering::Relaxed) >= entry)
        };
        while !end.entry().is_some_and(has) {
            std::thread::sleep(LOOK_EVERY);
        }
        for outgoing in &mut outgoing {
            outgoing.log_out();
        }
        for thread in threads {
            let rows = thread.join().expect("data as they should be");
            rows.0.into_iter().for_each(|row| all.push(row));
        }
    });
    all
}

/// The entry of the last trade in a message, which is before the dash of its id (278).
fn last_trade(message: &ParsedMessage<'_>) -> Option<u64> {
    let ids = message.fields().filter(|field| field.tag == 278);
    let text = ids.last()?.text().expect("an id is a text");
    let entry = text.split('-').next().and_then(|entry| entry.parse().ok());
    Some(entry.unwrap_or_else(|| panic!("expected ENTRY-NUMBER in tag 278, received {text:?}")))
}

/// Reads until the Logout is answered.
fn take(
    reader: usize,
    mut incoming: Incoming,
    told: &AtomicU64,
    snapshots: &mpsc::Sender<()>,
) -> Rows {
    let mut rows = Rows::default();
    loop {
        assert!(incoming.fill(), "expected data, received none in time");
        let received_ns = now_ns();
        while let Some(message) = incoming.next(&[b"W", b"X", b"5"]) {
            let kind = message.message_type();
            if kind == b"5" {
                incoming.end();
                return rows;
            }
            let entry = last_trade(&message).unwrap_or(0);
            let sequence = message.require(34).and_then(|field| field.unsigned());
            let is_snapshot = kind == b"W";
            if is_snapshot && rows.0.is_empty() {
                snapshots.send(()).expect("somebody waits for it");
            }
            rows.push(Row {
                received_ns,
                reader,
                entry,
                sequence: sequence.expect("it was checked"),
                is_snapshot,
                bytes: message.bytes().len(),
            });
            if entry > 0 {
                told.store(entry, Ordering::Relaxed);
            }
        }
    }
}
