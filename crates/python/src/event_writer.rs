//! Writes events into columns, in order, and gives the table of them.
//!
//! Invariant: the open block is never full, so that every event finds room in it.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use proofbook_book::Statistics;
use proofbook_types::{
    CancelReason, Event, EventSink, OrderId, Phase, Price, Quantity, ReduceReason, RejectReason,
    Side,
};
use pyo3::prelude::*;
use pyo3_arrow::PyTable;

use crate::errors::BrokenInvariantError;
use crate::event_columns::{mark, schema, Columns, Kind, Marks, BLOCK};
use crate::units::Units;

/// A batch is given out when it has this many rows, whole blocks: large enough that a batch costs nothing, small enough that
/// its buffers come from memory that is in use already.
const ROWS_PER_BATCH: usize = 1 << 16;
const _: () = assert!(ROWS_PER_BATCH % BLOCK == 0);
/// Room for so many events of each command of a small table; more make the columns grow.
const EVENTS_PER_COMMAND: usize = 4;

/// The words of the column `reason`, without doubles, and where each enumeration's are among them.
struct Reasons {
    words: Vec<&'static str>,
    reject: [u8; 32],
    cancel: [u8; 16],
    reduce: [u8; 4],
    phase: [u8; 4],
}

impl Reasons {
    fn new() -> Self {
        let mut words: Vec<&'static str> = Vec::new();
        let mut position = |name: &'static str| {
            let found = words.iter().position(|word| *word == name);
            found.unwrap_or_else(|| {
                words.push(name);
                words.len() - 1
            }) as u8
        };
        let (mut reject, mut cancel, mut reduce, mut phase) = ([0; 32], [0; 16], [0; 4], [0; 4]);
        for &reason in RejectReason::ALL {
            reject[reason as usize] = position(reason.name());
        }
        for &reason in CancelReason::ALL {
            cancel[reason as usize] = position(reason.name());
        }
        for &reason in ReduceReason::ALL {
            reduce[reason as usize] = position(reason.name());
        }
        for value in Phase::ALL {
            phase[value as usize] = position(value.name());
        }
        Reasons {
            words,
            reject,
            cancel,
            reduce,
            phase,
        }
    }
}

/// Writes events into columns, and counts them.
pub struct EventWriter<'a> {
    schema: SchemaRef,
    statistics: &'a mut Statistics,
    reasons: Reasons,
    batches: Vec<RecordBatch>,
    /// Rows of the batch under construction, without the open block.
    rows: usize,
    columns: Columns,
    marks: Marks,
    /// Rows of the open block.
    open_rows: usize,
}

impl<'a> EventWriter<'a> {
    /// No rows, in these units; so many commands will come.
    pub fn new(units: &Units, statistics: &'a mut Statistics, commands: usize) -> Self {
        let reasons = Reasons::new();
        let mut columns = Columns::new(&reasons.words);
        columns.reserve(ROWS_PER_BATCH.min(EVENTS_PER_COMMAND * commands));
        EventWriter {
            schema: schema(units),
            statistics,
            reasons,
            batches: Vec::new(),
            rows: 0,
            columns,
            marks: Marks::default(),
            open_rows: 0,
        }
    }

    /// Appends events, each with the sequence of its command.
    pub fn write(&mut self, events: &[(u64, Event)]) -> PyResult<()> {
        for (sequence, event) in events {
            let row = self.open_rows;
            self.columns.sequence.set(row, *sequence);
            let kind = self.write_event(row, event);
            self.columns.event.set(row, kind as u8);
            self.marks.set(row, kind);
            self.open_rows += 1;
            if self.open_rows == BLOCK {
                self.close_block();
                if self.rows == ROWS_PER_BATCH {
                    self.close_batch()?;
                    self.columns.reserve(ROWS_PER_BATCH);
                }
            }
        }
        Ok(())
    }

    fn close_block(&mut self) {
        let rows = std::mem::take(&mut self.open_rows);
        let marks = std::mem::take(&mut self.marks);
        self.columns.close_block(rows, &marks);
        self.rows += rows;
    }

    fn close_batch(&mut self) -> PyResult<()> {
        let rows = std::mem::take(&mut self.rows);
        let batch = RecordBatch::try_new(self.schema.clone(), self.columns.take(rows))
            .map_err(|error| BrokenInvariantError::new_err(error.to_string()))?;
        self.batches.push(batch);
        Ok(())
    }

    /// The table of all events.
    pub fn finish(mut self) -> PyResult<PyTable> {
        if self.open_rows > 0 {
            self.close_block();
        }
        if self.rows > 0 {
            self.close_batch()?;
        }
        PyTable::try_new(self.batches, self.schema)
    }

