//! One node's part of a pool: slots in the memory of that node, and what is free of them.
//!
//! Threads come here rarely and take and bring many slots at once. What they bring together stays together, as a batch: its first slot says in
//! its own free memory which slot is the second and how many there are, the others are linked one to the next, and the list of batches names
//! first slots alone. So a batch changes hands with one exchange, whatever its size. Slots that come back one by one are in a list of their own.
//!
//! Invariant: a slot is in the list of free slots, in one batch, was never dealt out, or was handed out.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use super::slots::{BatchNode, PoolConfig, Slot, Slots};
use super::stack::{IndexStack, Links};
use super::{PoolError, NO_INDEX};
use crate::numa::{Node, NodeId};
use crate::sync::{AtomicU64, AtomicUsize, Ordering};

/// The most slots of a batch.
pub(super) const BATCH_MAX: usize = 32;

/// What one node's part of a pool holds at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeStatistics {
    /// The node.
    pub node: NodeId,
    /// Slots that there are.
    pub capacity: usize,
    /// Slots that there may ever be.
    pub max_capacity: usize,
    /// Slots that are in use or in a thread's cache.
    pub handed_out: usize,
    /// Times that slots were handed out, however many at once.
    pub refills: u64,
    /// Batches that came back whole.
    pub batches_back: u64,
    /// Slots that came back one by one.
    pub singles_back: u64,
    /// Pages that were touched before they were needed.
    pub prefaulted_pages: usize,
    /// Chunks that the operating system put on the node as wished.
    pub placed_chunks: usize,
}

/// What a node counts, on a line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Counts {
    handed_out: AtomicUsize,
    refills: AtomicU64,
    batches_back: AtomicU64,
    singles_back: AtomicU64,
}

/// One node's part of a pool.
pub(super) struct LocalPool<T> {
    free: IndexStack,
    batches: IndexStack,
    counts: Counts,
    pub(super) slots: Slots<T>,
}

impl<T> LocalPool<T> {
    /// The part of this node, in its memory if the operating system can be asked for that.
    pub(super) fn new(
        config: PoolConfig,
        id: NodeId,
        node: Option<Node>,
    ) -> Result<Self, PoolError> {
        Ok(LocalPool {
            free: IndexStack::default(),
            batches: IndexStack::default(),
            counts: Counts::default(),
            slots: Slots::new(config, id, node)?,
        })
    }

    /// Hands out up to `wanted` slots, at least one, and gives how many: a whole batch if there is one, else single ones, else new ones.
    pub(super) fn hand_out(
        &self,
        wanted: usize,
        taken: &mut [NonNull<Slot<T>>; BATCH_MAX],
    ) -> Result<usize, PoolError> {
        let mut names = [NO_INDEX; BATCH_MAX];
        let names = &mut names[..wanted];
        let mut count = self.take_back_from_lists(names);
        if count == 0 {
            count = match self.slots.deal(names.len() as u32)? {
                Some(run) => {
                    let all = run.first..run.first + run.count;
                    names
                        .iter_mut()
                        .zip(all)
                        .for_each(|(name, dealt)| *name = dealt);
                    run.count as usize
                }
                // Slots may have come back since the look at the lists; all of them were dealt out, so that nothing else can have.
                None => self.take_back_from_lists(names),
            };
        }
        if count == 0 {
            return Err(PoolError::Exhausted {
                capacity: self.slots.max(),
            });
        }
        for (place, name) in names[..count].iter().enumerate() {
            taken[place] = self.slots.slot(*name);
        }
        // Relaxed, here and below: figures for people.
        self.counts.handed_out.fetch_add(count, Ordering::Relaxed);
        self.counts.refills.fetch_add(1, Ordering::Relaxed);
        Ok(count)
    }

    /// Slots that came back earlier: a batch, or single ones. A batch larger than is wanted leaves the rest of it behind as another one.
    fn take_back_from_lists(&self, names: &mut [u32]) -> usize {
        let Some(first) = self.batches.pop(&self.slots) else {
            return self.free.pop_many(&self.slots, names);
        };
        // SAFETY: who pops the batch owns its slots, and its pusher wrote this into the first of them.
        let batch = unsafe {
            self.slots
                .slot(first)
                .as_ref()
                .with_batch(|batch| batch.read())
        };
        names[0] = first;
        let mut next = batch.second;
        let count = names.len().min(batch.count as usize);
        for name in &mut names[1..count] {
            *name = next;
            // Relaxed: the pop acquired all that the pusher wrote.
            next = self.slots.link(next).load(Ordering::Relaxed);
        }
        let rest = batch.count - count as u32;
        if rest > 0 {
            let second = self.slots.link(next).load(Ordering::Relaxed);
            self.push_batch(
                next,
                BatchNode {
                    second,
                    count: rest,
                },
            );
        }
        count
    }

    /// Pushes a batch whose slots from the second one on are linked.
    fn push_batch(&self, first: u32, batch: BatchNode) {
        // SAFETY: the caller owns the slots of the batch, and so the memory of the first.
        unsafe {
            self.slots
                .slot(first)
                .as_ref()
                .with_batch(|place| place.write(batch))
        };
        self.batches.push(&self.slots, first);
    }

    /// Takes slots back, as one batch.
    ///
    /// # Safety
    /// The slots are of this node's part, at least one and at most [`BATCH_MAX`], hold no objects, and their only owner gives them.
    pub(super) unsafe fn take_batch(&self, slots: &[NonNull<Slot<T>>]) {
        self.counts
            .handed_out
            .fetch_sub(slots.len(), Ordering::Relaxed);
        self.counts.batches_back.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        let name = |slot: NonNull<Slot<T>>| unsafe { self.slots.name_of(slot.cast()) };
        // From the last slot up, each is linked to the one after it.
        let mut second = NO_INDEX;
        for &slot in slots[1..].iter().rev() {
            let this = name(slot);
            // Relaxed: the push releases it.
            self.slots.link(this).store(second, Ordering::Relaxed);
            second = this;
        }
        let count = slots.len() as u32;
        self.push_batch(name(slots[0]), BatchNode { second, count });
    }

    /// Takes one slot back.
    ///
    /// # Safety
    /// As with [`LocalPool::take_batch`].
    pub(super) unsafe fn take_single(&self, slot: NonNull<Slot<T>>) {
        self.counts.handed_out.fetch_sub(1, Ordering::Relaxed);
        self.counts.singles_back.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        let name = unsafe { self.slots.name_of(slot.cast()) };
        self.free.push(&self.slots, name);
    }

    /// What this part holds now.
    pub(super) fn statistics(&self, node: NodeId) -> NodeStatistics {
        NodeStatistics {
            node,
            capacity: self.slots.capacity(),
            max_capacity: self.slots.max(),
            handed_out: self.counts.handed_out.load(Ordering::Relaxed),
            refills: self.counts.refills.load(Ordering::Relaxed),
            batches_back: self.counts.batches_back.load(Ordering::Relaxed),
            singles_back: self.counts.singles_back.load(Ordering::Relaxed),
            prefaulted_pages: self.slots.prefaulted_pages(),
            placed_chunks: self.slots.placed_chunks(),
        }
    }
}
