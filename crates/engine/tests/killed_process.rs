//! A real process on a real file system, killed with SIGKILL again and again: what it had acknowledged is there,
//! once.
//!
//! The parent starts this same program as a child, which opens the market, submits commands and writes each
//! acknowledgement into a pipe. A child is killed either at one exact operation on the disk (it stops there, halfway
//! through if it is a write, and says so) or while it runs, after some acknowledgements. The parent then reads what
//! is left of the pipe, recovers, and compares with the commands that it knows the child had. Directories live
//! through several children.
//!
//! `PROOFBOOK_SOAK` asks for 1,000 kills instead of 120, `PROOFBOOK_SEED` for another seed.

mod common;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use common::{config, digest_after, is_soak, Workload};
use proofbook_book::Reference;
use proofbook_books::Ladder;
use proofbook_engine::{
    inspect_directory, recover_directory, Engine, EngineError, RecoveryReport, Verification,
};
use proofbook_journal::simulated::Random;
use proofbook_journal::{
    scan, Directory, JournalError, Options, Storage, StoredFile, SyncPolicy, SystemClock,
    RECORD_BYTES,
};
use proofbook_types::Command;

/// What the child sends when it has stopped in the midst of an operation.
const STOPPED: u64 = u64::MAX;

const LIVES_PER_DIRECTORY: u64 = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("child") => child(&arguments[2..]),
        Some("--list") => println!("killed_process: test"),
        _ => parent(),
    }
}

// The child.

/// A directory that stops the process in the midst of one operation.
#[derive(Clone)]
struct Stopping {
    inner: Directory,
    operations: Arc<AtomicU64>,
    stop_at: u64,
}

struct StoppingFile {
    inner: std::fs::File,
    directory: Stopping,
}

impl Stopping {
    /// Whether this is the operation to stop in.
    fn is_due(&self) -> bool {
        self.operations.fetch_add(1, Ordering::Relaxed) + 1 == self.stop_at
    }

    fn stop(&self) -> ! {
        send(STOPPED);
        loop {
            std::thread::park();
        }
    }

    fn step(&self) {
        if self.is_due() {
            self.stop();
        }
    }

    fn file(&self, inner: io::Result<std::fs::File>) -> io::Result<StoppingFile> {
        Ok(StoppingFile {
            inner: inner?,
            directory: self.clone(),
        })
    }
}

impl Storage for Stopping {
    type File = StoppingFile;
    type Lock = std::fs::File;

    fn lock(&self) -> io::Result<Option<std::fs::File>> {
        self.inner.lock()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        self.inner.names()
    }

    fn create(&self, name: &str) -> io::Result<StoppingFile> {
        self.step();
        self.file(self.inner.create(name))
    }

