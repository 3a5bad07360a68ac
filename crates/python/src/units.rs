//! The units of a book, and the reading of prices, quantities and times that a caller gives in natural terms.

use std::sync::Arc;

use chrono::{DateTime, FixedOffset};
use proofbook_types::{AccountId, OrderId, Price, Quantity, Timestamp};
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString};

use crate::errors::{InputError, TickError};
use crate::scale::{DecimalError, Scale};

/// What integers mean in a book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    /// Value of price 1.
    pub price: Scale,
    /// Value of quantity 1.
    pub quantity: Scale,
    /// Prices are multiples of this many units: the market's tick size.
    pub ticks: u64,
    /// Quantities are multiples of this many units: the market's lot size.
    pub lots: u64,
}

/// Units are shared by a book and everything it gives out.
pub type SharedUnits = Arc<Units>;

fn received(value: &Bound<'_, PyAny>) -> String {
    value
        .repr()
        .map_or_else(|_| "an object".to_owned(), |text| text.to_string())
}

/// The error for something that is no number of units at all.
fn not_a_number(what: &str, value: &Bound<'_, PyAny>) -> PyErr {
    if value.is_instance_of::<PyFloat>() {
        return InputError::new_err(format!(
            "{what} must be exact: pass a string, a decimal.Decimal or an integer, not a float; received {}",
            received(value)
        ));
    }
    InputError::new_err(format!(
        "{what} must be an integer, a decimal string or a decimal.Decimal; received {}",
        received(value)
    ))
}

fn out_of_range(what: &str, range: &str, value: &Bound<'_, PyAny>) -> PyErr {
    InputError::new_err(format!(
        "{what} must be {range}; received {}",
        received(value)
    ))
}

/// Reads an integer, a decimal string, a `decimal.Decimal`, or anything with `__index__`.
fn units_of(
    what: &str,
    value: &Bound<'_, PyAny>,
    scale: Scale,
    multiple: u64,
    range: &str,
) -> PyResult<i128> {
    let text = if let Ok(text) = value.cast::<PyString>() {
        text.to_owned()
    } else if is_decimal(value)? {
        value.str()?
    } else {
        return index(what, value, range);
    };
    let text = text.to_str()?;
    let units = scale.units(text).map_err(|error| match error {
        DecimalError::Syntax => not_a_number(what, value),
        DecimalError::Range => out_of_range(what, range, value),
        DecimalError::Fraction => between(what, text, scale, multiple),
    })?;
    if units % i128::from(multiple) != 0 {
        return Err(between(what, text, scale, multiple));
    }
    Ok(units)
}

fn between(what: &str, text: &str, scale: Scale, multiple: u64) -> PyErr {
    TickError::new_err(format!(
        "{what} must be a multiple of {}; received {text}",
        scale.decimal(i128::from(multiple))
    ))
}

fn index(what: &str, value: &Bound<'_, PyAny>, range: &str) -> PyResult<i128> {
    if value.is_instance_of::<PyBool>() {
        return Err(not_a_number(what, value));
    }
    value.extract::<i128>().map_err(|error| {
        if error.is_instance_of::<PyOverflowError>(value.py()) {
            out_of_range(what, range, value)
        } else {
            not_a_number(what, value)
        }
    })
}

fn is_decimal(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    value.is_instance(decimal_class(value.py())?)
}

fn decimal_class(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static DECIMAL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    DECIMAL
        .get_or_try_init(py, || {
            Ok(py.import("decimal")?.getattr("Decimal")?.unbind())
        })
        .map(|class| class.bind(py))
}

const SIGNED: &str = "from -2^63 to 2^63 - 1 units";
const UNSIGNED: &str = "from 0 to 2^64 - 1 units";

/// The fast way for a plain integer.
fn plain_integer<T: for<'a, 'py> FromPyObject<'a, 'py>>(value: &Bound<'_, PyAny>) -> Option<T> {
    value.cast_exact::<PyInt>().ok()?.extract::<T>().ok()
}

impl Units {
    /// Reads a price.
    #[inline]
    pub fn price_of(&self, what: &str, value: &Bound<'_, PyAny>) -> PyResult<Price> {
        if let Some(ticks) = plain_integer::<i64>(value) {
            return Ok(Price(ticks));
        }
        let units = units_of(what, value, self.price, self.ticks, SIGNED)?;
        i64::try_from(units)
            .map(Price)
            .map_err(|_| out_of_range(what, SIGNED, value))
    }

