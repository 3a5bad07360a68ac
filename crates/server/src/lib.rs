//! An exchange as a whole: gateway, replica and callers put together, in threads of their own. JSON goes in and out; nothing here knows Python.
//!
//! [`Server::start`] opens the folder of an exchange and runs it: a reactor thread that decides and writes the log, and behind it a thread that follows the log.
//! Requests go to the reactor through a queue; what comes of them, and what is asked about the exchange, comes from the log alone.
//!
//! Invariants: decimals are read and written exactly; what cannot be understood never becomes an entry; nothing that a caller does or leaves undone makes the
//! reactor wait.
#![forbid(unsafe_code)]

mod audit;
mod config;
mod decimal;
mod error;
mod fields;
mod mailbox;
mod message;
mod metrics;
mod names;
mod publisher;
mod query;
mod request;
mod server;

pub use audit::audit_folder;
pub use error::{InputError, ServerError};
pub use server::Server;
