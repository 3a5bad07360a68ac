//! The journal of a market or an exchange: an append-only log of its commands, snapshots of its state, and what recovery
//! reads them with.
//!
//! The log is the market: matching is deterministic, so the commands alone give the state, every event and every
//! digest. `docs/JOURNAL.md` gives the format to the byte and says what is proven about it. In short:
//!
//! - [`Journal`] appends commands in fixed records, each with a checksum and linked to all before it by a hash, and
//!   **acknowledges** them once the [`SyncPolicy`] holds. After a failed write or sync it takes nothing more.
//! - [`scan`] reads a log and verifies every record. It tells the torn end that a crash leaves, which was never
//!   acknowledged, from damage, which stops it with the file and the offset.
//! - [`LogReader`] follows a log while another writes it.
//! - [`WriterLock`] keeps a second writer out and repairs the end of a log.
//! - [`Terms`] say what a log holds: a market's commands, or an exchange's entries.
//! - [`Snapshot`] spares recovery the start of a long log. It is never needed.
//!
//! Disk and clock are injected ([`Storage`], [`Clock`]); [`simulated`] has a hostile disk for tests.
#![forbid(unsafe_code)]

mod clock;
mod error;
mod follow;
mod header;
mod journal;
mod kind;
mod policy;
mod record;
mod scan;
mod segment;
pub mod simulated;
mod snapshot;
mod storage;
mod watermark;
mod writer_lock;

pub use clock::{Clock, SystemClock};
pub use error::JournalError;
pub use follow::LogReader;
pub use header::HEADER_BYTES;
pub use journal::Journal;
pub use kind::{Terms, TERMS_BYTES_MAX};
pub use policy::{Options, SyncPolicy, Ticket};
pub use record::{Chain, RECORD_BYTES};
pub use scan::{log_terms, market, read_log, scan, Scan};
pub use segment::{scan_segment, Position, Tail};
pub use snapshot::{snapshot_name, snapshots, Snapshot, SNAPSHOTS_KEPT, SNAPSHOT_HEADER_BYTES};
pub use storage::{Directory, Storage, StoredFile, SECTOR_BYTES};
pub use watermark::{WATERMARK_BYTES, WATERMARK_NAME};
pub use writer_lock::WriterLock;
