//! The path on which memory's bandwidth means something: sums over long columns of prices and quantities.
//!
//! Matching is bound by latency, one line of memory after another. Sums of notionals over columns that no cache holds are the project's own
//! work that reads memory as fast as it comes.

use std::hint::black_box;
use std::time::Instant;

use proofbook_bench::latency::nanoseconds;
use proofbook_bench::{spread, Value};
use proofbook_fixed::Kernel;
use proofbook_workload::Random;

/// Bytes of a row: a price and a quantity.
const ROW_BYTES: usize = 16;

/// Sums the notional of so many bytes of columns, several times.
pub fn report(bytes: usize, passes: usize) -> Value {
    let rows = (bytes / ROW_BYTES).max(1);
    let mut random = Random::new(6);
    let prices: Vec<i64> = (0..rows).map(|_| random.below(1 << 20) as i64).collect();
    let quantities: Vec<u64> = (0..rows).map(|_| random.below(1 << 10)).collect();
    let kernel = Kernel::detect();
    let rates = (0..passes.max(1)).map(|_| {
        let start = Instant::now();
        let sum = kernel.notional(black_box(&prices), black_box(&quantities));
        let elapsed_ns = nanoseconds(start, Instant::now()).max(1);
        black_box(sum.is_ok());
        (rows * ROW_BYTES) as f64 * 1e9 / elapsed_ns as f64
    });
    Value::object([
        ("bytes", Value::from(rows * ROW_BYTES)),
        ("kernel", Value::from(kernel.name())),
        ("bytes_per_s", spread(rates.collect()).to_json()),
    ])
}
