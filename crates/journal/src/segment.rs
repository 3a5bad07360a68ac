//! Reading one segment: every record verified, the end of the log told from damage.
//!
//! The writer starts a group of records only when the group before it is durable, and notes in each record how far
//! that was. So after a crash there is one stretch at the end of the last segment, the **tail**, in which sectors may
//! be missing. A missing sector reads as zeros or lies behind the end of the file. The reader accepts an end of the
//! log if and only if
//! - it is in the last segment,
//! - the first record that is missing is blank or cut off by the end of the file,
//! - everything behind it is blank too, or a correct record for its place that was made when the missing one was not
//!   yet durable,
//! - and the watermark does not say that the missing one was acknowledged.
//!
//! Everything else is damage, and stops with the file and the offset. In particular a record that is neither blank
//! nor correct is always damage, even the very last one: a record lies within a sector, so no torn write leaves half
//! of one.

use proofbook_types::{Command, MarketConfig};

use crate::header::{SegmentHeader, HEADER_BYTES};
use crate::kind::Terms;
use crate::record::{decode, is_blank, Chain, Record};
use crate::storage::{read_full, Storage, StoredFile};
use crate::JournalError;

/// Records read at a time, at most.
const CHUNK_RECORDS: u64 = 4096;

/// A place between two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Offset in the segment of the next record.
    pub offset: u64,
    /// The last command before it, 0 if there is none.
    pub sequence: u64,
    /// The link that command makes.
    pub chain: Chain,
    /// Records say that every command up to this one was durable.
    pub durable: u64,
}

/// What is left behind the last record of a log after a crash: writes that were never acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The segment.
    pub file: String,
    /// Where the log ends in it.
    pub offset: u64,
    /// How many bytes follow.
    pub bytes: u64,
    /// How many whole records are among them, behind one that is missing.
    pub records: u64,
}

pub(crate) fn open_segment<S: Storage, T: Terms>(
    storage: &S,
    name: &str,
) -> Result<(S::File, SegmentHeader<T>), JournalError> {
    let fail = |error| JournalError::io("read", name, error);
    let file = storage.open(name, false).map_err(fail)?;
    let mut header = [0; HEADER_BYTES];
    let length = read_full(&file, &mut header, 0).map_err(fail)?;
    if length < HEADER_BYTES {
        return Err(JournalError::damaged(
            name,
            length as u64,
            format!("the file ends within its header of {HEADER_BYTES} bytes"),
        ));
    }
    Ok((file, SegmentHeader::decode(&header, name)?))
}

/// Reads one segment of a market's log from a position on and hands each command to `visit`, which may object.
///
/// # Errors
/// Damage, or the file cannot be read.
pub fn scan_segment<F: StoredFile>(
    file: &F,
    name: &str,
    from: Position,
    is_last: bool,
    visit: &mut impl FnMut(u64, &Command, &Chain) -> Result<(), String>,
) -> Result<(Position, Option<Tail>), JournalError> {
    read_segment::<F, MarketConfig>(file, name, from, is_last, visit)
}

/// Reads one segment of any log from a position on.
pub(crate) fn read_segment<F: StoredFile, T: Terms>(
    file: &F,
    name: &str,
    from: Position,
    is_last: bool,
    visit: &mut impl FnMut(u64, &T::Entry, &Chain) -> Result<(), String>,
) -> Result<(Position, Option<Tail>), JournalError> {
    let mut position = from;
    let mut chunk = chunk::<F, T>(file, name, from.offset)?;
    loop {
        let length = read_full(file, &mut chunk, position.offset)
            .map_err(|error| JournalError::io("read", name, error))?;
        let mut slots = chunk[..length].chunks_exact(T::RECORD_BYTES);
        for slot in &mut slots {
            let damaged = |what| JournalError::damaged(name, position.offset, what);
            let Some(record) = decode::<T>(slot) else {
                if is_blank(slot) {
                    let tail = Tail::read::<F, T>(file, name, &position, is_last)?;
                    return Ok((position, Some(tail)));
                }
                return Err(damaged(format!(
                    "the record of command {} has a wrong checksum",
                    position.sequence + 1
                )));
            };
            let entry = position.accept::<T>(&record).map_err(damaged)?;
            visit(record.sequence, &entry, &record.chain).map_err(damaged)?;
            position = Position {
                offset: position.offset + T::RECORD_BYTES as u64,
                sequence: record.sequence,
                chain: record.chain,
                durable: record.durable,
            };
        }
        if !slots.remainder().is_empty() {
            let tail = Tail::read::<F, T>(file, name, &position, is_last)?;
            return Ok((position, Some(tail)));
        }
        if length < chunk.len() {
            return Ok((position, None));
        }
    }
}

