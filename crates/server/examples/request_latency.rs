//! Requests a second through a server, and the time from a request to its answer, of one thread in the same process. `request_latency [REQUESTS]`.
//!
//! Two runs each: nothing synced, and one sync of the log for each turn. First one request is out at a time, then up to 256 are. Orders rest and are cancelled in
//! turn, so that the book stays small. Requests and answers are JSON; each answer is checked: its ticket, its one report, and that entries go up by one. The thread
//! asks for messages without pause while it waits.

use std::path::Path;
use std::time::Instant;

use proofbook_server::Server;
use serde_json::{json, Value};

/// Requests that are out at a time, at most.
const WINDOWS: [usize; 2] = [1, 256];
const REQUESTS: usize = 100_000;

fn config(folder: &Path, sync: &str) -> Value {
    json!({
        "folder": folder.to_str(), "fix": null, "sync": sync,
        "assets": [{"symbol": "BTC", "decimals": 8}, {"symbol": "USD", "decimals": 6}],
        "markets": [{
            "symbol": "BTC-USD", "base": "BTC", "quote": "USD", "price_decimals": 2,
            "quantity_decimals": 3, "state": "continuous",
        }],
        "accounts": [{"deposits": {"USD": "1000000"}}],
    })
}

/// The odd requests enter orders, the even ones cancel them.
fn request(number: usize) -> Vec<u8> {
    let request = match number % 2 {
        1 => json!({
            "action": "new", "account": 1, "client_id": number.to_string(), "market": "BTC-USD",
            "side": "buy", "kind": "limit", "quantity": "0.001", "price": "1.00",
        }),
        _ => json!({
            "action": "cancel", "account": 1, "original_id": (number - 1).to_string(),
        }),
    };
    request.to_string().into_bytes()
}

struct Sent {
    ticket: u64,
    request: usize,
    at: Instant,
}

/// Checks an answer; its entry.
fn check(message: &[u8], sent: &Sent) -> u64 {
    let answer: Value = serde_json::from_slice(message).expect("messages are JSON");
    assert_eq!(answer["ticket"], sent.ticket, "{answer}");
    let expected = if sent.request % 2 == 1 {
        "new"
    } else {
        "cancelled"
    };
    assert_eq!(answer["reports"][0]["execution"], expected, "{answer}");
    answer["entry"].as_u64().expect("a number")
}

/// Answers of these requests, in order; the time that each took.
fn measure(server: &Server, requests: std::ops::Range<usize>, window: usize) -> Vec<u64> {
    let (mut waits_ns, mut out) = (Vec::new(), std::collections::VecDeque::new());
    let (count, mut next, mut entry) = (requests.len(), requests.start, 0);
    let is_answer = |message: &[u8]| message.starts_with(b"{\"type\":\"answer\"");
    while waits_ns.len() < count {
        while next < requests.end && out.len() < window {
            let (bytes, at) = (request(next), Instant::now());
            let ticket = server.submit(&bytes).expect("there is room");
            out.push_back(Sent {
                ticket,
                request: next,
                at,
            });
            next += 1;
        }
        for message in server.drain().iter().filter(|message| is_answer(message)) {
            let sent = out.pop_front().expect("an answer for each request");
            let received = check(message, &sent);
            assert!(entry == 0 || received == entry + 1, "entries go up by one");
            entry = received;
            waits_ns.push(u64::try_from(sent.at.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
        std::hint::spin_loop();
    }
    waits_ns
}

fn run(folder: &Path, sync: &str, count: usize) {
    let server = Server::start(config(folder, sync).to_string().as_bytes()).expect("it starts");
    let mut first = 1;
    measure(&server, first..first + 2_000, 64);
    first += 2_000;
    for window in WINDOWS {
        // An even count, so that each run begins with an order.
        let count = if window == 1 { count / 10 } else { count } / 2 * 2;
        let start = Instant::now();
        let mut waits_ns = measure(&server, first..first + count, window);
        let seconds = start.elapsed().as_secs_f64();
        first += count;
        waits_ns.sort_unstable();
        let at = |share: f64| waits_ns[(share * (count - 1) as f64) as usize] as f64 / 1e3;
        println!(
            "sync {sync}, {window} out: {:.0} requests/s; request to answer: p50 {:.0} us, p99 {:.0} us, p99.9 {:.0} us ({count} requests)",
            count as f64 / seconds, at(0.5), at(0.99), at(0.999)
        );
    }
    server.stop().expect("everything was written");
}

fn main() {
    let count = std::env::args().nth(1).map_or(REQUESTS, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("expected a number of requests, received {text:?}"))
    });
    let name = format!("proofbook-request-latency-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    for round in 0..3 {
        for sync in ["none", "group"] {
            run(&folder.join(format!("{round}-{sync}")), sync, count);
        }
    }
    std::fs::remove_dir_all(&folder).expect("it was made here");
}
