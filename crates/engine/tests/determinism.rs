//! One log, one state: over both books, in every build, from every snapshot, alone or in batches.

mod common;

use common::{config, digest_after, is_soak, market_after, Workload};
use proofbook_book::Reference;
use proofbook_books::Ladder;
use proofbook_engine::{digest, inspect, state_bytes, Engine, EngineError, Verification};
use proofbook_journal::simulated::{SimulatedClock, SimulatedDisk};
use proofbook_journal::{
    snapshot_name, snapshots, JournalError, Options, Storage, SyncPolicy, RECORD_BYTES,
    SNAPSHOT_HEADER_BYTES,
};
use proofbook_matching::MatchingEngine;
use proofbook_types::{Command, Event};

type LadderEngine = Engine<Ladder, SimulatedDisk, SimulatedClock>;

fn options() -> Options {
    Options {
        policy: SyncPolicy::Group {
            commands_max: 64,
            delay_ns_max: u64::MAX,
        },
        segment_bytes_max: 512 + 500 * RECORD_BYTES as u64,
    }
}

fn create(disk: &SimulatedDisk) -> LadderEngine {
    Engine::create(
        disk.clone(),
        SimulatedClock::default(),
        config(),
        options(),
        Ladder::default(),
    )
    .expect("the disk is new")
}

fn open(
    disk: &SimulatedDisk,
    verification: Verification,
) -> (LadderEngine, proofbook_engine::RecoveryReport) {
    Engine::open(
        disk.clone(),
        SimulatedClock::default(),
        options(),
        verification,
        Ladder::default,
    )
    .expect("the disk is sound")
}

