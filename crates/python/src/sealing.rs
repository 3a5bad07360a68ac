//! Batches for proofs: a source of commands, the committed state that follows it, and batch files.

use std::path::PathBuf;
use std::sync::mpsc::{sync_channel, Receiver};
use std::sync::{Mutex, MutexGuard};
use std::thread;

use proofbook_books::Ladder;
use proofbook_commitment::list::LIST_MAX;
use proofbook_commitment::{Portable, PublicValues};
use proofbook_engine::journal::{market, scan, Directory};
use proofbook_ledger::{Ledger, Question, Record};
use proofbook_light::{CompressedOrderBook, LEVELS};
use proofbook_matching::MatchingEngine;
use proofbook_replay::{open_commands_with, CommandSource, Options};
use proofbook_run::{sample_config, Parameters, Sample};
use proofbook_serving::BatchRecord;
use proofbook_transition::Observer as _;
use proofbook_types::{Command, MarketConfig, Queue};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::{json, Value};

use crate::errors::{bad_terms, unreadable, BrokenInvariantError, InputError, JournalError};
use crate::light::CompressedOrderBookView;
use crate::sessions::hex;

/// Commands that are read at a time.
const COMMANDS_READ: usize = 4096;
/// Such portions that wait to be sealed: who reads a journal does not run ahead of who seals it.
const PORTIONS_WAITING_MAX: usize = 4;

enum Source {
    Sample(Box<dyn Iterator<Item = Command> + Send>),
    File(Box<dyn CommandSource + Send>),
    /// A thread reads the journal; an error is the last thing that comes.
    Journal(Receiver<Result<Vec<Command>, String>>),
}

impl Source {
    fn journal(path: PathBuf) -> PyResult<(Self, MarketConfig)> {
        let name = path.display().to_string();
        let wrong = |error: String| JournalError::new_err(format!("{name}: {error}"));
        let storage = Directory::open(&path).map_err(|error| wrong(error.to_string()))?;
        let config = market(&storage).map_err(|error| wrong(error.to_string()))?;
        let (read, to_seal) = sync_channel(PORTIONS_WAITING_MAX);
        thread::spawn(move || {
            let mut portion = Vec::with_capacity(COMMANDS_READ);
            let result = scan(&storage, 0, &mut |_, command, _| {
                portion.push(*command);
                if portion.len() == COMMANDS_READ {
                    // Nobody waits for the rest any more where the receiver is gone.
                    let _unneeded = read.send(Ok(std::mem::take(&mut portion)));
                }
            });
            let _unneeded = read.send(Ok(portion));
            if let Err(error) = result {
                let _unneeded = read.send(Err(format!("{name}: {error}")));
            }
        });
        Ok((Source::Journal(to_seal), config))
    }

    /// Appends the next commands; tells whether there were any.
    fn read(&mut self, commands: &mut Vec<Command>) -> PyResult<bool> {
        let before = commands.len();
        match self {
            Source::Sample(sample) => commands.extend(sample.take(COMMANDS_READ)),
            Source::File(file) => {
                file.next_batch(commands).map_err(unreadable)?;
            }
            Source::Journal(portions) => {
                if let Ok(portion) = portions.recv() {
                    commands.extend(portion.map_err(JournalError::new_err)?);
                }
            }
        }
        Ok(commands.len() > before)
    }
}

struct State {
    source: Source,
    ledger: Ledger<Portable>,
    /// The market itself. Batches that need no witness are closed from what it does.
    engine: MatchingEngine<Ladder>,
    record: Record,
    /// Commands that were read and are in no batch yet.
    waiting: Vec<Command>,
}

impl State {
    /// Reads until there are enough commands for a batch; how many it gets, and none at the end.
    fn next_size(&mut self, commands: usize) -> PyResult<usize> {
        while self.waiting.len() < commands && self.source.read(&mut self.waiting)? {}
        Ok(self.waiting.len().min(commands))
    }

    /// Lets the market take the first of the waiting commands, and records what it does.
    fn apply(&mut self, size: usize) {
        let record = &mut self.record;
        record.clear();
        for command in self.waiting.drain(..size) {
            record.command(&command);
            let mut observe = |event| record.event(&command, event);
            self.engine.apply(&command, &mut observe);
        }
    }
}

/// Seals the commands of a source into batches that can be proven.
#[pyclass(module = "proofbook._core", frozen)]
pub struct Sealer {
    state: Mutex<State>,
}

impl Sealer {
    fn start(source: Source, config: MarketConfig) -> PyResult<Self> {
        let engine = MatchingEngine::new(config, Ladder::default()).map_err(bad_terms)?;
        Ok(Sealer {
            state: Mutex::new(State {
                source,
                ledger: Ledger::new(config),
                engine,
                record: Record::default(),
                waiting: Vec::new(),
            }),
        })
    }

