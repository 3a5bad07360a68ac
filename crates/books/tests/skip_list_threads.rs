//! The skip list under many threads: each insertion is matched with at most one removal, nothing is lost, leaked or freed twice, and
//! histories are linearizable.
//!
//! `PROOFBOOK_SOAK=1` runs everything a hundred times longer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Barrier};

use proofbook_books::linked::Levels;
use proofbook_books::skiplist::{SkipListConfig, SkipListHandle, SkipListLevels};
use proofbook_books::LockFreeSkipList;
use proofbook_testkit::linearizability::{check, check_by_key, Entry, Log, Model, Recorder};
use proofbook_testkit::workload::Random;
use proofbook_types::Queue;

const THREADS: usize = 4;

fn times(short: u64) -> u64 {
    if std::env::var_os("PROOFBOOK_SOAK").is_some() {
        100 * short
    } else {
        short
    }
}

fn config() -> SkipListConfig {
    SkipListConfig {
        nodes_max: 1 << 20,
        threads_max: 2 * THREADS,
        ..SkipListConfig::default()
    }
}

/// A value of which it is known how many there are, clones included. It looks at itself when it is cloned or dropped.
struct Counted {
    number: u64,
    complement: u64,
    live: Arc<AtomicI64>,
}

impl Counted {
    fn new(number: u64, live: &Arc<AtomicI64>) -> Self {
        live.fetch_add(1, Ordering::Relaxed);
        Counted {
            number,
            complement: !number,
            live: Arc::clone(live),
        }
    }

    fn number(&self) -> u64 {
        let complement = self.complement;
        assert_eq!(complement, !self.number, "a value was used after its drop");
        self.number
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Counted::new(self.number(), &self.live)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.number();
        self.complement = self.number;
        self.live.fetch_sub(1, Ordering::Relaxed);
    }
}

type List = LockFreeSkipList<Counted>;

/// Runs one body in each of several threads, all at the same time, and gives what they give.
fn together<R: Send>(threads: usize, body: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                let (barrier, body) = (&barrier, &body);
                scope.spawn(move || {
                    barrier.wait();
                    body(thread)
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().expect("no thread panics"))
            .collect()
    })
}

/// Frees all that was removed; then as many values live as the list holds, and the list is whole.
fn settle(list: &mut List, live: &Arc<AtomicI64>) -> BTreeMap<u64, u64> {
    let handle = list.handle().expect("all others are gone");
    for _ in 0..64 {
        handle.collect();
    }
    let content: BTreeMap<u64, u64> = handle
        .iter()
        .map(|(key, value)| (key, value.number()))
        .collect();
    drop(handle);
    list.check().expect("the list is whole");
    let statistics = list.statistics();
    assert_eq!((statistics.nodes, statistics.waiting), (content.len(), 0));
    assert_eq!(live.load(Ordering::Relaxed), content.len() as i64);
    content
}

/// What one thread did that had an effect: keys with the numbers of their values.
#[derive(Default)]
struct Account {
    inserted: Vec<(u64, u64)>,
    removed: Vec<(u64, u64)>,
}

fn work(
    handle: &SkipListHandle<'_, Counted>,
    seed: u64,
    keys: u64,
    steps: u64,
    live: &Arc<AtomicI64>,
) -> Account {
    let mut random = Random::new(seed);
    let mut account = Account::default();
    for step in 0..steps {
        let key = random.below(keys);
        match random.below(16) {
            0..=6 => {
                let number = seed << 40 | step;
                let value = Counted::new(number, live);
                if handle.insert(key, value).expect("there is room") {
                    account.inserted.push((key, number));
                }
            }
            7..=10 => {
                let removed = handle.remove(key).expect("there is room");
                account
                    .removed
                    .extend(removed.map(|value| (key, value.number())));
            }
            11 => {
                let popped = handle.pop_first().expect("there is room");
                account
                    .removed
                    .extend(popped.map(|(key, value)| (key, value.number())));
            }
            12 | 13 => {
                if let Some(value) = handle.get(key) {
                    value.number();
                }
            }
            14 => {
                if let Some((_, value)) = handle.first() {
                    value.number();
                }
            }
            _ => {
                let seen: Vec<u64> = handle
                    .range(key)
                    .take(20)
                    .map(|(key, value)| {
                        value.number();
                        key
                    })
                    .collect();
                assert!(seen.iter().is_sorted_by(|a, b| a < b), "{seen:?}");
                assert!(seen.first().is_none_or(|&first| first >= key));
            }
        }
    }
    account
}

