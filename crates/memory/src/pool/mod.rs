//! Pools: objects of one type in slots that are reused, so that a warm program asks the allocator for nothing.
//!
//! [`LockFreePool`] is one pool for all threads. It hands out owning handles: a [`PoolBox`] borrows the pool, a [`Pooled`] shares its
//! ownership. Either derefs to the object, can be sent to other threads, and gives the slot back when it is dropped. So, without unsafe
//! code, nothing is used after it was freed, freed twice, or left behind. Structures that decide themselves when an object may go (those
//! with hazard pointers or epochs) turn a handle into a pointer and later give it back with [`LockFreePool::give_back`].
//!
//! ```
//! use proofbook_memory::pool::{LockFreePool, PoolConfig, PoolError};
//!
//! let pool = LockFreePool::new(PoolConfig::fixed(2))?;
//! let first = pool.allocate("a")?;
//! let second = pool.allocate("b")?;
//! let refused = pool.allocate("c").expect_err("both slots are in use");
//! assert_eq!((refused.value, refused.error), ("c", PoolError::Exhausted { capacity: 2 }));
//! drop(first);
//! assert_eq!(*pool.allocate("d")?, "d");
//! assert_eq!(*second, "b");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`NumaOptimizedPool`] has a part on each node of memory, and each thread reaches it through a [`ThreadCache`] of its own, which serves most
//! allocations and frees without anything that other threads touch.
//!
//! A handle cannot be used after it was dropped, nor outlive the pool that it borrows:
//!
//! ```compile_fail,E0382
//! # use proofbook_memory::pool::{LockFreePool, PoolConfig};
//! let pool = LockFreePool::new(PoolConfig::fixed(2)).expect("two slots");
//! let object = pool.allocate(1u64).expect("a slot is free");
//! drop(object);
//! println!("{}", *object);
//! ```
//!
//! ```compile_fail,E0505
//! # use proofbook_memory::pool::{LockFreePool, PoolConfig};
//! let pool = LockFreePool::new(PoolConfig::fixed(2)).expect("two slots");
//! let object = pool.allocate(1u64).expect("a slot is free");
//! drop(pool);
//! println!("{}", *object);
//! ```
//!
//! ```compile_fail,E0505
//! # use proofbook_memory::pool::{LockFreePool, PoolConfig};
//! let pool = LockFreePool::new(PoolConfig::fixed(2)).expect("two slots");
//! let object = pool.allocate(1u64).expect("a slot is free");
//! let inside: &u64 = &object;
//! drop(object);
//! println!("{inside}");
//! ```
//!
//! Nor can an object borrow what goes before the pool, be sent to another thread where its type must not be, or a cache be used by two:
//!
//! ```compile_fail,E0597
//! # use proofbook_memory::pool::{LockFreePool, PoolConfig};
//! let pool = LockFreePool::new(PoolConfig::fixed(2)).expect("two slots");
//! {
//!     let text = "lent".to_owned();
//!     std::mem::forget(pool.allocate(text.as_str()));
//! }
//! drop(pool);
//! ```
//!
//! ```compile_fail,E0277
//! # use proofbook_memory::pool::{LockFreePool, PoolConfig};
//! # use std::{rc::Rc, sync::Arc};
//! let pool = Arc::new(LockFreePool::new(PoolConfig::fixed(2)).expect("two slots"));
//! let object = LockFreePool::allocate_shared(&pool, Rc::new(1)).expect("a slot is free");
//! std::thread::spawn(move || drop(object));
//! ```
//!
//! ```compile_fail,E0277
//! # use proofbook_memory::numa::{NodeId, Topology};
//! # use proofbook_memory::pool::{NumaOptimizedPool, NumaPoolConfig, PoolConfig};
//! # let topology = Topology::simulated(1, 1).expect("one node");
//! # let config = NumaPoolConfig::local_first(PoolConfig::fixed(2));
//! # let pool = NumaOptimizedPool::<u64>::new(topology, config).expect("two slots");
//! let cache = pool.thread_cache_on(NodeId(0)).expect("it is there");
//! std::thread::scope(|scope| scope.spawn(|| cache.statistics()).join());
//! ```

mod error;
mod handle;
mod local;
mod lock_free;
mod numa_pool;
mod slots;
mod stack;
mod thread_cache;

pub(crate) use error::in_range;
pub use error::{PoolError, Refused};
pub use handle::{Handle, PoolBox, Pooled};
pub use local::NodeStatistics;
pub use lock_free::{LockFreePool, PoolStatistics};
pub use numa_pool::{
    AllocationStrategy, NumaBox, NumaOptimizedPool, NumaPoolConfig, NumaPoolStatistics, NumaPooled,
    SlotPlace,
};
pub use slots::{PoolConfig, CAPACITY_MAX, CHUNKS_MAX};
pub use stack::{IndexStack, Links, NO_INDEX};
pub use thread_cache::{ThreadCache, ThreadCacheStatistics, THREAD_CACHE_SIZE};
