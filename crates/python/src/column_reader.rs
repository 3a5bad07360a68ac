//! Finds columns in a batch of commands and brings them to the type in which they are read.
//!
//! A column whose type already fits is read where it lies, and so are 64-bit integers of the other sign that fit both. The
//! types are described in `docs/tables.md`.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Int64Type, TimestampNanosecondType, UInt64Type, UInt8Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_cast::{cast_with_options, CastOptions};
use arrow_schema::{DataType, TimeUnit};
use pyo3::prelude::*;

use crate::errors::{InputError, TickError};
use crate::scale::{DecimalError, Scale};
use crate::words::{forget_nulls, is_text, WordList, UNKNOWN};

/// Numbers, each given or not.
pub struct Numbers<T: ArrowPrimitiveType> {
    values: ScalarBuffer<T::Native>,
    nulls: Option<NullBuffer>,
}

/// Nulls, where there are any.
fn nulls(array: &dyn Array) -> Option<NullBuffer> {
    array
        .nulls()
        .filter(|nulls| nulls.null_count() > 0)
        .cloned()
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    fn of(array: &ArrayRef) -> Self {
        Numbers {
            values: array.as_primitive::<T>().values().clone(),
            nulls: nulls(array),
        }
    }

    /// The number in a row, if it is given.
    #[inline(always)]
    pub fn get(&self, row: usize) -> Option<T::Native> {
        match &self.nulls {
            Some(nulls) if nulls.is_null(row) => None,
            _ => Some(self.values[row]),
        }
    }

    /// For each row whether it gives a number: 64 of them in each word, the first lowest.
    pub fn given(&self) -> Vec<u64> {
        let words = self.values.len().div_ceil(64);
        match &self.nulls {
            None => vec![u64::MAX; words],
            Some(nulls) => {
                let chunks = nulls.inner().bit_chunks();
                chunks.iter_padded().take(words).collect()
            }
        }
    }
}

/// Reads the columns of a batch that begins at row `first_row` of its table.
pub struct ColumnReader<'a> {
    /// The batch.
    pub batch: &'a RecordBatch,
    /// Where it begins in its table, for messages.
    pub first_row: usize,
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

/// Integers as 64-bit integers.
fn whole<T: ArrowPrimitiveType>(name: &str, column: &ArrayRef) -> PyResult<Numbers<T>> {
    let (all_bits, buffer) = match column.data_type() {
        kind if *kind == T::DATA_TYPE => return Ok(Numbers::of(column)),
        DataType::Int64 => {
            let values = column.as_primitive::<Int64Type>().values();
            let all_bits = values
                .iter()
                .fold(0, |bits, value| bits | value.cast_unsigned());
            (all_bits, values.inner())
        }
        DataType::UInt64 => {
            let values = column.as_primitive::<UInt64Type>().values();
            (
                values.iter().fold(0, |bits, value| bits | value),
                values.inner(),
            )
        }
        _ => return Ok(Numbers::of(&cast(name, column, &T::DATA_TYPE)?)),
    };
    if all_bits >> 63 == 1 {
        // One is outside of the type, unless it is a null's.
        return Ok(Numbers::of(&cast(name, column, &T::DATA_TYPE)?));
    }
    Ok(Numbers {
        values: ScalarBuffer::new(buffer.clone(), 0, column.len()),
        nulls: nulls(column),
    })
}

fn wrong_type(name: &str, expected: &str, received: &DataType) -> PyErr {
    InputError::new_err(format!(
        "column {name:?} must hold {expected}; received {received}"
    ))
}

impl ColumnReader<'_> {
    fn column(&self, name: &str) -> Option<&ArrayRef> {
        // A column of nulls alone is as good as none.
        self.batch
            .column_by_name(name)
            .filter(|column| column.data_type() != &DataType::Null)
    }

    fn no_word(&self, name: &str, list: &WordList, row: usize, received: &str) -> PyErr {
        InputError::new_err(format!(
            "row {}: {name} must be one of {}; received {received:?}",
            self.first_row + row,
            list.words.join(", ")
        ))
    }

    /// Words, as strings or as their codes.
    pub fn codes(&self, name: &str, list: &WordList) -> PyResult<Option<ScalarBuffer<u8>>> {
        let Some(column) = self.column(name) else {
            return Ok(None);
        };
        if is_text(column.data_type()) {
            let codes = list.codes(column);
            if let Some(row) = codes.iter().position(|code| *code == UNKNOWN) {
                let received = cast(name, &column.slice(row, 1), &DataType::Utf8View)?;
                return Err(self.no_word(name, list, row, received.as_string_view().value(0)));
            }
            return Ok(Some(codes.into()));
        }
        if !column.data_type().is_integer() {
            return Err(wrong_type(name, "words or their codes", column.data_type()));
        }
        let codes = Numbers::<UInt8Type>::of(&cast(name, column, &DataType::UInt8)?);
        let count = list.words.len() as u8;
        let is_outside = |code: u8| code.wrapping_sub(list.first) >= count;
        // Without a branch, since mostly no code is outside.
        if codes
            .values
            .iter()
            .fold(false, |is, code| is | is_outside(*code))
        {
            for row in 0..codes.values.len() {
                if let Some(code) = codes.get(row).filter(|code| is_outside(*code)) {
                    return Err(self.no_word(name, list, row, &code.to_string()));
                }
            }
        }
        let Some(nulls) = codes.nulls else {
            return Ok(Some(codes.values));
        };
        let mut filled = codes.values.to_vec();
        forget_nulls(&mut filled, &nulls);
        Ok(Some(filled.into()))
    }

    /// Booleans, as they are.
    pub fn booleans(&self, name: &str) -> PyResult<Option<BooleanArray>> {
        match self.column(name) {
            None => Ok(None),
            Some(column) if column.data_type() == &DataType::Boolean => {
                Ok(Some(column.as_boolean().clone()))
            }
            Some(column) => Err(wrong_type(name, "booleans", column.data_type())),
        }
    }

    /// Integers of any type.
    pub fn integers(&self, name: &str) -> PyResult<Option<Numbers<UInt64Type>>> {
        match self.column(name) {
            None => Ok(None),
            Some(column) if column.data_type().is_integer() => Ok(Some(whole(name, column)?)),
            Some(column) => Err(wrong_type(name, "integers", column.data_type())),
        }
    }

    /// Nanoseconds, or timestamps of any unit.
    pub fn times(&self, name: &str) -> PyResult<Option<Numbers<UInt64Type>>> {
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
        Ok(Some(whole(name, &(Arc::new(column) as ArrayRef))?))
    }

    /// Integers in units; or decimals or strings, converted exactly.
    pub fn scaled<T: ArrowPrimitiveType>(
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
            return Ok(Some(whole(name, column)?));
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
            nulls: nulls(column),
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
