//! Databento DBN, schema MBO (market by order), through the `dbn` crate: versions 1 to 3 and the legacy DBZ wrapper.
//!
//! Actions: A add, C cancel (of the quantity it names), M modify, R clear, T trade (the aggressor's side; no effect), F
//! fill (a resting order traded; a C or M says what becomes of it), N none. Prices are `10^-9`.
// The legacy wrapper is deprecated in the library, but files of it exist.
#![allow(deprecated)]

use dbn::decode::{dbn as dbn_format, dbz, DbnMetadata, DecodeRecordRef};
use dbn::{MboMsg, Metadata, Schema, VersionUpgradePolicy};
use proofbook_types::Side;

use crate::error::{ErrorKind, Place, ReplayError};
use crate::input::Content;
use crate::record::{MarketEvent, Record, RecordReader, Standing};

/// Digits after the point of a price.
pub const PRICE_DECIMALS: u8 = 9;

/// The kind of an order in the exchange's own snapshot of its book.
pub const SNAPSHOT_KIND: &str = "A snapshot";

enum Decoder {
    Current(Box<dbn_format::Decoder<Content>>),
    Legacy(Box<dbz::Decoder<Content>>),
}

/// Reads MBO records.
pub struct Messages {
    decoder: Decoder,
    metadata: Metadata,
    number: u64,
}

/// Whether bytes begin as DBN.
pub fn is_dbn(head: &[u8]) -> bool {
    head.starts_with(b"DBN")
}

/// Whether bytes begin as legacy DBZ: a skippable zstd frame that holds the metadata.
pub fn is_dbz(head: &[u8]) -> bool {
    matches!(
        head,
        [
            0x50..=0x5F,
            0x2A,
            0x4D,
            0x18,
            _,
            _,
            _,
            _,
            b'D',
            b'B',
            b'Z',
            ..
        ]
    )
}

impl Messages {
    /// The records of DBN content.
    ///
    /// # Errors
    /// The metadata cannot be decoded, or the schema is another one.
    pub fn dbn(content: Content) -> Result<Self, ReplayError> {
        let decoder =
            dbn_format::Decoder::with_upgrade_policy(content, VersionUpgradePolicy::UpgradeToV3)
                .map_err(|error| metadata_error(&error))?;
        let metadata = decoder.metadata().clone();
        Messages::new(Decoder::Current(Box::new(decoder)), metadata)
    }

    /// The records of legacy DBZ content.
    ///
    /// # Errors
    /// As [`Messages::dbn`].
    pub fn dbz(content: Content) -> Result<Self, ReplayError> {
        let decoder = dbz::Decoder::with_upgrade_policy(content, VersionUpgradePolicy::UpgradeToV3)
            .map_err(|error| metadata_error(&error))?;
        let metadata = decoder.metadata().clone();
        Messages::new(Decoder::Legacy(Box::new(decoder)), metadata)
    }

    fn new(decoder: Decoder, metadata: Metadata) -> Result<Self, ReplayError> {
        match metadata.schema {
            Some(Schema::Mbo) | None => Ok(Messages {
                decoder,
                metadata,
                number: 0,
            }),
            Some(other) => Err(ReplayError::new(
                ErrorKind::Unsupported,
                format!("expected the schema mbo (market by order), received {other}"),
            )),
        }
    }
}

fn metadata_error(error: &dbn::Error) -> ReplayError {
    ReplayError::new(
        ErrorKind::Malformed,
        format!("expected DBN metadata, received something else: {error}"),
    )
}

impl RecordReader for Messages {
    fn next_record(&mut self) -> Result<Option<Record>, ReplayError> {
        self.number += 1;
        let number = self.number;
        let decoded = match &mut self.decoder {
            Decoder::Current(decoder) => decoder.decode_record_ref(),
            Decoder::Legacy(decoder) => decoder.decode_record_ref(),
        };
        let failed = |what: String| ReplayError::malformed(Place::Number(number), what);
        let record = match decoded {
            Ok(None) => return Ok(None),
            Ok(Some(record)) => record,
            Err(error) => return Err(failed(error.to_string())),
        };
        match record.get::<MboMsg>() {
            Some(message) => decode(message, number).map(Some).map_err(failed),
            None => Ok(Some(Record {
                number,
                time_ns: 0,
                kind: "other_schema",
                instrument: record.header().instrument_id,
                standing: None,
                event: MarketEvent::Nothing,
            })),
        }
    }

    fn symbol(&self, instrument: u32) -> Option<String> {
        let id = instrument.to_string();
        self.metadata
            .mappings
            .iter()
            .find(|mapping| {
                mapping
                    .intervals
                    .iter()
                    .any(|interval| interval.symbol == id)
            })
            .map(|mapping| mapping.raw_symbol.clone())
    }
}

fn decode(message: &MboMsg, number: u64) -> Result<Record, String> {
    let side = match message.side as u8 {
        b'B' => Some(Side::Buy),
        b'A' => Some(Side::Sell),
        b'N' => None,
        other => {
            return Err(format!(
                "side: expected B, A or N, received {:?}",
                char::from(other)
            ))
        }
    };
    let price = message.price;
    let (kind, event) = event(message, side)?;
    let has_price = price != dbn::UNDEF_PRICE;
    let standing = match event {
        MarketEvent::Reduce { .. } | MarketEvent::Fill { .. } if has_price => {
            side.map(|side| Standing { side, price })
        }
        _ => None,
    };
    if matches!(event, MarketEvent::Add { .. } | MarketEvent::Set { .. }) && !has_price {
        return Err("price: expected a price, received none".to_string());
    }
    Ok(Record {
        number,
        time_ns: message.hd.ts_event,
        kind,
        instrument: message.hd.instrument_id,
        standing,
        event,
    })
}

/// What a message does to the book.
fn event(message: &MboMsg, side: Option<Side>) -> Result<(&'static str, MarketEvent), String> {
    let letter = message.action as u8;
    let price = message.price;
    let quantity = u64::from(message.size);
    let order_id = message.order_id;
    let need_side = || {
        side.ok_or(format!(
            "action {}: expected side B or A, received N",
            char::from(letter)
        ))
    };
    Ok(match letter {
        b'A' => (
            if message.flags.is_snapshot() {
                SNAPSHOT_KIND
            } else {
                "A add"
            },
            MarketEvent::Add {
                order_id,
                side: need_side()?,
                price,
                quantity,
            },
        ),
        b'C' => ("C cancel", MarketEvent::Reduce { order_id, quantity }),
        b'M' => (
            "M modify",
            MarketEvent::Set {
                order_id,
                side: need_side()?,
                price,
                quantity,
            },
        ),
        b'F' => (
            "F fill",
            MarketEvent::Fill {
                order_id,
                quantity,
                price,
            },
        ),
        b'T' => ("T trade", MarketEvent::Trade { price, quantity }),
        b'R' => ("R clear", MarketEvent::Clear),
        b'N' => ("N none", MarketEvent::Nothing),
        other => {
            return Err(format!(
                "action: expected one of A C M R T F N, received {:?}",
                char::from(other)
            ))
        }
    })
}
