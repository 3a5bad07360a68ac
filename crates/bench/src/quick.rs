//! The short benchmark: both books on every scenario, in one process, in well under a minute.

use std::time::Duration;

use proofbook_workload::{generate, Message, Parameters, Scenario};

use crate::books::{event_digest, BookName, LadderMarket, ReferenceMarket};
use crate::contender::Contender;
use crate::json::Value;
use crate::machine;
use crate::measure::{measure, throughput, Plan};

/// How much to do.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Realisation of the workloads.
    pub seed: u64,
    /// New orders in each.
    pub new_orders: u32,
    /// Runs of each book on each workload, interleaved.
    pub runs: u32,
}

const LIMIT: Duration = Duration::from_secs(60);
/// Open loop: far below what either book can take.
const RATE_PER_S: u64 = 250_000;

/// Checks that both books say the same, then times them.
pub fn run(options: &Options) -> Value {
    let mut is_same = true;
    let mut scenarios = Vec::new();
    let mut rates: [Vec<(String, Value)>; 2] = Default::default();
    let mut medians: [Vec<(Scenario, f64)>; 2] = Default::default();
    let mut latencies = Vec::new();
    for scenario in Scenario::ALL {
        let messages = generate(&Parameters {
            scenario,
            seed: options.seed,
            new_orders: options.new_orders,
        });
        let [expected, found] = BookName::ALL.map(|book| event_digest(book, &messages));
        is_same &= expected == found;
        scenarios.push((
            scenario.name().to_owned(),
            Value::object([
                ("messages", Value::from(messages.len())),
                ("hash_ok", Value::from(expected == found)),
                ("reference", expected.to_json()),
                ("ladder", found.to_json()),
            ]),
        ));
        for (index, runs) in interleaved(&messages, options.runs).into_iter().enumerate() {
            medians[index].push((scenario, runs[runs.len() / 2]));
            rates[index].push((scenario.name().to_owned(), spread(&runs)));
        }
        if scenario == Scenario::Normal {
            let plan = Plan {
                with_latency: true,
                rate_per_s: RATE_PER_S,
                limit: LIMIT,
            };
            latencies.push(measure::<ReferenceMarket>(&messages, &plan));
            latencies.push(measure::<LadderMarket>(&messages, &plan));
        }
    }
    let books = BookName::ALL
        .into_iter()
        .zip(rates)
        .zip(medians)
        .zip(latencies);
    let books = books.map(|(((book, rates), medians), latency)| {
        (book.name().to_owned(), book_json(rates, &medians, latency))
    });
    Value::object([
        ("hash_ok", Value::from(is_same)),
        ("seed", Value::from(options.seed)),
        ("new_orders", Value::from(options.new_orders)),
        ("runs", Value::from(options.runs)),
        ("books", Value::Object(books.collect())),
        ("workloads", Value::Object(scenarios)),
        ("machine", machine::report()),
    ])
}

fn book_json(rates: Vec<(String, Value)>, medians: &[(Scenario, f64)], latency: Value) -> Value {
    let normal = medians
        .iter()
        .find(|(scenario, _)| *scenario == Scenario::Normal)
        .map_or(f64::NAN, |(_, rate)| *rate);
    let worst = medians
        .iter()
        .min_by(|(_, a), (_, b)| a.total_cmp(b))
        .expect("there are scenarios");
    Value::object([
        ("commands_per_s", Value::from(normal)),
        ("worst_commands_per_s", Value::from(worst.1)),
        ("worst_scenario", Value::from(worst.0.name())),
        ("scenarios", Value::Object(rates)),
        ("normal", latency),
    ])
}

/// Rates of both books, each sorted: A B A B ...
fn interleaved(messages: &[Message], runs: u32) -> [Vec<f64>; 2] {
    let commands: Vec<_> = messages.iter().map(LadderMarket::prepare).collect();
    let mut rates: [Vec<f64>; 2] = Default::default();
    for _ in 0..runs.max(1) {
        rates[0].push(throughput::<ReferenceMarket>(&commands, LIMIT).per_s());
        rates[1].push(throughput::<LadderMarket>(&commands, LIMIT).per_s());
    }
    rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates
    })
}

/// Median, smallest and largest of sorted values.
fn spread(sorted: &[f64]) -> Value {
    Value::object([
        ("median", Value::from(sorted[sorted.len() / 2])),
        ("min", Value::from(sorted[0])),
        ("max", Value::from(sorted[sorted.len() - 1])),
    ])
}
