//! A server with all its threads: books, trades, reports and balances of what two accounts do, with a consumer that falls silent, and a second life of the same folder.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proofbook_books::Ladder;
use proofbook_engine::recover;
use proofbook_journal::Directory;
use proofbook_server::{Server, ServerError};
use proofbook_testkit::files::Temporary;
use proofbook_testkit::workload::Random;
use serde_json::{json, Value};

const PATIENCE: Duration = Duration::from_secs(300);

fn start(folder: &Temporary) -> Server {
    let money = json!({ "deposits": { "BTC": "1000000", "USD": "100000000" } });
    let config = json!({
        "folder": folder.path(), "fix": null, "sync": "none", "publish_interval_ms": 5,
        "assets": [{ "symbol": "BTC", "decimals": 8 }, { "symbol": "USD", "decimals": 6 }],
        "markets": [{
            "symbol": "BTC-USD", "base": "BTC", "quote": "USD", "price_decimals": 2,
            "quantity_decimals": 3, "maker_fee": 0, "taker_fee": 10, "state": "continuous",
        }],
        "accounts": [money, money],
        "sessions": [],
    });
    Server::start(config.to_string().as_bytes()).expect("it starts")
}

fn query(server: &Server, query: Value) -> Value {
    let answer = server.query(query.to_string().as_bytes());
    serde_json::from_slice(&answer.expect("it can be answered")).expect("JSON")
}

/// The latest trades and candles.
fn recent(server: &Server) -> [Value; 3] {
    let candles = |interval_s: u64| json!({ "query": "candles", "market": "BTC-USD", "interval_s": interval_s, "limit": 9 });
    let trades = json!({ "query": "trades", "market": "BTC-USD", "limit": 1_000 });
    [trades, candles(60), candles(86_400)].map(|asked| query(server, asked))
}

fn book(server: &Server) -> Book {
    let mut book = Book::default();
    book.apply(&query(
        server,
        json!({ "query": "book", "market": "BTC-USD", "depth": 5_000 }),
    ));
    book
}

#[derive(Default, PartialEq, Debug)]
struct Book {
    sequence: u64,
    levels: BTreeMap<(&'static str, String), (String, u64)>,
}

impl Book {
    fn apply(&mut self, message: &Value) {
        self.sequence = message["sequence"].as_u64().expect("a number");
        for side in ["bids", "asks"] {
            for level in message[side].as_array().expect("a list") {
                let text = |index: usize| level[index].as_str().expect("a text").to_owned();
                if text(1) == "0" {
                    self.levels.remove(&(side, text(0)));
                } else {
                    let orders = level[2].as_u64().expect("a number");
                    self.levels.insert((side, text(0)), (text(1), orders));
                }
            }
        }
    }
}

/// What was heard.
struct Heard {
    book: Book,
    fetched: u64,
    deltas: u64,
    answers: BTreeMap<u64, Value>,
    reports: Vec<(u64, u64)>,
    trades: Vec<u64>,
    balances: BTreeMap<String, Value>,
}

impl Heard {
    fn new(server: &Server) -> Self {
        Heard {
            book: book(server),
            fetched: 0,
            deltas: 0,
            answers: BTreeMap::new(),
            reports: Vec::new(),
            trades: Vec::new(),
            balances: BTreeMap::new(),
        }
    }

    fn listen(&mut self, server: &Server) {
        for bytes in server.drain() {
            let message: Value = serde_json::from_slice(&bytes).expect("JSON");
            let number = |name: &str| message[name].as_u64().expect("a number");
            match message["type"].as_str().expect("a type") {
                "book" if number("previous") == self.book.sequence => {
                    self.book.apply(&message);
                    self.deltas += 1;
                }
                "book" if number("sequence") > self.book.sequence => {
                    self.book = book(server);
                    self.fetched += 1;
                }
                "answer" => {
                    self.answers.insert(number("ticket"), message);
                }
                "report" => self.reports.push((number("entry"), number("index"))),
                "trades" => {
                    let trades = message["trades"].as_array().expect("a list");
                    let ids = trades.iter().map(|trade| trade["id"].as_u64());
                    self.trades.extend(ids.map(|id| id.expect("a number")));
                }
                "balance" => {
                    let asset = message["asset"].as_str().expect("a text").to_owned();
                    self.balances.insert(asset, message["total"].clone());
                }
                "book" | "state" | "candle" => {}
                other => panic!("{other}: {message}"),
            }
        }
    }

