//! The pool that all threads share: against a model, with objects that are counted, and from many threads.
#![allow(unsafe_code)]

mod objects;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::sync::{mpsc, Barrier};
use std::thread;

use objects::{soak_factor, Choices, Counted};
use proofbook_memory::pool::{
    Handle, LockFreePool, PoolConfig, PoolError, PoolStatistics, CAPACITY_MAX,
};
use proofbook_memory::sync::Arc;

fn growing(initial: usize, step: usize, max: usize) -> PoolConfig {
    PoolConfig {
        initial_capacity: initial,
        expansion_size: step,
        max_capacity: max,
        prefault: false,
    }
}

/// Random allocations and frees, of which each outcome is known from a map of what is live.
fn against_a_model(seed: u64) {
    let mut choices = Choices::new(seed);
    let live = AtomicI64::new(0);
    let max = 1 + choices.below(100);
    let step = 1 + choices.below(max);
    let initial = choices.below(max + 1);
    let pool = LockFreePool::new(growing(initial, step, max)).expect("the size is within bounds");
    let mut model = BTreeMap::new();
    let mut high_water = 0;
    for number in 0..2_000u64 {
        let wants_more = choices.below(100) < if number / 200 % 2 == 0 { 70 } else { 30 };
        if wants_more {
            match pool.allocate(Counted::new(number, &live)) {
                Ok(object) => {
                    assert!(model.len() < max, "seed {seed}: more objects than slots");
                    assert_eq!(std::ptr::from_ref(&*object).addr() % 64, 0);
                    model.insert(number, object);
                }
                Err(refused) => {
                    assert_eq!(model.len(), max, "seed {seed}: a slot was left");
                    assert_eq!(refused.error, PoolError::Exhausted { capacity: max });
                    assert_eq!(refused.value.number(), number);
                }
            }
        } else if !model.is_empty() {
            let chosen = *model
                .keys()
                .nth(choices.below(model.len()))
                .expect("it is not empty");
            let object = model.remove(&chosen).expect("it was chosen from it");
            assert_eq!(object.number(), chosen, "seed {seed}");
            if choices.below(2) == 0 {
                drop(object);
            } else {
                assert_eq!(Handle::into_inner(object).number(), chosen);
            }
        }
        high_water = high_water.max(model.len());
        assert_eq!(
            live.load(Ordering::Relaxed),
            model.len() as i64,
            "seed {seed}"
        );
    }
    assert!(model
        .iter()
        .all(|(number, object)| object.number() == *number));
    let expected_capacity = (high_water.max(initial).div_ceil(step) * step).min(max);
    let expected = PoolStatistics {
        capacity: expected_capacity,
        max_capacity: max,
        in_use: model.len(),
        high_water,
        prefaulted_pages: 0,
    };
    assert_eq!(pool.statistics(), expected, "seed {seed}");
    drop(model);
    assert_eq!(
        live.load(Ordering::Relaxed),
        0,
        "seed {seed}: objects leaked"
    );
    assert_eq!(pool.statistics().in_use, 0);
}

#[test]
fn it_does_what_a_map_does() {
    for seed in 0..60 * soak_factor() {
        against_a_model(seed);
    }
}

#[test]
fn sizes_out_of_range_are_refused() {
    for (config, what, least, most, received) in [
        (growing(0, 1, 0), "max_capacity", 1, CAPACITY_MAX, 0),
        (
            growing(0, 1, CAPACITY_MAX + 1),
            "max_capacity",
            1,
            CAPACITY_MAX,
            CAPACITY_MAX + 1,
        ),
        (growing(0, 0, 8), "expansion_size", 1, 8, 0),
        (growing(0, 9, 8), "expansion_size", 1, 8, 9),
        (growing(9, 1, 8), "initial_capacity", 0, 8, 9),
        (growing(0, 1, 1 << 17), "chunks", 1, 1 << 16, 1 << 17),
    ] {
        let error = LockFreePool::<u64>::new(config).expect_err("a number is out of its range");
        assert_eq!(
            error,
            PoolError::OutOfRange {
                what,
                least,
                most,
                received
            }
        );
    }
}

#[test]
fn memory_that_is_not_there_is_an_error() {
    // More bytes than an address can count. What the allocator itself would refuse, a sanitizer's allocator stops at.
    let config = growing(0, CAPACITY_MAX, CAPACITY_MAX);
    let error = LockFreePool::<[u8; 1 << 40]>::new(config).expect_err("no memory is so large");
    assert_eq!(error, PoolError::OutOfMemory { bytes: usize::MAX });
    assert!(
        error.to_string().starts_with("the pool cannot grow"),
        "{error}"
    );
}

