//! The right to write a journal, and what only its holder may do: repairing the end of a log after a crash.

use std::io;

use crate::header::{SegmentHeader, UNFINISHED_SUFFIX};
use crate::kind::Terms;
use crate::record::Chain;
use crate::scan::Scan;
use crate::storage::{read_full, write_full, Storage, StoredFile};
use crate::watermark::{Watermark, WATERMARK_NAME};
use crate::JournalError;

/// Records written again at a time.
const CHUNK_RECORDS: usize = 4096;

/// A storage that nobody else writes as long as this lives.
pub struct WriterLock<S: Storage> {
    storage: S,
    _lock: S::Lock,
}

/// A journal's files after a repair: everything in them is durable.
pub(crate) struct Repaired<F> {
    /// The last segment.
    pub segment: F,
    /// The watermark.
    pub watermark: F,
}

impl<S: Storage> WriterLock<S> {
    /// Takes the lock.
    ///
    /// # Errors
    /// Another writer holds it, or it cannot be asked for.
    pub fn take(storage: S) -> Result<Self, JournalError> {
        let directory = storage.describe();
        match storage.lock() {
            Ok(Some(lock)) => Ok(WriterLock {
                storage,
                _lock: lock,
            }),
            Ok(None) => Err(JournalError::Locked { directory }),
            Err(error) => Err(JournalError::io("lock", &directory, error)),
        }
    }

    /// The storage.
    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// Makes the journal that was read durable to its end, and nothing behind it: cuts off the tail, writes every
    /// record again that is not known to have been durable, and syncs.
    ///
    /// Writing again matters where the process died after a failed sync: the system may show records that it no
    /// longer means to write, and only new writes make it. They change no byte, so a crash among them loses nothing.
    ///
    /// # Errors The storage failed; nothing acknowledged is lost, and the repair can be tried again.
    pub fn repair<T: Terms>(&self, scan: &Scan<T>) -> Result<(), JournalError> {
        self.repair_files(scan).map(|_| ())
    }

    pub(crate) fn repair_files<T: Terms>(
        &self,
        scan: &Scan<T>,
    ) -> Result<Repaired<S::File>, JournalError> {
        let record_bytes = T::RECORD_BYTES as u64;
        self.remove_unfinished(&scan.unfinished)?;
        let name = &scan.last_segment;
        let fail = |error| JournalError::io("repair", name, error);
        let segment = self.storage.open(name, true).map_err(fail)?;
        if scan.tail.is_some() {
            segment.truncate(scan.end.offset).map_err(fail)?;
        }
        let unproven = scan.end.sequence - scan.proven_durable.min(scan.end.sequence);
        let in_segment = (scan.end.offset - crate::HEADER_BYTES as u64) / record_bytes;
        let mut offset = scan.end.offset - unproven.min(in_segment) * record_bytes;
        let mut chunk = vec![0; CHUNK_RECORDS * T::RECORD_BYTES];
        while offset < scan.end.offset {
            let length = read_full(&segment, &mut chunk, offset).map_err(fail)?;
            if length == 0 {
                return Err(fail(io::ErrorKind::UnexpectedEof.into()));
            }
            write_full(&segment, &chunk[..length], offset).map_err(fail)?;
            offset += length as u64;
        }
        segment.sync().map_err(fail)?;
        let watermark = self.create_watermark(scan.end.sequence, &scan.end.chain)?;
        Ok(Repaired { segment, watermark })
    }

    /// Creates the watermark, in place of one that may be there. All names are durable after this.
    pub(crate) fn create_watermark(
        &self,
        sequence: u64,
        chain: &Chain,
    ) -> Result<S::File, JournalError> {
        let mark = Watermark {
            sequence,
            chain: *chain,
        };
        create_durably(&self.storage, WATERMARK_NAME, &[&mark.encode()])
    }

    pub(crate) fn remove_unfinished(&self, names: &[String]) -> Result<(), JournalError> {
        for name in names {
            self.storage
                .remove(name)
                .map_err(|error| JournalError::io("remove", name, error))?;
        }
        Ok(())
    }
}

/// Creates the file of a segment.
pub(crate) fn create_segment<S: Storage, T: Terms>(
    storage: &S,
    header: &SegmentHeader<T>,
) -> Result<S::File, JournalError> {
    create_durably(storage, &header.name(), &[&header.encode()])
}

/// Creates a file that has its name only once all of it is durable, and whose name is durable when this returns.
pub(crate) fn create_durably<S: Storage>(
    storage: &S,
    name: &str,
    parts: &[&[u8]],
) -> Result<S::File, JournalError> {
    let unfinished = format!("{name}{UNFINISHED_SUFFIX}");
    let create = || {
        let file = storage.create(&unfinished)?;
        let mut offset = 0;
        for part in parts {
            write_full(&file, part, offset)?;
            offset += part.len() as u64;
        }
        file.sync()?;
        storage.rename(&unfinished, name)?;
        storage.sync_directory()?;
        Ok(file)
    };
    create().map_err(|error| JournalError::io("create", name, error))
}
