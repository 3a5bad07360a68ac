//! Latency histograms (HDR: three significant digits over the whole range) and what the clock itself costs.

use std::time::Instant;

use hdrhistogram::Histogram;
use proofbook_workload::MessageKind;

use crate::json::Value;

const HIGHEST_NS: u64 = 100_000_000_000;
const DIGITS: u8 = 3;

/// Latencies of all messages and of each kind.
pub struct Latencies {
    all: Histogram<u64>,
    by_kind: [Histogram<u64>; 4],
}

const KINDS: [(MessageKind, &str); 4] = [
    (MessageKind::New, "new"),
    (MessageKind::NewImmediateOrCancel, "new_immediate_or_cancel"),
    (MessageKind::Cancel, "cancel"),
    (MessageKind::Replace, "replace"),
];

fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, HIGHEST_NS, DIGITS).expect("the bounds are valid")
}

impl Default for Latencies {
    fn default() -> Self {
        Latencies::new()
    }
}

impl Latencies {
    /// No latency yet.
    pub fn new() -> Self {
        Latencies {
            all: empty(),
            by_kind: core::array::from_fn(|_| empty()),
        }
    }

    /// Counts the latency of one message.
    pub fn record(&mut self, kind: MessageKind, latency_ns: u64) {
        self.all.saturating_record(latency_ns);
        self.by_kind[kind as usize].saturating_record(latency_ns);
    }

    /// For reports.
    pub fn to_json(&self) -> Value {
        let mut members = vec![("all".to_owned(), histogram_json(&self.all, true))];
        members.extend(KINDS.map(|(kind, name)| {
            let histogram = &self.by_kind[kind as usize];
            (name.to_owned(), histogram_json(histogram, false))
        }));
        Value::Object(members)
    }
}

fn histogram_json(histogram: &Histogram<u64>, with_curve: bool) -> Value {
    let at = |quantile| Value::from(histogram.value_at_quantile(quantile));
    let mut members = vec![
        ("count", Value::from(histogram.len())),
        ("mean_ns", Value::from(histogram.mean())),
        ("min_ns", Value::from(histogram.min())),
        ("p50_ns", at(0.5)),
        ("p90_ns", at(0.9)),
        ("p99_ns", at(0.99)),
        ("p999_ns", at(0.999)),
        ("p9999_ns", at(0.9999)),
        ("max_ns", Value::from(histogram.max())),
    ];
    if with_curve {
        // Eight points for each nine of the quantile, down to one in a million.
        let points = (0..=48).map(|step| {
            let quantile = 1.0 - 10f64.powf(-f64::from(step) / 8.0);
            Value::from(vec![Value::from(quantile), at(quantile)])
        });
        members.push(("curve", Value::from(points.collect::<Vec<_>>())));
    }
    let owned = members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Value::Object(owned.collect())
}

/// What one reading of the clock costs, and its smallest step: part of every latency of a closed loop.
pub fn timer_json() -> Value {
    let mut histogram = empty();
    let mut before = Instant::now();
    for _ in 0..200_000 {
        let now = Instant::now();
        histogram.saturating_record(nanoseconds(before, now));
        before = now;
    }
    histogram_json(&histogram, false)
}

/// The time from `start` to `end`.
#[inline]
pub fn nanoseconds(start: Instant, end: Instant) -> u64 {
    u64::try_from(end.duration_since(start).as_nanos()).unwrap_or(u64::MAX)
}
