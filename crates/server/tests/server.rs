//! A server from outside: requests and answers, a FIX client beside them, restarts, bounds, and input that is none.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use common::{config, limit, with, Exchange, Server, ServerError, Temporary, PATIENCE};
use proofbook_fix::{Frame, Kernel, MessageEncoder, Precision, SIMDMessageParser, Version};
use proofbook_journal::{snapshots, Directory};
use serde_json::{json, Value};

/// A session of FIX 4.4 that has logged on.
struct Bob {
    stream: TcpStream,
    encoder: MessageEncoder,
    parser: SIMDMessageParser,
    received: Vec<u8>,
    number: u64,
}

impl Bob {
    /// A session whose next message has this number.
    fn on(server: &Server, number: u64) -> Self {
        let address = server.fix_address().expect("it listens");
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        let mut bob = Bob {
            stream,
            encoder: MessageEncoder::new(Kernel::detect(), Version::Fix44),
            parser: SIMDMessageParser::new(Kernel::detect()),
            received: Vec::new(),
            number,
        };
        bob.send("A", "98=0 108=120");
        bob.next("35=A");
        bob
    }

    fn send(&mut self, kind: &str, fields: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_ns = now.expect("it is after 1970").as_nanos() as u64;
        let mut buffer = [0; 512];
        let mut draft = self.encoder.begin(&mut buffer, kind.as_bytes());
        draft.unsigned(34, self.number).text(49, b"BOB");
        draft.timestamp(52, now_ns, Precision::Milliseconds);
        draft.text(56, b"EXCHANGE");
        for field in fields.split_whitespace() {
            let (tag, value) = field.split_once('=').expect("tag=value");
            draft.text(tag.parse().expect("a tag"), value.as_bytes());
        }
        if kind == "D" {
            draft.timestamp(60, now_ns, Precision::Milliseconds);
        }
        let message = draft.finish().expect("it fits");
        self.stream.write_all(message).expect("the server reads");
        self.number += 1;
    }

    /// The next message, which has these fields.
    #[track_caller]
    fn next(&mut self, fields: &str) {
        loop {
            if let Frame::Whole(frame) = self.parser.frame(&self.received) {
                let length = frame.bytes().len();
                let text = String::from_utf8_lossy(frame.bytes()).into_owned();
                for field in fields.split_whitespace() {
                    assert!(
                        text.contains(&format!("\x01{field}\x01")),
                        "{field} of {text:?}"
                    );
                }
                self.received.drain(..length);
                return;
            }
            let mut bytes = [0; 4_096];
            let count = self.stream.read(&mut bytes).expect("the server answers");
            assert!(count > 0, "the server goes on");
            self.received.extend_from_slice(&bytes[..count]);
        }
    }
}

#[test]
fn a_handle_and_a_fix_client_trade_and_a_restart_goes_on() {
    let folder = Temporary::new();
    let mut exchange = Exchange::on(folder.path());
    let mut bob = Bob::on(&exchange.server, 1);
    bob.send("D", "11=b1 55=BTC-USD 54=2 38=2 40=2 44=100 59=1");
    bob.next("150=0 11=b1");
    let answer = exchange.ask(limit("a1", "buy", "0.5", "101"));
    assert_eq!(
        (&answer["refusal"], &answer["account"]),
        (&Value::Null, &json!(1))
    );
    let [taken, traded] = [&answer["reports"][0], &answer["reports"][1]];
    assert_eq!(
        (&taken["execution"], &traded["execution"]),
        (&json!("new"), &json!("trade"))
    );
    assert_eq!(traded["price"], "100.00");
    assert_eq!(
        (&traded["quantity"], &traded["liquidity"]),
        (&json!("0.500"), &json!("taker"))
    );
    assert_eq!(traded["fee"], "0.050000");
    assert_eq!(
        (&traded["order"]["status"], &traded["order"]["average"]),
        (&json!("filled"), &json!("100.000000"))
    );
    bob.next("150=F 39=1 32=0.500 31=100.00");
    exchange.ask(limit("a2", "buy", "1", "99.5"));
    bob.send("D", "11=b2 55=BTC-USD 54=2 38=0.25 40=2 44=99 59=3");
    bob.next("150=0 11=b2");
    bob.next("150=F 39=2 31=99.50");
    exchange.server.stop().expect("everything was written");
    bob.next("35=5");
    let after = Exchange::on(folder.path());
    let open = after.query(json!({"query": "open_orders", "account": 1}));
    assert_eq!(
        (&open[0]["client_id"], &open[0]["leaves"], &open[1]),
        (&json!("a2"), &json!("0.750"), &Value::Null)
    );
    let usd = after.query(json!({"query": "balances", "account": 1}));
    assert_eq!(
        (&usd[1]["total"], &usd[1]["held"]),
        (&json!("999925.075000"), &json!("74.699625"))
    );
    let status = after.query(json!({"query": "status"}));
    assert_eq!(
        (&status["sequence"], &status["failure"]),
        (&status["acknowledged"], &Value::Null)
    );
    // Numbers of the session go on, too.
    let mut again = Bob::on(&after.server, bob.number);
    again.send("H", "11=b1 55=BTC-USD 54=2");
    again.next("150=I 39=1 14=0.500");
}

