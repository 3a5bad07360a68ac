//! Models of the pools: every order in which a few threads can act, and every value that the memory model lets them read.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p proofbook-memory --test loom_pool`.
#![cfg(loom)]

use loom::model::Builder;
use proofbook_memory::numa::{NodeId, Topology};
use proofbook_memory::pool::{
    IndexStack, Links, LockFreePool, NumaOptimizedPool, NumaPoolConfig, PoolConfig, PoolError,
};
use proofbook_memory::sync::{thread, Arc, AtomicU32, Ordering, UnsafeCell};
use proofbook_memory::trade_pool::AtomicBitSet;

/// How often a thread is interrupted at most, where trying everything would take too long.
const PREEMPTIONS: usize = 3;

fn model(preemptions: Option<usize>, body: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(body);
}

/// A stack with something behind each index that only its owner may touch.
struct Guarded<const TAG_STEP: u32> {
    stack: IndexStack<TAG_STEP>,
    links: Vec<AtomicU32>,
    content: Vec<UnsafeCell<u32>>,
}

// SAFETY: the cells are used by the owners of their indices; that there is one at a time is what the models check.
unsafe impl<const TAG_STEP: u32> Sync for Guarded<TAG_STEP> {}
// SAFETY: as above.
unsafe impl<const TAG_STEP: u32> Send for Guarded<TAG_STEP> {}

impl<const TAG_STEP: u32> Guarded<TAG_STEP> {
    /// All indices in the stack, 0 on top.
    fn full(count: u32) -> Arc<Self> {
        let guarded = Guarded {
            stack: IndexStack::default(),
            links: (0..count).map(|_| AtomicU32::new(0)).collect(),
            content: (0..count).map(|_| UnsafeCell::new(0)).collect(),
        };
        for index in (0..count).rev() {
            guarded.push(index);
        }
        Arc::new(guarded)
    }

    fn links(&self) -> &[AtomicU32] {
        &self.links
    }

    fn push(&self, index: u32) {
        self.stack.push(self.links(), index);
    }

    fn pop(&self) -> Option<u32> {
        let index = self.stack.pop(self.links())?;
        self.touch(index);
        Some(index)
    }

    /// Uses what only the owner of an index may use; the model fails if another one does so unordered with this.
    fn touch(&self, index: u32) {
        // SAFETY: this thread owns the index, unless the model finds that it does not.
        self.content[index as usize].with_mut(|content| unsafe { *content += 1 });
    }
}

/// One thread pops, while another pops two and pushes the first one back: the ABA problem, if there were no tag.
fn pop_against_pop_pop_push<const TAG_STEP: u32>() {
    let guarded = Guarded::<TAG_STEP>::full(3);
    let other = {
        let guarded = guarded.clone();
        thread::spawn(move || {
            let first = guarded.pop().expect("three indices, at most two are out");
            let second = guarded.pop().expect("three indices, at most two are out");
            guarded.push(first);
            second
        })
    };
    let mine = guarded.pop();
    let theirs = other.join().expect("the other thread's checks hold");
    assert_ne!(mine, Some(theirs), "an index has two owners");
    let mut out = vec![theirs];
    out.extend(mine);
    while let Some(index) = guarded.pop() {
        assert!(!out.contains(&index), "index {index} was handed out twice");
        out.push(index);
    }
    assert_eq!(out.len(), 3, "an index was lost");
}

#[test]
fn the_tag_protects_a_delayed_pop() {
    model(None, pop_against_pop_pop_push::<1>);
}

#[test]
fn without_the_tag_the_model_fails() {
    let outcome = std::panic::catch_unwind(|| model(None, pop_against_pop_pop_push::<0>));
    assert!(outcome.is_err(), "the model does not see the ABA problem");
}

#[test]
fn a_chain_goes_in_whole_and_comes_out_in_parts() {
    model(Some(PREEMPTIONS), || {
        let guarded = Guarded::<1>::full(4);
        let mut taken = [0; 3];
        assert_eq!(guarded.stack.pop_many(guarded.links(), &mut taken), 3);
        assert_eq!(taken, [0, 1, 2]);
        taken.iter().for_each(|&index| guarded.touch(index));
        let other = {
            let guarded = guarded.clone();
            thread::spawn(move || {
                let mut taken = [0; 2];
                let count = guarded.stack.pop_many(guarded.links(), &mut taken);
                taken[..count]
                    .iter()
                    .for_each(|&index| guarded.touch(index));
                taken[..count].to_vec()
            })
        };
        // The chain 0, 1, 2, as its owner links it.
        for pair in taken.windows(2) {
            guarded
                .links()
                .link(pair[0])
                .store(pair[1], Ordering::Relaxed);
        }
        guarded.stack.push_chain(guarded.links(), 0, 2);
        let mut out = other.join().expect("the other thread's checks hold");
        // Either the one that was there, or the first two of the chain.
        assert!(out == [3] || out == [0, 1], "{out:?}");
        while let Some(index) = guarded.pop() {
            out.push(index);
        }
        out.sort_unstable();
        assert_eq!(out, [0, 1, 2, 3]);
    });
}