#[test]
fn every_insertion_is_removed_once_or_still_there() {
    // Few keys: threads meet at the same nodes. Many: they meet at neighbours, over all levels.
    for (seed, keys) in (1..).zip([3, 24, 1_000]) {
        println!("seed {seed}, {keys} keys");
        let live = Arc::new(AtomicI64::new(0));
        let mut list = List::new(config()).expect("within all ranges");
        let accounts = together(THREADS, |thread| {
            let handle = list.handle().expect("one for each thread");
            let seed = seed * 100 + thread as u64;
            work(&handle, seed, keys, times(30_000), &live)
        });
        let mut expected = BTreeSet::new();
        for inserted in accounts.iter().flat_map(|account| &account.inserted) {
            assert!(expected.insert(*inserted), "each number is used once");
        }
        let inserted = expected.len();
        for removed in accounts.iter().flat_map(|account| &account.removed) {
            assert!(
                expected.remove(removed),
                "{removed:?} was removed twice, or never there"
            );
        }
        assert!(inserted > 1_000 && expected.len() < inserted);
        let content = settle(&mut list, &live);
        assert!(
            expected.into_iter().eq(content),
            "seed {seed}: what is left"
        );
        drop(list);
        assert_eq!(live.load(Ordering::Relaxed), 0);
    }
}

/// Keys whose nodes have several levels: what goes wrong above the lowest level goes wrong with them.
fn tall_keys(list: &List, count: usize) -> Vec<u64> {
    (0..)
        .filter(|&key| list.height_of(key) >= 3)
        .take(count)
        .collect()
}

