//! The fixed terms of one market.

use core::fmt;

use crate::codec::{bytes_of, words_of, DecodeError, Reader, Writer};
use crate::event::Phase;
use crate::units::{Price, Quantity};

/// Words of an encoded [`MarketConfig`].
pub const CONFIG_WORDS: usize = 11;

/// Length of an encoded [`MarketConfig`].
pub const CONFIG_BYTES: usize = 8 * CONFIG_WORDS;

/// No market may hold more live orders: books keep 32-bit indices with bits to spare.
pub const ORDERS_MAX: u32 = 1 << 24;

/// The fixed terms of one market. `None` switches a limit off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketConfig {
    /// Which market this is.
    pub market: u64,
    /// Every price is a multiple of this many ticks; at least 1.
    pub tick_size: u64,
    /// Every quantity is a multiple of this many lots; at least 1.
    pub lot_size: u64,
    /// The most that one order may ask for.
    pub max_quantity: Option<Quantity>,
    /// The most that |price| times quantity of one order may be.
    pub max_notional: Option<u128>,
    /// How many ticks beyond the reference price (the last trade's price, before it [`reference_price`]) an order may
    /// trade.
    ///
    /// [`reference_price`]: MarketConfig::reference_price
    pub collar: Option<u64>,
    /// The reference price before the first trade.
    pub reference_price: Option<Price>,
    /// The most orders that may be live at a time; at least 1.
    pub max_orders: u32,
    /// The phase in which the market starts.
    pub initial_phase: Phase,
}

impl Default for MarketConfig {
    fn default() -> Self {
        MarketConfig {
            market: 0,
            tick_size: 1,
            lot_size: 1,
            max_quantity: None,
            max_notional: None,
            collar: None,
            reference_price: None,
            max_orders: ORDERS_MAX,
            initial_phase: Phase::Continuous,
        }
    }
}

/// A market that cannot exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The term at fault.
    pub term: &'static str,
    /// What it must be.
    pub expected: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}", self.term, self.expected)
    }
}

impl core::error::Error for ConfigError {}

impl MarketConfig {
    /// Checks that the terms make a market.
    ///
    /// # Errors
    /// The first term that does not.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let positive = |is_met: bool, term| {
            if is_met {
                Ok(())
            } else {
                Err(ConfigError {
                    term,
                    expected: "at least 1 and at most 2^63 - 1",
                })
            }
        };
        let range = 1..=i64::MAX.unsigned_abs();
        positive(range.contains(&self.tick_size), "tick_size")?;
        positive(range.contains(&self.lot_size), "lot_size")?;
        if self.max_orders == 0 || self.max_orders > ORDERS_MAX {
            return Err(ConfigError {
                term: "max_orders",
                expected: "at least 1 and at most 2^24",
            });
        }
        Ok(())
    }

    /// The configuration's only encoding.
    pub fn encode(&self) -> [u8; CONFIG_BYTES] {
        let mut bytes = [0; CONFIG_BYTES];
        let mut writer = Writer::new(&mut bytes);
        let flags = u8::from(self.max_quantity.is_some())
            | u8::from(self.max_notional.is_some()) << 1
            | u8::from(self.collar.is_some()) << 2
            | u8::from(self.reference_price.is_some()) << 3;
        writer.u8(1);
        writer.u8(self.initial_phase as u8);
        writer.u8(flags);
        writer.u8(0);
        writer.u32(self.max_orders);
        writer.u64(self.market);
        writer.u64(self.tick_size);
        writer.u64(self.lot_size);
        writer.u64(self.max_quantity.map_or(0, |quantity| quantity.0));
        writer.u128(self.max_notional.unwrap_or(0));
        writer.u64(self.collar.unwrap_or(0));
        writer.i64(self.reference_price.map_or(0, |price| price.0));
        writer.u64(0);
        writer.u64(0);
        bytes
    }

    /// The configuration's only encoding, as words: its bytes, little-endian.
    pub fn words(&self) -> [u64; CONFIG_WORDS] {
        words_of(&self.encode())
    }

    /// The configuration that encodes to exactly these words.
    ///
    /// # Errors
    /// As [`MarketConfig::decode`].
    pub fn from_words(words: &[u64; CONFIG_WORDS]) -> Result<MarketConfig, DecodeError> {
        MarketConfig::decode(&bytes_of(*words))
    }

    /// The configuration that encodes to exactly these bytes.
    ///
    /// # Errors
    /// An unknown tag, terms that make no market, or bytes that no configuration encodes to.
    pub fn decode(bytes: &[u8; CONFIG_BYTES]) -> Result<MarketConfig, DecodeError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8();
        if version != 1 {
            return Err(DecodeError::tag("configuration version", version));
        }
        let phase = reader.u8();
        let initial_phase = *Phase::ALL
            .get(usize::from(phase))
            .ok_or(DecodeError::tag("phase", phase))?;
        let flags = reader.u8();
        let _reserved = reader.u8();
        let max_orders = reader.u32();
        let market = reader.u64();
        let tick_size = reader.u64();
        let lot_size = reader.u64();
        let max_quantity = reader.u64();
        let max_notional = reader.u128();
        let collar = reader.u64();
        let reference_price = reader.i64();
        let config = MarketConfig {
            market,
            tick_size,
            lot_size,
            max_quantity: (flags & 1 != 0).then_some(Quantity(max_quantity)),
            max_notional: (flags & 2 != 0).then_some(max_notional),
            collar: (flags & 4 != 0).then_some(collar),
            reference_price: (flags & 8 != 0).then_some(Price(reference_price)),
            max_orders,
            initial_phase,
        };
        if config.validate().is_err() {
            return Err(DecodeError::Inconsistent {
                what: "the configuration's terms make no market",
            });
        }
        if config.encode() == *bytes {
            Ok(config)
        } else {
            Err(DecodeError::NotCanonical {
                what: "market configuration",
            })
        }
    }
}
