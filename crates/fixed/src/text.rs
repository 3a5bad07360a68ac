//! Fixed-point numbers as text: exact both ways.

use core::fmt;
use core::str::FromStr;

use crate::error::FixedError;
use crate::point::FixedPoint;
use crate::total::Total;

/// Writes so many units of 10^-decimals, with all decimals.
fn write_units(f: &mut fmt::Formatter<'_>, units: i128, decimals: u32) -> fmt::Result {
    let sign = if units < 0 { "-" } else { "" };
    let magnitude = units.unsigned_abs();
    if decimals == 0 {
        return write!(f, "{sign}{magnitude}");
    }
    let power = 10u128.pow(decimals);
    let width = decimals as usize;
    write!(
        f,
        "{sign}{}.{:0width$}",
        magnitude / power,
        magnitude % power
    )
}

impl<const D: u32> fmt::Display for FixedPoint<D> {
    /// With all D decimals, so that reading it gives the number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_units(f, i128::from(self.units()), D)
    }
}

impl<const D: u32> fmt::Display for Total<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_units(f, self.units(), D)
    }
}

/// Appends a digit to a magnitude; none where it is beyond what any number has.
fn with_digit(magnitude: u64, digit: u8) -> Result<u64, FixedError> {
    magnitude
        .checked_mul(10)
        .and_then(|tens| tens.checked_add(u64::from(digit - b'0')))
        .ok_or(FixedError::overflow("reading"))
}

impl<const D: u32> FromStr for FixedPoint<D> {
    type Err = FixedError;

    /// Reads `[+-]digits[.digits]` with a digit at least on each side of a point. More than D decimals are taken only where they are zeros.
    fn from_str(text: &str) -> Result<Self, FixedError> {
        let bytes = text.as_bytes();
        let start = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
        let is_negative = bytes.first() == Some(&b'-');
        let digits = |from: usize| {
            bytes[from..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
        };
        let whole = digits(start).count();
        let point = start + whole;
        let is_fraction = bytes.get(point) == Some(&b'.');
        let decimals = if is_fraction {
            digits(point + 1).count()
        } else {
            0
        };
        let end = if is_fraction {
            point + 1 + decimals
        } else {
            point
        };
        if whole == 0 || is_fraction && decimals == 0 || end < bytes.len() {
            let position = if whole == 0 { start } else { end };
            return Err(FixedError::Syntax { position });
        }
        let fraction = &bytes[end - decimals..end];
        let used = fraction.len() - fraction.iter().rev().take_while(|&&b| b == b'0').count();
        if used > D as usize {
            return Err(FixedError::Decimals {
                expected: D,
                received: used,
            });
        }
        let mut magnitude = 0;
        for &digit in bytes[start..point].iter().chain(&fraction[..used]) {
            magnitude = with_digit(magnitude, digit)?;
        }
        for _ in used..D as usize {
            magnitude = with_digit(magnitude, b'0')?;
        }
        let units = i128::from(magnitude);
        FixedPoint::of_wide(if is_negative { -units } else { units }, "reading")
    }
}
