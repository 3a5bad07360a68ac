//! Which format a file has, by its content; which files belong together.

use std::path::{Path, PathBuf};

use crate::commands::{CommandFile, MAGIC};
use crate::error::{ErrorKind, ReplayError};
use crate::input::{ByteCount, Input};
use crate::record::RecordReader;
use crate::{bitstamp, databento, itch, lobster};

/// A source of order flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// LOBSTER CSV.
    Lobster,
    /// NASDAQ ITCH 5.0.
    Itch,
    /// Databento DBN, schema MBO.
    Dbn,
    /// The Bitstamp log.
    Bitstamp,
    /// Our own command file.
    Proofbook,
}

impl Format {
    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Format::Lobster => "lobster",
            Format::Itch => "itch",
            Format::Dbn => "dbn",
            Format::Bitstamp => "bitstamp",
            Format::Proofbook => "proofbook",
        }
    }
}

/// What a file contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentKind {
    /// A LOBSTER message file.
    LobsterMessages,
    /// A LOBSTER order book file.
    LobsterRows,
    /// ITCH with a length before each message.
    ItchFramed,
    /// A packet capture.
    ItchCapture,
    /// DBN.
    Dbn,
    /// DBN's predecessor.
    Dbz,
    /// The Bitstamp log.
    Bitstamp,
    /// Our own command file.
    Commands,
}

impl ContentKind {
    /// The format that it belongs to.
    pub fn format(self) -> Format {
        match self {
            ContentKind::LobsterMessages | ContentKind::LobsterRows => Format::Lobster,
            ContentKind::ItchFramed | ContentKind::ItchCapture => Format::Itch,
            ContentKind::Dbn | ContentKind::Dbz => Format::Dbn,
            ContentKind::Bitstamp => Format::Bitstamp,
            ContentKind::Commands => Format::Proofbook,
        }
    }
}

/// Tells a file's kind by how its decompressed content begins.
///
/// # Errors
/// It is empty, or begins as none of the formats.
pub fn detect(head: &[u8]) -> Result<ContentKind, ReplayError> {
    if head.is_empty() {
        return Err(ReplayError::new(
            ErrorKind::NoOrderEvents,
            "expected order flow, received an empty file",
        ));
    }
    if head.starts_with(&MAGIC) {
        return Ok(ContentKind::Commands);
    }
    if databento::is_dbn(head) {
        return Ok(ContentKind::Dbn);
    }
    if databento::is_dbz(head) {
        return Ok(ContentKind::Dbz);
    }
    if itch::is_capture(head) {
        return Ok(ContentKind::ItchCapture);
    }
    if itch::looks_framed(head) {
        return Ok(ContentKind::ItchFramed);
    }
    let first_line = head.split(|byte| *byte == b'\n').next().unwrap_or(head);
    if let Ok(line) = std::str::from_utf8(first_line) {
        let line = line.trim_end_matches('\r');
        if lobster::is_message(line) {
            return Ok(ContentKind::LobsterMessages);
        }
        if lobster::is_row(line) {
            return Ok(ContentKind::LobsterRows);
        }
        if bitstamp::is_event(line) {
            return Ok(ContentKind::Bitstamp);
        }
    }
    Err(ReplayError::new(
        ErrorKind::UnknownFormat,
        format!(
            "expected LOBSTER CSV, NASDAQ ITCH 5.0 (length-framed or MoldUDP64 in a packet capture), Databento DBN, \
             the Bitstamp log or a proofbook command file, received content that begins with {}",
            preview(head)
        ),
    ))
}

fn preview(head: &[u8]) -> String {
    let start = &head[..head.len().min(24)];
    if start
        .iter()
        .all(|byte| byte.is_ascii_graphic() || *byte == b' ' || *byte == b'\n')
    {
        format!("{:?}", String::from_utf8_lossy(start))
    } else {
        format!("the bytes {start:02X?}")
    }
}

/// The files of one replay.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The file of events.
    pub events: PathBuf,
    /// What it contains.
    pub kind: ContentKind,
    /// The order book file to compare with, for LOBSTER.
    pub book: Option<PathBuf>,
    /// What was decided that the user should know.
    pub notes: Vec<String>,
}

