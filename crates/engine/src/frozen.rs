//! A state that was copied while its machine went on: what becomes a snapshot, in a thread of its own.

use proofbook_journal::{Chain, JournalError, Snapshot, Storage, StoredFile, WATERMARK_NAME};

use crate::EngineError;

/// The state after an entry that was acknowledged.
#[derive(Clone, Debug)]
pub struct Frozen {
    pub(crate) sequence: u64,
    pub(crate) chain: Chain,
    pub(crate) segment: String,
    pub(crate) state: Vec<u8>,
}

impl Frozen {
    /// The entry.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Makes the log durable up to its entry, then writes the snapshot; its entry is returned. All segments but the last are durable anyway.
    ///
    /// # Errors
    /// The storage failed; the journal is as good as before.
    pub fn write<S: Storage>(self, storage: &S) -> Result<u64, EngineError> {
        for name in [&self.segment, WATERMARK_NAME] {
            let synced = storage.open(name, true).and_then(|file| file.sync());
            synced.map_err(|source| JournalError::Io {
                operation: "sync",
                file: name.to_owned(),
                source,
            })?;
        }
        self.store(storage)
    }

    /// Writes the snapshot of entries that are durable.
    pub(crate) fn store<S: Storage>(self, storage: &S) -> Result<u64, EngineError> {
        let snapshot = Snapshot {
            sequence: self.sequence,
            chain: self.chain,
            digest: *blake3::hash(&self.state).as_bytes(),
            state: self.state,
        };
        snapshot.write(storage)?;
        Ok(snapshot.sequence)
    }
}
