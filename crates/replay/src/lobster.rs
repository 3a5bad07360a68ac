//! LOBSTER: a message file and an order book file, both CSV without a header.
//!
//! Message: time in seconds after midnight, type, order id, size, price (`10^-4` dollars), direction of the resting
//! order (1 buy, -1 sell). Types: 1 new, 2 partial cancel, 3 delete, 4 visible execution, 5 hidden execution, 6 cross,
//! 7 halt. Order book row: ask price, ask size, bid price, bid size for each level, best first; an empty level has the
//! price 9999999999 or -9999999999.

use std::io::BufRead;

use proofbook_types::Side;

use crate::decimal::{parse_decimal, parse_rounded};
use crate::error::{Place, ReplayError};
use crate::input::{Content, Lines};
use crate::record::{MarketEvent, PublishedBook, PublishedLevel, Record, RecordReader, Standing};

/// Digits after the point of a price.
pub const PRICE_DECIMALS: u8 = 4;
/// The price that stands for "no level", with a sign.
const EMPTY_PRICE: i64 = 9_999_999_999;
/// The most levels that a row may have.
const LEVELS_MAX: usize = 10_000;

/// Reads a message file.
pub struct Messages {
    lines: Lines<Content>,
}

impl Messages {
    /// The messages of a file's content.
    pub fn new(content: Content) -> Self {
        Messages {
            lines: Lines::new(content),
        }
    }
}

impl RecordReader for Messages {
    fn next_record(&mut self) -> Result<Option<Record>, ReplayError> {
        let number = self.lines.number() + 1;
        match self.lines.next_line()? {
            None => Ok(None),
            Some(line) => message(line, number)
                .map(Some)
                .map_err(|what| ReplayError::malformed(Place::Line(number), what)),
        }
    }
}

/// The message on a line.
fn message(line: &str, number: u64) -> Result<Record, String> {
    let mut columns = [""; 6];
    let count = split(line, &mut columns);
    if count != columns.len() {
        return Err(format!(
            "expected 6 columns (time, type, order id, size, price, direction), received {count}"
        ));
    }
    let named = |name: &'static str| move |what: String| format!("{name}: {what}");
    // Some files print the time from binary floating point, with digits beyond the nanosecond.
    let time_ns = parse_rounded(columns[0], 9).map_err(named("time"))?;
    let time_ns = u64::try_from(time_ns)
        .map_err(|_| format!("time: expected 0 or more, received {}", columns[0]))?;
    let kind = parse_decimal(columns[1], 0).map_err(named("type"))?;
    let id = parse_decimal(columns[2], 0).map_err(named("order id"))?;
    let size = parse_decimal(columns[3], 0).map_err(named("size"))?;
    let price = parse_decimal(columns[4], 0).map_err(named("price"))?;
    let side = match columns[5] {
        "1" => Side::Buy,
        "-1" => Side::Sell,
        other => return Err(format!("direction: expected 1 or -1, received \"{other}\"")),
    };
    let (kind, event) = event(kind, id, size, price, side)?;
    Ok(Record {
        number,
        time_ns,
        kind,
        instrument: 0,
        standing: Some(Standing { side, price }),
        event,
    })
}

/// What a message does to the book.
fn event(
    kind: i64,
    id: i64,
    size: i64,
    price: i64,
    side: Side,
) -> Result<(&'static str, MarketEvent), String> {
    let unsigned = |name: &str, value: i64| {
        u64::try_from(value).map_err(|_| format!("{name}: expected 0 or more, received {value}"))
    };
    let quantity = || unsigned("size", size);
    let order_id = || unsigned("order id", id);
    Ok(match kind {
        1 => (
            "new",
            MarketEvent::Add {
                order_id: order_id()?,
                side,
                price,
                quantity: quantity()?,
            },
        ),
        2 => (
            "partial_cancel",
            MarketEvent::Reduce {
                order_id: order_id()?,
                quantity: quantity()?,
            },
        ),
        3 => (
            "delete",
            MarketEvent::Delete {
                order_id: order_id()?,
                quantity: Some(quantity()?),
            },
        ),
        4 => (
            "execution",
            MarketEvent::Execute {
                order_id: order_id()?,
                quantity: quantity()?,
                price: Some(price),
            },
        ),
        5 => (
            "hidden_execution",
            MarketEvent::Trade {
                price,
                quantity: quantity()?,
            },
        ),
        6 => (
            "cross",
            MarketEvent::Trade {
                price,
                quantity: quantity()?,
            },
        ),
        7 => ("halt", MarketEvent::Nothing),
        other => return Err(format!("type: expected 1 to 7, received {other}")),
    })
}

