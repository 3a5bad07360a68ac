//! Every kernel that this machine has against arithmetic that cannot overflow: results, overflows and where they are.

use proofbook_fixed::{batch, FixedError, FixedPoint, Kernel, Rounding};
use proofbook_workload::Random;

const EXTREMES: [i64; 9] = [
    0,
    1,
    -1,
    i64::MAX,
    i64::MIN,
    1 << 31,
    -(1 << 31),
    (1 << 31) - 1,
    -(1 << 31) - 1,
];

/// Numbers of a magnitude: small ones go the quick way, mixed ones both.
fn numbers(random: &mut Random, length: usize, kind: u64) -> Vec<i64> {
    (0..length)
        .map(|_| match kind {
            0 => random.below(1 << 20) as i64 - (1 << 19),
            1 => random.next_u64() as i64,
            2 => EXTREMES[random.below(EXTREMES.len() as u64) as usize],
            3 => (random.next_u64() as i64) >> random.below(64),
            _ => (random.next_u64() as i64) >> 32,
        })
        .collect()
}

fn lengths() -> impl Iterator<Item = usize> {
    (0..140).chain([255, 256, 257, 1000, 4099])
}

/// A sum of products in decimal digits would do; this one is in two words that cannot overflow, written without the crate's.
fn expected_notional(prices: &[i64], quantities: &[u64]) -> Option<i128> {
    let (mut positive, mut negative) = ([0u128; 2], [0u128; 2]);
    for (&price, &quantity) in prices.iter().zip(quantities) {
        let product = u128::from(price.unsigned_abs()) * u128::from(quantity);
        let side = if price < 0 {
            &mut negative
        } else {
            &mut positive
        };
        let (low, is_carry) = side[0].overflowing_add(product);
        *side = [low, side[1] + u128::from(is_carry)];
    }
    let is_negative = (positive[1], positive[0]) < (negative[1], negative[0]);
    let (large, small) = if is_negative {
        (negative, positive)
    } else {
        (positive, negative)
    };
    let (low, is_borrow) = large[0].overflowing_sub(small[0]);
    if large[1] - small[1] - u128::from(is_borrow) > 0 {
        return None;
    }
    if is_negative {
        0i128.checked_sub_unsigned(low)
    } else {
        i128::try_from(low).ok()
    }
}

#[test]
fn notionals_of_every_length_and_magnitude() {
    let (mut quick, mut too_large) = (0, 0);
    for kernel in Kernel::all() {
        for (seed, length) in (0..).zip(lengths()) {
            for kinds in 0..25 {
                let mut random = Random::new(seed);
                let prices = numbers(&mut random, length, kinds % 5);
                let quantities: Vec<u64> = numbers(&mut random, length, kinds / 5)
                    .into_iter()
                    .map(|number| {
                        if kinds % 2 == 0 {
                            number.unsigned_abs()
                        } else {
                            number as u64
                        }
                    })
                    .collect();
                let expected = expected_notional(&prices, &quantities);
                let found = kernel.notional(&prices, &quantities);
                let place = format!("{kernel:?}, seed {seed}, kinds {kinds}");
                match expected {
                    Some(expected) => assert_eq!(found, Ok(expected), "{place}"),
                    None => {
                        let error = found.expect_err(&place);
                        assert!(matches!(error, FixedError::Overflow { .. }), "{place}");
                        too_large += 1;
                    }
                }
                quick += u32::from(kinds == 0);
            }
        }
    }
    assert!(quick > 0 && too_large > 0, "both ends were tried");
}

#[test]
fn sums_in_between_may_be_too_large() {
    let prices = [i64::MIN, i64::MIN, i64::MAX, i64::MAX];
    let quantities = [u64::MAX; 4];
    for kernel in Kernel::all() {
        let found = kernel.notional(&prices, &quantities);
        assert_eq!(found, Ok(-2 * i128::from(u64::MAX)), "{kernel:?}");
        assert!(kernel.notional(&prices[..2], &quantities[..2]).is_err());
    }
}

#[test]
fn sums_are_exact() {
    for kernel in Kernel::all() {
        for (seed, length) in (0..).zip(lengths()) {
            for kind in 0..5 {
                let mut random = Random::new(seed);
                let values = numbers(&mut random, length, kind);
                let expected: i128 = values.iter().map(|&value| i128::from(value)).sum();
                assert_eq!(kernel.sum(&values), expected, "{kernel:?}, seed {seed}");
                let quantities: Vec<u64> = values.iter().map(|&value| value as u64).collect();
                let expected: u128 = quantities.iter().map(|&value| u128::from(value)).sum();
                assert_eq!(
                    kernel.sum_quantities(&quantities),
                    expected,
                    "{kernel:?}, seed {seed}"
                );
            }
        }
    }
}

