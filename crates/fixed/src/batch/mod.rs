//! Arithmetic on slices, by instruction set.
//!
//! A [`Kernel`] works on plain integers: units of fixed-point numbers (see [`FixedPoint::units_of`]), ticks, lots. All kernels give the same
//! results and the same errors; `tests/batch.rs` forces each in turn. What is exact is exact at any length: sums are
//! held in more bits than they can fill, and what comes out is checked once.

use crate::error::FixedError;
use crate::point::FixedPoint;
use crate::round::Rounding;
use crate::total::Total;

#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod avx2;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod avx512;
mod scalar;

/// An instruction set that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Scalar,
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    Avx2,
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    Avx512,
}

/// Every name of a kernel, the slowest first.
const NAMES: [&str; 3] = ["scalar", "avx2", "avx512"];

/// Runs a kernel's function.
macro_rules! dispatch {
    ($kernel:expr, $function:ident($($argument:expr),*)) => {
        match $kernel.0 {
            Set::Scalar => scalar::$function($($argument),*),
            // SAFETY: a kernel is made by `from_name` alone, which found that this machine has AVX2.
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Set::Avx2 => unsafe { avx2::$function($($argument),*) },
            // SAFETY: a kernel is made by `from_name` alone, which found that this machine has AVX-512 F.
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Set::Avx512 => unsafe { avx512::$function($($argument),*) },
        }
    };
}

fn same_length(expected: usize, received: usize) -> Result<(), FixedError> {
    if expected == received {
        Ok(())
    } else {
        Err(FixedError::Lengths { expected, received })
    }
}

#[cfg(all(feature = "std", target_arch = "x86_64"))]
/// Elements that are looked at together: a block whose numbers are small goes the quick way, any other the general one.
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
    #[cfg_attr(not(all(feature = "std", target_arch = "x86_64")), expect(dead_code))]
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
    /// The portable code.
    pub const SCALAR: Kernel = Kernel(Set::Scalar);

    /// The fastest kernel that this machine has.
    pub fn detect() -> Kernel {
        Kernel::all().last().unwrap_or(Kernel::SCALAR)
    }

    /// Every kernel that this machine has, the slowest first.
    pub fn all() -> impl Iterator<Item = Kernel> {
        NAMES.into_iter().filter_map(Kernel::from_name)
    }

    /// The kernel of this name: `scalar`, `avx2` or `avx512`. `None` where there is no such kernel, or this machine lacks what it
    /// takes.
    pub fn from_name(name: &str) -> Option<Kernel> {
        match name {
            "scalar" => Some(Kernel::SCALAR),
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            "avx2" => is_x86_feature_detected!("avx2").then_some(Kernel(Set::Avx2)),
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            "avx512" => is_x86_feature_detected!("avx512f").then_some(Kernel(Set::Avx512)),
            _ => None,
        }
    }

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Scalar => "scalar",
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Set::Avx2 => "avx2",
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Set::Avx512 => "avx512",
        }
    }

    /// Each element of `a` plus that of `b`, into `out`.
    ///
    /// # Errors
    /// [`FixedError::Overflow`] with the first index at which a sum does not fit; what `out` holds then is not said.
    /// [`FixedError::Lengths`].
    pub fn add(self, a: &[i64], b: &[i64], out: &mut [i64]) -> Result<(), FixedError> {
        same_length(a.len(), b.len())?;
        same_length(a.len(), out.len())?;
        first_overflow(dispatch!(self, add(a, b, out)), "addition")
    }

    /// Each element of `a` minus that of `b`, into `out`.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn sub(self, a: &[i64], b: &[i64], out: &mut [i64]) -> Result<(), FixedError> {
        same_length(a.len(), b.len())?;
        same_length(a.len(), out.len())?;
        first_overflow(dispatch!(self, sub(a, b, out)), "subtraction")
    }

    /// The sum of all. It fits: no slice has 2^64 elements.
    pub fn sum(self, values: &[i64]) -> i128 {
        dispatch!(self, sum(values))
    }

    /// The sum of quantities. It fits, as that of [`sum`](Self::sum) does.
    pub fn sum_quantities(self, quantities: &[u64]) -> u128 {
        dispatch!(self, sum_quantities(quantities))
    }

    /// The sum of each price times its quantity.
    ///
    /// # Errors
    /// [`FixedError::Overflow`] where that does not fit 128 bits; what sums in between are does not matter. [`FixedError::Lengths`].
    pub fn notional(self, prices: &[i64], quantities: &[u64]) -> Result<i128, FixedError> {
        same_length(prices.len(), quantities.len())?;
        let wide: Wide = dispatch!(self, notional(prices, quantities));
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
