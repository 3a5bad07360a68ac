//! When commands are acknowledged, what the files hold to the byte, and what is refused.

use std::fs;
use std::path::PathBuf;

use proofbook_journal::simulated::{Crash, Plan, SimulatedClock, SimulatedDisk};
use proofbook_journal::{
    scan, Chain, Directory, Journal, JournalError, Options, Storage, SyncPolicy, SystemClock,
    WriterLock, HEADER_BYTES, RECORD_BYTES, WATERMARK_BYTES,
};
use proofbook_types::{Action, Command, MarketConfig, OrderId, Timestamp};

const FIRST_SEGMENT: &str = "commands-00000000000000000001.log";

type TestJournal = Journal<SimulatedDisk, SimulatedClock>;

fn cancel(number: u64) -> Command {
    Command {
        time: Timestamp(number),
        action: Action::Cancel {
            order_id: OrderId(number),
        },
    }
}

fn options(policy: SyncPolicy) -> Options {
    Options {
        policy,
        ..Options::default()
    }
}

fn group(commands_max: u64, delay_ns_max: u64) -> Options {
    options(SyncPolicy::Group {
        commands_max,
        delay_ns_max,
    })
}

fn create(disk: &SimulatedDisk, clock: &SimulatedClock, options: Options) -> TestJournal {
    let lock = WriterLock::take(disk.clone()).expect("nobody else has it");
    Journal::create(lock, clock.clone(), MarketConfig::default(), options).expect("it is new")
}

fn resume(disk: &SimulatedDisk, options: Options) -> Result<TestJournal, JournalError> {
    let lock = WriterLock::take(disk.clone())?;
    let scan = scan(disk, 0, &mut |_, _, _| {})?;
    Journal::resume(lock, SimulatedClock::default(), options, &scan)
}

fn start(options: Options) -> (SimulatedDisk, SimulatedClock, TestJournal) {
    let disk = SimulatedDisk::new(1);
    let clock = SimulatedClock::default();
    let journal = create(&disk, &clock, options);
    (disk, clock, journal)
}

