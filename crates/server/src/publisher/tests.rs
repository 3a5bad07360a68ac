//! The publisher without its thread, behind a real engine that writes a log: a client rebuilds everything from messages and queries, stops reading for a while,
//! and the publisher stops in the middle.

#[path = "../../../exchange/tests/common/mod.rs"]
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use common::{terms, Flow};
use proofbook_books::Ladder;
use proofbook_engine::{digest, recover};
use proofbook_exchange::{create, ExchangeEngine, Outcome};
use proofbook_feed::{checksum, LevelView};
use proofbook_gateway::Taken;
use proofbook_journal::simulated::Random;
use proofbook_journal::{scan, Directory, Options, Storage, SyncPolicy, SystemClock};
use proofbook_testkit::files::Temporary;
use proofbook_types::{Price, Quantity};
use serde_json::{json, Value};

use super::Stage;
use crate::mailbox::{Bounds, Mailbox};
use crate::query::View;

type Engine = ExchangeEngine<Ladder, Directory, SystemClock>;

/// Accounts that are watched; account 0 takes the fees.
const WATCHED: [u64; 3] = [0, 1, 4];

const MARKETS: [&str; 2] = ["AAA-CCC", "BBB-CCC"];

fn engine(folder: &Path) -> Engine {
    let log = Directory::create(folder.join("log")).expect("it can be made");
    let options = Options {
        policy: SyncPolicy::None,
        segment_bytes_max: 512 + 100 * 256,
    };
    create(log, SystemClock::new(), terms(), options).expect("it is new")
}

fn stage(folder: &Path, acknowledged: u64, bounds: Bounds) -> Stage {
    let mailbox = Mailbox::new(bounds).expect("there are descriptors");
    Stage::open(folder, acknowledged, mailbox).expect("log and journals are sound")
}

fn query(stage: &Stage, query: &Value) -> Value {
    let shared = stage.shared();
    let (published, names) = (shared.published().expect("it is whole"), shared.names());
    let view = View {
        published: &published,
        names: &names,
        acknowledged: 0,
        failure: None,
        journals_failure: None,
        folder: "",
    };
    view.answer(query).expect("it can be answered")
}

#[derive(Clone, Default, PartialEq, Debug)]
struct Book {
    sequence: u64,
    sides: [BTreeMap<i64, LevelView>; 2],
}

fn integer(text: &Value) -> i64 {
    let text = text.as_str().expect("a decimal text").replace('.', "");
    text.parse().expect("a decimal")
}

impl Book {
    fn apply(&mut self, message: &Value) {
        for (side, name) in self.sides.iter_mut().zip(["bids", "asks"]) {
            for level in message[name].as_array().expect("a list") {
                let ticks = integer(&level[0]);
                let lots = integer(&level[1]) as u64;
                let orders = level[2].as_u64().expect("a number") as u32;
                assert_eq!(lots == 0, orders == 0);
                assert_eq!(lots == 0, level[1] == "0");
                if lots == 0 {
                    side.remove(&ticks);
                } else {
                    let level = LevelView {
                        price: Price(ticks),
                        quantity: Quantity(lots),
                        orders,
                    };
                    side.insert(ticks, level);
                }
            }
        }
        self.sequence = message["sequence"].as_u64().expect("a number");
        let [bids, asks] = &self.sides;
        let found = checksum(bids.values().rev().copied(), asks.values().copied());
        assert_eq!(message["checksum"], found);
    }

    fn fetch(stage: &Stage, market: &str) -> Self {
        let mut book = Book::default();
        book.apply(&query(
            stage,
            &json!({ "query": "book", "market": market, "depth": 5_000 }),
        ));
        book
    }
}

/// What a consumer knows from messages alone.
#[derive(Default)]
struct Consumer {
    books: BTreeMap<String, Book>,
    trades: BTreeMap<String, Vec<u64>>,
    /// Markets and accounts that lost something.
    lost_trades: BTreeSet<String>,
    reports: Vec<(u64, u64)>,
    /// Reports that are to come, by account.
    expected: BTreeMap<u64, Vec<(u64, u64, String)>>,
    may_skip: BTreeSet<u64>,
    balances: BTreeMap<(u64, String), Value>,
    answers: BTreeMap<u64, Value>,
    states: BTreeMap<String, String>,
    deltas: u64,
    fetched: u64,
    resyncs: u64,
}

