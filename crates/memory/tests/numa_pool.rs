//! The pool with a part on each node: caches, batches, slots that go home, and what is left when all is over.
#![allow(unsafe_code)]

mod objects;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc;
use std::thread;

use objects::{soak_factor, Choices, Counted};
use proofbook_memory::numa::{NodeId, NumaError, Topology};
use proofbook_memory::pool::{
    AllocationStrategy, Handle, NumaOptimizedPool, NumaPoolConfig, NumaPoolStatistics, PoolConfig,
    PoolError, THREAD_CACHE_SIZE,
};
use proofbook_memory::sync::Arc;

fn part(max: usize) -> PoolConfig {
    PoolConfig {
        initial_capacity: 0,
        expansion_size: max.div_ceil(3),
        max_capacity: max,
        prefault: false,
    }
}

fn pool_of<T>(nodes: usize, config: NumaPoolConfig) -> NumaOptimizedPool<T> {
    let topology = Topology::simulated(nodes, 2).expect("a few nodes");
    NumaOptimizedPool::new(topology, config).expect("the size is within bounds")
}

fn handed_out(statistics: &NumaPoolStatistics) -> Vec<usize> {
    statistics
        .nodes
        .iter()
        .map(|node| node.handed_out)
        .collect()
}

#[test]
fn a_warm_cache_needs_nothing_from_the_pool() {
    let pool = pool_of(1, NumaPoolConfig::local_first(part(1000)));
    let mut cache = pool.thread_cache_on(NodeId(0)).expect("node 0 is there");
    for number in 0..1000u64 {
        let object = cache.allocate(number).expect("a slot");
        assert_eq!(*object, number);
        cache.free(object);
    }
    let statistics = cache.statistics();
    assert_eq!(
        (statistics.hits, statistics.misses, statistics.held),
        (999, 1, 32)
    );
    assert_eq!(handed_out(&pool.statistics()), [32]);
    drop(cache);
    let statistics = pool.statistics();
    assert_eq!((statistics.hits, statistics.misses), (999, 1));
    assert_eq!(statistics.nodes[0].handed_out, 0);
    assert_eq!(
        (
            statistics.nodes[0].refills,
            statistics.nodes[0].batches_back
        ),
        (1, 1)
    );
}

#[test]
fn a_slot_is_used_again_at_once() {
    let pool = pool_of(1, NumaPoolConfig::local_first(part(100)));
    let mut cache = pool.thread_cache_on(NodeId(0)).expect("node 0 is there");
    let first = cache.allocate([1u64; 8]).expect("a slot");
    let address = first.as_ptr();
    assert_eq!(cache.take(first), [1; 8]);
    assert_eq!(cache.allocate([2u64; 8]).expect("a slot").as_ptr(), address);
}

#[test]
fn full_caches_hand_over_batches_that_others_take_whole() {
    let pool = pool_of(1, NumaPoolConfig::local_first(part(200)));
    let mut giver = pool.thread_cache_on(NodeId(0)).expect("node 0 is there");
    let mut taker = pool.thread_cache_on(NodeId(0)).expect("node 0 is there");
    let held: Vec<_> = (0..200u64)
        .map(|n| giver.allocate(n).expect("a slot"))
        .collect();
    assert!(taker.allocate(0).is_err(), "all slots are in use");
    held.into_iter().for_each(|object| giver.free(object));
    let given = giver.statistics();
    assert!(
        given.held <= THREAD_CACHE_SIZE && given.handed_over == 5,
        "{given:?}"
    );
    let before = pool.statistics().nodes[0];
    assert_eq!(before.handed_out, given.held);
    let all = 200 - given.held as u64;
    let taken: Vec<_> = (0..all)
        .map(|n| taker.allocate(n).expect("a slot"))
        .collect();
    // One visit for each batch.
    assert_eq!(
        pool.statistics().nodes[0].refills - before.refills,
        all.div_ceil(32)
    );
    assert!(taken.iter().zip(0..).all(|(object, n)| **object == n));
    let refused = taker
        .allocate(7)
        .expect_err("the rest is in the other cache");
    assert_eq!(
        (refused.value, refused.error),
        (7, PoolError::Exhausted { capacity: 200 })
    );
}

