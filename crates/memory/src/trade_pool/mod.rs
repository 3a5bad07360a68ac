//! Trades come in bursts: where a burst lies while it is worked on, and what it adds up to.
//!
//! - [`BatchAllocator`] has whole pages of room for objects, and gives single objects or runs of them out of it;
//! - [`TradeResultAggregator`] adds a burst up: by maker, by taker, by price, and over all;
//! - [`MemoryLayoutOptimizer`] measures which layout of a burst is added up fastest on this machine, and says by how much;
//! - [`TradePool`] is the three of them put together.
//!
//! ```
//! use proofbook_memory::trade_pool::{BatchAllocator, Trade, TradePool};
//! use proofbook_types::{OrderId, Price, Quantity, Side};
//!
//! let batches = BatchAllocator::<Trade, 1024>::new(4)?;
//! let mut pool = TradePool::new(&batches);
//! let trade = |maker, price, quantity| Trade {
//!     maker: OrderId(maker), taker: OrderId(9), taker_side: Side::Buy, price: Price(price), quantity: Quantity(quantity),
//! };
//! let burst = pool.collect([trade(1, 100, 5), trade(2, 101, 10)])?;
//! let totals = pool.totals(&burst)?.expect("there were trades");
//! assert_eq!((totals.volume, totals.notional), (15, 1510));
//! let price = totals.average_price();
//! assert_eq!((price.numerator, price.denominator), (302, 3));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A burst cannot outlive its batches, and no slice of it stays while it grows:
//!
//! ```compile_fail,E0505
//! # use proofbook_memory::trade_pool::BatchAllocator;
//! let allocator = BatchAllocator::<u64, 64>::new(1).expect("one batch");
//! let burst = allocator.burst().expect("there is room");
//! drop(allocator);
//! println!("{burst:?}");
//! ```
//!
//! ```compile_fail,E0502
//! # use proofbook_memory::trade_pool::BatchAllocator;
//! # let allocator = BatchAllocator::<u64, 64>::new(1).expect("one batch");
//! let mut burst = allocator.burst().expect("there is room");
//! let slice = &burst[..];
//! burst.push(1).expect("there is room");
//! println!("{slice:?}");
//! ```

// A burst is a slice of cells, which the cells of a model cannot be: models see the bitmap, which says who owns what, and not the batches.
mod aggregate;
#[cfg(not(loom))]
mod batch;
mod bit_set;
#[cfg(not(loom))]
mod burst;
mod layout;
mod optimizer;
#[cfg(not(loom))]
mod pool;
mod totals;
mod trade;
#[cfg(not(loom))]
mod usage;

pub use aggregate::{Group, TradeResultAggregator};
#[cfg(not(loom))]
pub use batch::{AlignedBatch, BatchAllocator, BatchBox, BATCHES_MAX};
pub use bit_set::AtomicBitSet;
#[cfg(not(loom))]
pub use burst::Burst;
pub use layout::{Blocks, Columns, MemoryLayout, BLOCK};
pub use optimizer::{Clock, LayoutChoice, LayoutFigure, MemoryLayoutOptimizer};
#[cfg(not(loom))]
pub use pool::{PreparedBurst, TradeBurst, TradePool, SEGMENTS_MAX};
pub use totals::{AveragePrice, SumOverflow, Totals};
pub use trade::Trade;
#[cfg(not(loom))]
pub use usage::{BatchUsageStats, BURST_STEP};