    fn lock(&self) -> PyResult<MutexGuard<'_, State>> {
        self.state
            .lock()
            .map_err(|_| BrokenInvariantError::new_err("an earlier batch broke an invariant"))
    }

    /// Ends a batch of up to so many commands by `end`, which is given how many they are; gives what a proof of it says, as
    /// JSON, or `None` where no command is left.
    fn batch(
        &self,
        py: Python<'_>,
        commands: usize,
        end: impl FnOnce(&mut State, usize) -> PyResult<PublicValues> + Send,
    ) -> PyResult<Option<String>> {
        if commands == 0 || commands > LIST_MAX as usize {
            return Err(InputError::new_err(format!(
                "a batch has 1 to {LIST_MAX} commands; received {commands}"
            )));
        }
        py.detach(|| {
            let mut state = self.lock()?;
            match state.next_size(commands)? {
                0 => Ok(None),
                size => Ok(Some(describe(&end(&mut state, size)?).to_string())),
            }
        })
    }
}

/// What a proof of the batch says.
fn describe(values: &PublicValues) -> Value {
    json!({
        "batch": values.batch,
        "market": values.market,
        "config": values.config.to_string(),
        "first_sequence": values.first_sequence,
        "last_sequence": values.last_sequence,
        "previous_root": values.previous_root.to_string(),
        "new_root": values.new_root.to_string(),
        "commands": values.commands,
        "command_root": values.command_root.to_string(),
        "events": values.events,
        "event_root": values.event_root.to_string(),
        "public_values": hex(&values.encode()),
    })
}

#[pymethods]
impl Sealer {
    /// The generated sample that belongs to `seed`.
    #[staticmethod]
    fn sample(seed: u64, commands: u64) -> PyResult<Self> {
        let sample = Sample::new(Parameters { seed, commands });
        Sealer::start(Source::Sample(Box::new(sample)), sample_config())
    }

    /// A journal, from its first command on.
    #[staticmethod]
    fn journal(path: PathBuf) -> PyResult<Self> {
        let (source, config) = Source::journal(path)?;
        Sealer::start(source, config)
    }

    /// Files of market data.
    #[staticmethod]
    #[pyo3(signature = (paths, book_file = None, symbol = None))]
    fn open(
        py: Python<'_>,
        paths: Vec<PathBuf>,
        book_file: Option<PathBuf>,
        symbol: Option<String>,
    ) -> PyResult<Self> {
        let options = Options {
            book: book_file,
            instrument: symbol,
            ..Options::default()
        };
        let file = py
            .detach(|| open_commands_with(&paths, &options, &mut |_| true))
            .map_err(unreadable)?;
        let config = file.info().config;
        Sealer::start(Source::File(file), config)
    }

    /// Seals up to so many commands into a batch and writes its file, where a path is given, and its record, where one is given;
    /// `None` where no command is left. Gives what the proof will say, as JSON.
    #[pyo3(signature = (commands, path = None, record = None))]
    fn seal(
        &self,
        py: Python<'_>,
        commands: usize,
        path: Option<PathBuf>,
        record: Option<PathBuf>,
    ) -> PyResult<Option<String>> {
        self.batch(py, commands, |state, size| {
            let sealed = state.ledger.seal(&state.waiting[..size]);
            state.apply(size);
            if let Some(path) = path {
                std::fs::write(path, sealed.to_bytes())?;
            }
            if let Some(path) = record {
                // This compares what the engine did with what the proven function says.
                let kept = BatchRecord::new(&sealed.values, std::mem::take(&mut state.record))
                    .map_err(|error| BrokenInvariantError::new_err(error.to_string()))?;
                std::fs::write(path, kept.encode())?;
            }
            Ok(sealed.values)
        })
    }

    /// Ends a batch of up to so many commands without what a proof of it would take: that is quicker. Gives what a proof would
    /// say, as JSON; `None` where no command is left.
    fn close(&self, py: Python<'_>, commands: usize) -> PyResult<Option<String>> {
        self.batch(py, commands, |state, size| {
            state.apply(size);
            Ok(state.ledger.close(&state.record))
        })
    }

    /// The public header of the state after the last batch.
    #[getter]
    fn header(&self) -> PyResult<CompressedOrderBookView> {
        let state = self.lock()?;
        let ledger = &state.ledger;
        Ok(CompressedOrderBookView::new(CompressedOrderBook {
            market: ledger.config().market,
            batch: ledger.batch(),
            header: *ledger.header(),
        }))
    }

    /// A proof of the best 128 levels of bids and asks in the state after the last batch.
    fn prove_levels<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let questions = [Queue::Bids, Queue::Asks].map(|queue| Question::Depth(queue, LEVELS));
        let proof = py.detach(|| Ok::<_, PyErr>(self.lock()?.ledger.prove(&questions).encode()))?;
        Ok(PyBytes::new(py, &proof))
    }

    /// The market's encoded configuration.
    #[getter]
    fn config<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.lock()?.ledger.config().encode()))
    }

    /// The state root after the last batch, in hexadecimal.
    #[getter]
    fn root(&self) -> PyResult<String> {
        Ok(self.lock()?.ledger.root().to_string())
    }
}
