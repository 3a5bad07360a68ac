//! What can go wrong with a journal. Nothing here is recovered from in silence: a caller sees every one of these.

use std::fmt;
use std::io;

/// Why a journal could not be read or written.
#[derive(Debug)]
pub enum JournalError {
    /// The storage failed. If it failed while writing, the journal is poisoned from then on.
    Io {
        /// What was being done.
        operation: &'static str,
        /// To which file.
        file: String,
        /// What the storage said.
        source: io::Error,
    },
    /// Bytes that were once durable are not what was written, or are missing.
    Damaged {
        /// In which file.
        file: String,
        /// At which offset in it.
        offset: u64,
        /// What was expected and what was found.
        what: String,
    },
    /// Another writer holds the journal.
    Locked {
        /// Which journal.
        directory: String,
    },
    /// There is no journal.
    Missing {
        /// Where it was looked for.
        directory: String,
    },
    /// There is a journal already.
    Exists {
        /// Which journal.
        directory: String,
    },
    /// A write or sync failed earlier. What the disk holds is unknown until the journal is opened anew, so nothing is
    /// written or acknowledged any more.
    Poisoned {
        /// The failure.
        reason: String,
    },
    /// Every sequence number has been given.
    Exhausted,
    /// A setting that makes no sense.
    Setting {
        /// Which one.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        received: u64,
    },
}

impl JournalError {
    pub(crate) fn io(operation: &'static str, file: &str, source: io::Error) -> Self {
        JournalError::Io {
            operation,
            file: file.to_owned(),
            source,
        }
    }

    pub(crate) fn damaged(file: &str, offset: u64, what: impl Into<String>) -> Self {
        JournalError::Damaged {
            file: file.to_owned(),
            offset,
            what: what.into(),
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JournalError::Io {
                operation,
                file,
                source,
            } => write!(f, "cannot {operation} {file}: {source}"),
            JournalError::Damaged { file, offset, what } => {
                write!(f, "{file} is damaged at offset {offset}: {what}")
            }
            JournalError::Locked { directory } => {
                write!(f, "another process is using the journal in {directory}")
            }
            JournalError::Missing { directory } => {
                write!(f, "there is no journal in {directory}")
            }
            JournalError::Exists { directory } => {
                write!(f, "there is a journal in {directory} already")
            }
            JournalError::Poisoned { reason } => write!(
                f,
                "the journal takes nothing more until it is opened anew, because an earlier write failed: {reason}"
            ),
            JournalError::Exhausted => f.write_str("every sequence number has been given"),
            JournalError::Setting {
                name,
                expected,
                received,
            } => write!(f, "{name} must be {expected}, but it is {received}"),
        }
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            JournalError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
