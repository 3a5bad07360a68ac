//! Whether what threads saw of a shared structure can be explained by one order of their operations.
//!
//! A history holds, for each operation, when it was called, when it returned, and what came of it. It is linearizable
//! (Herlihy and Wing, "Linearizability: a correctness condition for concurrent objects", 1990) where each operation can be given one
//! instant between its call and its return such that a plain sequential structure, asked in that order, answers the same. The search
//! is that of Wing and Gong ("Testing and verifying concurrent objects", 1993) with Lowe's memory of configurations that were seen before ("Testing
//! for linearizability", 2017): a set of operations that took effect, with the state that they led to, is never tried twice.
//!
//! - [`Model`] is the sequential structure; [`Recorder`] and [`Log`] write down what threads do; [`check`] decides.
//! - [`check_by_key`] splits a history whose operations on different keys do not touch each other: the whole is linearizable exactly
//!   where each part is (the locality theorem of Herlihy and Wing), and parts are much faster to search.
//!
//! Invariants: entries are complete (each operation returned), and times are those of one clock, each used once. The search is
//! exact: it refuses no history that has an order, and accepts none that has not. What it may hold is bounded by
//! [`CONFIGURATIONS_MAX`]; beyond it says that it did not decide, which is an error too.

use std::collections::{BTreeMap, HashSet};
use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Configurations that one search may remember.
pub const CONFIGURATIONS_MAX: usize = 4_000_000;

/// A sequential structure: the specification of the shared one.
pub trait Model {
    /// All that a later answer can depend on.
    type State: Clone + Eq + Hash;
    /// What is asked.
    type Operation: Debug;
    /// What is answered.
    type Outcome: Debug;

    /// The state before the first operation.
    fn initial(&self) -> Self::State;

    /// The state after this operation where the outcome is one that the structure may give in this state, none where it is not.
    fn step(
        &self,
        state: &Self::State,
        operation: &Self::Operation,
        outcome: &Self::Outcome,
    ) -> Option<Self::State>;
}

/// One operation of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<O, R> {
    /// Which thread called it.
    pub thread: usize,
    /// When it was called, by the history's clock.
    pub called: u64,
    /// When it returned; after `called`.
    pub returned: u64,
    /// What was asked.
    pub operation: O,
    /// What was answered.
    pub outcome: R,
}

/// The clock of one history, and the numbers of its threads.
#[derive(Debug, Default)]
pub struct Recorder {
    clock: AtomicU64,
    threads: AtomicUsize,
}

impl Recorder {
    /// A clock that starts.
    pub fn new() -> Self {
        Self::default()
    }

    /// The log of one more thread.
    pub fn log<O, R>(&self) -> Log<'_, O, R> {
        Log {
            recorder: self,
            thread: self.threads.fetch_add(1, Ordering::Relaxed),
            entries: Vec::new(),
        }
    }

    /// The next instant. Sequentially consistent, so that an operation's effects lie between its two instants.
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }
}

/// What one thread did.
#[derive(Debug)]
pub struct Log<'r, O, R> {
    recorder: &'r Recorder,
    thread: usize,
    entries: Vec<Entry<O, R>>,
}

impl<O, R: Clone> Log<'_, O, R> {
    /// Runs an operation and writes it down; gives its outcome.
    pub fn record(&mut self, operation: O, run: impl FnOnce(&O) -> R) -> R {
        let called = self.recorder.tick();
        let outcome = run(&operation);
        let returned = self.recorder.tick();
        self.entries.push(Entry {
            thread: self.thread,
            called,
            returned,
            operation,
            outcome: outcome.clone(),
        });
        outcome
    }

    /// The entries, for [`check`].
    pub fn into_entries(self) -> Vec<Entry<O, R>> {
        self.entries
    }
}

/// Why a history was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No order explains the history. The text shows it, with the longest beginning of an order that was found.
    NotLinearizable {
        /// The history, one operation a line.
        history: String,
    },
    /// The search needed more memory than it may take: shorter histories, or fewer threads, are decided.
    Undecided {
        /// How many operations there were.
        operations: usize,
    },
    /// An entry that is no operation: it returned before it was called, or shares an instant with another.
    BadTimes {
        /// The entry's call.
        called: u64,
        /// The entry's return, expected to be later.
        returned: u64,
    },
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotLinearizable { history } => write!(f, "no order of these operations explains what came of them:\n{history}"),
            Refusal::Undecided { operations } => write!(
                f,
                "expected to decide within {CONFIGURATIONS_MAX} configurations, reached them with {operations} operations"
            ),
            Refusal::BadTimes { called, returned } => write!(
                f,
                "expected instants that are used once, the return after the call; received a call at {called} and a return at {returned}"
            ),
        }
    }
}

impl Error for Refusal {}

/// Checks that some order of the operations explains the history.
pub fn check<M: Model>(
    model: &M,
    entries: &[Entry<M::Operation, M::Outcome>],
) -> Result<(), Refusal> {
    check_all(model, &entries.iter().collect::<Vec<_>>())
}

/// Checks each key's operations apart. `model` is the structure as one key sees it.
pub fn check_by_key<M: Model, K: Ord>(
    model: &M,
    entries: &[Entry<M::Operation, M::Outcome>],
    key_of: impl Fn(&M::Operation) -> K,
) -> Result<(), Refusal> {
    let mut parts: BTreeMap<K, Vec<_>> = BTreeMap::new();
    for entry in entries {
        parts
            .entry(key_of(&entry.operation))
            .or_default()
            .push(entry);
    }
    parts.values().try_for_each(|part| check_all(model, part))
}