/// Looks at each file and tells which belong together.
///
/// # Errors
/// A file cannot be read or recognised, or there is not exactly one file of events for the order book files.
pub fn resolve(paths: &[PathBuf], book: Option<&Path>) -> Result<Vec<Inputs>, ReplayError> {
    let mut events = Vec::new();
    let mut rows: Vec<PathBuf> = book.map(Path::to_path_buf).into_iter().collect();
    if let Some(path) = book {
        match kind_of(path)? {
            ContentKind::LobsterRows => {}
            other => {
                return Err(ReplayError::new(
                    ErrorKind::Usage,
                    format!(
                        "expected a LOBSTER order book file, received {}",
                        other.format().name()
                    ),
                )
                .in_file(path))
            }
        }
    }
    for path in paths {
        match kind_of(path)? {
            ContentKind::LobsterRows => rows.push(path.clone()),
            kind => events.push(Inputs {
                events: path.clone(),
                kind,
                book: None,
                notes: Vec::new(),
            }),
        }
    }
    let usage = |what: String| Err(ReplayError::new(ErrorKind::Usage, what));
    if events.is_empty() {
        return usage(format!(
            "expected at least one file of events, received {} order book files",
            rows.len()
        ));
    }
    match rows.len() {
        0 => {
            for inputs in &mut events {
                find_book(inputs);
            }
        }
        1 if events.len() == 1 && events[0].kind == ContentKind::LobsterMessages => {
            events[0].book = rows.pop();
        }
        count => {
            return usage(format!(
                "expected one order book file with one LOBSTER message file, received {count} with {} files of events",
                events.len()
            ))
        }
    }
    Ok(events)
}

fn kind_of(path: &Path) -> Result<ContentKind, ReplayError> {
    let input = Input::open(path)?;
    detect(input.head()).map_err(|error| error.in_file(path))
}

/// Finds the order book file beside a LOBSTER message file: the same name with `orderbook` for `message`, or, where
/// there is none, the only one that differs in the number of levels.
fn find_book(inputs: &mut Inputs) {
    let name = inputs.events.file_name().and_then(|name| name.to_str());
    let Some((before, after)) = name.and_then(|name| name.split_once("message_")) else {
        return;
    };
    if inputs.kind != ContentKind::LobsterMessages {
        return;
    }
    let exact = inputs
        .events
        .with_file_name(format!("{before}orderbook_{after}"));
    if exact.is_file() {
        inputs.book = Some(exact);
        return;
    }
    let suffix = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let is_sibling = |candidate: &str| {
        candidate
            .strip_prefix(before)
            .and_then(|rest| rest.strip_prefix("orderbook_"))
            .and_then(|rest| rest.strip_suffix(suffix))
            .is_some_and(|levels| {
                !levels.is_empty() && levels.bytes().all(|byte| byte.is_ascii_digit())
            })
    };
    let folder = match inputs.events.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut siblings: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_sibling))
        .map(|entry| entry.path())
        .collect();
    if siblings.len() == 1 {
        let book = siblings.remove(0);
        inputs.notes.push(format!(
            "compares with {}, found by its name",
            book.display()
        ));
        inputs.book = Some(book);
    }
}

/// An open file of events.
pub struct Opened {
    /// Its records, or its commands.
    pub events: Events,
    /// Bytes read so far.
    pub bytes: ByteCount,
    /// Bytes in all.
    pub bytes_total: u64,
}

/// What an open file gives.
pub enum Events {
    /// Records of an exchange.
    Records(Box<dyn RecordReader>),
    /// Our own commands.
    Commands(CommandFile),
}

/// Opens a file of events as what it was found to be.
///
/// # Errors
/// It cannot be read, or its head is broken.
pub fn open(path: &Path, kind: ContentKind) -> Result<Opened, ReplayError> {
    let input = Input::open(path)?;
    let bytes = input.bytes();
    let bytes_total = input.bytes_total();
    let content = input.into_content();
    let events = match kind {
        ContentKind::LobsterMessages => Events::Records(Box::new(lobster::Messages::new(content))),
        ContentKind::ItchFramed => Events::Records(Box::new(itch::Messages::framed(content))),
        ContentKind::ItchCapture => {
            let messages =
                itch::Messages::captured(content).map_err(|error| error.in_file(path))?;
            Events::Records(Box::new(messages))
        }
        ContentKind::Dbn => {
            let messages =
                databento::Messages::dbn(content).map_err(|error| error.in_file(path))?;
            Events::Records(Box::new(messages))
        }
        ContentKind::Dbz => {
            let messages =
                databento::Messages::dbz(content).map_err(|error| error.in_file(path))?;
            Events::Records(Box::new(messages))
        }
        ContentKind::Bitstamp => Events::Records(Box::new(bitstamp::Messages::new(content))),
        ContentKind::Commands => {
            Events::Commands(CommandFile::new(content).map_err(|error| error.in_file(path))?)
        }
        ContentKind::LobsterRows => {
            return Err(ReplayError::new(
                ErrorKind::Usage,
                "expected a file of events, received a LOBSTER order book file",
            )
            .in_file(path))
        }
    };
    Ok(Opened {
        events,
        bytes,
        bytes_total,
    })
}