#[test]
fn many_are_popped_while_one_comes_back() {
    model(None, || {
        let guarded = Guarded::<1>::full(2);
        let other = {
            let guarded = guarded.clone();
            thread::spawn(move || {
                let mut taken = [0; 2];
                let count = guarded.stack.pop_many(guarded.links(), &mut taken);
                taken[..count]
                    .iter()
                    .for_each(|&index| guarded.touch(index));
                taken[..count].to_vec()
            })
        };
        if let Some(index) = guarded.pop() {
            guarded.push(index);
        }
        let mut out = other.join().expect("the other thread's checks hold");
        while let Some(index) = guarded.pop() {
            out.push(index);
        }
        out.sort_unstable();
        assert_eq!(out, [0, 1]);
    });
}

fn pool_of(step: usize, max: usize) -> Arc<LockFreePool<u32>> {
    let pool = LockFreePool::new(PoolConfig {
        initial_capacity: 0,
        expansion_size: step,
        max_capacity: max,
        prefault: false,
    });
    Arc::new(pool.expect("the size is within bounds"))
}

#[test]
fn an_object_is_allocated_here_and_freed_there() {
    model(Some(PREEMPTIONS), || {
        let pool = pool_of(1, 2);
        let object = LockFreePool::allocate_shared(&pool, 1).expect("two slots");
        let other = {
            let pool = pool.clone();
            thread::spawn(move || {
                assert_eq!(*object, 1);
                drop(object);
                let mut object = pool
                    .allocate(2)
                    .expect("two slots, at most one other object");
                *object += 1;
                assert_eq!(*object, 3);
            })
        };
        let mut object = pool
            .allocate(4)
            .expect("two slots, at most one other object");
        *object += 1;
        assert_eq!(*object, 5);
        drop(object);
        other.join().expect("the other thread's checks hold");
        assert_eq!(pool.statistics().in_use, 0);
    });
}

#[test]
fn two_threads_grow_the_pool_at_once() {
    model(Some(PREEMPTIONS), || {
        let pool = pool_of(1, 2);
        let other = {
            let pool = pool.clone();
            thread::spawn(move || {
                LockFreePool::allocate_shared(&pool, 1).expect("one slot for each thread")
            })
        };
        let mine = pool.allocate(2).expect("one slot for each thread");
        let theirs = other.join().expect("the other thread's checks hold");
        assert_eq!((*mine, *theirs), (2, 1));
        let refused = pool.allocate(3).expect_err("both slots are in use");
        assert_eq!(
            (refused.value, refused.error),
            (3, PoolError::Exhausted { capacity: 2 })
        );
        assert_eq!(pool.statistics().capacity, 2);
    });
}

#[test]
fn the_last_slot_is_refused_only_while_it_is_in_use() {
    model(Some(PREEMPTIONS), || {
        let pool = pool_of(1, 1);
        let other = {
            let pool = pool.clone();
            thread::spawn(move || pool.allocate(1).map(|object| *object).ok())
        };
        let mine = pool.allocate(2).map(|object| *object).ok();
        let theirs = other.join().expect("the other thread's checks hold");
        assert!(
            mine.is_some() || theirs.is_some(),
            "both were refused, though nobody had the slot before"
        );
        assert!(pool.allocate(3).is_ok(), "the slot is free again");
    });
}

fn numa_pool(nodes: usize, batch: usize, max: usize) -> Arc<NumaOptimizedPool<u32>> {
    let topology = Topology::simulated(nodes, 1).expect("a few nodes");
    let mut config = NumaPoolConfig::local_first(PoolConfig::fixed(max));
    config.refill_size = batch;
    Arc::new(NumaOptimizedPool::new(topology, config).expect("the size is within bounds"))
}

