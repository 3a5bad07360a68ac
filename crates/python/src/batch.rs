//! Tables of commands: Arrow columns in, Arrow columns out.
//!
//! A table is taken whole or not at all: every row is checked before the first one is applied, so bad input changes
//! nothing. Columns whose type already fits (64-bit integers, 8-bit codes) are read where they lie; the events are written
//! straight into the buffers that Python gets.

use std::num::NonZero;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

use arrow_array::{RecordBatch, RecordBatchReader};
use proofbook_book::Statistics;
use pyo3::prelude::*;
use pyo3_arrow::PyTable;

use crate::command_columns::{CommandColumns, KnownShapes};
use crate::errors::InputError;
use crate::event_writer::EventWriter;
use crate::market::{Market, Step};
use crate::units::Units;

/// How many rows are converted and checked at a time: so few that all cores have work until the end.
const ROWS_PER_STRETCH: usize = 1 << 15;
/// How many commands are handled between two writings of their events: so many that handing over costs nothing.
const COMMANDS_PER_STEP: usize = 2048;
/// From so many rows on, another thread writes.
const ROWS_FOR_THREADS: usize = 8 * COMMANDS_PER_STEP;
/// The most steps that wait to be written: a writer that falls behind holds the market up.
const STEPS_WAITING_MAX: usize = 8;

/// Every batch of a reader in stretches, each with its columns found and all of its rows checked.
///
/// # Errors
/// The first row that is no command; of several flaws in it, that of the first column in the order of `docs/tables.md`.
pub fn read(
    reader: Box<dyn RecordBatchReader + Send>,
    units: &Units,
) -> PyResult<Vec<CommandColumns>> {
    CommandColumns::check_schema(&reader.schema(), units)?;
    let mut first_row = 0;
    let mut stretches = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|error| InputError::new_err(error.to_string()))?;
        stretches.extend(read_batch(&batch, first_row, units)?);
        first_row += batch.num_rows();
    }
    Ok(stretches)
}

/// Reads the stretches of a batch, on all cores.
fn read_batch(
    batch: &RecordBatch,
    first_row: usize,
    units: &Units,
) -> PyResult<Vec<CommandColumns>> {
    let rows = batch.num_rows();
    let stretches = rows.div_ceil(ROWS_PER_STRETCH).max(1);
    let next = AtomicUsize::new(0);
    let read_some = || {
        let mut known = KnownShapes::new();
        let mut read = Vec::new();
        loop {
            let stretch = next.fetch_add(1, Ordering::Relaxed);
            if stretch >= stretches {
                return read;
            }
            let first = stretch * ROWS_PER_STRETCH;
            let part = batch.slice(first, ROWS_PER_STRETCH.min(rows - first));
            let columns = read_stretch(&part, first_row + first, units, &mut known);
            read.push((stretch, columns));
        }
    };
    let helpers = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(stretches)
        - 1;
    let mut read = thread::scope(|scope| {
        let helpers: Vec<_> = (0..helpers).map(|_| scope.spawn(read_some)).collect();
        let mut read = read_some();
        for helper in helpers {
            read.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        read
    });
    read.sort_unstable_by_key(|(stretch, _)| *stretch);
    read.into_iter().map(|(_, columns)| columns).collect()
}

fn read_stretch(
    batch: &RecordBatch,
    first_row: usize,
    units: &Units,
    known: &mut KnownShapes,
) -> PyResult<CommandColumns> {
    checked(batch, first_row, units, known)
        .map_err(|error| first_error(batch, first_row, units, known).unwrap_or(error))
}

fn checked(
    batch: &RecordBatch,
    first_row: usize,
    units: &Units,
    known: &mut KnownShapes,
) -> PyResult<CommandColumns> {
    let columns = CommandColumns::new(batch, first_row, units)?;
    columns.check_rows(known)?;
    Ok(columns)
}

/// Columns are converted one after another; so that the error is about the first bad row, it is looked for by halves.
#[cold]
fn first_error(
    batch: &RecordBatch,
    first_row: usize,
    units: &Units,
    known: &mut KnownShapes,
) -> Option<PyErr> {
    let (mut first, mut rows) = (0, batch.num_rows());
    while rows > 1 {
        let half = rows / 2;
        if checked(&batch.slice(first, half), first_row + first, units, known).is_ok() {
            first += half;
            rows -= half;
        } else {
            rows = half;
        }
    }
    checked(&batch.slice(first, rows), first_row + first, units, known).err()
}

/// Applies every row and gives the table of events.
///
/// For a large table this thread reads and applies the commands, and another one writes the columns of their events.
/// Matching itself stays on one thread, and the result is the same.
pub fn apply(
    stretches: &[CommandColumns],
    market: &mut Market,
    statistics: &mut Statistics,
    units: &Units,
) -> PyResult<PyTable> {
    let rows: usize = stretches.iter().map(CommandColumns::len).sum();
    let writer = EventWriter::new(units, statistics, rows);
    if rows < ROWS_FOR_THREADS {
        apply_here(stretches, market, writer)
    } else {
        apply_with_thread(stretches, market, writer)
    }
}

fn apply_here(
    stretches: &[CommandColumns],
    market: &mut Market,
    mut writer: EventWriter<'_>,
) -> PyResult<PyTable> {
    let mut events = Step::new();
    for (columns, rows) in steps(stretches) {
        apply_rows(columns, rows, market, &mut events)?;
        writer.write(&events)?;
    }
    writer.finish()
}

fn apply_with_thread(
    stretches: &[CommandColumns],
    market: &mut Market,
    mut writer: EventWriter<'_>,
) -> PyResult<PyTable> {
    let (happened, to_write) = sync_channel::<Step>(STEPS_WAITING_MAX);
    let (written, to_fill) = channel::<Step>();
    thread::scope(|scope| {
        let writing = scope.spawn(move || {
            for events in to_write {
                writer.write(&events)?;
                // Whoever takes spent space may be done and gone; then nobody needs it.
                let _unneeded = written.send(events);
            }
            writer.finish()
        });
        for (columns, rows) in steps(stretches) {
            let mut events = to_fill.try_recv().unwrap_or_default();
            apply_rows(columns, rows, market, &mut events)?;
            // A writer that stopped early tells why when it is joined.
            let _unwritten = happened.send(events);
        }
        drop(happened);
        writing.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// The rows of all stretches, a few at a time.
fn steps(stretches: &[CommandColumns]) -> impl Iterator<Item = (&CommandColumns, Range<usize>)> {
    stretches.iter().flat_map(|columns| {
        (0..columns.len())
            .step_by(COMMANDS_PER_STEP)
            .map(move |first| (columns, first..columns.len().min(first + COMMANDS_PER_STEP)))
    })
}

/// Applies the commands of some rows.
fn apply_rows(
    columns: &CommandColumns,
    rows: Range<usize>,
    market: &mut Market,
    events: &mut Step,
) -> PyResult<()> {
    events.clear();
    market.apply_rows(columns, rows, events)
}
