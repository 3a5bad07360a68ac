//! The log is the exchange: the same state and the same outcomes from the log, from a snapshot and what follows it, and
//! after crashes of a simulated machine at any operation. Followers' journals lead to the same markets.
//! With `PROOFBOOK_SOAK` set, fifty times as many crashes.

mod common;

use common::{core, terms, Core, Flow};
use proofbook_books::Ladder;
use proofbook_engine::{digest, recover, EngineError, Verification};
use proofbook_exchange::{
    create, open, snapshot, Entry, Exchange, ExchangeEngine, FollowError, Follower, MarketId,
    Outcome,
};
use proofbook_journal::simulated::{Crash, Plan, Random, SimulatedClock, SimulatedDisk};
use proofbook_journal::{
    read_log, snapshots, JournalError, Options, SyncPolicy, Terms, HEADER_BYTES,
};

type Engine = ExchangeEngine<Ladder, SimulatedDisk, SimulatedClock>;

fn entries(seed: u64, count: usize) -> Vec<Entry> {
    let mut flow = Flow::new(seed);
    (0..count).map(|_| flow.next()).collect()
}

/// Every outcome, with its entry's number, and the digest after each entry.
fn plain(entries: &[Entry]) -> (Vec<(u64, Outcome)>, Vec<[u8; 32]>) {
    let mut core = core();
    let mut outcomes = Vec::new();
    let mut digests = vec![digest(&core)];
    for (number, entry) in (1..).zip(entries) {
        core.apply(entry, &mut |outcome| outcomes.push((number, outcome)));
        digests.push(digest(&core));
    }
    (outcomes, digests)
}

fn group(entries: u64, segment_records: u64) -> Options {
    Options {
        policy: SyncPolicy::Group {
            commands_max: entries,
            delay_ns_max: 100,
        },
        segment_bytes_max: (HEADER_BYTES + segment_records as usize * 256) as u64,
    }
}

fn start(disk: &SimulatedDisk, options: Options) -> Result<Engine, EngineError> {
    create(disk.clone(), SimulatedClock::default(), terms(), options)
}

fn reopen(
    disk: &SimulatedDisk,
    options: Options,
    verification: Verification,
    after: u64,
    sink: &mut impl FnMut(u64, Outcome),
) -> Result<Engine, EngineError> {
    let clock = SimulatedClock::default();
    open(disk.clone(), clock, options, verification, after, sink).map(|(engine, _)| engine)
}

#[test]
fn a_record_of_the_log_has_the_place_that_the_text_gives_it() {
    let disk = SimulatedDisk::new(1);
    let options = group(4, 1 << 20);
    let mut engine = start(&disk, options).expect("it is new");
    let entries = entries(1, 40);
    for entry in &entries {
        let _ticket = engine.submit(entry).expect("it is taken");
    }
    engine.close(&mut |_, _| {}).expect("it closes");
    let file = disk
        .contents("commands-00000000000000000001.log")
        .expect("it is there");
    assert_eq!(file.len(), 512 + 40 * 256);
    assert_eq!(&file[..8], b"PROOFXCH");
    assert_eq!(file[12..16], 256u32.to_le_bytes());
    let mut bytes = [0; 32];
    terms().encode_terms(&mut bytes);
    assert_eq!(&file[56..88], &bytes);
    assert!(file[88..480].iter().all(|&byte| byte == 0));
    let record = |index: usize| &file[512 + index * 256..][..256];
    for (index, entry) in entries.iter().enumerate() {
        let this = record(index);
        assert_eq!(this[..8], (index as u64 + 1).to_le_bytes());
        assert_eq!(this[8..208], entry.encode());
        if index + 1 < entries.len() {
            let mut words = [[0; 8]; 2];
            words[0].copy_from_slice(&this[240..248]);
            words[1].copy_from_slice(&record(index + 1)[208..216]);
            let [durable, link] = words.map(u64::from_le_bytes);
            let spread = durable.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            assert_eq!(this[248..], link.wrapping_add(spread).to_le_bytes());
        }
    }
}

