//! The terms of an exchange: its name and its bounds. They stand in its log's header.

use proofbook_journal::Terms;
use proofbook_types::{ConfigError, DecodeError};

use crate::bytes::{Input, Output};
use crate::{Entry, Symbol, ENTRY_BYTES};

/// Length of encoded [`ExchangeTerms`].
pub const EXCHANGE_TERMS_BYTES: usize = 32;

/// No exchange has more live orders.
pub const ORDERS_MAX: u32 = 1 << 22;

/// No exchange remembers more client ids that are no longer in use.
pub const RETIRED_MAX: u32 = 1 << 22;

/// No exchange has more accounts.
pub const ACCOUNTS_MAX: u32 = 1 << 20;

/// What an exchange is, once and for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeTerms {
    /// Its name.
    pub name: Symbol,
    /// The most orders that may be live at a time, over all markets; 1 to [`ORDERS_MAX`].
    pub orders_max: u32,
    /// So many client ids that are no longer in use are remembered, with their orders; 1 to [`RETIRED_MAX`].
    pub retired_max: u32,
    /// The most accounts, the exchange's own not counted; 1 to [`ACCOUNTS_MAX`].
    pub accounts_max: u32,
}

impl Default for ExchangeTerms {
    fn default() -> Self {
        ExchangeTerms {
            name: Symbol::new(b"proofbook").expect("it is a short text"),
            orders_max: 1 << 18,
            retired_max: 1 << 14,
            accounts_max: 1 << 16,
        }
    }
}

impl ExchangeTerms {
    /// Checks that the terms make an exchange.
    ///
    /// # Errors
    /// The first term that does not.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bound = |value: u32, max: u32, term, expected| {
            if (1..=max).contains(&value) {
                Ok(())
            } else {
                Err(ConfigError { term, expected })
            }
        };
        if !self.name.is_some() {
            return Err(ConfigError {
                term: "name",
                expected: "a text of 1 to 16 characters",
            });
        }
        bound(
            self.orders_max,
            ORDERS_MAX,
            "orders_max",
            "at least 1 and at most 2^22",
        )?;
        bound(
            self.retired_max,
            RETIRED_MAX,
            "retired_max",
            "at least 1 and at most 2^22",
        )?;
        bound(
            self.accounts_max,
            ACCOUNTS_MAX,
            "accounts_max",
            "at least 1 and at most 2^20",
        )
    }
}

impl Terms for ExchangeTerms {
    type Entry = Entry;

    const MAGIC: [u8; 8] = *b"PROOFXCH";
    const VERSION: u32 = 1;
    const GENESIS: &'static [u8] = b"proofbook exchange 1";
    const TERMS_BYTES: usize = EXCHANGE_TERMS_BYTES;
    const ENTRY_BYTES: usize = ENTRY_BYTES;

    fn encode_terms(&self, bytes: &mut [u8]) {
        let mut out = Output::default();
        out.bytes(self.name.padded());
        out.u32(self.orders_max);
        out.u32(self.retired_max);
        out.u32(self.accounts_max);
        out.u32(0);
        bytes.copy_from_slice(out.as_slice());
    }

    fn decode_terms(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Input::new("exchange's terms", bytes);
        let terms = ExchangeTerms {
            name: Symbol::from_padded(input.array()?)?,
            orders_max: input.u32()?,
            retired_max: input.u32()?,
            accounts_max: input.u32()?,
        };
        if input.u32()? != 0 {
            return Err(DecodeError::NotCanonical {
                what: "exchange's terms",
            });
        }
        input.end()?;
        terms.validate().map_err(|_| DecodeError::Inconsistent {
            what: "the terms make no exchange",
        })?;
        Ok(terms)
    }

    #[inline]
    fn encode_entry(entry: &Entry, bytes: &mut [u8]) {
        entry.encode_into(bytes);
    }

    fn decode_entry(bytes: &[u8]) -> Result<Entry, DecodeError> {
        Entry::decode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_come_back_and_bad_ones_are_named() {
        let terms = ExchangeTerms::default();
        let mut bytes = [0; EXCHANGE_TERMS_BYTES];
        terms.encode_terms(&mut bytes);
        assert_eq!(ExchangeTerms::decode_terms(&bytes), Ok(terms));
        bytes[31] = 1;
        assert!(ExchangeTerms::decode_terms(&bytes).is_err());
        assert!(ExchangeTerms::decode_terms(&bytes[1..]).is_err());
        let none = |change: fn(&mut ExchangeTerms)| {
            let mut terms = ExchangeTerms::default();
            change(&mut terms);
            terms.validate().expect_err("it makes none").term
        };
        assert_eq!(none(|terms| terms.orders_max = 0), "orders_max");
        assert_eq!(
            none(|terms| terms.retired_max = RETIRED_MAX + 1),
            "retired_max"
        );
        assert_eq!(none(|terms| terms.accounts_max = 0), "accounts_max");
        assert_eq!(none(|terms| terms.name = Symbol::NONE), "name");
    }
}
