//! Recovery of a directory of the file system, as a user meets it: what it says, what it changes, what it refuses.

mod common;

use std::fs;
use std::path::PathBuf;

use common::{config, digest_after, Workload};
use proofbook_book::Reference;
use proofbook_books::Ladder;
use proofbook_engine::{inspect_directory, recover_directory, Engine, EngineError};
use proofbook_journal::{Directory, JournalError, Options, SyncPolicy, SystemClock};
use proofbook_types::Command;

const SEGMENT: &str = "commands-00000000000000000001.log";

/// A directory that goes when the test ends.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("there is room");
        Temporary(path)
    }

    fn engine(&self) -> Engine<Ladder, Directory, SystemClock> {
        let directory = Directory::create(&self.0).expect("there is room");
        let options = Options {
            policy: SyncPolicy::Group {
                commands_max: 100,
                delay_ns_max: u64::MAX,
            },
            ..Options::default()
        };
        let book = Ladder::default();
        Engine::create(directory, SystemClock::new(), config(), options, book).expect("it is new")
    }

    fn with_journal(name: &str) -> (Self, Vec<Command>) {
        let temporary = Self::new(name);
        let commands = Workload::new(7).take(250);
        let mut engine = temporary.engine();
        engine
            .submit_batch(&commands, &mut |_, _| {})
            .expect("the disk is sound");
        engine.close(&mut |_, _| {}).expect("the disk is sound");
        (temporary, commands)
    }

    fn segment(&self) -> Vec<u8> {
        fs::read(self.0.join(SEGMENT)).expect("it is there")
    }

    fn put_segment(&self, bytes: &[u8]) {
        fs::write(self.0.join(SEGMENT), bytes).expect("there is room");
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_torn_tail_is_cut_off_loudly_and_once() {
    let (temporary, commands) = Temporary::with_journal("torn");
    let sound = temporary.segment();
    let torn = [&sound[..], &[0; 200], &[5; 3]].concat();
    temporary.put_segment(&torn);
    let (_, seen) = inspect_directory(&temporary.0, Reference::new).expect("it is torn");
    assert_eq!(temporary.segment(), torn, "looking changes nothing");
    let (market, report) = recover_directory(&temporary.0, Ladder::default).expect("it is torn");
    assert_eq!(temporary.segment(), sound);
    assert_eq!(report.digest, digest_after(&commands));
    assert_eq!((seen.digest, market.sequence()), (report.digest, 250));
    let message = "torn tail: 203 bytes at offset 32512 of commands-00000000000000000001.log were never acknowledged";
    for (report, done) in [(&seen, "left in place"), (&report, "cut off")] {
        let text = report.to_string();
        assert!(text.contains(message) && text.contains(done), "{text}");
        assert!(text.contains("last command 250\ndigest "), "{text}");
    }
    let (_, again) = recover_directory(&temporary.0, Ladder::default).expect("it is sound");
    assert_eq!((again.truncated, again.digest), (None, report.digest));
}

#[test]
fn a_damaged_middle_stops_with_its_offset_and_changes_nothing() {
    let (temporary, _) = Temporary::with_journal("damaged");
    let mut bytes = temporary.segment();
    let offset = 512 + 128 * 40;
    bytes[offset + 77] ^= 4;
    bytes.extend_from_slice(&[0; 100]);
    temporary.put_segment(&bytes);
    let result = recover_directory(&temporary.0, Ladder::default).map(|(_, report)| report);
    let Err(error) = result else {
        panic!("{result:?}");
    };
    let expected = format!("{SEGMENT} is damaged at offset {offset}: ");
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert_eq!(temporary.segment(), bytes);
}

#[test]
fn a_journal_in_use_is_left_alone() {
    let temporary = Temporary::new("in-use");
    let engine = temporary.engine();
    let result = recover_directory(&temporary.0, Ladder::default).map(|(_, report)| report);
    assert!(
        matches!(
            result,
            Err(EngineError::Journal(JournalError::Locked { .. }))
        ),
        "{result:?}"
    );
    inspect_directory(&temporary.0, Ladder::default).expect("looking is always possible");
    drop(engine);
    recover_directory(&temporary.0, Ladder::default).expect("it is free");
}

#[test]
fn a_directory_without_a_journal_stays_as_it_is() {
    let temporary = Temporary::new("empty");
    let missing = temporary.0.join("missing");
    for path in [&temporary.0, &missing] {
        let result = recover_directory(path, Ladder::default).map(|(_, report)| report);
        assert!(
            matches!(
                result,
                Err(EngineError::Journal(JournalError::Missing { .. }))
            ),
            "{result:?}"
        );
    }
    assert_eq!(fs::read_dir(&temporary.0).expect("it is there").count(), 0);
}
