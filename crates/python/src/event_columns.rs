//! Events as Arrow columns, in the buffers that Python gets.
//!
//! The columns are described in `docs/tables.md`. A field that an event's kind does not have is null.
//!
//! Events are gathered in blocks of 64: the kinds of a block's events, as bits, make the bits that say what is null, a word
//! for each column; and the columns grow by whole blocks, so that no row is written twice.
//!
//! Invariants: every column has as many rows as there are blocks written, times 64, until the last one; in an open block,
//! what no event has set is zero.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::{Int64Type, Int8Type, UInt64Type};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, DictionaryArray, PrimitiveArray, StringArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::command_columns::{PRICE_UNIT_KEY, QUANTITY_UNIT_KEY};
use crate::terms::SIDE_NAMES;
use crate::units::Units;

/// The kinds of events, in the order in which [`Kind`] has them.
const KIND_NAMES: [&str; 12] = [
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

/// A kind of event; its number is its word in the column `event`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Accepted,
    Rejected,
    Placed,
    Trade,
    Refreshed,
    Reduced,
    Cancelled,
    Replaced,
    Expired,
    Triggered,
    PhaseChanged,
    Uncrossed,
}

const QUEUE_NAMES: [&str; 4] = ["bids", "asks", "buy_stops", "sell_stops"];

/// The rows of a block: as many as a word has bits.
pub const BLOCK: usize = u64::BITS as usize;

/// One bit for each row, least significant first.
#[derive(Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn take(&mut self, rows: usize) -> BooleanBuffer {
        let mut words = std::mem::take(&mut self.0);
        for word in &mut words {
            // Arrow's bits lie in bytes, whatever the order of a word's bytes is here.
            *word = word.to_le();
        }
        BooleanBuffer::new(Buffer::from_vec(words), 0, rows)
    }
}

/// A column of numbers, null where nothing is given.
pub struct Numbers<T: ArrowPrimitiveType> {
    block: [T::Native; BLOCK],
    values: Vec<T::Native>,
    given: Bits,
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    fn new() -> Self {
        Numbers {
            block: [T::Native::default(); BLOCK],
            values: Vec::new(),
            given: Bits::default(),
        }
    }

    /// Sets a number of the open block.
    #[inline(always)]
    pub fn set(&mut self, row: usize, value: T::Native) {
        self.block[row % BLOCK] = value;
    }

    /// Appends the block's first `rows`; `given` has a bit for each that is not null.
    #[inline]
    fn close_block(&mut self, rows: usize, given: u64) {
        self.values.extend_from_slice(&self.block[..rows]);
        self.given.0.push(given);
        // What every row has set, every row of the next block sets again; what none has is zero still.
        if given != 0 && given != u64::MAX {
            self.block = [T::Native::default(); BLOCK];
        }
    }

    fn reserve(&mut self, rows: usize) {
        self.values.reserve_exact(rows);
        self.given.0.reserve_exact(rows.div_ceil(BLOCK));
    }

    fn take(&mut self) -> PrimitiveArray<T> {
        let values = ScalarBuffer::from(std::mem::take(&mut self.values));
        let nulls = NullBuffer::new(self.given.take(values.len()));
        PrimitiveArray::new(values, (nulls.null_count() > 0).then_some(nulls))
    }
}

/// A column of words out of a fixed list.
pub struct Words {
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

    /// Sets a word of the open block.
    #[inline(always)]
    pub fn set(&mut self, row: usize, word: u8) {
        self.keys.set(row, word as i8);
    }

    fn take(&mut self) -> ArrayRef {
        Arc::new(DictionaryArray::new(self.keys.take(), self.words.clone()))
    }
}

/// Which rows of the open block are what: a bit for each.
#[derive(Default)]
pub struct Marks {
    /// By kind of event.
    kinds: [u64; KIND_NAMES.len()],
    /// Those that have an order.
    pub order_id: u64,
    /// Of the kinds that may lack a price: those that have one.
    pub price: u64,
    /// Replaced ones that kept their place.
    pub kept_priority: u64,
}

impl Marks {
    #[inline(always)]
    fn of(&self, kind: Kind) -> u64 {
        self.kinds[kind as usize]
    }

    /// Says of which kind a row is.
    #[inline(always)]
    pub fn set(&mut self, row: usize, kind: Kind) {
        self.kinds[kind as usize] |= 1 << (row % BLOCK);
    }
}

/// A mark for a row, if something holds.
#[inline(always)]
pub fn mark(row: usize, holds: bool) -> u64 {
    u64::from(holds) << (row % BLOCK)
}