    /// Reads a quantity.
    #[inline]
    pub fn quantity_of(&self, what: &str, value: &Bound<'_, PyAny>) -> PyResult<Quantity> {
        if let Some(lots) = plain_integer::<u64>(value) {
            return Ok(Quantity(lots));
        }
        let units = units_of(what, value, self.quantity, self.lots, UNSIGNED)?;
        u64::try_from(units)
            .map(Quantity)
            .map_err(|_| out_of_range(what, UNSIGNED, value))
    }

    /// A price as a `decimal.Decimal`.
    pub fn price_decimal<'py>(&self, py: Python<'py>, price: Price) -> PyResult<Bound<'py, PyAny>> {
        decimal_class(py)?.call1((self.price.decimal(i128::from(price.0)),))
    }

    /// A quantity as a `decimal.Decimal`.
    pub fn quantity_decimal<'py>(
        &self,
        py: Python<'py>,
        quantity: Quantity,
    ) -> PyResult<Bound<'py, PyAny>> {
        decimal_class(py)?.call1((self.quantity.decimal(i128::from(quantity.0)),))
    }
}

/// Reads a number that is not scaled: an id, an account, a count.
pub fn whole(what: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    if let Some(number) = plain_integer::<u64>(value) {
        return Ok(number);
    }
    const RANGE: &str = "an integer from 0 to 2^64 - 1";
    if value.is_instance_of::<PyBool>() {
        return Err(out_of_range(what, RANGE, value));
    }
    value
        .extract::<u64>()
        .map_err(|_| out_of_range(what, RANGE, value))
}

/// Reads an order id.
pub fn order_id_of(value: &Bound<'_, PyAny>) -> PyResult<OrderId> {
    whole("order_id", value).map(OrderId)
}

/// Reads an account.
pub fn account_of(value: &Bound<'_, PyAny>) -> PyResult<AccountId> {
    whole("account", value).map(AccountId)
}

/// Reads nanoseconds, or an aware `datetime` as nanoseconds since 1970.
pub fn time_of(what: &str, value: &Bound<'_, PyAny>) -> PyResult<Timestamp> {
    if let Some(time_ns) = plain_integer::<u64>(value) {
        return Ok(Timestamp(time_ns));
    }
    const RANGE: &str =
        "nanoseconds (an integer from 0 to 2^64 - 1) or a datetime with a time zone from 1970 on";
    if let Ok(instant) = value.extract::<DateTime<FixedOffset>>() {
        return instant
            .timestamp_nanos_opt()
            .and_then(|time_ns| u64::try_from(time_ns).ok())
            .map(Timestamp)
            .ok_or_else(|| out_of_range(what, RANGE, value));
    }
    whole(what, value)
        .map(Timestamp)
        .map_err(|_| out_of_range(what, RANGE, value))
}

/// Reads a scale: a decimal string, a `decimal.Decimal` or an integer, above zero.
pub fn scale_of(what: &str, value: &Bound<'_, PyAny>) -> PyResult<Scale> {
    if value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyBool>() {
        return Err(not_a_number(what, value));
    }
    if !value.is_instance_of::<PyString>()
        && !value.is_instance_of::<PyInt>()
        && !is_decimal(value)?
    {
        return Err(not_a_number(what, value));
    }
    Scale::parse(value.str()?.to_str()?).map_err(|error| match error {
        DecimalError::Syntax => not_a_number(what, value),
        DecimalError::Range | DecimalError::Fraction => {
            out_of_range(what, "above zero, with at most 18 decimals", value)
        }
    })
}

/// How many units `value` (a tick size, a lot size) is.
pub fn multiple_of(what: &str, value: &Bound<'_, PyAny>, unit: Scale) -> PyResult<u64> {
    let size = scale_of(what, value)?;
    let text = size.to_string();
    let units = unit
        .units(&text)
        .map_err(|_| between(what, &text, unit, 1))?;
    u64::try_from(units).map_err(|_| out_of_range(what, UNSIGNED, value))
}

/// Reads a limit of price × quantity: an integer in ticks × lots, or a decimal in money.
pub fn notional_of(what: &str, value: &Bound<'_, PyAny>, units: &Units) -> PyResult<u128> {
    const RANGE: &str = "zero or more, and at most 2^127 - 1 ticks x lots";
    let scale = units.price.product(units.quantity).ok_or_else(|| {
        out_of_range(
            what,
            "given in units whose product has 18 decimals at most",
            value,
        )
    })?;
    let notional = units_of(what, value, scale, 1, RANGE)?;
    u128::try_from(notional).map_err(|_| out_of_range(what, RANGE, value))
}
