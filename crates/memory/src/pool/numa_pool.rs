//! A pool with a part on each node of memory, used through a cache that each thread has for itself.
//!
//! It exists for objects that are made and dropped all the time, such as orders: a thread takes them from its own [`ThreadCache`] and gives them
//! back there, without touching anything that other threads touch. The cache takes and brings whole batches from and to the node's part, and
//! slots of another node go back to that node.
//!
//! Invariant: a slot belongs to one node for as long as the pool lives, and only comes back to the part of that node.
#![allow(unsafe_code)]

use std::fmt;
use std::ptr::NonNull;

use super::error::in_range;
use super::handle::sealed;
use super::local::{LocalPool, NodeStatistics, BATCH_MAX};
use super::slots::{PoolConfig, Slot};
use super::thread_cache::{ThreadCache, THREAD_CACHE_SIZE};
use super::{Handle, PoolError};
use crate::numa::{Node, NodeId, NumaError, Topology};
use crate::sync::{Arc, AtomicU64, Ordering};

/// Where a thread's slots come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllocationStrategy {
    /// From the thread's node, and from the nearest other one when it has none left.
    LocalFirst,
    /// From each node in turn, a batch from each: for objects that threads of all nodes use alike.
    Interleaved,
    /// From this node, and no other.
    Bound(NodeId),
}

/// How large a pool's part on each node is, and how the threads' caches take from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumaPoolConfig {
    /// The size of the part of each node.
    pub node: PoolConfig,
    /// Where slots come from.
    pub strategy: AllocationStrategy,
    /// A cache that has no more slots than this takes a batch before it gives one.
    pub refill_threshold: usize,
    /// Slots of a batch.
    pub refill_size: usize,
}

impl NumaPoolConfig {
    /// Slots of a batch where nothing else is asked for.
    pub const REFILL_SIZE: usize = BATCH_MAX;

    /// Parts of this size, used locally first, with a whole batch whenever a cache is empty.
    pub fn local_first(node: PoolConfig) -> NumaPoolConfig {
        NumaPoolConfig {
            node,
            strategy: AllocationStrategy::LocalFirst,
            refill_threshold: 0,
            refill_size: Self::REFILL_SIZE,
        }
    }
}

/// What a pool holds at some moment, node by node, and how its caches did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumaPoolStatistics {
    /// The parts of the nodes, in order.
    pub nodes: Vec<NodeStatistics>,
    /// Allocations that a cache served without the pool, up to each cache's latest visit to the pool.
    pub hits: u64,
    /// Allocations before which a cache had to take from the pool.
    pub misses: u64,
}

/// Where in a [`NumaOptimizedPool`] an object lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotPlace {
    /// The node whose part has the slot.
    pub node: NodeId,
    /// The slot's number in that part.
    pub number: u32,
}

/// An object in a [`NumaOptimizedPool`] that is borrowed.
pub type NumaBox<'pool, T> = Handle<T, &'pool NumaOptimizedPool<T>>;

/// An object in a [`NumaOptimizedPool`] whose ownership it shares.
pub type NumaPooled<T> = Handle<T, Arc<NumaOptimizedPool<T>>>;

/// A pool with a part on each node.
pub struct NumaOptimizedPool<T> {
    parts: Box<[LocalPool<T>]>,
    /// For each node, all nodes from the nearest on.
    nearest_first: Box<[Vec<NodeId>]>,
    topology: Topology,
    config: NumaPoolConfig,
    hits: AtomicU64,
    misses: AtomicU64,
}

// SAFETY: what is shared is atomic, and a slot's content belongs to one owner at a time; objects go from one thread to another with it.
unsafe impl<T: Send> Send for NumaOptimizedPool<T> {}

// SAFETY: as above: the pool itself gives no access to an object that somebody owns.
unsafe impl<T: Send> Sync for NumaOptimizedPool<T> {}

