//! Events as Arrow columns, in the buffers that Python gets.
//!
//! The columns are described in `docs/tables.md`. A field that an event's kind does not have is null.
//!
//! Invariant: every column has as many rows as there are events written.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::{Int64Type, Int8Type, UInt64Type};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, DictionaryArray, Int8Array, PrimitiveArray,
    RecordBatch, StringArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use proofbook_types::{
    CancelReason, Event, OrderId, Phase, Price, Quantity, Queue, ReduceReason, RejectReason, Side,
};
use pyo3::PyResult;

use crate::command_columns::{PRICE_UNIT_KEY, QUANTITY_UNIT_KEY};
use crate::errors::BrokenInvariantError;
use crate::terms::SIDE_NAMES;
use crate::units::Units;

/// A batch is given out when it has this many rows: large enough that a batch costs nothing, small enough that its buffers
/// come from memory that is in use already.
pub const ROWS_PER_BATCH: usize = 1 << 16;

/// The kinds of events, in the order of their tags.
const EVENT_NAMES: [&str; 12] = [
    "accepted",
    "rejected",
    "placed",
    "trade",
    "refreshed",
    "reduced",
    "cancelled",
    "replaced",
    "expired",
    "triggered",
    "phase_changed",
    "uncrossed",
];

const QUEUE_NAMES: [&str; 4] = ["bids", "asks", "buy_stops", "sell_stops"];

/// One bit for each row, least significant first.
#[derive(Default)]
struct Bits(Vec<u8>);

impl Bits {
    #[inline]
    fn set(&mut self, row: usize) {
        self.0[row / 8] |= 1 << (row % 8);
    }

    fn take(&mut self, rows: usize) -> BooleanBuffer {
        BooleanBuffer::new(Buffer::from_vec(std::mem::take(&mut self.0)), 0, rows)
    }
}

/// A column of numbers, null where nothing is set.
struct Numbers<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    given: Bits,
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    fn new() -> Self {
        Numbers {
            values: Vec::new(),
            given: Bits::default(),
        }
    }

    fn resize(&mut self, rows: usize) {
        if self.values.capacity() == 0 {
            self.values
                .reserve_exact(ROWS_PER_BATCH + ROWS_PER_BATCH / 8);
        }
        self.values.resize(rows, T::Native::default());
        self.given.0.resize(rows.div_ceil(8), 0);
    }

    #[inline]
    fn set(&mut self, row: usize, value: T::Native) {
        self.values[row] = value;
        self.given.set(row);
    }

    fn take(&mut self, rows: usize) -> PrimitiveArray<T> {
        let values = ScalarBuffer::from(std::mem::take(&mut self.values));
        let nulls = NullBuffer::new(self.given.take(rows));
        PrimitiveArray::new(values, (nulls.null_count() > 0).then_some(nulls))
    }
}

/// A column of words out of a fixed list.
struct Words {
    keys: Numbers<Int8Type>,
    words: Arc<StringArray>,
}

impl Words {
    fn new(words: &[&str]) -> Self {
        Words {
            keys: Numbers::new(),
            words: Arc::new(StringArray::from(words.to_vec())),
        }
    }

    #[inline]
    fn set(&mut self, row: usize, word: u8) {
        self.keys.set(row, word as i8);
    }

    fn take(&mut self, rows: usize) -> ArrayRef {
        let keys: Int8Array = self.keys.take(rows);
        Arc::new(DictionaryArray::new(keys, self.words.clone()))
    }
}

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

/// Columns under construction.
pub struct EventColumns {
    rows: usize,
    schema: SchemaRef,
    reasons: Reasons,
    sequence: Vec<u64>,
    event: Words,
    order_id: Numbers<UInt64Type>,
    taker_id: Numbers<UInt64Type>,
    account: Numbers<UInt64Type>,
    side: Words,
    queue: Words,
    price: Numbers<Int64Type>,
    quantity: Numbers<UInt64Type>,
    open: Numbers<UInt64Type>,
    hidden: Numbers<UInt64Type>,
    priority: Numbers<UInt64Type>,
    reason: Words,
    kept_priority: Bits,
    kept_priority_given: Bits,
}

