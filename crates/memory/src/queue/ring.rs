//! A ring from one thread to one other: what two market threads, or two memory nodes, exchange messages through.
//!
//! Lamport's queue ("Proving the correctness of multiprocess programs", 1977) where each side keeps a copy of the other's position and
//! looks at the other's line only when the copy says that it cannot go on (MCRingBuffer, Lee et al. 2010). There is no
//! compare-and-swap: a push or a pop is one store that others see, and a batch has one for all its values.
//!
//! Invariants: `taken <= published <= taken + capacity`; slots in `taken..published` are the receiver's, all others the sender's;
//! there is one of each, since neither can be cloned.
#![allow(unsafe_code)]

use core::fmt;
use core::mem::MaybeUninit;

use super::{check_capacity, CapacityError};
use crate::padded::Padded;
use crate::sync::{Arc, AtomicBool, AtomicUsize, Ordering, UnsafeCell};

struct Ring<T> {
    slots: Box<[UnsafeCell<MaybeUninit<T>>]>,
    /// How many values the sender has made visible.
    published: Padded<AtomicUsize>,
    /// How many values the receiver has taken out.
    taken: Padded<AtomicUsize>,
    /// That one side is gone.
    is_closed: AtomicBool,
}

// SAFETY: each slot is one side's at a time, and values are moved through it.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Ring<T> {}

/// The side that pushes.
pub struct Sender<T> {
    ring: Arc<Ring<T>>,
    pushed: usize,
    /// A past value of `taken`.
    taken_seen: usize,
}

/// The side that pops.
pub struct Receiver<T> {
    ring: Arc<Ring<T>>,
    popped: usize,
    /// A past value of `published`.
    published_seen: usize,
}

/// A ring for this many values, a power of two.
pub fn channel<T>(capacity: usize) -> Result<(Sender<T>, Receiver<T>), CapacityError> {
    let capacity = check_capacity(capacity)?;
    let ring = Arc::new(Ring {
        slots: (0..capacity)
            .map(|_| UnsafeCell::new(MaybeUninit::uninit()))
            .collect(),
        published: Padded(AtomicUsize::new(0)),
        taken: Padded(AtomicUsize::new(0)),
        is_closed: AtomicBool::new(false),
    });
    let receiver = Receiver {
        ring: Arc::clone(&ring),
        popped: 0,
        published_seen: 0,
    };
    Ok((
        Sender {
            ring,
            pushed: 0,
            taken_seen: 0,
        },
        receiver,
    ))
}

impl<T> Ring<T> {
    #[inline]
    fn slot(&self, position: usize) -> &UnsafeCell<MaybeUninit<T>> {
        let index = position & (self.slots.len() - 1);
        // SAFETY: the number of slots is a power of two, so the index is below it.
        unsafe { self.slots.get_unchecked(index) }
    }

    /// Takes out the value of a position.
    ///
    /// # Safety
    /// The slot holds it, and it is the caller's.
    #[inline]
    unsafe fn take(&self, position: usize) -> T {
        // SAFETY: as the caller promises.
        self.slot(position)
            .with(|place| unsafe { (*place).assume_init_read() })
    }
}

impl<T> Sender<T> {
    /// How many values there is room for, at least.
    #[inline]
    pub fn room(&mut self) -> usize {
        let capacity = self.ring.slots.len();
        if self.pushed.wrapping_sub(self.taken_seen) == capacity {
            // Acquire: the values that were taken have left their slots.
            self.taken_seen = self.ring.taken.0.load(Ordering::Acquire);
        }
        capacity - self.pushed.wrapping_sub(self.taken_seen)
    }

    #[inline]
    fn write(&mut self, value: T) {
        // SAFETY: there is room, so that the slot is the sender's, who is here alone.
        self.ring
            .slot(self.pushed)
            .with_mut(|place| unsafe { (*place).write(value) });
        self.pushed = self.pushed.wrapping_add(1);
    }

