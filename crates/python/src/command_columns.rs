//! The columns of a table of commands, and the command in each row.
//!
//! The columns are described in `docs/tables.md`. Numbers are 64-bit integers in units; other integers are cast, decimals
//! and strings are converted exactly, floats are refused. Words come as strings or as the codes of `proofbook-types`.

use std::ops::Range;

use arrow_array::types::{ArrowPrimitiveType, Int64Type, UInt64Type};
use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_buffer::ScalarBuffer;
use arrow_schema::Schema;
use proofbook_types::{
    AccountId, Action, Command, NewOrder, OrderId, OrderKind, Price, Quantity, SelfTradePrevention,
    Side, TimeInForce, Timestamp,
};
use pyo3::prelude::*;

use crate::column_reader::{ColumnReader, Numbers};
use crate::errors::InputError;
use crate::scale::Scale;
use crate::terms::{
    KIND_NAMES, SELF_TRADE_NAMES, SELF_TRADE_VALUES, SIDE_NAMES, TIME_IN_FORCE_NAMES,
};
use crate::units::Units;
use crate::words::{WordList, NOT_GIVEN, SPREAD};

/// The words for actions, from code 1 on.
pub const ACTION_NAMES: [&str; 10] = [
    "submit",
    "cancel",
    "mass_cancel",
    "reduce",
    "replace",
    "sweep",
    "halt",
    "resume",
    "open_auction",
    "uncross",
];

/// Every column that a table of commands may have.
pub const COMMAND_COLUMNS: [&str; 14] = [
    "action",
    "time",
    "order_id",
    "account",
    "side",
    "kind",
    "price",
    "stop_price",
    "quantity",
    "display",
    "time_in_force",
    "expiry",
    "post_only",
    "self_trade",
];

/// Keys of the schema's metadata that say what integers mean, and the scales behind them.
pub const PRICE_UNIT_KEY: &str = "proofbook.price_unit";
/// See [`PRICE_UNIT_KEY`].
pub const QUANTITY_UNIT_KEY: &str = "proofbook.quantity_unit";

static ACTIONS: WordList = WordList::new(&ACTION_NAMES, 1);
static SIDES: WordList = WordList::new(&SIDE_NAMES, 0);
static KINDS: WordList = WordList::new(&KIND_NAMES, 0);
static TIMES_IN_FORCE: WordList = WordList::new(&TIME_IN_FORCE_NAMES, 0);
static SELF_TRADES: WordList = WordList::new(&SELF_TRADE_NAMES, 0);

/// A column that a table need not have.
#[inline]
fn number<T: ArrowPrimitiveType>(column: &Option<Numbers<T>>, row: usize) -> Option<T::Native> {
    column.as_ref().and_then(|column| column.get(row))
}

#[inline]
fn code(column: &Option<ScalarBuffer<u8>>, row: usize) -> u8 {
    column.as_ref().map_or(NOT_GIVEN, |column| column[row])
}

/// The columns of one batch of commands.
pub struct CommandColumns {
    rows: usize,
    /// Where the batch begins in its table, for messages.
    first_row: usize,
    action: ScalarBuffer<u8>,
    side: Option<ScalarBuffer<u8>>,
    kind: Option<ScalarBuffer<u8>>,
    time_in_force: Option<ScalarBuffer<u8>>,
    self_trade: Option<ScalarBuffer<u8>>,
    post_only: Option<BooleanArray>,
    time: Option<Numbers<UInt64Type>>,
    order_id: Option<Numbers<UInt64Type>>,
    account: Option<Numbers<UInt64Type>>,
    price: Option<Numbers<Int64Type>>,
    stop_price: Option<Numbers<Int64Type>>,
    quantity: Option<Numbers<UInt64Type>>,
    display: Option<Numbers<UInt64Type>>,
    expiry: Option<Numbers<UInt64Type>>,
}

