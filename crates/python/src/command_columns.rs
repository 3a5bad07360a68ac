//! The columns of a table of commands, and the command in each row.
//!
//! The columns are described in `docs/tables.md`. Numbers are 64-bit integers in units; other integers are cast, decimals
//! and strings are converted exactly, floats are refused. Words come as strings or as the codes of `proofbook-types`.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Int64Type, TimestampNanosecondType, UInt64Type, UInt8Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_cast::{cast_with_options, CastOptions};
use arrow_schema::{DataType, Schema, TimeUnit};
use proofbook_types::{
    AccountId, Action, Command, NewOrder, OrderId, OrderKind, Price, Quantity, SelfTradePrevention,
    Side, TimeInForce, Timestamp,
};
use pyo3::prelude::*;

use crate::errors::{InputError, TickError};
use crate::scale::{DecimalError, Scale};
use crate::terms::{
    KIND_NAMES, SELF_TRADE_NAMES, SELF_TRADE_VALUES, SIDE_NAMES, TIME_IN_FORCE_NAMES,
};
use crate::units::Units;

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

/// Stands for "not given" in a column of codes.
const NOT_GIVEN: u8 = u8::MAX;

/// Numbers, each given or not.
struct Numbers<T: ArrowPrimitiveType> {
    values: ScalarBuffer<T::Native>,
    nulls: Option<NullBuffer>,
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    fn of(array: &ArrayRef) -> Self {
        let array = array.as_primitive::<T>();
        Numbers {
            values: array.values().clone(),
            nulls: array.nulls().cloned(),
        }
    }

    #[inline]
    fn get(&self, row: usize) -> Option<T::Native> {
        match &self.nulls {
            Some(nulls) if nulls.is_null(row) => None,
            _ => Some(self.values[row]),
        }
    }
}

/// A column that a table need not have.
#[inline]
fn number<T: ArrowPrimitiveType>(column: &Option<Numbers<T>>, row: usize) -> Option<T::Native> {
    column.as_ref().and_then(|column| column.get(row))
}

