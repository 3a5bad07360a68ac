//! Pools, queues, reclamation and lists beside their peers: alone in one thread, and with threads that contend.
//!
//! A contestant does one small thing again and again, each thread with what is its own. All contestants of a group do the same. They take turns,
//! round after round, and what is told is the median of the rounds.

mod allocation;
mod bursts;
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

    /// A quiet moment between stretches: part of the rate, and of no stretch's time.
    fn pause<'a>(&'a self, _own: &mut Self::Own<'a>) {}
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
            self.pause(&mut own);
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
                self.pause(&mut own);
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

/// Who contends.
#[derive(Clone, Copy)]
enum Entries {
    /// Made for so many threads.
    ForThreads(fn(usize) -> Vec<Entry>),
    /// Lists of so many keys.
    WithKeys(fn(u64) -> Vec<Entry>),
}

/// What is done, and who does it.
struct Group {
    operation: &'static str,
    what: &'static str,
    entries: Entries,
}

/// Sizes of lists: a market's usual number of levels, a large one's, and one that no near cache holds.
const LIST_KEYS: [u64; 3] = [1_000, 10_000, 100_000];

const GROUPS: [Group; 8] = [
    Group {
        operation: "allocation",
        what: "an object of 64 bytes made, and the oldest of sixteen given back",
        entries: Entries::ForThreads(allocation::entries),
    },
    Group {
        operation: "burst",
        what: "a burst of 1 to 200 trades taken in one by one and added up, and the oldest of four bursts given back",
        entries: Entries::ForThreads(bursts::entries),
    },
    Group {
        operation: "queue",
        what: "a word pushed and a word popped",
        entries: Entries::ForThreads(queues::entries),
    },
    Group {
        operation: "hazard",
        what: "a published word protected, read and let go",
        entries: Entries::ForThreads(reclamation::hazards),
    },
    Group {
        operation: "epoch",
        what: "the epoch pinned and unpinned",
        entries: Entries::ForThreads(reclamation::epochs),
    },
    Group {
        operation: "list get",
        what: "a random one of the keys looked up",
        entries: Entries::WithKeys(lists::gets),
    },
    Group {
        operation: "list insert",
        what: "a key put between the others and taken out again",
        entries: Entries::WithKeys(lists::inserts),
    },
    Group {
        operation: "list walk",
        what: "ten keys in order from a random one",
        entries: Entries::WithKeys(lists::walks),
    },
];

/// A group as it is asked for: one of lists comes with a number of keys.
struct Question {
    name: String,
    group: &'static Group,
    keys: Option<u64>,
}

impl Question {
    fn all() -> Vec<Question> {
        let of_group = |group: &'static Group| -> Vec<Question> {
            let name = group.operation.to_owned();
            match group.entries {
                Entries::ForThreads(_) => vec![Question {
                    name,
                    group,
                    keys: None,
                }],
                Entries::WithKeys(_) => LIST_KEYS
                    .map(|keys| Question {
                        name: format!("{name}, {keys} keys"),
                        group,
                        keys: Some(keys),
                    })
                    .into(),
            }
        };
        GROUPS.iter().flat_map(of_group).collect()
    }

    fn entries(&self, threads: usize) -> Vec<Entry> {
        match self.group.entries {
            Entries::ForThreads(entries) => entries(threads),
            Entries::WithKeys(entries) => entries(self.keys.unwrap_or(1)),
        }
    }

    /// What it is, for whoever asks and for the answer.
    fn members(&self) -> [(&'static str, Value); 3] {
        [
            ("operation", Value::from(self.group.operation)),
            ("what", Value::from(self.group.what)),
            (
                "keys",
                Value::from(self.keys.map_or(f64::NAN, |keys| keys as f64)),
            ),
        ]
    }
}

/// The names of what can be asked, each with what it is.
pub fn groups() -> Value {
    let questions = Question::all().into_iter();
    let members = questions.map(|question| {
        let members = Value::object(question.members());
        (question.name, members)
    });
    Value::Object(members.collect())
}

/// The names alone.
pub fn names() -> Vec<String> {
    let questions = Question::all().into_iter();
    questions.map(|question| question.name).collect()
}

/// The contest of one group; `None` where there is none of this name.
pub fn contest(name: &str, plan: &Plan) -> Option<Value> {
    let question = Question::all().into_iter().find(|one| one.name == name)?;
    let mut contestants: Vec<(String, Vec<(String, Value)>)> = Vec::new();
    for &threads in &plan.threads {
        let entries = question.entries(threads);
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
    let [operation, what, keys] = question.members();
    Some(Value::object([
        operation,
        what,
        keys,
        ("contestants", Value::Object(contestants.collect())),
    ]))
}

fn figures(rounds: Vec<Round>) -> Value {
    let rates = spread(rounds.iter().map(|round| round.operations_per_s).collect());
    let mean = |round: &Round| round.samples_ns.iter().sum::<f64>() / round.samples_ns.len() as f64;
    let means_ns = spread(rounds.iter().map(mean).collect());
    let samples_ns = rounds.into_iter().flat_map(|round| round.samples_ns);
    Value::object([
        ("operations_per_s", rates.to_json()),
        ("mean_ns", means_ns.to_json()),
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
        for question in Question::all() {
            let name = &question.name;
            let entries = question.entries(2);
            assert!(entries.iter().any(|entry| entry.is_own), "{name}");
            assert!(entries.iter().any(|entry| !entry.is_own), "{name}");
            let answer = contest(name, &plan).expect("it is a group");
            let text = answer.to_string();
            for entry in entries {
                assert!(text.contains(entry.name), "{name}: {text}");
            }
            assert!(!text.contains("null}"), "{text}");
        }
        assert!(contest("nothing", &plan).is_none());
    }
}
