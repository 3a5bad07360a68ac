//! Pools, queues, reclamation and lists beside their peers: alone in one thread, and with threads that contend.
//!
//! A contestant does one small thing again and again, each thread with what is its own. All contestants of a group do the same. They take turns,
//! round after round, and what is told is the median of the rounds.

mod allocation;
mod lists;
mod queues;
mod reclamation;

use std::sync::Barrier;
use std::time::Instant;

use proofbook_bench::latency::nanoseconds;
use proofbook_bench::{spread, Value};

use crate::growth::percentiles;

/// Operations between two readings of the clock.
const STRETCH: usize = 64;

/// How much to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Numbers of threads; the first is 1.
    pub threads: Vec<usize>,
    /// Stretches of each thread in each round.
    pub stretches: usize,
    /// Rounds.
    pub rounds: usize,
}

/// Something that several threads do at once.
trait Contestant: Sync {
    /// What a thread has of its own.
    type Own<'a>
    where
        Self: 'a;

    /// A thread comes: the `thread`-th of them.
    fn enter(&self, thread: usize) -> Self::Own<'_>;

    /// The operation, for the `turn`-th time in this thread.
    fn once<'a>(&'a self, own: &mut Self::Own<'a>, turn: u64);
}

/// The times of one round, in nanoseconds for an operation.
struct Round {
    samples_ns: Vec<f64>,
    operations_per_s: f64,
}

/// A contestant whose type does not matter any more.
trait AnyContestant {
    fn round(&self, threads: usize, stretches: usize) -> Round;
}

impl<C: Contestant> AnyContestant for C {
    fn round(&self, threads: usize, stretches: usize) -> Round {
        let barrier = Barrier::new(threads);
        let started = Instant::now();
        let work = |thread: usize| {
            let mut own = self.enter(thread);
            let mut turn = thread as u64;
            // What a thread meets for the first time is not measured.
            for _ in 0..STRETCH {
                self.once(&mut own, turn);
                turn += threads as u64;
            }
            barrier.wait();
            let begun = Instant::now();
            let mut samples_ns = Vec::with_capacity(stretches);
            for _ in 0..stretches {
                let start = Instant::now();
                for _ in 0..STRETCH {
                    self.once(&mut own, turn);
                    turn += threads as u64;
                }
                samples_ns.push(nanoseconds(start, Instant::now()) as f64 / STRETCH as f64);
            }
            (begun, Instant::now(), samples_ns)
        };
        let work = &work;
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads)
                .map(|thread| scope.spawn(move || work(thread)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("contestants do not panic"))
                .collect()
        });
        let first = results.iter().map(|(begun, ..)| *begun).min();
        let last = results.iter().map(|(_, ended, _)| *ended).max();
        let elapsed_ns = nanoseconds(first.unwrap_or(started), last.unwrap_or(started)).max(1);
        let operations = threads * stretches * STRETCH;
        Round {
            samples_ns: results
                .into_iter()
                .flat_map(|(.., samples_ns)| samples_ns)
                .collect(),
            operations_per_s: operations as f64 * 1e9 / elapsed_ns as f64,
        }
    }
}

/// A contestant of a group.
struct Entry {
    name: &'static str,
    /// Whether it is the project's own.
    is_own: bool,
    contestant: Box<dyn AnyContestant>,
}

fn own(name: &'static str, contestant: impl Contestant + 'static) -> Entry {
    Entry {
        name,
        is_own: true,
        contestant: Box::new(contestant),
    }
}

fn peer(name: &'static str, contestant: impl Contestant + 'static) -> Entry {
    Entry {
        name,
        is_own: false,
        contestant: Box::new(contestant),
    }
}

/// A group: what is done, and who does it, for so many threads.
struct Group {
    name: &'static str,
    what: &'static str,
    entries: fn(usize) -> Vec<Entry>,
}

const GROUPS: [Group; 7] = [
    Group {
        name: "allocation",
        what: "an object of 64 bytes made, and the oldest of sixteen given back",
        entries: allocation::entries,
    },
    Group {
        name: "queue",
        what: "a word pushed and a word popped",
        entries: queues::entries,
    },
    Group {
        name: "hazard",
        what: "a published word protected, read and let go",
        entries: reclamation::hazards,
    },
    Group {
        name: "epoch",
        what: "the epoch pinned and unpinned",
        entries: reclamation::epochs,
    },
    Group {
        name: "list get",
        what: "a random one of 10,000 keys looked up",
        entries: lists::gets,
    },
    Group {
        name: "list insert",
        what: "a key put between 10,000 others and taken out again",
        entries: lists::inserts,
    },
    Group {
        name: "list walk",
        what: "ten keys in order from a random one of 10,000",
        entries: lists::walks,
    },
];

/// The names of the groups.
pub fn groups() -> Vec<&'static str> {
    GROUPS.iter().map(|group| group.name).collect()
}

/// The contest of one group; `None` where there is none of this name.
pub fn contest(name: &str, plan: &Plan) -> Option<Value> {
    let group = GROUPS.iter().find(|group| group.name == name)?;
    let mut contestants: Vec<(String, Vec<(String, Value)>)> = Vec::new();
    for &threads in &plan.threads {
        let entries = (group.entries)(threads);
        let mut rounds: Vec<Vec<Round>> = entries.iter().map(|_| Vec::new()).collect();
        for _ in 0..plan.rounds.max(1) {
            for (entry, rounds) in entries.iter().zip(&mut rounds) {
                rounds.push(entry.contestant.round(threads, plan.stretches.max(1)));
            }
        }
        for (entry, rounds) in entries.iter().zip(rounds) {
            let index = contestants.iter().position(|(name, _)| name == entry.name);
            let index = index.unwrap_or_else(|| {
                let own = ("is_own".to_owned(), Value::from(entry.is_own));
                contestants.push((entry.name.to_owned(), vec![own]));
                contestants.len() - 1
            });
            contestants[index]
                .1
                .push((threads.to_string(), figures(rounds)));
        }
    }
    let contestants = contestants
        .into_iter()
        .map(|(name, members)| (name, Value::Object(members)));
    Some(Value::object([
        ("what", Value::from(group.what)),
        ("contestants", Value::Object(contestants.collect())),
    ]))
}

fn figures(rounds: Vec<Round>) -> Value {
    let rates = spread(rounds.iter().map(|round| round.operations_per_s).collect());
    let samples_ns = rounds.into_iter().flat_map(|round| round.samples_ns);
    Value::object([
        ("operations_per_s", rates.to_json()),
        ("operation", percentiles(samples_ns.collect(), STRETCH)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_ours_and_a_peer_and_all_of_them_run() {
        let plan = Plan {
            threads: vec![1, 2],
            stretches: 4,
            rounds: 2,
        };
        for group in &GROUPS {
            let entries = (group.entries)(2);
            assert!(entries.iter().any(|entry| !entry.is_own), "{}", group.name);
            let text = contest(group.name, &plan)
                .expect("it is a group")
                .to_string();
            for entry in entries {
                assert!(text.contains(entry.name), "{}: {text}", group.name);
            }
            assert!(!text.contains("null}"), "{text}");
        }
        assert!(contest("nothing", &plan).is_none());
    }
}
