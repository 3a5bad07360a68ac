//! One fixed-point number and its arithmetic.

use crate::error::FixedError;
use crate::round::Rounding;

/// The most decimals that a number may have: 10^18 is the largest power of ten in 64 bits.
pub const DECIMALS_MAX: u32 = 18;

/// A whole number of units of 10^-D, from -2^63 to 2^63 - 1 of them. With 18 decimals that is ±9.22, with 8 ±92 thousand million: choose D by
/// the range, which is checked, and not by how many digits look good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct FixedPoint<const D: u32>(i64);

impl<const D: u32> FixedPoint<D> {
    /// How many units make one.
    pub const SCALE: i64 = {
        assert!(
            D <= DECIMALS_MAX,
            "a fixed-point number has at most 18 decimals"
        );
        10i64.pow(D)
    };
    /// Nothing.
    pub const ZERO: Self = FixedPoint(0);
    /// The smallest number.
    pub const MIN: Self = FixedPoint(i64::MIN);
    /// The largest number.
    pub const MAX: Self = FixedPoint(i64::MAX);

    /// So many units.
    #[inline]
    pub const fn from_units(units: i64) -> Self {
        FixedPoint(units)
    }

    /// How many units it is.
    #[inline]
    pub const fn units(self) -> i64 {
        self.0
    }

    /// A whole number.
    ///
    /// # Errors
    /// [`FixedError::Overflow`].
    pub const fn from_integer(value: i64) -> Result<Self, FixedError> {
        match value.checked_mul(Self::SCALE) {
            Some(units) => Ok(FixedPoint(units)),
            None => Err(FixedError::overflow("conversion")),
        }
    }

    /// So many units, where they fit.
    pub(crate) fn of_wide(units: i128, operation: &'static str) -> Result<Self, FixedError> {
        match i64::try_from(units) {
            Ok(units) => Ok(FixedPoint(units)),
            Err(_) => Err(FixedError::overflow(operation)),
        }
    }

    /// The sum.
    ///
    /// # Errors
    /// [`FixedError::Overflow`].
    #[inline]
    pub const fn checked_add(self, other: Self) -> Result<Self, FixedError> {
        match self.0.checked_add(other.0) {
            Some(units) => Ok(FixedPoint(units)),
            None => Err(FixedError::overflow("addition")),
        }
    }

    /// The difference.
    ///
    /// # Errors
    /// [`FixedError::Overflow`].
    #[inline]
    pub const fn checked_sub(self, other: Self) -> Result<Self, FixedError> {
        match self.0.checked_sub(other.0) {
            Some(units) => Ok(FixedPoint(units)),
            None => Err(FixedError::overflow("subtraction")),
        }
    }

    /// The number with the other sign.
    ///
    /// # Errors
    /// [`FixedError::Overflow`] of the smallest number, which has no opposite.
    pub const fn checked_neg(self) -> Result<Self, FixedError> {
        match self.0.checked_neg() {
            Some(units) => Ok(FixedPoint(units)),
            None => Err(FixedError::overflow("negation")),
        }
    }

    /// The product, with the decimals of this number. It is exact up to the rounding: the product in between has 128 bits.
    ///
    /// # Errors
    /// [`FixedError::Overflow`], [`FixedError::Inexact`].
    pub fn checked_mul<const E: u32>(
        self,
        other: FixedPoint<E>,
        rounding: Rounding,
    ) -> Result<Self, FixedError> {
        let product = i128::from(self.0) * i128::from(other.0);
        let scale = i128::from(FixedPoint::<E>::SCALE);
        let units = rounding.divide(product, scale, "multiplication")?;
        Self::of_wide(units, "multiplication")
    }

    /// The quotient, with the decimals of this number.
    ///
    /// # Errors
    /// [`FixedError::DivisionByZero`], [`FixedError::Overflow`], [`FixedError::Inexact`].
    pub fn checked_div<const E: u32>(
        self,
        other: FixedPoint<E>,
        rounding: Rounding,
    ) -> Result<Self, FixedError> {
        let dividend = i128::from(self.0) * i128::from(FixedPoint::<E>::SCALE);
        let units = rounding.divide(dividend, i128::from(other.0), "division")?;
        Self::of_wide(units, "division")
    }

    /// The same number with other decimals.
    ///
    /// # Errors
    /// [`FixedError::Overflow`], [`FixedError::Inexact`].
    pub fn rescaled<const E: u32>(self, rounding: Rounding) -> Result<FixedPoint<E>, FixedError> {
        let units = i128::from(self.0) * i128::from(FixedPoint::<E>::SCALE);
        let units = rounding.divide(units, i128::from(Self::SCALE), "conversion")?;
        FixedPoint::of_wide(units, "conversion")
    }

    /// The units of many.
    pub const fn units_of(points: &[Self]) -> &[i64] {
        // SAFETY: the type is `repr(transparent)` over i64: a slice of it has that layout, length and lifetime.
        unsafe { core::slice::from_raw_parts(points.as_ptr().cast(), points.len()) }
    }

    /// The units of many, to be written.
    pub const fn units_of_mut(points: &mut [Self]) -> &mut [i64] {
        // SAFETY: as in `units_of`; every i64 is a number, and the borrow is as exclusive as the one that it is made from.
        unsafe { core::slice::from_raw_parts_mut(points.as_mut_ptr().cast(), points.len()) }
    }
}