impl Consumer {
    fn take(&mut self, stage: &Stage, bytes: &[u8]) {
        let message: Value = serde_json::from_slice(bytes).expect("JSON");
        let market = message["market"].as_str().unwrap_or("").to_owned();
        match message["type"].as_str().expect("a type") {
            "book" => {
                let start = Book {
                    sequence: 1,
                    ..Book::default()
                };
                let book = self.books.entry(market.clone()).or_insert(start);
                let number = |name: &str| message[name].as_u64().expect("a number");
                assert_eq!(number("sequence"), number("previous") + 1);
                if number("previous") == book.sequence {
                    book.apply(&message);
                    self.deltas += 1;
                } else if number("sequence") > book.sequence {
                    *book = Book::fetch(stage, &market);
                    self.fetched += 1;
                }
            }
            "trades" => {
                let ids = self.trades.entry(market).or_default();
                for trade in message["trades"].as_array().expect("a list") {
                    let id = trade["id"].as_u64().expect("a number");
                    assert!(ids.last().is_none_or(|&last| last < id));
                    ids.push(id);
                }
            }
            "report" => self.take_report(&message),
            "resync" => {
                self.resyncs += 1;
                match message["account"].as_u64() {
                    Some(account) => {
                        self.may_skip.insert(account);
                    }
                    None => {
                        self.lost_trades.insert(market);
                    }
                }
            }
            "balance" => {
                let account = message["account"].as_u64().expect("a number");
                let asset = message["asset"].as_str().expect("a text").to_owned();
                self.balances.insert((account, asset), message);
            }
            "answer" => {
                let ticket = message["ticket"].as_u64().expect("a number");
                assert!(self.answers.insert(ticket, message).is_none());
            }
            "state" => {
                let state = message["state"].as_str().expect("a text").to_owned();
                self.states.insert(market, state);
            }
            "candle" => assert_eq!(message["interval_s"], 60),
            other => panic!("{other}"),
        }
    }

    fn take_report(&mut self, message: &Value) {
        let number = |name: &str| message[name].as_u64().expect("a number");
        let place = (number("entry"), number("index"));
        assert!(self.reports.last().is_none_or(|&last| last < place));
        self.reports.push(place);
        let order = &message["report"]["order"];
        let account = order["account"].as_u64().expect("a number");
        let status = order["status"].as_str().expect("a text").to_owned();
        let expected = self.expected.get_mut(&account).expect("it is watched");
        let found = (place.0, place.1, status);
        let at = expected.iter().position(|one| *one == found);
        let at = at.expect("the exchange said that");
        // Only where it was told to fetch its state anew anything may be missing.
        assert!(at == 0 || self.may_skip.contains(&account), "{at} missing");
        self.may_skip.remove(&account);
        expected.drain(..=at);
    }
}

/// Sums over seeds.
#[derive(Default)]
struct Tally {
    deltas: u64,
    fetched: u64,
    resyncs: u64,
    reports: usize,
    answers: usize,
}

struct Run {
    random: Random,
    flow: Flow,
    engine: Engine,
    stage: Stage,
    consumer: Consumer,
    trades: BTreeMap<String, u64>,
    tickets: BTreeMap<u64, u64>,
}

impl Run {
    fn enter(&mut self) {
        let ticket = self.engine.submit(&self.flow.next()).expect("it is taken");
        if self.random.one_in(6) {
            let entry = ticket.sequence();
            self.tickets.insert(1_000_000 + entry, entry);
            self.stage.taken(Taken {
                ticket: 1_000_000 + entry,
                entry: Ok(entry),
            });
        }
    }

    /// What the exchange says is what the consumer must hear.
    fn commit(&mut self) {
        self.engine.commit().expect("it is written");
        let (mut last, mut index) = (0, 0);
        let (consumer, trades) = (&mut self.consumer, &mut self.trades);
        self.engine.release(&mut |entry, outcome| match outcome {
            Outcome::Report(report) => {
                index = if entry == last { index + 1 } else { 0 };
                last = entry;
                if WATCHED.contains(&report.account.0) {
                    let expected = consumer.expected.entry(report.account.0).or_default();
                    let status = format!("{:?}", report.status).to_lowercase();
                    expected.push((entry, index, status));
                }
            }
            Outcome::Event {
                market,
                event: proofbook_types::Event::Trade { .. },
            } => {
                *trades
                    .entry(MARKETS[market.0 as usize - 1].to_owned())
                    .or_default() += 1
            }
            _ => {}
        });
    }

    fn advance(&mut self) {
        let acknowledged = self.engine.acknowledged();
        while self.stage.advance(acknowledged).expect("the log is sound") > 0 {}
    }

    fn drain(&mut self) -> usize {
        let messages = self.stage.shared().mailbox.drain();
        for message in &messages {
            self.consumer.take(&self.stage, message);
        }
        messages.len()
    }

