//! Reading a log that another thread or process is writing: each acknowledged entry, once, in order, as it comes.
//!
//! The caller says up to which entry the log is acknowledged. Such an entry was handed to the system whole before that was
//! said, so the log must have it: what is not there, or not right, is damage. Nothing behind it is looked at, so records
//! that are just being written, and the torn end that a crash leaves, are never mistaken for anything. A writer that opens
//! the log again changes no acknowledged record, so a reader goes on beside it.
//!
//! Invariants:
//! - every entry that is given has the number and the link that follow from the one before it;
//! - no lock is taken and no file is changed.

use crate::header::{segment_name, HEADER_BYTES};
use crate::kind::Terms;
use crate::record::{decode, is_blank, Chain};
use crate::scan::{begin, follow, start_segment, Names};
use crate::segment::{open_segment, Position};
use crate::storage::{read_full, Storage, StoredFile};
use crate::watermark::{Found, Watermark, WATERMARK_NAME};
use crate::JournalError;

/// Records read at a time, at most.
const CHUNK_RECORDS: usize = 1024;

/// A watermark that is being overwritten is looked at again, so many times at most.
const WATERMARK_TRIES: u32 = 100;

/// A reader of a log that grows.
pub struct LogReader<S: Storage, T: Terms> {
    storage: S,
    terms: T,
    file: S::File,
    name: String,
    position: Position,
    chunk: Vec<u8>,
}

impl<S: Storage, T: Terms> LogReader<S, T> {
    /// A reader that starts behind entry `after`, which the log must have; with 0 before the first.
    ///
    /// The entries before it are not read: only that one is, for the link that it makes.
    ///
    /// # Errors
    /// There is no log, it does not have that entry, or it is damaged or cannot be read.
    pub fn open(storage: S, after: u64) -> Result<Self, JournalError> {
        let names = Names::read(&storage)?;
        let watermark = Watermark::read(&storage)?;
        // The segment of the entry itself: the next one may not have been made yet.
        let index = start_segment(&storage, &names, &watermark, after.saturating_sub(1))?;
        let name = segment_name(names.segments[index]);
        let (file, header) = open_segment::<S, T>(&storage, &name)?;
        let mut reader = LogReader {
            storage,
            position: begin(&header, index, &name)?,
            terms: header.config,
            file,
            name,
            chunk: Vec::new(),
        };
        if after > reader.position.sequence {
            reader.seek(after)?;
        }
        Ok(reader)
    }

    /// Goes behind an entry of this segment.
    fn seek(&mut self, after: u64) -> Result<(), JournalError> {
        let records = after - self.position.sequence - 1;
        let offset = records
            .checked_mul(T::RECORD_BYTES as u64)
            .and_then(|bytes| bytes.checked_add(HEADER_BYTES as u64));
        let missing = |offset| {
            JournalError::damaged(&self.name, offset, format!("it has no command {after}"))
        };
        let offset = offset.ok_or_else(|| missing(u64::MAX))?;
        let mut slot = vec![0; T::RECORD_BYTES];
        let length = self.read_slots(&mut slot, offset)?;
        let record = match decode::<T>(&slot) {
            Some(record) if length == slot.len() && record.sequence == after => record,
            _ => return Err(missing(offset)),
        };
        self.position = Position {
            offset: offset + T::RECORD_BYTES as u64,
            sequence: after,
            chain: record.chain,
            durable: record.durable,
        };
        Ok(())
    }

    fn read_slots(&self, bytes: &mut [u8], offset: u64) -> Result<usize, JournalError> {
        read_full(&self.file, bytes, offset)
            .map_err(|error| JournalError::io("read", &self.name, error))
    }

    /// The log's terms.
    pub fn terms(&self) -> &T {
        &self.terms
    }

    /// The last entry that was given, or that it started behind.
    pub fn sequence(&self) -> u64 {
        self.position.sequence
    }

    /// The name of the segment that is read.
    pub fn segment(&self) -> &str {
        &self.name
    }

