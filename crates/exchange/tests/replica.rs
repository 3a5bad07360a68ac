//! A replica comes to the states of the engine whose log it follows, and says the same, wherever it is opened and however
//! it is advanced; it changes nothing.

mod common;

use common::{core, terms, Flow};
use proofbook_books::Ladder;
use proofbook_engine::{digest, EngineError};
use proofbook_exchange::{create, replicate, Entry, ExchangeEngine, Outcome, Replica};
use proofbook_journal::simulated::{Random, SimulatedClock, SimulatedDisk};
use proofbook_journal::{
    snapshot_name, snapshots, Directory, JournalError, Options, Storage, SyncPolicy, HEADER_BYTES,
};
use proofbook_testkit::files::Temporary;

const ENTRIES: usize = 1_200;

type Engine<S> = ExchangeEngine<Ladder, S, SimulatedClock>;
type Told = Vec<(u64, Entry, Outcome)>;

fn options(entries_max: u64) -> Options {
    Options {
        policy: SyncPolicy::Group {
            commands_max: entries_max,
            delay_ns_max: 100,
        },
        segment_bytes_max: (HEADER_BYTES + 100 * 256) as u64,
    }
}

fn start<S: Storage>(storage: S, options: Options) -> Engine<S> {
    create(storage, SimulatedClock::default(), terms(), options).expect("it is new")
}

fn advance<S: Storage>(
    replica: &mut Replica<Ladder, S>,
    acknowledged: u64,
    entries_max: usize,
    told: &mut Told,
) -> Result<usize, EngineError> {
    replica.advance(acknowledged, entries_max, &mut |number, entry, outcome| {
        assert!(number <= acknowledged);
        told.push((number, *entry, outcome));
    })
}

/// Every outcome of a flow, and the digest after each entry.
fn plain(entries: &[Entry]) -> (Told, Vec<[u8; 32]>) {
    let mut core = core();
    let (mut told, mut digests) = (Vec::new(), vec![digest(&core)]);
    for (number, entry) in (1..).zip(entries) {
        core.apply(entry, &mut |outcome| told.push((number, *entry, outcome)));
        digests.push(digest(&core));
    }
    (told, digests)
}

#[test]
fn a_replica_says_what_the_engine_says_wherever_it_starts() {
    let mut from_snapshots = 0;
    for seed in 0..6 {
        println!("seed {seed}");
        let mut random = Random::new(seed);
        let mut flow = Flow::new(seed);
        let entries: Vec<Entry> = (0..ENTRIES).map(|_| flow.next()).collect();
        let (expected, digests) = plain(&entries);
        let disk = SimulatedDisk::new(seed);
        let mut engine = start(disk.clone(), options(1 + random.below(40)));
        let mut replicas: Vec<(u64, Replica<Ladder, _>, Told)> = Vec::new();
        for entry in &entries {
            let _ticket = engine.submit(entry).expect("it is taken");
            engine.release(&mut |_, _| {});
            if random.one_in(150) {
                engine.snapshot().expect("it is written");
            }
            let acknowledged = engine.acknowledged();
            if random.one_in(60) {
                // Some are opened ahead of what there is.
                let after = random.below(acknowledged + 30);
                let replica = replicate(disk.clone(), after).expect("it is sound");
                let newest = snapshots(&disk).expect("it can be listed");
                let newest = newest.into_iter().find(|&sequence| sequence <= after);
                assert_eq!(replica.sequence(), newest.unwrap_or(0));
                assert!(replica.warnings().is_empty());
                from_snapshots += u64::from(newest.is_some());
                replicas.push((after, replica, Vec::new()));
            }
            for (_, replica, told) in &mut replicas {
                if random.one_in(9) {
                    let before = replica.sequence();
                    let most = random.below(80);
                    let count = advance(replica, acknowledged, most as usize, told);
                    let ahead = acknowledged.saturating_sub(before);
                    assert_eq!(count.expect("it is sound") as u64, ahead.min(most));
                    let at = replica.sequence() as usize;
                    assert_eq!(digest(replica.machine()), digests[at], "at {at}");
                }
            }
        }
        engine.commit().expect("it is written");
        assert_eq!(engine.digest(), digests[ENTRIES]);
        for (after, mut replica, mut told) in replicas {
            advance(&mut replica, engine.acknowledged(), usize::MAX, &mut told).expect("it is");
            assert_eq!(digest(replica.machine()), engine.digest());
            replica.machine().check().expect("everything holds");
            let expected = expected.iter().filter(|(number, _, _)| *number > after);
            assert!(told.iter().eq(expected), "after {after}");
        }
    }
    assert!(from_snapshots > 20, "{from_snapshots}");
}

