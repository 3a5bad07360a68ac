//! The encoding of an [`Entry`]: [`ENTRY_BYTES`] bytes, the same place for the same thing in every kind.
//!
//! Invariant: an entry has one encoding. What an entry does not use is zero; what decodes re-encodes to the same bytes.

mod decode;
mod encode;

use proofbook_types::{
    DecodeError, MarketConfig, SelfTradePrevention, TimeInForce, Timestamp, CONFIG_BYTES,
};

use crate::entry::{Action, Entry};
use crate::names::{ClientId, CLIENT_ID_BYTES};

/// Length of an encoded [`Entry`].
pub const ENTRY_BYTES: usize = 200;

const FLAG_POST_ONLY: u8 = 1;
const FLAG_DISPLAY: u8 = 1 << 1;
const FLAG_PRICE: u8 = 1 << 2;
const FLAG_QUANTITY: u8 = 1 << 3;
const FLAG_STOP_PRICE: u8 = 1 << 4;
const FLAG_AMOUNT: u8 = 1 << 5;
const FLAG_COUNT: u8 = 1 << 6;
const FLAG_COLLAR: u8 = 1 << 7;

const CONFIG_AT: usize = ENTRY_BYTES - CONFIG_BYTES;

/// The encoded layout: eight tag bytes, then numbers and texts, all little-endian.
#[derive(Default)]
struct Raw {
    action: u8,
    side: u8,
    kind: u8,
    time_in_force: u8,
    self_trade: u8,
    flags: u8,
    decimals: u8,
    other_decimals: u8,
    time: u64,
    account: u64,
    market: u32,
    asset: u32,
    maker: u16,
    taker: u16,
    count: u32,
    session: u64,
    order_id: u64,
    price: i64,
    stop_price: i64,
    quantity: u64,
    display: u64,
    expiry: u64,
    amount: u128,
    tail: Tail,
}

/// The last 88 bytes.
enum Tail {
    /// Two client ids and a collar.
    Names {
        client_id: ClientId,
        original_id: ClientId,
        collar: u64,
    },
    /// A market's terms.
    Config(MarketConfig),
}

impl Default for Tail {
    fn default() -> Self {
        Tail::Names {
            client_id: ClientId::NONE,
            original_id: ClientId::NONE,
            collar: 0,
        }
    }
}

/// Puts fields one after another.
struct Put<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Put<'_> {
    #[inline(always)]
    fn put<const N: usize>(&mut self, field: [u8; N]) {
        self.bytes[self.at..self.at + N].copy_from_slice(&field);
        self.at += N;
    }
}

/// Takes fields one after another.
struct Take<'a> {
    bytes: &'a [u8; ENTRY_BYTES],
    at: usize,
}

impl Take<'_> {
    #[inline(always)]
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut field = [0; N];
        field.copy_from_slice(&self.bytes[self.at..self.at + N]);
        self.at += N;
        field
    }
}

impl Raw {
    #[inline(always)]
    fn write(&self, bytes: &mut [u8]) {
        let mut put = Put { bytes, at: 0 };
        put.put([
            self.action,
            self.side,
            self.kind,
            self.time_in_force,
            self.self_trade,
            self.flags,
            self.decimals,
            self.other_decimals,
        ]);
        put.put(self.time.to_le_bytes());
        put.put(self.account.to_le_bytes());
        put.put(self.market.to_le_bytes());
        put.put(self.asset.to_le_bytes());
        put.put(self.maker.to_le_bytes());
        put.put(self.taker.to_le_bytes());
        put.put(self.count.to_le_bytes());
        put.put(self.session.to_le_bytes());
        put.put(self.order_id.to_le_bytes());
        put.put(self.price.to_le_bytes());
        put.put(self.stop_price.to_le_bytes());
        put.put(self.quantity.to_le_bytes());
        put.put(self.display.to_le_bytes());
        put.put(self.expiry.to_le_bytes());
        put.put(self.amount.to_le_bytes());
        match &self.tail {
            Tail::Names {
                client_id,
                original_id,
                collar,
            } => {
                put.put(*client_id.padded());
                put.put(*original_id.padded());
                put.put(collar.to_le_bytes());
            }
            Tail::Config(config) => put.put(config.encode()),
        }
    }

    fn read(bytes: &[u8; ENTRY_BYTES]) -> Result<Raw, DecodeError> {
        let mut take = Take { bytes, at: 0 };
        let [action, side, kind, time_in_force, self_trade, flags, decimals, other_decimals] =
            take.take();
        let raw = Raw {
            action,
            side,
            kind,
            time_in_force,
            self_trade,
            flags,
            decimals,
            other_decimals,
            time: u64::from_le_bytes(take.take()),
            account: u64::from_le_bytes(take.take()),
            market: u32::from_le_bytes(take.take()),
            asset: u32::from_le_bytes(take.take()),
            maker: u16::from_le_bytes(take.take()),
            taker: u16::from_le_bytes(take.take()),
            count: u32::from_le_bytes(take.take()),
            session: u64::from_le_bytes(take.take()),
            order_id: u64::from_le_bytes(take.take()),
            price: i64::from_le_bytes(take.take()),
            stop_price: i64::from_le_bytes(take.take()),
            quantity: u64::from_le_bytes(take.take()),
            display: u64::from_le_bytes(take.take()),
            expiry: u64::from_le_bytes(take.take()),
            amount: u128::from_le_bytes(take.take()),
            tail: Tail::default(),
        };
        let tail = if action == LIST_MARKET {
            debug_assert_eq!(take.at, CONFIG_AT);
            Tail::Config(MarketConfig::decode(&take.take())?)
        } else {
            Tail::Names {
                client_id: ClientId::from_padded(&take.take::<CLIENT_ID_BYTES>())?,
                original_id: ClientId::from_padded(&take.take::<CLIENT_ID_BYTES>())?,
                collar: u64::from_le_bytes(take.take()),
            }
        };
        Ok(Raw { tail, ..raw })
    }

