//! Sums of many fixed-point numbers, in 128 bits.

use crate::error::FixedError;
use crate::point::FixedPoint;
use crate::round::{Quotient, Rounding};

/// A whole number of units of 10^-D in 128 bits. No slice has enough numbers of 64 bits for their sum not to fit; a notional can be too large, and
/// then there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Total<const D: u32>(i128);

impl<const D: u32> Total<D> {
    /// Nothing.
    pub const ZERO: Self = Total(0);

    /// So many units.
    pub const fn from_units(units: i128) -> Self {
        Total(units)
    }

    /// How many units it is.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// The sum.
    ///
    /// # Errors
    /// [`FixedError::Overflow`].
    pub const fn checked_add(self, other: Self) -> Result<Self, FixedError> {
        match self.0.checked_add(other.0) {
            Some(units) => Ok(Total(units)),
            None => Err(FixedError::overflow("addition")),
        }
    }

    /// The number, where it fits 64 bits.
    ///
    /// # Errors
    /// [`FixedError::Overflow`].
    pub fn point(self) -> Result<FixedPoint<D>, FixedError> {
        FixedPoint::of_wide(self.0, "conversion")
    }

    /// What comes on each of `count`, with E decimals: of a notional and its quantity, the average price.
    ///
    /// # Errors
    /// [`FixedError::DivisionByZero`], [`FixedError::Overflow`], [`FixedError::Inexact`].
    pub fn mean<const E: u32>(
        self,
        count: u128,
        rounding: Rounding,
    ) -> Result<FixedPoint<E>, FixedError> {
        const OPERATION: &str = "average";
        if count == 0 {
            return Err(FixedError::DivisionByZero);
        }
        let overflow = FixedError::overflow(OPERATION);
        let (from, to) = (FixedPoint::<D>::SCALE, FixedPoint::<E>::SCALE);
        let finer = u128::from((to / from).max(1).unsigned_abs());
        let coarser = u128::from((from / to).max(1).unsigned_abs());
        let divisor = count.checked_mul(coarser).ok_or(overflow)?;
        let magnitude = self.0.unsigned_abs();
        // The whole part first, so that only what is left needs room for more decimals.
        let whole = (magnitude / divisor).checked_mul(finer).ok_or(overflow)?;
        let rest = (magnitude % divisor).checked_mul(finer).ok_or(overflow)?;
        let quotient = Quotient {
            whole: whole.checked_add(rest / divisor).ok_or(overflow)?,
            rest: rest % divisor,
            divisor,
            is_negative: self.0 < 0,
        };
        FixedPoint::of_wide(rounding.round(quotient, OPERATION)?, OPERATION)
    }
}
