//! Orders that are made before they are needed and cleaned after they were used, off the way of the thread that trades.
//!
//! A market makes and drops orders all the time. An [`OrderPool`] keeps objects that are in their first state already, so that taking one
//! is popping a list. An object that was used comes back as it is: through [`OrderPool::recycle`] in the pool's own thread, through
//! [`OrderReturns`] from others, whose objects wait in a queue without locks. They are cleaned later, a batch at a time.
//!
//! How many are kept ready is a [`WarmingStrategy`]: a fixed number, a forecast of the demand, or a mark that follows what was missed. Nothing
//! here reads a clock: the caller says what time it is, so equal calls have equal outcomes.
//!
//! ```
//! use proofbook_memory::numa::{NodeId, Topology};
//! use proofbook_memory::order_pool::{OrderPool, OrderPoolConfig, WarmingStrategy};
//! use proofbook_memory::pool::{NumaOptimizedPool, NumaPoolConfig, PoolConfig};
//! use proofbook_memory::sync::Arc;
//! use proofbook_types::{Order, Quantity, Timestamp};
//!
//! let config = NumaPoolConfig::local_first(PoolConfig::fixed(64));
//! let slots = Arc::new(NumaOptimizedPool::new(Topology::simulated(1, 1)?, config)?);
//! let config = OrderPoolConfig { kept_max: 32, cleaning_batch: 8, warming: WarmingStrategy::Immediate(16) };
//! let mut pool = OrderPool::<Order>::new(&slots, NodeId(0), config)?;
//!
//! let mut order = pool.acquire(Timestamp(1))?;
//! order.displayed = Quantity(5);
//! pool.recycle(order, Timestamp(2));
//! assert_eq!((pool.statistics().ready, pool.statistics().to_clean), (15, 1));
//! pool.maintain(Timestamp(3));
//! assert_eq!(pool.acquire(Timestamp(4))?.displayed, Quantity(0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adaptive;
mod forecast;
mod object;
mod pool;
mod warming;

pub use adaptive::AdaptiveParams;
pub use forecast::{PredictiveModel, DEMAND_MAX, WEIGHT_ONE};
pub use object::{PooledOrder, PreInitializedOrder, Recyclable, UsedOrder};
pub use pool::{OrderPool, OrderPoolConfig, OrderPoolStatistics, OrderReturns, KEPT_MAX};
pub use warming::WarmingStrategy;
