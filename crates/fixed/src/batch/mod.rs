//! Arithmetic on slices, by instruction set.
//!
//! A [`Kernel`] works on plain integers: units of fixed-point numbers (see [`FixedPoint::units_of`]), ticks, lots. All kernels give the same
//! results and the same errors; `tests/batch.rs` forces each in turn. What is exact is exact at any length: sums are
//! held in more bits than they can fill, and what comes out is checked once.

use crate::error::FixedError;
use crate::point::FixedPoint;
use crate::round::Rounding;
use crate::total::Total;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

proofbook_simd::kernel! {
    avx512: "avx512f";

    fn add_each(a: &[i64], b: &[i64], out: &mut [i64]) -> Option<usize>;
    fn sub_each(a: &[i64], b: &[i64], out: &mut [i64]) -> Option<usize>;

    /// The sum of all. It fits: no slice has 2^64 elements.
    pub fn sum(values: &[i64]) -> i128;

    /// The sum of quantities. It fits, as that of [`sum`](Self::sum) does.
    pub fn sum_quantities(quantities: &[u64]) -> u128;

    fn sum_products(prices: &[i64], quantities: &[u64]) -> Wide;
}

fn same_length(expected: usize, received: usize) -> Result<(), FixedError> {
    if expected == received {
        Ok(())
    } else {
        Err(FixedError::Lengths { expected, received })
    }
}

/// Elements that are looked at together: a block whose numbers are small goes the quick way, any other the general one.
#[cfg(target_arch = "x86_64")]
const BLOCK: usize = 64;

/// A sum of products, in three words: `high` · 2^64 + `low` never overflows, whatever is summed.
#[derive(Clone, Copy, Debug, Default)]
struct Wide {
    low: u128,
    high: i128,
}

impl Wide {
    #[inline]
    fn add(&mut self, product: i128) {
        self.low += u128::from(product as u64);
        self.high += product >> 64;
    }

    #[inline]
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code))]
    fn join(&mut self, other: Wide) {
        self.low += other.low;
        self.high += other.high;
    }

    fn total(self) -> Option<i128> {
        let high = self.high + (self.low >> 64) as i128;
        let high = i64::try_from(high).ok()?;
        Some(i128::from(high) << 64 | i128::from(self.low as u64))
    }
}

impl Kernel {
    /// Each element of `a` plus that of `b`, into `out`.
    ///
    /// # Errors
    /// [`FixedError::Overflow`] with the first index at which a sum does not fit; what `out` holds then is not said.
    /// [`FixedError::Lengths`].
    pub fn add(self, a: &[i64], b: &[i64], out: &mut [i64]) -> Result<(), FixedError> {
        same_length(a.len(), b.len())?;
        same_length(a.len(), out.len())?;
        first_overflow(self.add_each(a, b, out), "addition")
    }

    /// Each element of `a` minus that of `b`, into `out`.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn sub(self, a: &[i64], b: &[i64], out: &mut [i64]) -> Result<(), FixedError> {
        same_length(a.len(), b.len())?;
        same_length(a.len(), out.len())?;
        first_overflow(self.sub_each(a, b, out), "subtraction")
    }

    /// The sum of each price times its quantity.
    ///
    /// # Errors
    /// [`FixedError::Overflow`] where that does not fit 128 bits; what sums in between are does not matter. [`FixedError::Lengths`].
    pub fn notional(self, prices: &[i64], quantities: &[u64]) -> Result<i128, FixedError> {
        same_length(prices.len(), quantities.len())?;
        let wide = self.sum_products(prices, quantities);
        wide.total().ok_or(FixedError::overflow("notional"))
    }

    /// The average price, weighted by quantity, with E decimals of a price's unit.
    ///
    /// # Errors
    /// [`FixedError::DivisionByZero`] without a quantity; those of [`notional`](Self::notional) and [`Total::mean`].
    pub fn weighted_average<const E: u32>(
        self,
        prices: &[i64],
        quantities: &[u64],
        rounding: Rounding,
    ) -> Result<FixedPoint<E>, FixedError> {
        let notional = Total::<0>::from_units(self.notional(prices, quantities)?);
        notional.mean(self.sum_quantities(quantities), rounding)
    }
}

fn first_overflow(index: Option<usize>, operation: &'static str) -> Result<(), FixedError> {
    match index {
        None => Ok(()),
        index => Err(FixedError::Overflow { operation, index }),
    }
}

/// The sum of many numbers.
pub fn sum<const D: u32>(kernel: Kernel, points: &[FixedPoint<D>]) -> Total<D> {
    Total::from_units(kernel.sum(FixedPoint::units_of(points)))
}

/// Each number of `a` plus that of `b`, into `out`.
///
/// # Errors
/// As [`Kernel::add`].
pub fn add<const D: u32>(
    kernel: Kernel,
    a: &[FixedPoint<D>],
    b: &[FixedPoint<D>],
    out: &mut [FixedPoint<D>],
) -> Result<(), FixedError> {
    let (a, b) = (FixedPoint::units_of(a), FixedPoint::units_of(b));
    kernel.add(a, b, FixedPoint::units_of_mut(out))
}

/// Each number of `a` times that of `b`, rounded, into `out`. There is one way of doing this: the division by the scale is what it costs, and no
/// instruction set divides 128 bits.
///
/// # Errors
/// [`FixedError::Overflow`] with the first index at which a product does not fit, [`FixedError::Inexact`], [`FixedError::Lengths`].
pub fn mul<const D: u32, const E: u32>(
    a: &[FixedPoint<D>],
    b: &[FixedPoint<E>],
    out: &mut [FixedPoint<D>],
    rounding: Rounding,
) -> Result<(), FixedError> {
    same_length(a.len(), b.len())?;
    same_length(a.len(), out.len())?;
    for (index, ((a, b), out)) in a.iter().zip(b).zip(out).enumerate() {
        *out = a.checked_mul(*b, rounding).map_err(|error| match error {
            FixedError::Overflow { operation, .. } => FixedError::Overflow {
                operation,
                index: Some(index),
            },
            error => error,
        })?;
    }
    Ok(())
}

/// The sum of each price times its number of lots.
///
/// # Errors
/// As [`Kernel::notional`].
pub fn notional<const D: u32>(
    kernel: Kernel,
    prices: &[FixedPoint<D>],
    lots: &[u64],
) -> Result<Total<D>, FixedError> {
    let units = kernel.notional(FixedPoint::units_of(prices), lots)?;
    Ok(Total::from_units(units))
}
