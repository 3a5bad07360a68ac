//! The ladder's design beside its alternatives, on the accesses that the five scenarios really make.
//!
//! `cargo bench -p proofbook-bench --bench alternatives` runs every workload through the rules over a book that writes down what
//! the rules ask of it: which ids are looked up, entered and removed, and at which prices orders come, change and go. Each
//! candidate structure then replays these accesses alone. All candidates must give the same answers; then
//! they are timed. A losing structure stays in here, out of the default path.
//!
//! A figure is the mean time of one access, from a sum over short stretches of the smallest of several passes, which other
//! programs on the machine disturb little.

extern crate alloc;

mod ids;
mod ladder;
mod levels;
mod record;

use std::time::Instant;

use proofbook_workload::{generate, Parameters, Scenario};

/// Passes over the recorded accesses.
const PASSES: usize = 7;
/// Accesses of a stretch.
const STRETCH: usize = 4096;

/// A candidate's figures: mean time of an access, and a sum of its answers.
struct Outcome {
    name: &'static str,
    access_ns: f64,
    answers: u64,
}

/// Replays accesses on a new structure in each pass. `apply` gives an answer for each access.
fn replay<S, O>(
    name: &'static str,
    accesses: &[O],
    make: impl Fn() -> S,
    mut apply: impl FnMut(&mut S, &O) -> u64,
) -> Outcome {
    let mut smallest_ns = vec![u64::MAX; accesses.len().div_ceil(STRETCH)];
    let mut answers = 0u64;
    for _ in 0..PASSES {
        let mut structure = make();
        answers = 0;
        for (stretch, smallest) in accesses.chunks(STRETCH).zip(&mut smallest_ns) {
            let start = Instant::now();
            for access in stretch {
                answers = answers
                    .wrapping_mul(31)
                    .wrapping_add(apply(&mut structure, access));
            }
            *smallest = (*smallest).min(start.elapsed().as_nanos() as u64);
        }
    }
    Outcome {
        name,
        access_ns: smallest_ns.iter().sum::<u64>() as f64 / accesses.len() as f64,
        answers,
    }
}

/// Prints a table: a row for each candidate, a column for each scenario.
fn table(title: &str, columns: &[(Scenario, usize, Vec<Outcome>)]) {
    println!("\n{title}\n");
    let names: Vec<_> = columns
        .iter()
        .map(|(scenario, ..)| scenario.name())
        .collect();
    println!("| structure | {} |", names.join(" | "));
    println!("| --- |{}", " ---: |".repeat(columns.len()));
    for row in 0..columns[0].2.len() {
        let cells: Vec<_> = columns
            .iter()
            .map(|(.., outcomes)| format!("{:.1}", outcomes[row].access_ns))
            .collect();
        println!("| {} | {} |", columns[0].2[row].name, cells.join(" | "));
    }
    let counts: Vec<_> = columns
        .iter()
        .map(|(_, count, _)| count.to_string())
        .collect();
    println!("| accesses | {} |", counts.join(" | "));
}

fn assert_agreement(scenario: Scenario, outcomes: &[Outcome]) {
    for outcome in outcomes {
        assert_eq!(
            outcome.answers,
            outcomes[0].answers,
            "{} answers differently from {} on {}",
            outcome.name,
            outcomes[0].name,
            scenario.name()
        );
    }
}

fn main() {
    let new_orders = std::env::var("PROOFBOOK_NEW_ORDERS").map_or(1_000_000, |text| {
        text.parse().expect("PROOFBOOK_NEW_ORDERS is a number")
    });
    let (mut id_columns, mut level_columns) = (Vec::new(), Vec::new());
    for scenario in Scenario::ALL {
        let messages = generate(&Parameters {
            new_orders,
            ..Parameters::full(scenario)
        });
        let recording = record::record(&messages);
        let outcomes = ids::outcomes(&recording.ids, u64::from(new_orders));
        assert_agreement(scenario, &outcomes);
        id_columns.push((scenario, recording.ids.len(), outcomes));
        let outcomes = levels::outcomes(&recording.levels);
        assert_agreement(scenario, &outcomes);
        level_columns.push((scenario, recording.levels.len(), outcomes));
    }
    table("Finding an order by id, ns per access:", &id_columns);
    table("Finding a price level, ns per access:", &level_columns);
}
