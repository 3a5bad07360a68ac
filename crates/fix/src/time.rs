//! Times as FIX writes them, and nanoseconds since 1970 began, both ways.
//!
//! Days and dates: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", for years from 1970. A leap second (`:60`), which FIX allows, is the
//! first of the next minute. [`ClockText`] keeps the text of the last second, so that most times cost only their decimals.

use crate::value::Expected;

const SECOND_NS: u64 = 1_000_000_000;
const DAY_SECONDS: u64 = 86_400;

/// `YYYYMMDD-HH:MM:SS`.
const SECOND_TEXT_BYTES: usize = 17;
pub(crate) const DATE_BYTES: usize = 8;

/// How finely a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// No decimals.
    Seconds,
    /// Three.
    Milliseconds,
    /// Six.
    Microseconds,
    /// Nine.
    Nanoseconds,
}

impl Precision {
    const fn decimals(self) -> usize {
        match self {
            Precision::Seconds => 0,
            Precision::Milliseconds => 3,
            Precision::Microseconds => 6,
            Precision::Nanoseconds => 9,
        }
    }
}

/// Some digits as a number.
#[inline]
fn digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |number, &byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then_some(number * 10 + u64::from(digit))
    })
}

fn is_leap_year(year: u64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap_year(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

struct Date {
    year: u64,
    month: u64,
    day: u64,
}

/// `YYYYMMDD`, a day that there is.
fn date(text: &[u8]) -> Option<Date> {
    if text.len() != DATE_BYTES {
        return None;
    }
    let (year, month, day) = (
        digits(&text[..4])?,
        digits(&text[4..6])?,
        digits(&text[6..])?,
    );
    let is_day = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    is_day.then_some(Date { year, month, day })
}

pub(crate) fn is_date(text: &[u8]) -> bool {
    date(text).is_some()
}

/// `YYYYMM`, `YYYYMMDD` or `YYYYMMwN`.
pub(crate) fn is_month(text: &[u8]) -> bool {
    match text {
        [_, _, _, _, _, _] => {
            digits(text).is_some() && digits(&text[4..]).is_some_and(|m| (1..=12).contains(&m))
        }
        [month @ .., b'w', b'1'..=b'5'] if month.len() == 6 => is_month(month),
        _ => is_date(text),
    }
}

/// Days since 1970 began, which the date is not before.
fn days(date: &Date) -> Option<u64> {
    if date.year < 1970 {
        return None;
    }
    // The year starts in March, so that the leap day is its last.
    let year = date.year - u64::from(date.month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let month = (date.month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + date.day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn date_of(days: u64) -> Date {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = (shifted + 2) % 12 + 1;
    Date {
        year: year_of_era + era * 400 + u64::from(month <= 2),
        month,
        day: day_of_year - (153 * shifted + 2) / 5 + 1,
    }
}

/// `HH:MM:SS` with decimals, as nanoseconds.
#[inline]
fn time_of_day(text: &[u8]) -> Option<u64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = text else {
        return None;
    };
    let (hour, minute, second) = (
        digits(&[*h1, *h2])?,
        digits(&[*m1, *m2])?,
        digits(&[*s1, *s2])?,
    );
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let decimals_ns = match rest {
        [] => 0,
        [b'.', decimals @ ..] => match decimals.len() {
            3 => digits(decimals)? * 1_000_000,
            6 => digits(decimals)? * 1_000,
            9 => digits(decimals)?,
            _ => return None,
        },
        _ => return None,
    };
    Some((hour * 3_600 + minute * 60 + second) * SECOND_NS + decimals_ns)
}

pub(crate) fn is_time_of_day(text: &[u8]) -> bool {
    time_of_day(text).is_some()
}

/// Reads `YYYYMMDD-HH:MM:SS` with decimals.
#[inline]
pub(crate) fn timestamp_ns(text: &[u8]) -> Result<u64, Expected> {
    let [date_text @ .., b'-'] = text.get(..=DATE_BYTES).unwrap_or(&[]) else {
        return Err(Expected::Timestamp);
    };
    date(date_text)
        .and_then(|date| days(&date))
        .and_then(|days| days.checked_mul(DAY_SECONDS * SECOND_NS))
        .and_then(|days_ns| days_ns.checked_add(time_of_day(&text[DATE_BYTES + 1..])?))
        .ok_or(Expected::Timestamp)
}

/// Whether it is a time at all, of any year.
pub(crate) fn is_timestamp(text: &[u8]) -> bool {
    match text.get(..=DATE_BYTES) {
        Some([date_text @ .., b'-']) => {
            is_date(date_text) && is_time_of_day(&text[DATE_BYTES + 1..])
        }
        _ => false,
    }
}

fn put_digits(text: &mut [u8], mut number: u64) {
    for byte in text.iter_mut().rev() {
        *byte = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// The text of times, of which the last second's is kept.
#[derive(Clone, Debug)]
pub(crate) struct ClockText {
    second: u64,
    text: [u8; ClockText::BYTES_MAX],
}

impl ClockText {
    pub(crate) const BYTES_MAX: usize = SECOND_TEXT_BYTES + 10;

    pub(crate) fn new() -> Self {
        let mut clock = ClockText {
            second: 0,
            text: *b"19700101-00:00:00.000000000",
        };
        clock.write_second();
        clock
    }

    /// The time's text; what is finer than the precision is cut off.
    #[inline]
    pub(crate) fn text(&mut self, time_ns: u64, precision: Precision) -> &[u8] {
        let (second, mut decimals_ns) = (time_ns / SECOND_NS, time_ns % SECOND_NS);
        if second != self.second {
            self.second = second;
            self.write_second();
        }
        let decimals = precision.decimals();
        if decimals == 0 {
            return &self.text[..SECOND_TEXT_BYTES];
        }
        decimals_ns /= match precision {
            Precision::Milliseconds => 1_000_000,
            Precision::Microseconds => 1_000,
            _ => 1,
        };
        let end = SECOND_TEXT_BYTES + 1 + decimals;
        put_digits(&mut self.text[SECOND_TEXT_BYTES + 1..end], decimals_ns);
        &self.text[..end]
    }

    #[cold]
    fn write_second(&mut self) {
        let date = date_of(self.second / DAY_SECONDS);
        let second = self.second % DAY_SECONDS;
        let text = &mut self.text;
        put_digits(&mut text[..4], date.year);
        put_digits(&mut text[4..6], date.month);
        put_digits(&mut text[6..8], date.day);
        put_digits(&mut text[9..11], second / 3_600);
        put_digits(&mut text[12..14], second / 60 % 60);
        put_digits(&mut text[15..17], second % 60);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every day that 64 bits of nanoseconds reach, counted by hand from the first.
    #[test]
    fn every_day_has_its_date_and_back() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..=u64::MAX / SECOND_NS / DAY_SECONDS {
            let date = date_of(days);
            assert_eq!(
                (date.year, date.month, date.day),
                (year, month, day),
                "day {days}"
            );
            assert_eq!(super::days(&date), Some(days));
            day += 1;
            if day > days_in_month(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!(year, 2554);
    }
}