/// Where damage is reported.
fn damage(disk: &SimulatedDisk) -> (String, u64) {
    match scan(disk, 0, &mut |_, _, _| {}) {
        Err(JournalError::Damaged { file, offset, .. }) => (file, offset),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_command_is_durable_before_the_next() {
    let (disk, _, mut journal) = start(options(SyncPolicy::EveryCommand));
    for number in 1..=5 {
        let ticket = journal.append(&cancel(number)).expect("the disk is sound");
        assert!(journal.is_acknowledged(ticket));
        assert_eq!((journal.durable(), ticket.sequence()), (number, number));
    }
    // Write, sync and watermark for each command of a batch, too.
    disk.set_plan(Plan::default());
    let batch: Vec<Command> = (6..=9).map(cancel).collect();
    let last = journal.append_batch(&batch).expect("the disk is sound");
    assert!(journal.is_acknowledged(last));
    assert_eq!(disk.operations(), 3 * 4);
}

#[test]
fn a_group_is_acknowledged_by_count() {
    let (disk, _, mut journal) = start(group(3, u64::MAX));
    disk.set_plan(Plan::default());
    let first = journal.append(&cancel(1)).expect("the disk is sound");
    let _second = journal.append(&cancel(2)).expect("the disk is sound");
    assert!(!journal.is_acknowledged(first));
    assert_eq!((journal.acknowledged(), disk.operations()), (0, 0));
    let _third = journal.append(&cancel(3)).expect("the disk is sound");
    assert!(journal.is_acknowledged(first));
    assert_eq!((journal.acknowledged(), disk.operations()), (3, 3));
}

#[test]
fn a_group_is_acknowledged_by_time() {
    let (_, clock, mut journal) = start(group(1000, 50));
    clock.advance(1_000_000);
    let _first = journal.append(&cancel(1)).expect("the disk is sound");
    clock.advance(49);
    journal.poll().expect("the disk is sound");
    assert_eq!(journal.acknowledged(), 0);
    clock.advance(1);
    journal.poll().expect("the disk is sound");
    assert_eq!(journal.acknowledged(), 1);
    // The time is that of the group's first command, and a later command ends the wait as well.
    let _second = journal.append(&cancel(2)).expect("the disk is sound");
    clock.advance(30);
    let _third = journal.append(&cancel(3)).expect("the disk is sound");
    assert_eq!(journal.acknowledged(), 1);
    clock.advance(20);
    let fourth = journal.append(&cancel(4)).expect("the disk is sound");
    assert!(journal.is_acknowledged(fourth));
}

#[test]
fn without_syncs_an_acknowledgement_means_written() {
    let (disk, _, mut journal) = start(options(SyncPolicy::None));
    let ticket = journal.append(&cancel(1)).expect("the disk is sound");
    assert!(!journal.is_acknowledged(ticket), "it is in no file yet");
    journal.commit().expect("the disk is sound");
    assert!(journal.is_acknowledged(ticket));
    assert_eq!(journal.durable(), 0);
    drop(journal);
    disk.restart(Crash::Kill);
    let left = scan(&disk, 0, &mut |_, _, _| {}).expect("it is sound");
    assert_eq!(left.end.sequence, 1);
}

/// A record as it is documented, and the link that it makes.
fn record(number: u64, command: &[u8], before: &[u8; 32], durable: u64) -> (Vec<u8>, [u8; 32]) {
    let linked = [&number.to_le_bytes()[..], command, before].concat();
    let chain = *blake3::hash(&linked).as_bytes();
    let link = u64::from_le_bytes(chain[..8].try_into().expect("eight bytes"));
    let checksum = link.wrapping_add(durable.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let bytes = [&linked[..], &durable.to_le_bytes(), &checksum.to_le_bytes()].concat();
    (bytes, chain)
}

#[test]
fn a_correct_checksum_is_not_enough() {
    let (disk, _, mut journal) = start(group(2, u64::MAX));
    for number in 1..=4 {
        let _ticket = journal.append(&cancel(number)).expect("the disk is sound");
    }
    let chain = journal.chain().0;
    journal.close().expect("the disk is sound");
    let sound = disk.contents(FIRST_SEGMENT).expect("it was written");
    let fifth = |number, command: &[u8], before, durable| {
        let (bytes, _) = record(number, command, before, durable);
        disk.put(FIRST_SEGMENT, [&sound[..], &bytes].concat());
        scan(&disk, 0, &mut |_, _, _| {}).map(|found| found.end.sequence)
    };
    let command = cancel(5).encode();
    assert_eq!(fifth(5, &command, &chain, 4).expect("it is sound"), 5);
    assert_eq!(fifth(5, &command, &chain, 2).expect("it is sound"), 5);
    let mut undefined = command;
    undefined[0] = 99;
    let wrong = [
        ("another number", fifth(6, &command, &chain, 4)),
        ("another link", fifth(5, &command, &[3; 32], 4)),
        ("durable itself", fifth(5, &command, &chain, 5)),
        ("less durable than before", fifth(5, &command, &chain, 1)),
        ("no command", fifth(5, &undefined, &chain, 4)),
    ];
    for (what, result) in wrong {
        match result {
            Err(JournalError::Damaged { offset, .. }) => {
                assert_eq!(offset, 512 + 4 * 128, "{what}")
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn the_bytes_are_those_that_are_documented() {
    let (disk, _, mut journal) = start(group(2, u64::MAX));
    for number in 1..=3 {
        let _ticket = journal.append(&cancel(number)).expect("the disk is sound");
    }
    journal.close().expect("the disk is sound");
    let config = MarketConfig::default().encode();
    let file = disk.contents(FIRST_SEGMENT).expect("it was written");
    assert_eq!(file.len(), HEADER_BYTES + 3 * RECORD_BYTES);
    let genesis = blake3::hash(&[&b"proofbook journal 1"[..], &config].concat());
    let mut header = [
        &b"PROOFJNL"[..],
        &1u32.to_le_bytes(),
        &128u32.to_le_bytes(),
        &1u64.to_le_bytes(),
        genesis.as_bytes(),
        &config,
    ]
    .concat();
    header.resize(480, 0);
    let checksum = blake3::hash(&header);
    header.extend_from_slice(checksum.as_bytes());
    assert_eq!(file[..512], header);
    let mut chain = *genesis.as_bytes();
    for (number, durable) in [(1, 0), (2, 0), (3, 2)] {
        let (bytes, link) = record(number, &cancel(number).encode(), &chain, durable);
        chain = link;
        let at = 512 + (number as usize - 1) * 128;
        assert_eq!(file[at..at + 128], bytes, "record {number}");
    }
    let mut watermark = [&b"PROOFACK"[..], &3u64.to_le_bytes(), &chain, &[0; 8]].concat();
    let checksum = blake3::hash(&watermark);
    watermark.extend_from_slice(&checksum.as_bytes()[..8]);
    assert_eq!(watermark.len(), WATERMARK_BYTES);
    assert_eq!(disk.contents("acknowledged"), Some(watermark));
}

#[test]
fn segments_follow_each_other_and_damage_in_any_is_located() {
    let (disk, _, mut journal) = start(Options {
        segment_bytes_max: 512 + 4 * 128,
        ..group(2, u64::MAX)
    });
    for number in 1..=21 {
        let _ticket = journal.append(&cancel(number)).expect("the disk is sound");
    }
    journal.close().expect("the disk is sound");
    let mut seen = Vec::new();
    let found = scan(&disk, 0, &mut |sequence, command, _| {
        seen.push((sequence, *command))
    })
    .expect("it is sound");
    assert_eq!((found.segments, found.records), (6, 21));
    assert_eq!(
        seen,
        (1..=21)
            .map(|number| (number, cancel(number)))
            .collect::<Vec<_>>()
    );
    // Reading from a snapshot's command on starts with its segment.
    let part = scan(&disk, 13, &mut |_, _, _| {}).expect("it is sound");
    assert_eq!((part.segments, part.records, part.end), (3, 9, found.end));
    let third = "commands-00000000000000000009.log";
    disk.flip(third, (512 + 2 * 128 + 50) * 8);
    assert_eq!(damage(&disk), (third.to_owned(), 512 + 2 * 128));
    disk.flip(third, (512 + 2 * 128 + 50) * 8);
    // A tail belongs to the last segment alone.
    let whole = disk.contents(third).expect("it is there");
    disk.put(third, [&whole[..], &[0; 128]].concat());
    assert_eq!(damage(&disk), (third.to_owned(), 512 + 4 * 128));
    disk.put(third, whole[..512 + 3 * 128].to_vec());
    let fourth = "commands-00000000000000000013.log";
    assert_eq!(damage(&disk), (fourth.to_owned(), 16));
    disk.remove(third).expect("it is there");
    assert_eq!(damage(&disk), (fourth.to_owned(), 16));
}

#[test]
fn a_log_that_ends_before_the_watermark_is_damaged() {
    let (disk, _, mut journal) = start(options(SyncPolicy::EveryCommand));
    for number in 1..=3 {
        let _ticket = journal.append(&cancel(number)).expect("the disk is sound");
    }
    drop(journal);
    let whole = disk.contents(FIRST_SEGMENT).expect("it was written");
    // The end looks clean in each case.
    disk.put(FIRST_SEGMENT, whole[..512 + 2 * 128].to_vec());
    assert_eq!(damage(&disk), (FIRST_SEGMENT.to_owned(), 512 + 2 * 128));
    let mut blank = whole.clone();
    blank[512 + 128..].fill(0);
    disk.put(FIRST_SEGMENT, blank);
    assert_eq!(damage(&disk), (FIRST_SEGMENT.to_owned(), 512 + 128));
    disk.remove(FIRST_SEGMENT).expect("it is there");
    assert_eq!(damage(&disk), (FIRST_SEGMENT.to_owned(), 0));
    let lock = WriterLock::take(disk.clone()).expect("nobody else has it");
    let again = Journal::create(
        lock,
        SimulatedClock::default(),
        MarketConfig::default(),
        Options::default(),
    );
    assert!(matches!(again, Err(JournalError::Damaged { .. })));
    // Another log of the same length is not taken for this one.
    let other = SimulatedDisk::new(2);
    let mut journal = create(
        &other,
        &SimulatedClock::default(),
        options(SyncPolicy::EveryCommand),
    );
    for number in 11..=13 {
        let _ticket = journal.append(&cancel(number)).expect("the disk is sound");
    }
    disk.put(
        FIRST_SEGMENT,
        other.contents(FIRST_SEGMENT).expect("it was written"),
    );
    assert_eq!(damage(&disk), (FIRST_SEGMENT.to_owned(), 512 + 2 * 128));
}

#[test]
fn a_full_disk_poisons_and_the_log_goes_on_once_there_is_room() {
    let (disk, _, mut journal) = start(group(4, u64::MAX));
    disk.set_plan(Plan {
        capacity_bytes: Some(512 + 64 + 6 * 128 + 40),
        ..Plan::default()
    });
    let mut taken = 0;
    let error = loop {
        match journal.append(&cancel(taken + 1)) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    let JournalError::Io { source, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
    assert_eq!((taken, journal.acknowledged()), (7, 4));
    assert!(journal.poisoned().is_some());
    disk.set_plan(Plan::default());
    for result in [
        journal.commit(),
        journal.poll(),
        journal.append(&cancel(9)).map(|_| ()),
    ] {
        assert!(
            matches!(result, Err(JournalError::Poisoned { .. })),
            "{result:?}"
        );
    }
    assert_eq!((journal.acknowledged(), disk.operations()), (4, 0));
    drop(journal);
    // Six records and a part of the seventh reached the disk; the part goes.
    let mut journal = resume(&disk, group(4, u64::MAX)).expect("there is room");
    assert_eq!(journal.sequence(), 6);
    let _ticket = journal.append(&cancel(7)).expect("the disk is sound");
    journal.close().expect("the disk is sound");
    let found = scan(&disk, 0, &mut |_, _, _| {}).expect("it is sound");
    assert_eq!((found.end.sequence, found.tail), (7, None));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (disk, clock, journal) = start(Options::default());
    let second = WriterLock::take(disk.clone());
    assert!(matches!(second, Err(JournalError::Locked { .. })));
    drop(journal);
    let lock = WriterLock::take(disk.clone()).expect("it is free again");
    let config = MarketConfig::default();
    let again = Journal::create(lock, clock.clone(), config, Options::default());
    assert!(matches!(again, Err(JournalError::Exists { .. })));
    let empty = SimulatedDisk::new(3);
    let missing = resume(&empty, Options::default());
    assert!(matches!(missing, Err(JournalError::Missing { .. })));
    let lock = WriterLock::take(empty).expect("nobody else has it");
    let nothing = Journal::create(lock, clock, config, group(0, 1));
    assert!(matches!(
        nothing,
        Err(JournalError::Setting { received: 0, .. })
    ));
}

/// A directory of the file system that goes when the test ends.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let name = format!("{name}-{}", std::process::id());
        Temporary(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_file_system_holds_what_the_simulated_disk_does() {
    let temporary = Temporary::new("journal");
    let directory = Directory::create(temporary.0.join("deep/below")).expect("there is room");
    let lock = WriterLock::take(directory.clone()).expect("nobody else has it");
    let second = WriterLock::take(directory.clone());
    assert!(matches!(second, Err(JournalError::Locked { .. })));
    let small = Options {
        segment_bytes_max: 512 + 4 * 128,
        ..group(3, u64::MAX)
    };
    let config = MarketConfig::default();
    let mut journal = Journal::create(lock, SystemClock::new(), config, small).expect("it is new");
    let (disk, _, mut simulated) = start(small);
    for number in 1..=20 {
        let _ticket = journal.append(&cancel(number)).expect("the disk is sound");
        let _ticket = simulated
            .append(&cancel(number))
            .expect("the disk is sound");
    }
    journal.close().expect("the disk is sound");
    simulated.close().expect("the disk is sound");
    let mut names = directory.names().expect("it is there");
    names.retain(|name| name != "lock");
    names.sort();
    assert_eq!(names, disk.files());
    for name in names {
        let path = temporary.0.join("deep/below").join(&name);
        assert_eq!(
            Some(fs::read(path).expect("it is there")),
            disk.contents(&name)
        );
    }
    // A torn end is cut off, and the log goes on.
    let last = temporary
        .0
        .join("deep/below/commands-00000000000000000019.log");
    let mut bytes = fs::read(&last).expect("it is there");
    bytes.extend_from_slice(&[1; 30]);
    fs::write(&last, bytes).expect("there is room");
    let lock = WriterLock::take(directory.clone()).expect("it is free again");
    let torn = scan(&directory, 0, &mut |_, _, _| {}).expect("it is sound");
    assert_eq!(
        torn.tail.as_ref().map(|tail| (tail.offset, tail.bytes)),
        Some((512 + 2 * 128, 30))
    );
    let mut journal =
        Journal::resume(lock, SystemClock::new(), small, &torn).expect("the disk is sound");
    let _ticket = journal.append(&cancel(21)).expect("the disk is sound");
    journal.close().expect("the disk is sound");
    let found = scan(&directory, 0, &mut |_, _, _| {}).expect("it is sound");
    assert_eq!((found.end.sequence, found.tail), (21, None));
    assert_ne!(found.end.chain, Chain([0; 32]));
}