    fn has_balances(&self, server: &Server) -> bool {
        let balances = query(server, json!({ "query": "balances", "account": 1 }));
        let balances = balances.as_array().expect("a list").iter();
        balances.into_iter().all(|balance| {
            let asset = balance["asset"].as_str().expect("a text");
            self.balances.get(asset) == Some(&balance["total"])
        })
    }

    /// Listens until all requests are answered, and book and balances are what the server has.
    fn settle(&mut self, server: &Server, last_ticket: u64) {
        let start = Instant::now();
        loop {
            self.listen(server);
            let is_answered = self.answers.contains_key(&last_ticket);
            let status = query(server, json!({ "query": "status" }));
            let is_published = status["published"] == status["acknowledged"];
            let is_heard = self.book == book(server) && self.has_balances(server);
            if is_answered && is_published && is_heard {
                return;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "{:?}",
                self.answers.keys().max()
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn order(random: &mut Random, number: u64) -> Value {
    let side = ["buy", "sell"][random.below(2) as usize];
    json!({
        "action": "new", "account": 1 + random.below(2), "client_id": format!("c{number}"),
        "market": "BTC-USD", "side": side, "kind": "limit",
        "quantity": format!("{}.{:03}", random.below(9), 1 + random.below(900)),
        "price": format!("{}.{:02}", 95 + random.below(11), random.below(4)),
    })
}

/// Orders from `from` on; the ticket of the last.
fn trade(server: &Server, heard: &mut Heard, random: &mut Random, from: u64) -> u64 {
    let mut last = 0;
    let mut silence = 0u64;
    for number in from..from + 1_500 {
        let request = order(random, number).to_string();
        last = loop {
            match server.submit(request.as_bytes()) {
                Ok(ticket) => break ticket,
                Err(ServerError::Busy(_)) => heard.listen(server),
                Err(error) => panic!("{error}"),
            }
        };
        silence = silence.saturating_sub(1);
        if random.below(500) == 0 {
            silence = 400;
        }
        if silence == 0 && random.below(20) == 0 {
            heard.listen(server);
        }
    }
    last
}

#[test]
fn a_consumer_follows_two_lives_of_an_exchange() {
    let folder = Temporary::new();
    let mut random = Random::new(11);
    let mut known: Option<[Value; 3]> = None;
    let mut known_trades = Vec::new();
    for life in 0..2 {
        let server = start(&folder);
        if let Some(known) = &known {
            assert_eq!(recent(&server), *known);
            assert!(!known[1]["candles"].as_array().expect("a list").is_empty());
        }
        server.watch(1, true);
        let mut heard = Heard::new(&server);
        assert_eq!(heard.book.sequence, 1);
        // Whatever is put together because the publisher was late, two parts have two deltas.
        for part in 0..2 {
            let last = trade(
                &server,
                &mut heard,
                &mut random,
                life * 10_000 + part * 1_500,
            );
            heard.settle(&server, last);
        }
        assert!(heard.deltas > 1 && heard.fetched == 0, "{}", heard.deltas);
        assert_eq!(heard.answers.len(), 3_000);
        assert!(heard.reports.is_sorted() && heard.reports.len() > 1_000);
        assert!(heard.trades.is_sorted_by(|one, other| one < other) && heard.trades.len() > 500);
        let latest = query(
            &server,
            json!({ "query": "trades", "market": "BTC-USD", "limit": 100 }),
        );
        let latest = latest["trades"].as_array().expect("a list").iter();
        let latest: Vec<u64> = latest
            .map(|trade| trade["id"].as_u64().expect("one"))
            .collect();
        assert!(heard.trades.ends_with(&latest) && latest.len() == 100);
        // Ids go on where the last life ended.
        assert!(known_trades.last() < heard.trades.first());
        known_trades.clone_from(&heard.trades);
        let status = query(&server, json!({ "query": "status" }));
        assert_eq!(status["published"], status["acknowledged"]);
        assert_eq!(
            (&status["failure"], &status["journals_failure"]),
            (&Value::Null, &Value::Null)
        );
        known = Some(recent(&server));
        let commands = status["sequence"].as_u64().expect("a number");
        server.stop().expect("it ends in order");
        let journal = Directory::open(folder.path().join("markets/000001"));
        let (market, _) = recover(journal.expect("it is there"), Ladder::default)
            .expect("the market's journal is sound");
        // All entries but the first ones are orders of the market.
        assert!(market.sequence() > 2_900 && market.sequence() < commands);
    }
}
