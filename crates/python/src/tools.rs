//! The functions behind the commands of the command line: replay, convert, generate, journal, recover, bench.

use std::path::PathBuf;
use std::str::FromStr;

use proofbook_books::Ladder;
use proofbook_engine::journal::{Directory, Options as JournalOptions, SyncPolicy, SystemClock};
use proofbook_engine::{inspect_directory, recover_directory, Engine, RecoveryReport};
use proofbook_replay::{
    convert as convert_files, open_commands_with, replay as replay_files, CommandFileHeader,
    CommandFileWriter, InitialBook, Mode, Options, Progress, ReplayError,
};
use proofbook_run::{sample_config, Parameters, Sample};
use pyo3::prelude::*;
use serde_json::json;

use crate::errors::{bad_journal, unreadable, InputError, JournalError};
use crate::receipts::JournalReceipts;
use crate::scale::Scale;
use crate::sessions::{hex, sample_tick};

/// Calls Python's `progress(bytes_done, bytes_total, records)` and keeps what it raises, Ctrl-C included.
struct Reporter {
    progress: Option<Py<PyAny>>,
    raised: Option<PyErr>,
}

impl Reporter {
    fn tell(&mut self, now: Progress) -> bool {
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
    fn result<T>(self, result: Result<T, ReplayError>) -> PyResult<T> {
        match self.raised {
            Some(raised) => Err(raised),
            None => result.map_err(unreadable),
        }
    }
}

fn options(
    mode: Option<&str>,
    book: Option<PathBuf>,
    initial: &str,
    symbol: Option<String>,
    check: bool,
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
        instrument: symbol,
        check,
    })
}

/// Replays market data; returns the report as JSON, and as text.
#[pyfunction]
#[pyo3(signature = (paths, *, mode = None, book = None, initial = "inferred", symbol = None, check = false, progress = None))]
#[allow(clippy::too_many_arguments)] // Python's keyword arguments
pub fn replay(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    mode: Option<&str>,
    book: Option<PathBuf>,
    initial: &str,
    symbol: Option<String>,
    check: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<(String, String)> {
    let options = options(mode, book, initial, symbol, check)?;
    let mut reporter = Reporter {
        progress,
        raised: None,
    };
    let result = py.detach(|| replay_files(&paths, &options, &mut |now| reporter.tell(now)));
    let report = reporter.result(result)?;
    Ok((report.to_json(), report.summary()))
}

/// Writes the commands of market data into a file of our own format; returns how many.
#[pyfunction]
#[pyo3(signature = (paths, output, *, book = None, symbol = None, progress = None))]
pub fn convert(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    output: PathBuf,
    book: Option<PathBuf>,
    symbol: Option<String>,
    progress: Option<Py<PyAny>>,
) -> PyResult<u64> {
    let options = options(None, book, "inferred", symbol, false)?;
    let mut reporter = Reporter {
        progress,
        raised: None,
    };
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
#[pyo3(signature = (paths, directory, *, sync = "group", snapshot = true, book = None, symbol = None, receipts = None, progress = None))]
#[allow(clippy::too_many_arguments)] // Python's keyword arguments
pub fn journal(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    directory: PathBuf,
    sync: &str,
    snapshot: bool,
    book: Option<PathBuf>,
    symbol: Option<String>,
    receipts: Option<(PathBuf, PathBuf)>,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    let options = options(None, book, "inferred", symbol, false)?;
    let policy = sync_policy(sync)?;
    let mut reporter = Reporter {
        progress,
        raised: None,
    };
    let opened = py.detach(|| open_commands_with(&paths, &options, &mut |now| reporter.tell(now)));
    let mut source = reporter.result(opened)?;
    let journal_options = JournalOptions {
        policy,
        ..JournalOptions::default()
    };
    let market = source.info().config.market;
    let mut receipts = receipts
        .map(|(key, file)| JournalReceipts::start(&key, &file, market))
        .transpose()?;
    let mut engine = Directory::create(&directory)
        .map_err(|error| JournalError::new_err(format!("{}: {error}", directory.display())))
        .and_then(|storage| {
            let config = source.info().config;
            let book = Ladder::with_secret_seed();
            Engine::create(storage, SystemClock::new(), config, journal_options, book)
                .map_err(bad_journal)
        })?;
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
            py.detach(|| receipts.take(&commands, engine.acknowledged()))?;
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
#[pyo3(signature = (path, *, inspect = false))]
pub fn recover(py: Python<'_>, path: PathBuf, inspect: bool) -> PyResult<(String, String)> {
    let recovered = py.detach(|| {
        if inspect {
            inspect_directory(&path, Ladder::default)
        } else {
            recover_directory(&path, Ladder::default)
        }
    });
    let (_engine, report) = recovered.map_err(bad_journal)?;
    Ok((recovery_json(&report), report.to_string()))
}

/// Runs a command of the benchmarks; returns its JSON.
#[pyfunction]
pub fn bench_command(py: Python<'_>, arguments: Vec<String>) -> PyResult<String> {
    py.detach(|| proofbook_bench::command(&arguments).map(|report| report.to_string()))
        .map_err(|error| InputError::new_err(error.to_string()))
}
