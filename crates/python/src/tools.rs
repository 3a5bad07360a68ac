//! The functions behind the commands of the command line: replay, convert, generate, journal, recover, bench.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use proofbook_books::{NamedBook, Structure, Visitor};
use proofbook_engine::journal::{Directory, Options as JournalOptions, SyncPolicy, SystemClock};
use proofbook_engine::{inspect_directory, recover_directory, Engine, EngineError, RecoveryReport};
use proofbook_replay::{
    convert as convert_files, open_commands_with, replay as replay_files, CommandFileHeader,
    CommandFileWriter, CommandSource, InitialBook, Mode, Options, Progress, ReplayError,
};
use proofbook_run::{sample_config, Parameters, Sample};
use pyo3::prelude::*;
use serde_json::json;

use crate::errors::{bad_journal, unreadable, InputError, JournalError};
use crate::market::structure;
use crate::receipts::JournalReceipts;
use crate::scale::Scale;
use crate::sessions::{hex, sample_tick};

/// Calls Python's `progress(bytes_done, bytes_total, records)` and keeps what it raises, Ctrl-C included.
pub(crate) struct Reporter {
    progress: Option<Py<PyAny>>,
    raised: Option<PyErr>,
}

impl Reporter {
    pub(crate) fn new(progress: Option<Py<PyAny>>) -> Self {
        Reporter {
            progress,
            raised: None,
        }
    }

    pub(crate) fn tell(&mut self, now: Progress) -> bool {
        let told = Python::attach(|py| {
            py.check_signals()?;
            if let Some(progress) = &self.progress {
                progress.call1(py, (now.bytes_done, now.bytes_total, now.records))?;
            }
            Ok(())
        });
        self.raised = told.err();
        self.raised.is_none()
    }

    /// What Python raised, else what the work ended with.
    pub(crate) fn result<T>(self, result: Result<T, ReplayError>) -> PyResult<T> {
        match self.raised {
            Some(raised) => Err(raised),
            None => result.map_err(unreadable),
        }
    }
}

pub(crate) fn options(
    mode: Option<&str>,
    book: Option<PathBuf>,
    initial: &str,
    symbol: Option<String>,
    check: bool,
    engine: &str,
) -> PyResult<Options> {
    Ok(Options {
        mode: mode.map(Mode::from_str).transpose().map_err(unreadable)?,
        book,
        initial: match initial {
            "inferred" => InitialBook::Inferred,
            "empty" => InitialBook::Empty,
            other => {
                return Err(InputError::new_err(format!(
                    "initial must be \"inferred\" or \"empty\"; received {other:?}"
                )));
            }
        },
        structure: structure(engine)?,
        instrument: symbol,
        check,
    })
}

/// Replays market data; returns the report as JSON, and as text.
#[pyfunction]
#[pyo3(signature = (paths, *, mode = None, book_file = None, initial = "inferred", symbol = None, check = false, engine = "ladder", progress = None))]
#[allow(clippy::too_many_arguments)] // Python's keyword arguments
pub fn replay(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    mode: Option<&str>,
    book_file: Option<PathBuf>,
    initial: &str,
    symbol: Option<String>,
    check: bool,
    engine: &str,
    progress: Option<Py<PyAny>>,
) -> PyResult<(String, String)> {
    let options = options(mode, book_file, initial, symbol, check, engine)?;
    let mut reporter = Reporter::new(progress);
    let result = py.detach(|| replay_files(&paths, &options, &mut |now| reporter.tell(now)));
    let report = reporter.result(result)?;
    Ok((report.to_json(), report.summary()))
}

/// Writes the commands of market data into a file of our own format; returns how many.
#[pyfunction]
#[pyo3(signature = (paths, output, *, book_file = None, symbol = None, progress = None))]
pub fn convert(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    output: PathBuf,
    book_file: Option<PathBuf>,
    symbol: Option<String>,
    progress: Option<Py<PyAny>>,
) -> PyResult<u64> {
    let options = options(
        None,
        book_file,
        "inferred",
        symbol,
        false,
        Structure::default().name(),
    )?;
    let mut reporter = Reporter::new(progress);
    let result =
        py.detach(|| convert_files(&paths, &options, &output, &mut |now| reporter.tell(now)));
    reporter.result(result)
}

/// Writes a sample into a file of our own format; returns how many commands it has.
#[pyfunction]
pub fn generate(py: Python<'_>, output: PathBuf, seed: u64, commands: u64) -> PyResult<u64> {
    let header = CommandFileHeader {
        config: sample_config(),
        tick: sample_tick().to_replay(),
        lot: Scale::ONE.to_replay(),
    };
    py.detach(|| {
        let mut file = CommandFileWriter::create(&output, &header)?;
        for command in Sample::new(Parameters { seed, commands }) {
            file.write(&command)?;
        }
        let count = file.count();
        file.finish()?;
        Ok(count)
    })
    .map_err(unreadable)
}

fn recovery_json(report: &RecoveryReport) -> String {
    json!({
        "last_sequence": report.last_sequence,
        "digest": hex(&report.digest),
        "records": report.records,
        "replayed": report.replayed,
        "snapshot": report.snapshot,
        "segments": report.segments,
        "truncated": report.truncated.as_ref().map(|tail| json!({
            "file": tail.file, "offset": tail.offset, "bytes": tail.bytes, "records": tail.records,
        })),
        "warnings": report.warnings,
        "repaired": report.is_repaired,
    })
    .to_string()
}

fn sync_policy(name: &str) -> PyResult<SyncPolicy> {
    match name {
        "every" => Ok(SyncPolicy::EveryCommand),
        "group" => Ok(JournalOptions::default().policy),
        "none" => Ok(SyncPolicy::None),
        other => Err(InputError::new_err(format!(
            "sync must be \"every\", \"group\" or \"none\"; received {other:?}"
        ))),
    }
}