/// Runs rounds of a race on a list with tall keys, and settles it after each.
fn race(
    rounds: u64,
    body: impl Fn(usize, &SkipListHandle<'_, Counted>, &[u64], &Arc<AtomicI64>) -> u64 + Sync,
) -> u64 {
    let live = Arc::new(AtomicI64::new(0));
    let mut list = List::new(config()).expect("within all ranges");
    let keys = tall_keys(&list, 16);
    let mut total = 0;
    for _ in 0..rounds {
        let handle = list.handle().expect("all others are gone");
        for &key in &keys {
            handle
                .insert(key, Counted::new(key, &live))
                .expect("there is room");
        }
        drop(handle);
        let counts = together(THREADS, |thread| {
            let handle = list.handle().expect("one for each thread");
            body(thread, &handle, &keys, &live)
        });
        total += counts.into_iter().sum::<u64>();
        settle(&mut list, &live);
    }
    total
}

#[test]
fn concurrent_removals_of_one_key_leak_nothing() {
    let rounds = times(300);
    let removed = race(rounds, |_, handle, keys, _| {
        let removed = keys
            .iter()
            .filter(|&&key| handle.remove(key).expect("there is room").is_some());
        removed.count() as u64
    });
    assert_eq!(removed, rounds * 16);
}

#[test]
fn pops_of_the_first_and_removals_leak_nothing() {
    let rounds = times(300);
    let taken = race(rounds, |thread, handle, keys, _| {
        let mut taken = 0;
        for &key in keys {
            let is_taken = if thread % 2 == 0 {
                handle.pop_first().expect("there is room").is_some()
            } else {
                handle.remove(key).expect("there is room").is_some()
            };
            taken += u64::from(is_taken);
        }
        taken
    });
    assert!(taken > rounds * 8 && taken <= rounds * 16);
}

#[test]
fn iterations_beside_removals_leak_nothing_and_read_nothing_freed() {
    race(times(300), |thread, handle, keys, _| {
        if thread % 2 == 0 {
            let numbers = handle.range(keys[2]).map(|(key, value)| {
                assert_eq!(key, value.number());
                1
            });
            return numbers.sum();
        }
        for &key in keys.iter().skip(thread % 3) {
            handle.remove(key).expect("there is room");
            handle.collect();
        }
        0
    });
}

#[test]
fn insertions_beside_removals_of_the_same_key_leave_nothing_linked() {
    race(times(100), |thread, handle, keys, live| {
        for _ in 0..20 {
            for &key in &keys[..4] {
                if thread % 2 == 0 {
                    handle
                        .insert(key, Counted::new(key, live))
                        .expect("there is room");
                } else {
                    handle.remove(key).expect("there is room");
                }
            }
        }
        0
    });
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Insert(u64, u64),
    Remove(u64),
    Get(u64),
    First,
    Pop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Inserted(bool),
    Value(Option<u64>),
    Pair(Option<(u64, u64)>),
}

/// An ordered map.
struct Map;

impl Model for Map {
    type State = BTreeMap<u64, u64>;
    type Operation = Asked;
    type Outcome = Answer;

    fn initial(&self) -> Self::State {
        BTreeMap::new()
    }

    fn step(&self, state: &Self::State, asked: &Asked, answer: &Answer) -> Option<Self::State> {
        let mut state = state.clone();
        let right = match *asked {
            Asked::Insert(key, value) => {
                let is_new = !state.contains_key(&key);
                state.entry(key).or_insert(value);
                Answer::Inserted(is_new)
            }
            Asked::Remove(key) => Answer::Value(state.remove(&key)),
            Asked::Get(key) => Answer::Value(state.get(&key).copied()),
            Asked::First => {
                Answer::Pair(state.first_key_value().map(|(&key, &value)| (key, value)))
            }
            Asked::Pop => Answer::Pair(state.pop_first()),
        };
        (right == *answer).then_some(state)
    }
}

fn ask(handle: &SkipListHandle<'_, u64>, asked: &Asked) -> Answer {
    match *asked {
        Asked::Insert(key, value) => {
            Answer::Inserted(handle.insert(key, value).expect("there is room"))
        }
        Asked::Remove(key) => Answer::Value(handle.remove(key).expect("there is room")),
        Asked::Get(key) => Answer::Value(handle.get(key)),
        Asked::First => Answer::Pair(handle.first()),
        Asked::Pop => Answer::Pair(handle.pop_first().expect("there is room")),
    }
}

/// What threads did with a list that was empty at first: each asks as often as `steps`, what `choose` says.
fn history(
    seed: u64,
    steps: u64,
    choose: impl Fn(&mut Random, u64) -> Asked + Sync,
) -> Vec<Entry<Asked, Answer>> {
    let list = LockFreeSkipList::<u64>::new(config()).expect("within all ranges");
    let recorder = Recorder::new();
    let logs = together(THREADS, |thread| {
        let handle = list.handle().expect("one for each thread");
        let mut random = Random::new(seed * 10 + thread as u64);
        let mut log: Log<'_, Asked, Answer> = recorder.log();
        for step in 0..steps {
            let asked = choose(&mut random, (thread as u64) << 32 | step);
            log.record(asked, |asked| ask(&handle, asked));
        }
        log.into_entries()
    });
    logs.into_iter().flatten().collect()
}

#[test]
fn histories_of_keys_are_linearizable() {
    for seed in 0..times(20) {
        let entries = history(seed, 300, |random, value| {
            let key = random.below(4);
            match random.below(3) {
                0 => Asked::Insert(key, value),
                1 => Asked::Remove(key),
                _ => Asked::Get(key),
            }
        });
        let key_of = |asked: &Asked| match *asked {
            Asked::Insert(key, _) | Asked::Remove(key) | Asked::Get(key) => key,
            Asked::First | Asked::Pop => unreachable!("they are not of one key"),
        };
        check_by_key(&Map, &entries, key_of)
            .unwrap_or_else(|refusal| panic!("seed {seed}: {refusal}"));
    }
}

#[test]
fn histories_with_pops_of_the_first_are_linearizable() {
    for seed in 0..times(200) {
        let entries = history(seed, 25, |random, value| {
            let key = random.below(6);
            match random.below(8) {
                0..=2 => Asked::Insert(key, value),
                3 => Asked::Remove(key),
                4 => Asked::Get(key),
                5 => Asked::First,
                _ => Asked::Pop,
            }
        });
        check(&Map, &entries).unwrap_or_else(|refusal| panic!("seed {seed}: {refusal}"));
    }
}

/// The writer of a market's levels adds and takes away while readers look; what stays there all the time is never missed.
#[test]
fn readers_of_levels_miss_nothing_that_stays() {
    let mut levels = SkipListLevels::default();
    let lasting: BTreeSet<u64> = (0..50).map(|place| 20 * place + 7).collect();
    for &rank in &lasting {
        levels.occupy(Queue::Asks, rank);
    }
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            let reader = levels.reader().expect("there is room");
            let (is_over, lasting) = (&is_over, &lasting);
            scope.spawn(move || {
                let mut looks = 0;
                while looks == 0 || !is_over.load(Ordering::Relaxed) {
                    let ranks: Vec<u64> = reader.ranks(Queue::Asks, 0).collect();
                    assert!(ranks.iter().is_sorted_by(|a, b| a < b));
                    let seen: BTreeSet<u64> = ranks.into_iter().collect();
                    assert!(
                        seen.is_superset(lasting),
                        "missed some of {lasting:?}: {seen:?}"
                    );
                    assert!(reader.best(Queue::Asks) <= Some(7));
                    assert_eq!(reader.best(Queue::Bids), None);
                    looks += 1;
                }
                reader
            })
        });
        let mut random = Random::new(5);
        for _ in 0..times(100_000) {
            let rank = random.below(1_000);
            if lasting.contains(&rank) {
                continue;
            }
            match levels.find(Queue::Asks, rank) {
                Some(level) => levels.vacate(Queue::Asks, level),
                None => {
                    let level = levels.occupy(Queue::Asks, rank);
                    levels.update(Queue::Asks, level, |data| data.append(1, 1, 0));
                }
            }
        }
        is_over.store(true, Ordering::Relaxed);
        for reader in readers {
            drop(reader.join().expect("no reader fails"));
        }
    });
    for &rank in &lasting {
        let level = levels.find(Queue::Asks, rank).expect("it stayed");
        levels.update(Queue::Asks, level, |data| data.append(1, 1, 0));
    }
    levels.verify().expect("the levels are whole");
}