#[test]
fn log_and_snapshot_lead_to_the_same_state_and_outcomes() {
    for seed in 0..6 {
        println!("seed {seed}");
        let mut random = Random::new(seed);
        let entries = entries(seed, 1_200);
        let (outcomes, digests) = plain(&entries);
        let disk = SimulatedDisk::new(seed);
        let options = group(1 + random.below(40), 100);
        let mut engine = start(&disk, options).expect("it is new");
        let mut released = Vec::new();
        let cut = random.below(1_200);
        for (index, entry) in entries.iter().enumerate() {
            let _ticket = engine.submit(entry).expect("it is taken");
            engine.release(&mut |number, outcome| released.push((number, outcome)));
            let most = released.last().map_or(0, |(number, _)| *number);
            assert!(most <= engine.acknowledged());
            if index as u64 == cut {
                engine.snapshot().expect("it is written");
            }
        }
        engine
            .close(&mut |number, outcome| released.push((number, outcome)))
            .expect("it closes");
        assert_eq!(released, outcomes);
        for after in [0, cut, cut + 1, random.below(1_200), 1_200] {
            for verification in [Verification::WholeLog, Verification::SinceSnapshot] {
                let mut again = Vec::new();
                let opened = reopen(&disk, options, verification, after, &mut |number, out| {
                    again.push((number, out));
                });
                let engine = opened.expect("it is sound");
                assert_eq!(engine.digest(), digests[1_200]);
                engine.machine().check().expect("everything holds");
                let expected = outcomes.iter().filter(|(number, _)| *number > after);
                assert!(again.iter().eq(expected), "after {after}");
            }
        }
    }
}

#[test]
fn a_state_comes_back_from_its_bytes_at_every_cut_and_goes_on_the_same() {
    for seed in 20..24 {
        println!("seed {seed}");
        let entries = entries(seed, 700);
        let (outcomes, digests) = plain(&entries);
        let mut core = core();
        for (cut, entry) in entries.iter().enumerate() {
            core.apply(entry, &mut |_| {});
            if cut % 37 != 5 {
                continue;
            }
            let mut bytes = Vec::new();
            core.write_state(&mut |piece: &[u8]| bytes.extend_from_slice(piece));
            let mut back: Core = Exchange::restore(&bytes).expect("it was just written");
            let mut rest = Vec::new();
            for (number, entry) in (cut as u64 + 2..).zip(&entries[cut + 1..]) {
                back.apply(entry, &mut |outcome| rest.push((number, outcome)));
            }
            assert_eq!(digest(&back), digests[700], "cut {cut}");
            let expected = outcomes
                .iter()
                .filter(|(number, _)| *number > cut as u64 + 1);
            assert!(rest.iter().eq(expected), "cut {cut}");
        }
    }
}

#[test]
fn no_other_bytes_are_a_state_and_none_make_it_panic() {
    let mut core = core();
    for entry in entries(30, 400) {
        core.apply(&entry, &mut |_| {});
    }
    let mut bytes = Vec::new();
    core.write_state(&mut |piece: &[u8]| bytes.extend_from_slice(piece));
    let before = digest(&core);
    let mut random = Random::new(30);
    let mut taken = 0;
    for _ in 0..3_000 {
        let mut other = bytes.clone();
        match random.below(3) {
            0 => other.truncate(random.below(bytes.len() as u64) as usize),
            1 => other.push(0),
            _ => {
                let at = random.below(bytes.len() as u64) as usize;
                other[at] ^= 1 << random.below(8);
            }
        }
        // What is taken is a state of its own: it holds, and has these bytes.
        if let Ok(state) = Exchange::<Ladder>::restore(&other) {
            state.check().expect("everything holds");
            let mut again = Vec::new();
            state.write_state(&mut |piece: &[u8]| again.extend_from_slice(piece));
            assert!(again == other && digest(&state) != before);
            taken += 1;
        }
    }
    assert!(taken < 1_500, "{taken} of 3000 changed states were taken");
}

