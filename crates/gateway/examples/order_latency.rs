//! Orders a second, and the time from an order to its report, of one client over loopback. `order_latency [ORDERS]`.
//!
//! Two runs each: nothing synced, and one sync of log and store for each turn. First one order at a time is out, then up to 256 are. Orders rest and are cancelled in
//! turn, so that the book stays small. Every report is checked: its kind, its ClOrdID in the order of the requests, its number.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use proofbook_exchange::{Action, AssetId, Fees, Listing, MarketId, Symbol, Transfer};
use proofbook_fix::{Frame, Kernel, MessageEncoder, Precision, SIMDMessageParser, Version};
use proofbook_gateway::{Gateway, GatewayConfig, SessionConfig};
use proofbook_journal::{Options, SyncPolicy};
use proofbook_session::{Identity, Unauthenticated};
use proofbook_types::{AccountId, MarketConfig, Phase};

/// Requests that are out at a time, at most.
const WINDOWS: [usize; 2] = [1, 256];
const ORDERS: usize = 100_000;
const GROUP: SyncPolicy = SyncPolicy::Group {
    commands_max: 8_192,
    delay_ns_max: 1_000_000,
};

fn first_entries() -> Vec<Action> {
    let symbol = |text: &[u8]| Symbol::new(text).expect("a short text");
    let account = AccountId(1);
    let asset = |number, text| Action::AddAsset {
        asset: AssetId(number),
        symbol: symbol(text),
        decimals: 6,
    };
    let listing = Listing {
        market: MarketId(1),
        symbol: symbol(b"BTC-USD"),
        base: AssetId(1),
        quote: AssetId(2),
        price_decimals: 2,
        quantity_decimals: 3,
        fees: Fees::default(),
        config: MarketConfig {
            market: 1,
            initial_phase: Phase::Halted,
            ..MarketConfig::default()
        },
    };
    let deposit = Transfer {
        account,
        asset: AssetId(2),
        amount: 1_000_000_000_000,
    };
    vec![
        asset(1, b"BTC"),
        asset(2, b"USD"),
        Action::ListMarket(listing),
        Action::OpenAccount { account },
        Action::Deposit(deposit),
        Action::Open {
            market: MarketId(1),
        },
    ]
}

struct Client {
    stream: TcpStream,
    encoder: MessageEncoder,
    parser: SIMDMessageParser,
    received: Vec<u8>,
    start: usize,
    number: u64,
    expected: u64,
    outgoing: Vec<u8>,
}

impl Client {
    fn on(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_nodelay(true).expect("TCP has it");
        let mut client = Client {
            stream,
            encoder: MessageEncoder::new(Kernel::detect(), Version::Fix44),
            parser: SIMDMessageParser::new(Kernel::detect()),
            received: Vec::new(),
            start: 0,
            number: 1,
            expected: 1,
            outgoing: Vec::new(),
        };
        client.write(b"A", &[(98, b"0"), (108, b"60")]);
        client.flush();
        client.check(b"A", None);
        client
    }

    fn write(&mut self, kind: &[u8], fields: &[(i32, &[u8])]) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_ns = now.expect("it is after 1970").as_nanos() as u64;
        let mut buffer = [0; 512];
        let mut draft = self.encoder.begin(&mut buffer, kind);
        draft.unsigned(34, self.number).text(49, b"ALICE");
        draft.timestamp(52, now_ns, Precision::Milliseconds);
        draft.text(56, b"EXCHANGE");
        for (tag, value) in fields {
            draft.text(*tag, value);
        }
        if kind != b"A" {
            draft.timestamp(60, now_ns, Precision::Milliseconds);
        }
        let message = draft.finish().expect("it fits");
        self.outgoing.extend_from_slice(message);
        self.number += 1;
    }

    fn flush(&mut self) {
        let written = self.stream.write_all(&self.outgoing);
        written.expect("the gateway reads");
        self.outgoing.clear();
    }

    /// The odd requests enter orders, the even ones cancel them.
    fn request(&mut self, request: usize) {
        let id = request.to_string();
        let order: [(i32, &[u8]); 3] = [(11, id.as_bytes()), (55, b"BTC-USD"), (54, b"1")];
        if request % 2 == 1 {
            let more: [(i32, &[u8]); 4] = [(38, b"0.001"), (40, b"2"), (44, b"1.00"), (59, b"1")];
            self.write(b"D", &[&order[..], &more[..]].concat());
        } else {
            let original = (request - 1).to_string();
            self.write(b"F", &[&order[..], &[(41, original.as_bytes())]].concat());
        }
    }

    /// Whether a whole message is there already; more is read if not and `is_patient`.
    fn has_message(&mut self, is_patient: bool) -> bool {
        loop {
            let rest = &self.received[self.start..];
            if matches!(self.parser.frame(rest), Frame::Whole(_)) {
                return true;
            }
            if !is_patient {
                return false;
            }
            self.received.drain(..self.start);
            self.start = 0;
            let mut bytes = [0; 65_536];
            let count = self.stream.read(&mut bytes).expect("the gateway answers");
            assert!(count > 0, "the gateway goes on");
            self.received.extend_from_slice(&bytes[..count]);
        }
    }

    /// Takes the next message, which must be of this kind, and the report of this request.
    fn check(&mut self, kind: &[u8], request: Option<usize>) {
        assert!(self.has_message(true));
        let rest = &self.received[self.start..];
        let Frame::Whole(frame) = self.parser.frame(rest) else {
            unreachable!("it is there");
        };
        let length = frame.bytes().len();
        let message = self.parser.parse(frame).expect("it is well formed");
        assert_eq!(message.message_type(), kind);
        let value = |tag| message.get(tag).map(|field| field.value);
        let number = message.get(34).expect("a number").unsigned();
        assert_eq!(number, Ok(self.expected));
        if let Some(request) = request {
            let expected = if request % 2 == 1 { b"0" } else { b"4" };
            assert_eq!(value(150), Some(&expected[..]));
            assert_eq!(value(11), Some(request.to_string().as_bytes()));
        }
        self.expected += 1;
        self.start += length;
    }
}