impl CommandColumns {
    /// Checks names and units of a table's columns.
    pub fn check_schema(schema: &Schema, units: &Units) -> PyResult<()> {
        for field in schema.fields() {
            if !COMMAND_COLUMNS.contains(&field.name().as_str()) {
                return Err(InputError::new_err(format!(
                    "a table of commands has the columns {}; received {:?}",
                    COMMAND_COLUMNS.join(", "),
                    field.name()
                )));
            }
        }
        for (key, unit) in [
            (PRICE_UNIT_KEY, units.price),
            (QUANTITY_UNIT_KEY, units.quantity),
        ] {
            let Some(text) = schema.metadata().get(key) else {
                continue;
            };
            if Scale::parse(text) != Ok(unit) {
                return Err(InputError::new_err(format!(
                    "the schema's {key} must be the book's, {unit}; received {text:?}"
                )));
            }
        }
        Ok(())
    }

    /// Finds the columns of a batch that begins at row `first_row` of its table.
    pub fn new(batch: &RecordBatch, first_row: usize, units: &Units) -> PyResult<Self> {
        let reader = ColumnReader { batch, first_row };
        let action = reader.codes("action", &ACTIONS)?.ok_or_else(|| {
            InputError::new_err("a table of commands needs the column \"action\"")
        })?;
        let prices = |name| {
            reader.scaled::<Int64Type>(name, units.price, units.ticks, |units| {
                i64::try_from(units).ok()
            })
        };
        let quantities = |name| {
            reader.scaled::<UInt64Type>(name, units.quantity, units.lots, |units| {
                u64::try_from(units).ok()
            })
        };
        Ok(CommandColumns {
            rows: batch.num_rows(),
            first_row,
            action,
            side: reader.codes("side", &SIDES)?,
            kind: reader.codes("kind", &KINDS)?,
            time_in_force: reader.codes("time_in_force", &TIMES_IN_FORCE)?,
            self_trade: reader.codes("self_trade", &SELF_TRADES)?,
            post_only: reader.booleans("post_only")?,
            time: reader.times("time")?,
            order_id: reader.integers("order_id")?,
            account: reader.integers("account")?,
            price: prices("price")?,
            stop_price: prices("stop_price")?,
            quantity: quantities("quantity")?,
            display: quantities("display")?,
            expiry: reader.times("expiry")?,
        })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Checks every row.
    ///
    /// Whether a row is a command depends on its words and on what it gives, not on its numbers. That is its shape; each
    /// shape is read once.
    ///
    /// # Errors
    /// The first row that is no command.
    pub fn check_rows(&self, known: &mut KnownShapes) -> PyResult<()> {
        let given = [
            self.given(&self.order_id),
            self.given(&self.account),
            self.given(&self.quantity),
            self.given(&self.expiry),
            self.given(&self.price),
            self.given(&self.stop_price),
        ];
        for (block, first) in (0..self.rows).step_by(ROWS_PER_BLOCK).enumerate() {
            let rows = first..self.rows.min(first + ROWS_PER_BLOCK);
            let mut shapes = [0; ROWS_PER_BLOCK];
            self.add_words(rows.clone(), &mut shapes);
            add_given(given.each_ref().map(|words| words[block]), &mut shapes);
            if known.has_all(&shapes[..rows.len()]) {
                continue;
            }
            for (row, &shape) in rows.zip(&shapes) {
                if !known.has_all(&[shape]) {
                    self.command(row, Timestamp(0))?;
                    known.add(shape);
                }
            }
        }
        Ok(())
    }

    fn given<T: ArrowPrimitiveType>(&self, column: &Option<Numbers<T>>) -> Vec<u64> {
        match column {
            Some(column) => column.given(),
            None => vec![0; self.rows.div_ceil(ROWS_PER_BLOCK)],
        }
    }

    /// The words of some rows, as the lower bits of their shapes. "Not given" is the highest value of its bits.
    fn add_words(&self, rows: Range<usize>, shapes: &mut [u32; ROWS_PER_BLOCK]) {
        for (shape, code) in shapes.iter_mut().zip(&self.action[rows.clone()]) {
            *shape = u32::from(code & 15);
        }
        for (column, mask, shift) in [
            (&self.kind, 7, 4),
            (&self.time_in_force, 7, 7),
            (&self.side, 3, 10),
        ] {
            match column {
                Some(column) => {
                    for (shape, code) in shapes.iter_mut().zip(&column[rows.clone()]) {
                        *shape |= u32::from(code & mask) << shift;
                    }
                }
                None => {
                    for shape in shapes.iter_mut() {
                        *shape |= u32::from(mask) << shift;
                    }
                }
            }
        }
    }

    /// The command in a row; without a time, it comes at `clock`.
    #[inline(always)]
    pub fn command(&self, row: usize, clock: Timestamp) -> PyResult<Command> {
        self.read(row, clock).map_err(|flaw| self.error(row, flaw))
    }

    #[inline(always)]
    fn read(&self, row: usize, clock: Timestamp) -> Result<Command, Flaw> {
        let time = self.time(row, clock);
        let action = match self.action[row] {
            1 => Action::New(self.order(row)?),
            2 => Action::Cancel {
                order_id: self.order_id(row)?,
            },
            3 => Action::MassCancel {
                account: AccountId(number(&self.account, row).ok_or(Flaw::Missing("account"))?),
            },
            4 => Action::Reduce {
                order_id: self.order_id(row)?,
                quantity: self.quantity(row)?,
            },
            5 => Action::Replace {
                order_id: self.order_id(row)?,
                price: number(&self.price, row).map(Price),
                quantity: number(&self.quantity, row).map(Quantity),
                stop_price: number(&self.stop_price, row).map(Price),
            },
            6 => Action::Sweep,
            7 => Action::Halt,
            8 => Action::Resume,
            9 => Action::OpenAuction,
            10 => Action::Uncross,
            _ => return Err(Flaw::Missing("action")),
        };
        Ok(Command { time, action })
    }

    /// The time of a row; without one, `clock`.
    #[inline(always)]
    pub fn time(&self, row: usize, clock: Timestamp) -> Timestamp {
        number(&self.time, row).map_or(clock, Timestamp)
    }

    #[inline(always)]
    fn order_id(&self, row: usize) -> Result<OrderId, Flaw> {
        number(&self.order_id, row)
            .map(OrderId)
            .ok_or(Flaw::Missing("order_id"))
    }

    #[inline(always)]
    fn quantity(&self, row: usize) -> Result<Quantity, Flaw> {
        number(&self.quantity, row)
            .map(Quantity)
            .ok_or(Flaw::Missing("quantity"))
    }

    #[inline(always)]
    fn order(&self, row: usize) -> Result<NewOrder, Flaw> {
        let price = number(&self.price, row).map(Price);
        let stop_price = number(&self.stop_price, row).map(Price);
        let kind = match (code(&self.kind, row), price, stop_price) {
            (1 | NOT_GIVEN, Some(price), None) => OrderKind::Limit { price },
            (0, None, None) => OrderKind::Market,
            (2, None, Some(stop_price)) => OrderKind::Stop { stop_price },
            (3, Some(price), Some(stop_price)) => OrderKind::StopLimit { stop_price, price },
            _ => return Err(Flaw::Prices),
        };
        let expiry = number(&self.expiry, row).map(Timestamp);
        let time_in_force = match (code(&self.time_in_force, row), expiry) {
            (0, None) => TimeInForce::GoodTillCancel,
            (1, None) => TimeInForce::ImmediateOrCancel,
            (2, None) => TimeInForce::FillOrKill,
            (3 | NOT_GIVEN, Some(expiry)) => TimeInForce::GoodTillDate { expiry },
            (NOT_GIVEN, None) if kind == OrderKind::Market => TimeInForce::ImmediateOrCancel,
            (NOT_GIVEN, None) => TimeInForce::GoodTillCancel,
            (_, None) => return Err(Flaw::Missing("expiry")),
            (_, Some(_)) => return Err(Flaw::Expiry),
        };
        Ok(NewOrder {
            order_id: self.order_id(row)?,
            account: number(&self.account, row).map_or(AccountId::NONE, AccountId),
            side: match code(&self.side, row) {
                0 => Side::Buy,
                1 => Side::Sell,
                _ => return Err(Flaw::Missing("side")),
            },
            quantity: self.quantity(row)?,
            kind,
            time_in_force,
            post_only: self
                .post_only
                .as_ref()
                .is_some_and(|column| column.is_valid(row) && column.value(row)),
            display: number(&self.display, row).map(Quantity),
            self_trade: SELF_TRADE_VALUES
                .get(usize::from(code(&self.self_trade, row)))
                .copied()
                .unwrap_or(SelfTradePrevention::Allow),
        })
    }

    #[cold]
    fn error(&self, row: usize, flaw: Flaw) -> PyErr {
        let what = match flaw {
            Flaw::Missing(column) => {
                let action = match self.action[row] {
                    code @ 1..=10 => ACTION_NAMES[usize::from(code) - 1],
                    _ => "a command",
                };
                format!("{action} needs {column}; received none")
            }
            Flaw::Expiry => "expiry goes with time_in_force \"gtd\"".to_owned(),
            Flaw::Prices => {
                let kind = usize::from(code(&self.kind, row));
                format!(
                    "a {} order must have exactly the prices of its kind: limit price, stop stop_price, stop_limit both, \
                     market none",
                    KIND_NAMES.get(kind).unwrap_or(&"limit")
                )
            }
        };
        InputError::new_err(format!("row {}: {what}", self.first_row + row))
    }
}

/// Why a row is no command.
#[derive(Clone, Copy, Debug)]
enum Flaw {
    /// It does not give something that its action needs.
    Missing(&'static str),
    /// Its prices are not those of its kind of order.
    Prices,
    /// It gives an expiry that its time in force does not have.
    Expiry,
}

/// How many rows are checked at a time: as many as a word has bits.
const ROWS_PER_BLOCK: usize = 64;
/// Bits of a shape for words: 4 for the action, 3 each for kind and time in force, 2 for the side.
const WORD_BITS: u32 = 12;
/// Numbers whose being given, or not, decides whether a row is a command.
const DECISIVE_NUMBERS: usize = 6;
/// One more than the highest shape.
const SHAPES: usize = 1 << (WORD_BITS as usize + DECISIVE_NUMBERS);

/// What some rows give, as the upper bits of their shapes: one word for each number, with one bit for each row.
fn add_given(given: [u64; DECISIVE_NUMBERS], shapes: &mut [u32; ROWS_PER_BLOCK]) {
    let given = given.map(u64::to_le_bytes);
    for (eight, shapes) in shapes.chunks_exact_mut(8).enumerate() {
        let bits = given.iter().zip(0..).fold(0u64, |bits, (bytes, bit)| {
            bits | SPREAD[usize::from(bytes[eight])] << bit
        });
        for (shape, bits) in shapes.iter_mut().zip(bits.to_le_bytes()) {
            *shape |= u32::from(bits) << WORD_BITS;
        }
    }
}

/// Shapes of rows that are known to be commands.
pub struct KnownShapes(Vec<bool>);

impl KnownShapes {
    /// None is known yet.
    pub fn new() -> Self {
        KnownShapes(vec![false; SHAPES])
    }

    #[inline]
    fn has_all(&self, shapes: &[u32]) -> bool {
        // Without a branch for each row, since mostly all are known.
        shapes.iter().fold(true, |are_known, shape| {
            are_known & self.0[*shape as usize % SHAPES]
        })
    }

    fn add(&mut self, shape: u32) {
        self.0[shape as usize % SHAPES] = true;
    }
}
