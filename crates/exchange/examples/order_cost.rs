//! What an order costs: through the core alone, and through core and log without syncs.
//!
//! `cargo run --release -p proofbook-exchange --example order_cost -- DIRECTORY [ORDERS]`
//!
//! The flow is one market's: accounts enter limit orders around a price that wanders, and cancel most of them. Before
//! anything is timed, the same flow goes through core and log and is read back from it: both states must be one, and
//! every balance must add up. The log is made in `DIRECTORY` and removed again.
//!
//! Time is the processor's, spent by this thread, since other programs may share the machine; the system's copying of the
//! log into its cache is in it.

#[path = "order_flow/mod.rs"]
mod order_flow;

use std::error::Error;
use std::hint::black_box;
use std::path::Path;

use order_flow::{engine, entries, flow, ran_ns, setup, submit, terms, Scratch};
use proofbook_books::Ladder;
use proofbook_engine::{digest, Verification};
use proofbook_exchange::{open, Entry, Exchange, Outcome};
use proofbook_journal::{Directory, Options, SystemClock};

const ROUNDS: usize = 5;

/// The same entries through the core alone, and through core and log and back, give one state.
fn verify(path: &Path, entries: &[Entry]) -> Result<u64, Box<dyn Error>> {
    let mut core: Exchange<Ladder> = Exchange::new(terms())?;
    let mut trades = 0;
    for entry in entries {
        core.apply(entry, &mut |outcome| {
            if let Outcome::Event { event, .. } = outcome {
                trades += u64::from(event.name() == "trade");
            }
        });
    }
    core.check()?;
    let mut logged = engine(path)?;
    submit(&mut logged, entries, &mut |_, _| {})?;
    logged.close(&mut |_, _| {})?;
    let (read, _) = open::<Ladder, _, _>(
        Directory::open(path)?,
        SystemClock::new(),
        Options::default(),
        Verification::WholeLog,
        u64::MAX,
        &mut |_, _| {},
    )?;
    if read.digest() != digest(&core) {
        return Err("core and log lead to different states".into());
    }
    Ok(trades)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("a directory is needed")?;
    let orders: u64 = arguments.next().map_or(Ok(500_000), |text| text.parse())?;
    let scratch = Scratch(Path::new(&path).join("order_cost"));
    let before = setup()?.len();
    let mut actions = setup()?;
    actions.extend(flow(orders));
    let entries = entries(actions);
    let trades = verify(&scratch.0.join("verify"), &entries)?;
    let (first, rest) = entries.split_at(before + (entries.len() - before) / 4);
    println!(
        "{} entries, {trades} trades; the first quarter warms up; nanoseconds for each entry, median of {ROUNDS}",
        entries.len()
    );
    let mut core_ns = Vec::new();
    let mut log_ns = Vec::new();
    for round in 0..ROUNDS {
        let mut core: Exchange<Ladder> = Exchange::new(terms())?;
        let mut outcomes = 0u64;
        let mut apply = |entry: &Entry| {
            core.apply(entry, &mut |outcome| {
                outcomes += 1;
                black_box(&outcome);
            });
        };
        first.iter().for_each(&mut apply);
        let start = ran_ns()?;
        rest.iter().for_each(&mut apply);
        core_ns.push((ran_ns()? - start) / rest.len() as f64);

        let mut logged = engine(&scratch.0.join(format!("round-{round}")))?;
        let mut sink = |_, outcome| {
            black_box(&outcome);
        };
        submit(&mut logged, first, &mut sink)?;
        let start = ran_ns()?;
        submit(&mut logged, rest, &mut sink)?;
        log_ns.push((ran_ns()? - start) / rest.len() as f64);
    }
    for (name, figures) in [("core", &mut core_ns), ("core and log", &mut log_ns)] {
        figures.sort_by(f64::total_cmp);
        println!(
            "{name:>14} {:7.1} ({:.1} to {:.1})",
            figures[ROUNDS / 2],
            figures[0],
            figures[ROUNDS - 1]
        );
    }
    Ok(())
}
