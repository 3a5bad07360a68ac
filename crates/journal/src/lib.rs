//! Append-only log of commands, snapshots and their recovery.
#![forbid(unsafe_code)]

mod clock;
mod error;
mod record;
mod storage;

pub use clock::{Clock, SystemClock};
pub use error::JournalError;
pub use record::{Chain, RECORD_BYTES};
pub use storage::{Directory, Storage, StoredFile, SECTOR_BYTES};
