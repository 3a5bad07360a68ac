//! Every bit of a journal of 64 KiB turned over, one after another: each is reported with its place, or lies in a tail
//! that was never acknowledged and leaves the log before it as it is. None gives another log.

use std::cell::RefCell;
use std::io;

use proofbook_journal::simulated::{Random, SimulatedClock, SimulatedDisk};
use proofbook_journal::{
    scan, scan_segment, Chain, Journal, JournalError, Options, Position, Storage, StoredFile,
    SyncPolicy, WriterLock, HEADER_BYTES, RECORD_BYTES,
};
use proofbook_types::{
    AccountId, Action, Command, MarketConfig, NewOrder, OrderId, OrderKind, Price, Quantity,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};

const JOURNAL_BYTES: usize = 64 * 1024;
const RECORDS: usize = (JOURNAL_BYTES - HEADER_BYTES) / RECORD_BYTES;
const NAME: &str = "commands-00000000000000000001.log";

fn command(random: &mut Random, sequence: u64) -> Command {
    let action = match random.below(3) {
        0 => Action::Sweep,
        1 => Action::Cancel {
            order_id: OrderId(random.next_number()),
        },
        _ => Action::New(NewOrder {
            order_id: OrderId(random.next_number()),
            account: AccountId(random.below(9)),
            side: Side::BOTH[random.below(2) as usize],
            quantity: Quantity(random.next_number()),
            kind: OrderKind::Limit {
                price: Price(random.below(1000) as i64 - 500),
            },
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            display: None,
            self_trade: SelfTradePrevention::CancelNewest,
        }),
    };
    Command {
        time: Timestamp(sequence),
        action,
    }
}

/// The bytes of a journal's segment with `RECORDS` records, committed in groups of `group` commands.
fn segment_bytes(seed: u64, group: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let disk = SimulatedDisk::new(seed);
    let options = Options {
        policy: SyncPolicy::Group {
            commands_max: group,
            delay_ns_max: u64::MAX,
        },
        ..Options::default()
    };
    let lock = WriterLock::take(disk.clone()).expect("the disk is new");
    let config = MarketConfig::default();
    let mut journal =
        Journal::create(lock, SimulatedClock::default(), config, options).expect("the disk is new");
    for sequence in 1..=RECORDS as u64 {
        let _ticket = journal
            .append(&command(&mut random, sequence))
            .expect("the disk is sound");
    }
    journal.close().expect("the disk is sound");
    disk.contents(NAME).expect("it was just written")
}

/// A file in memory.
struct Memory(RefCell<Vec<u8>>);

impl Memory {
    fn flip(&self, bit: usize) {
        self.0.borrow_mut()[bit / 8] ^= 1 << (bit % 8);
    }
}

