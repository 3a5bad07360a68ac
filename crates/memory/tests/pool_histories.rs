//! Histories of the shared pool are linearizable: a slot is given to one owner at a time, and refused only while all are in use.

mod objects;

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;

use objects::{soak_factor, Choices};
use proofbook_memory::pool::{LockFreePool, PoolBox, PoolConfig};
use proofbook_testkit::linearizability::{check, Entry, Log, Model, Recorder, Refusal};

/// What a thread asks of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Allocate,
    /// Frees the object at this address.
    Free(usize),
}

/// The pool, one operation after another: the addresses that are in use, in order.
struct Slots {
    capacity: usize,
}

impl Model for Slots {
    type State = Vec<usize>;
    type Operation = Asked;
    /// The address that was given, if one was.
    type Outcome = Option<usize>;

    fn initial(&self) -> Vec<usize> {
        Vec::new()
    }

    fn step(
        &self,
        in_use: &Vec<usize>,
        operation: &Asked,
        outcome: &Option<usize>,
    ) -> Option<Vec<usize>> {
        let mut in_use = in_use.clone();
        match (operation, outcome) {
            (Asked::Allocate, Some(address)) => {
                let place = in_use.binary_search(address).err()?;
                in_use.insert(place, *address);
                (in_use.len() <= self.capacity).then_some(in_use)
            }
            (Asked::Allocate, None) => (in_use.len() == self.capacity).then_some(in_use),
            (Asked::Free(address), _) => {
                let place = in_use.binary_search(address).ok()?;
                in_use.remove(place);
                Some(in_use)
            }
        }
    }
}

/// A few operations of one thread, written down.
fn act<'pool>(
    pool: &'pool LockFreePool<u64>,
    log: &mut Log<'_, Asked, Option<usize>>,
    choices: &mut Choices,
) {
    let mut held: BTreeMap<usize, PoolBox<'pool, u64>> = BTreeMap::new();
    for _ in 0..8 {
        if held.is_empty() || choices.below(2) == 0 {
            let mut got = None;
            log.record(Asked::Allocate, |_| {
                got = pool.allocate(0).ok();
                got.as_ref()
                    .map(|object| std::ptr::from_ref::<u64>(object).addr())
            });
            if let Some(object) = got {
                held.insert(std::ptr::from_ref::<u64>(&object).addr(), object);
            }
        } else {
            let chosen = *held
                .keys()
                .nth(choices.below(held.len()))
                .expect("it is not empty");
            let object = held.remove(&chosen);
            log.record(Asked::Free(chosen), |_| {
                drop(object);
                None
            });
        }
    }
    for (address, object) in held {
        log.record(Asked::Free(address), |_| {
            drop(object);
            None
        });
    }
}

#[test]
fn each_history_has_an_order() {
    const THREADS: u64 = 3;
    let mut refusals = 0;
    for seed in 0..150 * soak_factor() {
        let capacity = 1 + (seed % 4) as usize;
        let config = PoolConfig {
            initial_capacity: 0,
            expansion_size: 1 + (seed % 2) as usize % capacity,
            max_capacity: capacity,
            prefault: false,
        };
        let pool = LockFreePool::new(config).expect("a small pool");
        let recorder = Recorder::new();
        let start = Barrier::new(THREADS as usize);
        let entries: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|id| {
                    let (pool, start, mut log) = (&pool, &start, recorder.log());
                    scope.spawn(move || {
                        let mut choices = Choices::new(seed * THREADS + id);
                        start.wait();
                        act(pool, &mut log, &mut choices);
                        log.into_entries()
                    })
                })
                .collect();
            let joined = threads.into_iter().map(|thread| thread.join());
            joined
                .flat_map(|entries| entries.expect("the thread's checks hold"))
                .collect()
        });
        let is_refusal = |entry: &&Entry<Asked, Option<usize>>| {
            entry.operation == Asked::Allocate && entry.outcome.is_none()
        };
        refusals += entries.iter().filter(is_refusal).count();
        if let Err(refusal) = check(&Slots { capacity }, &entries) {
            panic!("seed {seed}: {refusal}");
        }
    }
    assert!(
        refusals > 0,
        "no pool was ever used up: the histories show too little"
    );
}

#[test]
fn a_slot_with_two_owners_is_noticed() {
    let entry = |thread, called, operation, outcome| Entry {
        thread,
        called,
        returned: called + 1,
        operation,
        outcome,
    };
    let twice = [
        entry(0, 1, Asked::Allocate, Some(64)),
        entry(1, 3, Asked::Allocate, Some(64)),
    ];
    let refused_too_early = [
        entry(0, 1, Asked::Allocate, Some(64)),
        entry(0, 3, Asked::Free(64), None),
        entry(1, 5, Asked::Allocate, None),
    ];
    for history in [&twice[..], &refused_too_early[..]] {
        let refusal = check(&Slots { capacity: 1 }, history).expect_err("no order explains it");
        assert!(
            matches!(refusal, Refusal::NotLinearizable { .. }),
            "{refusal}"
        );
    }
}
