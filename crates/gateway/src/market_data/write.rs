//! The bodies of W, X and Y.
//!
//! A level is named by its symbol, type (269) and price (270), of which there is one; no id is needed, and W has none. So an update can be applied without a
//! place or an order of entries.

use proofbook_exchange::Instrument;
use proofbook_fix::{tag, Draft, Precision};
use proofbook_types::{Price, Side};

use super::request::Rejection;
use super::view::{Change, Shown, Touched, Update};
use super::watch::Print;
use crate::report::decimal_text;

/// The most levels of a side in a snapshot: with the longest numbers they fit a message.
pub(super) const SNAPSHOT_LEVELS_MAX: usize = 100;

/// The most entries of an update, as above.
pub(super) const UPDATE_ENTRIES_MAX: usize = 90;

/// An entry of an update.
#[derive(Clone, Copy)]
pub(super) enum Item<'i> {
    Trade(&'i Print),
    Level(Change),
}

/// What a snapshot has.
pub(super) struct Snapshot<'s> {
    pub(super) levels: &'s [(Touched, Shown)],
    /// The last trade, where trades are wanted and there was one.
    pub(super) last: Option<(Price, Option<&'s Print>)>,
}

fn entry_type(side: Side) -> u8 {
    match side {
        Side::Buy => b'0',
        Side::Sell => b'1',
    }
}

fn price(draft: &mut Draft<'_>, instrument: &Instrument, price: Price) {
    let decimals = u32::from(instrument.price_decimals);
    draft.decimal(tag::MD_ENTRY_PX, price.0, decimals);
}

/// A sum of lots may need all of 64 bits.
fn size(draft: &mut Draft<'_>, instrument: &Instrument, lots: u64) {
    let decimals = u32::from(instrument.quantity_decimals);
    if let Ok(lots) = i64::try_from(lots) {
        draft.decimal(tag::MD_ENTRY_SIZE, lots, decimals);
        return;
    }
    let text = decimal_text(lots, decimals);
    draft.text(tag::MD_ENTRY_SIZE, text.as_bytes());
}

fn level(draft: &mut Draft<'_>, instrument: &Instrument, shown: Shown) {
    size(draft, instrument, shown.quantity);
    draft.unsigned(tag::NUMBER_OF_ORDERS, u64::from(shown.orders));
}

fn time(draft: &mut Draft<'_>, time_ns: u64) {
    draft.date(tag::MD_ENTRY_DATE, time_ns);
    draft.time_of_day(tag::MD_ENTRY_TIME, time_ns, Precision::Milliseconds);
}

/// W.
pub(super) fn snapshot(
    draft: &mut Draft<'_>,
    request_id: &[u8],
    instrument: &Instrument,
    snapshot: &Snapshot<'_>,
) {
    draft.text(tag::MD_REQ_ID, request_id);
    draft.text(tag::SYMBOL, instrument.symbol.as_bytes());
    let count = snapshot.levels.len() + usize::from(snapshot.last.is_some());
    draft.unsigned(tag::NO_MD_ENTRIES, count as u64);
    for (at, shown) in snapshot.levels {
        draft.char(tag::MD_ENTRY_TYPE, entry_type(at.side));
        price(draft, instrument, at.price());
        level(draft, instrument, *shown);
    }
    if let Some((last, print)) = snapshot.last {
        draft.char(tag::MD_ENTRY_TYPE, b'2');
        price(draft, instrument, last);
        if let Some(print) = print {
            size(draft, instrument, print.quantity.0);
            time(draft, print.time_ns);
        }
    }
}

/// X.
pub(super) fn update(
    draft: &mut Draft<'_>,
    request_id: &[u8],
    instrument: &Instrument,
    items: &[Item<'_>],
) {
    draft.text(tag::MD_REQ_ID, request_id);
    draft.unsigned(tag::NO_MD_ENTRIES, items.len() as u64);
    for item in items {
        match item {
            Item::Trade(print) => trade(draft, instrument, print),
            Item::Level(change) => changed(draft, instrument, change),
        }
    }
}

fn trade(draft: &mut Draft<'_>, instrument: &Instrument, print: &Print) {
    draft.char(tag::MD_UPDATE_ACTION, b'0');
    draft.char(tag::MD_ENTRY_TYPE, b'2');
    let id = format!("{}-{}", print.entry, print.number);
    draft.text(tag::MD_ENTRY_ID, id.as_bytes());
    draft.text(tag::SYMBOL, instrument.symbol.as_bytes());
    price(draft, instrument, print.price);
    size(draft, instrument, print.quantity.0);
    time(draft, print.time_ns);
}

fn changed(draft: &mut Draft<'_>, instrument: &Instrument, change: &Change) {
    let (action, shown) = match change.update {
        Update::New(shown) => (b'0', Some(shown)),
        Update::Change(shown) => (b'1', Some(shown)),
        Update::Delete => (b'2', None),
    };
    draft.char(tag::MD_UPDATE_ACTION, action);
    draft.char(tag::MD_ENTRY_TYPE, entry_type(change.at.side));
    draft.text(tag::SYMBOL, instrument.symbol.as_bytes());
    price(draft, instrument, change.at.price());
    if let Some(shown) = shown {
        level(draft, instrument, shown);
    }
}

/// Y.
pub(super) fn reject(draft: &mut Draft<'_>, request_id: &[u8], rejection: &Rejection) {
    draft.text(tag::MD_REQ_ID, request_id);
    if let Some(reason) = rejection.reason {
        draft.char(tag::MD_REQ_REJ_REASON, reason);
    }
    draft.text(tag::TEXT, rejection.text.as_bytes());
}