/// Requests are refused once as many wait as may, and each that was taken is answered.
#[test]
fn a_full_queue_is_busy_and_loses_nothing() {
    let folder = Temporary::new();
    let mut exchange = Exchange::on(folder.path());
    let request = json!({"action": "cancel", "account": 1, "order_id": 7});
    let mut tickets = Vec::new();
    let error = loop {
        match exchange.submit(&request) {
            Ok(ticket) => tickets.push(ticket),
            Err(error) => break error,
        }
        assert!(
            tickets.len() < 1_000_000,
            "nobody drains, so it is full at some time"
        );
    };
    assert!(matches!(error, ServerError::Busy(_)), "{error}");
    let mut last_entry = 0;
    for ticket in &tickets {
        let answer = exchange.message("answer", |_| true);
        assert_eq!(answer["ticket"], *ticket, "answers are in order");
        assert_eq!(answer["refusal"], "unknown_order_of_account");
        let entry = answer["entry"].as_u64().expect("a number");
        assert!(last_entry == 0 || entry == last_entry + 1);
        last_entry = entry;
    }
    assert_eq!(exchange.ask(request)["entry"], last_entry + 1);
}

#[test]
fn what_stops_in_order_refuses_from_then_on_and_answers_questions() {
    let folder = Temporary::new();
    let mut exchange = Exchange::on(folder.path());
    exchange.ask(limit("a1", "buy", "1", "90"));
    exchange.server.stop().expect("everything was written");
    exchange.server.stop().expect("a second time does nothing");
    let refused = exchange.submit(&limit("a2", "buy", "1", "90"));
    assert!(matches!(refused, Err(ServerError::Stopped)));
    let open = exchange.query(json!({"query": "open_orders", "account": 1}));
    assert_eq!(open[0]["client_id"], "a1");
}

/// Snapshots are taken while it runs, also by the publisher of a server that is killed later, and a start from one knows everything.
#[test]
fn snapshots_are_taken_while_it_runs_and_at_its_end() {
    let folder = Temporary::new();
    let settings = with(&config(folder.path()), json!({"snapshot_entries": 200}));
    let taken = || match Directory::open(folder.path().join("log")) {
        Ok(log) => snapshots(&log).expect("a listing"),
        Err(_) => Vec::new(),
    };
    let mut exchange = Exchange::start(&settings);
    let (end, mut number) = (Instant::now() + PATIENCE, 0);
    while taken().len() < 2 {
        assert!(Instant::now() < end, "no two snapshots of {number} entries");
        number += 1;
        exchange.ask(limit(&format!("a{number}"), "buy", "0.001", "1"));
    }
    assert!(number >= 350, "not before they are due");
    let count = |exchange: &Exchange| {
        let open = exchange.query(json!({"query": "open_orders", "account": 1}));
        open.as_array().map(Vec::len)
    };
    exchange.server.stop().expect("everything was written");
    let after = Exchange::start(&settings);
    let status = after.query(json!({"query": "status"}));
    assert_eq!(
        Some(taken()[0]),
        status["sequence"].as_u64(),
        "the last is that of the end"
    );
    assert_eq!((taken().len(), count(&after)), (2, Some(number)));
}

#[test]
fn one_folder_has_one_server() {
    let folder = Temporary::new();
    let settings = with(&config(folder.path()), json!({"sessions": []}));
    let first = Exchange::start(&settings);
    let second = Server::start(settings.to_string().as_bytes());
    let error = second.err().expect("the log is in use").to_string();
    assert!(
        error.contains("another process is using the journal"),
        "{error}"
    );
    drop(first);
    Exchange::start(&settings);
}