/// Space for the records behind `offset`, for [`CHUNK_RECORDS`] at most. It holds a record more than there are, so
/// that the last read is not full.
fn chunk<F: StoredFile, T: Terms>(
    file: &F,
    name: &str,
    offset: u64,
) -> Result<Vec<u8>, JournalError> {
    let length = file
        .length()
        .map_err(|error| JournalError::io("read", name, error))?;
    let records = length.saturating_sub(offset) / T::RECORD_BYTES as u64 + 1;
    Ok(vec![
        0;
        records.min(CHUNK_RECORDS) as usize * T::RECORD_BYTES
    ])
}

impl Position {
    /// The entry of the record that comes next.
    pub(crate) fn accept<T: Terms>(&self, record: &Record<'_>) -> Result<T::Entry, String> {
        if record.sequence != self.sequence + 1 {
            return Err(format!(
                "expected command {}, found {}",
                self.sequence + 1,
                record.sequence
            ));
        }
        if record.previous != self.chain {
            return Err(format!(
                "the chain breaks before command {}",
                record.sequence
            ));
        }
        if record.durable < self.durable || record.durable > self.sequence {
            return Err(format!(
                "command {} says that {} were durable, after {} were",
                record.sequence, record.durable, self.durable
            ));
        }
        T::decode_entry(record.entry)
            .map_err(|error| format!("command {}: {error}", record.sequence))
    }
}

impl Tail {
    /// What follows `end`, if it is what a crash may have left there.
    fn read<F: StoredFile, T: Terms>(
        file: &F,
        name: &str,
        end: &Position,
        is_last: bool,
    ) -> Result<Tail, JournalError> {
        let missing = end.sequence + 1;
        if !is_last {
            return Err(JournalError::damaged(
                name,
                end.offset,
                format!("command {missing} is missing, but another segment follows"),
            ));
        }
        let mut tail = Tail {
            file: name.to_owned(),
            offset: end.offset,
            bytes: 0,
            records: 0,
        };
        let mut chunk = chunk::<F, T>(file, name, end.offset)?;
        loop {
            let offset = end.offset + tail.bytes;
            let length = read_full(file, &mut chunk, offset)
                .map_err(|error| JournalError::io("read", name, error))?;
            for (index, slot) in chunk[..length].chunks_exact(T::RECORD_BYTES).enumerate() {
                if is_blank(slot) {
                    continue;
                }
                let at = offset + (index * T::RECORD_BYTES) as u64;
                let expected = missing + (at - end.offset) / T::RECORD_BYTES as u64;
                match decode::<T>(slot) {
                    Some(record) if record.sequence == expected && record.durable < missing => {
                        tail.records += 1;
                    }
                    Some(record) if record.sequence == expected => {
                        let durable = record.durable;
                        return Err(JournalError::damaged(
                            name,
                            end.offset,
                            format!(
                                "command {missing} is missing, but the record at offset {at} says that commands up to {durable} were durable"
                            ),
                        ));
                    }
                    _ => {
                        return Err(JournalError::damaged(
                            name,
                            at,
                            format!("neither blank nor the record of command {expected}"),
                        ))
                    }
                }
            }
            tail.bytes += length as u64;
            if length < chunk.len() {
                return Ok(tail);
            }
        }
    }
}
