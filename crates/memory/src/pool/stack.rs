//! A stack of indices that many threads push and pop without locks: the free list of the pools.
//!
//! R. K. Treiber's stack (Systems Programming: Coping with Parallelism, IBM RJ 5118, 1986). Its nodes are indices, so that one word holds the top
//! together with a tag. A pop reads the top and what lies below it, then swaps the one for the other; were it delayed in between while
//! others pop both and push the first one back, the swap would bring back an index that is in use (the ABA problem). The tag, which each
//! push raises, makes that swap fail.
//!
//! The tag has 32 bits: a pop would have to be delayed for exactly a multiple of 2^32 pushes, with the same top again, to be misled.
//!
//! Invariant: an index is in the stack once or not at all; its link says what lies below it and is written by its pusher alone.

use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// The index that stands for none: the end of a chain.
pub const NO_INDEX: u32 = u32::MAX;

const TAG_SHIFT: u32 = 32;

/// Where a stack keeps what lies below each index.
pub trait Links {
    /// The link of an index.
    fn link(&self, index: u32) -> &AtomicU32;
}

impl Links for [AtomicU32] {
    #[inline]
    fn link(&self, index: u32) -> &AtomicU32 {
        &self[index as usize]
    }
}

/// A stack of indices. The links are given to each call, always the same ones.
///
/// `TAG_STEP` is what a push adds to the tag. With 0 there is no tag, and the stack is wrong; the models show that they notice.
#[derive(Debug)]
#[repr(align(128))]
pub struct IndexStack<const TAG_STEP: u32 = 1> {
    /// The tag in the high half, the top in the low half.
    head: AtomicU64,
}

/// The index at the top.
#[inline]
fn top(head: u64) -> u32 {
    head as u32
}

/// A head with the tag of another.
#[inline]
fn with_top(head: u64, index: u32) -> u64 {
    head >> TAG_SHIFT << TAG_SHIFT | u64::from(index)
}

impl<const TAG_STEP: u32> Default for IndexStack<TAG_STEP> {
    fn default() -> Self {
        IndexStack {
            head: AtomicU64::new(u64::from(NO_INDEX)),
        }
    }
}

impl<const TAG_STEP: u32> IndexStack<TAG_STEP> {
    /// Pushes a chain: `first` on top, `last` at its end, linked from the one to the other. No index of it is in the stack.
    #[inline]
    pub fn push_chain<L: Links + ?Sized>(&self, links: &L, first: u32, last: u32) {
        // Nothing is read through this word but its number: the links of the chain below belong to who pops them.
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // Made visible by the exchange below.
            links.link(last).store(top(head), Ordering::Relaxed);
            let tag = ((head >> TAG_SHIFT) as u32).wrapping_add(TAG_STEP);
            let next = u64::from(tag) << TAG_SHIFT | u64::from(first);
            // Release: who pops the index sees the links of the chain, and all that was done with the slots before they came back.
            match self
                .head
                .compare_exchange_weak(head, next, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(found) => head = found,
            }
        }
    }

    /// Pushes one index.
    #[inline]
    pub fn push<L: Links + ?Sized>(&self, links: &L, index: u32) {
        self.push_chain(links, index, index);
    }

    /// Pops the top, if there is one.
    #[inline]
    pub fn pop<L: Links + ?Sized>(&self, links: &L) -> Option<u32> {
        // Acquire, here and where the exchange fails: the push of this index, and so its link. Every change of the head is a
        // read-modify-write, so that each push's release reaches all later heads.
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let index = top(head);
            if index == NO_INDEX {
                return None;
            }
            // Another thread may have popped the index and written its link anew. Then the head has changed too.
            let below = links.link(index).load(Ordering::Relaxed);
            // Relaxed: what this thread takes was acquired with the head; it leaves nothing for others to see.
            match self.head.compare_exchange_weak(
                head,
                with_top(head, below),
                Ordering::Relaxed,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(index),
                Err(found) => head = found,
            }
        }
    }

    /// Pops as many as `taken` has room for, or all, in one exchange. Gives how many; they lie in `taken` from the top down.
    pub fn pop_many<L: Links + ?Sized>(&self, links: &L, taken: &mut [u32]) -> usize {
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let mut count = 0;
            let mut below = top(head);
            while below != NO_INDEX && count < taken.len() {
                taken[count] = below;
                count += 1;
                // If the head is still the same in the end, nothing was popped or pushed, and each of these links was the right one.
                below = links.link(below).load(Ordering::Relaxed);
            }
            if count == 0 {
                return 0;
            }
            match self.head.compare_exchange_weak(
                head,
                with_top(head, below),
                Ordering::Relaxed,
                Ordering::Acquire,
            ) {
                Ok(_) => return count,
                Err(found) => head = found,
            }
        }
    }
}
