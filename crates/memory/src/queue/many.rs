//! A bounded queue between any number of threads: Vyukov's ring with a sequence number in each slot ("Bounded MPMC queue", 1024cores,
//! 2010).
//!
//! Why it exists: threads that leave hand over what they could not free yet, and pools take back what was used; neither may
//! wait for another thread. A push or a pop is one compare-and-swap on a position that its own kind alone contends for, and one store.
//!
//! Invariants, with `position` counting pushes or pops and the slot at `position` modulo the capacity:
//! - a slot whose sequence is `position` is free for the push of that position, one whose sequence is `position + 1` holds its value
//!   for the pop of that position; after that pop it is `position + capacity`, free for the next round;
//! - between its compare-and-swap and its store to the sequence a thread owns the slot alone;
//! - `head <= tail <= head + capacity`.
//!
//! What "full" and "empty" mean: a push that has its position and not yet its value hides the values behind it, and a pop that has
//! not yet left its slot keeps the next round out of it. So `pop` gives none while the oldest push is not finished, and `push`
//! refuses while the oldest pop is not. Without such overlap both answers are exact. No thread ever waits for another.
#![allow(unsafe_code)]

use core::fmt;
use core::mem::MaybeUninit;

use super::{check_capacity, CapacityError};
use crate::padded::Padded;
use crate::sync::{AtomicUsize, Ordering, UnsafeCell};

struct Slot<T> {
    sequence: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// A bounded first-in first-out queue for many producers and many consumers, without locks.
///
/// ```
/// use proofbook_memory::queue::LockFreeQueue;
///
/// let queue = LockFreeQueue::with_capacity(2)?;
/// queue.push('a').expect("there is room for two");
/// queue.push('b').expect("there is room for two");
/// assert_eq!(queue.push('c'), Err('c'));
/// assert_eq!(queue.pop(), Some('a'));
/// # Ok::<(), proofbook_memory::queue::CapacityError>(())
/// ```
pub struct LockFreeQueue<T> {
    slots: Box<[Slot<T>]>,
    /// The position of the next push.
    tail: Padded<AtomicUsize>,
    /// The position of the next pop.
    head: Padded<AtomicUsize>,
}

// SAFETY: values are moved in and out, each by the one thread that owns its slot; nothing gives out a reference to one.
unsafe impl<T: Send> Send for LockFreeQueue<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for LockFreeQueue<T> {}

impl<T> LockFreeQueue<T> {
    /// An empty queue for this many values, a power of two.
    pub fn with_capacity(capacity: usize) -> Result<Self, CapacityError> {
        let capacity = check_capacity(capacity)?;
        let slot = |position| Slot {
            sequence: AtomicUsize::new(position),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        };
        Ok(LockFreeQueue {
            slots: (0..capacity).map(slot).collect(),
            tail: Padded(AtomicUsize::new(0)),
            head: Padded(AtomicUsize::new(0)),
        })
    }

    /// How many values it can hold.
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// How many values there are, or were a moment ago; at most the capacity.
    pub fn len_hint(&self) -> usize {
        let head = self.head.0.load(Ordering::Relaxed);
        let tail = self.tail.0.load(Ordering::Relaxed);
        // The two are not read at one instant: the head may have gone past the tail that was, or the tail far past the head.
        (tail.wrapping_sub(head) as isize).clamp(0, self.capacity() as isize) as usize
    }

    #[inline]
    fn slot(&self, position: usize) -> &Slot<T> {
        let index = position & (self.slots.len() - 1);
        // SAFETY: the number of slots is a power of two, so the index is below it.
        unsafe { self.slots.get_unchecked(index) }
    }

    /// Adds a value at the end; gives it back where the queue is full.
    pub fn push(&self, value: T) -> Result<(), T> {
        let mut position = self.tail.0.load(Ordering::Relaxed);
        loop {
            let slot = self.slot(position);
            // Acquire: the pop of the round before has left the slot.
            let sequence = slot.sequence.load(Ordering::Acquire);
            let lead = sequence.wrapping_sub(position) as isize;
            if lead < 0 {
                return Err(value);
            }
            if lead > 0 {
                position = self.tail.0.load(Ordering::Relaxed);
                continue;
            }
            // Relaxed: the position only decides who owns the slot, the sequence says what is in it.
            let next = position.wrapping_add(1);
            match self.tail.0.compare_exchange_weak(
                position,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    // SAFETY: the sequence said that the slot is free for this position, and this thread alone got the position.
                    slot.value
                        .with_mut(|place| unsafe { (*place).write(value) });
                    // Release: whoever sees the sequence sees the value.
                    slot.sequence.store(next, Ordering::Release);
                    return Ok(());
                }
                Err(now) => position = now,
            }
        }
    }

    /// Takes out the oldest value; none where there is none.
    pub fn pop(&self) -> Option<T> {
        self.claim(1).next()
    }

    /// Takes out up to `limit` of the oldest values, in order, for the price of one compare-and-swap; how many it took.
    ///
    /// Where `take` unwinds, the values that it had not been given are dropped.
    pub fn pop_each(&self, limit: usize, mut take: impl FnMut(T)) -> usize {
        let mut claimed = self.claim(limit);
        let mut count = 0;
        while let Some(value) = claimed.next() {
            count += 1;
            take(value);
        }
        count
    }

    /// Makes the oldest values this thread's, as many as are ready and at most `limit`.
    fn claim(&self, limit: usize) -> Claimed<'_, T> {
        let mut position = self.head.0.load(Ordering::Relaxed);
        loop {
            let count = self.ready(position, limit);
            if count == 0 {
                // Either nothing is ready, or another thread was faster and the position is an old one.
                let now = self.head.0.load(Ordering::Relaxed);
                if now == position {
                    return Claimed {
                        queue: self,
                        next: position,
                        end: position,
                    };
                }
                position = now;
                continue;
            }
            let end = position.wrapping_add(count);
            match self.head.0.compare_exchange_weak(
                position,
                end,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    return Claimed {
                        queue: self,
                        next: position,
                        end,
                    }
                }
                Err(now) => position = now,
            }
        }
    }

    /// How many slots from a position on hold the values of their positions, at most `limit`.
    #[inline]
    fn ready(&self, position: usize, limit: usize) -> usize {
        (0..limit)
            .take_while(|&offset| {
                let position = position.wrapping_add(offset);
                // Acquire: what the push wrote is there.
                self.slot(position).sequence.load(Ordering::Acquire) == position.wrapping_add(1)
            })
            .count()
    }
}

/// Positions whose values this thread alone takes out. Those that it does not take are dropped.
struct Claimed<'q, T> {
    queue: &'q LockFreeQueue<T>,
    next: usize,
    end: usize,
}

impl<T> Claimed<'_, T> {
    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.next == self.end {
            return None;
        }
        let slot = self.queue.slot(self.next);
        // SAFETY: the sequence said that the slot holds the value of this position, and this thread alone got the position.
        let value = slot
            .value
            .with(|place| unsafe { (*place).assume_init_read() });
        // Release: the push of the next round comes after the value has left.
        let free_for = self.next.wrapping_add(self.queue.slots.len());
        slot.sequence.store(free_for, Ordering::Release);
        self.next = self.next.wrapping_add(1);
        Some(value)
    }
}

impl<T> Drop for Claimed<'_, T> {
    fn drop(&mut self) {
        while self.next().is_some() {}
    }
}

impl<T> Drop for LockFreeQueue<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

impl<T> fmt::Debug for LockFreeQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockFreeQueue")
            .field("capacity", &self.capacity())
            .field("len_hint", &self.len_hint())
            .finish()
    }
}