/// Requests that are none, and a part of what is said of each.
fn no_requests() -> Vec<(Value, &'static str)> {
    let order = limit("a1", "buy", "1", "90");
    vec![
        (json!(1), "expected an object, received 1"),
        (json!({"action": 1}), "action: expected a text, received 1"),
        (
            json!({"action": "x"}),
            "action: expected the name of an action, received \"x\"",
        ),
        (with(&order, json!({"wings": 2})), "received \"wings\""),
        (
            with(&order, json!({"market": "X"})),
            "market: expected the symbol of a market, received \"X\"",
        ),
        (
            with(&order, json!({"side": "both"})),
            "side: expected one of \"buy\", \"sell\", received \"both\"",
        ),
        (
            with(&order, json!({"quantity": "1.2345"})),
            "with at most 3 decimals, received \"1.2345\"",
        ),
        (with(&order, json!({"quantity": 1.5})), "received 1.5"),
        (
            with(&order, json!({"price": "9223372036854775.808"})),
            "received \"9223372036854775.808\"",
        ),
        (
            with(&order, json!({"price": null})),
            "price: expected a decimal text, received nothing",
        ),
        (
            with(&order, json!({"stop_price": "1"})),
            "stop_price: expected none for this kind, received \"1\"",
        ),
        (
            with(&order, json!({"time_in_force": "gtd"})),
            "expires_ns: expected",
        ),
        (
            with(&order, json!({"client_id": ""})),
            "client_id: expected 1 to 40 printable characters, received \"\"",
        ),
        (
            json!({"action": "cancel", "account": 1, "order_id": 1, "original_id": "a"}),
            "received both",
        ),
        (
            json!({"action": "replace", "account": 1, "client_id": "b", "order_id": 1, "price": "1"}),
            "market: expected the symbol of a market, or an order that is known, received nothing",
        ),
        (
            json!({"action": "deposit", "account": 1, "asset": "BTC", "amount": "0.000000001"}),
            "with at most 8 decimals",
        ),
        (
            json!({"action": "set_market_fees", "market": "BTC-USD", "maker_fee": 10_001, "taker_fee": 0}),
            "maker_fee: expected a whole number from 0 to 10000, received 10001",
        ),
        (
            json!({"action": "set_account_fees", "account": 1, "maker_fee": 1}),
            "taker_fee: expected maker_fee and taker_fee, or none of them, received nothing",
        ),
    ]
}

#[test]
fn what_is_no_request_says_what_was_expected_and_received() {
    let folder = Temporary::new();
    let exchange = Exchange::on(folder.path());
    let before = exchange.query(json!({"query": "status"}));
    for (request, expected) in no_requests() {
        let error = exchange.submit(&request).expect_err(expected);
        assert!(matches!(error, ServerError::Input(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains(expected), "{text:?} has not {expected:?}");
    }
    for query in [
        json!({"query": "x"}),
        json!({"query": "book"}),
        json!({"query": "balances", "account": 3}),
    ] {
        let error = exchange.server.query(query.to_string().as_bytes());
        assert!(matches!(error, Err(ServerError::Input(_))), "{query}");
    }
    assert_eq!(
        exchange.query(json!({"query": "status"})),
        before,
        "none became an entry"
    );
}

#[test]
fn first_entries_are_taken_once_and_name_what_is_wrong_in_them() {
    let folder = Temporary::new();
    let limits = json!({"open_orders_max": 1, "quantity_max": "2"});
    let mut settings = config(folder.path());
    settings["markets"][0]["limits"] = limits.clone();
    for round in 0..2 {
        let mut exchange = Exchange::start(&settings);
        let markets = exchange.query(json!({"query": "markets"}));
        assert_eq!(markets[0]["limits"]["quantity_max"], "2.000");
        assert_eq!(
            (&markets[0]["state"], &markets[1]),
            (&json!("continuous"), &Value::Null)
        );
        assert_eq!(
            exchange.query(json!({"query": "accounts"})),
            json!({"count": 2})
        );
        let order = limit(&format!("a{round}"), "buy", "1", "90");
        let refusals = [Value::Null, json!("open_orders_limit")];
        assert_eq!(exchange.ask(order)["refusal"], refusals[round]);
    }
    for (path, value, expected) in [
        (
            "/markets/0/quote",
            json!("EUR"),
            "markets[0].quote: expected the symbol of an asset, received \"EUR\"",
        ),
        (
            "/markets/0/price_decimals",
            json!(7),
            "markets[0].price_decimals: expected decimals",
        ),
        (
            "/markets/0/state",
            json!("halted"),
            "markets[0].state: expected one of",
        ),
        (
            "/accounts/1/deposits/USD",
            json!("1.0000001"),
            "accounts[1].deposits.USD: expected",
        ),
        (
            "/sessions/0/client",
            json!(""),
            "sessions[0].client: expected",
        ),
        (
            "/sync",
            json!("sometimes"),
            "sync: expected one of \"group\", \"none\", received \"sometimes\"",
        ),
        (
            "/tls",
            json!({"key": "key.pem"}),
            "tls.certificate: expected the path of a file in PEM",
        ),
        (
            "/fix",
            json!("here"),
            "fix: expected an address with a port",
        ),
    ] {
        let mut wrong = config(folder.path());
        *wrong.pointer_mut(path).expect("it is there") = value;
        let error = Server::start(wrong.to_string().as_bytes()).err();
        let text = error.expect(expected).to_string();
        assert!(text.starts_with(expected), "{text:?} is not {expected:?}");
    }
}
