//! Contenders that must agree before they are timed.

use std::hint::black_box;
use std::time::Instant;

use proofbook_bench::Value;

/// Runs of each contender.
const RUNS: usize = 9;

/// One way of doing a piece of work; it gives an answer that stands for all of its result.
pub struct Contender<'a> {
    name: String,
    work: Box<dyn FnMut() -> u64 + 'a>,
}

impl<'a> Contender<'a> {
    /// A contender.
    pub fn new(name: impl Into<String>, work: impl FnMut() -> u64 + 'a) -> Self {
        Contender {
            name: name.into(),
            work: Box::new(work),
        }
    }
}

/// The first eight bytes of a digest.
pub fn head(digest: &[u8]) -> u64 {
    u64::from_le_bytes(*digest.first_chunk().expect("a digest has eight bytes"))
}

/// Checks that all contenders give the same answer, times them in turns and prints a line of JSON for each.
///
/// # Panics
/// Where their answers differ.
pub fn contest(group: &str, unit: &str, units: usize, mut contenders: Vec<Contender<'_>>) {
    let answers: Vec<u64> = contenders
        .iter_mut()
        .map(|contender| (contender.work)())
        .collect();
    for (contender, answer) in contenders.iter().zip(&answers) {
        assert_eq!(
            *answer, answers[0],
            "{group}: {} says something else",
            contender.name
        );
    }
    let mut times_ns = vec![Vec::with_capacity(RUNS); contenders.len()];
    for _ in 0..RUNS {
        for (contender, times_ns) in contenders.iter_mut().zip(&mut times_ns) {
            let start = Instant::now();
            black_box((contender.work)());
            times_ns.push(start.elapsed().as_nanos() as f64 / units as f64);
        }
    }
    times_ns
        .iter_mut()
        .for_each(|times_ns| times_ns.sort_by(f64::total_cmp));
    let first = times_ns[0][RUNS / 2];
    for (contender, times_ns) in contenders.iter().zip(&times_ns) {
        let median = times_ns[RUNS / 2];
        let line = Value::object([
            ("group", Value::from(group)),
            ("contender", Value::from(contender.name.as_str())),
            ("unit", Value::from(unit)),
            ("units", Value::from(units)),
            ("equal", Value::from(true)),
            ("median_ns", Value::from(median)),
            ("min_ns", Value::from(times_ns[0])),
            ("max_ns", Value::from(times_ns[RUNS - 1])),
            ("ratio_to_first", Value::from(median / first)),
        ]);
        println!("{line}");
    }
}
