//! The short benchmark: books on every scenario, in one process; for two books in well under a minute.

use std::time::Duration;

use proofbook_books::{NamedBook, Structure, Visitor};
use proofbook_types::Command;
use proofbook_workload::{generate, Message, Parameters, Scenario};

use crate::books::{event_digest, BookMarket};
use crate::command::measure_book;
use crate::json::Value;
use crate::machine;
use crate::measure::{spread, throughput, Plan};

/// How much to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Realisation of the workloads.
    pub seed: u64,
    /// New orders in each.
    pub new_orders: u32,
    /// Runs of each book on each workload, interleaved.
    pub runs: u32,
    /// The books beside the reference book; none stands for the default book.
    pub books: Vec<Structure>,
}

const LIMIT: Duration = Duration::from_secs(60);
/// Open loop: far below what any book can take.
const RATE_PER_S: u64 = 250_000;

/// The books to be timed: the reference book first, each once.
fn books(chosen: &[Structure]) -> Vec<Structure> {
    let mut books = vec![Structure::Reference];
    let default = [Structure::default()];
    let chosen = if chosen.is_empty() { &default } else { chosen };
    for book in chosen {
        if !books.contains(book) {
            books.push(*book);
        }
    }
    books
}

/// What was found of one book.
struct Found {
    book: Structure,
    rates: Vec<(Scenario, Vec<f64>)>,
    latency: Option<Value>,
}

/// Checks that the books say the same, then times them.
pub fn run(options: &Options) -> Value {
    let mut found: Vec<Found> = books(&options.books)
        .into_iter()
        .map(|book| Found {
            book,
            rates: Vec::new(),
            latency: None,
        })
        .collect();
    let mut is_same = true;
    let mut scenarios = Vec::new();
    for scenario in Scenario::ALL {
        let messages = generate(&Parameters {
            scenario,
            seed: options.seed,
            new_orders: options.new_orders,
        });
        let digests: Vec<_> = found
            .iter()
            .map(|found| event_digest(found.book, &messages))
            .collect();
        let is_same_here = digests.iter().all(|digest| *digest == digests[0]);
        is_same &= is_same_here;
        let mut members = vec![
            ("messages".to_owned(), Value::from(messages.len())),
            ("hash_ok".to_owned(), Value::from(is_same_here)),
        ];
        members.extend(
            found
                .iter()
                .zip(&digests)
                .map(|(found, digest)| (found.book.name().to_owned(), digest.to_json())),
        );
        scenarios.push((scenario.name().to_owned(), Value::Object(members)));
        time(&mut found, scenario, &messages, options.runs);
    }
    let books = found
        .into_iter()
        .map(|found| (found.book.name().to_owned(), found.into_json()));
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

struct Timing<'a>(&'a [Command]);

impl Visitor for Timing<'_> {
    type Output = f64;

    fn visit<B: NamedBook>(self) -> f64 {
        throughput::<BookMarket<B>>(self.0, LIMIT).per_s()
    }
}

/// Times every book on one scenario, A B A B ..., and its latencies on the normal one.
fn time(found: &mut [Found], scenario: Scenario, messages: &[Message], runs: u32) {
    let commands: Vec<Command> = messages.iter().map(Message::command).collect();
    for found in found.iter_mut() {
        found.rates.push((scenario, Vec::new()));
    }
    for _ in 0..runs.max(1) {
        for found in found.iter_mut() {
            let rate = found.book.visit(Timing(&commands));
            let (_, rates) = found.rates.last_mut().expect("it was pushed above");
            rates.push(rate);
        }
    }
    if scenario == Scenario::Normal {
        let plan = Plan {
            with_latency: true,
            rate_per_s: RATE_PER_S,
            limit: LIMIT,
        };
        for found in found {
            found.latency = Some(measure_book(found.book, messages, &plan));
        }
    }
}

impl Found {
    fn into_json(self) -> Value {
        let spreads: Vec<_> = self
            .rates
            .into_iter()
            .map(|(scenario, rates)| (scenario, spread(rates)))
            .collect();
        let normal = spreads
            .iter()
            .find(|(scenario, _)| *scenario == Scenario::Normal)
            .map_or(f64::NAN, |(_, spread)| spread.median);
        let (worst, lowest) = spreads
            .iter()
            .map(|(scenario, spread)| (*scenario, spread.median))
            .min_by(|(_, a), (_, b)| a.total_cmp(b))
            .expect("there are scenarios");
        let rates = spreads
            .iter()
            .map(|(scenario, spread)| (scenario.name().to_owned(), spread.to_json()));
        Value::object([
            ("commands_per_s", Value::from(normal)),
            ("worst_commands_per_s", Value::from(lowest)),
            ("worst_scenario", Value::from(worst.name())),
            ("scenarios", Value::Object(rates.collect())),
            (
                "normal",
                self.latency.expect("the normal scenario is one of all"),
            ),
        ])
    }
}