    /// Writes an event's fields into the open block; what its kind always has is marked by its kind. It is counted where its
    /// kind is known, so that counting needs no second branch on it.
    #[inline(always)]
    fn write_event(&mut self, row: usize, event: &Event) -> Kind {
        match *event {
            Event::Accepted {
                order_id,
                account,
                side,
                price,
                quantity,
            } => {
                self.order(row, order_id, quantity);
                self.side_and_price(row, side, price);
                self.columns.account.set(row, account.0);
                self.statistics.event(*event);
                Kind::Accepted
            }
            Event::Placed {
                order_id,
                queue,
                price,
                displayed,
                hidden,
                priority,
            } => {
                self.order(row, order_id, displayed);
                self.place(row, hidden, priority);
                self.columns.queue.set(row, queue as u8);
                self.columns.side.set(row, queue.side() as u8);
                self.columns.price.set(row, price.0);
                self.statistics.event(*event);
                Kind::Placed
            }
            Event::Trade {
                maker_id,
                taker_id,
                taker_side,
                price,
                quantity,
                maker_open,
            } => {
                self.order(row, maker_id, quantity);
                self.columns.taker_id.set(row, taker_id.0);
                self.columns.side.set(row, taker_side as u8);
                self.columns.price.set(row, price.0);
                self.columns.open.set(row, maker_open.0);
                self.statistics.event(*event);
                Kind::Trade
            }
            Event::Cancelled {
                order_id,
                side,
                price,
                quantity,
                reason,
            } => {
                self.order(row, order_id, quantity);
                self.side_and_price(row, side, price);
                let reason = self.reasons.cancel[reason as usize];
                self.columns.reason.set(row, reason);
                self.statistics.event(*event);
                Kind::Cancelled
            }
            _ => self.write_rare_event(row, event),
        }
    }

    fn write_rare_event(&mut self, row: usize, event: &Event) -> Kind {
        self.statistics.event(*event);
        match *event {
            Event::Rejected { order_id, reason } => {
                if let Some(order_id) = order_id {
                    self.columns.order_id.set(row, order_id.0);
                    self.marks.order_id |= mark(row, true);
                }
                let reason = self.reasons.reject[reason as usize];
                self.columns.reason.set(row, reason);
                Kind::Rejected
            }
            Event::Refreshed {
                order_id,
                displayed,
                hidden,
                priority,
            } => {
                self.order(row, order_id, displayed);
                self.place(row, hidden, priority);
                Kind::Refreshed
            }
            Event::Reduced {
                order_id,
                quantity,
                open,
                reason,
            } => {
                self.order(row, order_id, quantity);
                self.columns.open.set(row, open.0);
                let reason = self.reasons.reduce[reason as usize];
                self.columns.reason.set(row, reason);
                Kind::Reduced
            }
            Event::Replaced {
                order_id,
                side,
                price,
                quantity,
                kept_priority,
            } => {
                self.order(row, order_id, quantity);
                self.side_and_price(row, side, price);
                self.marks.kept_priority |= mark(row, kept_priority);
                Kind::Replaced
            }
            Event::Expired { order_id, quantity } => {
                self.order(row, order_id, quantity);
                Kind::Expired
            }
            Event::Triggered { order_id } => {
                self.order(row, order_id, Quantity(0));
                Kind::Triggered
            }
            Event::PhaseChanged { phase } => {
                let reason = self.reasons.phase[phase as usize];
                self.columns.reason.set(row, reason);
                Kind::PhaseChanged
            }
            Event::Uncrossed { price, quantity } => {
                self.columns.quantity.set(row, quantity.0);
                self.price(row, price);
                Kind::Uncrossed
            }
            Event::Accepted { .. }
            | Event::Placed { .. }
            | Event::Trade { .. }
            | Event::Cancelled { .. } => unreachable!("the caller writes these itself"),
        }
    }

    #[inline(always)]
    fn order(&mut self, row: usize, order_id: OrderId, quantity: Quantity) {
        self.columns.order_id.set(row, order_id.0);
        self.marks.order_id |= mark(row, true);
        self.columns.quantity.set(row, quantity.0);
    }

    #[inline(always)]
    fn price(&mut self, row: usize, price: Option<Price>) {
        self.columns
            .price
            .set(row, price.map_or(0, |price| price.0));
        self.marks.price |= mark(row, price.is_some());
    }

    #[inline(always)]
    fn side_and_price(&mut self, row: usize, side: Side, price: Option<Price>) {
        self.columns.side.set(row, side as u8);
        self.price(row, price);
    }

    #[inline(always)]
    fn place(&mut self, row: usize, hidden: Quantity, priority: u64) {
        self.columns.hidden.set(row, hidden.0);
        self.columns.priority.set(row, priority);
    }
}