    /// Everything is told, and holds.
    fn finish(mut self, tally: &mut Tally) {
        self.commit();
        self.advance();
        loop {
            self.stage.flush().expect("it is whole");
            if self.drain() == 0 {
                break;
            }
        }
        for market in MARKETS {
            let held = &self.consumer.books[market];
            let book = Book::fetch(&self.stage, market);
            assert_eq!(held.sides, book.sides);
            assert_eq!(held.sequence, book.sequence);
            if !self.consumer.lost_trades.contains(market) {
                let told = self.consumer.trades.get(market).map_or(0, Vec::len) as u64;
                assert_eq!(told, self.trades.get(market).copied().unwrap_or(0));
            }
        }
        for (account, rest) in &self.consumer.expected {
            assert!(rest.is_empty() || self.consumer.may_skip.contains(account));
        }
        for account in WATCHED {
            let balances = query(
                &self.stage,
                &json!({ "query": "balances", "account": account }),
            );
            for balance in balances.as_array().expect("a list") {
                let asset = balance["asset"].as_str().expect("a text").to_owned();
                let mut told = self.consumer.balances.remove(&(account, asset));
                if let Some(told) = &mut told {
                    told.as_object_mut().expect("an object").remove("type");
                    assert_eq!(told, balance);
                }
            }
        }
        let asked: Vec<u64> = self.tickets.keys().copied().collect();
        let answered: Vec<u64> = self.consumer.answers.keys().copied().collect();
        assert_eq!(asked, answered);
        for (ticket, entry) in &self.tickets {
            assert_eq!(self.consumer.answers[ticket]["entry"], *entry);
        }
        let states = query(&self.stage, &json!({ "query": "markets" }));
        for (market, name) in states.as_array().expect("a list").iter().zip(MARKETS) {
            assert_eq!(market["state"], *self.consumer.states[name]);
        }
        tally.deltas += self.consumer.deltas;
        tally.fetched += self.consumer.fetched;
        tally.resyncs += self.consumer.resyncs;
        tally.reports += self.consumer.reports.len();
        tally.answers += answered.len();
    }
}

#[test]
fn a_consumer_has_everything_or_is_told_that_it_has_not() {
    let (mut tally, mut small) = (Tally::default(), Tally::default());
    for seed in 0..8 {
        println!("seed {seed}");
        let folder = Temporary::new();
        let is_small = seed % 2 == 1;
        let bounds = Bounds {
            messages: if is_small { 40 } else { 1 << 16 },
            ..Bounds::default()
        };
        let mut run = Run {
            random: Random::new(seed),
            flow: Flow::new(seed),
            engine: engine(folder.path()),
            stage: stage(folder.path(), 0, bounds),
            consumer: Consumer::default(),
            trades: BTreeMap::new(),
            tickets: BTreeMap::new(),
        };
        for account in WATCHED {
            run.stage.shared().watch(account, true);
        }
        // While it is above zero nothing is read.
        let mut silence = 0u64;
        for _ in 0..2_500 {
            run.enter();
            if run.random.one_in(4) {
                run.commit();
                run.advance();
            }
            if run.random.one_in(10) {
                run.stage.flush().expect("it is whole");
            }
            silence = silence.saturating_sub(1);
            if run.random.one_in(150) {
                silence = run.random.below(200);
            }
            if silence == 0 && run.random.one_in(3) {
                run.drain();
            }
        }
        run.finish(if is_small { &mut small } else { &mut tally });
    }
    // With room for all there are no gaps, and nothing is lost.
    assert_eq!((tally.fetched, tally.resyncs), (0, 0));
    assert!(tally.deltas > 1_000 && tally.reports > 2_000 && tally.answers > 1_000);
    assert!(
        small.resyncs > 10 && small.deltas > 250,
        "{}",
        small.resyncs
    );
}

/// The last segments of the markets' journals, and how long they are.
fn segments(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut segments = BTreeMap::new();
    for market in 1..=MARKETS.len() {
        let path = folder.join(format!("markets/{market:06}"));
        let names = Directory::open(&path).and_then(|journal| journal.names());
        let names = names.unwrap_or_default().into_iter();
        if let Some(last) = names.filter(|name| name.ends_with(".log")).max() {
            let length = std::fs::metadata(path.join(&last))
                .expect("it is there")
                .len();
            segments.insert(path.join(last), length);
        }
    }
    segments
}

/// As after a loss of power: what was written since these lengths were durable may be gone.
fn cut(random: &mut Random, folder: &Path, durable: &BTreeMap<PathBuf, u64>) {
    for (path, length) in segments(folder) {
        if random.one_in(3) {
            continue;
        }
        let least = durable.get(&path).copied().unwrap_or(512);
        let kept = least + random.below(length - least + 1);
        let file = std::fs::OpenOptions::new().write(true).open(path);
        file.expect("it is there")
            .set_len(kept)
            .expect("it can be cut");
    }
}

