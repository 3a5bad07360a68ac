//! Allocators and pools: a thread makes an object and gives back the oldest of those that it holds.
#![allow(unsafe_code)] // the interface of allocators is unsafe

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::NonNull;

use mimalloc::MiMalloc;
use proofbook_memory::numa::Topology;
use proofbook_memory::pool::{
    Handle, LockFreePool, NumaOptimizedPool, NumaPoolConfig, PoolBox, PoolConfig, ThreadCache,
    THREAD_CACHE_SIZE,
};

use super::{own, peer, Contestant, Entry};

/// Objects that a thread holds.
const HELD: usize = 16;

/// Slots for each thread of a pool with caches: what it holds, and what lies ready for it.
const CACHED: usize = HELD + 2 * THREAD_CACHE_SIZE;

/// What is made: a cache line, as an order is.
type Object = [u64; 8];

fn object(turn: u64) -> Object {
    [turn; 8]
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
        held[*next] = None;
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
            cache.free(oldest);
        }
        held[*next] = cache.allocate(object(turn)).ok();
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
    let per_node = NumaPoolConfig::local_first(PoolConfig::fixed(threads * CACHED));
    let cached = NumaOptimizedPool::new(topology, per_node).expect("the capacity is small");
    vec![
        peer("system allocator", Allocator(System)),
        peer("mimalloc", Allocator(MiMalloc)),
        own("LockFreePool", pool),
        own("NumaOptimizedPool, thread caches", Cached(cached)),
    ]
}