struct Figures {
    orders_per_second: f64,
    /// p50, p99, p99.9.
    microseconds: [f64; 3],
}

fn measure(client: &mut Client, first: usize, count: usize, window: usize) -> Figures {
    let mut sent = Vec::with_capacity(count);
    let mut waits_ns = Vec::with_capacity(count);
    let start = Instant::now();
    while waits_ns.len() < count {
        while sent.len() < count && sent.len() - waits_ns.len() < window {
            client.request(first + sent.len());
            sent.push(Instant::now());
        }
        client.flush();
        let mut is_patient = true;
        while waits_ns.len() < sent.len() && client.has_message(is_patient) {
            is_patient = false;
            client.check(b"8", Some(first + waits_ns.len()));
            waits_ns.push(sent[waits_ns.len()].elapsed().as_nanos() as u64);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    waits_ns.sort_unstable();
    let at = |share: f64| waits_ns[(share * (count - 1) as f64) as usize] as f64 / 1e3;
    Figures {
        orders_per_second: count as f64 / seconds,
        microseconds: [at(0.5), at(0.99), at(0.999)],
    }
}

fn run(folder: PathBuf, policy: SyncPolicy, count: usize) {
    let identity = Identity::new(Version::Fix44, b"ALICE", b"EXCHANGE").expect("names");
    let session = SessionConfig::new(1, AccountId(1), identity, Arc::new(Unauthenticated));
    let config = GatewayConfig {
        journal: Options {
            policy,
            ..Options::default()
        },
        ..GatewayConfig::new(folder, vec![session])
    };
    let gateway = Gateway::open(config, &first_entries()).expect("it opens");
    let reactor = gateway.listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let reactor = reactor.expect("it listens");
    let (address, stop) = (reactor.address().expect("it is bound"), reactor.stop());
    let thread = std::thread::spawn(move || reactor.run());
    let mut client = Client::on(address);
    let name = if policy == SyncPolicy::None {
        "nothing synced"
    } else {
        "group commit"
    };
    let mut first = 1;
    measure(&mut client, first, 2_000, 64);
    first += 2_000;
    for window in WINDOWS {
        // An even count, so that each run begins with an order.
        let count = if window == 1 { count / 10 } else { count } / 2 * 2;
        let figures = measure(&mut client, first, count, window);
        first += count;
        let [p50, p99, p999] = figures.microseconds;
        println!(
            "{name}, {window} out: {:.0} requests/s; request to report: p50 {p50:.0} us, p99 {p99:.0} us, p99.9 {p999:.0} us ({count} requests)",
            figures.orders_per_second
        );
    }
    stop.stop().expect("it is woken");
    let ended = thread.join().expect("it does not panic");
    ended.expect("everything was written");
}

fn main() {
    let count = std::env::args().nth(1).map_or(ORDERS, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("expected a number of orders, received {text:?}"))
    });
    let name = format!("proofbook-order-latency-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    for round in 0..3 {
        for policy in [SyncPolicy::None, GROUP] {
            let folder =
                folder.join(format!("{round}-{policy:?}").replace([' ', '{', '}', ':', ','], ""));
            run(folder, policy, count);
        }
    }
    std::fs::remove_dir_all(&folder).expect("it was made here");
}