fn schema(units: &Units) -> SchemaRef {
    let words = || DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
    let metadata = HashMap::from([
        (PRICE_UNIT_KEY.to_owned(), units.price.to_string()),
        (QUANTITY_UNIT_KEY.to_owned(), units.quantity.to_string()),
    ]);
    let fields = vec![
        Field::new("sequence", DataType::UInt64, false),
        Field::new("event", words(), false),
        Field::new("order_id", DataType::UInt64, true),
        Field::new("taker_id", DataType::UInt64, true),
        Field::new("account", DataType::UInt64, true),
        Field::new("side", words(), true),
        Field::new("queue", words(), true),
        Field::new("price", DataType::Int64, true),
        Field::new("quantity", DataType::UInt64, true),
        Field::new("open", DataType::UInt64, true),
        Field::new("hidden", DataType::UInt64, true),
        Field::new("priority", DataType::UInt64, true),
        Field::new("reason", words(), true),
        Field::new("kept_priority", DataType::Boolean, true),
    ];
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

impl EventColumns {
    /// No rows, in these units.
    pub fn new(units: &Units) -> Self {
        let reasons = Reasons::new();
        EventColumns {
            rows: 0,
            schema: schema(units),
            sequence: Vec::new(),
            event: Words::new(&EVENT_NAMES),
            order_id: Numbers::new(),
            taker_id: Numbers::new(),
            account: Numbers::new(),
            side: Words::new(&SIDE_NAMES),
            queue: Words::new(&QUEUE_NAMES),
            price: Numbers::new(),
            quantity: Numbers::new(),
            open: Numbers::new(),
            hidden: Numbers::new(),
            priority: Numbers::new(),
            reason: Words::new(&reasons.words),
            kept_priority: Bits::default(),
            kept_priority_given: Bits::default(),
            reasons,
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// The schema of every batch.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Appends events, each with the sequence of its command.
    pub fn write(&mut self, events: &[(u64, Event)]) {
        let mut row = self.rows;
        self.resize(row + events.len());
        for (sequence, event) in events {
            self.sequence.push(*sequence);
            self.write_event(row, event);
            row += 1;
        }
        self.rows = row;
    }

    fn resize(&mut self, rows: usize) {
        for words in [
            &mut self.event,
            &mut self.side,
            &mut self.queue,
            &mut self.reason,
        ] {
            words.keys.resize(rows);
        }
        for numbers in [
            &mut self.order_id,
            &mut self.taker_id,
            &mut self.account,
            &mut self.quantity,
            &mut self.open,
            &mut self.hidden,
            &mut self.priority,
        ] {
            numbers.resize(rows);
        }
        self.price.resize(rows);
        for bits in [&mut self.kept_priority, &mut self.kept_priority_given] {
            bits.0.resize(rows.div_ceil(8), 0);
        }
    }

    #[inline]
    fn side_and_price(&mut self, row: usize, side: Side, price: Option<Price>, quantity: Quantity) {
        self.side.set(row, side as u8);
        self.quantity.set(row, quantity.0);
        if let Some(price) = price {
            self.price.set(row, price.0);
        }
    }

    #[inline]
    fn placed(&mut self, row: usize, displayed: Quantity, hidden: Quantity, priority: u64) {
        self.quantity.set(row, displayed.0);
        self.hidden.set(row, hidden.0);
        self.priority.set(row, priority);
    }

    #[inline]
    fn queued(&mut self, row: usize, queue: Queue, price: Price) {
        self.queue.set(row, queue as u8);
        self.side.set(row, queue.side() as u8);
        self.price.set(row, price.0);
    }

    #[inline]
    fn write_event(&mut self, row: usize, event: &Event) {
        let (tag, order_id) = match *event {
            Event::Accepted {
                order_id,
                account,
                side,
                price,
                quantity,
            } => {
                self.side_and_price(row, side, price, quantity);
                self.account.set(row, account.0);
                (0, Some(order_id))
            }
            Event::Placed {
                order_id,
                queue,
                price,
                displayed,
                hidden,
                priority,
            } => {
                self.queued(row, queue, price);
                self.placed(row, displayed, hidden, priority);
                (2, Some(order_id))
            }
            Event::Trade {
                maker_id,
                taker_id,
                taker_side,
                price,
                quantity,
                maker_open,
            } => {
                self.side_and_price(row, taker_side, Some(price), quantity);
                self.taker_id.set(row, taker_id.0);
                self.open.set(row, maker_open.0);
                (3, Some(maker_id))
            }
            Event::Cancelled {
                order_id,
                side,
                price,
                quantity,
                reason,
            } => {
                self.side_and_price(row, side, price, quantity);
                self.reason.set(row, self.reasons.cancel[reason as usize]);
                (6, Some(order_id))
            }
            _ => self.write_rare_event(row, event),
        };
        self.event.set(row, tag);
        if let Some(order_id) = order_id {
            self.order_id.set(row, order_id.0);
        }
    }

    fn write_rare_event(&mut self, row: usize, event: &Event) -> (u8, Option<OrderId>) {
        match *event {
            Event::Rejected { order_id, reason } => {
                self.reason.set(row, self.reasons.reject[reason as usize]);
                (1, order_id)
            }
            Event::Refreshed {
                order_id,
                displayed,
                hidden,
                priority,
            } => {
                self.placed(row, displayed, hidden, priority);
                (4, Some(order_id))
            }
            Event::Reduced {
                order_id,
                quantity,
                open,
                reason,
            } => {
                self.quantity.set(row, quantity.0);
                self.open.set(row, open.0);
                self.reason.set(row, self.reasons.reduce[reason as usize]);
                (5, Some(order_id))
            }
            Event::Replaced {
                order_id,
                side,
                price,
                quantity,
                kept_priority,
            } => {
                self.side_and_price(row, side, price, quantity);
                self.kept_priority_given.set(row);
                if kept_priority {
                    self.kept_priority.set(row);
                }
                (7, Some(order_id))
            }
            Event::Expired { order_id, quantity } => {
                self.quantity.set(row, quantity.0);
                (8, Some(order_id))
            }
            Event::Triggered { order_id } => (9, Some(order_id)),
            Event::PhaseChanged { phase } => {
                self.reason.set(row, self.reasons.phase[phase as usize]);
                (10, None)
            }
            Event::Uncrossed { price, quantity } => {
                self.quantity.set(row, quantity.0);
                if let Some(price) = price {
                    self.price.set(row, price.0);
                }
                (11, None)
            }
            Event::Accepted { .. }
            | Event::Placed { .. }
            | Event::Trade { .. }
            | Event::Cancelled { .. } => unreachable!("the caller writes these itself"),
        }
    }

    /// Gives the rows out and starts anew.
    pub fn take(&mut self) -> PyResult<RecordBatch> {
        let rows = std::mem::take(&mut self.rows);
        let sequence = ScalarBuffer::from(std::mem::take(&mut self.sequence));
        let kept_priority = BooleanArray::new(
            self.kept_priority.take(rows),
            Some(NullBuffer::new(self.kept_priority_given.take(rows))),
        );
        let columns: Vec<ArrayRef> = vec![
            Arc::new(PrimitiveArray::<UInt64Type>::new(sequence, None)),
            self.event.take(rows),
            Arc::new(self.order_id.take(rows)),
            Arc::new(self.taker_id.take(rows)),
            Arc::new(self.account.take(rows)),
            self.side.take(rows),
            self.queue.take(rows),
            Arc::new(self.price.take(rows)),
            Arc::new(self.quantity.take(rows)),
            Arc::new(self.open.take(rows)),
            Arc::new(self.hidden.take(rows)),
            Arc::new(self.priority.take(rows)),
            self.reason.take(rows),
            Arc::new(kept_priority),
        ];
        RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|error| BrokenInvariantError::new_err(error.to_string()))
    }
}