#[test]
fn a_batch_changes_hands_whole() {
    model(Some(PREEMPTIONS), || {
        let pool = numa_pool(1, 2, 2);
        // Both slots were in use and came back as one batch.
        let mut cache = pool.thread_cache_on(NodeId(0)).expect("node 0 is there");
        let objects = [0, 1].map(|number| cache.allocate(number).expect("two slots"));
        objects.into_iter().for_each(|object| cache.free(object));
        drop(cache);
        let other = {
            let pool = pool.clone();
            thread::spawn(move || {
                let mut cache = pool.thread_cache_on(NodeId(0)).expect("node 0 is there");
                let Ok(object) = cache.allocate(2) else {
                    return false;
                };
                // The batch came whole.
                let second = cache.allocate(3).expect("the other slot of the batch");
                assert_eq!((*object, *second), (2, 3));
                cache.free(second);
                cache.free(object);
                true
            })
        };
        let mut cache = pool.thread_cache_on(NodeId(0)).expect("node 0 is there");
        let mine = cache.allocate(4);
        let has_mine = mine.is_ok();
        // Freed into the cache, so that it too brings both back as one batch.
        mine.into_iter().for_each(|object| cache.free(object));
        drop(cache);
        let theirs = other.join().expect("the other thread's checks hold");
        assert!(
            has_mine || theirs,
            "both were refused, though nobody had the slots before"
        );
        assert_eq!(pool.statistics().nodes[0].handed_out, 0);
    });
}

#[test]
fn a_slot_goes_home_while_its_node_refills() {
    model(Some(PREEMPTIONS), || {
        let pool = numa_pool(2, 1, 1);
        let shared_cache = |node| {
            let cache = NumaOptimizedPool::shared_thread_cache_on(&pool, NodeId(node));
            cache.expect("there are two nodes")
        };
        let (mut here, mut there) = (shared_cache(0), shared_cache(1));
        let object = here.allocate(1).expect("one slot on each node");
        let other = thread::spawn(move || {
            assert_eq!(*object, 1);
            there.free(object);
            assert_eq!(there.statistics().sent_home, 1);
        });
        let mut object = here
            .allocate(2)
            .expect("one slot on each node, one other object");
        *object += 1;
        assert_eq!(*object, 3);
        here.free(object);
        drop(here);
        other.join().expect("the other thread's checks hold");
        assert!(pool
            .statistics()
            .nodes
            .iter()
            .all(|node| node.handed_out == 0));
    });
}

/// A bitmap with something behind each bit that only its owner may touch.
struct Places {
    taken: AtomicBitSet,
    content: Vec<UnsafeCell<u32>>,
}

// SAFETY: the cells are used by the owners of their bits; that there is one at a time is what the models check.
unsafe impl Sync for Places {}
// SAFETY: as above.
unsafe impl Send for Places {}

impl Places {
    fn new(bits: usize) -> Arc<Self> {
        Arc::new(Places {
            taken: AtomicBitSet::new(bits),
            content: (0..bits).map(|_| UnsafeCell::new(0)).collect(),
        })
    }

    fn touch(&self, place: usize) {
        // SAFETY: this thread owns the place, unless the model finds that it does not.
        self.content[place].with_mut(|content| unsafe { *content += 1 });
    }
}

#[test]
fn a_place_goes_from_owner_to_owner() {
    model(Some(PREEMPTIONS), || {
        let places = Places::new(1);
        let use_one = |places: &Places| {
            let place = places.taken.claim_one();
            if let Some(place) = place {
                places.touch(place);
                places.taken.release(place);
            }
            place
        };
        let other = {
            let places = places.clone();
            thread::spawn(move || use_one(&places))
        };
        let mine = use_one(&places);
        let theirs = other.join().expect("the other thread's checks hold");
        assert!(
            mine.is_some() || theirs.is_some(),
            "both were refused, though nobody had the place before"
        );
        assert_eq!(places.taken.claim_one(), Some(0));
    });
}

#[test]
fn a_run_and_a_single_place_never_overlap() {
    model(Some(PREEMPTIONS), || {
        // Two words, of which the second has one place.
        let places = Places::new(65);
        let other = {
            let places = places.clone();
            thread::spawn(move || {
                if let Some(single) = places.taken.claim_one() {
                    places.touch(single);
                    places.taken.release(single);
                }
            })
        };
        let run = places
            .taken
            .claim_words(1)
            .expect("one of two words is free");
        places.touch(run * 64);
        places.taken.release_words(run, 1);
        if let Some(run) = places.taken.claim_words(2) {
            places.touch(0);
            places.touch(64);
            places.taken.release_words(run, 2);
        }
        other.join().expect("the other thread's checks hold");
        assert_eq!(places.taken.claim_words(2), Some(0), "all is free again");
    });
}
