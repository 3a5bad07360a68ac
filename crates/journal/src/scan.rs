//! Reading a journal: every record verified, the end of the log told from damage.
//!
//! The writer starts a group of records only when the group before it is durable, and notes in each record how far that
//! was. So after a crash there is one stretch at the end of the last segment, the **tail**, in which sectors may be
//! missing. A missing sector reads as zeros or lies behind the end of the file. The reader accepts an end of the log if and only if
//! - it is in the last segment,
//! - the first record that is missing is blank or cut off by the end of the file,
//! - everything behind it is blank too, or a correct record for its place that was made when the missing one was not yet durable,
//! - and the watermark does not say that the missing one was acknowledged.
//!
//! Everything else is damage, and stops with the file and the offset. In particular a record that is neither blank nor
//! correct is always damage, even the very last one: a record lies within a sector, so no torn write leaves half of one.

use proofbook_types::{Command, MarketConfig};

use crate::header::{
    segment_first_sequence, segment_name, SegmentHeader, HEADER_BYTES, UNFINISHED_SUFFIX,
};
use crate::record::{decode, is_blank, Chain, Record, RECORD_BYTES};
use crate::storage::{read_full, Storage, StoredFile};
use crate::watermark::{Found, Watermark, WATERMARK_NAME};
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

/// A journal as it was read.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The market's terms.
    pub config: MarketConfig,
    /// Where the log ends, in the last segment.
    pub end: Position,
    /// The last segment.
    pub last_segment: String,
    /// How many segments were read.
    pub segments: u64,
    /// How many records were read.
    pub records: u64,
    /// What is left behind the end.
    pub tail: Option<Tail>,
    /// What is not as it should be, but takes nothing from the log.
    pub warnings: Vec<String>,
    /// Commands known to have been durable, from records and watermark.
    pub(crate) proven_durable: u64,
    /// Files that were being made.
    pub(crate) unfinished: Vec<String>,
}

/// Names of a journal's files, sorted out.
pub(crate) struct Names {
    /// First commands of the segments, ascending.
    pub segments: Vec<u64>,
    /// Files that were being made.
    pub unfinished: Vec<String>,
}

impl Names {
    pub(crate) fn read<S: Storage>(storage: &S) -> Result<Names, JournalError> {
        let names = storage
            .names()
            .map_err(|error| JournalError::io("list", &storage.describe(), error))?;
        let mut segments: Vec<u64> = names
            .iter()
            .filter_map(|name| segment_first_sequence(name))
            .collect();
        segments.sort_unstable();
        let unfinished = names
            .into_iter()
            .filter(|name| name.ends_with(UNFINISHED_SUFFIX))
            .collect();
        Ok(Names {
            segments,
            unfinished,
        })
    }
}

/// Reads a journal and hands each command, with its number and the link it makes, to `visit`.
///
/// Reading starts with the segment that holds command `after + 1`; the commands before it in that segment are visited too. With
/// `after` 0 the whole log is verified from its first command.
///
/// # Errors
/// The journal is missing, damaged or cannot be read.
pub fn scan<S: Storage>(
    storage: &S,
    after: u64,
    visit: &mut impl FnMut(u64, &Command, &Chain),
) -> Result<Scan, JournalError> {
    let names = Names::read(storage)?;
    let watermark = Watermark::read(storage)?;
    let first = start_segment(storage, &names, &watermark, after)?;
    let segments = &names.segments[first..];
    let mut end: Option<(Position, MarketConfig)> = None;
    let mut tail = None;
    let mut records = 0;
    for (index, &first_sequence) in segments.iter().enumerate() {
        let name = segment_name(first_sequence);
        let (file, header) = open_segment(storage, &name)?;
        let start = match end {
            Some((before, config)) => follow(&before, &config, &header, &name)?,
            None => begin(&header, first, &name)?,
        };
        let is_last = index + 1 == segments.len();
        let mut check = |sequence: u64, command: &Command, chain: &Chain| {
            if let Found::Valid(mark) = watermark {
                if mark.sequence == sequence && mark.chain != *chain {
                    return Err(String::from(
                        "the log is not the one that was acknowledged: its chain differs from the watermark's",
                    ));
                }
            }
            visit(sequence, command, chain);
            Ok(())
        };
        let (position, found_tail) = scan_segment(&file, &name, start, is_last, &mut check)?;
        records += position.sequence - start.sequence;
        tail = found_tail;
        end = Some((position, header.config));
    }
    let (end, config) = end.expect("there is at least one segment");
    let last_segment = segment_name(segments[segments.len() - 1]);
    let mut scan = Scan {
        config,
        end,
        last_segment,
        segments: segments.len() as u64,
        records,
        tail,
        warnings: Vec::new(),
        // A segment is made when everything before it is durable.
        proven_durable: end.durable.max(segments[segments.len() - 1] - 1),
        unfinished: names.unfinished,
    };
    scan.compare(&watermark)?;
    Ok(scan)
}

