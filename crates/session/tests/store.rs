//! Stores: what is read after a restart is what was written, wherever the end was torn off; damage elsewhere is found.

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use proofbook_session::{FileBounds, FileStore, MemoryStore, Numbers, Store, StoreError};
use proofbook_testkit::files::Temporary;

const BOUNDS: FileBounds = FileBounds {
    segment_bytes: 1 << 20,
    segments_max: 4,
};

/// What a store says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    numbers: Numbers,
    messages: Vec<(u64, Vec<u8>)>,
}

fn known(store: &mut impl Store) -> Known {
    let mut messages = Vec::new();
    let mut next = store.next_stored(0);
    while let Some(number) = next {
        let mut bytes = Vec::new();
        assert!(store.read(number, &mut bytes).expect("it can be read"));
        messages.push((number, bytes));
        next = store.next_stored(number + 1);
    }
    Known {
        numbers: store.numbers(),
        messages,
    }
}

/// Steps of every kind, the same for each store.
fn step(store: &mut impl Store, index: u64) {
    let result = match index % 7 {
        0 | 3 => store.append(Some(format!("message of step {index}").as_bytes())),
        1 => store.append(None),
        2 | 5 => store.set_incoming(index + 2),
        4 => store.set_logon_time(index * 1_000),
        _ if index == 20 => store.reset(),
        _ => store.append(Some(b"")),
    };
    result.expect("the store works");
}

fn segment(folder: &Path, index: u64) -> std::path::PathBuf {
    folder.join(format!("{index:016}.log"))
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_off() {
    const STEPS: u64 = 30;
    let original = Temporary::new();
    let path = segment(original.path(), 1);
    let mut reference = MemoryStore::new(1_000);
    // What is known once the file has so many bytes.
    let mut states = vec![(0, known(&mut reference))];
    {
        let mut store = FileStore::open(original.path(), BOUNDS).expect("a new store");
        let bytes = || fs::metadata(&path).expect("the segment").len() as usize;
        states.push((bytes(), known(&mut reference)));
        for index in 0..STEPS {
            step(&mut store, index);
            step(&mut reference, index);
            assert_eq!(known(&mut store), known(&mut reference), "step {index}");
            states.push((bytes(), known(&mut reference)));
        }
    }
    let bytes = fs::read(&path).expect("the segment");
    let torn = Temporary::new();
    for length in 0..=bytes.len() {
        for tail in [&b""[..], &[0; 40], &[0xff; 3]] {
            let content = [&bytes[..length], tail].concat();
            // A tail may be, by chance, what was written there.
            let agreeing = content.iter().zip(&bytes).take_while(|(a, b)| a == b);
            let length = agreeing.count();
            fs::write(segment(torn.path(), 1), &content).expect("a copy");
            let mut store = FileStore::open(torn.path(), BOUNDS).expect("a torn tail is no damage");
            let expected = states.iter().rev().find(|state| state.0 <= length);
            let expected = &expected.expect("the first has no bytes").1;
            assert_eq!(known(&mut store), *expected, "cut at {length}");
            store.append(Some(b"after")).expect("it goes on");
            let after = known(&mut store);
            drop(store);
            let mut store = FileStore::open(torn.path(), BOUNDS).expect("it opens again");
            assert_eq!(known(&mut store), after, "cut at {length}");
        }
    }
}

#[test]
fn a_broken_byte_is_damage_unless_it_is_in_the_last_record() {
    let folder = Temporary::new();
    let path = segment(folder.path(), 1);
    let mut last = 0;
    {
        let mut store = FileStore::open(folder.path(), BOUNDS).expect("a new store");
        for index in 0..12 {
            last = fs::metadata(&path).expect("the segment").len() as usize;
            step(&mut store, index);
        }
    }
    let bytes = fs::read(&path).expect("the segment");
    for place in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[place] ^= 0x10;
        fs::write(&path, broken).expect("a copy");
        let opened = FileStore::open(folder.path(), BOUNDS);
        match opened {
            Ok(_) => assert!(place >= last, "byte {place} is not of the last record"),
            Err(StoreError::Damaged { offset, .. }) => {
                assert!(
                    place < last && offset as usize <= place,
                    "byte {place}: {offset}"
                );
            }
            Err(other) => panic!("byte {place}: {other}"),
        }
    }
}