#[test]
fn slots_go_home() {
    let pool = pool_of(2, NumaPoolConfig::local_first(part(100)));
    let mut here = pool.thread_cache_on(NodeId(0)).expect("node 0 is there");
    let mut there = pool.thread_cache_on(NodeId(1)).expect("node 1 is there");
    let objects: Vec<_> = (0..10u64)
        .map(|n| here.allocate(n).expect("a slot"))
        .collect();
    objects.into_iter().for_each(|object| there.free(object));
    assert_eq!(there.statistics().sent_home, 10);
    assert_eq!(there.statistics().held, 0);
    assert_eq!(pool.statistics().nodes[0].singles_back, 10);
    assert_eq!(handed_out(&pool.statistics()), [here.statistics().held, 0]);
}

#[test]
fn the_nearest_node_helps_out_and_a_bound_pool_stays() {
    let local = pool_of(3, NumaPoolConfig::local_first(part(40)));
    let mut cache = local.thread_cache_on(NodeId(1)).expect("node 1 is there");
    let held: Vec<_> = (0..120u64)
        .map(|n| cache.allocate(n).expect("a slot"))
        .collect();
    assert_eq!(handed_out(&local.statistics()), [40, 40, 40]);
    let refused = cache.allocate(0).expect_err("all nodes are used up");
    assert_eq!(refused.error, PoolError::Exhausted { capacity: 120 });
    drop(held);
    assert_eq!(handed_out(&local.statistics()), [0, 0, 0]);

    let mut config = NumaPoolConfig::local_first(part(40));
    config.strategy = AllocationStrategy::Bound(NodeId(2));
    let bound = pool_of(3, config);
    let mut cache = bound.thread_cache_on(NodeId(0)).expect("node 0 is there");
    assert_eq!(cache.node(), NodeId(2));
    let held: Vec<_> = (0..40u64)
        .map(|n| cache.allocate(n).expect("a slot"))
        .collect();
    assert_eq!(handed_out(&bound.statistics()), [0, 0, 40]);
    let refused = cache.allocate(0).expect_err("the node is used up");
    assert_eq!(refused.error, PoolError::Exhausted { capacity: 40 });
    held.into_iter().for_each(|object| cache.free(object));
}

#[test]
fn interleaved_batches_come_from_each_node_in_turn_and_go_back_apart() {
    let mut config = NumaPoolConfig::local_first(part(60));
    config.strategy = AllocationStrategy::Interleaved;
    config.refill_size = 10;
    let pool = pool_of(3, config);
    let mut cache = pool.thread_cache_on(NodeId(1)).expect("node 1 is there");
    let mut held: Vec<_> = (0..30u64)
        .map(|n| cache.allocate(n).expect("a slot"))
        .collect();
    assert_eq!(handed_out(&pool.statistics()), [10, 10, 10]);
    held.extend((0..150).map(|n| cache.allocate(n).expect("a slot")));
    assert!(cache.allocate(0).is_err());
    let mut choices = Choices::new(3);
    while !held.is_empty() {
        let object = held.swap_remove(choices.below(held.len()));
        cache.free(object);
    }
    drop(cache);
    let statistics = pool.statistics();
    assert_eq!(handed_out(&statistics), [0, 0, 0]);
    assert!(statistics
        .nodes
        .iter()
        .all(|node| node.singles_back == 0 && node.batches_back > 0));
    // Each part has its own sixty again.
    let mut cache = pool.thread_cache_on(NodeId(0)).expect("node 0 is there");
    let all: Vec<_> = (0..180u64)
        .map(|n| cache.allocate(n).expect("a slot"))
        .collect();
    assert_eq!(handed_out(&pool.statistics()), [60, 60, 60]);
    drop(all);
}

#[test]
fn a_threshold_keeps_some_in_reserve() {
    let mut config = NumaPoolConfig::local_first(PoolConfig::fixed(64));
    config.refill_threshold = 8;
    config.refill_size = 16;
    let pool = pool_of(1, config);
    let mut cache = pool.thread_cache_on(NodeId(0)).expect("node 0 is there");
    let held: Vec<_> = (0..9u64)
        .map(|n| cache.allocate(n).expect("a slot"))
        .collect();
    // Sixteen came, eight went; the ninth found eight and brought sixteen more.
    assert_eq!(cache.statistics().held, 23);
    assert_eq!((cache.statistics().hits, cache.statistics().misses), (7, 2));
    let rest: Vec<_> = (0..55u64)
        .map(|n| cache.allocate(n).expect("a slot"))
        .collect();
    assert!(cache.allocate(0).is_err());
    drop((held, rest));
}

