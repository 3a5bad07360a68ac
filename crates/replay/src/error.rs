//! The one error of this crate: what was expected, what was received, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// What sort of failure it is, for callers that react differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The file system or a decompressor failed.
    Io,
    /// The content is none of the formats that are read.
    UnknownFormat,
    /// The content breaks its format.
    Malformed,
    /// The content is valid, but of a kind that cannot be replayed.
    Unsupported,
    /// There is nothing to replay.
    NoOrderEvents,
    /// The caller stopped the work.
    Cancelled,
    /// The options or paths do not make sense together.
    Usage,
}

/// Where in a file something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of a text file, counted from 1.
    Line(u64),
    /// A record of a binary file, counted from 1, and the byte at which it starts (of the decompressed content).
    Record {
        /// Which record.
        number: u64,
        /// Its first byte.
        offset: u64,
    },
    /// A record of a file whose bytes a library reads, counted from 1.
    Number(u64),
}

/// Why a replay cannot go on.
#[derive(Debug)]
pub struct ReplayError {
    kind: ErrorKind,
    path: Option<PathBuf>,
    place: Option<Place>,
    what: String,
}

impl ReplayError {
    /// An error without a place.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        ReplayError {
            kind,
            path: None,
            place: None,
            what: what.into(),
        }
    }

    /// Content that breaks its format.
    pub fn malformed(place: Place, what: impl Into<String>) -> Self {
        ReplayError {
            kind: ErrorKind::Malformed,
            path: None,
            place: Some(place),
            what: what.into(),
        }
    }

    /// A failure of reading. An unexpected end is a malformed file, not a broken disk.
    pub fn reading(error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidData => {
                ErrorKind::Malformed
            }
            _ => ErrorKind::Io,
        };
        ReplayError::new(kind, format!("reading failed: {error}"))
    }

    /// The same error, naming the file unless one is named already.
    #[must_use]
    pub fn in_file(mut self, path: &Path) -> Self {
        if self.path.is_none() {
            self.path = Some(path.to_path_buf());
        }
        self
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Where it stands, if it stands somewhere.
    pub fn place(&self) -> Option<Place> {
        self.place
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", path.display())?;
        }
        match self.place {
            Some(Place::Line(line)) => write!(f, "line {line}: ")?,
            Some(Place::Record { number, offset }) => {
                write!(f, "record {number} at byte {offset}: ")?;
            }
            Some(Place::Number(number)) => write!(f, "record {number}: ")?,
            None => {}
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for ReplayError {}
