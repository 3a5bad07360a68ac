//! A server in this process, and those of its messages that were not asked for yet.
#![allow(dead_code)] // each test needs some

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

pub use proofbook_server::{Server, ServerError};
pub use proofbook_testkit::files::Temporary;
use serde_json::{json, Map, Value};

/// How long a message is waited for.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Two assets, a market that is open, two accounts with money, and a FIX session of the second.
pub fn config(folder: &Path) -> Value {
    let deposits = json!({"deposits": {"BTC": "1000", "USD": "1000000"}});
    json!({
        "folder": folder.to_str().expect("a path of text"), "fix": "127.0.0.1:0", "tls": null, "sync": "none",
        "assets": [{"symbol": "BTC", "decimals": 8}, {"symbol": "USD", "decimals": 6}],
        "markets": [{
            "symbol": "BTC-USD", "base": "BTC", "quote": "USD", "price_decimals": 2,
            "quantity_decimals": 3, "maker_fee": 0, "taker_fee": 10, "state": "continuous",
        }],
        "accounts": [deposits, deposits],
        "sessions": [{"id": 1, "account": 2, "client": "BOB", "exchange": "EXCHANGE"}],
    })
}

/// The fields of a limit order of the first account.
pub fn limit(client_id: &str, side: &str, quantity: &str, price: &str) -> Value {
    json!({
        "action": "new", "account": 1, "client_id": client_id, "market": "BTC-USD", "side": side,
        "kind": "limit", "quantity": quantity, "price": price,
    })
}

/// The same object with other fields.
pub fn with(value: &Value, fields: Value) -> Value {
    let mut merged: Map<String, Value> = value.as_object().expect("an object").clone();
    merged.extend(fields.as_object().expect("an object").clone());
    Value::Object(merged)
}

pub struct Exchange {
    pub server: Server,
    waiting: VecDeque<Value>,
}

impl Exchange {
    pub fn start(config: &Value) -> Self {
        Exchange {
            server: Server::start(config.to_string().as_bytes()).expect("it starts"),
            waiting: VecDeque::new(),
        }
    }

    pub fn on(folder: &Path) -> Self {
        Self::start(&config(folder))
    }

    pub fn query(&self, query: Value) -> Value {
        let answer = self.server.query(query.to_string().as_bytes());
        serde_json::from_slice(&answer.expect("it is answered")).expect("it is JSON")
    }

    pub fn submit(&self, request: &Value) -> Result<u64, ServerError> {
        self.server.submit(request.to_string().as_bytes())
    }

    /// Submits a request; its answer.
    pub fn ask(&mut self, request: Value) -> Value {
        let ticket = self.submit(&request).expect("it is taken");
        self.message("answer", |message| message["ticket"] == ticket)
    }

    /// The first message of a kind that is wanted; others are left.
    #[track_caller]
    pub fn message(&mut self, kind: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let is_it = |message: &Value| message["type"] == kind && is_wanted(message);
            if let Some(place) = self.waiting.iter().position(is_it) {
                return self.waiting.remove(place).expect("it is there");
            }
            let drained = self.server.drain();
            if drained.is_empty() {
                assert!(Instant::now() < end, "no such {kind}: {:?}", self.waiting);
                std::thread::sleep(Duration::from_millis(1));
            }
            let parsed = drained.iter().map(|bytes| serde_json::from_slice(bytes));
            self.waiting
                .extend(parsed.map(|value: Result<Value, _>| value.expect("JSON")));
        }
    }
}