#[test]
fn markets_journals_have_no_gap_however_the_publisher_ends() {
    let (mut restarts, mut from_snapshots) = (0, 0);
    for seed in 100..106 {
        println!("seed {seed}");
        let folder = Temporary::new();
        let folder = folder.path();
        let mut random = Random::new(seed);
        let mut flow = Flow::new(seed);
        let mut engine = engine(folder);
        let mut stage_now = stage(folder, 0, Bounds::default());
        let mut durable = BTreeMap::new();
        for _ in 0..2_000 {
            let _ticket = engine.submit(&flow.next()).expect("it is taken");
            engine.release(&mut |_, _| {});
            if random.one_in(300) {
                engine.snapshot().expect("it is written");
            }
            if random.one_in(8) {
                engine.commit().expect("it is written");
                stage_now
                    .advance(engine.acknowledged())
                    .expect("it is sound");
            }
            if random.one_in(200) {
                if random.one_in(3) {
                    stage_now.end().expect("they are written");
                    durable = segments(folder);
                }
                // What the journals hold in memory is gone with it.
                drop(stage_now);
                cut(&mut random, folder, &durable);
                stage_now = stage(folder, engine.acknowledged(), Bounds::default());
                durable = segments(folder);
                restarts += 1;
                from_snapshots += u64::from(engine.acknowledged() > 500);
                if engine.acknowledged() > 100 {
                    // The markets are listed by then.
                    let book = Book::fetch(&stage_now, MARKETS[0]);
                    assert_eq!(book.sequence, 1);
                }
            }
        }
        engine.commit().expect("it is written");
        while stage_now
            .advance(engine.acknowledged())
            .expect("it is sound")
            > 0
        {}
        stage_now.end().expect("they are written");
        let published = stage_now.shared().published().expect("it is whole");
        assert_eq!(digest(published.exchange()), engine.digest());
        drop(published);
        drop(stage_now);
        for (id, (_, matching)) in (1..).zip(engine.machine().markets()) {
            let journal = Directory::open(folder.join(format!("markets/{id:06}")));
            let recovered = recover(journal.expect("it is there"), Ladder::default);
            let (recovered, report) = recovered.expect("it is sound");
            assert_eq!(report.last_sequence, matching.sequence());
            assert_eq!(digest(&recovered), digest(matching), "market {id}");
        }
    }
    assert!(restarts > 30 && from_snapshots > 20, "{restarts}");
}

/// How many commands a reader finds in each market's journal.
fn in_journals(folder: &Path) -> Vec<u64> {
    let markets = 1..=MARKETS.len();
    let read = markets.map(|market| {
        let journal = Directory::open(folder.join(format!("markets/{market:06}")));
        let read = scan(&journal.expect("it is there"), 0, &mut |_, _, _| {});
        read.expect("it is sound").records
    });
    read.collect()
}

#[test]
fn whoever_has_an_answer_or_market_data_finds_the_commands_in_the_journals() {
    let folder = Temporary::new();
    let folder = folder.path();
    let mut flow = Flow::new(11);
    let mut engine = engine(folder);
    let mut stage = stage(folder, 0, Bounds::default());
    let (mut answered, mut published) = (0, 0);
    for round in 0..400 {
        let ticket = engine.submit(&flow.next()).expect("it is taken");
        engine.commit().expect("it is written");
        engine.release(&mut |_, _| {});
        let is_asked = round % 3 == 0;
        if is_asked {
            stage.taken(Taken {
                ticket: round,
                entry: Ok(ticket.sequence()),
            });
        }
        stage.advance(engine.acknowledged()).expect("it is sound");
        if round % 7 == 0 {
            stage.flush().expect("it is sound");
        }
        let markets = engine.machine().markets();
        let decided: Vec<u64> = markets.map(|(_, matching)| matching.sequence()).collect();
        if decided.len() == MARKETS.len() && (is_asked || round % 7 == 0) {
            assert_eq!(in_journals(folder), decided, "round {round}");
            answered += u64::from(is_asked);
            published += u64::from(round % 7 == 0);
        }
    }
    assert!(answered > 100 && published > 50, "{answered}, {published}");
}

#[test]
fn a_journal_that_is_ahead_of_the_log_is_refused() {
    let (first, second) = (Temporary::new(), Temporary::new());
    let mut engines = [engine(first.path()), engine(second.path())];
    for (engine, count) in engines.iter_mut().zip([600, 300]) {
        let mut flow = Flow::new(7);
        for _ in 0..count {
            let _ticket = engine.submit(&flow.next()).expect("it is taken");
        }
        engine.commit().expect("it is written");
    }
    let mut longer = stage(first.path(), 600, Bounds::default());
    longer.end().expect("they are written");
    drop(longer);
    std::fs::rename(first.path().join("markets"), second.path().join("markets"))
        .expect("it can be moved");
    let mailbox = Mailbox::new(Bounds::default()).expect("there are descriptors");
    let refused = Stage::open(second.path(), 300, mailbox);
    let error = refused.err().expect("it is refused").to_string();
    assert!(error.contains("expected at most"), "{error}");
}
