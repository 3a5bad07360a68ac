//! What orders hold and cost, in whole units: sections 4 and 5 of `docs/EXCHANGE.md`.
//!
//! Invariant: what an order holds, plus what it has paid since it was taken, never exceeds what it held then. So an
//! order that was covered once is covered to its end. The bounds below keep every number within 128 bits.

use proofbook_types::{Price, Side};

use crate::entry::Fees;

/// The largest price of an order, in ticks.
pub const PRICE_MAX: i64 = (1 << 44) - 1;

/// The largest total quantity of an order, in lots.
pub const QUANTITY_MAX: u64 = (1 << 44) - 1;

/// A tick for a lot is at most so many units of the quote asset: 10^7.
pub const QUOTE_UNITS_MAX: u128 = 10_000_000;

/// The most basis points: all of it.
pub const BASIS_POINTS: u16 = 10_000;

/// The most units of an asset that all accounts may have and be lent together.
pub const AMOUNT_MAX: u128 = 1 << 120;

/// How a market's integers count in units of its assets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Units of the base asset to a lot.
    pub lot_units: u128,
    /// Units of the quote asset to a tick for a lot.
    pub tick_units: u128,
}

impl Scale {
    /// The scale of a market, or `None` where a lot or a tick for a lot is no whole number of units, or too many.
    pub fn of(base: u8, quote: u8, price_decimals: u8, quantity_decimals: u8) -> Option<Scale> {
        let lot_places = base.checked_sub(quantity_decimals)?;
        let tick_places = quote
            .checked_sub(price_decimals)?
            .checked_sub(quantity_decimals)?;
        let scale = Scale {
            lot_units: 10u128.checked_pow(u32::from(lot_places))?,
            tick_units: 10u128.checked_pow(u32::from(tick_places))?,
        };
        (scale.tick_units <= QUOTE_UNITS_MAX).then_some(scale)
    }

    /// What a quantity comes to at a price that is not below zero, in units of the quote asset.
    #[inline]
    pub fn notional(&self, price: Price, quantity: u64) -> u128 {
        debug_assert!(price.0 >= 0);
        u128::from(price.0.unsigned_abs()) * u128::from(quantity) * self.tick_units
    }

    /// A quantity in units of the base asset.
    #[inline]
    pub fn base(&self, quantity: u64) -> u128 {
        u128::from(quantity) * self.lot_units
    }
}

/// What an order pays: fees are rounded up once for all its trades, not for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charges {
    /// Sum over its trades of notional times basis points.
    pub basis_units: u128,
    /// What was charged of that so far.
    pub charged: u128,
}

impl Charges {
    /// What was charged where trades came to this sum.
    pub fn of(basis_units: u128) -> Self {
        Charges {
            basis_units,
            charged: basis_units_up(basis_units),
        }
    }

    /// Counts a trade; gives its fee.
    #[inline]
    pub fn trade(&mut self, notional: u128, basis_points: u16) -> u128 {
        self.basis_units += notional * u128::from(basis_points);
        let charged = basis_units_up(self.basis_units);
        let fee = charged - self.charged;
        self.charged = charged;
        fee
    }
}

/// A sum of notional times basis points as a fee, rounded up.
#[inline]
fn basis_units_up(sum: u128) -> u128 {
    // Dividing 64 bits is a multiplication, dividing 128 bits is a loop.
    match u64::try_from(sum) {
        Ok(sum) => u128::from(sum.div_ceil(u64::from(BASIS_POINTS))),
        Err(_) => sum.div_ceil(u128::from(BASIS_POINTS)),
    }
}

/// What an order holds: a sell what it may deliver, a buy what it may pay at worst, the fee included.
#[inline]
pub fn hold(
    scale: &Scale,
    side: Side,
    worst: Price,
    open: u64,
    charges: &Charges,
    fees: Fees,
) -> u128 {
    match side {
        Side::Sell => scale.base(open),
        Side::Buy => {
            let notional = scale.notional(worst, open);
            let rate = u128::from(fees.maker.max(fees.taker));
            notional + basis_units_up(charges.basis_units + notional * rate) - charges.charged
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_whole_numbers_or_none() {
        let scale = Scale::of(8, 6, 2, 4).expect("8 >= 4, 6 >= 2 + 4");
        assert_eq!((scale.lot_units, scale.tick_units), (10_000, 1));
        assert_eq!(scale.notional(Price(3), 5), 15);
        assert_eq!(
            Scale::of(8, 6, 2, 5),
            None,
            "a tick for a lot is a tenth of a unit"
        );
        assert_eq!(Scale::of(3, 6, 2, 4), None, "a lot is a tenth of a unit");
        assert_eq!(Scale::of(18, 18, 2, 4), None, "10^12 units");
        assert!(Scale::of(18, 13, 2, 4).is_some());
    }

    #[test]
    fn the_extremes_fit() {
        let scale = Scale {
            lot_units: 10u128.pow(18),
            tick_units: QUOTE_UNITS_MAX,
        };
        let fees = Fees {
            maker: BASIS_POINTS,
            taker: BASIS_POINTS,
        };
        let mut charges = Charges::default();
        let notional = scale.notional(Price(PRICE_MAX), QUANTITY_MAX);
        let price = Price(PRICE_MAX);
        let held = hold(&scale, Side::Buy, price, QUANTITY_MAX, &charges, fees);
        assert_eq!(held, 2 * notional);
        assert!(held < AMOUNT_MAX && scale.base(QUANTITY_MAX) < AMOUNT_MAX);
        assert_eq!(charges.trade(notional, BASIS_POINTS), notional);
        assert_eq!(hold(&scale, Side::Buy, price, 0, &charges, fees), 0);
    }

    #[test]
    fn a_fee_is_rounded_up_once_however_many_trades_there_are() {
        let scale = Scale {
            lot_units: 1,
            tick_units: 1,
        };
        let fees = Fees { maker: 1, taker: 3 };
        let mut charges = Charges::default();
        let mut held = hold(&scale, Side::Buy, Price(7), 100, &charges, fees);
        assert_eq!(held, 701);
        let mut paid = 0;
        for open in (0..100).rev() {
            let fee = charges.trade(7, 3);
            paid += 7 + fee;
            let now = hold(&scale, Side::Buy, Price(7), open, &charges, fees);
            assert!(now + 7 + fee <= held, "at {open}");
            held = now;
        }
        assert_eq!((paid, held), (701, 0));
    }
}
