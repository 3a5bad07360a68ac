//! Throughput and latency of one contender on one workload.

use std::time::{Duration, Instant};

use proofbook_workload::Message;

use crate::contender::{Contender, Fills};
use crate::json::Value;
use crate::latency::{nanoseconds, timer_json, Latencies};

/// Messages between two looks at the clock where single ones are not timed.
const BATCH_MESSAGES: usize = 1024;
/// Share of the workload that runs untimed in a market of its own first, so that code and memory are warm: 1/8.
const WARM_UP_SHARE: usize = 8;

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Latencies too, not only throughput.
    pub with_latency: bool,
    /// Messages per second in the open loop.
    pub rate_per_s: u64,
    /// Each part stops after this long, wherever it is.
    pub limit: Duration,
}

/// What a timed run through a workload found.
#[derive(Clone, Copy, Debug)]
pub struct Throughput {
    /// Messages applied: all, unless time ran out.
    pub messages: usize,
    /// How long they took.
    pub elapsed_ns: u64,
    /// Their trades.
    pub fills: Fills,
    /// How long of that the thread waited for a core that others had, where the system tells.
    pub waited_ns: Option<u64>,
}

/// How long this thread has waited for a core so far, as Linux tells: the second field of its scheduler statistics.
fn waited_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().nth(1)?.parse().ok()
}

impl Throughput {
    /// Messages per second.
    pub fn per_s(&self) -> f64 {
        self.messages as f64 * 1e9 / self.elapsed_ns as f64
    }

    /// Share of the time in which the thread waited for a core; not a number where the system does not tell.
    pub fn waited_share(&self) -> f64 {
        self.waited_ns.map_or(f64::NAN, |waited_ns| {
            waited_ns as f64 / self.elapsed_ns as f64
        })
    }
}

/// Median, smallest and largest of some figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle one, of an even number the higher of both.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// For reports.
    pub fn to_json(self) -> Value {
        Value::object([
            ("median", Value::from(self.median)),
            ("min", Value::from(self.min)),
            ("max", Value::from(self.max)),
        ])
    }
}

/// The spread of at least one figure.
pub fn spread(mut figures: Vec<f64>) -> Spread {
    figures.sort_by(f64::total_cmp);
    Spread {
        median: figures[figures.len() / 2],
        min: figures[0],
        max: figures[figures.len() - 1],
    }
}

/// Applies all messages as fast as they go, to a new contender.
pub fn throughput<C: Contender>(inputs: &[C::Input], limit: Duration) -> Throughput {
    throughput_of(C::new(), inputs, limit)
}

/// Applies all messages as fast as they go. What a simulation of the caches counts is this function.
#[inline(never)]
pub fn throughput_of<C: Contender>(
    mut contender: C,
    inputs: &[C::Input],
    limit: Duration,
) -> Throughput {
    let limit_ns = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
    let mut messages = 0;
    let mut elapsed_ns = 0;
    let waited_before_ns = waited_ns();
    let start = Instant::now();
    for batch in inputs.chunks(BATCH_MESSAGES) {
        for input in batch {
            contender.apply(input);
        }
        messages += batch.len();
        elapsed_ns = nanoseconds(start, Instant::now());
        if elapsed_ns > limit_ns {
            break;
        }
    }
    Throughput {
        messages,
        elapsed_ns: elapsed_ns.max(1),
        fills: contender.fills(),
        waited_ns: waited_ns()
            .zip(waited_before_ns)
            .map(|(after, before)| after - before),
    }
}

/// Times every message, one right after the other. Each latency contains one reading of the clock.
fn closed_loop<C: Contender>(messages: &[Message], inputs: &[C::Input], limit: Duration) -> Value {
    let mut contender = C::new();
    let mut latencies = Latencies::new();
    let start = Instant::now();
    for (message, input) in messages.iter().zip(inputs) {
        let before = Instant::now();
        contender.apply(input);
        let after = Instant::now();
        latencies.record(message.kind, nanoseconds(before, after));
        if after.duration_since(start) > limit {
            break;
        }
    }
    std::hint::black_box(contender.fills());
    latencies.to_json()
}

/// Sends messages at a fixed rate, whether or not the one before is done, and counts each latency from the time at which
/// the message was due: waiting behind slow messages is part of it (no coordinated omission).
fn open_loop<C: Contender>(messages: &[Message], inputs: &[C::Input], plan: &Plan) -> Value {
    let mut contender = C::new();
    let mut latencies = Latencies::new();
    let interval_ns = 1e9 / plan.rate_per_s as f64;
    let mut sent = 0u64;
    let start = Instant::now() + Duration::from_millis(1);
    let mut end = start;
    for (message, input) in messages.iter().zip(inputs) {
        let due = start + Duration::from_nanos((sent as f64 * interval_ns) as u64);
        while Instant::now() < due {
            std::hint::spin_loop();
        }
        contender.apply(input);
        end = Instant::now();
        latencies.record(message.kind, nanoseconds(due, end));
        sent += 1;
        if end.duration_since(start) > plan.limit {
            break;
        }
    }
    std::hint::black_box(contender.fills());
    let planned_ns = sent as f64 * interval_ns;
    let elapsed_ns = nanoseconds(start, end) as f64;
    Value::object([
        ("rate_per_s", Value::from(plan.rate_per_s)),
        // Behind by more than a hundredth at the end: the queue only grew.
        ("is_sustained", Value::from(elapsed_ns < planned_ns * 1.01)),
        ("latency", latencies.to_json()),
    ])
}

/// Measures a contender on a workload, after a warm-up.
pub fn measure<C: Contender>(messages: &[Message], plan: &Plan) -> Value {
    let inputs: Vec<C::Input> = messages.iter().map(C::prepare).collect();
    let warm_up = &inputs[..inputs.len() / WARM_UP_SHARE];
    throughput::<C>(warm_up, plan.limit / WARM_UP_SHARE as u32);
    let result = throughput::<C>(&inputs, plan.limit);
    let mut members = vec![
        ("contender", Value::from(C::NAME)),
        ("differences", Value::from(C::DIFFERENCES)),
        ("messages", Value::from(result.messages)),
        (
            "is_complete",
            Value::from(result.messages == messages.len()),
        ),
        ("elapsed_ns", Value::from(result.elapsed_ns)),
        ("commands_per_s", Value::from(result.per_s())),
        ("waited_share", Value::from(result.waited_share())),
        ("trades", Value::from(result.fills.trades)),
        ("volume", Value::from(result.fills.volume)),
        (
            "trade_hash",
            Value::from(format!("{:016x}", result.fills.hash)),
        ),
    ];
    if plan.with_latency {
        members.push(("timer", timer_json()));
        members.push((
            "closed_loop",
            closed_loop::<C>(messages, &inputs, plan.limit),
        ));
        members.push(("open_loop", open_loop::<C>(messages, &inputs, plan)));
    }
    let owned = members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Value::Object(owned.collect())
}
