//! How long each operation takes on books that grow.
//!
//! Timed are stretches: so many operations, one after another, between two readings of the clock, that these are at most a twentieth of what is
//! measured. A sample is a stretch's time divided by its operations; percentiles are those of the samples. Slow operations stand alone in their stretch.

use std::time::{Duration, Instant};

use proofbook_bench::Value;
use proofbook_books::{NamedBook, Visitor};

use crate::meter::{Clock, Meter, Unread};
use crate::operation::{Axis, Operation};
use crate::standing::{Standing, Trading};

/// Operations of a stretch, tried from the first on until the clock is small beside them.
const STRETCHES: [usize; 4] = [1, 4, 16, 64];
/// How many times the clock's cost a stretch must take.
const CLOCK_SHARE: u64 = 20;
/// Stretches that decide how long the others are.
const TRIALS: usize = 15;
/// Fewest samples for a percentile to be told: it must not be the largest one alone.
const SAMPLES_FOR_P999: usize = 1000;

/// One book, growing.
pub struct Growth<'a> {
    /// How it grows.
    pub axis: Axis,
    /// Through which sizes.
    pub sizes: &'a [usize],
    /// Stretches of each operation on each.
    pub samples: usize,
    /// An operation on a book of one size is given up after this long.
    pub limit: Duration,
}

/// Something that does stretches of operations.
trait Stretching {
    fn stretch_max(&self, operation: Operation) -> usize;
    fn stretch(&mut self, operation: Operation, count: usize, meter: &mut dyn Meter);
}

impl<B: NamedBook> Stretching for Standing<B> {
    fn stretch_max(&self, operation: Operation) -> usize {
        Standing::stretch_max(self, operation)
    }

    fn stretch(&mut self, operation: Operation, count: usize, meter: &mut dyn Meter) {
        Standing::stretch(self, operation, count, meter);
    }
}

impl<B: NamedBook> Stretching for Trading<B> {
    fn stretch_max(&self, operation: Operation) -> usize {
        Trading::stretch_max(self, operation)
    }

    fn stretch(&mut self, operation: Operation, count: usize, meter: &mut dyn Meter) {
        Trading::stretch(self, operation, count, meter);
    }
}

impl Visitor for Growth<'_> {
    type Output = Value;

    fn visit<B: NamedBook>(self) -> Value {
        let mut clock = Clock::new();
        let clock_ns = clock.cost_ns();
        let points = self.sizes.iter().map(|&size| {
            let shape = self.axis.shape(size);
            let started = Instant::now();
            let mut standing = Standing::<B>::new(shape);
            let build_ns = started.elapsed().as_nanos() as f64 / size as f64;
            let mut operations = self.measure_all(&mut standing, false);
            drop(standing);
            operations.extend(self.measure_all(&mut Trading::<B>::new(shape), true));
            Value::object([
                ("size", Value::from(size)),
                ("levels", Value::from(shape.levels)),
                ("orders", Value::from(shape.orders())),
                ("build_ns_per_order", Value::from(build_ns)),
                ("operations", Value::Object(operations)),
            ])
        });
        Value::object([
            ("axis", Value::from(self.axis.name())),
            ("clock_ns", Value::from(clock_ns)),
            ("points", Value::from(points.collect::<Vec<_>>())),
        ])
    }
}

impl Growth<'_> {
    fn measure_all(&self, book: &mut dyn Stretching, is_matched: bool) -> Vec<(String, Value)> {
        Operation::ALL
            .into_iter()
            .filter(|operation| operation.is_on(self.axis) && operation.is_matched() == is_matched)
            .map(|operation| (operation.name().to_owned(), self.measure(book, operation)))
            .collect()
    }

    fn measure(&self, book: &mut dyn Stretching, operation: Operation) -> Value {
        let mut clock = Clock::new();
        let started = Instant::now();
        let count = stretch_length(book, operation, &mut clock);
        let mut samples_ns: Vec<f64> = Vec::with_capacity(self.samples);
        while samples_ns.len() < self.samples {
            book.stretch(operation, count, &mut clock);
            samples_ns.push(clock.elapsed_ns() as f64 / count as f64);
            if started.elapsed() > self.limit {
                break;
            }
        }
        percentiles(samples_ns, count)
    }
}

/// How many operations a stretch needs for the clock to be small beside it, and may have.
fn stretch_length(book: &mut dyn Stretching, operation: Operation, clock: &mut Clock) -> usize {
    let enough_ns = CLOCK_SHARE * clock.cost_ns();
    let most = book.stretch_max(operation);
    let mut count = 1;
    for length in STRETCHES {
        count = length.min(most);
        book.stretch(operation, count, &mut Unread);
        let mut times_ns: Vec<u64> = (0..TRIALS)
            .map(|_| {
                book.stretch(operation, count, clock);
                clock.elapsed_ns()
            })
            .collect();
        times_ns.sort_unstable();
        if times_ns[TRIALS / 2] >= enough_ns || count == most {
            break;
        }
    }
    count
}

/// The figures of samples, of which there is at least one, each the mean of `per_sample` operations.
pub fn percentiles(mut samples_ns: Vec<f64>, per_sample: usize) -> Value {
    samples_ns.sort_by(f64::total_cmp);
    let count = samples_ns.len();
    let at = |per_mille: usize| samples_ns[(count - 1) * per_mille / 1000];
    let rare = if count >= SAMPLES_FOR_P999 {
        at(999)
    } else {
        f64::NAN
    };
    Value::object([
        ("per_sample", Value::from(per_sample)),
        ("samples", Value::from(count)),
        (
            "mean_ns",
            Value::from(samples_ns.iter().sum::<f64>() / count as f64),
        ),
        ("p50_ns", Value::from(at(500))),
        ("p99_ns", Value::from(at(990))),
        ("p999_ns", Value::from(rare)),
        ("max_ns", Value::from(samples_ns[count - 1])),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_samples() {
        let text = percentiles((1..=1000).rev().map(f64::from).collect(), 7).to_string();
        assert_eq!(
            text,
            "{\"per_sample\": 7, \"samples\": 1000, \"mean_ns\": 500.5, \"p50_ns\": 500, \"p99_ns\": 990, \"p999_ns\": 999, \"max_ns\": 1000}"
        );
        let few = percentiles(vec![1.0; 999], 1).to_string();
        assert!(few.contains("\"p999_ns\": null"), "{few}");
    }
}
