//! Crashes of a simulated machine, anywhere: nothing acknowledged is lost, nothing is doubled, and the state is
//! exactly that of the surviving commands.
//!
//! A history runs a market on one disk through several lives. In each, commands go in until the plan stops the
//! machine or fails an operation; then the disk restarts, killed or cut off, and the market is opened again. What was
//! submitted behind the surviving commands is forgotten, and other commands follow, so that a command that comes back
//! later does not go unnoticed. With `PROOFBOOK_SOAK` set, 100,000 crashes instead of 2,000.

mod common;

use std::collections::VecDeque;

use common::{config, digest_after, is_soak, market_after, Workload};
use proofbook_book::Reference;
use proofbook_books::Ladder;
use proofbook_engine::{inspect, Engine, EngineError, Verification};
use proofbook_journal::simulated::{Crash, Plan, Random, SimulatedClock, SimulatedDisk};
use proofbook_journal::{scan, JournalError, Options, SyncPolicy, RECORD_BYTES};
use proofbook_matching::MatchingEngine;
use proofbook_types::{Command, Event};

const LIVES: u64 = 8;
const COMMANDS_PER_LIFE: u64 = 150;

type SimulatedEngine = Engine<Ladder, SimulatedDisk, SimulatedClock>;

/// What the tests of many histories add up, to show that the faults did happen.
#[derive(Debug, Default)]
struct Tally {
    crashes: u64,
    failures: u64,
    torn_tails: u64,
    lost_unacknowledged: u64,
    survived_unacknowledged: u64,
    damage_reports: u64,
    flips: u64,
    from_snapshot: u64,
    many_segments: u64,
    commands: u64,
}

/// How a life ended.
enum End {
    /// All commands were taken and the journal was closed.
    Closed,
    /// The plan struck.
    Struck,
    /// The journal does not open, because it is damaged.
    Damaged,
}

struct History {
    seed: u64,
    random: Random,
    workload: Workload,
    disk: SimulatedDisk,
    clock: SimulatedClock,
    options: Options,
    /// What the journal must hold a prefix of.
    submitted: Vec<Command>,
    acknowledged: u64,
    /// Whether acknowledged commands may go with the power: the policy promises no more.
    may_lose: bool,
    last_crash: Crash,
}

/// The commands in the journal.
fn commands_in(disk: &SimulatedDisk) -> Vec<Command> {
    let mut commands = Vec::new();
    scan(disk, 0, &mut |_, command, _| commands.push(*command)).expect("it has just been opened");
    commands
}