/// The terms of the market whose log this is.
///
/// # Errors
/// There is no log, or it is damaged or cannot be read.
pub fn market<S: Storage>(storage: &S) -> Result<MarketConfig, JournalError> {
    let names = Names::read(storage)?;
    let watermark = Watermark::read(storage)?;
    let index = start_segment(storage, &names, &watermark, u64::MAX - 1)?;
    let (_, header) = open_segment(storage, &segment_name(names.segments[index]))?;
    Ok(header.config)
}

/// The index of the segment to start with.
fn start_segment<S: Storage>(
    storage: &S,
    names: &Names,
    watermark: &Found,
    after: u64,
) -> Result<usize, JournalError> {
    let first = names.segments.iter().rposition(|&first| first <= after + 1);
    match (first, names.segments.first()) {
        (Some(index), _) => Ok(index),
        (None, Some(&found)) => Err(JournalError::damaged(
            &segment_name(found),
            0,
            format!(
                "command {} is missing, the log starts with {found}",
                after + 1
            ),
        )),
        (None, None) => match watermark {
            Found::Valid(mark) if mark.sequence > 0 => Err(JournalError::damaged(
                &segment_name(1),
                0,
                format!(
                    "commands up to {} were acknowledged, but there is no log",
                    mark.sequence
                ),
            )),
            _ => Err(JournalError::Missing {
                directory: storage.describe(),
            }),
        },
    }
}

pub(crate) fn open_segment<S: Storage>(
    storage: &S,
    name: &str,
) -> Result<(S::File, SegmentHeader), JournalError> {
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

/// The position before the first record that is read.
fn begin(header: &SegmentHeader, index: usize, name: &str) -> Result<Position, JournalError> {
    if header.first_sequence == 0 {
        return Err(JournalError::damaged(name, 16, "there is no command 0"));
    }
    // Where the log's first segment is read, it must start at the market's own first link.
    if index == 0
        && header.first_sequence == 1
        && header.chain != Chain::genesis(&header.config.encode())
    {
        return Err(JournalError::damaged(
            name,
            24,
            "the chain does not start with the market's terms",
        ));
    }
    Ok(Position {
        offset: HEADER_BYTES as u64,
        sequence: header.first_sequence - 1,
        chain: header.chain,
        // Records made before the segment say less than that all before it is durable, though it is.
        durable: 0,
    })
}

/// The position before the first record of a segment that follows another.
fn follow(
    before: &Position,
    config: &MarketConfig,
    header: &SegmentHeader,
    name: &str,
) -> Result<Position, JournalError> {
    if header.first_sequence != before.sequence + 1 {
        return Err(JournalError::damaged(
            name,
            16,
            format!(
                "the segment before it ends with command {}, this one starts with {}",
                before.sequence, header.first_sequence
            ),
        ));
    }
    if header.chain != before.chain || header.config != *config {
        return Err(JournalError::damaged(
            name,
            24,
            "its chain or terms are not those of the segment before it",
        ));
    }
    Ok(Position {
        offset: HEADER_BYTES as u64,
        ..*before
    })
}

/// Reads one segment from a position on and hands each command to `visit`, which may object.
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
    let mut position = from;
    let mut chunk = chunk(file, name, from.offset)?;
    loop {
        let length = read_full(file, &mut chunk, position.offset)
            .map_err(|error| JournalError::io("read", name, error))?;
        let mut slots = chunk[..length].chunks_exact(RECORD_BYTES);
        for slot in &mut slots {
            let slot = slot.try_into().expect("chunks have the length of a record");
            let damaged = |what| JournalError::damaged(name, position.offset, what);
            let Some(record) = decode(slot) else {
                if is_blank(slot) {
                    let tail = Tail::read(file, name, &position, is_last)?;
                    return Ok((position, Some(tail)));
                }
                return Err(damaged(format!(
                    "the record of command {} has a wrong checksum",
                    position.sequence + 1
                )));
            };
            let command = position.accept(&record).map_err(damaged)?;
            visit(record.sequence, &command, &record.chain).map_err(damaged)?;
            position = Position {
                offset: position.offset + RECORD_BYTES as u64,
                sequence: record.sequence,
                chain: record.chain,
                durable: record.durable,
            };
        }
        if !slots.remainder().is_empty() {
            let tail = Tail::read(file, name, &position, is_last)?;
            return Ok((position, Some(tail)));
        }
        if length < chunk.len() {
            return Ok((position, None));
        }
    }
}

