//! Snapshots of the log's state, taken from the replica: the reactor, which decides, never waits for one.
//!
//! The publisher copies the state and another thread writes it. The market's journals are made durable on their own; a start takes a snapshot that none of them is
//! behind, or the log's beginning, so a snapshot may be ahead of them.
//!
//! Invariants: a snapshot is of acknowledged entries alone, as all that a replica takes; one is written at a time.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use proofbook_engine::{EngineError, Frozen};
use proofbook_journal::Directory;

use super::recent::Recent;
use super::Published;
use crate::error::ServerError;

/// Where recent trades and candles are, in the folder of an exchange.
pub(super) const RECENT_FOLDER: &str = "recent";

/// Takes snapshots of a log.
pub(crate) struct Snapshots {
    log: Directory,
    recent: PathBuf,
    entries: Option<NonZeroU64>,
    last: u64,
    writer: Option<JoinHandle<Result<u64, EngineError>>>,
}

impl Snapshots {
    /// The first one is due so many entries behind `sequence`; none but that of the end, where no number is given.
    pub(crate) fn new(
        log: Directory,
        folder: &Path,
        entries: Option<NonZeroU64>,
        sequence: u64,
    ) -> Self {
        Snapshots {
            log,
            recent: folder.join(RECENT_FOLDER),
            entries,
            last: sequence,
            writer: None,
        }
    }

    /// Whether it is time for one.
    pub(super) fn is_due(&self, sequence: u64) -> bool {
        let is_time = |entries: NonZeroU64| sequence - self.last >= entries.get();
        self.entries.is_some_and(is_time)
            && self.writer.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Has one written.
    pub(super) fn begin(&mut self, copied: Copied) {
        self.last = copied.frozen.sequence();
        let (log, recent) = (self.log.clone(), self.recent.clone());
        let thread = std::thread::Builder::new().name("proofbook-snapshot".to_owned());
        // One that cannot be written makes the next start longer, and nothing else.
        self.writer = thread.spawn(move || copied.write(&log, &recent)).ok();
    }

    /// Writes the last one, once the reactor has ended.
    ///
    /// # Errors
    /// It cannot be written; the log is as good as before.
    pub(super) fn end(&mut self, copied: Copied) -> Result<(), ServerError> {
        if let Some(writer) = self.writer.take() {
            // Where it failed, this one takes its place.
            let _ = writer.join();
        }
        let written = copied.write(&self.log, &self.recent);
        written.map_err(|error| ServerError::Failed(error.to_string()))?;
        Ok(())
    }
}

/// What a snapshot is made of.
pub(super) struct Copied {
    frozen: Frozen,
    recent: Recent,
}

impl Copied {
    /// Of what is published now.
    pub(super) fn of(published: &Published) -> Self {
        let frozen = published.replica.freeze();
        Copied {
            recent: Recent::of(&published.feed, frozen.sequence()),
            frozen,
        }
    }

    fn write(self, log: &Directory, recent: &Path) -> Result<u64, EngineError> {
        // Without it, trades and candles begin with the snapshot.
        let _ = self.recent.write(recent);
        self.frozen.write(log)
    }
}
