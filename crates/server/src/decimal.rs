//! Decimal texts and whole units, exactly: nothing is ever rounded.

/// How many units of 10^-decimals a text is: digits, with a point between two of them at most. Decimals beyond those of a unit must be zeros. `None` where it is no
/// such number or has no room in 128 bits.
pub(crate) fn units(text: &str, decimals: u8) -> Option<u128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let kept = fraction.len().min(usize::from(decimals));
    let (fraction, rest) = fraction.split_at(kept);
    if rest.bytes().any(|byte| byte != b'0') {
        return None;
    }
    let mut digits = whole.bytes().chain(fraction.bytes());
    let value = digits.try_fold(0u128, |value, digit| {
        value.checked_mul(10)?.checked_add(u128::from(digit - b'0'))
    })?;
    let missing = u32::from(decimals) - u32::try_from(kept).ok()?;
    value.checked_mul(10u128.checked_pow(missing)?)
}

/// So many units of 10^-decimals, with all decimals.
pub(crate) fn text(units: i128, decimals: u8) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let magnitude = units.unsigned_abs();
    if decimals == 0 {
        return format!("{sign}{magnitude}");
    }
    let power = 10u128.pow(u32::from(decimals));
    let width = usize::from(decimals);
    let (whole, fraction) = (magnitude / power, magnitude % power);
    format!("{sign}{whole}.{fraction:0width$}")
}

/// As [`text`], of an amount that is not below zero.
pub(crate) fn amount(units: u128, decimals: u8) -> String {
    text(
        i128::try_from(units).expect("amounts are below 2^120"),
        decimals,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_or_none() {
        for (read, decimals, expected) in [
            ("1", 2, Some(100)),
            ("1.5", 2, Some(150)),
            ("001.50", 2, Some(150)),
            ("1.500", 2, Some(150)),
            ("1.501", 2, None),
            ("0.01", 2, Some(1)),
            ("0", 0, Some(0)),
            ("7.0", 0, Some(7)),
            ("", 2, None),
            (".5", 2, None),
            ("5.", 2, None),
            ("-1", 2, None),
            ("+1", 2, None),
            ("1e3", 2, None),
            (" 1", 2, None),
            ("1.2.3", 2, None),
            ("99999999999999999999999999999999999999", 2, None),
        ] {
            assert_eq!(units(read, decimals), expected, "{read:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for decimals in [0, 1, 8, 18] {
            for value in [0, 1, 9, 10, 123_456_789, u128::from(u64::MAX)] {
                let written = amount(value, decimals);
                assert_eq!(units(&written, decimals), Some(value), "{written}");
            }
        }
        assert_eq!(text(-5, 2), "-0.05");
        assert_eq!(text(-12345, 3), "-12.345");
    }
}
