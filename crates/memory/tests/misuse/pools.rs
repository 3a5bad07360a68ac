//! The pools and their handles.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use std::thread;

use proofbook_memory::numa::{NodeId, Topology};
use proofbook_memory::order_pool::{OrderPool, OrderPoolConfig, Recyclable, WarmingStrategy};
use proofbook_memory::pool::{LockFreePool, NumaOptimizedPool, NumaPoolConfig, PoolConfig, Pooled};
use proofbook_memory::queue::LockFreeQueue;
use proofbook_memory::trade_pool::BatchAllocator;
use proofbook_types::Timestamp;

use crate::fragile::{survive, Fragile, Live};
use crate::objects::Counted;

/// An object in a pool that owns others there, and with them the pool.
struct Link {
    _value: Fragile,
    _next: Option<Pooled<Link>>,
}

#[test]
fn the_last_owners_of_a_pool_may_lie_in_it() {
    const LENGTH: i64 = 500;
    let live = Live::default();
    let pool = LockFreePool::new(PoolConfig::fixed(LENGTH as usize)).expect("a possible size");
    let pool = Arc::new(pool);
    let seen = Arc::downgrade(&pool);
    let chain = (0..LENGTH).fold(None, |next, _| {
        let link = Link {
            _value: live.sound(),
            _next: next,
        };
        Some(LockFreePool::allocate_shared(&pool, link).expect("there is room"))
    });
    drop(pool);
    assert_eq!(live.now(), LENGTH);
    assert!(seen.upgrade().is_some(), "its objects own it");
    thread::spawn(move || drop(chain))
        .join()
        .expect("no drop fails");
    assert_eq!(live.now(), 0);
    assert!(seen.upgrade().is_none());
}

/// An object whose drop puts another one into the pool that it comes from.
struct Phoenix {
    value: Fragile,
    lives: u32,
    pool: Weak<LockFreePool<Phoenix>>,
}

impl Drop for Phoenix {
    fn drop(&mut self) {
        let Some(pool) = self.pool.upgrade().filter(|_| self.lives > 0) else {
            return;
        };
        let next = Phoenix {
            value: self.value.live().sound(),
            lives: self.lives - 1,
            pool: Weak::clone(&self.pool),
        };
        // The slot of this one is not free before it is gone. What finds no room is dropped, and tries again.
        drop(pool.allocate(next));
    }
}

#[test]
fn a_drop_may_come_back_to_the_pool_that_runs_it() {
    for slots in [1, 3, 40] {
        let live = Live::default();
        let pool = LockFreePool::new(PoolConfig::fixed(slots)).expect("a possible size");
        let pool = Arc::new(pool);
        let first = Phoenix {
            value: live.sound(),
            lives: 20,
            pool: Arc::downgrade(&pool),
        };
        drop(pool.allocate(first).expect("there is room"));
        let statistics = pool.statistics();
        assert_eq!((statistics.in_use, live.now()), (0, 0));
        assert_eq!(statistics.high_water, slots.min(21));
    }
}

#[test]
fn a_forgotten_handle_costs_its_slot_and_nothing_else() {
    // Objects without memory of their own, of which a leak would be seen.
    let live = AtomicI64::new(0);
    let pool = LockFreePool::new(PoolConfig::fixed(2)).expect("a possible size");
    let object = |number| pool.allocate(Counted::new(number, &live)).ok();
    std::mem::forget(object(0).expect("there is room"));
    for number in 1..=10 {
        let held = object(number).expect("one slot is left");
        assert!(object(99).is_none(), "the other one is lost");
        assert_eq!(held.number(), number);
    }
    drop(pool);
    let left = live.load(Ordering::Relaxed);
    assert_eq!(left, 1, "what was forgotten is never dropped");
}

fn numa_pool<T>(slots: usize) -> Arc<NumaOptimizedPool<T>> {
    let topology = Topology::simulated(1, 1).expect("a possible machine");
    let config = NumaPoolConfig::local_first(PoolConfig::fixed(slots));
    Arc::new(NumaOptimizedPool::new(topology, config).expect("a possible size"))
}

#[test]
fn an_object_that_panics_in_a_cache_leaves_its_slot_free() {
    let live = Live::default();
    let pool = numa_pool(2);
    let mut cache = pool.thread_cache_on(NodeId(0)).expect("the node is there");
    for _ in 0..10 {
        let [sound, broken] = [live.sound(), live.broken()].map(|object| {
            let handle = cache.allocate(object);
            handle.expect("each of the two slots is free")
        });
        survive(|| cache.free(broken));
        cache.free(sound);
    }
    drop(cache);
    let handed_out = pool.statistics().nodes[0].handed_out;
    assert_eq!((live.now(), handed_out), (0, 0));
}

/// An object to be used again whose reset panics where it was told to.
struct Stubborn {
    value: Option<Fragile>,
    panics: bool,
}

impl Recyclable for Stubborn {
    fn blank() -> Self {
        Stubborn {
            value: None,
            panics: false,
        }
    }