    /// The link that this entry makes.
    pub fn chain(&self) -> &Chain {
        &self.position.chain
    }

    /// Up to which entry the log itself says that it is acknowledged, for a reader in another process. It may lag behind
    /// what the writer knows: where nothing is synced, until the writer takes a snapshot or closes.
    ///
    /// # Errors
    /// The watermark is damaged or cannot be read.
    pub fn watermark(&self) -> Result<u64, JournalError> {
        for _ in 0..WATERMARK_TRIES {
            match Watermark::read(&self.storage)? {
                Found::Valid(mark) => return Ok(mark.sequence),
                Found::Absent => return Ok(0),
                // Perhaps half of it is the next one.
                Found::Damaged => std::thread::yield_now(),
            }
        }
        let what = "it stays no watermark, however often it is read";
        Err(JournalError::damaged(WATERMARK_NAME, 0, what))
    }

    /// Hands the next entries to `visit`, each with its number and the link it makes: those up to entry `acknowledged`, and
    /// `entries_max` of them at most. How many they were is returned.
    ///
    /// # Errors
    /// An acknowledged entry is missing or damaged, or cannot be read. The entries before it were handed out.
    pub fn read(
        &mut self,
        acknowledged: u64,
        entries_max: usize,
        visit: &mut impl FnMut(u64, &T::Entry, &Chain),
    ) -> Result<usize, JournalError> {
        let mut done = 0;
        loop {
            let ahead = acknowledged.saturating_sub(self.position.sequence);
            let ahead = usize::try_from(ahead).unwrap_or(usize::MAX);
            let wanted = ahead.min(entries_max - done).min(CHUNK_RECORDS);
            if wanted == 0 {
                return Ok(done);
            }
            let count = self.read_chunk(wanted, visit)?;
            done += count;
            if count < wanted {
                self.next_segment()?;
            }
        }
    }

    /// Reads records of this segment; fewer than wanted where it ends.
    fn read_chunk(
        &mut self,
        wanted: usize,
        visit: &mut impl FnMut(u64, &T::Entry, &Chain),
    ) -> Result<usize, JournalError> {
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.resize(wanted * T::RECORD_BYTES, 0);
        let length = self.read_slots(&mut chunk, self.position.offset)?;
        let mut count = 0;
        for slot in chunk[..length].chunks_exact(T::RECORD_BYTES) {
            let damaged = |what| JournalError::damaged(&self.name, self.position.offset, what);
            let Some(record) = decode::<T>(slot) else {
                if is_blank(slot) {
                    break;
                }
                return Err(damaged(format!(
                    "the record of command {} has a wrong checksum",
                    self.position.sequence + 1
                )));
            };
            let entry = self.position.accept::<T>(&record).map_err(damaged)?;
            self.position = Position {
                offset: self.position.offset + T::RECORD_BYTES as u64,
                sequence: record.sequence,
                chain: record.chain,
                durable: record.durable,
            };
            visit(record.sequence, &entry, &record.chain);
            count += 1;
        }
        self.chunk = chunk;
        Ok(count)
    }

    /// Goes on in the segment that starts with the next entry, which is acknowledged and not in this one.
    fn next_segment(&mut self) -> Result<(), JournalError> {
        let missing = self.position.sequence + 1;
        let lost = |what: String| JournalError::damaged(&self.name, self.position.offset, what);
        let length = self.file.length();
        let length = length.map_err(|error| JournalError::io("read", &self.name, error))?;
        if length > self.position.offset {
            return Err(lost(format!(
                "command {missing} was acknowledged, but its record is missing"
            )));
        }
        let name = segment_name(missing);
        let (file, header) = match open_segment::<S, T>(&self.storage, &name) {
            Err(JournalError::Io { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                return Err(lost(format!(
                    "command {missing} was acknowledged, but the log ends before it"
                )));
            }
            other => other?,
        };
        self.position = follow(&self.position, &self.terms, &header, &name)?;
        (self.file, self.name) = (file, name);
        Ok(())
    }
}