#[test]
fn old_segments_go_and_numbers_stay() {
    let folder = Temporary::new();
    let bounds = FileBounds {
        segment_bytes: 400,
        segments_max: 3,
    };
    let mut reference = MemoryStore::new(usize::MAX);
    let mut store = FileStore::open(folder.path(), bounds).expect("a new store");
    for index in 0..500 {
        step(&mut store, index);
        step(&mut reference, index);
        if index % 13 == 0 {
            store.sync().expect("it syncs");
            drop(store);
            store = FileStore::open(folder.path(), bounds).expect("it opens again");
        }
        let (kept, all) = (known(&mut store), known(&mut reference));
        assert_eq!(kept.numbers, all.numbers, "step {index}");
        assert!(all.messages.ends_with(&kept.messages), "step {index}");
        let files = fs::read_dir(folder.path()).expect("the folder").count();
        assert!(files <= bounds.segments_max + 1, "segments and the lock");
    }
    assert!(!known(&mut store).messages.is_empty());
    drop(store);
    // A segment that is missing in the middle, and a broken one that is not the last.
    let mut indices: Vec<u64> = (1..200)
        .filter(|index| segment(folder.path(), *index).exists())
        .collect();
    let (last, middle) = (indices.pop().expect("one"), indices.pop().expect("two"));
    let content = fs::read(segment(folder.path(), middle)).expect("the segment");
    let cut = &content[..content.len() - 1];
    fs::write(segment(folder.path(), middle), cut).expect("a copy");
    let opened = FileStore::open(folder.path(), bounds);
    assert!(
        matches!(opened, Err(StoreError::Damaged { .. })),
        "{opened:?}"
    );
    fs::remove_file(segment(folder.path(), middle)).expect("it is there");
    let opened = FileStore::open(folder.path(), bounds);
    assert!(
        matches!(opened, Err(StoreError::Damaged { .. })),
        "{opened:?}"
    );
    // The first one that is left has no numbers.
    for index in indices {
        fs::remove_file(segment(folder.path(), index)).expect("it is there");
    }
    fs::write(segment(folder.path(), last), b"torn").expect("a copy");
    let opened = FileStore::open(folder.path(), bounds);
    assert!(
        matches!(opened, Err(StoreError::Damaged { .. })),
        "{opened:?}"
    );
}

#[test]
fn a_segment_that_was_not_begun_is_begun_again() {
    let folder = Temporary::new();
    let mut store = FileStore::open(folder.path(), BOUNDS).expect("a new store");
    (0..10).for_each(|index| step(&mut store, index));
    let before = known(&mut store);
    drop(store);
    fs::write(segment(folder.path(), 2), b"\x10\0\0").expect("a torn segment");
    let mut store = FileStore::open(folder.path(), BOUNDS).expect("the end of a crash");
    assert_eq!(known(&mut store), before);
    step(&mut store, 10);
    let before = known(&mut store);
    drop(store);
    let mut store = FileStore::open(folder.path(), BOUNDS).expect("it opens again");
    assert_eq!(known(&mut store), before);
}

/// Appends until it is killed, and says of each message when it is in.
#[test]
#[ignore = "the process that the next test kills"]
fn append_until_killed() {
    let folder = std::env::var_os("PROOFBOOK_KILLED_STORE").expect("the next test says where");
    let mut store = FileStore::open(Path::new(&folder), KILLED).expect("a store");
    loop {
        let number = store.numbers().outgoing;
        store
            .append(Some(&number.to_le_bytes()))
            .expect("it takes it");
        store.set_incoming(number).expect("it takes it");
        println!("appended {number}");
    }
}

const KILLED: FileBounds = FileBounds {
    segment_bytes: 4_000,
    segments_max: 3,
};

#[test]
fn what_was_appended_survives_a_killed_process() {
    let folder = Temporary::new();
    let mut appended = 0;
    for round in 0..10 {
        let program = std::env::current_exe().expect("this test");
        let mut child = Command::new(program)
            .args(["--ignored", "--exact", "append_until_killed", "--nocapture"])
            .env("PROOFBOOK_KILLED_STORE", folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = child.stdout.take().expect("it is piped");
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        let numbers = lines.filter_map(|line| line.strip_prefix("appended ")?.parse::<u64>().ok());
        let until = appended + 50 + round * 7;
        for number in numbers {
            appended = number;
            if number == until {
                child.kill().expect("it runs"); // SIGKILL; what it had said by then is read to the end
            }
        }
        child.wait().expect("it was killed");
        let mut store = FileStore::open(folder.path(), KILLED).expect("it opens");
        let numbers = store.numbers();
        assert!(appended >= until, "{appended} {until}");
        assert!(numbers.outgoing > appended, "{numbers:?} after {appended}");
        assert!(
            (numbers.outgoing - 2..=numbers.outgoing).contains(&numbers.incoming),
            "{numbers:?}"
        );
        let known = known(&mut store);
        assert!(known.messages.len() > 20);
        for (number, bytes) in &known.messages {
            assert_eq!(bytes[..], number.to_le_bytes());
        }
        let last = known.messages.last().expect("some").0;
        assert_eq!(last + 1, numbers.outgoing);
        appended = last;
    }
}

#[test]
fn a_folder_is_open_once() {
    let folder = Temporary::new();
    let store = FileStore::open(folder.path(), BOUNDS).expect("a new store");
    let second = FileStore::open(folder.path(), BOUNDS);
    assert!(
        matches!(second, Err(StoreError::InUse { .. })),
        "{second:?}"
    );
    drop(store);
    FileStore::open(folder.path(), BOUNDS).expect("it is free");
}

/// Opens a store whose process ended without closing it: the files as they are.
fn after_a_crash(folder: &Path) -> FileStore {
    let copy = Temporary::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("a copy");
    }
    FileStore::open(copy.path(), BOUNDS).expect("it is sound")
}

