//! The operator's side of inclusion: what he keeps of each batch, and files that show anyone what is in it.
//!
//! A [`BatchRecord`] is kept when a batch is sealed: its public values, its commands and their events. From it, [`Server`] opens
//! commands and events; for what the states before and after a batch hold it follows the records from the market's beginning. No
//! matching is done here, and nothing here is trusted by whoever receives a file: `proofbook-receipts` checks it.
#![forbid(unsafe_code)]

mod error;
mod fills;
mod record;
mod server;

pub use error::ServingError;
pub use record::{BatchRecord, RECORD_MAGIC};
pub use server::{Request, Server};