impl<T> NumaOptimizedPool<T> {
    /// A pool on the nodes of this topology. On a real one, each part's memory is wished onto its node; what the operating system
    /// made of that is in the statistics.
    ///
    /// # Errors
    /// Where a number is out of its range, a bound node is not there, or the allocator has no memory for the initial capacity.
    pub fn new(topology: Topology, config: NumaPoolConfig) -> Result<Self, PoolError> {
        in_range("refill_size", config.refill_size, 1, BATCH_MAX)?;
        let room = THREAD_CACHE_SIZE - config.refill_size;
        in_range("refill_threshold", config.refill_threshold, 0, room)?;
        if let AllocationStrategy::Bound(node) = config.strategy {
            in_range("bound node", node.index(), 0, topology.nodes().len() - 1)?;
        }
        let part = |node: &Node| {
            let place = (!topology.is_simulated()).then(|| node.clone());
            LocalPool::new(config.node, node.id, place)
        };
        let parts = topology
            .nodes()
            .iter()
            .map(part)
            .collect::<Result<_, _>>()?;
        let order = |node: &Node| {
            topology
                .nearest_first(node.id)
                .expect("the node is of this topology")
        };
        Ok(NumaOptimizedPool {
            parts,
            nearest_first: topology.nodes().iter().map(order).collect(),
            topology,
            config,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        })
    }

    /// A cache for this thread, on the node that it runs on now. Pin the thread first, if it should stay there.
    ///
    /// # Errors
    /// Where the operating system does not say on which node a thread runs; name it with [`NumaOptimizedPool::thread_cache_on`] then.
    pub fn thread_cache(&self) -> Result<ThreadCache<T, &Self>, NumaError> {
        self.thread_cache_on(self.topology.current_node()?)
    }

    /// A cache on this node.
    ///
    /// # Errors
    /// Where the topology has no such node.
    pub fn thread_cache_on(&self, node: NodeId) -> Result<ThreadCache<T, &Self>, NumaError> {
        self.topology.node(node)?;
        Ok(ThreadCache::new(self, node))
    }

    /// A cache on this node that keeps the pool alive. Each object from it does too, which costs an atomic addition each time.
    ///
    /// # Errors
    /// Where the topology has no such node.
    pub fn shared_thread_cache_on(
        pool: &Arc<Self>,
        node: NodeId,
    ) -> Result<ThreadCache<T, Arc<Self>>, NumaError> {
        pool.topology.node(node)?;
        Ok(ThreadCache::new(Arc::clone(pool), node))
    }

    /// The node and the number of the slot that an object lies in: no other object has both at the same time. Where each part is one
    /// chunk, as with [`PoolConfig::fixed`], numbers are below the capacity of a part.
    #[inline]
    pub fn place_of<P: sealed::Holds<T, Store = Self>>(object: &Handle<T, P>) -> SlotPlace {
        let (pool, slot) = (Handle::store(object), Handle::address(object));
        // SAFETY: the object lies in a slot of its handle's pool, on the node that its chunk names.
        unsafe {
            let node = pool.node_of(slot.cast());
            let number = pool.parts[node.index()].slots.name_of(slot);
            SlotPlace { node, number }
        }
    }