    fn open(&self, name: &str, is_writable: bool) -> io::Result<StoppingFile> {
        self.file(self.inner.open(name, is_writable))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.step();
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.step();
        self.inner.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.step();
        self.inner.sync_directory()
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

impl StoredFile for StoppingFile {
    fn length(&self) -> io::Result<u64> {
        self.inner.length()
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        StoredFile::read_at(&self.inner, bytes, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if self.directory.is_due() {
            // A short write: whole records or not, as a full disk would do it.
            self.inner.write_at(&bytes[..bytes.len() / 2], offset)?;
            self.directory.stop();
        }
        StoredFile::write_at(&self.inner, bytes, offset)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.directory.step();
        self.inner.truncate(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.directory.step();
        self.inner.sync()
    }
}

fn send(number: u64) {
    let mut pipe = io::stdout().lock();
    pipe.write_all(&number.to_le_bytes())
        .and_then(|()| pipe.flush())
        .expect("the parent reads");
}

/// Submits commands until it is killed. Arguments: directory, seed, operation to stop in or 0.
fn child(arguments: &[String]) {
    let number = |index: usize| arguments[index].parse::<u64>().expect("a number");
    let (seed, stop_at) = (number(1), number(2));
    let disk = Stopping {
        inner: Directory::create(&arguments[0]).expect("the parent made its parent"),
        operations: Arc::default(),
        stop_at,
    };
    let mut random = Random::new(seed);
    let options = Options {
        policy: policy(&mut random),
        segment_bytes_max: 512 + (10 + random.below(200)) * RECORD_BYTES as u64,
    };
    let mut engine = open(&disk, options);
    let mut workload = Workload::new(seed);
    let mut acknowledged = engine.acknowledged();
    loop {
        let done = match random.below(60) {
            0 => engine.snapshot().map(|_| ()),
            1..=9 => {
                let batch = workload.take(1 + random.below(30) as usize);
                engine.submit_batch(&batch, &mut |_, _| {})
            }
            10 => engine.commit(),
            _ => engine.submit(&workload.next_command()).map(|_| ()),
        };
        done.expect("the disk is sound");
        engine.release(&mut |_, _| {});
        if engine.acknowledged() > acknowledged {
            acknowledged = engine.acknowledged();
            send(acknowledged);
        }
    }
}

fn policy(random: &mut Random) -> SyncPolicy {
    match random.below(4) {
        0 => SyncPolicy::EveryCommand,
        // A killed process leaves the system all that it wrote, so this too loses nothing.
        1 => SyncPolicy::None,
        _ => SyncPolicy::Group {
            commands_max: 1 + random.below(50),
            delay_ns_max: 200_000,
        },
    }
}

fn open(disk: &Stopping, options: Options) -> Engine<Ladder, Stopping, SystemClock> {
    let opened = Engine::open(
        disk.clone(),
        SystemClock::new(),
        options,
        Verification::SinceSnapshot,
        Ladder::default,
    );
    match opened {
        Ok((engine, _report)) => engine,
        Err(EngineError::Journal(JournalError::Missing { .. })) => Engine::create(
            disk.clone(),
            SystemClock::new(),
            config(),
            options,
            Ladder::default(),
        )
        .expect("the directory is empty"),
        Err(error) => panic!("{error}"),
    }
}

// The parent.

/// A child that is killed when this goes out of scope, however that comes about.
struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a child was heard to say until it was killed.
#[derive(Default)]
struct Heard {
    acknowledged: u64,
    has_stopped: bool,
}

/// Runs a child and kills it when it has stopped, or after `messages` acknowledgements.
fn run_child(directory: &Path, seed: u64, stop_at: u64, messages: u64) -> Heard {
    let program = std::env::current_exe().expect("this program has a path");
    let child = Process::new(program)
        .arg("child")
        .arg(directory)
        .arg(seed.to_string())
        .arg(stop_at.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts");
    let mut victim = Victim(child);
    let mut pipe = victim.0.stdout.take().expect("the pipe was asked for");
    let mut heard = Heard::default();
    let mut count = 0;
    let mut message = [0; 8];
    while !heard.has_stopped && count < messages {
        pipe.read_exact(&mut message)
            .unwrap_or_else(|error| panic!("seed {seed}: the child died by itself: {error}"));
        heard.note(message);
        count += 1;
    }
    victim.0.kill().expect("the child runs");
    victim.0.wait().expect("it was killed");
    // What was sent before the end was promised too.
    while pipe.read_exact(&mut message).is_ok() {
        heard.note(message);
    }
    heard
}

impl Heard {
    fn note(&mut self, message: [u8; 8]) {
        match u64::from_le_bytes(message) {
            STOPPED => self.has_stopped = true,
            acknowledged => {
                assert!(acknowledged > self.acknowledged);
                self.acknowledged = acknowledged;
            }
        }
    }
}

fn recover(path: &Path, random: &mut Random) -> Result<RecoveryReport, EngineError> {
    match random.below(3) {
        0 => recover_directory(path, Ladder::default).map(|(_, report)| report),
        _ => inspect_directory(path, Reference::new).map(|(_, report)| report),
    }
}

/// Kills children in one directory; how many times one had stopped in an operation.
fn kill_in(path: &Path, seed: u64, kills: u64) -> u64 {
    let mut random = Random::new(seed);
    let mut survivors: Vec<Command> = Vec::new();
    let mut stopped = 0;
    for life in 0..kills {
        let child_seed = random.next_number();
        let (stop_at, messages) = if random.one_in(3) {
            (0, 1 + random.below(40))
        } else {
            (1 + random.below(60), u64::MAX)
        };
        let heard = run_child(path, child_seed, stop_at, messages);
        stopped += u64::from(heard.has_stopped);
        let place = format!("seed {seed}, life {life}, child {child_seed}, operation {stop_at}");
        let report = match recover(path, &mut random) {
            Ok(report) => report,
            Err(EngineError::Journal(JournalError::Missing { .. })) => {
                assert_eq!((heard.acknowledged, survivors.len()), (0, 0), "{place}");
                continue;
            }
            Err(error) => panic!("{place}: {error}"),
        };
        let last = report.last_sequence as usize;
        assert!(
            last as u64 >= heard.acknowledged,
            "{place}: {} acknowledged, {last} left",
            heard.acknowledged
        );
        assert!(
            last >= survivors.len(),
            "{place}: {} were left before, {last} now",
            survivors.len()
        );
        let new = Workload::new(child_seed).take(last - survivors.len());
        survivors.extend(new);
        let mut found = Vec::new();
        let directory = Directory::open(path).expect("it is there");
        scan(&directory, 0, &mut |_, command, _| found.push(*command)).expect("it was just read");
        assert_eq!(found, survivors, "{place}");
        assert_eq!(report.digest, digest_after(&survivors), "{place}");
    }
    stopped
}

/// Where to keep journals: on the disk, and in memory where the system has such a file system, as syncs cost nothing
/// there.
fn roots() -> Vec<PathBuf> {
    let name = format!("proofbook-killed-{}", std::process::id());
    let mut roots = vec![PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(&name)];
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        roots.push(memory.join(&name));
    }
    roots
}

fn parent() {
    let kills = if is_soak() { 1_000 } else { 120 };
    let first_seed: u64 =
        std::env::var("PROOFBOOK_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let roots = roots();
    let mut stopped = 0;
    let directories = kills / LIVES_PER_DIRECTORY;
    for seed in first_seed..first_seed + directories {
        let root = &roots[(seed % roots.len() as u64) as usize];
        let path = root.join(seed.to_string());
        stopped += kill_in(&path, seed, LIVES_PER_DIRECTORY);
        std::fs::remove_dir_all(&path).expect("it is there");
    }
    for root in &roots {
        // Not there if no seed used it.
        let _ = std::fs::remove_dir(root);
    }
    assert!(
        stopped >= kills / 3,
        "only {stopped} of {kills} were killed in an operation"
    );
    println!(
        "killed {kills} processes, {stopped} of them within an operation on the disk; seeds {first_seed}..{}: nothing acknowledged lost or doubled",
        first_seed + directories
    );
}