/// Runs an exchange through lives that end in crashes; the entries that survive are always a prefix of those submitted,
/// with all that was acknowledged.
fn history(seed: u64) -> [u64; 3] {
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(random.next_number());
    let options = group(1 + random.below(20), 20 + random.below(60));
    let mut flow = Flow::new(random.next_number());
    let mut submitted: Vec<Entry> = Vec::new();
    let mut acknowledged = 0;
    let mut tally = [0; 3];
    for _ in 0..5 {
        disk.set_plan(Plan {
            stop_at: Some(1 + random.below(90)),
            ..Plan::default()
        });
        let verification = [Verification::WholeLog, Verification::SinceSnapshot];
        let verification = verification[random.below(2) as usize];
        let engine = match reopen(&disk, options, verification, 0, &mut |_, _| {}) {
            Err(EngineError::Journal(JournalError::Missing { .. })) => {
                assert_eq!(acknowledged, 0);
                start(&disk, options)
            }
            other => other,
        };
        let mut live = engine;
        if let Ok(engine) = &mut live {
            // Whatever was not acknowledged may be gone; what is there is the beginning of what was submitted.
            let survived = engine.machine().sequence();
            assert!(survived >= acknowledged && survived <= submitted.len() as u64);
            tally[0] += submitted.len() as u64 - survived;
            submitted.truncate(survived as usize);
            let (_, digests) = plain(&submitted);
            assert_eq!(engine.digest(), digests[survived as usize]);
            engine.machine().check().expect("everything holds");
            let mut seen = acknowledged;
            for _ in 0..150 {
                let entry = flow.next();
                submitted.push(entry);
                let has_failed = engine.submit(&entry).is_err()
                    || (random.one_in(40) && engine.snapshot().is_err());
                engine.release(&mut |number, _| seen = seen.max(number));
                assert!(seen <= engine.acknowledged());
                acknowledged = acknowledged.max(engine.acknowledged());
                if has_failed {
                    break;
                }
            }
        }
        tally[1] += u64::from(disk.is_stopped());
        drop(live);
        let crash = if random.one_in(3) {
            Crash::Kill
        } else {
            Crash::PowerCut
        };
        disk.restart(crash);
    }
    let engine = reopen(&disk, options, Verification::WholeLog, 0, &mut |_, _| {});
    match engine {
        Ok(engine) => {
            let survived = engine.machine().sequence();
            assert!(survived >= acknowledged);
            let (_, digests) = plain(&submitted[..survived as usize]);
            assert_eq!(engine.digest(), digests[survived as usize]);
            tally[2] += survived;
        }
        Err(EngineError::Journal(JournalError::Missing { .. })) => assert_eq!(acknowledged, 0),
        Err(error) => panic!("{error}"),
    }
    tally
}

#[test]
fn crashes_lose_nothing_that_was_acknowledged() {
    let factor = if std::env::var_os("PROOFBOOK_SOAK").is_some() {
        50
    } else {
        1
    };
    let mut sum = [0; 3];
    for seed in 0..120 * factor {
        println!("seed {seed}");
        let tally = history(seed);
        for (sum, count) in sum.iter_mut().zip(tally) {
            *sum += count;
        }
    }
    let [lost, stopped, survived] = sum;
    println!(
        "{lost} entries that nobody was told of lost in {stopped} crashes, {survived} survived"
    );
    assert!(lost > 500 && stopped > 300 && survived > 10_000);
}

#[test]
fn a_flipped_bit_of_the_log_is_reported() {
    let disk = SimulatedDisk::new(4);
    let options = group(8, 1 << 20);
    let mut engine = start(&disk, options).expect("it is new");
    for entry in entries(4, 64) {
        let _ticket = engine.submit(&entry).expect("it is taken");
    }
    engine.close(&mut |_, _| {}).expect("it closes");
    let name = "commands-00000000000000000001.log";
    let bits = disk.contents(name).expect("it is there").len() as u64 * 8;
    let mut random = Random::new(4);
    for _ in 0..2_000 {
        let bit = random.below(bits);
        disk.flip(name, bit);
        let result: Result<_, _> =
            read_log::<_, proofbook_exchange::ExchangeTerms>(&disk, 0, &mut |_, _, _| {});
        assert!(
            matches!(result, Err(JournalError::Damaged { .. })),
            "bit {bit}"
        );
        disk.flip(name, bit);
    }
}

fn followers(core: &Core, disks: &[SimulatedDisk]) -> Vec<Follower<SimulatedDisk, SimulatedClock>> {
    (1..)
        .map(MarketId)
        .zip(core.markets())
        .zip(disks)
        .map(|((market, (_, matching)), disk)| {
            let clock = SimulatedClock::default();
            Follower::open(
                disk.clone(),
                clock,
                group(8, 100),
                market,
                *matching.config(),
            )
            .expect("its journal is sound")
        })
        .collect()
}

/// Hands outcomes to all followers.
fn hand(follow: &mut [Follower<SimulatedDisk, SimulatedClock>], outcomes: &[Outcome]) {
    for outcome in outcomes {
        for follower in &mut *follow {
            follower.take(outcome).expect("it is the next");
        }
    }
}