#[test]
fn small_and_empty_objects_have_slots_of_their_own() {
    let bytes = LockFreePool::new(PoolConfig::fixed(3)).expect("three slots");
    let held: Vec<_> = (0..3u8)
        .map(|byte| bytes.allocate(byte).expect("a slot"))
        .collect();
    assert!(held.iter().zip(0..).all(|(slot, byte)| **slot == byte));
    let nothings = LockFreePool::new(PoolConfig::fixed(2)).expect("two slots");
    let first = nothings.allocate(()).expect("a slot");
    let _second = nothings.allocate(()).expect("a slot");
    assert!(nothings.allocate(()).is_err());
    drop(first);
    assert!(nothings.allocate(()).is_ok());
}

#[test]
fn pages_are_touched_when_asked() {
    let mut config = PoolConfig::fixed(1000);
    config.prefault = true;
    let pool = LockFreePool::<[u64; 8]>::new(config).expect("a small pool");
    let pages = pool.statistics().prefaulted_pages;
    let least = 64_000 / proofbook_memory::numa::page_bytes();
    assert!((least..=least + 2).contains(&pages), "{pages} pages");
}

#[test]
fn a_shared_handle_keeps_the_pool() {
    let live = AtomicI64::new(0);
    let pool = Arc::new(LockFreePool::new(PoolConfig::fixed(4)).expect("four slots"));
    let mut object = LockFreePool::allocate_shared(&pool, Counted::new(7, &live)).expect("a slot");
    drop(pool);
    assert_eq!(object.number(), 7);
    *object = Counted::new(8, &live);
    assert_eq!((object.number(), live.load(Ordering::Relaxed)), (8, 1));
    drop(object);
    assert_eq!(live.load(Ordering::Relaxed), 0);
}

#[test]
fn pointers_come_back_as_handles_or_through_the_callback() {
    let live = AtomicI64::new(0);
    // Three chunks, so that an address must find its own.
    let pool = LockFreePool::new(growing(0, 3, 9)).expect("nine slots");
    let allocate = |number| pool.allocate(Counted::new(number, &live)).expect("a slot");
    let pointers: Vec<_> = (0..9)
        .map(|number| Handle::into_raw(allocate(number)))
        .collect();
    assert!(pool.allocate(Counted::new(9, &live)).is_err());
    let callback: unsafe fn(*mut (), *const ()) = LockFreePool::<Counted>::give_back;
    for (number, pointer) in pointers.into_iter().enumerate() {
        if number % 2 == 0 {
            // SAFETY: the pointer came from `into_raw` of this pool and is used once.
            let object = unsafe { pool.from_raw(pointer) };
            assert_eq!(object.number(), number as u64);
        } else {
            // SAFETY: as above, and the pool is still there.
            unsafe { callback(pointer.as_ptr().cast(), std::ptr::from_ref(&pool).cast()) };
        }
        assert_eq!(live.load(Ordering::Relaxed), 8 - number as i64);
    }
    assert_eq!(pool.statistics().in_use, 0);
}

#[cfg(debug_assertions)]
#[test]
#[should_panic(expected = "was freed while no object was in it")]
fn a_debug_build_notices_a_pointer_that_is_given_back_twice() {
    let pool = LockFreePool::new(PoolConfig::fixed(2)).expect("two slots");
    let pointer = Handle::into_raw(pool.allocate(1u64).expect("a slot"));
    // SAFETY: the first time is right. The second is not, and stops at the generation before it touches the slot, which is still there.
    unsafe {
        drop(pool.from_raw(pointer));
        drop(pool.from_raw(pointer));
    }
}

#[test]
fn an_object_that_panics_when_dropped_leaves_its_slot_free() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let pool = LockFreePool::new(PoolConfig::fixed(1)).expect("one slot");
    for _ in 0..3 {
        let object = pool
            .allocate(Panics)
            .map_err(|refused| std::mem::forget(refused.value));
        let object = object.expect("the slot is free again");
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(object)));
        assert!(outcome.is_err());
    }
    assert_eq!(pool.statistics().in_use, 0);
}

