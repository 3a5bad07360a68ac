//! A reader beside a writer: threads with segments that end, tails that are cut, damage, and a writer that comes back.

use std::sync::atomic::{AtomicU64, Ordering};

use proofbook_journal::simulated::{Crash, Random, SimulatedClock, SimulatedDisk};
use proofbook_journal::{
    scan, Chain, Clock, Directory, Journal, JournalError, LogReader, Options, Storage, SyncPolicy,
    SystemClock, WriterLock, HEADER_BYTES, RECORD_BYTES,
};
use proofbook_testkit::files::Temporary;
use proofbook_types::{Action, Command, MarketConfig, OrderId, Timestamp};

const SEGMENT_RECORDS: usize = 50;

type Reader<S> = LogReader<S, MarketConfig>;

fn cancel(number: u64) -> Command {
    Command {
        time: Timestamp(number),
        action: Action::Cancel {
            order_id: OrderId(number.wrapping_mul(77)),
        },
    }
}

fn options(commands_max: u64) -> Options {
    Options {
        policy: SyncPolicy::Group {
            commands_max,
            delay_ns_max: u64::MAX,
        },
        segment_bytes_max: (HEADER_BYTES + SEGMENT_RECORDS * RECORD_BYTES) as u64,
    }
}

fn create<S: Storage, C: Clock>(storage: S, clock: C, options: Options) -> Journal<S, C> {
    let lock = WriterLock::take(storage).expect("nobody else has it");
    Journal::create(lock, clock, MarketConfig::default(), options).expect("it is new")
}

/// A log of so many commands, all acknowledged, and the link after each.
fn written(seed: u64, commands: u64) -> (SimulatedDisk, Vec<Chain>) {
    let disk = SimulatedDisk::new(seed);
    let mut journal = create(disk.clone(), SimulatedClock::default(), options(7));
    let mut chains = vec![*journal.chain()];
    for number in 1..=commands {
        let _ticket = journal.append(&cancel(number)).expect("it is taken");
        chains.push(*journal.chain());
    }
    journal.close().expect("it closes");
    (disk, chains)
}

/// Reads on, and checks that nothing is left out, doubled or changed.
fn read_on<S: Storage>(
    reader: &mut Reader<S>,
    acknowledged: u64,
    entries_max: usize,
) -> Result<usize, JournalError> {
    let mut next = reader.sequence() + 1;
    let mut last = *reader.chain();
    let result = reader.read(acknowledged, entries_max, &mut |number, command, chain| {
        assert_eq!((number, *command), (next, cancel(number)));
        assert!(number <= acknowledged);
        next += 1;
        last = *chain;
    });
    assert_eq!(reader.sequence() + 1, next);
    assert_eq!(*reader.chain(), last);
    result
}

#[test]
fn a_reader_follows_a_writer_through_segments() {
    const COMMANDS: u64 = 20_000;
    for policy in [options(60).policy, SyncPolicy::None] {
        let folder = Temporary::new();
        let directory = Directory::open(folder.path()).expect("it is there");
        let options = Options {
            policy,
            segment_bytes_max: (HEADER_BYTES + 3_000 * RECORD_BYTES) as u64,
        };
        let mut journal = create(directory.clone(), SystemClock::new(), options);
        let acknowledged = AtomicU64::new(0);
        let (told, last) = std::thread::scope(|scope| {
            let read = |seed: u64| {
                let (directory, acknowledged) = (&directory, &acknowledged);
                move || {
                    let mut random = Random::new(seed);
                    let mut reader: Reader<_> =
                        LogReader::open(directory.clone(), 0).expect("it is there");
                    let mut told = 0u64;
                    while reader.sequence() < COMMANDS {
                        let upto = if seed == 1 {
                            acknowledged.load(Ordering::Acquire)
                        } else {
                            reader.watermark().expect("it is sound")
                        };
                        let entries_max = 1 + random.below(3_000) as usize;
                        let before = reader.sequence();
                        let count = read_on(&mut reader, upto, entries_max).expect("it is sound");
                        let expected = (upto - before).min(entries_max as u64);
                        assert_eq!(count as u64, expected);
                        told += u64::from(count > 0);
                        std::thread::yield_now();
                    }
                    (told, *reader.chain())
                }
            };
            let readers = [scope.spawn(read(1)), scope.spawn(read(2))];
            for number in 1..=COMMANDS {
                let _ticket = journal.append(&cancel(number)).expect("it is taken");
                if number % 13 == 0 {
                    journal.commit().expect("it is written");
                }
                acknowledged.store(journal.acknowledged(), Ordering::Release);
            }
            journal.sync().expect("it is synced");
            acknowledged.store(journal.acknowledged(), Ordering::Release);
            let [first, second] = readers.map(|reader| reader.join().expect("it does not panic"));
            assert_eq!(first.1, second.1);
            first
        });
        assert_eq!(last, *journal.chain());
        let segments = directory.names().expect("it can be listed");
        let segments = segments.iter().filter(|name| name.ends_with(".log"));
        println!("{told} reads in {} segments", segments.clone().count());
        assert!(segments.count() > 4);
    }
}

