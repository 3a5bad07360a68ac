//! Many books at once, natively: their flow, what the engine makes of it, and digests of their states.
//!
//! It is what `proofbook.gpu` is compared with, book by book, and what feeds it. Commands are the words of their encodings, nine to a row, book
//! after book; offsets say where each book's rows begin. Arrays of NumPy are read and written where they lie.

use std::ops::Range;
use std::time::Instant;

use numpy::{
    Element, IntoPyArray, Ix1, Ix2, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray,
    PyUntypedArray, PyUntypedArrayMethods,
};
use proofbook_books::{NamedBook, Structure, Visitor};
use proofbook_run::{book_rows, BookEnd, BookRunner, MalformedRow, Timing};
use proofbook_types::{MarketConfig, COMMAND_WORDS, CONFIG_BYTES};
use proofbook_workload::{FlowKind, ManyFlows};
use pyo3::prelude::*;

use crate::errors::{self, InputError};
use crate::market::structure;
use crate::raw_market::exactly;
use crate::threads::{claim_size, in_threads, thread_count};

/// Bytes of a digest.
const DIGEST_BYTES: usize = 32;
/// The most words of a flow: what an array may hold at all.
const WORDS_MAX: usize = isize::MAX as usize / 8;

/// Words, a row for each command, and where each book's rows begin.
type Flow<'py> = (Bound<'py, PyArray2<u64>>, Bound<'py, PyArray1<i64>>);

/// Generated flow for `books` books of `commands` commands each.
#[pyfunction]
#[pyo3(signature = (scenario, *, seed, books, commands, threads = None))]
pub fn many_flow<'py>(
    py: Python<'py>,
    scenario: &str,
    seed: u64,
    books: usize,
    commands: u32,
    threads: Option<usize>,
) -> PyResult<Flow<'py>> {
    let kind = FlowKind::from_name(scenario).ok_or_else(|| {
        InputError::new_err(format!(
            "scenario must be one of {}; received {scenario:?}",
            FlowKind::names()
        ))
    })?;
    let threads = thread_count(threads)?;
    let rows = books
        .checked_mul(commands as usize)
        .filter(|rows| *rows <= WORDS_MAX / COMMAND_WORDS)
        .ok_or_else(|| {
            InputError::new_err(format!(
                "books times commands must be at most {}; received {books} times {commands}",
                WORDS_MAX / COMMAND_WORDS
            ))
        })?;
    // NumPy's own zeros: memory that the threads touch first, or its MemoryError.
    let zeros = py
        .import("numpy")?
        .call_method1("zeros", ((rows, COMMAND_WORDS), "uint64"))?;
    let words = zeros.cast_into::<PyArray2<u64>>()?;
    if rows != 0 {
        let mut writable = words.readwrite();
        let slice = writable.as_slice_mut()?;
        let flows = ManyFlows::new(kind, seed, commands);
        write_flows(py, &flows, commands as usize, slice, threads)?;
    }
    let offsets: Vec<i64> = (0..=books as i64)
        .map(|book| book * i64::from(commands))
        .collect();
    Ok((words, offsets.into_pyarray(py)))
}

fn write_flows(
    py: Python<'_>,
    flows: &ManyFlows,
    commands: usize,
    words: &mut [u64],
    threads: usize,
) -> PyResult<()> {
    let (rows, _) = words.as_chunks_mut::<COMMAND_WORDS>();
    let books = rows.len() / commands;
    let claim = claim_size(books, threads);
    let items = rows.chunks_mut(claim * commands).enumerate();
    in_threads(py, threads, items, |work| {
        while let Some((number, rows)) = work.claim() {
            let first = number * claim;
            for (book, rows) in rows.chunks_mut(commands).enumerate() {
                for (row, command) in rows.iter_mut().zip(flows.book((first + book) as u64)) {
                    *row = command.words();
                }
            }
        }
    })?;
    Ok(())
}

/// How many books ended, and how long that took.
#[pyclass(module = "proofbook._core", frozen)]
pub struct ManyRun {
    /// Digests of the states, 32 bytes for each book.
    #[pyo3(get)]
    digests: Py<PyArray2<u8>>,
    /// Digests of the events of each book, unless they were only counted.
    #[pyo3(get)]
    event_digests: Option<Py<PyArray1<u64>>>,
    /// Events of each book.
    #[pyo3(get)]
    events: Py<PyArray1<u64>>,
    /// Trades of each book.
    #[pyo3(get)]
    trades: Py<PyArray1<u64>>,
    /// Live orders of each book at the end.
    #[pyo3(get)]
    live_orders: Py<PyArray1<u64>>,
    /// From the start of the threads to their end, in nanoseconds.
    #[pyo3(get)]
    wall_ns: u64,
    timings: Vec<Timing>,
}