    /// The owner of an object again.
    ///
    /// # Safety
    /// The pointer came from [`Handle::into_raw`] for an object of this pool, and is not used as an owner any more: each such pointer becomes a
    /// handle once.
    #[inline]
    pub unsafe fn from_raw(&self, object: NonNull<T>) -> NumaBox<'_, T> {
        // SAFETY: the caller's promise: the address lies in a slot of this pool, of the part that its chunk names.
        unsafe {
            let slots = &self.parts[self.node_of(object.cast()).index()].slots;
            Handle::own(slots.slot(slots.name_of(object.cast())), self)
        }
    }

    /// The nodes that the pool has parts on.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// How it was made.
    pub fn config(&self) -> &NumaPoolConfig {
        &self.config
    }

    /// What the pool holds now.
    pub fn statistics(&self) -> NumaPoolStatistics {
        let nodes = self.topology.nodes().iter().zip(&self.parts);
        NumaPoolStatistics {
            nodes: nodes.map(|(node, part)| part.statistics(node.id)).collect(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    /// The node whose slot this is.
    ///
    /// # Safety
    /// The slot is of this pool.
    #[inline]
    pub(super) unsafe fn node_of(&self, slot: NonNull<Slot<T>>) -> NodeId {
        // SAFETY: the chunks of all parts have the same layout, so each part finds the chunk of any slot of the pool.
        unsafe { self.parts[0].slots.chunk_of(slot.cast()) }.node
    }

    /// Hands out a batch to a cache on this node whose batches so far are `turn`.
    pub(super) fn hand_out(
        &self,
        node: NodeId,
        turn: usize,
        taken: &mut [NonNull<Slot<T>>; BATCH_MAX],
    ) -> Result<usize, PoolError> {
        let wanted = self.config.refill_size;
        let bound;
        let order: &[NodeId] = match self.config.strategy {
            AllocationStrategy::LocalFirst => &self.nearest_first[node.index()],
            AllocationStrategy::Interleaved => {
                let next = (node.index() + turn) % self.parts.len();
                &self.nearest_first[next]
            }
            AllocationStrategy::Bound(node) => {
                bound = [node];
                &bound
            }
        };
        let mut capacity = 0;
        let mut no_memory = None;
        for node in order {
            match self.parts[node.index()].hand_out(wanted, taken) {
                Ok(count) => return Ok(count),
                Err(PoolError::Exhausted { capacity: of_node }) => capacity += of_node,
                Err(error) => no_memory = Some(error),
            }
        }
        Err(no_memory.unwrap_or(PoolError::Exhausted { capacity }))
    }

    /// Takes slots back, each to its node.
    ///
    /// # Safety
    /// The slots are of this pool, hold no objects, and their only owner gives them.
    pub(super) unsafe fn take_all(&self, slots: &mut [NonNull<Slot<T>>]) {
        // SAFETY: the caller's promise.
        let node = |slot: &NonNull<Slot<T>>| unsafe { self.node_of(*slot) };
        if self.parts.len() > 1 {
            slots.sort_unstable_by_key(node);
        }
        for of_node in slots.chunk_by(|a, b| node(a) == node(b)) {
            let part = &self.parts[node(&of_node[0]).index()];
            for batch in of_node.chunks(self.config.refill_size) {
                // SAFETY: the caller's promise; these are of that part.
                unsafe { part.take_batch(batch) };
            }
        }
    }

    /// Notes that an object is put into a slot.
    ///
    /// # Safety
    /// The slot is of this pool.
    #[inline]
    pub(super) unsafe fn note_allocated(&self, slot: NonNull<Slot<T>>) {
        if cfg!(debug_assertions) {
            // SAFETY: the caller's promise.
            unsafe {
                let slots = &self.parts[self.node_of(slot).index()].slots;
                slots.note_allocated(slots.name_of(slot.cast()));
            }
        }
    }

    /// Adds what a cache counted since its latest visit.
    pub(super) fn count(&self, hits: u64, misses: u64) {
        // Relaxed: figures for people.
        self.hits.fetch_add(hits, Ordering::Relaxed);
        self.misses.fetch_add(misses, Ordering::Relaxed);
    }
}

impl<T> fmt::Debug for NumaOptimizedPool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NumaOptimizedPool")
            .field(&self.statistics())
            .finish()
    }
}

impl<T> sealed::Store<T> for NumaOptimizedPool<T> {
    #[inline]
    unsafe fn retire(&self, slot: NonNull<Slot<T>>) {
        if cfg!(debug_assertions) {
            // SAFETY: the caller's promise.
            unsafe {
                let slots = &self.parts[self.node_of(slot).index()].slots;
                slots.note_freed(slots.name_of(slot.cast()));
            }
        }
    }

    unsafe fn take_back(&self, slot: NonNull<Slot<T>>) {
        // SAFETY: the caller's promise.
        unsafe { self.parts[self.node_of(slot).index()].take_single(slot) };
    }
}
