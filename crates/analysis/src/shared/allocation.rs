//! Allocators and pools: a thread makes an object and gives back the oldest of those that it holds.
//!
//! A pool of orders cleans what comes back, later and off the way. It contends twice: once it has no quiet moment, and cleans on the way when it must;
//! once it cleans between stretches, which the times of stretches do not have in them, and the rate has.
#![allow(unsafe_code)] // the interface of allocators is unsafe

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::ptr::NonNull;

use mimalloc::MiMalloc;
use proofbook_memory::numa::{NodeId, Topology};
use proofbook_memory::order_pool::{
    OrderPool, OrderPoolConfig, PooledOrder, PreInitializedOrder, Recyclable, WarmingStrategy,
};
use proofbook_memory::pool::{
    Handle, LockFreePool, NumaOptimizedPool, NumaPoolConfig, PoolBox, PoolConfig, ThreadCache,
    THREAD_CACHE_SIZE,
};
use proofbook_memory::sync::Arc;
use proofbook_memory::trade_pool::{BatchAllocator, BatchBox};
use proofbook_types::Timestamp;

use super::{own, peer, Contestant, Entry, STRETCH};

/// Objects that a thread holds.
const HELD: usize = 16;

/// Slots for each thread of a pool with caches: what it holds, and what lies ready for it.
const CACHED: usize = HELD + 2 * THREAD_CACHE_SIZE;

/// Objects that a pool of orders keeps ready: those of a stretch, and those that are held.
const READY: usize = HELD + STRETCH;

/// Places of a batch.
const BATCH: usize = 1024;

/// What is made: a cache line, as an order is.
#[derive(Clone, Copy)]
struct Object([u64; 8]);

fn object(turn: u64) -> Object {
    Object([turn; 8])
}

/// Whoever gives an object back has looked at it: nobody may leave out writing it.
#[inline]
fn look(object: &Object) {
    black_box(&object.0);
}

impl Recyclable for Object {
    fn blank() -> Self {
        object(0)
    }

    fn reset(&mut self) {
        *self = object(0);
    }
}

/// An allocator, behind its unsafe interface.
struct Allocator<A>(A);

/// Objects that an allocator gave, and gets back at the end.
struct Held<'a, A: GlobalAlloc> {
    allocator: &'a A,
    objects: [Option<NonNull<Object>>; HELD],
}

impl<A: GlobalAlloc> Held<'_, A> {
    fn exchange(&mut self, turn: u64, place: usize) {
        self.give_back(place);
        // SAFETY: the layout is that of an object, whose size is not zero.
        let memory = unsafe { self.allocator.alloc(Layout::new::<Object>()) };
        let made = NonNull::new(memory.cast::<Object>()).expect("there is memory");
        // SAFETY: it was allocated for an object just above.
        unsafe { made.write(object(turn)) };
        self.objects[place] = Some(made);
    }

    fn give_back(&mut self, place: usize) {
        if let Some(object) = self.objects[place].take() {
            // SAFETY: it was written when it was put there.
            look(unsafe { object.as_ref() });
            let memory = object.as_ptr().cast::<u8>();
            // SAFETY: this allocator gave it for this layout, and it was taken out of where it was held.
            unsafe { self.allocator.dealloc(memory, Layout::new::<Object>()) };
        }
    }
}

impl<A: GlobalAlloc> Drop for Held<'_, A> {
    fn drop(&mut self) {
        (0..HELD).for_each(|place| self.give_back(place));
    }
}

impl<A: GlobalAlloc + Sync> Contestant for Allocator<A> {
    type Own<'a>
        = (Held<'a, A>, usize)
    where
        Self: 'a;

    fn enter(&self, _thread: usize) -> Self::Own<'_> {
        let held = Held {
            allocator: &self.0,
            objects: [None; HELD],
        };
        (held, 0)
    }

    #[inline]
    fn once<'a>(&'a self, (held, next): &mut Self::Own<'a>, turn: u64) {
        held.exchange(turn, *next);
        *next = (*next + 1) % HELD;
    }
}

impl Contestant for LockFreePool<Object> {
    type Own<'a> = ([Option<PoolBox<'a, Object>>; HELD], usize);

    fn enter(&self, _thread: usize) -> Self::Own<'_> {
        ([const { None }; HELD], 0)
    }

    #[inline]
    fn once<'a>(&'a self, (held, next): &mut Self::Own<'a>, turn: u64) {
        if let Some(oldest) = held[*next].take() {
            look(&oldest);
        }
        held[*next] = self.allocate(object(turn)).ok();
        *next = (*next + 1) % HELD;
    }
}

