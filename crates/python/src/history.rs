//! The history of an exchange as Arrow tables: a replica that follows the log, and the rows of what it says.
//!
//! Invariants: a reader takes no lock and changes no file, so it may run beside the server, in its process or another; the
//! interpreter is detached while it reads.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use proofbook_books::Ladder;
use proofbook_engine::journal::Directory;
use proofbook_exchange::{replicate, Entry, Outcome, Replica};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3_arrow::{PyRecordBatch, PySchema};

use crate::errors::{bad_journal, BrokenInvariantError, InputError, JournalError};
use crate::history_rows::take;
use crate::history_tables::Tables;

/// A call ends with the entry that brings its tables to so many outcomes, however many entries were asked for.
const OUTCOMES_PER_CALL: usize = 1 << 18;

/// Entries that are skipped at a time, to come behind those that the caller has.
const SKIPPED_AT_A_TIME: usize = 1 << 16;

/// The folder of the log within an exchange's folder.
const LOG_FOLDER: &str = "log";

struct State {
    replica: Replica<Ladder, Directory>,
    tables: Tables,
    outcomes: Vec<Outcome>,
}

/// Reads the log of an exchange and gives what came of its entries as tables.
#[pyclass(module = "proofbook._core", frozen)]
pub struct HistoryReader {
    state: Mutex<State>,
    exchange: String,
}

impl State {
    fn open(folder: PathBuf, after: u64) -> PyResult<Self> {
        let log = folder.join(LOG_FOLDER);
        let storage = Directory::open(&log).map_err(|error| {
            let expected = "expected the folder of an exchange, with its log";
            InputError::new_err(format!("{expected}; received {}: {error}", log.display()))
        })?;
        let mut replica = replicate(storage, after).map_err(bad_journal)?;
        while replica.sequence() < after {
            let acknowledged = replica.watermark().map_err(bad_journal)?.min(after);
            let count = replica
                .advance(acknowledged, SKIPPED_AT_A_TIME, &mut |_, _, _| {})
                .map_err(bad_journal)?;
            if count == 0 {
                return Err(JournalError::new_err(format!(
                    "expected a log that has entry {after}; it is acknowledged up to {}",
                    replica.sequence()
                )));
            }
        }
        let name = *replica.machine().terms();
        Ok(State {
            replica,
            tables: Tables::new(name.name.as_str()),
            outcomes: Vec::new(),
        })
    }

    /// Takes the next entries, one by one: balances are read between them.
    fn advance(&mut self, acknowledged: Option<u64>, entries_max: usize) -> PyResult<()> {
        let acknowledged = match acknowledged {
            Some(acknowledged) => acknowledged,
            None => self.replica.watermark().map_err(bad_journal)?,
        };
        let mut taken = 0;
        for _ in 0..entries_max {
            let (mut number, mut found) = (0, None::<Entry>);
            self.outcomes.clear();
            let outcomes = &mut self.outcomes;
            let count = self
                .replica
                .advance(acknowledged, 1, &mut |sequence, entry, outcome| {
                    (number, found) = (sequence, Some(*entry));
                    outcomes.push(outcome);
                })
                .map_err(bad_journal)?;
            if count == 0 {
                break;
            }
            let entry = found.ok_or_else(|| {
                BrokenInvariantError::new_err("an entry came to nothing, not even to an answer")
            })?;
            take(
                &mut self.tables,
                number,
                &entry,
                &self.outcomes,
                self.replica.machine(),
            )
            .map_err(|error| InputError::new_err(format!("entry {number}: {error}")))?;
            taken += self.outcomes.len();
            if taken >= OUTCOMES_PER_CALL {
                break;
            }
        }
        Ok(())
    }
}

#[pymethods]
impl HistoryReader {
    #[new]
    #[pyo3(signature = (folder, after_entry=0))]
    fn new(py: Python<'_>, folder: PathBuf, after_entry: u64) -> PyResult<Self> {
        let state = py.detach(|| State::open(folder, after_entry))?;
        let exchange = state.replica.machine().terms().name.as_str().to_owned();
        Ok(HistoryReader {
            state: Mutex::new(state),
            exchange,
        })
    }

    /// The exchange's name.
    #[getter]
    fn exchange(&self) -> &str {
        &self.exchange
    }

    /// The schemas of all tables, by name.
    #[staticmethod]
    fn schemas(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        let by_name = PyDict::new(py);
        for (name, schema) in Tables::new("").schemas() {
            by_name.set_item(name, PySchema::new(schema).into_pyarrow(py)?)?;
        }
        Ok(by_name)
    }

    /// Up to which entry the log says that it is acknowledged.
    fn acknowledged(&self, py: Python<'_>) -> PyResult<u64> {
        py.detach(|| self.locked(|state| state.replica.watermark().map_err(bad_journal)))
    }

    /// What came of the next entries: the last one's number, and the tables by name.
    #[pyo3(signature = (entries_max, acknowledged=None))]
    fn next<'py>(
        &self,
        py: Python<'py>,
        entries_max: usize,
        acknowledged: Option<u64>,
    ) -> PyResult<(u64, Bound<'py, PyDict>)> {
        let (last, tables) = py.detach(|| {
            self.locked(|state| {
                state.advance(acknowledged, entries_max)?;
                let tables = state
                    .tables
                    .give()
                    .map_err(|error| BrokenInvariantError::new_err(error.to_string()))?;
                Ok((state.replica.sequence(), tables))
            })
        })?;
        let by_name = PyDict::new(py);
        for (name, batch) in tables {
            if batch.num_rows() > 0 {
                by_name.set_item(name, PyRecordBatch::new(batch).into_pyarrow(py)?)?;
            }
        }
        Ok((last, by_name))
    }
}

impl HistoryReader {
    fn locked<T>(&self, work: impl FnOnce(&mut State) -> PyResult<T>) -> PyResult<T> {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