/// An exchange and its followers up to a crash: a snapshot at `cut`, and followers that are behind at the end, each by
/// another number of commands. Gives the digests that the markets had.
fn run_and_crash(
    disk: &SimulatedDisk,
    disks: &[SimulatedDisk; 2],
    entries: &[Entry],
    cut: usize,
) -> Vec<[u8; 32]> {
    let mut engine = start(disk, group(16, 200)).expect("it is new");
    let submit = |engine: &mut Engine, entries: &[Entry]| {
        let mut outcomes = Vec::new();
        for entry in entries {
            let _ticket = engine.submit(entry).expect("it is taken");
        }
        engine.commit().expect("it is durable");
        engine.release(&mut |_, outcome| outcomes.push(outcome));
        outcomes
    };
    let outcomes = submit(&mut engine, &entries[..cut]);
    let mut follow = followers(engine.machine(), disks);
    assert_eq!(follow.len(), 2);
    // One that is behind keeps a snapshot from being taken.
    let error = snapshot(&mut engine, &mut follow).expect_err("they lack commands");
    assert!(matches!(error, FollowError::Gap { .. }), "{error}");
    hand(&mut follow, &outcomes);
    snapshot(&mut engine, &mut follow).expect("all is durable");
    let outcomes = submit(&mut engine, &entries[cut..]);
    hand(&mut follow[..1], &outcomes[..200]);
    hand(&mut follow[1..], &outcomes[..500]);
    let markets = engine.machine().markets();
    markets.map(|(_, matching)| digest(matching)).collect()
}

#[test]
fn followers_write_the_markets_own_journals_and_catch_up_after_a_crash() {
    for seed in 40..44 {
        println!("seed {seed}");
        let entries = entries(seed, 1_000);
        let disk = SimulatedDisk::new(seed);
        let disks = [SimulatedDisk::new(seed + 1), SimulatedDisk::new(seed + 2)];
        let cut = 300 + Random::new(seed).below(200) as usize;
        let digests = run_and_crash(&disk, &disks, &entries, cut);
        for disk in disks.iter().chain([&disk]) {
            disk.restart(Crash::PowerCut);
        }
        let taken = snapshots(&disk).expect("they are listed");
        assert_eq!(taken, [cut as u64]);
        let mut missing = Vec::new();
        let mut sink = |_, outcome| missing.push(outcome);
        let since = Verification::SinceSnapshot;
        let engine = reopen(&disk, group(16, 200), since, cut as u64, &mut sink);
        let mut follow = followers(engine.expect("it is sound").machine(), &disks);
        hand(&mut follow, &missing);
        for follower in &mut follow {
            follower.sync().expect("it is durable");
        }
        drop(follow);
        for (disk, expected) in disks.iter().zip(digests) {
            let (market, _) = recover(disk.clone(), Ladder::default).expect("it is a market's");
            assert_eq!(digest(&market), expected);
        }
    }
}

#[test]
fn a_follower_refuses_gaps_and_other_markets() {
    let mut core = core();
    for entry in entries(50, 200) {
        core.apply(&entry, &mut |_| {});
    }
    let disks = [SimulatedDisk::new(1), SimulatedDisk::new(2)];
    let mut follow = followers(&core, &disks);
    let command = |number| Outcome::Command {
        market: MarketId(1),
        number,
        command: proofbook_types::Command {
            time: proofbook_types::Timestamp(1),
            action: proofbook_types::Action::Sweep,
        },
    };
    follow[0].take(&command(1)).expect("it is the first");
    follow[0].take(&command(1)).expect("it is there already");
    follow[1].take(&command(1)).expect("it is another market's");
    assert_eq!(follow[1].journal().sequence(), 0);
    let error = follow[0]
        .take(&command(3))
        .expect_err("the second is missing");
    assert_eq!(
        error.to_string(),
        "market 1: expected command 2, received 1"
    );
    drop(follow);
    let (_, second) = core.market(MarketId(2)).expect("it is there");
    let opened = Follower::open(
        disks[0].clone(),
        SimulatedClock::default(),
        group(8, 100),
        MarketId(2),
        *second.config(),
    );
    assert!(matches!(
        opened.err(),
        Some(FollowError::OtherMarket { .. })
    ));
}