    fn set<T>(&mut self, flag: u8, value: Option<T>) -> Option<T> {
        if value.is_some() {
            self.flags |= flag;
        }
        value
    }

    fn has<T>(&self, flag: u8, value: T) -> Option<T> {
        (self.flags & flag != 0).then_some(value)
    }
}

const NEW: u8 = 1;
const CANCEL: u8 = 2;
const REDUCE: u8 = 3;
const REPLACE: u8 = 4;
const MASS_CANCEL: u8 = 5;
const SWEEP: u8 = 6;
const OPEN_ACCOUNT: u8 = 7;
const DEPOSIT: u8 = 8;
const WITHDRAW: u8 = 9;
const SET_CREDIT: u8 = 10;
const SET_ACCOUNT_FEES: u8 = 11;
const SET_MARKET_FEES: u8 = 12;
const SET_LIMITS: u8 = 13;
const SET_SELF_TRADE: u8 = 14;
const KILL_ACCOUNT: u8 = 15;
const REVIVE_ACCOUNT: u8 = 16;
const KILL_ALL: u8 = 17;
const REVIVE_ALL: u8 = 18;
const ADD_ASSET: u8 = 19;
const LIST_MARKET: u8 = 20;
const OPEN: u8 = 21;
const OPEN_AUCTION: u8 = 22;
const UNCROSS: u8 = 23;
const HALT: u8 = 24;
const RESUME: u8 = 25;
const CLOSE: u8 = 26;

impl Entry {
    /// The entry's only encoding.
    pub fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        self.encode_into(&mut bytes);
        bytes
    }

    /// Writes the entry's only encoding over [`ENTRY_BYTES`] bytes.
    #[inline]
    pub(crate) fn encode_into(&self, bytes: &mut [u8]) {
        let mut raw = Raw {
            time: self.time.0,
            ..Raw::default()
        };
        match &self.action {
            Action::New(order) => raw.put_new(order),
            Action::Cancel { target } => raw.put_target(CANCEL, target),
            Action::Reduce { target, quantity } => {
                raw.put_target(REDUCE, target);
                raw.quantity = quantity.0;
            }
            Action::Replace {
                target,
                price,
                quantity,
                stop_price,
            } => {
                raw.put_target(REPLACE, target);
                raw.price = raw.set(FLAG_PRICE, *price).map_or(0, |price| price.0);
                raw.quantity = raw.set(FLAG_QUANTITY, *quantity).map_or(0, |value| value.0);
                raw.stop_price = raw
                    .set(FLAG_STOP_PRICE, *stop_price)
                    .map_or(0, |price| price.0);
            }
            other => raw.put_other(other),
        }
        raw.write(bytes);
    }

    /// The entry that encodes to exactly these bytes.
    ///
    /// # Errors
    /// An unknown tag, another length, or bytes that no entry encodes to.
    pub fn decode(bytes: &[u8]) -> Result<Entry, DecodeError> {
        let bytes: &[u8; ENTRY_BYTES] = bytes.try_into().map_err(|_| DecodeError::Length {
            what: "entry",
            expected: ENTRY_BYTES,
            received: bytes.len(),
        })?;
        let raw = Raw::read(bytes)?;
        let entry = Entry {
            time: Timestamp(raw.time),
            action: raw.action()?,
        };
        if entry.encode() == *bytes {
            Ok(entry)
        } else {
            Err(DecodeError::NotCanonical { what: "entry" })
        }
    }
}

/// The time in force with this tag.
pub(crate) fn time_in_force(tag: u8, expiry: u64) -> Result<TimeInForce, DecodeError> {
    Ok(match tag {
        0 => TimeInForce::GoodTillCancel,
        1 => TimeInForce::ImmediateOrCancel,
        2 => TimeInForce::FillOrKill,
        3 => TimeInForce::GoodTillDate {
            expiry: Timestamp(expiry),
        },
        found => {
            return Err(DecodeError::UnknownTag {
                what: "time in force",
                found,
            })
        }
    })
}

/// The self-trade prevention with this tag, which is one more than the market's; 0 for none.
pub(crate) fn self_trade(tag: u8) -> Result<Option<SelfTradePrevention>, DecodeError> {
    Ok(match tag {
        0 => None,
        1 => Some(SelfTradePrevention::Allow),
        2 => Some(SelfTradePrevention::CancelNewest),
        3 => Some(SelfTradePrevention::CancelOldest),
        4 => Some(SelfTradePrevention::CancelBoth),
        5 => Some(SelfTradePrevention::DecrementAndCancel),
        found => {
            return Err(DecodeError::UnknownTag {
                what: "self-trade prevention",
                found,
            })
        }
    })
}
