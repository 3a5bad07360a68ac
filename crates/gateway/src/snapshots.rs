//! Snapshots while the gateway runs: the reactor copies the state, another thread writes it.
//!
//! Invariant: one is written at a time; while one is, no other is begun. A snapshot that cannot be written costs nothing but a longer start, so it is tried again
//! later.

use std::thread::JoinHandle;
use std::time::Instant;

use proofbook_engine::EngineError;
use proofbook_journal::Directory;

use crate::config::{GatewayConfig, SnapshotPolicy};
use crate::error::{failed, GatewayError};
use crate::gateway::{elapsed_ns, Gateway};

type Writer = JoinHandle<Result<u64, EngineError>>;

/// When the next snapshot is due, and the one that is being written.
pub(crate) struct Snapshots {
    policy: SnapshotPolicy,
    last: u64,
    writer: Option<Writer>,
    storage: Directory,
}

impl Snapshots {
    /// The first one is due so many entries from here on.
    pub(crate) fn new(config: &GatewayConfig, acknowledged: u64) -> Result<Self, GatewayError> {
        let storage = Directory::open(config.folder.join("log"));
        Ok(Snapshots {
            policy: config.snapshots,
            last: acknowledged,
            writer: None,
            storage: storage.map_err(failed("open the log's folder"))?,
        })
    }

    fn is_due(&self, acknowledged: u64) -> bool {
        let SnapshotPolicy::Every(entries) = self.policy else {
            return false;
        };
        acknowledged - self.last >= entries.get()
            && self.writer.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Whether the gateway's end is to have one.
    pub(crate) fn has_end(&self) -> bool {
        self.policy != SnapshotPolicy::Never
    }

    /// Waits for the one that is being written.
    pub(crate) fn finish(&mut self) {
        if let Some(writer) = self.writer.take() {
            // Where it failed, the one of the end takes its place.
            let _ = writer.join();
        }
    }
}

impl Gateway {
    /// Begins a snapshot where it is time for one. To be called when nothing waits for the log.
    pub(crate) fn snapshot_if_due(&mut self) -> Result<(), GatewayError> {
        let acknowledged = self.desk.engine.acknowledged();
        if !self.snapshots.is_due(acknowledged) {
            return Ok(());
        }
        let start = Instant::now();
        self.snapshots.finish();
        let frozen = self.desk.engine.freeze()?;
        self.snapshots.last = frozen.sequence();
        let storage = self.snapshots.storage.clone();
        let thread = std::thread::Builder::new().name("proofbook-snapshot".to_owned());
        // Where there is no thread to be had there is no snapshot this time.
        self.snapshots.writer = thread.spawn(move || frozen.write(&storage)).ok();
        let metrics = &self.desk.metrics;
        metrics.snapshots.add(1);
        metrics.snapshot_ns.record(elapsed_ns(start));
        Ok(())
    }
}
