//! Allocators and pools: a thread makes an object and gives back the oldest of those that it holds.
#![allow(unsafe_code)] // the interface of allocators is unsafe

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::NonNull;

use mimalloc::MiMalloc;
use proofbook_memory::pool::{LockFreePool, PoolBox, PoolConfig};

use super::{own, peer, Contestant, Entry};

/// Objects that a thread holds.
const HELD: usize = 16;

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

pub fn entries(threads: usize) -> Vec<Entry> {
    let capacity = threads * (HELD + 1);
    let pool = LockFreePool::new(PoolConfig::fixed(capacity)).expect("the capacity is small");
    vec![
        peer("system allocator", Allocator(System)),
        peer("mimalloc", Allocator(MiMalloc)),
        own("LockFreePool", pool),
    ]
}