/// A pool with a part for each node of memory, used through a cache of each thread's own.
struct Cached(NumaOptimizedPool<Object>);

type CachedObject<'a> = Handle<Object, &'a NumaOptimizedPool<Object>>;

impl Contestant for Cached {
    type Own<'a> = (
        [Option<CachedObject<'a>>; HELD],
        ThreadCache<Object, &'a NumaOptimizedPool<Object>>,
        usize,
    );

    fn enter(&self, _thread: usize) -> Self::Own<'_> {
        let first = self.0.topology().nodes()[0].id;
        let cache = self.0.thread_cache_on(first).expect("it is a node");
        ([const { None }; HELD], cache, 0)
    }

    #[inline]
    fn once<'a>(&'a self, (held, cache, next): &mut Self::Own<'a>, turn: u64) {
        if let Some(oldest) = held[*next].take() {
            look(&oldest);
            cache.free(oldest);
        }
        held[*next] = cache.allocate(object(turn)).ok();
        *next = (*next + 1) % HELD;
    }
}

/// Each thread's pool of objects that are ready in their first state, in slots that all threads share.
struct Orders {
    slots: Arc<NumaOptimizedPool<PreInitializedOrder<Object>>>,
    /// Whether there are quiet moments, between stretches.
    is_quiet_between: bool,
}

impl Contestant for Orders {
    type Own<'a> = (
        [Option<PooledOrder<Object>>; HELD],
        OrderPool<Object>,
        usize,
    );

    fn enter(&self, _thread: usize) -> Self::Own<'_> {
        let config = OrderPoolConfig {
            kept_max: READY + STRETCH,
            cleaning_batch: STRETCH,
            warming: WarmingStrategy::Immediate(READY),
        };
        let pool = OrderPool::new(&self.slots, NodeId(0), config);
        let pool = pool.expect("there are slots for each thread");
        ([const { None }; HELD], pool, 0)
    }

    #[inline]
    fn once<'a>(&'a self, (held, pool, next): &mut Self::Own<'a>, turn: u64) {
        if let Some(oldest) = held[*next].take() {
            look(&oldest);
            pool.recycle(oldest, Timestamp(turn));
        }
        let mut made = pool
            .acquire(Timestamp(turn))
            .expect("there are slots for each thread");
        *made = object(turn);
        held[*next] = Some(made);
        *next = (*next + 1) % HELD;
    }

    fn pause<'a>(&'a self, (_, pool, _): &mut Self::Own<'a>) {
        if self.is_quiet_between {
            pool.maintain(Timestamp(0));
        }
    }
}

impl Contestant for BatchAllocator<Object, BATCH> {
    type Own<'a> = ([Option<BatchBox<'a, Object, BATCH>>; HELD], usize);

    fn enter(&self, _thread: usize) -> Self::Own<'_> {
        ([const { None }; HELD], 0)
    }

    #[inline]
    fn once<'a>(&'a self, (held, next): &mut Self::Own<'a>, turn: u64) {
        if let Some(oldest) = held[*next].take() {
            look(&oldest);
        }
        held[*next] = self.allocate(object(turn)).ok();
        *next = (*next + 1) % HELD;
    }
}

pub fn entries(threads: usize) -> Vec<Entry> {
    let capacity = threads * (HELD + 1);
    let pool = LockFreePool::new(PoolConfig::fixed(capacity)).expect("the capacity is small");
    // The machine's own nodes, where it tells them: all threads are measured on the first.
    let topology = Topology::detect()
        .or_else(|_| Topology::simulated(1, threads))
        .expect("one node is a topology");
    let parts = |per_thread| NumaPoolConfig::local_first(PoolConfig::fixed(threads * per_thread));
    let cached = NumaOptimizedPool::new(topology.clone(), parts(CACHED));
    let orders = |is_quiet_between| {
        let slots = NumaOptimizedPool::new(topology.clone(), parts(READY + STRETCH + CACHED));
        Orders {
            slots: Arc::new(slots.expect("the capacity is small")),
            is_quiet_between,
        }
    };
    let batches = BatchAllocator::<Object, BATCH>::new(capacity.div_ceil(BATCH));
    vec![
        peer("system allocator", Allocator(System)),
        peer("mimalloc", Allocator(MiMalloc)),
        own("LockFreePool", pool),
        own(
            "NumaOptimizedPool, thread caches",
            Cached(cached.expect("the capacity is small")),
        ),
        own("OrderPool", orders(false)),
        own("OrderPool, cleaned in pauses", orders(true)),
        own("BatchAllocator", batches.expect("there are few batches")),
    ]
}