/// Starts a journal in a folder and takes the commands of market data into it; returns sequence and digest as JSON. With a key and a
/// file, it writes the receipt of each command there once that is acknowledged.
#[pyfunction]
#[pyo3(signature = (paths, directory, *, sync = "group", snapshot = true, book_file = None, symbol = None, receipts = None, engine = "ladder", progress = None))]
#[allow(clippy::too_many_arguments)] // Python's keyword arguments
pub fn journal(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    directory: PathBuf,
    sync: &str,
    snapshot: bool,
    book_file: Option<PathBuf>,
    symbol: Option<String>,
    receipts: Option<(PathBuf, PathBuf)>,
    engine: &str,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let options = options(None, book_file, "inferred", symbol, false, engine)?;
    let policy = sync_policy(sync)?;
    let mut reporter = Reporter::new(progress);
    let opened = py.detach(|| open_commands_with(&paths, &options, &mut |now| reporter.tell(now)));
    let source = reporter.result(opened)?;
    let journal_options = JournalOptions {
        policy,
        ..JournalOptions::default()
    };
    let market = source.info().config.market;
    let receipts = receipts
        .map(|(key, file)| JournalReceipts::start(&key, &file, market))
        .transpose()?;
    let storage = Directory::create(&directory)
        .map_err(|error| JournalError::new_err(format!("{}: {error}", directory.display())))?;
    options.structure.visit(Journaling {
        py,
        source,
        storage,
        journal_options,
        receipts,
        snapshot,
    })
}

/// A new journal that takes the commands of a source. Gives its end as JSON.
struct Journaling<'py> {
    py: Python<'py>,
    source: Box<dyn CommandSource + Send>,
    storage: Directory,
    journal_options: JournalOptions,
    receipts: Option<JournalReceipts>,
    snapshot: bool,
}

impl Visitor for Journaling<'_> {
    type Output = PyResult<String>;

    fn visit<B: NamedBook>(self) -> PyResult<String> {
        let config = self.source.info().config;
        let engine = Engine::create(
            self.storage,
            SystemClock::new(),
            config,
            self.journal_options,
            B::empty_secret(),
        )
        .map_err(bad_journal)?;
        journal_all(self.py, self.source, engine, self.receipts, self.snapshot)
    }
}

fn journal_all<B: NamedBook>(
    py: Python<'_>,
    mut source: Box<dyn CommandSource + Send>,
    mut engine: Engine<B, Directory, SystemClock>,
    mut receipts: Option<JournalReceipts>,
    snapshot: bool,
) -> PyResult<String> {
    let mut commands = Vec::new();
    let mut events = 0u64;
    loop {
        py.check_signals()?;
        commands.clear();
        let taken = py.detach(|| source.next_batch(&mut commands));
        if taken.map_err(unreadable)? == 0 {
            break;
        }
        py.detach(|| engine.submit_batch(&commands, &mut |_, _| events += 1))
            .map_err(bad_journal)?;
        if let Some(receipts) = &mut receipts {
            let acknowledged = engine.acknowledged();
            py.detach(|| receipts.take(&commands, acknowledged))?;
        }
    }
    if snapshot {
        py.detach(|| engine.snapshot()).map_err(bad_journal)?;
    }
    let (sequence, digest) = (engine.matching().sequence(), engine.digest());
    py.detach(|| engine.close(&mut |_, _| events += 1))
        .map_err(bad_journal)?;
    let signed = receipts
        .map(|receipts| py.detach(|| receipts.finish(sequence)))
        .transpose()?;
    let report = json!({
        "last_sequence": sequence, "events": events, "digest": hex(&digest), "receipts": signed,
    });
    Ok(report.to_string())
}

/// Rebuilds the state of a journal and, unless only looking, repairs its torn tail; returns the report as JSON, and as text.
#[pyfunction]
#[pyo3(signature = (path, *, inspect = false, engine = "ladder"))]
pub fn recover(
    py: Python<'_>,
    path: PathBuf,
    inspect: bool,
    engine: &str,
) -> PyResult<(String, String)> {
    let structure = structure(engine)?;
    let recovery = Recovery {
        path: &path,
        inspect,
    };
    let report = py
        .detach(|| structure.visit(recovery))
        .map_err(bad_journal)?;
    Ok((recovery_json(&report), report.to_string()))
}

struct Recovery<'a> {
    path: &'a Path,
    inspect: bool,
}

impl Visitor for Recovery<'_> {
    type Output = Result<RecoveryReport, EngineError>;

    fn visit<B: NamedBook>(self) -> Self::Output {
        let recovered = if self.inspect {
            inspect_directory(self.path, B::empty)
        } else {
            recover_directory(self.path, B::empty)
        };
        recovered.map(|(_engine, report)| report)
    }
}

/// The books by which a market can be asked for, each with what it is.
#[pyfunction]
pub fn engines() -> Vec<(&'static str, &'static str)> {
    Structure::ALL
        .map(|structure| (structure.name(), structure.description().trim()))
        .to_vec()
}

/// Answers a question of the analysis; returns its JSON.
#[pyfunction]
pub fn analysis_command(py: Python<'_>, arguments: Vec<String>) -> PyResult<String> {
    py.detach(|| proofbook_analysis::command(&arguments).map(|answer| answer.to_string()))
        .map_err(|error| InputError::new_err(error.to_string()))
}

/// Runs a command of the benchmarks; returns its JSON.
#[pyfunction]
pub fn bench_command(py: Python<'_>, arguments: Vec<String>) -> PyResult<String> {
    py.detach(|| proofbook_bench::command(&arguments).map(|report| report.to_string()))
        .map_err(|error| InputError::new_err(error.to_string()))
}
