//! Recovery: the exact state from the newest good snapshot and the log behind it, or from the log alone.
//!
//! Invariants:
//! - the state is that of the log's entries from the first to the last verified one, whatever snapshots there are;
//! - a snapshot is used only if its link is the log's link at its entry; one that is damaged or belongs to another
//!   log is passed over with a warning;
//! - nothing is changed on the disk before the whole log has been read and found good.

use std::fmt;
use std::io;
use std::path::Path;

use proofbook_book::Book;
use proofbook_journal::{
    log_terms, market, read_log, snapshot_name, snapshots, Chain, Directory, JournalError, Scan,
    Snapshot, Storage, Tail, Terms, WriterLock,
};
use proofbook_matching::MatchingEngine;
use proofbook_types::MarketConfig;

use crate::digest::digest;
use crate::machine::{Machine, Maker, OverBooks};
use crate::EngineError;

/// How much of the log recovery reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// All of it, from the first command, even where a snapshot spares applying it.
    WholeLog,
    /// From the segment that holds the snapshot's command.
    SinceSnapshot,
}

/// What a recovery found and did.
#[derive(Clone, Debug)]
pub struct RecoveryReport<T = MarketConfig> {
    /// The log's terms.
    pub config: T,
    /// The last command.
    pub last_sequence: u64,
    /// The digest of the state after it.
    pub digest: [u8; 32],
    /// Segments read.
    pub segments: u64,
    /// Records read and verified.
    pub records: u64,
    /// Of those, applied: the others were in the snapshot.
    pub replayed: u64,
    /// After which command the snapshot used was taken.
    pub snapshot: Option<u64>,
    /// What a crash left behind the last command. It was never acknowledged.
    pub truncated: Option<Tail>,
    /// Whether the tail is gone from the disk, or was only looked at.
    pub is_repaired: bool,
    /// What is not as it should be, but changes nothing of the state.
    pub warnings: Vec<String>,
}