    fn reset(&mut self) {
        assert!(!self.panics, "as it was told to");
        self.value = None;
    }
}

fn order_pool(slots: usize) -> OrderPool<Stubborn> {
    let config = OrderPoolConfig {
        kept_max: slots,
        cleaning_batch: 2,
        warming: WarmingStrategy::Immediate(slots),
    };
    OrderPool::new(&numa_pool(slots), NodeId(0), config).expect("possible numbers")
}

#[test]
fn an_order_that_cannot_be_cleaned_is_given_up_and_no_other() {
    let live = Live::default();
    let mut pool = order_pool(4);
    for round in 0..10 {
        let mut orders = [(); 4].map(|()| pool.acquire(Timestamp(round)).expect("four slots"));
        for order in &mut orders {
            order.value = Some(live.sound());
        }
        orders[1].panics = true;
        let [first, stubborn, third, fourth] = orders;
        pool.recycle(first, Timestamp(round));
        pool.returns().give_back(stubborn, Timestamp(round));
        pool.recycle(third, Timestamp(round));
        drop(fourth);
        survive(|| pool.maintain(Timestamp(round)));
        pool.maintain(Timestamp(round));
        assert_eq!((live.now(), pool.statistics().ready), (0, 4));
    }
}

#[test]
fn an_order_given_to_another_pool_serves_there_when_its_own_is_gone() {
    let live = Live::default();
    let (mut home, mut other) = (order_pool(2), order_pool(2));
    let mut order = home.acquire(Timestamp(0)).expect("two slots");
    order.value = Some(live.sound());
    let taken = [(); 2].map(|()| other.acquire(Timestamp(0)).expect("two slots"));
    other.recycle(order, Timestamp(1));
    other.maintain(Timestamp(2));
    assert_eq!((live.now(), other.statistics().ready), (0, 1));
    drop(home);
    let mut order = other
        .acquire(Timestamp(3))
        .expect("the other pool's own slots are taken");
    order.value = Some(live.sound());
    assert_eq!(order.generation(), 2);
    drop((taken, other));
    assert_eq!(live.now(), 1);
    drop(order);
    assert_eq!(live.now(), 0);
}

#[test]
fn an_object_that_panics_in_a_batch_loses_its_place_and_nothing_else() {
    let live = Live::default();
    let allocator = BatchAllocator::<Fragile, 128>::new(1).expect("a possible number");
    let single = allocator.allocate(live.broken()).expect("there is room");
    let mut burst = allocator.burst().expect("the second word is free");
    for object in [live.sound(), live.broken(), live.sound()] {
        assert!(burst.push(object).is_ok(), "there is room for 64");
    }
    survive(|| drop(burst));
    survive(|| drop(single));
    assert_eq!(live.now(), 0);
    assert_eq!(allocator.in_use(), 64 + 1);
    let rest: Vec<_> = std::iter::from_fn(|| allocator.allocate(live.sound()).ok()).collect();
    assert_eq!((rest.len(), live.now()), (63, 63));
    drop(rest);
    assert_eq!((live.now(), allocator.in_use()), (0, 65));
}

/// Drops an object; whether that panicked.
fn lose(object: Pooled<Fragile>) -> bool {
    catch_unwind(AssertUnwindSafe(|| drop(object))).is_err()
}

#[test]
fn threads_pass_objects_on_of_which_some_panic_and_the_pool_goes_with_the_last() {
    const THREADS: u32 = 4;
    const EACH: u32 = 2_000;
    // Room for what waits and what each thread has in its hands.
    const SLOTS: usize = 32 + 2 * THREADS as usize;
    let live = Live::default();
    let pool = Arc::new(LockFreePool::new(PoolConfig::fixed(SLOTS)).expect("a possible size"));
    let seen = Arc::downgrade(&pool);
    let queue = Arc::new(LockFreeQueue::with_capacity(32).expect("a power of two"));
    let threads = [(); THREADS as usize].map(|()| {
        let (live, pool, queue) = (live.clone(), Arc::clone(&pool), Arc::clone(&queue));
        thread::spawn(move || {
            let mut panics = 0;
            for number in 0..EACH {
                let object = if number % 50 == 0 {
                    live.broken()
                } else {
                    live.sound()
                };
                let object = LockFreePool::allocate_shared(&pool, object);
                let object = object.unwrap_or_else(|refused| panic!("{}", refused.error));
                panics += u32::from(queue.push(object).is_err_and(lose));
                if number % 3 > 0 {
                    panics += u32::from(queue.pop().is_some_and(lose));
                }
            }
            panics
        })
    });
    drop(pool);
    let mut panics = 0;
    for thread in threads {
        panics += thread.join().expect("panics are caught");
    }
    assert!(seen.upgrade().is_some(), "objects wait in the queue");
    queue.pop_each(usize::MAX, |object| panics += u32::from(lose(object)));
    assert_eq!((panics, live.now()), (THREADS * EACH.div_ceil(50), 0));
    assert!(seen.upgrade().is_none());
}