#[test]
fn a_replica_passes_over_snapshots_that_are_not_the_logs_and_changes_nothing() {
    let disk = SimulatedDisk::new(9);
    let mut engine = start(disk.clone(), options(5));
    let mut flow = Flow::new(9);
    for number in 1..=400 {
        let _ticket = engine.submit(&flow.next()).expect("it is taken");
        if number % 150 == 0 {
            engine.snapshot().expect("it is written");
        }
    }
    engine.commit().expect("it is written");
    // The first is another log's, the second is damaged.
    let other = SimulatedDisk::new(10);
    let mut foreign = start(other.clone(), options(5));
    let mut flow = Flow::new(10);
    for _ in 1..=150 {
        let _ticket = foreign.submit(&flow.next()).expect("it is taken");
    }
    foreign.snapshot().expect("it is written");
    let name = snapshot_name(150);
    disk.put(&name, other.contents(&name).expect("it was just written"));
    disk.flip(&snapshot_name(300), 5_000);
    let files = |disk: &SimulatedDisk| -> Vec<_> {
        let names = disk.files().into_iter();
        names.map(|name| (disk.contents(&name), name)).collect()
    };
    let before = files(&disk);
    let mut replica: Replica<Ladder, _> = replicate(disk.clone(), 400).expect("it is sound");
    assert_eq!((replica.sequence(), replica.warnings().len()), (0, 2));
    advance(&mut replica, 400, usize::MAX, &mut Vec::new()).expect("it is sound");
    assert_eq!(digest(replica.machine()), engine.digest());
    assert!(files(&disk) == before);
    // An entry that was acknowledged and is gone is damage, and the replica stays where it was.
    let lost = advance(&mut replica, 401, usize::MAX, &mut Vec::new());
    let is_damage = |error| matches!(error, EngineError::Journal(JournalError::Damaged { .. }));
    assert!(lost.is_err_and(is_damage));
    assert_eq!(digest(replica.machine()), engine.digest());
}

#[test]
fn a_replica_in_another_thread_keeps_up() {
    const LAST: u64 = 6_000;
    let folder = Temporary::new();
    let directory = Directory::open(folder.path()).expect("it is there");
    let mut engine = start(directory.clone(), options(50));
    let reached = std::thread::scope(|scope| {
        let follower = scope.spawn(|| {
            let mut replica: Replica<Ladder, _> =
                replicate(directory.clone(), 0).expect("it is sound");
            let mut told = 0;
            while replica.sequence() < LAST {
                let watermark = replica.watermark().expect("it is sound");
                let count = replica.advance(watermark, 64, &mut |_, _, _| told += 1);
                if count.expect("it is sound") == 0 {
                    std::thread::yield_now();
                }
            }
            assert!(told > LAST);
            digest(replica.machine())
        });
        let mut flow = Flow::new(3);
        for _ in 0..LAST {
            let _ticket = engine.submit(&flow.next()).expect("it is taken");
            engine.release(&mut |_, _| {});
        }
        engine.commit().expect("it is written");
        follower.join().expect("it does not panic")
    });
    assert_eq!(reached, engine.digest());
}
