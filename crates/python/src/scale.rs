//! Exact conversion between decimal numbers and whole units (ticks, lots).
//!
//! A [`Scale`] is the value of one unit. A decimal either is a whole number of units, or it is an error: nothing is ever
//! rounded and no float takes part.

use std::fmt;

/// The value of one unit: `mantissa` × 10^-`decimals`, above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    mantissa: u64,
    decimals: u8,
}

/// The most decimals that a scale has.
pub const DECIMALS_MAX: u8 = 18;

/// Why text is not a number of units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// It is no plain decimal number.
    Syntax,
    /// It lies between two units.
    Fraction,
    /// It has more digits, or is larger, than 64 bits of units can hold.
    Range,
}

/// A decimal number: `mantissa` × 10^-`decimals`.
#[derive(Clone, Copy)]
struct Decimal {
    mantissa: i128,
    decimals: i32,
}

/// Reads `[+-]digits[.digits][e[+-]digits]`, with a digit before or after the point.
fn parse(text: &str) -> Result<Decimal, DecimalError> {
    let (is_negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let mut mantissa = 0i128;
    let mut decimals = 0i32;
    let mut has_digit = false;
    let mut is_fraction = false;
    for (index, &byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                has_digit = true;
                mantissa = mantissa
                    .checked_mul(10)
                    .and_then(|tens| tens.checked_add(i128::from(byte - b'0')))
                    .ok_or(DecimalError::Range)?;
                decimals += i32::from(is_fraction);
            }
            b'.' if !is_fraction => is_fraction = true,
            b'e' | b'E' if has_digit => {
                decimals -= parse_exponent(&digits[index + 1..])?;
                break;
            }
            _ => return Err(DecimalError::Syntax),
        }
    }
    if !has_digit {
        return Err(DecimalError::Syntax);
    }
    Ok(Decimal {
        mantissa: if is_negative { -mantissa } else { mantissa },
        decimals,
    })
}

fn parse_exponent(bytes: &[u8]) -> Result<i32, DecimalError> {
    let (sign, digits) = match bytes {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (1, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(DecimalError::Syntax);
    }
    digits
        .iter()
        .try_fold(0i32, |sum, byte| {
            let sum = sum * 10 + i32::from(byte - b'0');
            (sum <= 1000).then_some(sum)
        })
        .map(|exponent| sign * exponent)
        .ok_or(DecimalError::Range)
}

fn power_of_ten(exponent: i32) -> Result<i128, DecimalError> {
    u32::try_from(exponent)
        .ok()
        .and_then(|exponent| 10i128.checked_pow(exponent))
        .ok_or(DecimalError::Range)
}

impl Scale {
    /// A unit of value one.
    pub const ONE: Scale = Scale {
        mantissa: 1,
        decimals: 0,
    };

    /// A unit of a hundredth.
    pub const HUNDREDTH: Scale = Scale {
        mantissa: 1,
        decimals: 2,
    };

    /// The scale that a file of market data has.
    pub fn from_replay(scale: proofbook_replay::Scale) -> Scale {
        Scale {
            mantissa: scale.mantissa,
            decimals: scale.decimals,
        }
    }

    /// The same for a file.
    pub fn to_replay(self) -> proofbook_replay::Scale {
        proofbook_replay::Scale {
            mantissa: self.mantissa,
            decimals: self.decimals,
        }
    }

    /// The scale that a decimal above zero means, without trailing zeros.
    pub fn parse(text: &str) -> Result<Scale, DecimalError> {
        let Decimal {
            mut mantissa,
            mut decimals,
        } = parse(text)?;
        if mantissa <= 0 {
            return Err(DecimalError::Range);
        }
        while decimals > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            decimals -= 1;
        }
        while decimals < 0 {
            mantissa = mantissa.checked_mul(10).ok_or(DecimalError::Range)?;
            decimals += 1;
        }
        let decimals = u8::try_from(decimals).map_err(|_| DecimalError::Range)?;
        if decimals > DECIMALS_MAX {
            return Err(DecimalError::Range);
        }
        Ok(Scale {
            mantissa: u64::try_from(mantissa).map_err(|_| DecimalError::Range)?,
            decimals,
        })
    }

    /// The value of a unit of this times a unit of the other, `None` where that is no scale.
    pub fn product(self, other: Scale) -> Option<Scale> {
        let decimals = self.decimals + other.decimals;
        (decimals <= DECIMALS_MAX).then_some(Scale {
            mantissa: self.mantissa.checked_mul(other.mantissa)?,
            decimals,
        })
    }

    /// A unit of so many more decimals, `None` where that is no scale.
    pub fn finer(self, decimals: u8) -> Option<Scale> {
        let decimals = self.decimals.checked_add(decimals)?;
        (decimals <= DECIMALS_MAX).then_some(Scale { decimals, ..self })
    }

    /// As [`decimal`](Self::decimal), of any number of units; `None` where the decimal has no room in 128 bits.
    pub fn wide_decimal(self, units: i128) -> Option<String> {
        units.checked_mul(i128::from(self.mantissa))?;
        Some(self.decimal(units))
    }

    /// How many of these units the decimal is.
    pub fn units(self, text: &str) -> Result<i128, DecimalError> {
        let value = parse(text)?;
        if value.mantissa == 0 {
            return Ok(0);
        }
        // value / unit = (m · 10^d) / (u · 10^e), with the smaller power of ten taken out of both.
        let shift = i32::from(self.decimals) - value.decimals;
        let (dividend, divisor) = if shift >= 0 {
            let dividend = value.mantissa.checked_mul(power_of_ten(shift)?);
            (dividend, Some(i128::from(self.mantissa)))
        } else {
            // A power beyond 10^38 leaves a fraction of any number of 38 digits.
            let power = power_of_ten(-shift).map_err(|_| DecimalError::Fraction)?;
            (
                Some(value.mantissa),
                i128::from(self.mantissa).checked_mul(power),
            )
        };
        let dividend = dividend.ok_or(DecimalError::Range)?;
        let divisor = divisor.ok_or(DecimalError::Fraction)?;
        if dividend % divisor == 0 {
            Ok(dividend / divisor)
        } else {
            Err(DecimalError::Fraction)
        }
    }

    /// The decimal that so many units are, with as many decimals as the unit has.
    pub fn decimal(self, units: i128) -> String {
        let decimals = usize::from(self.decimals);
        // Units are below 2^64 and the mantissa is too, so the product fits 128 bits.
        let value = units.unsigned_abs() * u128::from(self.mantissa);
        let sign = if units < 0 { "-" } else { "" };
        if decimals == 0 {
            return format!("{sign}{value}");
        }
        let power = 10u128.pow(u32::from(self.decimals));
        format!("{sign}{}.{:0decimals$}", value / power, value % power)
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.decimal(1))
    }
}
