//! Books placed on the memory nodes of a machine: each market lives on one node, run by a thread that is kept there, and can move to another.
//!
//! A processor reaches memory of its own node faster than that of others, and what two nodes both write wanders between them. So a market is never split:
//! [`LocalBook`] keeps a market's orders in one node's memory, [`NumaOrderBook`] runs many markets, each on one node, and the [`NumaLoadBalancer`] says
//! which market should live where. What threads hand to each other goes through bounded queues without locks, [`CrossNodeChannels`].
//!
//! How a market moves without losing or reordering a command is told in `cell`, and modelled in `tests/loom_numa.rs`.

mod balancer;
mod book;
mod cell;
mod channels;
mod coordinator;
mod error;
mod local;
mod market;
mod metrics;
mod report;
mod worker;

pub use balancer::{
    DistributionStrategy, MarketLoad, Migration, MigrationPolicy, NodeLoad, NumaLoadBalancer,
    FAIR_PERMILLE,
};
pub use book::{Finished, MarketHandle, NumaConfig, NumaOrderBook, COMMANDS_MAX};
pub(crate) use cell::cell_layout;
pub use cell::{MarketCell, Work};
pub use channels::CrossNodeChannels;
pub use coordinator::GlobalCoordinator;
pub use error::{NumaBookError, SubmitError};
pub use local::{LocalBook, LocalStatistics};
pub use market::{Market, MarketId, Residence, Seat, ADDRESSES_MAX};
pub use metrics::{MarketMetrics, NodeMetrics, NumaMetrics};
pub use report::{Batch, Failure, Moved, Outcome, Report};
pub use worker::{NodeStatistics, NodeWorker, BATCH_COMMANDS_MAX};
