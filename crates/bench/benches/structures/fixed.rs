//! Sums, elementwise sums and notionals: `rust_decimal`, a plain loop in 128 bits, and every kernel. Prices and quantities lie ready.

use proofbook_fixed::{FixedPoint, Kernel, Rounding};
use proofbook_workload::Random;
use rust_decimal::Decimal;

use crate::contest::{contest, Contender};

const NUMBERS: usize = 100_000;

pub fn run() {
    let mut random = Random::new(1);
    let prices: Vec<i64> = (0..NUMBERS)
        .map(|_| 3_350_000 + random.below(100_000) as i64)
        .collect();
    let lots: Vec<u64> = (0..NUMBERS).map(|_| 1 + random.below(100_000)).collect();
    let decimal_prices: Vec<Decimal> = prices.iter().map(|&price| Decimal::new(price, 2)).collect();
    let decimal_lots: Vec<Decimal> = lots.iter().map(|&lots| Decimal::from(lots)).collect();
    let mut contenders = vec![
        Contender::new("rust_decimal", || {
            let products = decimal_prices
                .iter()
                .zip(&decimal_lots)
                .map(|(price, lots)| price * lots);
            let mut sum: Decimal = products.sum();
            sum.rescale(2);
            sum.mantissa() as u64
        }),
        Contender::new("plain loop, unchecked past 128 bits", || {
            let products = prices
                .iter()
                .zip(&lots)
                .map(|(&price, &lots)| i128::from(price) * i128::from(lots));
            products.sum::<i128>() as u64
        }),
    ];
    for kernel in Kernel::all() {
        let (prices, lots) = (&prices, &lots);
        contenders.push(Contender::new(kernel.name(), move || {
            kernel.notional(prices, lots).expect("it fits") as u64
        }));
    }
    contest("notional, 100,000 trades", "trade", NUMBERS, contenders);
    sums(&prices, &lots);
    products(&prices);
}

fn sums(prices: &[i64], lots: &[u64]) {
    let others: Vec<i64> = lots.iter().map(|&lots| lots as i64).collect();
    let plain = Contender::new("plain loop, checked", || {
        let sums = prices
            .iter()
            .zip(&others)
            .map(|(&a, &b)| a.checked_add(b).expect("it fits"));
        sums.collect::<Vec<i64>>()
            .iter()
            .fold(0, |sum, &unit| sum ^ unit) as u64
    });
    let mut contenders = vec![plain];
    for kernel in Kernel::all() {
        let others = &others;
        contenders.push(Contender::new(kernel.name(), move || {
            let mut out = vec![0; prices.len()];
            kernel.add(prices, others, &mut out).expect("it fits");
            out.iter().fold(0, |sum, &unit| sum ^ unit) as u64
        }));
    }
    contest(
        "checked addition, 100,000 pairs",
        "pair",
        NUMBERS,
        contenders,
    );
    let plain = Contender::new("plain loop", || {
        prices.iter().map(|&unit| i128::from(unit)).sum::<i128>() as u64
    });
    let mut contenders = vec![plain];
    for kernel in Kernel::all() {
        contenders.push(Contender::new(kernel.name(), move || {
            kernel.sum(prices) as u64
        }));
    }
    contest("sum, 100,000 numbers", "number", NUMBERS, contenders);
}

fn products(prices: &[i64]) {
    let points: Vec<FixedPoint<4>> = prices
        .iter()
        .map(|&units| FixedPoint::from_units(units))
        .collect();
    let decimals: Vec<Decimal> = prices.iter().map(|&units| Decimal::new(units, 4)).collect();
    let contenders = vec![
        Contender::new("rust_decimal", || {
            let products = decimals.windows(2).map(|pair| {
                let mut product = (pair[0] * pair[1]).round_dp(4);
                product.rescale(4);
                product.mantissa() as u64
            });
            products.fold(0, |sum, product| sum ^ product)
        }),
        Contender::new("fixed point", || {
            let products = points.windows(2).map(|pair| {
                let product = pair[0].checked_mul(pair[1], Rounding::HalfEven);
                product.expect("it fits").units() as u64
            });
            products.fold(0, |sum, product| sum ^ product)
        }),
    ];
    contest(
        "products, rounded half to even",
        "product",
        NUMBERS - 1,
        contenders,
    );
}