/// Space for the records behind `offset`, for [`CHUNK_RECORDS`] at most. It holds a record more than there are, so that the
/// last read is not full.
fn chunk<F: StoredFile>(file: &F, name: &str, offset: u64) -> Result<Vec<u8>, JournalError> {
    let length = file
        .length()
        .map_err(|error| JournalError::io("read", name, error))?;
    let records = length.saturating_sub(offset) / RECORD_BYTES as u64 + 1;
    Ok(vec![0; records.min(CHUNK_RECORDS) as usize * RECORD_BYTES])
}

impl Position {
    /// The command of the record that comes next.
    fn accept(&self, record: &Record<'_>) -> Result<Command, String> {
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
        Command::decode(record.command)
            .map_err(|error| format!("command {}: {error}", record.sequence))
    }
}

impl Tail {
    /// What follows `end`, if it is what a crash may have left there.
    fn read<F: StoredFile>(
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
        let mut chunk = chunk(file, name, end.offset)?;
        loop {
            let offset = end.offset + tail.bytes;
            let length = read_full(file, &mut chunk, offset)
                .map_err(|error| JournalError::io("read", name, error))?;
            for (index, slot) in chunk[..length].chunks_exact(RECORD_BYTES).enumerate() {
                if is_blank(slot) {
                    continue;
                }
                let at = offset + (index * RECORD_BYTES) as u64;
                let expected = missing + (at - end.offset) / RECORD_BYTES as u64;
                let slot = slot.try_into().expect("chunks have the length of a record");
                match decode(slot) {
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

impl Scan {
    /// Holds the log against the watermark.
    fn compare(&mut self, watermark: &Found) -> Result<(), JournalError> {
        match watermark {
            Found::Valid(mark) if mark.sequence > self.end.sequence => Err(JournalError::damaged(
                &self.last_segment,
                self.end.offset,
                format!(
                    "commands up to {} were acknowledged, but the log ends with {}",
                    mark.sequence, self.end.sequence
                ),
            )),
            Found::Valid(mark) => {
                self.proven_durable = self.proven_durable.max(mark.sequence);
                Ok(())
            }
            // The watermark's name is durable before the first command is acknowledged.
            Found::Absent if self.end.sequence == 0 => Ok(()),
            Found::Absent | Found::Damaged => {
                let state = if *watermark == Found::Absent {
                    "missing"
                } else {
                    "damaged"
                };
                self.warnings.push(format!(
                    "{WATERMARK_NAME} is {state}: that the log's end is complete rests on the log alone"
                ));
                Ok(())
            }
        }
    }
}