#[test]
fn wrong_sizes_and_nodes_are_refused() {
    let topology = || Topology::simulated(2, 1).expect("two nodes");
    let refuse = |change: fn(&mut NumaPoolConfig)| {
        let mut config = NumaPoolConfig::local_first(part(10));
        change(&mut config);
        NumaOptimizedPool::<u64>::new(topology(), config).map(drop)
    };
    let out = |what, least, most, received| {
        Err(PoolError::OutOfRange {
            what,
            least,
            most,
            received,
        })
    };
    assert_eq!(
        refuse(|config| config.refill_size = 0),
        out("refill_size", 1, 32, 0)
    );
    assert_eq!(
        refuse(|config| config.refill_size = 33),
        out("refill_size", 1, 32, 33)
    );
    assert_eq!(
        refuse(|config| config.refill_threshold = 33),
        out("refill_threshold", 0, 32, 33)
    );
    assert_eq!(
        refuse(|config| config.strategy = AllocationStrategy::Bound(NodeId(2))),
        out("bound node", 0, 1, 2)
    );
    assert_eq!(
        refuse(|config| config.node.max_capacity = 0),
        out("max_capacity", 1, 1 << 30, 0)
    );
    let pool = pool_of::<u64>(2, NumaPoolConfig::local_first(part(10)));
    let error = pool
        .thread_cache_on(NodeId(2))
        .expect_err("there are two nodes");
    assert_eq!(
        error,
        NumaError::UnknownNode {
            nodes: 2,
            received: 2
        }
    );
}

#[test]
fn an_object_of_another_pool_goes_back_there() {
    let first = pool_of(1, NumaPoolConfig::local_first(part(40)));
    let second = pool_of(1, NumaPoolConfig::local_first(part(40)));
    let mut of_first = first.thread_cache_on(NodeId(0)).expect("node 0 is there");
    let mut of_second = second.thread_cache_on(NodeId(0)).expect("node 0 is there");
    let object = of_first.allocate(1u64).expect("a slot");
    of_second.free(object);
    let object = of_first.allocate(2u64).expect("a slot");
    assert_eq!(of_second.take(object), 2);
    assert_eq!(of_second.statistics().held, 0);
    assert_eq!(first.statistics().nodes[0].singles_back, 2);
}

#[test]
fn on_this_machine_parts_are_where_they_were_wished() {
    let Ok(topology) = Topology::detect() else {
        println!("skipped: this operating system does not describe its nodes");
        return;
    };
    let mut config = NumaPoolConfig::local_first(PoolConfig::fixed(1000));
    config.node.prefault = true;
    let pool = NumaOptimizedPool::<[u64; 8]>::new(topology, config).expect("a small pool");
    let mut cache = pool
        .thread_cache()
        .expect("Linux knows where a thread runs");
    let object = cache.allocate([1; 8]).expect("a slot");
    let statistics = pool.statistics();
    let node = statistics.nodes[cache.node().index()];
    assert!(node.prefaulted_pages >= 64_000 / proofbook_memory::numa::page_bytes());
    match pool.topology().node_of_address(&*object) {
        Ok(found) if node.placed_chunks > 0 => assert_eq!(found, node.node),
        other => println!("the place of pages is not known here: {other:?}"),
    }
}

#[test]
fn a_shared_cache_keeps_the_pool() {
    let live = AtomicI64::new(0);
    let pool = Arc::new(pool_of(1, NumaPoolConfig::local_first(part(40))));
    let mut cache = NumaOptimizedPool::shared_thread_cache_on(&pool, NodeId(0)).expect("node 0");
    drop(pool);
    let kept = cache.allocate(Counted::new(1, &live)).expect("a slot");
    let freed = cache.allocate(Counted::new(2, &live)).expect("a slot");
    cache.free(freed);
    drop(cache);
    assert_eq!((kept.number(), live.load(Ordering::Relaxed)), (1, 1));
    drop(kept);
    assert_eq!(live.load(Ordering::Relaxed), 0);
}

