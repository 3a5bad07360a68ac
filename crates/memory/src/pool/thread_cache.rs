//! A thread's own slots: allocation and free without anything that other threads touch.
//!
//! A cache is a stack, so that the slot that was freed last, whose memory is nearest, is used first. When it has too few it takes a batch
//! from the pool, when it is full it hands its oldest ones over; when it is dropped, all of them go back.
//!
//! Invariants: the slots in a cache hold no objects and have no other owner; except where slots are interleaved between nodes, what is freed into
//! a cache is of its node.
#![allow(unsafe_code)]

use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::handle::sealed::{Holds, Store};
use super::handle::TakesBack;
use super::local::BATCH_MAX;
use super::numa_pool::{AllocationStrategy, NumaOptimizedPool};
use super::slots::Slot;
use super::{Handle, Refused};
use crate::numa::NodeId;

/// Slots that a thread's cache has room for: two batches, so that a thread at the border of one does not go to the pool each time.
pub const THREAD_CACHE_SIZE: usize = 2 * BATCH_MAX;

/// What a cache did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadCacheStatistics {
    /// Allocations that needed nothing from the pool.
    pub hits: u64,
    /// Allocations before which it took, or tried to take, from the pool.
    pub misses: u64,
    /// Times that it was full and handed slots over.
    pub handed_over: u64,
    /// Slots of other nodes that it sent home.
    pub sent_home: u64,
    /// Slots that it holds.
    pub held: usize,
}

/// A thread's cache of a [`NumaOptimizedPool`], which it borrows or shares.
///
/// ```
/// use proofbook_memory::numa::{NodeId, Topology};
/// use proofbook_memory::pool::{NumaOptimizedPool, NumaPoolConfig, PoolConfig};
///
/// let topology = Topology::simulated(2, 1)?;
/// let pool = NumaOptimizedPool::new(topology, NumaPoolConfig::local_first(PoolConfig::fixed(100)))?;
/// let mut cache = pool.thread_cache_on(NodeId(1))?;
/// let object = cache.allocate([1u64; 8])?;
/// assert_eq!(object[7], 1);
/// cache.free(object);
/// assert_eq!((cache.statistics().misses, cache.statistics().held), (1, 32));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ThreadCache<T, P>
where
    P: Holds<T, Store = NumaOptimizedPool<T>> + Clone,
{
    slots: [NonNull<Slot<T>>; THREAD_CACHE_SIZE],
    held: usize,
    refill_threshold: usize,
    /// Whether what is freed here must be of this node.
    keeps_node: bool,
    node: NodeId,
    refills: usize,
    statistics: ThreadCacheStatistics,
    /// What the pool was told of the counts.
    told: ThreadCacheStatistics,
    pool: P,
}

// SAFETY: the cache owns its slots, which hold no objects; the pool may be used from the thread that it is sent to, as the bound says.
unsafe impl<T: Send, P> Send for ThreadCache<T, P> where
    P: Holds<T, Store = NumaOptimizedPool<T>> + Clone + Send
{
}

