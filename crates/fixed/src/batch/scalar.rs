//! The portable code: what every other kernel must equal.

use super::Wide;

pub(super) fn add_each(a: &[i64], b: &[i64], out: &mut [i64]) -> Option<usize> {
    elementwise(a, b, out, i64::overflowing_add)
}

pub(super) fn sub_each(a: &[i64], b: &[i64], out: &mut [i64]) -> Option<usize> {
    elementwise(a, b, out, i64::overflowing_sub)
}

/// The first index at which the operation overflows, if it does at any.
#[inline]
fn elementwise(
    a: &[i64],
    b: &[i64],
    out: &mut [i64],
    operation: impl Fn(i64, i64) -> (i64, bool),
) -> Option<usize> {
    for (index, ((&a, &b), out)) in a.iter().zip(b).zip(out).enumerate() {
        let (result, is_overflow) = operation(a, b);
        if is_overflow {
            return Some(index);
        }
        *out = result;
    }
    None
}

pub(super) fn sum(values: &[i64]) -> i128 {
    values.iter().map(|&value| i128::from(value)).sum()
}

pub(super) fn sum_quantities(quantities: &[u64]) -> u128 {
    quantities.iter().map(|&value| u128::from(value)).sum()
}

pub(super) fn sum_products(prices: &[i64], quantities: &[u64]) -> Wide {
    let mut wide = Wide::default();
    for (&price, &quantity) in prices.iter().zip(quantities) {
        // At most 2^63 · 2^64 in magnitude: it fits.
        wide.add(i128::from(price) * i128::from(quantity));
    }
    wide
}
