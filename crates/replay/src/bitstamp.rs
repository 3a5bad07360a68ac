//! The Bitstamp log: lines of "milliseconds event JSON" from the exchange's web feed of 2015.
//!
//! Events: `order_created`, `order_changed` (the amount left, after a trade), `order_deleted` (the amount left: 0 after
//! a full execution), `trade`, and `order_book` (the exchange's own best 20 levels of each side). Prices are in cents,
//! amounts in `10^-8` bitcoin; order type 0 buys, 1 sells. An aggressive order appears as created and changes with each
//! of its trades.

use serde::Deserialize;
use serde_json::value::RawValue;

use proofbook_types::Side;

use crate::decimal::{parse_decimal, parse_rounded};
use crate::error::{Place, ReplayError};
use crate::input::{Content, Lines};
use crate::record::{MarketEvent, PublishedBook, PublishedLevel, Record, RecordReader, Standing};

/// Digits after the point of a price.
pub const PRICE_DECIMALS: u8 = 2;
/// Digits after the point of an amount.
pub const QUANTITY_DECIMALS: u8 = 8;

#[derive(Deserialize)]
struct OrderLine<'a> {
    #[serde(borrow)]
    price: &'a RawValue,
    #[serde(borrow)]
    amount: &'a RawValue,
    id: u64,
    order_type: u8,
}

#[derive(Deserialize)]
struct TradeLine<'a> {
    #[serde(borrow)]
    price: &'a RawValue,
    #[serde(borrow)]
    amount: &'a RawValue,
}

#[derive(Deserialize)]
struct BookLine<'a> {
    #[serde(borrow)]
    bids: Vec<[&'a RawValue; 2]>,
    #[serde(borrow)]
    asks: Vec<[&'a RawValue; 2]>,
}

/// Reads the log.
pub struct Messages {
    lines: Lines<Content>,
}

impl Messages {
    /// The events of a log's content.
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
            Some(line) => record(line, number)
                .map(Some)
                .map_err(|what| ReplayError::malformed(Place::Line(number), what)),
        }
    }
}

/// Whether a line looks like one of the log.
pub fn is_event(line: &str) -> bool {
    let mut parts = line.splitn(3, ' ');
    let is_time = parts
        .next()
        .is_some_and(|time| !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit()));
    let is_event = parts
        .next()
        .is_some_and(|event| event.starts_with("order_") || event == "trade");
    is_time && is_event && parts.next().is_some_and(|json| json.starts_with('{'))
}

fn record(line: &str, number: u64) -> Result<Record, String> {
    let mut parts = line.splitn(3, ' ');
    let (Some(time), Some(name), Some(json)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(
            "expected \"milliseconds event JSON\", received fewer than three parts".to_string(),
        );
    };
    let time_ns = time
        .parse::<u64>()
        .ok()
        .and_then(|time_ms| time_ms.checked_mul(1_000_000))
        .ok_or_else(|| format!("time: expected milliseconds, received \"{time}\""))?;
    let (kind, standing, event) = match name {
        "order_created" | "order_changed" | "order_deleted" => order(name, json)?,
        "trade" => {
            let trade: TradeLine = from_json(json)?;
            let event = MarketEvent::Trade {
                price: parse_rounded(text(trade.price), PRICE_DECIMALS.into())?,
                quantity: positive(parse_rounded(text(trade.amount), QUANTITY_DECIMALS.into())?)?,
            };
            ("trade", None, event)
        }
        "order_book" => {
            let book: BookLine = from_json(json)?;
            let published = PublishedBook {
                bids: levels(&book.bids)?,
                asks: levels(&book.asks)?,
            };
            ("order_book", None, MarketEvent::Published(Box::new(published)))
        }
        other => {
            return Err(format!(
                "event: expected order_created, order_changed, order_deleted, trade or order_book, received \"{other}\""
            ))
        }
    };
    Ok(Record {
        number,
        time_ns,
        kind,
        instrument: 0,
        standing,
        event,
    })
}

fn order(name: &str, json: &str) -> Result<(&'static str, Option<Standing>, MarketEvent), String> {
    let line: OrderLine = from_json(json)?;
    let order_id = line.id;
    let side = match line.order_type {
        0 => Side::Buy,
        1 => Side::Sell,
        other => return Err(format!("order_type: expected 0 or 1, received {other}")),
    };
    let price = parse_decimal(text(line.price), PRICE_DECIMALS.into())?;
    let quantity = positive(parse_decimal(text(line.amount), QUANTITY_DECIMALS.into())?)?;
    let standing = Some(Standing { side, price });
    Ok(match name {
        "order_created" => (
            "order_created",
            standing,
            MarketEvent::Add {
                order_id,
                side,
                price,
                quantity,
            },
        ),
        "order_changed" => (
            "order_changed",
            standing,
            MarketEvent::Set {
                order_id,
                side,
                price,
                quantity,
            },
        ),
        _ => (
            "order_deleted",
            standing,
            MarketEvent::Delete {
                order_id,
                quantity: Some(quantity),
            },
        ),
    })
}

fn from_json<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| format!("JSON: {error}"))
}

/// A number's text, with or without quotes.
fn text(value: &RawValue) -> &str {
    value.get().trim_matches('"')
}

fn positive(value: i64) -> Result<u64, String> {
    u64::try_from(value).map_err(|_| format!("expected an amount of 0 or more, received {value}"))
}

fn levels(pairs: &[[&RawValue; 2]]) -> Result<Vec<PublishedLevel>, String> {
    pairs
        .iter()
        .map(|[price, amount]| {
            Ok(PublishedLevel {
                price: parse_decimal(text(price), PRICE_DECIMALS.into())?,
                quantity: positive(parse_decimal(text(amount), QUANTITY_DECIMALS.into())?)?,
            })
        })
        .collect()
}