    #[inline]
    fn publish(&self) {
        // Release: whoever sees the position sees the values.
        self.ring.published.0.store(self.pushed, Ordering::Release);
    }

    /// Adds a value; gives it back where the ring is full.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), T> {
        if self.room() == 0 {
            return Err(value);
        }
        self.write(value);
        self.publish();
        Ok(())
    }

    /// Adds values while there is room, and shows them together; how many it took from the iterator.
    pub fn push_each(&mut self, values: &mut impl Iterator<Item = T>) -> usize {
        let pushing = Pushing { sender: self };
        let mut count = 0;
        while pushing.sender.room() > 0 {
            let Some(value) = values.next() else { break };
            pushing.sender.write(value);
            count += 1;
        }
        count
    }

    /// Whether the receiver is gone, so that nobody takes what is pushed.
    pub fn is_closed(&self) -> bool {
        // Relaxed: nothing is read from a receiver that is gone.
        self.ring.is_closed.load(Ordering::Relaxed)
    }
}

impl<T> Receiver<T> {
    /// How many values are ready, at least one where there is one.
    #[inline]
    fn ready(&mut self) -> usize {
        if self.published_seen == self.popped {
            // Acquire: what the sender wrote is there.
            self.published_seen = self.ring.published.0.load(Ordering::Acquire);
        }
        self.published_seen.wrapping_sub(self.popped)
    }

    /// Takes out the oldest value; none where there is none.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if self.ready() == 0 {
            return None;
        }
        // SAFETY: the position was published and not popped.
        let value = unsafe { self.ring.take(self.popped) };
        self.popped = self.popped.wrapping_add(1);
        // Release: the slot's next value comes after this one has left.
        self.ring.taken.0.store(self.popped, Ordering::Release);
        Some(value)
    }

    /// Takes out up to `limit` of the oldest values, in order, and frees their slots together; how many it took.
    pub fn pop_each(&mut self, limit: usize, mut take: impl FnMut(T)) -> usize {
        let count = self.ready().min(limit);
        let taking = Taking { receiver: self };
        for _ in 0..count {
            // SAFETY: the position was published and not popped.
            let value = unsafe { taking.receiver.ring.take(taking.receiver.popped) };
            taking.receiver.popped = taking.receiver.popped.wrapping_add(1);
            take(value);
        }
        count
    }

    /// Whether the sender is gone: what [`Receiver::pop`] does not give after this said so will never come.
    pub fn is_closed(&self) -> bool {
        // Acquire: all that the sender pushed is there.
        self.ring.is_closed.load(Ordering::Acquire)
    }
}

/// Shows the values of a batch, also where the iterator that gives them unwinds.
struct Pushing<'s, T> {
    sender: &'s mut Sender<T>,
}

impl<T> Drop for Pushing<'_, T> {
    fn drop(&mut self) {
        self.sender.publish();
    }
}

/// Frees the slots of a batch, also where its consumer unwinds.
struct Taking<'r, T> {
    receiver: &'r mut Receiver<T>,
}

impl<T> Drop for Taking<'_, T> {
    fn drop(&mut self) {
        // Release: the slots' next values come after these have left.
        self.receiver
            .ring
            .taken
            .0
            .store(self.receiver.popped, Ordering::Release);
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // Release: whoever sees that this side is gone sees all that it pushed.
        self.ring.is_closed.store(true, Ordering::Release);
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Relaxed: as where the sender looks.
        self.ring.is_closed.store(true, Ordering::Relaxed);
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        // Relaxed: the last owner of the ring comes after both sides.
        let published = self.published.0.load(Ordering::Relaxed);
        let mut position = self.taken.0.load(Ordering::Relaxed);
        while position != published {
            // SAFETY: both sides are gone, and these were published and not taken.
            drop(unsafe { self.take(position) });
            position = position.wrapping_add(1);
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("capacity", &self.ring.slots.len())
            .field("pushed", &self.pushed)
            .finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("capacity", &self.ring.slots.len())
            .field("popped", &self.popped)
            .finish()
    }
}