#[pymethods]
impl ManyRun {
    /// The loops that apply commands, in all threads together, in nanoseconds.
    #[getter]
    fn apply_ns(&self) -> u64 {
        self.thread_apply_ns().iter().sum()
    }

    /// The same for each thread.
    #[getter]
    fn thread_apply_ns(&self) -> Vec<u64> {
        self.each(|timing| timing.apply)
    }

    /// Making and dropping markets, in all threads together, in nanoseconds.
    #[getter]
    fn create_ns(&self) -> u64 {
        self.each(|timing| timing.create).iter().sum()
    }

    /// Decoding words into commands, in all threads together, in nanoseconds.
    #[getter]
    fn decode_ns(&self) -> u64 {
        self.each(|timing| timing.decode).iter().sum()
    }

    /// Computing digests of states, in all threads together, in nanoseconds.
    #[getter]
    fn digest_ns(&self) -> u64 {
        self.each(|timing| timing.digest).iter().sum()
    }
}

fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl ManyRun {
    fn each(&self, part: impl Fn(&Timing) -> std::time::Duration) -> Vec<u64> {
        let parts = self.timings.iter().map(part);
        parts.map(nanoseconds).collect()
    }
}

/// Runs each book's commands through the engine, on a book of the structure that `engine` names.
#[pyfunction]
#[pyo3(signature = (config, commands, offsets, *, threads = None, engine = "ladder", events = "none"))]
#[allow(clippy::too_many_arguments)] // Python's keyword arguments
pub fn many_run(
    py: Python<'_>,
    config: &[u8],
    commands: &Bound<'_, PyAny>,
    offsets: &Bound<'_, PyAny>,
    threads: Option<usize>,
    engine: &str,
    events: &str,
) -> PyResult<ManyRun> {
    let config = MarketConfig::decode(exactly::<CONFIG_BYTES>("a market configuration", config)?)
        .map_err(errors::undecodable)?;
    let is_digested = match events {
        "none" => false,
        "digest" => true,
        other => {
            return Err(InputError::new_err(format!(
                "events must be \"none\" or \"digest\"; received {other:?}"
            )));
        }
    };
    let commands = Input::<u64, Ix2>::new(commands, "commands", "uint64 of shape [N, 9]")?;
    if commands.array.shape()[1] != COMMAND_WORDS {
        return Err(commands.unfit());
    }
    let (words, _) = commands.slice()?.as_chunks::<COMMAND_WORDS>();
    let offsets = Input::<i64, Ix1>::new(offsets, "offsets", "int64 of shape [books + 1]")?;
    let rows = book_rows(offsets.slice()?, words.len()).map_err(InputError::new_err)?;
    let run = Running {
        py,
        // The terms are checked here, once for all threads.
        runner: BookRunner::new(config, is_digested).map_err(errors::bad_terms)?,
        words,
        rows: &rows,
        threads: thread_count(threads)?,
    };
    let structure: Structure = structure(engine)?;
    let done = structure.visit(run)?;
    done.shown(py, is_digested)
}

/// A run of many books that waits for its structure.
struct Running<'a, 'py> {
    py: Python<'py>,
    runner: BookRunner,
    words: &'a [[u64; COMMAND_WORDS]],
    rows: &'a [Range<usize>],
    threads: usize,
}

/// What came of it.
struct Done {
    ends: Vec<BookEnd>,
    timings: Vec<Timing>,
    wall_ns: u64,
}

/// A book that could not be run.
struct Failure {
    book: usize,
    /// Its row among those of all books.
    row: usize,
    malformed: MalformedRow,
}

impl Visitor for Running<'_, '_> {
    type Output = PyResult<Done>;

    fn visit<B: NamedBook>(self) -> PyResult<Done> {
        let mut ends = vec![BookEnd::default(); self.rows.len()];
        let claim = claim_size(ends.len(), self.threads);
        let (words, runner) = (self.words, &self.runner);
        let items = ends
            .chunks_mut(claim)
            .zip(self.rows.chunks(claim))
            .enumerate();
        let start = Instant::now();
        let threads = in_threads(self.py, self.threads, items, |work| {
            let mut runner = runner.clone();
            while let Some((number, (ends, rows))) = work.claim() {
                for (place, (end, rows)) in ends.iter_mut().zip(rows).enumerate() {
                    match runner.run(&words[rows.clone()], B::empty) {
                        Ok(found) => *end = found,
                        Err(malformed) => {
                            work.stop();
                            let failure = Failure {
                                book: number * claim + place,
                                row: rows.start + malformed.row,
                                malformed,
                            };
                            return (runner.timing(), Some(failure));
                        }
                    }
                }
            }
            (runner.timing(), None)
        })?;
        let wall_ns = nanoseconds(start.elapsed());
        let (timings, failures): (Vec<_>, Vec<_>) = threads.into_iter().unzip();
        // Every book before the first bad one was claimed by someone who would have met another.
        match failures.into_iter().flatten().min_by_key(|bad| bad.book) {
            None => Ok(Done {
                ends,
                timings,
                wall_ns,
            }),
            Some(Failure {
                book,
                row,
                malformed,
            }) => Err(InputError::new_err(format!(
                "commands, row {row} (book {book}, its row {}): {malformed}",
                malformed.row
            ))),
        }
    }
}