impl StoredFile for Memory {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.borrow().len() as u64)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let file = self.0.borrow();
        let from = file.len().min(offset as usize);
        let count = bytes.len().min(file.len() - from);
        bytes[..count].copy_from_slice(&file[from..from + count]);
        Ok(count)
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn truncate(&self, _length: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

/// Whether the long tests are asked for.
fn is_soak() -> bool {
    std::env::var_os("PROOFBOOK_SOAK").is_some()
}

/// The offset at which damage was reported.
fn damage_offset<T: std::fmt::Debug>(result: Result<T, JournalError>, place: &str) -> u64 {
    match result {
        Err(JournalError::Damaged { file, offset, .. }) => {
            assert_eq!(file, NAME, "{place}");
            offset
        }
        other => panic!("{place}: {other:?}"),
    }
}

fn slot_offset(bit: usize) -> u64 {
    (bit / 8 / RECORD_BYTES * RECORD_BYTES) as u64
}

/// All positions of a sound segment, the one before each record and the end.
fn positions(file: &Memory) -> Vec<Position> {
    let mut position = Position {
        offset: HEADER_BYTES as u64,
        sequence: 0,
        chain: Chain::genesis(&MarketConfig::default().encode()),
        durable: 0,
    };
    let mut positions = vec![position];
    for count in 1..=RECORDS {
        // A file that ends behind this record gives the position there.
        let cut = HEADER_BYTES + count * RECORD_BYTES;
        let part = Memory(RefCell::new(file.0.borrow()[..cut].to_vec()));
        let (end, tail) = scan_segment(&part, NAME, position, true, &mut |_, _, _| Ok(()))
            .expect("the segment is sound");
        assert_eq!(tail, None);
        position = end;
        positions.push(position);
    }
    positions
}

#[test]
fn every_bit_of_a_sound_journal_is_guarded() {
    for (seed, group) in [(1, 1), (2, 64), (3, u64::MAX)] {
        let file = Memory(RefCell::new(segment_bytes(seed, group)));
        assert_eq!(
            file.length().expect("it is in memory"),
            JOURNAL_BYTES as u64
        );
        let positions = positions(&file);
        let mut flips = HEADER_BYTES * 8;
        for (index, position) in positions[..RECORDS].iter().enumerate() {
            // The records before are untouched, and read to the same position; reading goes on from there as it does
            // anyway.
            let first = (HEADER_BYTES + index * RECORD_BYTES) * 8;
            for bit in first..first + RECORD_BYTES * 8 {
                file.flip(bit);
                let place = format!("seed {seed}, group {group}, bit {bit}");
                let result = scan_segment(&file, NAME, *position, true, &mut |_, _, _| Ok(()));
                assert_eq!(damage_offset(result, &place), slot_offset(bit), "{place}");
                file.flip(bit);
                flips += 1;
            }
        }
        assert_eq!(flips, JOURNAL_BYTES * 8);
        // Nothing was left turned over.
        let sound = scan_segment(&file, NAME, positions[0], true, &mut |_, _, _| Ok(()));
        assert_eq!(sound.expect("it is sound"), (positions[RECORDS], None));
    }
}

/// The same through the whole reading of a journal, the header included: of every other byte one bit, with
/// `PROOFBOOK_SOAK` set every bit.
#[test]
fn a_whole_reading_finds_every_flip() {
    let bytes = segment_bytes(4, 32);
    let disk = SimulatedDisk::new(4);
    disk.put(NAME, bytes);
    let clean = scan(&disk, 0, &mut |_, _, _| {}).expect("it is sound");
    assert_eq!(clean.end.sequence, RECORDS as u64);
    let every = if is_soak() { 1 } else { 16 };
    let mut random = Random::new(4);
    for step in 0..JOURNAL_BYTES * 8 / every {
        let bit = step * every + random.below(every as u64) as usize;
        disk.flip(NAME, bit as u64);
        let place = format!("seed 4, bit {bit}");
        let offset = damage_offset(scan(&disk, 0, &mut |_, _, _| {}), &place);
        if bit / 8 < HEADER_BYTES {
            assert!(offset < HEADER_BYTES as u64, "{place}: {offset}");
        } else {
            assert_eq!(offset, slot_offset(bit), "{place}");
        }
        disk.flip(NAME, bit as u64);
    }
}

/// A journal as a crash leaves it: records, a gap of a sector, records again, blank sectors, half a record.
#[test]
fn a_flip_in_a_torn_tail_changes_nothing_before_it() {
    let seed = 5;
    // One group: every record says that none was durable, so all may have been on their way.
    let mut bytes = segment_bytes(seed, u64::MAX);
    let gap = HEADER_BYTES + 200 * RECORD_BYTES;
    bytes[gap..gap + 512].fill(0);
    bytes.truncate(JOURNAL_BYTES - 4096);
    bytes.extend_from_slice(&[0; 2048]);
    bytes.extend_from_slice(&[7; 50]);
    let length = bytes.len();
    let file = Memory(RefCell::new(bytes));
    let before = Position {
        offset: HEADER_BYTES as u64,
        sequence: 0,
        chain: Chain::genesis(&MarketConfig::default().encode()),
        durable: 0,
    };
    let read = |from| scan_segment(&file, NAME, from, true, &mut |_, _, _| Ok(()));
    let (end, tail) = read(before).expect("it is torn, not damaged");
    let tail = tail.expect("there is a tail");
    assert_eq!(end.sequence, 200);
    assert_eq!(
        (tail.offset, tail.bytes),
        (gap as u64, (length - gap) as u64)
    );
    let records_behind = RECORDS - 200 - 4 - 4096 / RECORD_BYTES;
    assert_eq!(tail.records, records_behind as u64);
    let every = if is_soak() { 1 } else { 7 };
    let mut reported = 0;
    let bits = (gap * 8..length * 8).step_by(every);
    for bit in bits.clone() {
        file.flip(bit);
        let place = format!("seed {seed}, bit {bit}");
        match read(end) {
            Ok((found, _)) => assert_eq!(found, end, "{place}"),
            Err(error) => {
                damage_offset::<()>(Err(error), &place);
                reported += 1;
            }
        }
        file.flip(bit);
    }
    // All but those in the half record.
    let half_record = (length - 50) * 8;
    assert_eq!(reported, bits.filter(|&bit| bit < half_record).count());
}

/// A record that is gone although later ones say that it was durable is damage, not a tail.
#[test]
fn a_gap_in_what_was_durable_is_damage() {
    let seed = 6;
    let mut bytes = segment_bytes(seed, 8);
    let gap = HEADER_BYTES + 200 * RECORD_BYTES;
    bytes[gap..gap + 512].fill(0);
    let disk = SimulatedDisk::new(seed);
    disk.put(NAME, bytes);
    let result = scan(&disk, 0, &mut |_, _, _| {});
    assert_eq!(damage_offset(result, "seed 6"), gap as u64);
    assert!(disk
        .names()
        .expect("the disk is sound")
        .contains(&NAME.to_owned()));
}
