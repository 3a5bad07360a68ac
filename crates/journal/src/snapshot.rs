//! Snapshots: the market's state after some command, so that recovery need not apply the whole log.
//!
//! A snapshot is never needed: the log alone gives the same state. It is taken only of durable commands, written under
//! another name, synced and renamed, so a snapshot that is not right is damaged; recovery passes it over, loudly.

use crate::header::UNFINISHED_SUFFIX;
use crate::record::{word, Chain};
use crate::storage::{read_full, Storage, StoredFile};
use crate::writer_lock::create_durably;
use crate::{JournalError, WriterLock};

/// Length of a snapshot's header, behind which the state follows.
pub const SNAPSHOT_HEADER_BYTES: usize = 128;

/// So many snapshots are kept, the newest ones.
pub const SNAPSHOTS_KEPT: usize = 2;

/// No market's state is larger: 2^24 orders of 96 bytes. A longer file is not read into memory.
const STATE_BYTES_MAX: u64 = 1 << 31;

const MAGIC: [u8; 8] = *b"PROOFSNP";
const VERSION: u64 = 1;
const SEQUENCE_AT: usize = 16;
const CHAIN_AT: usize = 24;
const DIGEST_AT: usize = 56;
const LENGTH_AT: usize = 88;
const CHECKSUM_AT: usize = 96;
const PREFIX: &str = "state-";
const SUFFIX: &str = ".snapshot";

/// A market's state after a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The command.
    pub sequence: u64,
    /// The link of the log that it makes.
    pub chain: Chain,
    /// The digest of the state.
    pub digest: [u8; 32],
    /// The state's canonical bytes.
    pub state: Vec<u8>,
}

/// The name of the snapshot after this command.
pub fn snapshot_name(sequence: u64) -> String {
    format!("{PREFIX}{sequence:020}{SUFFIX}")
}

fn snapshot_sequence(name: &str) -> Option<u64> {
    let sequence = name
        .strip_prefix(PREFIX)?
        .strip_suffix(SUFFIX)?
        .parse()
        .ok()?;
    (snapshot_name(sequence) == name).then_some(sequence)
}

/// After which commands there are snapshots, the latest first.
///
/// # Errors
/// The directory cannot be read.
pub fn snapshots<S: Storage>(storage: &S) -> Result<Vec<u64>, JournalError> {
    let names = storage
        .names()
        .map_err(|error| JournalError::io("list", &storage.describe(), error))?;
    let mut sequences: Vec<u64> = names
        .iter()
        .filter_map(|name| snapshot_sequence(name))
        .collect();
    sequences.sort_unstable_by(|a, b| b.cmp(a));
    Ok(sequences)
}

impl Snapshot {
    fn header(&self) -> [u8; SNAPSHOT_HEADER_BYTES] {
        let mut bytes = [0; SNAPSHOT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..SEQUENCE_AT].copy_from_slice(&VERSION.to_le_bytes());
        bytes[SEQUENCE_AT..CHAIN_AT].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[CHAIN_AT..DIGEST_AT].copy_from_slice(&self.chain.0);
        bytes[DIGEST_AT..LENGTH_AT].copy_from_slice(&self.digest);
        bytes[LENGTH_AT..CHECKSUM_AT].copy_from_slice(&(self.state.len() as u64).to_le_bytes());
        let checksum = blake3::hash(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..].copy_from_slice(checksum.as_bytes());
        bytes
    }

    /// Writes the snapshot durably, then removes all but the newest [`SNAPSHOTS_KEPT`].
    ///
    /// # Errors
    /// The storage failed. The journal is as good as before.
    pub fn write<S: Storage>(&self, storage: &S) -> Result<(), JournalError> {
        let name = snapshot_name(self.sequence);
        let unfinished = format!("{name}{UNFINISHED_SUFFIX}");
        // One may be left from an attempt that failed.
        match storage.remove(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(JournalError::io("remove", &unfinished, error));
            }
            _ => {}
        }
        create_durably(storage, &name, &[&self.header(), &self.state])?;
        for sequence in snapshots(storage)?.into_iter().skip(SNAPSHOTS_KEPT) {
            let name = snapshot_name(sequence);
            storage
                .remove(&name)
                .map_err(|error| JournalError::io("remove", &name, error))?;
        }
        Ok(())
    }

    /// Reads the snapshot after this command.
    ///
    /// # Errors
    /// It is damaged, or cannot be read.
    pub fn read<S: Storage>(storage: &S, sequence: u64) -> Result<Snapshot, JournalError> {
        let name = snapshot_name(sequence);
        let fail = |error| JournalError::io("read", &name, error);
        let file = storage.open(&name, false).map_err(fail)?;
        let length = file.length().map_err(fail)?;
        let mut header = [0; SNAPSHOT_HEADER_BYTES];
        read_full(&file, &mut header, 0).map_err(fail)?;
        let damaged = |offset: usize, what: &str| JournalError::damaged(&name, offset as u64, what);
        if header[..8] != MAGIC {
            return Err(damaged(0, "it is not a snapshot"));
        }
        if blake3::hash(&header[..CHECKSUM_AT]).as_bytes() != &header[CHECKSUM_AT..] {
            return Err(damaged(0, "the header's checksum is wrong"));
        }
        let state_bytes = word(&header, LENGTH_AT);
        let is_whole =
            state_bytes <= STATE_BYTES_MAX && length == state_bytes + SNAPSHOT_HEADER_BYTES as u64;
        if word(&header, 8) != VERSION || word(&header, SEQUENCE_AT) != sequence || !is_whole {
            return Err(damaged(
                8,
                "its version, command or length is not what it should be",
            ));
        }
        let mut state = vec![0; state_bytes as usize];
        let read = read_full(&file, &mut state, SNAPSHOT_HEADER_BYTES as u64).map_err(fail)?;
        let digest: [u8; 32] = copy(&header[DIGEST_AT..LENGTH_AT]);
        if read != state.len() || *blake3::hash(&state).as_bytes() != digest {
            return Err(damaged(
                SNAPSHOT_HEADER_BYTES,
                "the state is not that of its digest",
            ));
        }
        Ok(Snapshot {
            sequence,
            chain: Chain(copy(&header[CHAIN_AT..DIGEST_AT])),
            digest,
            state,
        })
    }
}

fn copy(bytes: &[u8]) -> [u8; 32] {
    let mut copy = [0; 32];
    copy.copy_from_slice(bytes);
    copy
}

impl<S: Storage> WriterLock<S> {
    /// Removes a snapshot that is not to be used again.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove_snapshot(&self, sequence: u64) -> Result<(), JournalError> {
        let name = snapshot_name(sequence);
        self.storage()
            .remove(&name)
            .map_err(|error| JournalError::io("remove", &name, error))
    }
}