#[test]
fn a_reader_starts_behind_any_entry_and_nowhere_else() {
    let (disk, chains) = written(2, 180);
    for after in 0..=180 {
        let mut reader: Reader<_> = LogReader::open(disk.clone(), after).expect("it is there");
        assert_eq!(reader.sequence(), after);
        // The link before the first is in the header.
        assert_eq!(*reader.chain(), chains[after as usize], "after {after}");
        let count = read_on(&mut reader, 180, usize::MAX).expect("it is sound");
        assert_eq!(count as u64, 180 - after);
        assert_eq!(*reader.chain(), chains[180]);
    }
    for after in [181, 182, 1 << 40, u64::MAX] {
        let result: Result<Reader<_>, _> = LogReader::open(disk.clone(), after);
        assert!(matches!(result, Err(JournalError::Damaged { .. })));
    }
    let none: Result<Reader<_>, _> = LogReader::open(SimulatedDisk::new(1), 0);
    assert!(matches!(none, Err(JournalError::Missing { .. })));
}

/// The last segment, and how many of its records are acknowledged.
fn last_segment(disk: &SimulatedDisk) -> (String, Vec<u8>) {
    let files = disk.files();
    let name = files.iter().rfind(|name| name.ends_with(".log"));
    let name = name.expect("there is one").clone();
    let bytes = disk.contents(&name).expect("it is there");
    (name, bytes)
}

#[test]
fn what_is_not_acknowledged_is_never_an_error() {
    let (disk, _) = written(3, 180);
    let (name, whole) = last_segment(&disk);
    let first = 180 - (whole.len() - HEADER_BYTES) as u64 / RECORD_BYTES as u64;
    let mut random = Random::new(3);
    for _ in 0..400 {
        // The last entries are cut anywhere, torn, or anything else.
        let cut = HEADER_BYTES + random.below((whole.len() - HEADER_BYTES) as u64) as usize;
        let acknowledged = first + ((cut - HEADER_BYTES) / RECORD_BYTES) as u64;
        let mut bytes = whole.clone();
        match random.below(3) {
            0 => bytes.truncate(cut),
            1 => bytes[cut..].fill(0),
            _ => bytes[cut..].fill(0xa5),
        }
        disk.put(&name, bytes);
        let mut reader: Reader<_> = LogReader::open(disk.clone(), 0).expect("it is there");
        read_on(&mut reader, acknowledged, usize::MAX).expect("all of it is there");
        assert_eq!(reader.sequence(), acknowledged);
        // If it was acknowledged after all, it is gone.
        let lost = read_on(&mut reader, acknowledged + 1, usize::MAX);
        assert!(
            matches!(lost, Err(JournalError::Damaged { .. })),
            "cut {cut}"
        );
        // It stands where it stood, and goes on once the entry is there.
        disk.put(&name, whole.clone());
        let mut reader: Reader<_> = LogReader::open(disk.clone(), acknowledged).expect("it is");
        read_on(&mut reader, 180, usize::MAX).expect("all of it is there");
    }
}

#[test]
fn damage_is_reported_with_its_place() {
    let (disk, _) = written(4, 180);
    let names = disk.files();
    let mut random = Random::new(4);
    for name in names.iter().filter(|name| name.ends_with(".log")) {
        let whole = disk.contents(name).expect("it is there");
        for _ in 0..300 {
            let bit = random.below(whole.len() as u64 * 8);
            disk.flip(name, bit);
            let result = LogReader::open(disk.clone(), 0)
                .and_then(|mut reader: Reader<_>| read_on(&mut reader, 180, usize::MAX));
            match result {
                Err(JournalError::Damaged { file, offset, .. }) => {
                    let byte = bit / 8;
                    let is_header = byte < HEADER_BYTES as u64;
                    let place = if is_header { 0 } else { byte / 128 * 128 };
                    assert_eq!(file, *name);
                    assert!(is_header || offset == place, "{offset} for bit {bit}");
                }
                other => panic!("bit {bit} of {name}: {other:?}"),
            }
            disk.flip(name, bit);
        }
        disk.remove(name).expect("it can be removed");
        let result = LogReader::open(disk.clone(), 0)
            .and_then(|mut reader: Reader<_>| read_on(&mut reader, 180, usize::MAX));
        assert!(
            matches!(result, Err(JournalError::Damaged { .. })),
            "{name}"
        );
        disk.put(name, whole);
    }
}

#[test]
fn a_writer_that_comes_back_does_not_disturb_a_reader() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let folder = SimulatedDisk::new(seed);
        let clock = SimulatedClock::default();
        let mut journal = create(folder.clone(), clock.clone(), options(9));
        let mut at = 0;
        for _ in 0..4 {
            for _ in 0..random.below(120) {
                let number = journal.sequence() + 1;
                let _ticket = journal.append(&cancel(number)).expect("it is taken");
            }
            let acknowledged = journal.acknowledged();
            let mut reader: Reader<_> = LogReader::open(folder.clone(), at).expect("it is there");
            let most = random.below(100) as usize;
            read_on(&mut reader, acknowledged, most).expect("it is sound");
            at = reader.sequence();
            drop(journal);
            let crash = [Crash::Kill, Crash::PowerCut][random.below(2) as usize];
            folder.restart(crash);
            let lock = WriterLock::take(folder.clone()).expect("nobody else has it");
            let found = scan(lock.storage(), 0, &mut |_, _, _| {}).expect("it is sound");
            assert!(found.end.sequence >= acknowledged);
            journal = Journal::resume(lock, clock.clone(), options(9), &found).expect("it is");
        }
        let mut reader: Reader<_> = LogReader::open(folder.clone(), at).expect("it is there");
        journal.sync().expect("it is synced");
        read_on(&mut reader, journal.acknowledged(), usize::MAX).expect("it is sound");
        assert_eq!(reader.chain(), journal.chain());
    }
}