fn hexadecimal(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digest of this log's state, whatever builds and runs it: `cargo test` and `cargo test --release` must agree.
/// It changes only with the rules, the encodings or the workload above.
#[test]
fn every_build_and_book_gives_one_digest() {
    let commands = Workload::new(2026).take(100_000);
    let expected = digest_after(&commands);
    let mut ladder = MatchingEngine::new(config(), Ladder::default()).expect("it is a market");
    let mut events = 0u64;
    for command in &commands {
        ladder.apply(command, &mut |_: Event| events += 1);
    }
    assert_eq!(digest(&ladder), expected);
    assert!(events > 100_000, "{events}");
    assert_eq!(
        hexadecimal(&expected),
        "eccaec9b71ea9a1efe945371a00c465fcf855feb3c39568b922dd30b0c085db0"
    );
}

/// A snapshot at every cut, and the log behind it, give the state that the whole log gives.
#[test]
fn a_snapshot_and_its_tail_give_the_same_state() {
    let count = if is_soak() { 100_000 } else { 5_000 };
    let commands = Workload::new(31).take(count);
    let disk = SimulatedDisk::new(31);
    let mut engine = create(&disk);
    let mut cuts = 0;
    for (index, piece) in commands.chunks(97).enumerate() {
        engine
            .submit_batch(piece, &mut |_, _| {})
            .expect("the disk is sound");
        engine.snapshot().expect("the disk is sound");
        let sofar = &commands[..(index * 97 + piece.len())];
        // Reopened from the snapshot before the newest, so that there is a tail.
        let newest = snapshots(&disk).expect("the disk is sound")[0];
        if index > 0 {
            disk.remove(&snapshot_name(newest)).expect("it is there");
        }
        drop(engine);
        let verification = if index % 2 == 0 {
            Verification::WholeLog
        } else {
            Verification::SinceSnapshot
        };
        let (opened, report) = open(&disk, verification);
        assert_eq!(report.digest, digest_after(sofar), "cut {index}");
        assert!(report.snapshot.is_some(), "cut {index}");
        assert_eq!(
            report.replayed,
            if index > 0 { piece.len() as u64 } else { 0 }
        );
        engine = opened;
        engine.snapshot().expect("the disk is sound");
        cuts += 1;
    }
    assert!(cuts > 50);
}

#[test]
fn one_at_a_time_and_in_batches_give_the_same_log_and_events() {
    let commands = Workload::new(32).take(3_000);
    let (single, batched) = (SimulatedDisk::new(1), SimulatedDisk::new(2));
    let mut engine = create(&single);
    let mut expected = Vec::new();
    for command in &commands {
        let _ticket = engine.submit(command).expect("the disk is sound");
        engine.release(&mut |sequence, event| expected.push((sequence, event)));
    }
    engine
        .close(&mut |sequence, event| expected.push((sequence, event)))
        .expect("the disk is sound");
    let mut engine = create(&batched);
    let mut events = Vec::new();
    for piece in commands.chunks(701) {
        engine
            .submit_batch(piece, &mut |sequence, event| events.push((sequence, event)))
            .expect("the disk is sound");
    }
    engine
        .close(&mut |sequence, event| events.push((sequence, event)))
        .expect("the disk is sound");
    assert_eq!(events, expected);
    for name in single.files() {
        assert_eq!(single.contents(&name), batched.contents(&name), "{name}");
    }
    // Whoever has seen the events up to some command gets exactly the others from the log.
    for seen in [0, 1, 1_499, 2_999, 3_000] {
        let mut replayed = Vec::new();
        let (_, _) = Engine::open_with_events(
            batched.clone(),
            SimulatedClock::default(),
            options(),
            Verification::SinceSnapshot,
            Ladder::default,
            seen,
            &mut |sequence, event| replayed.push((sequence, event)),
        )
        .expect("the disk is sound");
        let rest: Vec<_> = expected
            .iter()
            .filter(|(sequence, _)| *sequence > seen)
            .copied()
            .collect();
        assert_eq!(replayed, rest, "after {seen}");
    }
}

#[test]
fn a_restored_market_is_the_market() {
    let mut workload = Workload::new(33);
    let mut commands = Vec::new();
    for _ in 0..60 {
        commands.extend(workload.take(50));
        let market = market_after(&commands);
        let state = state_bytes(&market);
        let restored = MatchingEngine::restore(&state, Ladder::default()).expect("it is a state");
        assert_eq!(state_bytes(&restored), state);
        restored.check().expect("it is sound");
    }
}

/// Two snapshots and a tail behind them.
fn with_snapshots(seed: u64) -> (SimulatedDisk, Vec<Command>) {
    let commands = Workload::new(seed).take(900);
    let disk = SimulatedDisk::new(seed);
    let mut engine = create(&disk);
    for piece in commands.chunks(300) {
        engine
            .submit_batch(&piece[..200], &mut |_, _| {})
            .expect("the disk is sound");
        engine.snapshot().expect("the disk is sound");
        engine
            .submit_batch(&piece[200..], &mut |_, _| {})
            .expect("the disk is sound");
    }
    engine.close(&mut |_, _| {}).expect("the disk is sound");
    (disk, commands)
}

#[test]
fn a_damaged_snapshot_is_passed_over_loudly() {
    let (disk, commands) = with_snapshots(41);
    assert_eq!(snapshots(&disk).expect("the disk is sound"), [800, 500]);
    let expected = digest_after(&commands);
    let inspect = |disk: &SimulatedDisk| inspect(disk, Reference::new).expect("the log is sound").1;
    let clean = inspect(&disk);
    assert_eq!(
        (clean.snapshot, clean.digest, clean.warnings.len()),
        (Some(800), expected, 0)
    );
    let newest = snapshot_name(800);
    let bits = disk
        .contents(&newest)
        .map_or(0, |bytes| bytes.len() as u64 * 8);
    let header_bits = SNAPSHOT_HEADER_BYTES as u64 * 8;
    for bit in (0..header_bits).chain((header_bits..bits).step_by(61)) {
        disk.flip(&newest, bit);
        let report = inspect(&disk);
        assert_eq!(
            (report.snapshot, report.digest),
            (Some(500), expected),
            "bit {bit}"
        );
        assert_eq!(report.warnings.len(), 1, "bit {bit}: {report}");
        disk.flip(&newest, bit);
    }
    // Both damaged, one of them cut short: the log alone.
    disk.flip(&newest, 9999);
    let older = snapshot_name(500);
    let mut short = disk.contents(&older).expect("it is there");
    short.pop();
    disk.put(&older, short);
    let report = inspect(&disk);
    assert_eq!((report.snapshot, report.digest), (None, expected));
    assert_eq!((report.warnings.len(), report.replayed), (2, 900));
}

#[test]
fn a_snapshot_of_another_log_is_passed_over() {
    let (disk, commands) = with_snapshots(42);
    let (other, _) = with_snapshots(43);
    let newest = snapshot_name(800);
    disk.put(&newest, other.contents(&newest).expect("it is there"));
    for verification in [Verification::WholeLog, Verification::SinceSnapshot] {
        let (engine, report) = open(&disk, verification);
        assert_eq!(
            (report.snapshot, engine.digest()),
            (Some(500), digest_after(&commands))
        );
        assert_eq!(report.warnings.len(), 1, "{report}");
    }
}

#[test]
fn a_log_that_ends_before_its_snapshot_is_damaged() {
    let (disk, _) = with_snapshots(44);
    // The watermark goes too: the snapshot alone tells.
    disk.remove("acknowledged").expect("it is there");
    let mut names = disk.files();
    names.retain(|name| name.starts_with("commands-"));
    disk.remove(&names[names.len() - 1]).expect("it is there");
    let result = inspect(&disk, Reference::new).map(|(_, report)| report);
    assert!(
        matches!(
            &result,
            Err(EngineError::Journal(JournalError::Damaged { .. }))
        ),
        "{result:?}"
    );
}