/// Splits a line at its commas; returns how many columns there are, which may be more than fit.
fn split<'a>(line: &'a str, columns: &mut [&'a str]) -> usize {
    let mut count = 0;
    for column in line.split(',') {
        if let Some(place) = columns.get_mut(count) {
            *place = column.trim();
        }
        count += 1;
    }
    count
}

/// Reads an order book file.
pub struct Rows<R = Content> {
    lines: Lines<R>,
    columns: Option<usize>,
}

impl<R: BufRead> Rows<R> {
    /// The rows of a file's content.
    pub fn new(content: R) -> Self {
        Rows {
            lines: Lines::new(content),
            columns: None,
        }
    }

    /// The number of the row read last, counted from 1.
    pub fn number(&self) -> u64 {
        self.lines.number()
    }

    /// The levels of each side that a row has; known after the first row.
    pub fn depth(&self) -> usize {
        self.columns.unwrap_or(0) / 4
    }

    /// The next row, `None` at the end.
    ///
    /// # Errors
    /// The row has another number of columns than the first, or something that is not a number.
    pub fn next_row(&mut self) -> Result<Option<PublishedBook>, ReplayError> {
        let number = self.lines.number() + 1;
        let expected = self.columns;
        let Some(line) = self.lines.next_line()? else {
            return Ok(None);
        };
        let (book, columns) = row(line, expected)
            .map_err(|what| ReplayError::malformed(Place::Line(number), what))?;
        self.columns = Some(columns);
        Ok(Some(book))
    }
}

fn row(line: &str, expected: Option<usize>) -> Result<(PublishedBook, usize), String> {
    let mut book = PublishedBook::default();
    let mut pair = [0i64; 2];
    let mut columns = 0;
    for column in line.split(',') {
        let value = parse_decimal(column.trim(), 0)
            .map_err(|what| format!("column {}: {what}", columns + 1))?;
        pair[columns % 2] = value;
        columns += 1;
        if columns > LEVELS_MAX * 4 {
            return Err(format!(
                "expected at most {LEVELS_MAX} levels, received more"
            ));
        }
        if columns % 2 != 0 || pair[0].abs() == EMPTY_PRICE {
            continue;
        }
        let level = PublishedLevel {
            price: pair[0],
            quantity: u64::try_from(value).map_err(|_| {
                format!("column {columns}: expected a size of 0 or more, received {value}")
            })?,
        };
        if columns % 4 == 2 {
            book.asks.push(level);
        } else {
            book.bids.push(level);
        }
    }
    let is_expected = expected.is_none_or(|expected| expected == columns);
    if columns % 4 != 0 || !is_expected {
        let wanted = expected.map_or("a multiple of 4".to_string(), |count| count.to_string());
        return Err(format!("expected {wanted} columns, received {columns}"));
    }
    Ok((book, columns))
}

/// Whether a line looks like a message.
pub fn is_message(line: &str) -> bool {
    let mut columns = [""; 6];
    split(line, &mut columns) == 6
        && parse_rounded(columns[0], 9).is_ok()
        && columns[1..]
            .iter()
            .all(|column| parse_decimal(column, 0).is_ok())
}

/// Whether a line looks like an order book row.
pub fn is_row(line: &str) -> bool {
    row(line, None).is_ok()
}
