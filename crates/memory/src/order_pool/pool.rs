//! The pool of one thread's orders, and the way back to it from other threads.
//!
//! Invariants: what is in `ready` is clean and at most `kept_max`; what is in `used` or in the queue is not, and is cleaned before it is ready.

use std::fmt;

use proofbook_types::Timestamp;

use super::warming::Warming;
use super::{PooledOrder, PreInitializedOrder, Recyclable, UsedOrder, WarmingStrategy};
use crate::numa::NodeId;
use crate::pool::{in_range, NumaOptimizedPool, NumaPooled, PoolError, ThreadCache};
use crate::queue::LockFreeQueue;
use crate::sync::Arc;

/// Objects that a pool can keep at most.
pub const KEPT_MAX: usize = 1 << 24;

/// Objects that an allocation makes at once, when nothing is ready: the rest of the target waits for a quieter moment.
const MADE_AT_ONCE_MAX: usize = 16;

/// How many objects a pool keeps, and how it treats them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderPoolConfig {
    /// Ready objects that the pool keeps at most; what comes back beyond that is given up.
    pub kept_max: usize,
    /// Used objects that are cleaned together.
    pub cleaning_batch: usize,
    /// How many objects are kept ready.
    pub warming: WarmingStrategy,
}

/// What a pool did and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderPoolStatistics {
    /// Allocations that found an object ready.
    pub hits: u64,
    /// Allocations that found none.
    pub misses: u64,
    /// Objects that were made.
    pub made: u64,
    /// Objects that were cleaned.
    pub cleaned: u64,
    /// Objects that came back from other threads.
    pub from_others: u64,
    /// Objects that were given up, since enough were kept.
    pub given_up: u64,
    /// Objects that are ready.
    pub ready: usize,
    /// Objects that came back in this thread and were not cleaned yet.
    pub to_clean: usize,
    /// How many objects should be ready.
    pub target: usize,
}

/// One thread's pool of orders, or of other objects that can be used again.
pub struct OrderPool<T: Recyclable> {
    ready: Vec<NumaPooled<PreInitializedOrder<T>>>,
    used: Vec<UsedOrder<T>>,
    recycling_queue: Arc<LockFreeQueue<UsedOrder<T>>>,
    warming: Warming,
    statistics: OrderPoolStatistics,
    kept_max: usize,
    cleaning_batch: usize,
    cache: ThreadCache<PreInitializedOrder<T>, Arc<NumaOptimizedPool<PreInitializedOrder<T>>>>,
}

/// The way back to an [`OrderPool`] from other threads. It can be cloned for each of them.
pub struct OrderReturns<T> {
    recycling_queue: Arc<LockFreeQueue<UsedOrder<T>>>,
}

impl<T> Clone for OrderReturns<T> {
    fn clone(&self) -> Self {
        OrderReturns {
            recycling_queue: Arc::clone(&self.recycling_queue),
        }
    }
}

impl<T> OrderReturns<T> {
    /// Gives an object back; it is cleaned by the pool's thread. Where the queue is full, the object is given up and its slot is free.
    pub fn give_back(&self, order: PooledOrder<T>, now: Timestamp) {
        // What does not fit is dropped here, as any object that is not given back.
        let _given_up = self.recycling_queue.push(order.into_used(now)).err();
    }
}

impl<T: Recyclable> OrderPool<T> {
    /// A pool whose objects lie in these slots, on this node. What the strategy wants at the beginning is made here.
    ///
    /// # Errors
    /// Where a number is out of its range, the node is not there, or the slots do not suffice.
    pub fn new(
        slots: &Arc<NumaOptimizedPool<PreInitializedOrder<T>>>,
        node: NodeId,
        config: OrderPoolConfig,
    ) -> Result<Self, PoolError> {
        let OrderPoolConfig {
            kept_max,
            cleaning_batch,
            warming,
        } = config;
        in_range("kept_max", kept_max, 1, KEPT_MAX)?;
        in_range("cleaning_batch", cleaning_batch, 1, kept_max)?;
        let nodes = slots.topology().nodes().len();
        in_range("node", node.index(), 0, nodes - 1)?;
        let cache = NumaOptimizedPool::shared_thread_cache_on(slots, node);
        let queue = LockFreeQueue::with_capacity(kept_max.next_power_of_two().max(2));
        let mut pool = OrderPool {
            ready: Vec::with_capacity(kept_max),
            used: Vec::with_capacity(cleaning_batch),
            recycling_queue: Arc::new(queue.expect("a power of two within the queue's bounds")),
            warming: Warming::new(warming, kept_max)?,
            statistics: OrderPoolStatistics::default(),
            kept_max,
            cleaning_batch,
            cache: cache.expect("the node is there"),
        };
        while pool.ready.len() < pool.target() {
            pool.make_one()?;
        }
        Ok(pool)
    }

