//! What the text of a field says: numbers, flags, times. Each reader takes exactly what the specification's type allows, and says what it
//! expected.

use core::fmt;

/// What a value should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Digits, maybe after a minus sign, within 64 bits.
    Integer,
    /// Digits, within 64 bits.
    Unsigned,
    /// Digits with at most one point, maybe after a minus sign; no more decimals than these other than zeros; within 64 bits with them.
    Decimal {
        /// Decimals.
        decimals: u32,
    },
    /// One byte.
    Char,
    /// `Y` or `N`.
    Flag,
    /// `YYYYMMDD-HH:MM:SS` with 0, 3, 6 or 9 decimals, from 1970 to 2554.
    Timestamp,
    /// UTF-8.
    Text,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Expected::Integer => "an integer of 64 bits",
            Expected::Unsigned => "an integer of 64 bits that is not negative",
            Expected::Decimal { decimals } => {
                return write!(
                    f,
                    "a number with at most {decimals} decimals, within 64 bits"
                );
            }
            Expected::Char => "one character",
            Expected::Flag => "Y or N",
            Expected::Timestamp => {
                "YYYYMMDD-HH:MM:SS with 0, 3, 6 or 9 decimals, from 1970 to 2554"
            }
            Expected::Text => "UTF-8",
        })
    }
}

#[inline]
fn digit(byte: u8) -> Option<u64> {
    let digit = byte.wrapping_sub(b'0');
    (digit < 10).then_some(u64::from(digit))
}

/// Digits that cannot overflow 64 bits.
const SAFE_DIGITS: usize = 19;

/// Reads a number without a sign.
#[inline]
pub(crate) fn unsigned(text: &[u8]) -> Result<u64, Expected> {
    let number = match text {
        [] => None,
        text if text.len() <= SAFE_DIGITS => text
            .iter()
            .try_fold(0, |number, &byte| Some(number * 10 + digit(byte)?)),
        text => text.iter().try_fold(0u64, |number, &byte| {
            number.checked_mul(10)?.checked_add(digit(byte)?)
        }),
    };
    number.ok_or(Expected::Unsigned)
}

fn signed(is_negative: bool, magnitude: u64) -> Option<i64> {
    if is_negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', text @ ..] => (true, text),
        text => (false, text),
    }
}

/// Reads a number that may have a minus sign.
#[inline]
pub(crate) fn integer(text: &[u8]) -> Result<i64, Expected> {
    let (is_negative, digits) = sign(text);
    let magnitude = unsigned(digits).map_err(|_| Expected::Integer)?;
    signed(is_negative, magnitude).ok_or(Expected::Integer)
}

/// Reads a decimal number as a number of units of 10^-`decimals`.
#[inline]
pub(crate) fn decimal(text: &[u8], decimals: u32) -> Result<i64, Expected> {
    let (is_negative, digits) = sign(text);
    scaled(digits, decimals)
        .and_then(|magnitude| signed(is_negative, magnitude))
        .ok_or(Expected::Decimal { decimals })
}

#[inline]
fn scaled(text: &[u8], decimals: u32) -> Option<u64> {
    let (mut number, mut left, mut has_digit, mut has_point) = (0u64, decimals, false, false);
    for &byte in text {
        if byte == b'.' {
            if has_point {
                return None;
            }
            has_point = true;
            continue;
        }
        let digit = digit(byte)?;
        has_digit = true;
        if has_point {
            match left.checked_sub(1) {
                Some(rest) => left = rest,
                None if digit == 0 => continue,
                None => return None,
            }
        }
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    if !has_digit {
        return None;
    }
    if number == 0 {
        return Some(0);
    }
    number.checked_mul(10u64.checked_pow(left)?)
}

/// Whether it is a decimal number at all, of any size.
pub(crate) fn is_decimal(text: &[u8]) -> bool {
    let (_, digits) = sign(text);
    let points = digits.iter().filter(|&&byte| byte == b'.').count();
    let others_are_digits = digits
        .iter()
        .all(|&byte| byte == b'.' || byte.is_ascii_digit());
    points <= 1 && others_are_digits && digits.len() > points
}

pub(crate) fn flag(text: &[u8]) -> Result<bool, Expected> {
    match text {
        b"Y" => Ok(true),
        b"N" => Ok(false),
        _ => Err(Expected::Flag),
    }
}

pub(crate) fn char(text: &[u8]) -> Result<u8, Expected> {
    match text {
        [byte] => Ok(*byte),
        _ => Err(Expected::Char),
    }
}
