//! Tables of commands: Arrow columns in, Arrow columns out.
//!
//! A table is taken whole or not at all: every row is read once before the first one is applied, so bad input changes
//! nothing. Columns whose type already fits (64-bit integers, 8-bit codes) are read where they lie; the events are written
//! straight into the buffers that Python gets.

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
const COMMANDS_PER_STEP: usize = 512;

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
pub fn apply(
    batches: &[CommandColumns],
    market: &mut Market,
    statistics: &mut Statistics,
    units: &Units,
) -> PyResult<PyTable> {
    let mut table = EventTable::new(units);
    with_engine!(market, engine => {
        for columns in batches {
            let mut row = 0;
            while row < columns.len() {
                let end = columns.len().min(row + COMMANDS_PER_STEP);
                while row < end {
                    let command = columns.command(row, engine.clock())?;
                    let sequence = engine.sequence() + 1;
                    let pending = &mut table.pending;
                    engine.apply(&command, &mut |event: Event| {
                        statistics.event(event);
                        pending.push((sequence, event));
                    });
                    row += 1;
                }
                table.write_pending()?;
            }
        }
    });
    table.finish()
}

/// Collects events and gives them out as a table of batches.
pub struct EventTable {
    /// Events that are not written yet, with the sequence of their commands.
    pub pending: Vec<(u64, Event)>,
    columns: EventColumns,
    batches: Vec<RecordBatch>,
}

impl EventTable {
    /// An empty table in these units.
    pub fn new(units: &Units) -> Self {
        EventTable {
            pending: Vec::new(),
            columns: EventColumns::new(units),
            batches: Vec::new(),
        }
    }

    /// Writes the pending events into the columns.
    pub fn write_pending(&mut self) -> PyResult<()> {
        self.columns.write(&self.pending);
        self.pending.clear();
        if self.columns.len() >= ROWS_PER_BATCH {
            self.batches.push(self.columns.take()?);
        }
        Ok(())
    }

    /// The table of everything written.
    pub fn finish(mut self) -> PyResult<PyTable> {
        self.write_pending()?;
        let schema = self.columns.schema();
        if self.columns.len() > 0 {
            self.batches.push(self.columns.take()?);
        }
        PyTable::try_new(self.batches, schema)
    }
}
