//! An audit agrees with what the engine and its followers wrote, and disagrees with a snapshot or a journal of another history.

mod common;

use std::collections::BTreeMap;

use common::{terms, Flow};
use proofbook_books::Ladder;
use proofbook_engine::digest;
use proofbook_exchange::{
    audit, create, snapshot, Audit, ExchangeEngine, Follower, MarketId, Outcome,
};
use proofbook_journal::simulated::SimulatedClock;
use proofbook_journal::{snapshots, Directory, Options, Snapshot, SyncPolicy};
use proofbook_testkit::files::Temporary;

const ENTRIES: usize = 600;
const GROUP: usize = 25;

fn options() -> Options {
    Options::default()
}

struct Written {
    folder: Temporary,
    digest: [u8; 32],
    markets: u64,
}

impl Written {
    fn storage(&self, name: &str) -> Directory {
        Directory::create(self.folder.path().join(name)).expect("a folder")
    }

    fn audit(&self) -> Audit {
        audit(self.storage("log"), |market| {
            Some(self.storage(&market.0.to_string()))
        })
        .expect("it is readable")
    }
}

/// An exchange with snapshots in the midst, and a journal for each market.
fn written(seed: u64) -> Written {
    let folder = Temporary::new();
    let mut written = Written {
        folder,
        digest: [0; 32],
        markets: 0,
    };
    let mut engine: ExchangeEngine<Ladder, _, _> = create(
        written.storage("log"),
        SimulatedClock::default(),
        terms(),
        options(),
    )
    .expect("it is new");
    let mut followers: BTreeMap<MarketId, Follower<Directory, SimulatedClock>> = BTreeMap::new();
    let mut flow = Flow::new(seed);
    for count in 1..=ENTRIES {
        let entry = flow.next();
        let _ = engine.submit(&entry).expect("it is taken");
        if count % GROUP != 0 {
            continue;
        }
        engine.commit().expect("it is written");
        let mut outcomes = Vec::new();
        engine.release(&mut |_, outcome| outcomes.push(outcome));
        for outcome in outcomes {
            let Outcome::Command { market, .. } = outcome else {
                continue;
            };
            let follower = followers.entry(market).or_insert_with(|| {
                let (_, matching) = engine.machine().market(market).expect("it is listed");
                let storage = written.storage(&market.0.to_string());
                Follower::open(
                    storage,
                    SimulatedClock::default(),
                    options(),
                    market,
                    *matching.config(),
                )
                .expect("it is new")
            });
            follower.take(&outcome).expect("nothing is missing");
        }
        if count % 250 == 0 {
            let mut all: Vec<_> = std::mem::take(&mut followers).into_values().collect();
            snapshot(&mut engine, &mut all).expect("it is written");
            followers = all.into_iter().map(|one| (one.market(), one)).collect();
        }
    }
    for follower in followers.values_mut() {
        follower.sync().expect("it is written");
    }
    written.digest = digest(engine.machine());
    written.markets = followers.len() as u64;
    engine.close(&mut |_, _| {}).expect("it is written");
    written
}

#[test]
fn what_was_written_agrees() {
    let written = written(1);
    let found = written.audit();
    assert_eq!(found.digest, written.digest);
    assert_eq!(found.fault, None);
    assert!(!found.snapshots.is_empty() && found.snapshots.iter().all(|one| one.is_equal()));
    let journals = found
        .markets
        .iter()
        .filter(|one| one.journal.is_some_and(|one| one.is_equal()));
    assert_eq!(journals.count() as u64, written.markets);
    assert!(written.markets > 0 && found.is_sound());
}

#[test]
fn what_was_never_synced_is_held_against_too() {
    let folder = Temporary::new();
    let log = || Directory::create(folder.path().join("log")).expect("a folder");
    let options = Options {
        policy: SyncPolicy::None,
        ..Options::default()
    };
    let mut engine: ExchangeEngine<Ladder, _, _> =
        create(log(), SimulatedClock::default(), terms(), options).expect("it is new");
    let mut flow = Flow::new(3);
    for _ in 0..ENTRIES {
        let _ = engine.submit(&flow.next()).expect("it is taken");
    }
    engine.commit().expect("it is written");
    let expected = digest(engine.machine());
    // As after a kill: nothing is closed, and the watermark says nothing.
    drop(engine);
    let found = audit(log(), |_| None::<Directory>).expect("it is readable");
    assert_eq!(found.exchange.sequence(), ENTRIES as u64);
    assert_eq!(found.digest, expected);
}

#[test]
fn a_snapshot_and_a_journal_of_another_history_do_not() {
    let (written, other) = (written(1), written(2));
    let numbers = snapshots(&written.storage("log")).expect("a list");
    let mut snapshot = Snapshot::read(&written.storage("log"), numbers[0]).expect("it is sound");
    let original = snapshot.clone();
    let foreign = snapshots(&other.storage("log")).expect("a list")[0];
    snapshot.state = Snapshot::read(&other.storage("log"), foreign)
        .expect("it is sound")
        .state;
    snapshot.digest = *blake3::hash(&snapshot.state).as_bytes();
    snapshot
        .write(&written.storage("log"))
        .expect("it is written");
    assert!(!written.audit().is_sound());
    original
        .write(&written.storage("log"))
        .expect("it is written");
    assert!(written.audit().is_sound());
    let found = audit(written.storage("log"), |market| {
        Some(other.storage(&market.0.to_string()))
    });
    assert!(!found.expect("it is readable").is_sound());
}