fn is_damage(error: &EngineError) -> bool {
    matches!(error, EngineError::Journal(JournalError::Damaged { .. }))
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let policy = match random.below(5) {
            0 => SyncPolicy::EveryCommand,
            1 => SyncPolicy::None,
            _ => SyncPolicy::Group {
                commands_max: 1 + random.below(24),
                delay_ns_max: 10 + random.below(100),
            },
        };
        let segment_records = 4 + random.below(120);
        History {
            seed,
            workload: Workload::new(random.next_number()),
            disk: SimulatedDisk::new(random.next_number()),
            random,
            clock: SimulatedClock::default(),
            options: Options {
                policy,
                segment_bytes_max: 512 + segment_records * RECORD_BYTES as u64,
            },
            submitted: Vec::new(),
            acknowledged: 0,
            may_lose: policy == SyncPolicy::None,
            last_crash: Crash::Kill,
        }
    }

    fn plan(&mut self) -> Plan {
        let random = &mut self.random;
        let at = 1 + random.below(120);
        let mut plan = Plan {
            short_one_in: [0, 0, 3, 20][random.below(4) as usize],
            ..Plan::default()
        };
        match random.below(8) {
            0 | 1 => plan.fail_at = Some(at),
            2 => plan.capacity_bytes = Some(2048 + random.below(40_000)),
            _ => plan.stop_at = Some(at),
        }
        plan
    }

    /// Opens the market, or starts it, and holds what comes back against what was submitted.
    fn open(&mut self, tally: &mut Tally) -> Result<SimulatedEngine, EngineError> {
        let verification = if self.random.one_in(2) {
            Verification::WholeLog
        } else {
            Verification::SinceSnapshot
        };
        let opened = Engine::open(
            self.disk.clone(),
            self.clock.clone(),
            self.options,
            verification,
            Ladder::default,
        );
        let (engine, report) = match opened {
            Err(EngineError::Journal(JournalError::Missing { .. })) => {
                assert_eq!(self.acknowledged, 0, "seed {}: the log is gone", self.seed);
                self.submitted.clear();
                let (disk, clock) = (self.disk.clone(), self.clock.clone());
                return Engine::create(disk, clock, config(), self.options, Ladder::default());
            }
            Err(error) => return Err(error),
            Ok(opened) => opened,
        };
        let seed = self.seed;
        let last = report.last_sequence;
        assert!(
            last >= self.acknowledged,
            "seed {seed}: {} acknowledged, {last} recovered\n{report}",
            self.acknowledged
        );
        let survivors = &self.submitted[..last as usize];
        assert_eq!(report.digest, digest_after(survivors), "seed {seed}");
        assert_eq!(report.digest, engine.digest(), "seed {seed}");
        engine
            .matching()
            .check()
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(
            engine.acknowledged(),
            last,
            "seed {seed}: it is durable now"
        );
        tally.torn_tails += u64::from(report.truncated.is_some());
        tally.from_snapshot += u64::from(report.snapshot.is_some());
        tally.many_segments += u64::from(report.segments > 1);
        tally.lost_unacknowledged += u64::from(last < self.submitted.len() as u64);
        tally.survived_unacknowledged += u64::from(last > self.acknowledged);
        self.submitted.truncate(last as usize);
        self.acknowledged = last;
        Ok(engine)
    }

    /// One life: from opening to a crash, a failure or closing.
    fn live(&mut self, tally: &mut Tally) -> Result<(), EngineError> {
        let mut engine = self.open(tally)?;
        let mut model = market_after(&self.submitted);
        let mut expected = VecDeque::new();
        let mut result = Ok(());
        for _ in 0..COMMANDS_PER_LIFE {
            result = self.step(&mut engine, &mut model, &mut expected);
            // The claim is the engine's; what it released is part of it.
            assert!(
                engine.acknowledged() >= self.acknowledged,
                "seed {}",
                self.seed
            );
            self.acknowledged = engine.acknowledged();
            if result.is_err() {
                break;
            }
        }
        if engine.journal().poisoned().is_some() && !self.disk.is_stopped() {
            self.stays_poisoned(&mut engine);
        }
        result?;
        let seed = self.seed;
        engine.close(&mut |sequence, event| {
            assert_eq!(expected.pop_front(), Some((sequence, event)), "seed {seed}");
        })?;
        assert!(expected.is_empty(), "seed {seed}: events are missing");
        self.acknowledged = self.submitted.len() as u64;
        Ok(())
    }

    fn step(
        &mut self,
        engine: &mut SimulatedEngine,
        model: &mut MatchingEngine<Reference>,
        expected: &mut VecDeque<(u64, Event)>,
    ) -> Result<(), EngineError> {
        let seed = self.seed;
        self.clock.advance(self.random.below(20));
        let count = if self.random.one_in(5) {
            self.random.below(40)
        } else {
            1
        };
        let first = self.submitted.len();
        for _ in 0..count {
            let command = self.workload.next_command();
            self.submitted.push(command);
            let sequence = self.submitted.len() as u64;
            model.apply(&command, &mut |event: Event| {
                expected.push_back((sequence, event));
            });
        }
        let mut released = Vec::new();
        let mut keep = |sequence: u64, event: Event| released.push((sequence, event));
        let result = match (count, self.random.below(40)) {
            (1, 0) => engine
                .submit(&self.submitted[first])
                .and_then(|_| engine.commit()),
            (1, 1) => engine
                .submit(&self.submitted[first])
                .and_then(|_| engine.snapshot())
                .map(|_| ()),
            (1, _) => engine
                .submit(&self.submitted[first])
                .and_then(|_| engine.poll()),
            _ => engine.submit_batch(&self.submitted[first..], &mut keep),
        };
        engine.release(&mut keep);
        for event in released {
            assert!(
                event.0 <= engine.acknowledged(),
                "seed {seed}: released too early"
            );
            assert_eq!(expected.pop_front(), Some(event), "seed {seed}");
        }
        result
    }

    /// After a failure nothing is taken or acknowledged, however well the disk works again.
    fn stays_poisoned(&self, engine: &mut SimulatedEngine) {
        self.disk.set_plan(Plan::default());
        let before = self.disk.files();
        for _ in 0..3 {
            let sweep = &self.submitted[0];
            let results = [
                engine.submit(sweep).map(|_| ()),
                engine.commit(),
                engine.poll(),
                engine.snapshot().map(|_| ()),
            ];
            for result in results {
                assert!(
                    matches!(
                        result,
                        Err(EngineError::Journal(JournalError::Poisoned { .. }))
                    ),
                    "seed {}: {result:?}",
                    self.seed
                );
            }
            engine.release(&mut |_, _| panic!("seed {}: released when poisoned", self.seed));
            assert_eq!(
                engine.acknowledged(),
                self.acknowledged,
                "seed {}",
                self.seed
            );
        }
        assert_eq!(self.disk.files(), before);
        assert_eq!(
            self.disk.operations(),
            0,
            "seed {}: the disk was touched",
            self.seed
        );
    }

    /// A flipped bit is reported or takes nothing away.
    fn flip_bits(&mut self, tally: &mut Tally) {
        let Ok((_, clean)) = inspect(&self.disk, Reference::new) else {
            return;
        };
        let files = self.disk.files();
        for _ in 0..4 {
            let name = &files[self.random.below(files.len() as u64) as usize];
            let bits = self
                .disk
                .contents(name)
                .map_or(0, |bytes| bytes.len() as u64 * 8);
            if bits == 0 {
                continue;
            }
            let bit = self.random.below(bits);
            self.disk.flip(name, bit);
            let place = format!("seed {}: bit {bit} of {name}", self.seed);
            match inspect(&self.disk, Reference::new) {
                Ok((_, report)) => {
                    assert_eq!(report.digest, clean.digest, "{place}");
                    assert_eq!(report.last_sequence, clean.last_sequence, "{place}");
                    let is_told = !report.warnings.is_empty()
                        || clean.truncated.is_some()
                        || name.ends_with(".unfinished");
                    assert!(is_told, "{place}: passed in silence\n{report}");
                }
                Err(error) => assert!(is_damage(&error), "{place}: {error}"),
            }
            self.disk.flip(name, bit);
            tally.flips += 1;
        }
    }

    fn end(&mut self, tally: &mut Tally) -> End {
        match self.live(tally) {
            Ok(()) => End::Closed,
            Err(error) if is_damage(&error) => {
                assert!(
                    self.last_crash == Crash::PowerCutTearing,
                    "seed {}: {error}",
                    self.seed
                );
                End::Damaged
            }
            Err(error) => {
                let is_storage = matches!(
                    error,
                    EngineError::Journal(JournalError::Io { .. } | JournalError::Poisoned { .. })
                );
                assert!(is_storage, "seed {}: {error}", self.seed);
                End::Struck
            }
        }
    }

    fn run(mut self, crashes: &[Crash], tally: &mut Tally) {
        for _ in 0..LIVES {
            let plan = self.plan();
            self.disk.set_plan(plan);
            let end = self.end(tally);
            // A sync that failed may have dropped what the system had.
            let has_failed = matches!(end, End::Struck) && !self.disk.is_stopped();
            match end {
                End::Closed => {}
                End::Struck if self.disk.is_stopped() => tally.crashes += 1,
                End::Struck => tally.failures += 1,
                End::Damaged => {
                    tally.damage_reports += 1;
                    return;
                }
            }
            let crash = crashes[self.random.below(crashes.len() as u64) as usize];
            self.disk.restart(crash);
            self.last_crash = crash;
            if self.may_lose && (crash != Crash::Kill || has_failed) {
                // The log's last sync is the only promise; that the rest is a prefix is checked all the same.
                self.acknowledged = 0;
            }
            self.flip_bits(tally);
        }
        // A last life without any fault: everything is in order.
        self.disk.set_plan(Plan::default());
        match self.end(tally) {
            End::Closed => {}
            End::Struck => panic!("seed {}: it fails without a fault", self.seed),
            End::Damaged => {
                tally.damage_reports += 1;
                return;
            }
        }
        assert_eq!(
            commands_in(&self.disk),
            self.submitted,
            "seed {}",
            self.seed
        );
        tally.commands += self.submitted.len() as u64;
    }
}

