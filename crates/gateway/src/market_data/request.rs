//! What a MarketDataRequest asks for, or why it is refused with a MarketDataRequestReject.

use std::borrow::Cow;

use proofbook_exchange::{Exchange, MarketId};
use proofbook_fix::{tag, Group, ParsedMessage, Version};
use proofbook_session::BusinessReject;
use proofbook_types::Side;

use super::view::ALL_LEVELS;
use crate::request::{find_market, unexpected, unknown_symbol, unreadable};

/// The longest MDReqID.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// The most levels that a request may name; 0 stands for all of them.
const DEPTH_MAX: u64 = 1_000;

/// How a subscription is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// One snapshot.
    Once,
    /// A snapshot after each turn that changed something.
    Full,
    /// A snapshot, then what changes.
    Incremental,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) mode: Mode,
    pub(super) depth: usize,
    /// Bids and asks.
    pub(super) sides: [bool; 2],
    pub(super) trades: bool,
    /// Each once.
    pub(super) markets: Vec<MarketId>,
}

/// A request.
pub(super) enum Question {
    Subscribe(Wanted),
    Unsubscribe,
}

/// Why a request is refused.
#[derive(Clone, Debug)]
pub(super) struct Rejection {
    /// MDReqRejReason, where one fits.
    pub(super) reason: Option<u8>,
    pub(super) text: Cow<'static, str>,
}

impl Rejection {
    pub(super) fn new(reason: u8, text: impl Into<Cow<'static, str>>) -> Self {
        Rejection {
            reason: Some(reason),
            text: text.into(),
        }
    }
}

/// The request's id.
pub(super) fn id(message: &ParsedMessage<'_>) -> Result<Vec<u8>, BusinessReject> {
    let id = message.require(tag::MD_REQ_ID).map_err(unreadable)?;
    if id.value.len() > REQUEST_ID_BYTES_MAX {
        let expected = format!("at most {REQUEST_ID_BYTES_MAX} bytes");
        return Err(unexpected(id, &expected));
    }
    Ok(id.value.to_vec())
}

fn value<'m>(message: &ParsedMessage<'m>, tag: i32) -> Option<&'m [u8]> {
    message.get(tag).map(|field| field.value)
}

/// Reads a request whose id is known.
pub(super) fn read(
    message: &ParsedMessage<'_>,
    exchange: &Exchange,
) -> Result<Question, Rejection> {
    let request_type = value(message, tag::SUBSCRIPTION_REQUEST_TYPE);
    let update_type = value(message, tag::MD_UPDATE_TYPE);
    let mode = match (request_type, update_type) {
        (Some(b"0"), _) => Mode::Once,
        (Some(b"1"), Some(b"0")) => Mode::Full,
        (Some(b"1"), Some(b"1")) => Mode::Incremental,
        (Some(b"1"), _) => {
            let text = "tag 265: expected 0 (full refresh) or 1 (incremental)";
            return Err(Rejection::new(b'6', text));
        }
        (Some(b"2"), _) => return Ok(Question::Unsubscribe),
        _ => return Err(Rejection::new(b'4', "tag 263: expected 0, 1 or 2")),
    };
    check_form(message)?;
    let (sides, trades) = types(message)?;
    Ok(Question::Subscribe(Wanted {
        mode,
        depth: depth(message)?,
        sides,
        trades,
        markets: markets(message, exchange)?,
    }))
}

fn depth(message: &ParsedMessage<'_>) -> Result<usize, Rejection> {
    let depth = message.require(tag::MARKET_DEPTH);
    let depth = depth.and_then(|depth| depth.unsigned());
    match depth {
        Ok(0) => Ok(ALL_LEVELS),
        Ok(depth @ 1..=DEPTH_MAX) => Ok(depth as usize),
        _ => {
            let text = format!("tag 264: expected 0 (all levels) to {DEPTH_MAX}");
            Err(Rejection::new(b'5', text))
        }
    }
}

/// Ways of serving that are not offered.
fn check_form(message: &ParsedMessage<'_>) -> Result<(), Rejection> {
    if value(message, tag::AGGREGATED_BOOK) == Some(b"N") {
        let text = "tag 266: expected Y (the orders of a price together), received N";
        return Err(Rejection::new(b'7', text));
    }
    if value(message, tag::MD_IMPLICIT_DELETE) == Some(b"Y") {
        let text = "tag 547: expected N (levels beyond the depth are deleted), received Y";
        return Err(Rejection::new(b'C', text));
    }
    Ok(())
}

fn group(message: &ParsedMessage<'_>, count_tag: i32) -> Option<&'static Group> {
    let version = Version::from_begin_string(message.begin_string())?;
    let definition = version.dictionary().message(message.message_type())?;
    definition.body.group(count_tag)
}

/// The values of a tag in the entries of a group.
fn values<'m>(
    message: &ParsedMessage<'m>,
    count_tag: i32,
    tag: i32,
) -> impl Iterator<Item = &'m [u8]> {
    let group = group(message, count_tag).expect("every version has it");
    let entries = message.group(group).ok();
    let entries = entries.into_iter().flatten();
    entries.filter_map(move |entry| Some(entry.get(tag)?.value))
}

fn types(message: &ParsedMessage<'_>) -> Result<([bool; 2], bool), Rejection> {
    let (mut sides, mut trades) = ([false; 2], false);
    for value in values(message, tag::NO_MD_ENTRY_TYPES, tag::MD_ENTRY_TYPE) {
        match value {
            b"0" => sides[Side::Buy as usize] = true,
            b"1" => sides[Side::Sell as usize] = true,
            b"2" => trades = true,
            other => {
                let text = format!(
                    "tag 269: expected 0 (bid), 1 (offer) or 2 (trade), received \"{}\"",
                    other.escape_ascii()
                );
                return Err(Rejection::new(b'8', text));
            }
        }
    }
    if sides == [false; 2] && !trades {
        return Err(Rejection::new(b'8', "tag 267: expected entry types"));
    }
    Ok((sides, trades))
}

fn markets(message: &ParsedMessage<'_>, exchange: &Exchange) -> Result<Vec<MarketId>, Rejection> {
    let mut markets = Vec::new();
    for symbol in values(message, tag::NO_RELATED_SYM, tag::SYMBOL) {
        let Some((market, _)) = find_market(symbol, exchange) else {
            return Err(Rejection::new(b'0', unknown_symbol(symbol)));
        };
        if !markets.contains(&market) {
            markets.push(market);
        }
    }
    if markets.is_empty() {
        return Err(Rejection::new(b'0', "tag 146: expected symbols"));
    }
    Ok(markets)
}