/// Columns under construction, and their open block.
pub struct Columns {
    pub sequence: Numbers<UInt64Type>,
    pub event: Words,
    pub order_id: Numbers<UInt64Type>,
    pub taker_id: Numbers<UInt64Type>,
    pub account: Numbers<UInt64Type>,
    pub side: Words,
    pub queue: Words,
    pub price: Numbers<Int64Type>,
    pub quantity: Numbers<UInt64Type>,
    pub open: Numbers<UInt64Type>,
    pub hidden: Numbers<UInt64Type>,
    pub priority: Numbers<UInt64Type>,
    pub reason: Words,
    kept_priority: Bits,
    kept_priority_given: Bits,
}

/// The schema of a table of events.
pub fn schema(units: &Units) -> SchemaRef {
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

impl Columns {
    /// No rows; `reasons` are the words of the column `reason`.
    pub fn new(reasons: &[&str]) -> Self {
        Columns {
            sequence: Numbers::new(),
            event: Words::new(&KIND_NAMES),
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
            reason: Words::new(reasons),
            kept_priority: Bits::default(),
            kept_priority_given: Bits::default(),
        }
    }

    fn numbers(&mut self) -> [&mut Numbers<UInt64Type>; 8] {
        [
            &mut self.sequence,
            &mut self.order_id,
            &mut self.taker_id,
            &mut self.account,
            &mut self.quantity,
            &mut self.open,
            &mut self.hidden,
            &mut self.priority,
        ]
    }

    fn words(&mut self) -> [&mut Words; 4] {
        [
            &mut self.event,
            &mut self.side,
            &mut self.queue,
            &mut self.reason,
        ]
    }

    /// Makes room for so many rows.
    pub fn reserve(&mut self, rows: usize) {
        for numbers in self.numbers() {
            numbers.reserve(rows);
        }
        for words in self.words() {
            words.keys.reserve(rows);
        }
        self.price.reserve(rows);
    }

    /// Appends the first `rows` of the open block, and opens the next one.
    pub fn close_block(&mut self, rows: usize, marks: &Marks) {
        let all = u64::MAX >> (BLOCK - rows);
        let shown = marks.of(Kind::Placed) | marks.of(Kind::Refreshed);
        let priced = marks.of(Kind::Placed) | marks.of(Kind::Trade) | marks.price;
        let sided = marks.of(Kind::Accepted)
            | marks.of(Kind::Placed)
            | marks.of(Kind::Trade)
            | marks.of(Kind::Cancelled)
            | marks.of(Kind::Replaced);
        let reasoned = marks.of(Kind::Rejected)
            | marks.of(Kind::Reduced)
            | marks.of(Kind::Cancelled)
            | marks.of(Kind::PhaseChanged);
        let without_quantity =
            marks.of(Kind::Rejected) | marks.of(Kind::Triggered) | marks.of(Kind::PhaseChanged);
        self.sequence.close_block(rows, all);
        self.event.keys.close_block(rows, all);
        self.order_id.close_block(rows, marks.order_id);
        self.taker_id.close_block(rows, marks.of(Kind::Trade));
        self.account.close_block(rows, marks.of(Kind::Accepted));
        self.side.keys.close_block(rows, sided);
        self.queue.keys.close_block(rows, marks.of(Kind::Placed));
        self.price.close_block(rows, priced);
        self.quantity.close_block(rows, all & !without_quantity);
        self.open
            .close_block(rows, marks.of(Kind::Trade) | marks.of(Kind::Reduced));
        self.hidden.close_block(rows, shown);
        self.priority.close_block(rows, shown);
        self.reason.keys.close_block(rows, reasoned);
        self.kept_priority.0.push(marks.kept_priority);
        self.kept_priority_given.0.push(marks.of(Kind::Replaced));
    }

    /// Gives the rows out.
    pub fn take(&mut self, rows: usize) -> Vec<ArrayRef> {
        let kept_priority = BooleanArray::new(
            self.kept_priority.take(rows),
            Some(NullBuffer::new(self.kept_priority_given.take(rows))),
        );
        vec![
            Arc::new(self.sequence.take()),
            self.event.take(),
            Arc::new(self.order_id.take()),
            Arc::new(self.taker_id.take()),
            Arc::new(self.account.take()),
            self.side.take(),
            self.queue.take(),
            Arc::new(self.price.take()),
            Arc::new(self.quantity.take()),
            Arc::new(self.open.take()),
            Arc::new(self.hidden.take()),
            Arc::new(self.priority.take()),
            self.reason.take(),
            Arc::new(kept_priority),
        ]
    }
}
