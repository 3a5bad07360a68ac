//! Memory for structures that many threads share: pools, safe reclamation, and queues without locks.
//!
//! - [`pool`]: objects in slots that are reused, for all threads or with a part on each node of memory;
//! - [`order_pool`]: orders that are made before they are needed and cleaned after they were used;
//! - [`trade_pool`]: bursts of trades in whole pages, and what they add up to;
//! - [`numa`]: nodes of memory, and where threads run and pages lie;
//! - [`queue`]: a bounded queue for many producers and consumers, and a ring between two threads;
//! - [`hazard`]: hazard pointers, for readers that hold a few things for long;
//! - [`epoch`]: epochs, for readers that walk over many things at once;
//! - [`retired`]: what is handed to either once nobody can reach it any more;
//! - [`wake`]: who has to wake a thread that sleeps.
//!
//! Everything that threads share goes through [`sync`], so that the models in `tests/` can run the same code under loom.
#![deny(unsafe_code)]

mod barrier;
pub mod epoch;
pub mod hazard;
pub mod numa;
pub mod order_pool;
mod padded;
pub mod pool;
pub mod queue;
pub mod registration;
pub mod retired;
pub mod sync;
pub mod trade_pool;
pub mod wake;