/// Threads on several nodes allocate, free, drop and send each other objects.
fn from_many_threads(seed: u64, strategy: AllocationStrategy) {
    const THREADS: usize = 4;
    const PER_NODE: usize = 150;
    let mut choices = Choices::new(seed);
    let mut config = NumaPoolConfig::local_first(part(PER_NODE));
    config.strategy = strategy;
    config.refill_size = 1 + choices.below(32);
    config.refill_threshold = choices.below(33);
    let live = AtomicI64::new(0);
    let pool = pool_of(2, config);
    thread::scope(|scope| {
        let mut threads = Vec::new();
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel()).unzip();
        for (id, receiver) in receivers.into_iter().enumerate() {
            let (senders, pool, live) = (senders.clone(), &pool, &live);
            threads.push(scope.spawn(move || {
                let mut choices = Choices::new(seed << 8 | id as u64);
                let node = NodeId(id as u32 % 2);
                let mut cache = pool.thread_cache_on(node).expect("the node is there");
                let mut held = Vec::new();
                for turn in 0..5_000u64 {
                    let pick = (!held.is_empty()).then(|| choices.below(held.len()));
                    match (choices.below(8), pick) {
                        (0..=3, _) => held.extend(cache.allocate(Counted::new(turn, live)).ok()),
                        (4 | 5, Some(pick)) => cache.free(held.swap_remove(pick)),
                        (6, Some(pick)) => {
                            assert!(cache.take(held.swap_remove(pick)).number() < 5_000);
                        }
                        (7, Some(pick)) => {
                            let to = &senders[choices.below(THREADS)];
                            // A thread that is done takes no more; the object is dropped here then.
                            let _ = to.send(held.swap_remove(pick));
                        }
                        _ => {}
                    }
                    held.extend(receiver.try_iter());
                    if held.len() > 40 {
                        held.drain(..30).for_each(|object| cache.free(object));
                    }
                }
            }));
        }
        for thread in threads {
            thread.join().expect("the thread's checks hold");
        }
    });
    assert_eq!(
        live.load(Ordering::Relaxed),
        0,
        "seed {seed}: objects leaked"
    );
    assert_eq!(handed_out(&pool.statistics()), [0, 0], "seed {seed}");
    // No slot was lost, and each is still its node's.
    let mut cache = pool.thread_cache_on(NodeId(0)).expect("node 0 is there");
    let most = if matches!(strategy, AllocationStrategy::Bound(_)) {
        PER_NODE
    } else {
        2 * PER_NODE
    };
    let mut all = Vec::new();
    while let Ok(object) = cache.allocate(Counted::new(0, &live)) {
        all.push(object);
    }
    assert_eq!(all.len(), most, "seed {seed}");
}

#[test]
fn threads_leave_no_object_and_lose_no_slot() {
    for seed in 0..3 * soak_factor() {
        from_many_threads(seed, AllocationStrategy::LocalFirst);
        from_many_threads(seed, AllocationStrategy::Interleaved);
        from_many_threads(seed, AllocationStrategy::Bound(NodeId(1)));
    }
}

#[test]
fn each_slot_has_its_place_and_a_pointer_finds_its_way_home() {
    let live = AtomicI64::new(0);
    let pool = pool_of(2, NumaPoolConfig::local_first(PoolConfig::fixed(40)));
    let mut cache = pool.thread_cache_on(NodeId(1)).expect("node 1 is there");
    let objects: Vec<_> = (0..80)
        .map(|number| cache.allocate(Counted::new(number, &live)).expect("a slot"))
        .collect();
    let mut places: Vec<(u32, u32)> = objects
        .iter()
        .map(NumaOptimizedPool::place_of)
        .map(|place| (place.node.0, place.number))
        .collect();
    places.sort_unstable();
    let all = (0..2).flat_map(|node| (0..40).map(move |number| (node, number)));
    assert_eq!(places, all.collect::<Vec<_>>());
    for (number, object) in objects.into_iter().enumerate() {
        let place = NumaOptimizedPool::place_of(&object);
        let pointer = Handle::into_raw(object);
        // SAFETY: the pointer came from this pool and is used once.
        let object = unsafe { pool.from_raw(pointer) };
        assert_eq!(object.number(), number as u64);
        assert_eq!(NumaOptimizedPool::place_of(&object), place);
    }
    drop(cache);
    assert_eq!(
        (live.load(Ordering::Relaxed), handed_out(&pool.statistics())),
        (0, vec![0, 0])
    );
}
