//! Tables of commands: Arrow columns in, Arrow columns out.
//!
//! A table is taken whole or not at all: every row is read once before the first one is applied, so bad input changes
//! nothing. Columns whose type already fits (64-bit integers, 8-bit codes) are read where they lie; the events are written
//! straight into the buffers that Python gets.

use std::sync::mpsc::{channel, sync_channel};
use std::thread;

use arrow_array::{RecordBatch, RecordBatchReader};
use proofbook_book::Statistics;
use proofbook_types::{Event, EventSink};
use pyo3::prelude::*;
use pyo3_arrow::PyTable;

use crate::command_columns::CommandColumns;
use crate::errors::InputError;
use crate::event_columns::{EventColumns, ROWS_PER_BATCH};
use crate::market::{with_engine, Market};
use crate::units::Units;

/// How many commands are handled between two writings of their events: so few that those stay in the cache.
const COMMANDS_PER_STEP: usize = 1024;
/// From so many rows on, a second thread writes the events.
const ROWS_FOR_TWO_THREADS: usize = 16 * COMMANDS_PER_STEP;
/// The most steps that wait to be written: a writer that falls behind holds the matching up.
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
/// Large tables are worked on by two threads: this one reads commands and applies them, the other writes the columns of
/// their events. Matching itself stays on one thread, and the result is the same.
pub fn apply(
    batches: &[CommandColumns],
    market: &mut Market,
    statistics: &mut Statistics,
    units: &Units,
) -> PyResult<PyTable> {
    let rows: usize = batches.iter().map(CommandColumns::len).sum();
    let mut writer = TableWriter {
        columns: EventColumns::new(units),
        batches: Vec::new(),
        statistics,
    };
    if rows < ROWS_FOR_TWO_THREADS {
        let mut step = Step::new();
        for columns in batches {
            apply_rows(columns, market, &mut step, |step| {
                writer.write(step)?;
                step.clear();
                Ok(())
            })?;
        }
        return writer.finish();
    }
    let (full, to_write) = sync_channel::<Step>(STEPS_WAITING_MAX);
    let (empty, to_fill) = channel::<Step>();
    thread::scope(|scope| {
        let writing = scope.spawn(move || {
            for mut step in to_write {
                writer.write(&step)?;
                step.clear();
                // The other side may be done and gone; then nobody needs the space.
                let _unneeded = empty.send(step);
            }
            writer.finish()
        });
        let mut step = Step::new();
        for columns in batches {
            apply_rows(columns, market, &mut step, |step| {
                let next = to_fill.try_recv().unwrap_or_default();
                // A writer that stopped early tells why when it is joined.
                let _unwritten = full.send(std::mem::replace(step, next));
                Ok(())
            })?;
        }
        drop(full);
        writing
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The events of some commands, each with the sequence of its command.
type Step = Vec<(u64, Event)>;

/// Applies the rows of a batch, and hands their events on every few commands.
fn apply_rows(
    columns: &CommandColumns,
    market: &mut Market,
    step: &mut Step,
    mut hand_on: impl FnMut(&mut Step) -> PyResult<()>,
) -> PyResult<()> {
    with_engine!(market, engine => {
        for first in (0..columns.len()).step_by(COMMANDS_PER_STEP) {
            for row in first..columns.len().min(first + COMMANDS_PER_STEP) {
                let command = columns.command(row, engine.clock())?;
                let sequence = engine.sequence() + 1;
                engine.apply(&command, &mut |event: Event| step.push((sequence, event)));
            }
            hand_on(step)?;
        }
    });
    Ok(())
}

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