/// Threads allocate and free in random order, send some objects to each other, and mark the slots that they hold.
fn from_many_threads(seed: u64) {
    const THREADS: u64 = 4;
    const SLOTS: usize = 64;
    let live = AtomicI64::new(0);
    let pool = LockFreePool::new(growing(0, 5, SLOTS)).expect("a small pool");
    let refusals = AtomicI64::new(0);
    thread::scope(|scope| {
        let mut threads = Vec::new();
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel()).unzip();
        for (id, receiver) in (0..THREADS).zip(receivers) {
            let (senders, pool, live, refusals) = (senders.clone(), &pool, &live, &refusals);
            threads.push(scope.spawn(move || {
                let mut choices = Choices::new(seed * THREADS + id);
                let mut held = Vec::new();
                for turn in 0..5_000u64 {
                    match choices.below(5) {
                        0 | 1 => match pool.allocate(Counted::new(turn << 8 | id, live)) {
                            Ok(object) => held.push(object),
                            Err(refused) => {
                                assert_eq!(refused.error, PoolError::Exhausted { capacity: SLOTS });
                                refusals.fetch_add(1, Ordering::Relaxed);
                            }
                        },
                        2 | 3 if !held.is_empty() => {
                            drop(held.swap_remove(choices.below(held.len())));
                        }
                        4 if !held.is_empty() => {
                            let object = held.swap_remove(choices.below(held.len()));
                            // A thread that is done takes no more; the object is freed here then.
                            let _ = senders[choices.below(senders.len())].send(object);
                        }
                        _ => {}
                    }
                    held.extend(receiver.try_iter());
                    assert!(held.iter().all(|object| object.number() >> 8 < 5_000));
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
    let statistics = pool.statistics();
    assert_eq!(statistics.in_use, 0, "seed {seed}");
    assert!(
        statistics.high_water <= SLOTS && statistics.capacity <= SLOTS,
        "seed {seed}"
    );
    // No slot was lost: all of them can be had again.
    let mut all = Vec::new();
    for number in 0..SLOTS as u64 {
        let object = pool.allocate(Counted::new(number, &live));
        all.push(object.unwrap_or_else(|_| panic!("seed {seed}: a slot was lost")));
    }
    assert!(pool.allocate(Counted::new(0, &live)).is_err());
}

#[test]
fn threads_leave_no_object_and_lose_no_slot() {
    for seed in 0..2 * soak_factor() {
        from_many_threads(seed);
    }
}

#[test]
fn no_slot_has_two_owners_at_once() {
    const THREADS: usize = 4;
    let pool = LockFreePool::new(growing(0, 2, 8)).expect("a small pool");
    let start = Barrier::new(THREADS);
    // What a slot's owner writes is still there when it reads it back.
    let clashes = AtomicU8::new(0);
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for id in 0..THREADS {
            let (pool, clashes, start) = (&pool, &clashes, &start);
            threads.push(scope.spawn(move || {
                start.wait();
                for turn in 0..5_000 * soak_factor() {
                    let number = turn << 8 | id as u64;
                    let mut first = pool.allocate(number).expect("two slots for each thread");
                    let second = pool.allocate(!number).expect("two slots for each thread");
                    *first = first.wrapping_add(1);
                    if turn % 16 == 0 {
                        // Others come in while the two are held.
                        thread::yield_now();
                    }
                    if *first != number.wrapping_add(1) || *second != !number {
                        clashes.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }));
        }
        for thread in threads {
            thread.join().expect("the thread's checks hold");
        }
    });
    assert_eq!(clashes.load(Ordering::Relaxed), 0);
    assert!(
        pool.statistics().high_water > 2,
        "the threads ran one after another"
    );
}

#[test]
fn each_slot_of_a_fixed_pool_has_its_number() {
    let pool = LockFreePool::new(PoolConfig::fixed(5)).expect("a small pool");
    let numbers = |objects: &[_]| -> Vec<u32> {
        let mut numbers: Vec<u32> = objects.iter().map(LockFreePool::number_of).collect();
        numbers.sort_unstable();
        numbers
    };
    let mut objects: Vec<_> = (0..5)
        .map(|number| pool.allocate(number).expect("five slots"))
        .collect();
    assert_eq!(numbers(&objects), [0, 1, 2, 3, 4]);
    let freed = LockFreePool::number_of(&objects.swap_remove(1));
    let again = pool.allocate(9).expect("one was freed");
    assert_eq!(LockFreePool::number_of(&again), freed);
}