impl<T> fmt::Display for RecoveryReport<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        if let Some(tail) = &self.truncated {
            let done = if self.is_repaired {
                "cut off"
            } else {
                "left in place"
            };
            writeln!(
                f,
                "torn tail: {} bytes at offset {} of {} were never acknowledged ({} whole records behind a gap): {done}",
                tail.bytes, tail.offset, tail.file, tail.records
            )?;
        }
        writeln!(
            f,
            "read {} records in {} segments, all verified",
            self.records, self.segments
        )?;
        match self.snapshot {
            Some(sequence) => writeln!(
                f,
                "applied {} commands to the snapshot after command {sequence}",
                self.replayed
            )?,
            None => writeln!(f, "applied {} commands from the start", self.replayed)?,
        }
        writeln!(f, "last command {}", self.last_sequence)?;
        f.write_str("digest ")?;
        for byte in self.digest {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// A machine rebuilt from its journal.
pub(crate) struct Rebuilt<M: Machine> {
    pub machine: M,
    pub scan: Scan<M::Terms>,
    pub report: RecoveryReport<M::Terms>,
}

/// Where applying a log can start: a snapshot that is good in itself, or the beginning.
pub(crate) struct Base<M> {
    pub machine: M,
    /// The link that the log must have there; none at the beginning.
    pub link: Option<Chain>,
}

impl<M: Machine> Base<M> {
    fn read<S: Storage>(
        storage: &S,
        sequence: u64,
        terms: &M::Terms,
        maker: &impl Maker<M>,
    ) -> Result<Self, String> {
        let snapshot = Snapshot::read(storage, sequence).map_err(|error| error.to_string())?;
        let name = snapshot_name(sequence);
        let machine = maker
            .restore(&snapshot.state)
            .map_err(|error| format!("{name} holds no state: {error}"))?;
        if machine.sequence() != sequence || machine.terms() != terms {
            return Err(format!(
                "{name} holds the state of another market or command"
            ));
        }
        Ok(Base {
            machine,
            link: Some(snapshot.chain),
        })
    }
}

/// What went on from a base, the snapshot that was the base, and what is not as it should be.
pub(crate) struct Started<R> {
    pub started: R,
    pub snapshot: Option<u64>,
    pub warnings: Vec<String>,
}

/// Starts with the newest snapshot at or before entry `outputs_after` that is good and belongs to the log, else with the
/// beginning. `attempt` says with `None` that a base does not belong to the log.
pub(crate) fn start_from_newest<M: Machine, S: Storage, R>(
    storage: &S,
    maker: &impl Maker<M>,
    outputs_after: u64,
    attempt: &mut impl FnMut(Base<M>) -> Result<Option<R>, EngineError>,
) -> Result<Started<R>, EngineError> {
    let terms = log_terms(storage)?;
    let mut warnings = Vec::new();
    let candidates = snapshots(storage)?.into_iter();
    for sequence in candidates.filter(|sequence| (1..=outputs_after).contains(sequence)) {
        match Base::read(storage, sequence, &terms, maker) {
            Ok(base) => {
                if let Some(started) = attempt(base)? {
                    return Ok(Started {
                        started,
                        snapshot: Some(sequence),
                        warnings,
                    });
                }
                warnings.push(format!(
                    "{} does not belong to this log and is passed over",
                    snapshot_name(sequence)
                ));
            }
            Err(warning) => warnings.push(format!("{warning}; the snapshot is passed over")),
        }
    }
    let base = Base {
        machine: maker.start(terms)?,
        link: None,
    };
    let started = attempt(base)?.expect("without a snapshot there is no link that could differ");
    Ok(Started {
        started,
        snapshot: None,
        warnings,
    })
}

/// Rebuilds the machine and hands each output of each entry numbered above `outputs_after` to `sink`.
pub(crate) fn rebuild<M: Machine, S: Storage>(
    storage: &S,
    verification: Verification,
    maker: &impl Maker<M>,
    outputs_after: u64,
    sink: &mut impl FnMut(u64, M::Output),
) -> Result<Rebuilt<M>, EngineError> {
    let mut started = start_from_newest(storage, maker, outputs_after, &mut |base: Base<M>| {
        let after = match verification {
            Verification::WholeLog => 0,
            Verification::SinceSnapshot => base.machine.sequence().saturating_sub(1),
        };
        Replay::new(base, outputs_after).run(storage, after, sink)
    })?;
    if let (Some(used), Verification::WholeLog) = (started.snapshot, verification) {
        warn_of_damage(storage, used, &mut started.warnings)?;
    }
    Ok(finish(started))
}

/// Reads the snapshots older than the one used, so that damage to them does not wait until they are needed.
fn warn_of_damage<S: Storage>(
    storage: &S,
    used: u64,
    warnings: &mut Vec<String>,
) -> Result<(), EngineError> {
    for sequence in snapshots(storage)? {
        if sequence >= used {
            continue;
        }
        if let Err(error) = Snapshot::read(storage, sequence) {
            warnings.push(format!("{error}; the snapshot is not needed"));
        }
    }
    Ok(())
}

/// A log that was applied, and how it was read.
type Replayed<M> = (Replay<M>, Scan<<M as Machine>::Terms>);

/// Applying a log to a state.
struct Replay<M> {
    machine: M,
    start: u64,
    /// The link that the log must have at the start.
    link: Option<Chain>,
    link_matches: bool,
    outputs_after: u64,
    diverged: Option<EngineError>,
}

impl<M: Machine> Replay<M> {
    fn new(base: Base<M>, outputs_after: u64) -> Self {
        Replay {
            start: base.machine.sequence(),
            machine: base.machine,
            link_matches: base.link.is_none(),
            link: base.link,
            outputs_after,
            diverged: None,
        }
    }

    /// Reads the log; `None` if the state does not belong to it.
    fn run<S: Storage>(
        mut self,
        storage: &S,
        after: u64,
        sink: &mut impl FnMut(u64, M::Output),
    ) -> Result<Option<Replayed<M>>, EngineError> {
        let scan = read_log(storage, after, &mut |sequence, entry, chain| {
            self.visit(sequence, entry, chain, sink);
        })?;
        if self.start > scan.end.sequence {
            // Snapshots are taken of durable commands only.
            return Err(EngineError::Journal(JournalError::Damaged {
                file: scan.last_segment,
                offset: scan.end.offset,
                what: format!(
                    "there is a snapshot after command {}, but the log ends with {}",
                    self.start, scan.end.sequence
                ),
            }));
        }
        match self.diverged.take() {
            Some(error) => Err(error),
            None => Ok(self.link_matches.then_some((self, scan))),
        }
    }

    fn visit(
        &mut self,
        sequence: u64,
        entry: &<M::Terms as Terms>::Entry,
        chain: &Chain,
        sink: &mut impl FnMut(u64, M::Output),
    ) {
        if sequence == self.start {
            self.link_matches = self.link.is_none_or(|link| link == *chain);
        }
        if sequence <= self.start || !self.link_matches || self.diverged.is_some() {
            return;
        }
        let is_wanted = sequence > self.outputs_after;
        self.machine.apply(entry, &mut |output| {
            if is_wanted {
                sink(sequence, output);
            }
        });
        if self.machine.sequence() != sequence {
            self.diverged = Some(EngineError::Diverged {
                expected: sequence,
                received: self.machine.sequence(),
            });
        }
    }
}

fn finish<M: Machine>(started: Started<Replayed<M>>) -> Rebuilt<M> {
    let Started {
        started: (replay, scan),
        snapshot,
        mut warnings,
    } = started;
    warnings.extend(scan.warnings.iter().cloned());
    let report = RecoveryReport {
        config: scan.config.clone(),
        last_sequence: scan.end.sequence,
        digest: digest(&replay.machine),
        segments: scan.segments,
        records: scan.records,
        replayed: scan.end.sequence - replay.start,
        snapshot,
        truncated: scan.tail.clone(),
        is_repaired: false,
        warnings,
    };
    Rebuilt {
        machine: replay.machine,
        scan,
        report,
    }
}

/// Rebuilds the market of the journal in `storage`, verifying the whole log, and repairs the log's end: a torn tail,
/// which was never acknowledged, is cut off.
///
/// # Errors
/// The journal is missing, in use, damaged or cannot be read. Then nothing is changed.
pub fn recover<B: Book, S: Storage>(
    storage: S,
    book: impl Fn() -> B,
) -> Result<(MatchingEngine<B>, RecoveryReport), EngineError> {
    // Looked at before the lock is made, so that a directory without a journal stays as it is.
    market(&storage)?;
    let lock = WriterLock::take(storage)?;
    let mut rebuilt = rebuild(
        lock.storage(),
        Verification::WholeLog,
        &OverBooks(&book),
        u64::MAX,
        &mut |_, _| {},
    )?;
    lock.repair(&rebuilt.scan)?;
    rebuilt.report.is_repaired = true;
    Ok((rebuilt.machine, rebuilt.report))
}

/// Rebuilds the market of the journal in `storage` as [`recover`] does, but changes nothing and takes no lock. Beside
/// a writer that is at work it may find a torn tail.
///
/// # Errors
/// The journal is missing, damaged or cannot be read.
pub fn inspect<B: Book, S: Storage>(
    storage: &S,
    book: impl Fn() -> B,
) -> Result<(MatchingEngine<B>, RecoveryReport), EngineError> {
    let rebuilt = rebuild(
        storage,
        Verification::WholeLog,
        &OverBooks(&book),
        u64::MAX,
        &mut |_, _| {},
    )?;
    Ok((rebuilt.machine, rebuilt.report))
}

/// [`recover`] in a directory of the file system.
///
/// # Errors
/// As [`recover`].
pub fn recover_directory<B: Book>(
    path: &Path,
    book: impl Fn() -> B,
) -> Result<(MatchingEngine<B>, RecoveryReport), EngineError> {
    recover(open_directory(path)?, book)
}

/// [`inspect`] in a directory of the file system.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_directory<B: Book>(
    path: &Path,
    book: impl Fn() -> B,
) -> Result<(MatchingEngine<B>, RecoveryReport), EngineError> {
    inspect(&open_directory(path)?, book)
}

fn open_directory(path: &Path) -> Result<Directory, EngineError> {
    Directory::open(path).map_err(|source| {
        let file = path.display().to_string();
        EngineError::Journal(match source.kind() {
            io::ErrorKind::NotFound => JournalError::Missing { directory: file },
            _ => JournalError::Io {
                operation: "open",
                file,
                source,
            },
        })
    })
}
