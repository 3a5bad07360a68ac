//! The skip list in one thread: what an ordered map does, with a shape that the keys alone decide, within its bounds.

use std::collections::BTreeMap;
use std::panic::{catch_unwind, AssertUnwindSafe};

use proofbook_books::linked::Levels;
use proofbook_books::skiplist::{
    SkipListConfig, SkipListError, SkipListHandle, SkipListLevels, SkipListReader, MAX_HEIGHT,
};
use proofbook_books::{LockFreeSkipList, SkipListOrderBook};
use proofbook_memory::epoch::StallPolicy;
use proofbook_memory::pool::PoolError;
use proofbook_testkit::workload::Random;
use proofbook_types::Queue;

const STEPS: usize = 20_000;
const CHECK_INTERVAL: usize = 2_000;

fn config() -> SkipListConfig {
    SkipListConfig {
        nodes_max: 1 << 16,
        nodes_per_chunk: 64,
        threads_max: 3,
        ..SkipListConfig::default()
    }
}

fn list(config: SkipListConfig) -> LockFreeSkipList<u64> {
    LockFreeSkipList::new(config).expect("the configuration is within its ranges")
}

/// One random step on both, compared.
fn step(
    random: &mut Random,
    key: u64,
    handle: &SkipListHandle<'_, u64>,
    map: &mut BTreeMap<u64, u64>,
) {
    let value = random.next_u64();
    match random.below(8) {
        0..=2 => {
            let is_new = !map.contains_key(&key);
            assert_eq!(handle.insert(key, value), Ok(is_new));
            map.entry(key).or_insert(value);
        }
        3 | 4 => assert_eq!(handle.remove(key), Ok(map.remove(&key))),
        5 => {
            assert_eq!(handle.get(key), map.get(&key).copied());
            assert_eq!(handle.contains(key), map.contains_key(&key));
            let first = map.first_key_value();
            assert_eq!(handle.first(), first.map(|(&key, &value)| (key, value)));
        }
        6 => {
            let range = map.range(key..).map(|(&key, &value)| (key, value));
            assert!(handle.range(key).take(5).eq(range.take(5)));
        }
        _ => assert_eq!(handle.pop_first(), Ok(map.pop_first())),
    }
}

#[test]
fn agrees_with_an_ordered_map() {
    let spreads: [(u32, usize); 5] = [(4, 12), (8, 12), (12, 1), (40, 3), (64, 12)];
    for (seed, (bits, height_max)) in (1..).zip(spreads) {
        println!("seed {seed}: keys of {bits} bits, heights up to {height_max}");
        let mut list = list(SkipListConfig {
            height_max,
            ..config()
        });
        let mut random = Random::new(seed);
        let mut map = BTreeMap::new();
        for round in 0..STEPS / CHECK_INTERVAL {
            let handle = list.handle().expect("it is the only one");
            for _ in 0..CHECK_INTERVAL {
                let key = match random.below(50) {
                    0 => u64::MAX,
                    1 => 0,
                    _ => random.next_u64() >> (64 - bits),
                };
                step(&mut random, key, &handle, &mut map);
            }
            let all = map.iter().map(|(&key, &value)| (key, value));
            assert!(handle.iter().eq(all), "seed {seed}, round {round}");
            drop(handle);
            list.check()
                .unwrap_or_else(|fault| panic!("seed {seed}, round {round}: {fault}"));
        }
    }
}

#[test]
fn a_quarter_of_each_level_reaches_the_next_whatever_the_keys() {
    const KEYS: u64 = 1 << 16;
    // A price grid, powers of two as steps, and both ends of the range.
    for (step, start) in [
        (1, 0),
        (1, u64::MAX - KEYS),
        (5, 1 << 63),
        (64, 0),
        (1 << 40, 7),
    ] {
        let list = list(config());
        let mut reach = [0u64; MAX_HEIGHT];
        for key in 0..KEYS {
            let height = list.height_of(start + key * step);
            assert!((1..=MAX_HEIGHT).contains(&height));
            reach[..height].iter_mut().for_each(|count| *count += 1);
        }
        for level in 1..6 {
            let (below, here) = (reach[level - 1], reach[level]);
            // Four deviations of the binomial distribution.
            let deviation = 4.0 * (below as f64 * 0.1875).sqrt();
            let difference = (here as f64 - below as f64 / 4.0).abs();
            assert!(
                difference <= deviation,
                "step {step}, level {level}: {here} of {below}"
            );
        }
    }
}

#[test]
fn the_shape_is_that_of_the_keys_and_of_the_seed() {
    let keys: Vec<u64> = (0..500).map(|key| key * 37 % 500).collect();
    let heights = |seed| {
        let mut list = list(SkipListConfig { seed, ..config() });
        let handle = list.handle().expect("it is the only one");
        for &key in &keys {
            assert_eq!(handle.insert(key, key), Ok(true));
        }
        drop(handle);
        // Each node has the height of its key.
        list.check().expect("the list is whole");
        keys.iter()
            .map(|&key| list.height_of(key))
            .collect::<Vec<_>>()
    };
    assert_ne!(heights(1), heights(2));
}

