//! The reactor's counters and histograms as JSON: `{"counters": {name: n}, "gauges": {name: n}, "histograms": {name: {"count", "sum", "buckets": [[le, n]]}}}`.
//!
//! A bucket counts all values up to its bound, as Prometheus wants it. Of the reactor's buckets each second power of two is shown: enough for a picture, few enough for
//! a scrape.

use proofbook_gateway::{Counter, Histogram, Metrics};
use serde_json::{json, Map, Value};

/// Bounds that are shown: from 2^10 ns, a microsecond, to 2^34 ns, 17 s.
const BOUND_BITS: std::ops::RangeInclusive<u32> = 10..=34;

fn histogram(histogram: &Histogram) -> Value {
    let counts: Vec<u64> = histogram.counts().collect();
    let total: u64 = counts.iter().sum();
    let up_to = |bound: u64| -> u64 {
        let buckets = counts.iter().enumerate();
        let below = buckets
            .filter(|(bucket, _)| Histogram::bound(*bucket).is_some_and(|most| most < bound));
        below.map(|(_, count)| count).sum()
    };
    let buckets: Vec<Value> = BOUND_BITS
        .step_by(2)
        .map(|bits| json!([1u64 << bits, up_to(1 << bits)]))
        .collect();
    json!({ "count": total, "sum": histogram.sum(), "buckets": buckets })
}

fn numbers(counters: &[(&str, &Counter)]) -> Map<String, Value> {
    let counters = counters.iter();
    counters
        .map(|(name, counter)| ((*name).to_owned(), counter.get().into()))
        .collect()
}

/// All of it.
pub(crate) fn encode(metrics: &Metrics) -> Vec<u8> {
    let counters = numbers(&[
        ("messages_in", &metrics.messages_in),
        ("messages_out", &metrics.messages_out),
        ("bytes_in", &metrics.bytes_in),
        ("bytes_out", &metrics.bytes_out),
        ("connections_taken", &metrics.connections_taken),
        ("connections_refused", &metrics.connections_refused),
        ("entries", &metrics.entries),
        ("refusals", &metrics.refusals),
        ("requests", &metrics.requests),
        ("commits", &metrics.commits),
        ("snapshots", &metrics.snapshots),
    ]);
    let gauges = numbers(&[
        ("connections", &metrics.connections),
        ("requests_waiting", &metrics.requests_waiting),
    ]);
    let all = json!({
        "counters": counters,
        "gauges": gauges,
        "histograms": {
            "turn_ns": histogram(&metrics.turn_ns),
            "commit_ns": histogram(&metrics.commit_ns),
            "snapshot_ns": histogram(&metrics.snapshot_ns),
        },
    });
    all.to_string().into_bytes()
}
