//! Queues of several producers and consumers: each thread pushes a word and pops one.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::{Mutex, PoisonError};

use proofbook_memory::queue::LockFreeQueue;

use super::{own, peer, Contestant, Entry};

const CAPACITY: usize = 1024;

impl Contestant for LockFreeQueue<u64> {
    type Own<'a> = ();

    fn enter(&self, _thread: usize) {}

    #[inline]
    fn once(&self, (): &mut (), turn: u64) {
        // Each thread has one word in it at most, so there is room.
        black_box(self.push(turn).is_ok());
        black_box(self.pop());
    }
}

/// What a queue is where nobody thinks about it.
struct Locked(Mutex<VecDeque<u64>>);

impl Contestant for Locked {
    type Own<'a> = ();

    fn enter(&self, _thread: usize) {}

    #[inline]
    fn once(&self, (): &mut (), turn: u64) {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lock().push_back(turn);
        black_box(lock().pop_front());
    }
}

pub fn entries(_threads: usize) -> Vec<Entry> {
    let queue = LockFreeQueue::with_capacity(CAPACITY).expect("the capacity is a power of two");
    vec![
        peer(
            "mutex over VecDeque",
            Locked(Mutex::new(VecDeque::with_capacity(CAPACITY))),
        ),
        own("LockFreeQueue", queue),
    ]
}