#[inline]
fn is_given<T: ArrowPrimitiveType>(column: &Option<Numbers<T>>, row: usize) -> bool {
    column.as_ref().is_some_and(|column| {
        column
            .nulls
            .as_ref()
            .is_none_or(|nulls| nulls.is_valid(row))
    })
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
        let action = reader.codes("action", &ACTION_NAMES, 1)?.ok_or_else(|| {
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
            side: reader.codes("side", &SIDE_NAMES, 0)?,
            kind: reader.codes("kind", &KIND_NAMES, 0)?,
            time_in_force: reader.codes("time_in_force", &TIME_IN_FORCE_NAMES, 0)?,
            self_trade: reader.codes("self_trade", &SELF_TRADE_NAMES, 0)?,
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
    pub fn check_rows(&self) -> PyResult<()> {
        let mut is_known = vec![false; SHAPES];
        for row in 0..self.rows {
            let shape = self.shape(row);
            if !is_known[shape] {
                self.command(row, Timestamp(0))?;
                is_known[shape] = true;
            }
        }
        Ok(())
    }

    /// The words of a row and what it gives, as one number below [`SHAPES`].
    #[inline]
    fn shape(&self, row: usize) -> usize {
        // "Not given" ends up as the highest value of its bits.
        let words = usize::from(self.action[row] & 15)
            | usize::from(code(&self.kind, row) & 7) << 4
            | usize::from(code(&self.time_in_force, row) & 7) << 7
            | usize::from(code(&self.side, row) & 3) << 10;
        let given = [
            is_given(&self.order_id, row),
            is_given(&self.account, row),
            is_given(&self.quantity, row),
            is_given(&self.expiry, row),
            is_given(&self.price, row),
            is_given(&self.stop_price, row),
        ];
        given
            .into_iter()
            .zip(12..)
            .fold(words, |shape, (is_given, bit)| {
                shape | usize::from(is_given) << bit
            })
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

/// One more than the highest shape: 4 bits for the action, 3 each for kind and time in force, 2 for the side, 6 for what
/// is given.
const SHAPES: usize = 1 << 18;

/// Finds columns in a batch and brings them to the type in which they are read.
struct ColumnReader<'a> {
    batch: &'a RecordBatch,
    first_row: usize,
}

fn cast(name: &str, array: &ArrayRef, to: &DataType) -> PyResult<ArrayRef> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(array, to, &options)
        .map_err(|error| InputError::new_err(format!("column {name:?}: {error}")))
}

fn wrong_type(name: &str, expected: &str, received: &DataType) -> PyErr {
    InputError::new_err(format!(
        "column {name:?} must hold {expected}; received {received}"
    ))
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

impl ColumnReader<'_> {
    fn column(&self, name: &str) -> Option<&ArrayRef> {
        // A column of nulls alone is as good as none.
        self.batch
            .column_by_name(name)
            .filter(|column| column.data_type() != &DataType::Null)
    }

    /// Words, as strings or as codes from `first` on.
    fn codes(&self, name: &str, words: &[&str], first: u8) -> PyResult<Option<ScalarBuffer<u8>>> {
        let Some(column) = self.column(name) else {
            return Ok(None);
        };
        let wrong = |row: usize, received: &str| {
            InputError::new_err(format!(
                "row {}: {name} must be one of {}; received {received:?}",
                self.first_row + row,
                words.join(", ")
            ))
        };
        if is_text(column.data_type()) {
            let text = cast(name, column, &DataType::Utf8View)?;
            let codes: PyResult<Vec<u8>> = text
                .as_string_view()
                .iter()
                .enumerate()
                .map(|(row, text)| match text {
                    None => Ok(NOT_GIVEN),
                    Some(text) => (first..)
                        .zip(words)
                        .find_map(|(code, word)| (*word == text).then_some(code))
                        .ok_or_else(|| wrong(row, text)),
                })
                .collect();
            return Ok(Some(codes?.into()));
        }
        if !column.data_type().is_integer() {
            return Err(wrong_type(name, "words or their codes", column.data_type()));
        }
        let codes = Numbers::<UInt8Type>::of(&cast(name, column, &DataType::UInt8)?);
        let given = first..first + words.len() as u8;
        for row in 0..codes.values.len() {
            if let Some(code) = codes.get(row).filter(|code| !given.contains(code)) {
                return Err(wrong(row, &code.to_string()));
            }
        }
        if codes.nulls.is_none() {
            return Ok(Some(codes.values));
        }
        let filled: Vec<u8> = (0..codes.values.len())
            .map(|row| codes.get(row).unwrap_or(NOT_GIVEN))
            .collect();
        Ok(Some(filled.into()))
    }

    fn booleans(&self, name: &str) -> PyResult<Option<BooleanArray>> {
        match self.column(name) {
            None => Ok(None),
            Some(column) if column.data_type() == &DataType::Boolean => {
                Ok(Some(column.as_boolean().clone()))
            }
            Some(column) => Err(wrong_type(name, "booleans", column.data_type())),
        }
    }

    fn integers(&self, name: &str) -> PyResult<Option<Numbers<UInt64Type>>> {
        match self.column(name) {
            None => Ok(None),
            Some(column) if column.data_type().is_integer() => {
                let column = cast(name, column, &DataType::UInt64)?;
                Ok(Some(Numbers::of(&column)))
            }
            Some(column) => Err(wrong_type(name, "integers", column.data_type())),
        }
    }

    /// Nanoseconds, or timestamps of any unit.
    fn times(&self, name: &str) -> PyResult<Option<Numbers<UInt64Type>>> {
        let Some(column) = self.column(name) else {
            return Ok(None);
        };
        let DataType::Timestamp(_, zone) = column.data_type() else {
            return self.integers(name);
        };
        let nanoseconds = DataType::Timestamp(TimeUnit::Nanosecond, zone.clone());
        let column = cast(name, column, &nanoseconds)?;
        let column = column
            .as_primitive::<TimestampNanosecondType>()
            .reinterpret_cast::<Int64Type>();
        let column = cast(name, &(Arc::new(column) as ArrayRef), &DataType::UInt64)?;
        Ok(Some(Numbers::of(&column)))
    }

    /// Integers in units; or decimals or strings, converted exactly.
    fn scaled<T: ArrowPrimitiveType>(
        &self,
        name: &str,
        scale: Scale,
        multiple: u64,
        narrow: impl Fn(i128) -> Option<T::Native>,
    ) -> PyResult<Option<Numbers<T>>> {
        let Some(column) = self.column(name) else {
            return Ok(None);
        };
        let kind = column.data_type();
        if kind.is_integer() {
            let column = cast(name, column, &T::DATA_TYPE)?;
            return Ok(Some(Numbers::of(&column)));
        }
        let text: Box<dyn Fn(usize) -> String> = if is_text(kind) {
            let column = cast(name, column, &DataType::Utf8View)?;
            Box::new(move |row| column.as_string_view().value(row).to_owned())
        } else if matches!(kind, DataType::Decimal128(..)) {
            let column = column.as_primitive::<Decimal128Type>().clone();
            Box::new(move |row| column.value_as_string(row))
        } else {
            return Err(wrong_type(
                name,
                "integers in units, or exact decimals or strings (never floats)",
                kind,
            ));
        };
        let values: PyResult<Vec<T::Native>> = (0..column.len())
            .map(|row| {
                if column.is_null(row) {
                    return Ok(T::Native::default());
                }
                let text = text(row);
                exact(&text, scale, multiple, &narrow).map_err(|error| {
                    let row = self.first_row + row;
                    let message =
                        |what: &str| format!("row {row}: {name} must be {what}; received {text}");
                    match error {
                        DecimalError::Syntax => InputError::new_err(message("a decimal number")),
                        DecimalError::Range => {
                            InputError::new_err(message("within 64 bits of units"))
                        }
                        DecimalError::Fraction => TickError::new_err(message(&format!(
                            "a multiple of {}",
                            scale.decimal(i128::from(multiple))
                        ))),
                    }
                })
            })
            .collect();
        Ok(Some(Numbers {
            values: values?.into(),
            nulls: column.nulls().cloned(),
        }))
    }
}

/// Converts a decimal exactly.
fn exact<T>(
    text: &str,
    scale: Scale,
    multiple: u64,
    narrow: impl Fn(i128) -> Option<T>,
) -> Result<T, DecimalError> {
    let units = scale.units(text)?;
    if units % i128::from(multiple) != 0 {
        return Err(DecimalError::Fraction);
    }
    narrow(units).ok_or(DecimalError::Range)
}
