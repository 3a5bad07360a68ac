//! Arithmetic, rounding and text of single numbers, against `rust_decimal` and against integers.

use proofbook_fixed::{FixedError, FixedPoint, Rounding, Total};
use proptest::prelude::*;
use rust_decimal::{Decimal, RoundingStrategy};

type Cents = FixedPoint<2>;

const STRATEGIES: [(Rounding, RoundingStrategy); 5] = [
    (Rounding::Down, RoundingStrategy::ToZero),
    (Rounding::Up, RoundingStrategy::AwayFromZero),
    (Rounding::Floor, RoundingStrategy::ToNegativeInfinity),
    (Rounding::Ceiling, RoundingStrategy::ToPositiveInfinity),
    (Rounding::HalfEven, RoundingStrategy::MidpointNearestEven),
];

fn decimal<const D: u32>(point: FixedPoint<D>) -> Decimal {
    Decimal::from_i128_with_scale(point.units().into(), D)
}

/// What the decimal is in units of two decimals, rounded.
fn cents(value: Decimal, strategy: RoundingStrategy) -> i128 {
    let mut rounded = value.round_dp_with_strategy(2, strategy);
    rounded.rescale(2);
    rounded.mantissa()
}

proptest! {
    #[test]
    fn products_are_those_of_decimals(a in -1_000_000_000_000i64..1_000_000_000_000, b in -10_000_000i64..10_000_000) {
        let (a, b) = (Cents::from_units(a), FixedPoint::<5>::from_units(b));
        for (rounding, strategy) in STRATEGIES {
            let found = a.checked_mul(b, rounding).expect("it fits").units();
            prop_assert_eq!(i128::from(found), cents(decimal(a) * decimal(b), strategy), "{:?}", rounding);
        }
    }

    #[test]
    fn quotients_times_divisors_are_the_dividends(a in any::<i64>(), b in any::<i64>()) {
        prop_assume!(b != 0);
        let (dividend, divisor) = (i128::from(a) * 1000, i128::from(b));
        let floor = dividend.div_euclid(divisor) - i128::from(divisor < 0 && dividend.rem_euclid(divisor) != 0);
        let is_exact = dividend % divisor == 0;
        for rounding in Rounding::ALL {
            let toward_zero = dividend / divisor;
            let expected = match rounding {
                _ if is_exact => Some(toward_zero),
                Rounding::Exact => None,
                Rounding::Down => Some(toward_zero),
                Rounding::Up => Some(toward_zero + (dividend.signum() * divisor.signum())),
                Rounding::Floor => Some(floor),
                Rounding::Ceiling => Some(floor + 1),
                Rounding::HalfEven => {
                    let twice = 2 * (dividend - floor * divisor).abs();
                    let is_up = twice > divisor.abs() || twice == divisor.abs() && floor % 2 != 0;
                    Some(floor + i128::from(is_up))
                }
            };
            let expected = expected.and_then(|units| i64::try_from(units).ok());
            let found = Cents::from_units(a).checked_div(FixedPoint::<3>::from_units(b), rounding);
            prop_assert_eq!(found.ok().map(Cents::units), expected, "{:?}", rounding);
        }
    }

    #[test]
    fn text_goes_both_ways(units in any::<i64>()) {
        fn both_ways<const D: u32>(units: i64) {
            let point = FixedPoint::<D>::from_units(units);
            let text = point.to_string();
            assert_eq!(text.parse(), Ok(point), "{text}");
            assert_eq!(format!("{text}{}", if D > 0 { "000" } else { "" }).parse(), Ok(point));
            if let Ok(decimal) = text.parse::<Decimal>() {
                assert_eq!(decimal.to_string(), text);
            }
        }
        both_ways::<0>(units);
        both_ways::<2>(units);
        both_ways::<8>(units);
        both_ways::<18>(units);
    }

    #[test]
    fn no_text_panics(text in ".{0,40}") {
        if let Ok(point) = text.parse::<FixedPoint<4>>() {
            prop_assert_eq!(point.to_string().parse(), Ok(point));
        }
    }

    #[test]
    fn averages_are_rounded_once(units in any::<i64>(), count in 1u64..1_000_000_000) {
        let total = Total::<2>::from_units(units.into());
        for rounding in Rounding::ALL {
            let expected = |scale: i128| {
                let of = FixedPoint::<0>::from_units(units);
                let count = i128::from(count) * scale;
                FixedPoint::<0>::checked_div(of, FixedPoint::<0>::from_units(i64::try_from(count).ok()?), rounding).ok()
            };
            let same = total.mean::<2>(count.into(), rounding).ok();
            prop_assert_eq!(same.map(FixedPoint::units), expected(1).map(FixedPoint::units));
            let coarse = total.mean::<0>(count.into(), rounding).ok();
            prop_assert_eq!(coarse.map(FixedPoint::units), expected(100).map(FixedPoint::units));
            if let Ok(small) = i32::try_from(units) {
                let fine = Total::<2>::from_units(small.into()).mean::<5>(count.into(), rounding).ok();
                let of = FixedPoint::<0>::from_units(i64::from(small) * 1000);
                let by = FixedPoint::<0>::from_units(count as i64);
                prop_assert_eq!(fine.map(FixedPoint::units), of.checked_div(by, rounding).ok().map(FixedPoint::units));
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let overflow = |operation| FixedError::Overflow {
        operation,
        index: None,
    };
    assert_eq!(
        Cents::MAX.checked_add(Cents::from_units(1)),
        Err(overflow("addition"))
    );
    assert_eq!(
        Cents::MIN.checked_sub(Cents::from_units(1)),
        Err(overflow("subtraction"))
    );
    assert_eq!(Cents::MIN.checked_neg(), Err(overflow("negation")));
    assert_eq!(
        FixedPoint::<18>::from_integer(10),
        Err(overflow("conversion"))
    );
    assert_eq!(
        FixedPoint::<18>::from_integer(9).map(|nine| nine.to_string()),
        Ok("9.000000000000000000".into())
    );
    assert_eq!(
        Cents::MAX.checked_mul(Cents::MAX, Rounding::Down),
        Err(overflow("multiplication"))
    );
    assert_eq!(
        Cents::MAX.rescaled::<3>(Rounding::Down),
        Err(overflow("conversion"))
    );
    assert_eq!(
        Total::<2>::from_units(1 << 64).point(),
        Err(overflow("conversion"))
    );
    assert_eq!(
        Total::<0>::from_units(1).mean::<0>(0, Rounding::Down),
        Err(FixedError::DivisionByZero)
    );
    assert_eq!(
        Cents::ZERO.checked_div(Cents::ZERO, Rounding::Down),
        Err(FixedError::DivisionByZero)
    );
    assert_eq!(
        "92233720368547758.08".parse::<Cents>(),
        Err(overflow("reading"))
    );
    assert_eq!("-92233720368547758.08".parse(), Ok(Cents::MIN));
    assert_eq!(
        "99999999999999999999".parse::<Cents>(),
        Err(overflow("reading"))
    );
}

#[test]
fn what_is_no_number_is_an_error() {
    for (text, position) in [
        ("", 0),
        ("-", 1),
        (".5", 0),
        ("1.", 2),
        ("1.2.3", 3),
        ("1e3", 1),
        (" 1", 0),
        ("--1", 1),
        ("١", 0),
    ] {
        assert_eq!(
            text.parse::<Cents>(),
            Err(FixedError::Syntax { position }),
            "{text:?}"
        );
    }
    let decimals = Err(FixedError::Decimals {
        expected: 2,
        received: 3,
    });
    assert_eq!("1.234".parse::<Cents>(), decimals);
    assert_eq!("1.230".parse(), Ok(Cents::from_units(123)));
    let message = FixedError::Decimals {
        expected: 2,
        received: 3,
    }
    .to_string();
    assert_eq!(message, "expected at most 2 decimals; received 3");
}

#[test]
fn other_decimals_are_exact_or_rounded() {
    let point = FixedPoint::<4>::from_units(12_350);
    assert_eq!(
        point.rescaled::<6>(Rounding::Exact),
        Ok(FixedPoint::from_units(1_235_000))
    );
    assert_eq!(
        point.rescaled::<2>(Rounding::HalfEven),
        Ok(FixedPoint::from_units(124))
    );
    assert!(matches!(
        point.rescaled::<2>(Rounding::Exact),
        Err(FixedError::Inexact { .. })
    ));
}
