//! Tables of commands: Arrow columns in, Arrow columns out.
//!
//! A table is taken whole or not at all: every row is read once before the first one is applied, so bad input changes
//! nothing. Columns whose type already fits (64-bit integers, 8-bit codes) are read where they lie; the events are written
//! straight into the buffers that Python gets.

use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

use arrow_array::{RecordBatch, RecordBatchReader};
use proofbook_book::Statistics;
use proofbook_types::{Command, Event, EventSink, Timestamp};
use pyo3::prelude::*;
use pyo3_arrow::PyTable;

use crate::command_columns::CommandColumns;
use crate::errors::InputError;
use crate::event_columns::{EventColumns, ROWS_PER_BATCH};
use crate::market::{with_engine, Market};
use crate::units::Units;

/// How many commands are handled between two writings of their events: so few that those stay in the cache.
const COMMANDS_PER_STEP: usize = 1024;
/// From so many rows on, other threads read and write.
const ROWS_FOR_THREADS: usize = 16 * COMMANDS_PER_STEP;
/// The most steps that wait to be applied, and to be written: who falls behind holds the others up.
const STEPS_WAITING_MAX: usize = 8;

/// Every batch of a reader, each with its columns found and all of its rows checked.
pub fn read(
    reader: Box<dyn RecordBatchReader + Send>,
    units: &Units,
) -> PyResult<Vec<CommandColumns>> {
    CommandColumns::check_schema(&reader.schema(), units)?;
    let mut first_row = 0;
    let mut batches = Vec::new();
    for batch in reader {
        let batch: RecordBatch = batch.map_err(|error| InputError::new_err(error.to_string()))?;
        let columns = CommandColumns::new(&batch, first_row, units)?;
        first_row += columns.len();
        columns.check_rows()?;
        batches.push(columns);
    }
    Ok(batches)
}

/// Applies every row and gives the table of events.
///
/// Large tables are worked on by three threads: one reads commands from columns, this one applies them, one writes the
/// columns of their events. Matching itself stays on one thread, and the result is the same.
pub fn apply(
    batches: &[CommandColumns],
    market: &mut Market,
    statistics: &mut Statistics,
    units: &Units,
) -> PyResult<PyTable> {
    let rows: usize = batches.iter().map(CommandColumns::len).sum();
    let writer = TableWriter {
        columns: EventColumns::new(units),
        batches: Vec::new(),
        statistics,
    };
    if rows < ROWS_FOR_THREADS {
        apply_here(batches, market, writer)
    } else {
        apply_with_threads(batches, market, writer)
    }
}

fn apply_here(
    batches: &[CommandColumns],
    market: &mut Market,
    mut writer: TableWriter<'_>,
) -> PyResult<PyTable> {
    let mut commands = Vec::new();
    let mut events = Step::new();
    for (columns, rows) in steps(batches) {
        read_commands(columns, rows.clone(), &mut commands)?;
        apply_commands(columns, rows, &mut commands, market, &mut events);
        writer.write(&events)?;
    }
    writer.finish()
}

fn apply_with_threads(
    batches: &[CommandColumns],
    market: &mut Market,
    mut writer: TableWriter<'_>,
) -> PyResult<PyTable> {
    let (read, to_apply) = sync_channel::<Vec<Command>>(STEPS_WAITING_MAX);
    let (applied, to_read) = channel::<Vec<Command>>();
    let (happened, to_write) = sync_channel::<Step>(STEPS_WAITING_MAX);
    let (written, to_fill) = channel::<Step>();
    thread::scope(|scope| {
        let reading = scope.spawn(move || {
            for (columns, rows) in steps(batches) {
                let mut commands = to_read.try_recv().unwrap_or_default();
                read_commands(columns, rows, &mut commands)?;
                if read.send(commands).is_err() {
                    break;
                }
            }
            PyResult::Ok(())
        });
        let writing = scope.spawn(move || {
            for events in to_write {
                writer.write(&events)?;
                // Whoever takes spent space may be done and gone; then nobody needs it.
                let _unneeded = written.send(events);
            }
            writer.finish()
        });
        for ((columns, rows), mut commands) in steps(batches).zip(to_apply) {
            let mut events = to_fill.try_recv().unwrap_or_default();
            apply_commands(columns, rows, &mut commands, market, &mut events);
            let _unneeded = applied.send(commands);
            // A writer that stopped early tells why when it is joined.
            let _unwritten = happened.send(events);
        }
        drop(happened);
        reading
            .join()
            .unwrap_or_else(|panic| resume_unwind(panic))?;
        writing.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// The rows of all batches, a few at a time.
fn steps(batches: &[CommandColumns]) -> impl Iterator<Item = (&CommandColumns, Range<usize>)> {
    batches.iter().flat_map(|columns| {
        (0..columns.len())
            .step_by(COMMANDS_PER_STEP)
            .map(move |first| (columns, first..columns.len().min(first + COMMANDS_PER_STEP)))
    })
}

/// Reads the commands of some rows; those without a time get theirs when they are applied.
fn read_commands(
    columns: &CommandColumns,
    rows: Range<usize>,
    commands: &mut Vec<Command>,
) -> PyResult<()> {
    commands.clear();
    for row in rows {
        commands.push(columns.command(row, Timestamp(0))?);
    }
    Ok(())
}

/// Applies the commands of some rows.
fn apply_commands(
    columns: &CommandColumns,
    rows: Range<usize>,
    commands: &mut [Command],
    market: &mut Market,
    events: &mut Step,
) {
    events.clear();
    with_engine!(market, engine => {
        for (row, command) in rows.zip(commands) {
            command.time = columns.time(row, engine.clock());
            let sequence = engine.sequence() + 1;
            engine.apply(command, &mut |event: Event| events.push((sequence, event)));
        }
    });
}

/// The events of some commands, each with the sequence of its command.
type Step = Vec<(u64, Event)>;

/// Writes events into columns, and columns into batches.
struct TableWriter<'a> {
    columns: EventColumns,
    batches: Vec<RecordBatch>,
    statistics: &'a mut Statistics,
}

impl TableWriter<'_> {
    fn write(&mut self, step: &Step) -> PyResult<()> {
        for (_, event) in step {
            self.statistics.event(*event);
        }
        self.columns.write(step);
        if self.columns.len() >= ROWS_PER_BATCH {
            self.batches.push(self.columns.take()?);
        }
        Ok(())
    }

    fn finish(mut self) -> PyResult<PyTable> {
        let schema = self.columns.schema();
        if self.columns.len() > 0 {
            self.batches.push(self.columns.take()?);
        }
        PyTable::try_new(self.batches, schema)
    }
}
