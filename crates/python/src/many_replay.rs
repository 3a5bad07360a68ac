//! Market data as flow for many books: the commands of each instrument of a file, as words.

use std::path::PathBuf;

use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods};
use proofbook_replay::{read_instruments, InstrumentCommands};
use proofbook_types::COMMAND_WORDS;
use pyo3::prelude::*;

use crate::scale::Scale;
use crate::tools::{options, Reporter};

/// Of each instrument its name, and what one tick and one lot are worth.
type Instruments = Vec<(String, String, String)>;

/// The instruments, their commands as words, and where each one's rows begin.
type Flow<'py> = (
    Instruments,
    Bound<'py, PyArray2<u64>>,
    Bound<'py, PyArray1<i64>>,
);

/// The commands of each instrument of a file: names with units, words, a row for each command, and offsets.
#[pyfunction]
#[pyo3(signature = (paths, *, symbols = Vec::new(), book_file = None, progress = None))]
pub fn many_replay<'py>(
    py: Python<'py>,
    paths: Vec<PathBuf>,
    symbols: Vec<String>,
    book_file: Option<PathBuf>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Flow<'py>> {
    let options = options(None, book_file, "inferred", None, false, "ladder")?;
    let mut reporter = Reporter::new(progress);
    let (result, words, offsets) = py.detach(|| {
        let read = read_instruments(&paths, &options, &symbols, &mut |now| reporter.tell(now));
        let found = read.as_deref().unwrap_or_default();
        let (words, offsets) = laid_out(found);
        (read, words, offsets)
    });
    let found = reporter.result(result)?;
    let text = |scale| Scale::from_replay(scale).to_string();
    let names = found
        .into_iter()
        .map(|each| (each.symbol, text(each.tick), text(each.lot)))
        .collect();
    let rows = words.len() / COMMAND_WORDS;
    let words = words.into_pyarray(py).reshape([rows, COMMAND_WORDS])?;
    Ok((names, words, offsets.into_pyarray(py)))
}

/// The words of all commands, one instrument after another, and where each one's rows begin.
fn laid_out(instruments: &[InstrumentCommands]) -> (Vec<u64>, Vec<i64>) {
    let rows: usize = instruments.iter().map(|each| each.commands.len()).sum();
    let mut words = Vec::with_capacity(rows * COMMAND_WORDS);
    let mut offsets = vec![0];
    for each in instruments {
        for command in &each.commands {
            words.extend(command.words());
        }
        offsets.push((words.len() / COMMAND_WORDS) as i64);
    }
    (words, offsets)
}