fn first_seed() -> u64 {
    std::env::var("PROOFBOOK_SEED").map_or(1, |seed| seed.parse().expect("a number"))
}

fn run_histories(crash_points: u64, crashes: &[Crash]) -> Tally {
    let mut tally = Tally::default();
    let mut seed = first_seed();
    while tally.crashes < crash_points {
        History::new(seed).run(crashes, &mut tally);
        seed += 1;
    }
    println!("seeds {}..{seed}: {tally:?}", first_seed());
    tally
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled() {
    let crash_points = if is_soak() { 100_000 } else { 2_000 };
    let tally = run_histories(
        crash_points,
        &[Crash::Kill, Crash::PowerCut, Crash::PowerCut],
    );
    assert_eq!(
        tally.damage_reports, 0,
        "a crash alone never looks like damage"
    );
    // The faults that this is about did happen.
    for count in [
        tally.failures,
        tally.torn_tails,
        tally.lost_unacknowledged,
        tally.survived_unacknowledged,
        tally.from_snapshot,
        tally.many_segments,
        tally.flips,
    ] {
        assert!(count >= crash_points / 50, "{tally:?}");
    }
}

#[test]
fn a_disk_that_tears_sectors_is_reported_and_loses_nothing() {
    let crash_points = if is_soak() { 20_000 } else { 400 };
    let tally = run_histories(crash_points, &[Crash::PowerCutTearing]);
    assert!(tally.damage_reports > 0, "{tally:?}");
}