type Entries<'e, M> = [&'e Entry<<M as Model>::Operation, <M as Model>::Outcome>];

fn check_all<M: Model>(model: &M, entries: &Entries<'_, M>) -> Result<(), Refusal> {
    let mut events = Events::new(entries)?;
    let mut state = model.initial();
    let mut done = Done::new(entries.len());
    let mut seen = HashSet::new();
    // Operations that took effect, in order, each with the state before it.
    let mut order: Vec<(usize, M::State)> = Vec::with_capacity(entries.len());
    let mut longest: Vec<usize> = Vec::new();
    let mut place = events.first();
    while let Some(event) = events.at(place) {
        let Event::Call(operation) = event else {
            // The oldest open operation returns, and nothing that was tried lets it take effect: undo the latest choice.
            let Some((undone, before)) = order.pop() else {
                let history = describe(entries, &longest);
                return Err(Refusal::NotLinearizable { history });
            };
            state = before;
            done.clear(undone);
            place = events.put_back(undone);
            continue;
        };
        let entry = entries[operation];
        if let Some(after) = model.step(&state, &entry.operation, &entry.outcome) {
            done.set(operation);
            if seen.insert((done.clone(), after.clone())) {
                if seen.len() > CONFIGURATIONS_MAX {
                    return Err(Refusal::Undecided {
                        operations: entries.len(),
                    });
                }
                order.push((operation, std::mem::replace(&mut state, after)));
                if order.len() > longest.len() {
                    longest = order.iter().map(|(operation, _)| *operation).collect();
                }
                events.take_out(operation);
                place = events.first();
                continue;
            }
            done.clear(operation);
        }
        place = events.next(place);
    }
    Ok(())
}

/// The history as text, by the time of the calls; beside each operation its place in the longest order that was found.
fn describe<O: Debug, R: Debug>(entries: &[&Entry<O, R>], longest: &[usize]) -> String {
    let mut lines: Vec<(u64, String)> = entries
        .iter()
        .enumerate()
        .map(|(index, entry)| {
            let place = longest.iter().position(|&operation| operation == index);
            let place = place.map_or_else(|| "never".to_owned(), |place| format!("{:5}", place + 1));
            let Entry { thread, called, returned, operation, outcome } = entry;
            (*called, format!("{place}  thread {thread}  {called:>6}..{returned:<6}  {operation:?} -> {outcome:?}\n"))
        })
        .collect();
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

/// Which operations took effect, as bits.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Done(Box<[u64]>);

impl Done {
    fn new(operations: usize) -> Self {
        Done(vec![0; operations.div_ceil(64)].into())
    }

    fn set(&mut self, operation: usize) {
        self.0[operation / 64] |= 1 << (operation % 64);
    }

    fn clear(&mut self, operation: usize) {
        self.0[operation / 64] &= !(1 << (operation % 64));
    }
}

#[derive(Clone, Copy)]
enum Event {
    Call(usize),
    Return,
}

/// Calls and returns in the order of time, as a list from which operations are taken out and put back at their old place (Knuth's
/// dancing links). Place 0 is before the first event.
struct Events {
    events: Vec<Event>,
    next: Vec<usize>,
    previous: Vec<usize>,
    /// Where an operation's call and its return stand.
    places: Vec<[usize; 2]>,
}

impl Events {
    fn new<O, R>(entries: &[&Entry<O, R>]) -> Result<Self, Refusal> {
        let mut times: Vec<(u64, usize, Event)> = Vec::with_capacity(entries.len() * 2);
        for (operation, entry) in entries.iter().enumerate() {
            times.push((entry.called, operation, Event::Call(operation)));
            times.push((entry.returned, operation, Event::Return));
        }
        times.sort_by_key(|(time, ..)| *time);
        let shared = times
            .windows(2)
            .find(|pair| pair[0].0 == pair[1].0)
            .map(|pair| pair[0].1);
        let backward = entries
            .iter()
            .position(|entry| entry.called >= entry.returned);
        if let Some(operation) = shared.or(backward) {
            let Entry {
                called, returned, ..
            } = *entries[operation];
            return Err(Refusal::BadTimes { called, returned });
        }
        let count = times.len();
        let mut places = vec![[0; 2]; entries.len()];
        for (index, (_, operation, event)) in times.iter().enumerate() {
            places[*operation][usize::from(matches!(event, Event::Return))] = index + 1;
        }
        Ok(Events {
            events: times.into_iter().map(|(.., event)| event).collect(),
            next: (1..=count + 1).collect(),
            previous: (0..=count + 1)
                .map(|place| place.saturating_sub(1))
                .collect(),
            places,
        })
    }

    fn first(&self) -> usize {
        self.next[0]
    }

    fn next(&self, place: usize) -> usize {
        self.next[place]
    }

    /// The event at a place, none behind the last.
    fn at(&self, place: usize) -> Option<Event> {
        self.events.get(place - 1).copied()
    }

    fn take_out(&mut self, operation: usize) {
        for place in self.places[operation] {
            let (before, after) = (self.previous[place], self.next[place]);
            self.next[before] = after;
            self.previous[after] = before;
        }
    }

    /// Undoes the latest `take_out` that is not undone yet; gives the place behind the operation's call.
    fn put_back(&mut self, operation: usize) -> usize {
        let [call, end] = self.places[operation];
        for place in [end, call] {
            let (before, after) = (self.previous[place], self.next[place]);
            self.next[before] = place;
            self.previous[after] = place;
        }
        self.next[call]
    }
}
