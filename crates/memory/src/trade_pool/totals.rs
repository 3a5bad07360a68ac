//! What trades add up to, exactly.

use std::fmt;

use proofbook_types::{Price, Quantity};

/// A sum that does not fit its width. It would take more trades than there is memory for, or prices and quantities at the ends of their range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SumOverflow {
    /// Which sum.
    pub what: &'static str,
}

impl fmt::Display for SumOverflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected a {} of trades within 128 bits, received one beyond",
            self.what
        )
    }
}

impl std::error::Error for SumOverflow {}

/// A volume-weighted average price as an exact fraction of ticks, in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AveragePrice {
    /// Ticks.
    pub numerator: i128,
    /// Of how many lots; never zero.
    pub denominator: u128,
}

/// Some trades in sum: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// How many.
    pub count: u64,
    /// Lots that changed hands.
    pub volume: u128,
    /// Ticks times lots; signed, since prices are.
    pub notional: i128,
    /// Price of the first.
    pub first: Price,
    /// Price of the last.
    pub last: Price,
    /// The lowest price.
    pub low: Price,
    /// The highest price.
    pub high: Price,
}

impl Totals {
    /// One trade.
    #[inline]
    pub fn of(price: Price, quantity: Quantity) -> Totals {
        Totals {
            count: 1,
            volume: u128::from(quantity.0),
            // 63 bits and a sign times 64 bits: within 127 bits and a sign.
            notional: i128::from(price.0) * i128::from(quantity.0),
            first: price,
            last: price,
            low: price,
            high: price,
        }
    }

    /// Adds trades that came later.
    ///
    /// # Errors
    /// Where a sum does not fit; nothing has changed then.
    #[inline]
    pub fn add(&mut self, later: &Totals) -> Result<(), SumOverflow> {
        let overflow = |what| SumOverflow { what };
        let count = self
            .count
            .checked_add(later.count)
            .ok_or(overflow("count"))?;
        let volume = self
            .volume
            .checked_add(later.volume)
            .ok_or(overflow("volume"))?;
        let notional = self
            .notional
            .checked_add(later.notional)
            .ok_or(overflow("notional"))?;
        *self = Totals {
            count,
            volume,
            notional,
            first: self.first,
            last: later.last,
            low: self.low.min(later.low),
            high: self.high.max(later.high),
        };
        Ok(())
    }

    /// The volume-weighted average price. Trades have a quantity, so the volume is not zero; for one that is, the price is the last one.
    pub fn average_price(&self) -> AveragePrice {
        if self.volume == 0 {
            return AveragePrice {
                numerator: i128::from(self.last.0),
                denominator: 1,
            };
        }
        let divisor = greatest_common_divisor(self.notional.unsigned_abs(), self.volume);
        let numerator = self.notional.unsigned_abs() / divisor;
        let numerator =
            i128::try_from(numerator).map_or(i128::MIN, |size| size * self.notional.signum());
        AveragePrice {
            numerator,
            denominator: self.volume / divisor,
        }
    }
}

/// Euclid's algorithm; `b` is not zero.
fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
