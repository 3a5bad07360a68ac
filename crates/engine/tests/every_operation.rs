//! One short history, struck at every single operation on the disk in turn: by a stop and by an error, at each write,
//! each sync, each rename; then killed or cut off. What the seeded histories reach by chance is reached here by
//! counting.

mod common;

use common::{config, digest_after, Workload};
use proofbook_book::Reference;
use proofbook_books::Ladder;
use proofbook_engine::{inspect, recover, Engine, EngineError, Verification};
use proofbook_journal::simulated::{Crash, Plan, SimulatedClock, SimulatedDisk};
use proofbook_journal::{JournalError, Options, SyncPolicy, RECORD_BYTES};
use proofbook_types::Command;

const COMMANDS: usize = 40;

fn options(policy: SyncPolicy) -> Options {
    Options {
        policy,
        segment_bytes_max: 512 + 12 * RECORD_BYTES as u64,
    }
}

/// Runs the history; the number of commands submitted, and of those acknowledged.
fn run(
    disk: &SimulatedDisk,
    options: Options,
    commands: &[Command],
) -> (usize, u64, Result<(), EngineError>) {
    let clock = SimulatedClock::default();
    let mut submitted = 0;
    let created = Engine::create(disk.clone(), clock, config(), options, Ladder::default());
    let mut engine = match created {
        Ok(engine) => engine,
        Err(error) => return (0, 0, Err(error)),
    };
    for command in commands {
        submitted += 1;
        let mut result = engine.submit(command).map(|_| ());
        if result.is_ok() && submitted % 15 == 0 {
            result = engine.snapshot().map(|_| ());
        }
        if result.is_err() {
            return (submitted, engine.acknowledged(), result);
        }
    }
    let acknowledged = engine.acknowledged();
    match engine.close(&mut |_, _| {}) {
        Ok(()) => (submitted, submitted as u64, Ok(())),
        Err(error) => (submitted, acknowledged, Err(error)),
    }
}

/// Holds what is left on the disk against what was promised.
fn verify(
    disk: &SimulatedDisk,
    commands: &[Command],
    submitted: usize,
    acknowledged: u64,
    place: &str,
) {
    let report = match recover(disk.clone(), Reference::new) {
        Ok((_, report)) => report,
        Err(EngineError::Journal(JournalError::Missing { .. })) => {
            assert_eq!(acknowledged, 0, "{place}: the log is gone");
            return;
        }
        Err(error) => panic!("{place}: {error}"),
    };
    let last = report.last_sequence as usize;
    assert!(
        acknowledged as usize <= last && last <= submitted,
        "{place}: {acknowledged} acknowledged, {last} recovered, {submitted} submitted"
    );
    assert_eq!(report.digest, digest_after(&commands[..last]), "{place}");
    // What was recovered stays, whatever comes next.
    disk.restart(Crash::PowerCut);
    let (_, again) =
        inspect(disk, Ladder::default).unwrap_or_else(|error| panic!("{place}: {error}"));
    assert_eq!(
        (again.digest, again.truncated),
        (report.digest, None),
        "{place}"
    );
}

fn strike_everywhere(policy: SyncPolicy) {
    let commands = Workload::new(11).take(COMMANDS);
    let clean = SimulatedDisk::new(1);
    let (_, _, result) = run(&clean, options(policy), &commands);
    result.expect("nothing is wrong");
    let operations = clean.operations();
    assert!(operations > 50, "{operations} operations");
    let crashes = [
        Crash::Kill,
        Crash::PowerCut,
        Crash::PowerCut,
        Crash::PowerCut,
    ];
    for at in 1..=operations {
        for (index, crash) in crashes.into_iter().enumerate() {
            for is_stop in [true, false] {
                let seed = at * 10 + index as u64;
                let place =
                    format!("{policy:?}, operation {at}, stop {is_stop}, {crash:?}, seed {seed}");
                let disk = SimulatedDisk::new(seed);
                disk.set_plan(Plan {
                    stop_at: is_stop.then_some(at),
                    fail_at: (!is_stop).then_some(at),
                    ..Plan::default()
                });
                let (submitted, acknowledged, result) = run(&disk, options(policy), &commands);
                assert!(result.is_err(), "{place}: passed over");
                disk.restart(crash);
                verify(&disk, &commands, submitted, acknowledged, &place);
            }
        }
    }
}

#[test]
fn every_command_synced() {
    strike_everywhere(SyncPolicy::EveryCommand);
}

#[test]
fn groups() {
    strike_everywhere(SyncPolicy::Group {
        commands_max: 5,
        delay_ns_max: u64::MAX,
    });
}

/// Recovery itself is struck at each of its operations, and then done again.
#[test]
fn recovery_can_be_repeated() {
    let commands = Workload::new(12).take(COMMANDS);
    let policy = SyncPolicy::Group {
        commands_max: 16,
        delay_ns_max: u64::MAX,
    };
    let mut struck = 0;
    for seed in 1..=12 {
        for at in 1..=200 {
            let disk = SimulatedDisk::new(seed * 1000 + at);
            disk.set_plan(Plan {
                stop_at: Some(30 + seed),
                ..Plan::default()
            });
            let (submitted, acknowledged, _) = run(&disk, options(policy), &commands);
            disk.restart(if seed % 2 == 0 {
                Crash::Kill
            } else {
                Crash::PowerCut
            });
            disk.set_plan(Plan {
                stop_at: (at % 2 == 0).then_some(at / 2),
                fail_at: (at % 2 == 1).then_some(at / 2 + 1),
                ..Plan::default()
            });
            let opened = Engine::open(
                disk.clone(),
                SimulatedClock::default(),
                options(policy),
                Verification::SinceSnapshot,
                Ladder::default,
            );
            let place = format!("seed {seed}, recovery's operation {at}");
            let Err(error) = opened else {
                break;
            };
            assert!(
                matches!(error, EngineError::Journal(JournalError::Io { .. })),
                "{place}: {error}"
            );
            struck += 1;
            disk.restart(Crash::PowerCut);
            verify(&disk, &commands, submitted, acknowledged, &place);
        }
    }
    assert!(struck > 100, "{struck}");
}