    /// An object in its first state.
    ///
    /// # Errors
    /// Where none is ready, none came back, and the slots are used up.
    #[inline]
    pub fn acquire(&mut self, now: Timestamp) -> Result<PooledOrder<T>, PoolError> {
        let ready = self.ready.pop();
        self.warming.demand(now, ready.is_none());
        let object = match ready {
            Some(object) => {
                self.statistics.hits += 1;
                object
            }
            None => self.find_one()?,
        };
        Ok(PooledOrder::first_used(object, now))
    }

    /// Takes an object back that has served. It is cleaned later, with others.
    #[inline]
    pub fn recycle(&mut self, order: PooledOrder<T>, now: Timestamp) {
        if self.used.len() == self.cleaning_batch {
            self.clean_used();
        }
        self.used.push(order.into_used(now));
    }

    /// The way back for other threads.
    pub fn returns(&self) -> OrderReturns<T> {
        OrderReturns {
            recycling_queue: Arc::clone(&self.recycling_queue),
        }
    }

    /// Does what can wait: cleans all that came back, makes objects until the target is ready, gives up what is far beyond it. To be
    /// called when there is time. If the slots are used up, the target is not reached; that is no error.
    pub fn maintain(&mut self, now: Timestamp) {
        self.warming.advance(now);
        self.clean_used();
        // No more than the queue held when this began: others may go on giving back.
        let mut left = self.recycling_queue.capacity();
        while left > 0 {
            let taken = self.clean_from_others(left.min(self.cleaning_batch));
            if taken == 0 {
                break;
            }
            left -= taken;
        }
        while self.ready.len() < self.target() {
            if self.make_one().is_err() {
                break;
            }
        }
        if let Some(most) = self.warming.surplus_above() {
            while self.ready.len() > most {
                let object = self.ready.pop().expect("it is longer than something");
                self.cache.free(object);
                self.statistics.given_up += 1;
            }
        }
    }

    /// What the pool did and holds.
    pub fn statistics(&self) -> OrderPoolStatistics {
        OrderPoolStatistics {
            ready: self.ready.len(),
            to_clean: self.used.len(),
            target: self.target(),
            ..self.statistics
        }
    }

    /// How many objects should be ready: what the strategy says, as far as they are kept.
    fn target(&self) -> usize {
        self.warming.target().min(self.kept_max)
    }

    /// An object, though none is ready: one that came back, or a new one.
    #[cold]
    fn find_one(&mut self) -> Result<NumaPooled<PreInitializedOrder<T>>, PoolError> {
        self.statistics.misses += 1;
        self.clean_used();
        if self.ready.is_empty() {
            self.clean_from_others(self.cleaning_batch);
        }
        if self.ready.is_empty() {
            self.make_one()?;
            // While the way is long anyway, some more, if they are wanted.
            let wanted = self.target().min(MADE_AT_ONCE_MAX);
            while self.ready.len() < wanted && self.make_one().is_ok() {}
        }
        Ok(self.ready.pop().expect("one was cleaned or made"))
    }

    /// Makes one more ready object.
    fn make_one(&mut self) -> Result<(), PoolError> {
        let object = self.cache.allocate(PreInitializedOrder::blank());
        self.ready.push(object.map_err(|refused| refused.error)?);
        self.statistics.made += 1;
        Ok(())
    }

    /// Cleans what came back in this thread.
    fn clean_used(&mut self) {
        while let Some(used) = self.used.pop() {
            self.clean_one(used);
        }
    }

    /// Cleans up to `limit` objects that came back from other threads, and gives how many there were.
    fn clean_from_others(&mut self, limit: usize) -> usize {
        let mut taken = 0;
        while taken < limit {
            let Some(used) = self.recycling_queue.pop() else {
                break;
            };
            self.clean_one(used);
            taken += 1;
        }
        self.statistics.from_others += taken as u64;
        taken
    }

    fn clean_one(&mut self, used: UsedOrder<T>) {
        let object = used.into_ready();
        self.statistics.cleaned += 1;
        if self.ready.len() < self.kept_max {
            self.ready.push(object);
        } else {
            self.cache.free(object);
            self.statistics.given_up += 1;
        }
    }
}

impl<T: Recyclable> fmt::Debug for OrderPool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OrderPool")
            .field(&self.statistics())
            .finish()
    }
}

impl<T> fmt::Debug for OrderReturns<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderReturns")
            .field("waiting", &self.recycling_queue.len_hint())
            .finish()
    }
}