type Operation = fn(Kernel, &[i64], &[i64], &mut [i64]) -> Result<(), FixedError>;

/// Compares an operation with the same one in 128 bits; gives how often it overflowed.
fn compare(kernel: Kernel, operation: Operation, wide: fn(i128, i128) -> i128) -> u32 {
    let mut overflows = 0;
    for (seed, length) in (0..).zip(lengths()) {
        for kind in 0..5 {
            let mut random = Random::new(seed);
            let a = numbers(&mut random, length, kind);
            let b = numbers(&mut random, length, kind);
            let mut out = vec![0; length];
            let found = operation(kernel, &a, &b, &mut out);
            let results: Vec<i128> = a
                .iter()
                .zip(&b)
                .map(|(&a, &b)| wide(a.into(), b.into()))
                .collect();
            let first = results
                .iter()
                .position(|&result| i64::try_from(result).is_err());
            match (first, found) {
                (None, Ok(())) => {
                    assert!(
                        out.iter().map(|&unit| i128::from(unit)).eq(results),
                        "{kernel:?}, seed {seed}"
                    );
                }
                (Some(first), Err(FixedError::Overflow { index, .. })) => {
                    assert_eq!(index, Some(first), "{kernel:?}, seed {seed}");
                    overflows += 1;
                }
                other => panic!("{kernel:?}, seed {seed}, kind {kind}: {other:?}"),
            }
        }
    }
    overflows
}

#[test]
fn elementwise_operations_find_the_first_overflow() {
    for kernel in Kernel::all() {
        assert!(compare(kernel, Kernel::add, |a, b| a + b) > 100);
        assert!(compare(kernel, Kernel::sub, |a, b| a - b) > 100);
    }
}

#[test]
fn slices_of_unequal_lengths_are_refused() {
    let expected = Err(FixedError::Lengths {
        expected: 2,
        received: 1,
    });
    for kernel in Kernel::all() {
        assert_eq!(kernel.add(&[1, 2], &[1], &mut [0, 0]), expected);
        assert_eq!(kernel.sub(&[1, 2], &[1, 2], &mut [0]), expected);
        assert_eq!(kernel.notional(&[1, 2], &[1]).map(|_| ()), expected);
    }
}

#[test]
fn numbers_with_decimals_go_the_same_way() {
    let of = |texts: &[&str]| -> Vec<FixedPoint<2>> {
        texts
            .iter()
            .map(|text| text.parse().expect("a number"))
            .collect()
    };
    let prices = of(&["100.10", "-0.05", "99.95"]);
    for kernel in Kernel::all() {
        assert_eq!(batch::sum(kernel, &prices).to_string(), "200.00");
        let notional = batch::notional(kernel, &prices, &[3, 1, 2]).expect("it fits");
        assert_eq!(notional.to_string(), "500.15");
        assert_eq!(
            notional
                .mean::<4>(6, Rounding::HalfEven)
                .expect("it fits")
                .to_string(),
            "83.3583"
        );
        let average = kernel.weighted_average::<1>(&[3, 4], &[1, 1], Rounding::Down);
        assert_eq!(average.expect("it fits").to_string(), "3.5");
        assert_eq!(
            kernel.weighted_average::<1>(&[3], &[0], Rounding::Down),
            Err(FixedError::DivisionByZero)
        );
        let mut out = [FixedPoint::ZERO; 3];
        batch::add(kernel, &prices, &prices, &mut out).expect("it fits");
        assert_eq!(
            out.map(|point| point.to_string()),
            ["200.20", "-0.10", "199.90"]
        );
    }
    let mut out = [FixedPoint::ZERO; 3];
    batch::mul(&prices, &prices, &mut out, Rounding::HalfEven).expect("it fits");
    assert_eq!(
        out.map(|point| point.to_string()),
        ["10020.01", "0.00", "9990.00"]
    );
    let large = [FixedPoint::<2>::from_units(1), FixedPoint::MAX];
    assert_eq!(
        batch::mul(&large, &large, &mut out[..2], Rounding::Down),
        Err(FixedError::Overflow {
            operation: "multiplication",
            index: Some(1)
        })
    );
}
