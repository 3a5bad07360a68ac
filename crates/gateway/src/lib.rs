//! The exchange behind FIX over TCP.
//!
//! One thread, [`Reactor::run`], owns everything that decides: the exchange and its log, the sessions and their stores, the sockets. A turn of it reads
//! what has come, parses it where it lies, gives requests to the exchange, commits the log once for all of them, writes what is to be told into the stores,
//! and only then sends.
//!
//! - [`GatewayConfig`] names the folder, the sessions and the bounds; a session belongs to an account;
//! - `request` makes an entry of a message, `report` messages of outcomes (`docs/FIX.md` has the table);
//! - [`Handle`] gives requests of other threads to the reactor, through a queue without locks;
//! - `outbox` is a session's store that knows up to where in the log its peer was told: after a crash each acknowledged entry is reported exactly once.
//!
//! Invariants: nothing is sent of an entry that the log has not acknowledged; no number of an incoming message is stored before its entry is in the log;
//! connections, messages of a turn and bytes that wait have bounds.
#![forbid(unsafe_code)]

mod application;
mod clients;
mod config;
mod connection;
mod drop_copy;
mod error;
mod gateway;
mod handle;
mod market_data;
mod metrics;
mod outbox;
mod reactor;
mod repeated;
mod report;
mod request;
mod securities;
mod snapshots;
mod tls;
mod turn;

pub use config::{GatewayConfig, SessionConfig, SnapshotPolicy};
pub use error::GatewayError;
pub use gateway::Gateway;
pub use handle::{
    Answers, Handle, NotTaken, Progress, SubmitError, Taken, HANDLE_SESSION, REQUESTS_MAX,
};
pub use metrics::{Counter, Histogram, Metrics, BUCKETS};
pub use outbox::{Outbox, Position};
pub use reactor::{Reactor, Stop};
pub use request::end_of_day;
pub use tls::TlsFiles;