#[test]
fn what_is_removed_is_freed() {
    let mut list = list(config());
    let handle = list.handle().expect("it is the only one");
    for round in 0..20u64 {
        for key in 0..500 {
            assert_eq!(handle.insert(key, round), Ok(true));
        }
        for key in 0..250 {
            assert_eq!(handle.pop_first(), Ok(Some((key, round))));
            assert_eq!(handle.remove(499 - key), Ok(Some(round)));
        }
    }
    handle.collect();
    let statistics = list.statistics();
    assert_eq!((statistics.nodes, statistics.waiting), (0, 0));
    drop(handle);
    list.check().expect("the list is whole");
}

/// A thread knows where it inserted last; what others have done to that key since decides.
#[test]
fn what_was_inserted_last_may_be_another_node_by_now() {
    let mut list = list(config());
    let (one, other) = (list.handle(), list.handle());
    let (one, other) = (one.expect("one of three"), other.expect("two of three"));
    for key in 0..200 {
        assert_eq!(one.insert(key, 1), Ok(true));
        if key % 3 > 0 {
            assert_eq!(other.remove(key), Ok(Some(1)));
        }
        if key % 7 == 0 {
            // Its memory is free for others from now on.
            other.collect();
        }
        if key % 3 == 2 {
            assert_eq!(other.insert(key, 2), Ok(true));
        }
        let expected = [Some(1), None, Some(2)][key as usize % 3];
        assert_eq!(one.remove(key), Ok(expected), "key {key}");
        assert_eq!(one.remove(key), Ok(None), "key {key}");
    }
    drop((one, other));
    list.check().expect("the list is whole");
}

#[test]
fn nodes_that_lie_ready_are_not_counted_and_used_first() {
    let mut list = list(config());
    let handle = list.handle().expect("it is the only one");
    // More than enough to come round: what is removed is free some hundred removals later.
    for key in 0..10_000 {
        assert_eq!(handle.insert(key, key), Ok(true));
        let statistics = list.statistics();
        assert_eq!(statistics.nodes - statistics.waiting, 1, "key {key}");
        assert_eq!(handle.remove(key), Ok(Some(key)));
        assert!(list.statistics().nodes < 1_000, "key {key}");
    }
    drop(handle);
    list.check().expect("the list is whole");
    assert_eq!(list.statistics().nodes, 0);
}

#[test]
fn bounds_are_errors_and_change_nothing() {
    let small = SkipListConfig {
        nodes_max: 4,
        nodes_per_chunk: 4,
        threads_max: 2,
        stall: StallPolicy::Refuse {
            retired_per_thread_max: 2,
        },
        height_max: 1,
        seed: 0,
    };
    let mut list = list(small);
    let handle = list.handle().expect("the first of two");
    let reader = list.handle().expect("the second of two");
    assert!(matches!(list.handle(), Err(SkipListError::Registration(_))));
    for key in 0..4 {
        assert_eq!(handle.insert(key, key), Ok(true));
    }
    let exhausted = SkipListError::Pool(PoolError::Exhausted { capacity: 4 });
    assert_eq!(handle.insert(4, 4), Err(exhausted));
    assert_eq!(
        handle.insert(3, 4),
        Ok(false),
        "what is there needs no node"
    );

    let mut iteration = reader.iter();
    assert_eq!(iteration.next(), Some((0, 0)));
    assert_eq!(handle.remove(0), Ok(Some(0)));
    assert_eq!(handle.remove(1), Ok(Some(1)));
    let stalled = handle.remove(2).expect_err("two wait for the reader");
    assert_eq!((stalled.retired, stalled.retired_max), (2, 2));
    assert_eq!(handle.pop_first(), Err(stalled));
    assert_eq!(handle.insert(9, 9), Err(SkipListError::Stalled(stalled)));
    assert_eq!(iteration.next(), Some((2, 2)), "nothing was lost");
    drop(iteration);
    assert_eq!(handle.remove(2), Ok(Some(2)));
    drop((handle, reader));
    list.check().expect("the list is whole");
}

#[test]
fn configurations_out_of_range_are_refused() {
    for received in [0, MAX_HEIGHT + 1] {
        let refused = LockFreeSkipList::<u64>::new(SkipListConfig {
            height_max: received,
            ..config()
        });
        let error = refused.expect_err("the height is out of range");
        assert_eq!(error, SkipListError::Height { received });
        assert!(error.to_string().contains(&format!("received {received}")));
    }
    let no_threads = SkipListConfig {
        threads_max: 0,
        ..config()
    };
    assert!(matches!(
        LockFreeSkipList::<u64>::new(no_threads).map(|_| ()),
        Err(SkipListError::Epochs(_))
    ));
}