impl Done {
    fn shown(self, py: Python<'_>, is_digested: bool) -> PyResult<ManyRun> {
        let column = |value: fn(&BookEnd) -> u64| {
            let values: Vec<u64> = self.ends.iter().map(value).collect();
            values.into_pyarray(py).unbind()
        };
        let digests = self.ends.iter().map(|end| end.digest).collect();
        Ok(ManyRun {
            digests: digest_array(py, digests)?,
            event_digests: is_digested.then(|| column(|end| end.event_digest.0)),
            events: column(|end| end.events),
            trades: column(|end| end.trades),
            live_orders: column(|end| end.live_orders),
            wall_ns: self.wall_ns,
            timings: self.timings,
        })
    }
}

fn digest_array(py: Python<'_>, digests: Vec<[u8; DIGEST_BYTES]>) -> PyResult<Py<PyArray2<u8>>> {
    let shape = [digests.len(), DIGEST_BYTES];
    let bytes = digests.into_flattened().into_pyarray(py);
    Ok(bytes.reshape(shape)?.unbind())
}

/// The digests that the engine gives for states with these canonical bytes, of which offsets say where each begins.
#[pyfunction]
#[pyo3(signature = (states, offsets, *, threads = None))]
pub fn state_digests(
    py: Python<'_>,
    states: &Bound<'_, PyAny>,
    offsets: &Bound<'_, PyAny>,
    threads: Option<usize>,
) -> PyResult<Py<PyArray2<u8>>> {
    let states = py
        .import("numpy")?
        .call_method1("frombuffer", (states, "uint8"))?;
    let states = Input::<u8, Ix1>::new(&states, "states", "uint8 of shape [bytes]")?;
    let bytes = states.slice()?;
    let offsets = Input::<i64, Ix1>::new(offsets, "offsets", "int64 of shape [books + 1]")?;
    let ranges = book_rows(offsets.slice()?, bytes.len()).map_err(InputError::new_err)?;
    let threads = thread_count(threads)?;
    let mut digests = vec![[0; DIGEST_BYTES]; ranges.len()];
    let claim = claim_size(digests.len(), threads);
    let items = digests.chunks_mut(claim).zip(ranges.chunks(claim));
    in_threads(py, threads, items, |work| {
        while let Some((digests, ranges)) = work.claim() {
            for (digest, range) in digests.iter_mut().zip(ranges) {
                *digest = *blake3::hash(&bytes[range.clone()]).as_bytes();
            }
        }
    })?;
    digest_array(py, digests)
}

/// An array that a caller gave.
struct Input<'py, T: Element, D: numpy::ndarray::Dimension> {
    array: PyReadonlyArray<'py, T, D>,
    name: &'static str,
    expected: &'static str,
}

impl<'py, T: Element, D: numpy::ndarray::Dimension> Input<'py, T, D> {
    fn new(
        given: &Bound<'py, PyAny>,
        name: &'static str,
        expected: &'static str,
    ) -> PyResult<Self> {
        match given.extract::<PyReadonlyArray<'py, T, D>>() {
            Ok(array) if array.is_c_contiguous() => Ok(Input {
                array,
                name,
                expected,
            }),
            _ => Err(unfit(given, name, expected)),
        }
    }

    fn unfit(&self) -> PyErr {
        unfit(self.array.as_any(), self.name, self.expected)
    }

    /// Its elements, where they lie.
    fn slice(&self) -> PyResult<&[T]> {
        self.array.as_slice().map_err(|_| self.unfit())
    }
}

fn unfit(given: &Bound<'_, PyAny>, name: &str, expected: &str) -> PyErr {
    let received = match given.cast::<PyUntypedArray>() {
        Ok(array) => format!(
            "{} of shape {:?} and strides {:?}",
            array.dtype(),
            array.shape(),
            array.strides()
        ),
        Err(_) => given.get_type().to_string(),
    };
    InputError::new_err(format!(
        "{name} must be a NumPy array of {expected}, in C order; received {received}"
    ))
}
