//! Reading a whole journal: its segments one after another, linked, and held against the watermark.

use proofbook_types::{Command, MarketConfig};

use crate::header::{
    segment_first_sequence, segment_name, SegmentHeader, HEADER_BYTES, UNFINISHED_SUFFIX,
};
use crate::kind::Terms;
use crate::record::Chain;
use crate::segment::{open_segment, read_segment, Position, Tail};
use crate::storage::Storage;
use crate::watermark::{Found, Watermark, WATERMARK_NAME};
use crate::JournalError;

/// A journal as it was read.
#[derive(Clone, Debug)]
pub struct Scan<T = MarketConfig> {
    /// The log's terms.
    pub config: T,
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

/// Reads a market's journal and hands each command, with its number and the link it makes, to `visit`: see
/// [`read_log`].
///
/// # Errors The journal is missing, damaged or cannot be read.
pub fn scan<S: Storage>(
    storage: &S,
    after: u64,
    visit: &mut impl FnMut(u64, &Command, &Chain),
) -> Result<Scan, JournalError> {
    read_log(storage, after, visit)
}

/// Reads a journal of any kind and hands each entry, with its number and the link it makes, to `visit`.
///
/// Reading starts with the segment that holds entry `after + 1`; the entries before it in that segment are visited
/// too. With `after` 0 the whole log is verified from its first entry.
///
/// # Errors The journal is missing, damaged or cannot be read.
pub fn read_log<S: Storage, T: Terms>(
    storage: &S,
    after: u64,
    visit: &mut impl FnMut(u64, &T::Entry, &Chain),
) -> Result<Scan<T>, JournalError> {
    let names = Names::read(storage)?;
    let watermark = Watermark::read(storage)?;
    let first = start_segment(storage, &names, &watermark, after)?;
    let segments = &names.segments[first..];
    let mut end: Option<(Position, T)> = None;
    let mut tail = None;
    let mut records = 0;
    for (index, &first_sequence) in segments.iter().enumerate() {
        let name = segment_name(first_sequence);
        let (file, header) = open_segment::<S, T>(storage, &name)?;
        let start = match &end {
            Some((before, config)) => follow(before, config, &header, &name)?,
            None => begin(&header, first, &name)?,
        };
        let is_last = index + 1 == segments.len();
        let mut check = |sequence: u64, entry: &T::Entry, chain: &Chain| {
            if let Found::Valid(mark) = watermark {
                if mark.sequence == sequence && mark.chain != *chain {
                    return Err(String::from(
                        "the log is not the one that was acknowledged: its chain differs from the watermark's",
                    ));
                }
            }
            visit(sequence, entry, chain);
            Ok(())
        };
        let (position, found_tail) =
            read_segment::<S::File, T>(&file, &name, start, is_last, &mut check)?;
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
    log_terms(storage)
}

/// The terms of a log of any kind.
///
/// # Errors
/// As [`market`].
pub fn log_terms<S: Storage, T: Terms>(storage: &S) -> Result<T, JournalError> {
    let names = Names::read(storage)?;
    let watermark = Watermark::read(storage)?;
    let index = start_segment(storage, &names, &watermark, u64::MAX - 1)?;
    let (_, header) = open_segment(storage, &segment_name(names.segments[index]))?;
    Ok(header.config)
}

/// The index of the segment to start with.
pub(crate) fn start_segment<S: Storage>(
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

/// The position before the first record that is read.
pub(crate) fn begin<T: Terms>(
    header: &SegmentHeader<T>,
    index: usize,
    name: &str,
) -> Result<Position, JournalError> {
    if header.first_sequence == 0 {
        return Err(JournalError::damaged(name, 16, "there is no command 0"));
    }
    // Where the log's first segment is read, it must start at its own first link.
    if index == 0 && header.first_sequence == 1 && header.chain != header.config.genesis() {
        return Err(JournalError::damaged(
            name,
            24,
            "the chain does not start with the log's terms",
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
pub(crate) fn follow<T: Terms>(
    before: &Position,
    config: &T,
    header: &SegmentHeader<T>,
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

impl<T> Scan<T> {
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