impl<T, P> ThreadCache<T, P>
where
    P: Holds<T, Store = NumaOptimizedPool<T>> + Clone,
{
    pub(super) fn new(pool: P, node: NodeId) -> Self {
        let config = *pool.store().config();
        let has_nodes = pool.store().topology().nodes().len() > 1;
        let node = match config.strategy {
            AllocationStrategy::Bound(node) => node,
            _ => node,
        };
        ThreadCache {
            slots: [NonNull::dangling(); THREAD_CACHE_SIZE],
            held: 0,
            refill_threshold: config.refill_threshold,
            keeps_node: has_nodes && config.strategy != AllocationStrategy::Interleaved,
            node,
            refills: 0,
            statistics: ThreadCacheStatistics::default(),
            told: ThreadCacheStatistics::default(),
            pool,
        }
    }

    /// Puts an object into a slot.
    ///
    /// # Errors
    /// Where the nodes that the pool's strategy allows have no slot left, or no memory for more; the object comes back. Slots in
    /// other threads' caches are not left.
    #[inline]
    pub fn allocate(&mut self, value: T) -> Result<Handle<T, P>, Refused<T>> {
        if self.held > self.refill_threshold {
            self.statistics.hits += 1;
        } else if let Err(error) = self.refill() {
            return Err(Refused { error, value });
        }
        self.held -= 1;
        let slot = self.slots[self.held];
        // SAFETY: the slot is of this pool and no longer in the cache, which was its only owner; slots live as long as their pool.
        unsafe {
            self.pool.store().note_allocated(slot);
            slot.as_ref().with_mut(|object| object.write(value));
            Ok(Handle::own(slot, self.pool.clone()))
        }
    }

    /// Drops an object and keeps its slot for the next one. An object of another pool goes back to that one.
    #[inline]
    pub fn free(&mut self, object: Handle<T, P>) {
        let (slot, pool) = Handle::into_parts(object);
        // SAFETY: the handle owned the object of this slot of its pool. Should dropping the object panic, the slot goes back there.
        unsafe {
            pool.store().retire(slot);
            let takes_back = TakesBack::new(slot, &pool);
            slot.as_ref().with_mut(|object| object.drop_in_place());
            if std::ptr::eq(pool.store(), self.pool.store()) {
                let _ = ManuallyDrop::new(takes_back);
                self.keep(slot);
            }
        }
    }

    /// The object, out of its slot, which is kept for the next one.
    #[inline]
    pub fn take(&mut self, object: Handle<T, P>) -> T {
        if !std::ptr::eq(Handle::store(&object), self.pool.store()) {
            return Handle::into_inner(object);
        }
        let (slot, pool) = Handle::into_parts(object);
        // SAFETY: the handle owned the object of this slot of this pool; the object moves out.
        unsafe {
            pool.store().retire(slot);
            let object = slot.as_ref().with_mut(|object| object.read());
            self.keep(slot);
            object
        }
    }

    /// What the cache did so far.
    pub fn statistics(&self) -> ThreadCacheStatistics {
        ThreadCacheStatistics {
            held: self.held,
            ..self.statistics
        }
    }

    /// The node that it takes from.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The pool.
    pub fn pool(&self) -> &NumaOptimizedPool<T> {
        self.pool.store()
    }

    /// Takes in a slot whose object is gone.
    ///
    /// # Safety
    /// The slot is of this pool, and its only owner gives it.
    #[inline]
    unsafe fn keep(&mut self, slot: NonNull<Slot<T>>) {
        // SAFETY: the caller's promise.
        if self.keeps_node && unsafe { self.pool.store().node_of(slot) } != self.node {
            self.statistics.sent_home += 1;
            // SAFETY: the caller's promise.
            unsafe { self.pool.store().take_back(slot) };
            return;
        }
        if self.held == THREAD_CACHE_SIZE {
            self.hand_over();
        }
        self.slots[self.held] = slot;
        self.held += 1;
    }

    /// Takes a batch from the pool. It is no error if there is none while some slots are left here.
    #[cold]
    fn refill(&mut self) -> Result<(), super::PoolError> {
        self.statistics.misses += 1;
        let mut taken = [NonNull::dangling(); BATCH_MAX];
        let pool = self.pool.store();
        match pool.hand_out(self.node, self.refills, &mut taken) {
            Ok(count) => {
                self.refills = self.refills.wrapping_add(1);
                // The first slot of a batch was the last to come back to it, so it is the first to be used.
                taken[..count].reverse();
                self.slots[self.held..self.held + count].copy_from_slice(&taken[..count]);
                self.held += count;
            }
            Err(_) if self.held > 0 => {}
            Err(error) => return Err(error),
        }
        self.tell();
        Ok(())
    }

    /// Hands the oldest slots over to the pool.
    #[cold]
    fn hand_over(&mut self) {
        let count = self.pool.store().config().refill_size;
        self.statistics.handed_over += 1;
        // SAFETY: slots in the cache are of this pool, hold no objects, and are its own; they leave it here.
        unsafe { self.pool.store().take_all(&mut self.slots[..count]) };
        self.slots.copy_within(count..self.held, 0);
        self.held -= count;
        self.tell();
    }

    /// Adds what was counted since the latest visit to the pool's figures.
    fn tell(&mut self) {
        let hits = self.statistics.hits - self.told.hits;
        let misses = self.statistics.misses - self.told.misses;
        self.pool.store().count(hits, misses);
        self.told = self.statistics;
    }
}

impl<T, P> Drop for ThreadCache<T, P>
where
    P: Holds<T, Store = NumaOptimizedPool<T>> + Clone,
{
    fn drop(&mut self) {
        self.tell();
        // SAFETY: slots in the cache are of this pool, hold no objects, and are its own, which ends here.
        unsafe { self.pool.store().take_all(&mut self.slots[..self.held]) };
    }
}

impl<T, P> fmt::Debug for ThreadCache<T, P>
where
    P: Holds<T, Store = NumaOptimizedPool<T>> + Clone,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ThreadCache")
            .field(&self.statistics())
            .finish()
    }
}