/// Across new segments too.
#[test]
fn what_is_gathered_is_written_by_a_flush() {
    let folder = Temporary::new();
    let bounds = FileBounds {
        segment_bytes: 2_000,
        segments_max: 4,
    };
    let mut reference = MemoryStore::new(usize::MAX);
    let mut store = FileStore::open(folder.path(), bounds).expect("a new store");
    store.gather();
    for index in 0..400 {
        step(&mut store, index);
        step(&mut reference, index);
        assert_eq!(store.numbers(), reference.numbers(), "step {index}");
        if index % 5 == 0 {
            store.flush().expect("it is written");
            assert_eq!(after_a_crash(folder.path()).numbers(), store.numbers());
        }
        if index % 7 == 0 {
            // A message that was just gathered can be read.
            let (found, all) = (known(&mut store), known(&mut reference));
            assert!(all.messages.ends_with(&found.messages), "step {index}");
            assert_eq!(found.messages.last(), all.messages.last(), "step {index}");
        }
    }
    store.flush().expect("it is written");
    let last = known(&mut reference).numbers;
    step(&mut store, 400);
    step(&mut store, 401);
    assert_eq!(after_a_crash(folder.path()).numbers(), last, "nothing new");
    let numbers = store.numbers();
    drop(store);
    assert_eq!(after_a_crash(folder.path()).numbers(), numbers);
}

#[test]
fn transient_numbers_are_never_used_again_and_cost_few_writes() {
    let folder = Temporary::new();
    let mut store = FileStore::open(folder.path(), BOUNDS).expect("a new store");
    let mut writes = 0;
    for number in 1..10_000 {
        assert_eq!(store.numbers().outgoing, number);
        if number % 1_000 == 0 {
            store.append(Some(b"kept")).expect("the store works");
        } else {
            writes += u32::from(store.append_transient().expect("the store works"));
        }
        if number % 777 == 0 {
            let mut crashed = after_a_crash(folder.path());
            assert!(crashed.numbers().outgoing > number);
            assert_eq!(known(&mut crashed).messages, known(&mut store).messages);
            // It goes on there, and so does the one that opens what it left.
            let next = crashed.numbers().outgoing;
            crashed.append(Some(b"after")).expect("the store works");
            assert_eq!(crashed.numbers().outgoing, next + 1);
            assert_eq!(crashed.last_stored(), Some(next));
        }
    }
    assert_eq!(writes, 3);
    drop(store);
    // In order, nothing is skipped.
    let store = FileStore::open(folder.path(), BOUNDS).expect("it is sound");
    assert_eq!(store.numbers().outgoing, 10_000);
}

#[test]
fn reserved_numbers_survive_new_segments_and_a_reset() {
    let bounds = FileBounds {
        segment_bytes: 200,
        segments_max: 2,
    };
    let folder = Temporary::new();
    let copy = Temporary::new();
    let mut store = FileStore::open(folder.path(), bounds).expect("a new store");
    for step in 0..200 {
        store.append_transient().expect("the store works");
        store.append(Some(b"kept")).expect("the store works");
        if step == 100 {
            store.reset().expect("the store works");
        }
        let next = store.numbers().outgoing;
        for entry in fs::read_dir(copy.path()).expect("a folder") {
            fs::remove_file(entry.expect("an entry").path()).expect("it was there");
        }
        for entry in fs::read_dir(folder.path()).expect("a folder") {
            let entry = entry.expect("an entry");
            fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("a copy");
        }
        let crashed = FileStore::open(copy.path(), bounds).expect("it is sound");
        assert!(crashed.numbers().outgoing >= next, "step {step}");
        assert_eq!(step == 100, next == 1, "step {step}");
    }
}