#[test]
fn a_long_iteration_does_not_hold_back_what_is_freed() {
    let list = list(SkipListConfig {
        stall: StallPolicy::Refuse {
            retired_per_thread_max: 1_500,
        },
        ..config()
    });
    let (writer, reader) = (list.handle(), list.handle());
    let (writer, reader) = (writer.expect("one of two"), reader.expect("one of two"));
    for key in 0..4_000 {
        assert_eq!(writer.insert(key, key), Ok(true));
    }
    let mut expected = 0;
    for (key, _) in reader.iter() {
        // What was passed goes; every third key ahead goes before it is met.
        assert_eq!(key, expected);
        assert!(writer
            .remove(key)
            .expect("the reader lets go now and then")
            .is_some());
        expected += 1;
        if expected % 3 == 0 && expected < 4_000 {
            assert!(writer.remove(expected).expect("as above").is_some());
            expected += 1;
        }
    }
    assert_eq!(expected, 4_000);
}

#[test]
fn a_step_finds_what_was_inserted_before_it_behind_a_node_that_is_gone() {
    let list = list(config());
    let handle = list.handle().expect("one of three");
    for key in [10, 20, 30] {
        assert_eq!(handle.insert(key, key), Ok(true));
    }
    let mut iteration = handle.iter();
    assert_eq!(iteration.next(), Some((10, 10)));
    assert_eq!(handle.remove(10), Ok(Some(10)));
    assert_eq!(handle.insert(15, 15), Ok(true));
    assert_eq!(iteration.next(), Some((15, 15)));
    assert_eq!(handle.remove(20), Ok(Some(20)));
    assert_eq!(iteration.next(), Some((30, 30)));
    assert_eq!(iteration.next(), None);
    assert_eq!(handle.insert(40, 40), Ok(true));
    assert_eq!(
        iteration.next(),
        None,
        "an iteration that has ended stays so"
    );
}

#[test]
fn clones_of_levels_are_equal_and_apart() {
    let mut levels = SkipListLevels::default();
    let mut names = Vec::new();
    for rank in [30, 10, 20] {
        let name = levels.occupy(Queue::Bids, rank);
        levels.update(Queue::Bids, name, |data| data.append(1, 5, 0));
        names.push(name);
    }
    let mut clone = levels.clone();
    levels.vacate(Queue::Bids, names[1]);
    assert_eq!(levels.best(Queue::Bids).map(|place| place.rank), Some(20));
    assert_eq!(clone.best(Queue::Bids).map(|place| place.rank), Some(10));
    assert_eq!(clone.find(Queue::Bids, 30), Some(names[0]));
    clone.vacate(Queue::Bids, names[0]);
    clone.verify().expect("the clone is whole");
    levels.verify().expect("the original is whole");
}

#[test]
fn readers_see_ranks_in_order() {
    let mut levels = SkipListLevels::default();
    let reader: SkipListReader = levels.reader().expect("there is room for readers");
    assert_eq!(reader.best(Queue::Asks), None);
    for rank in [7, u64::MAX, 0] {
        levels.occupy(Queue::Asks, rank);
    }
    assert_eq!(reader.best(Queue::Asks), Some(0));
    assert_eq!(reader.after(Queue::Asks, 0), Some(7));
    assert_eq!(reader.after(Queue::Asks, 8), Some(u64::MAX));
    assert_eq!(reader.after(Queue::Asks, u64::MAX), None);
    assert_eq!(reader.best(Queue::Bids), None);
    // What a market leaves behind outlives the market as long as somebody looks at it.
    drop(levels);
    let ranks: Vec<_> = reader.ranks(Queue::Asks, 1).collect();
    assert_eq!(ranks, [7, u64::MAX]);
}

/// A value whose copies cannot be made.
struct Single;

impl Clone for Single {
    fn clone(&self) -> Self {
        panic!("there is only one of each");
    }
}

#[test]
fn a_clone_that_panics_leaves_nothing_behind() {
    let mut list: LockFreeSkipList<Single> =
        LockFreeSkipList::new(config()).expect("the configuration is within its ranges");
    let handle = list.handle().expect("it is the only one");
    for key in 0..100 {
        assert_eq!(handle.insert(key, Single), Ok(true));
    }
    for key in 0..50 {
        let popped = catch_unwind(AssertUnwindSafe(|| handle.pop_first().map(|_| ())));
        let removed = catch_unwind(AssertUnwindSafe(|| handle.remove(99 - key).map(|_| ())));
        assert!(popped.is_err() && removed.is_err());
    }
    assert_eq!(handle.iter().map(|(key, _)| key).next(), None);
    handle.collect();
    let statistics = list.statistics();
    assert_eq!((statistics.nodes, statistics.waiting), (0, 0));
    drop(handle);
    list.check().expect("the list is whole");
}

/// Lists are shared, and what belongs to one thread can be moved to another.
#[test]
fn what_threads_may_share() {
    fn is_shared<T: Send + Sync>() {}
    fn is_moved<T: Send>() {}
    is_shared::<LockFreeSkipList<String>>();
    is_moved::<SkipListHandle<'_, String>>();
    is_moved::<SkipListOrderBook>();
    is_moved::<SkipListReader>();
}
