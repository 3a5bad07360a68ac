//! Decimal text to integers, exactly. No floating point: a price is an integer number of its format's units.

use std::fmt;

/// A positive decimal number, `mantissa / 10^decimals`: what one tick or one lot is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// The digits.
    pub mantissa: u64,
    /// How many of them stand after the point.
    pub decimals: u8,
}

impl Scale {
    /// One.
    pub const ONE: Scale = Scale {
        mantissa: 1,
        decimals: 0,
    };

    /// `count` times this, as decimal text.
    pub fn times(self, count: i128) -> String {
        let value = count * i128::from(self.mantissa);
        let sign = if value < 0 { "-" } else { "" };
        let digits = value.unsigned_abs().to_string();
        let decimals = usize::from(self.decimals);
        if decimals == 0 {
            return format!("{sign}{digits}");
        }
        let padded = format!("{digits:0>width$}", width = decimals + 1);
        let (whole, fraction) = padded.split_at(padded.len() - decimals);
        // A trailing zero says nothing, except that prices are read more easily with two digits.
        let shown = fraction.trim_end_matches('0').len().max(decimals.min(2));
        format!("{sign}{whole}.{}", &fraction[..shown])
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.times(1))
    }
}

/// Decimal text as an integer number of `10^-decimals`.
///
/// # Errors
/// What is wrong with the text: not a number, more digits after the point than `decimals`, or beyond 64 bits.
pub fn parse_decimal(text: &str, decimals: u32) -> Result<i64, String> {
    let failed = || {
        format!(
            "expected a number with at most {decimals} digits after the point, received \"{text}\""
        )
    };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || !all_digits(whole)
        || !all_digits(fraction)
        || fraction.len() > decimals as usize
    {
        return Err(failed());
    }
    let mut value: i64 = 0;
    let padding = decimals as usize - fraction.len();
    let zeros = std::iter::repeat_n(b'0', padding);
    for digit in whole.bytes().chain(fraction.bytes()).chain(zeros) {
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(i64::from(digit - b'0')))
            .ok_or_else(failed)?;
    }
    Ok(if negative { -value } else { value })
}

/// Beyond this an exponent makes no price, amount or time.
const EXPONENT_MAX: i32 = 30;

/// As [`parse_decimal`], but text with more digits is rounded to the nearest, and an exponent is taken: for fields that
/// a sender printed from binary floating point, such as `0.042786190000000002` or `9.9999999999999995e-07`.
///
/// # Errors
/// As [`parse_decimal`], except for the number of digits.
pub fn parse_rounded(text: &str, decimals: u32) -> Result<i64, String> {
    let failed = || format!("expected a number, received \"{text}\"");
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => {
            let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
            (digits, exponent.parse::<i32>().map_err(|_| failed())?)
        }
        None => (text, 0),
    };
    if exponent.abs() > EXPONENT_MAX {
        return Err(failed());
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(failed());
    }
    let Ok(keep) = u32::try_from(decimals as i32 + exponent) else {
        // Smaller than any unit: 10^-9 of one with eight decimals, and less.
        return parse_decimal(whole, 0).map(|_| 0);
    };
    if fraction.len() <= keep as usize {
        return parse_decimal(digits, keep).map_err(|_| failed());
    }
    let (kept, cut) = fraction.split_at(keep as usize);
    let value = parse_decimal(&format!("{whole}.{kept}"), keep).map_err(|_| failed())?;
    let is_up = cut.as_bytes()[0] >= b'5';
    let away = if text.starts_with('-') { -1 } else { 1 };
    value
        .checked_add(if is_up { away } else { 0 })
        .ok_or_else(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        assert_eq!(parse_decimal("34200.004241176", 9), Ok(34_200_004_241_176));
        assert_eq!(parse_decimal("-1", 0), Ok(-1));
        assert_eq!(parse_decimal("236.4700", 2), Ok(23_647));
        assert!(parse_decimal("236.475", 2).is_err());
        for text in [
            "",
            "-",
            ".5",
            "1e5",
            "1.2.3",
            "9223372036854775808",
            "+1",
            " 1",
        ] {
            assert!(parse_decimal(text, 0).is_err(), "{text}");
        }
    }

    #[test]
    fn floating_text_is_rounded() {
        assert_eq!(parse_rounded("0.042786190000000002", 8), Ok(4_278_619));
        assert_eq!(parse_rounded("236.97999999999999", 2), Ok(23_698));
        assert_eq!(parse_rounded("-0.999", 2), Ok(-100));
        assert_eq!(parse_rounded("3", 8), Ok(300_000_000));
        assert_eq!(parse_rounded("9.9999999999999995e-07", 8), Ok(100));
        assert_eq!(parse_rounded("1.5e+2", 2), Ok(15_000));
        assert_eq!(parse_rounded("1e-20", 8), Ok(0));
        for text in ["1e", "1e999999999999", "e5", "1.é5", "-", "1.2e-7x"] {
            assert!(parse_rounded(text, 8).is_err(), "{text}");
        }
        assert!(parse_rounded("1.0000000000x", 2).is_err());
    }

    #[test]
    fn scales_print_as_decimals() {
        let cent = Scale {
            mantissa: 100,
            decimals: 4,
        };
        assert_eq!(cent.to_string(), "0.01");
        assert_eq!(cent.times(58_533), "585.33");
        assert_eq!(cent.times(-5), "-0.05");
        assert_eq!(
            Scale {
                mantissa: 250_000_000,
                decimals: 9
            }
            .times(20_856),
            "5214.00"
        );
        assert_eq!(
            Scale {
                mantissa: 1,
                decimals: 8
            }
            .times(178_855_669),
            "1.78855669"
        );
        assert_eq!(Scale::ONE.times(7), "7");
    }
}
