//! What a session must not forget: the next numbers, and the application messages that it sent.
//!
//! Invariants of every store: `outgoing` rises by one with each append; what was appended last is what is read, or nothing where the store's bound has
//! dropped it, which a resend then fills as a gap; after an error of writing, nothing more is taken.

mod file;
mod memory;
mod record;

use core::fmt;
use std::path::PathBuf;

pub use file::{FileBounds, FileStore};
pub use memory::MemoryStore;

/// The largest number of a message, which no session reaches: a million messages a second for thirty years.
pub const NUMBER_MAX: u64 = 999_999_999_999_999;

/// The numbers of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// The next message that we send.
    pub outgoing: u64,
    /// The next message that we expect.
    pub incoming: u64,
    /// SendingTime of the last signed Logon that was accepted, so that none is accepted twice.
    pub logon_time_ns: u64,
}

impl Numbers {
    /// Those of a new session.
    pub const FIRST: Numbers = Numbers {
        outgoing: 1,
        incoming: 1,
        logon_time_ns: 0,
    };
}

/// Where they are kept.
pub trait Store {
    /// The numbers now.
    fn numbers(&self) -> Numbers;

    /// Takes the next number, with the message that is sent under it; without one where it is administrative, since that is never sent again.
    ///
    /// # Errors
    /// Writing fails, here and below.
    fn append(&mut self, message: Option<&[u8]>) -> Result<(), StoreError>;

    /// Takes the next number for a message that is worth nothing later and is never sent again. Most of these numbers are written nowhere: a store that is
    /// opened after a crash may go on with a higher number than the one that was next, and a peer finds a gap, which is filled. Whether something was
    /// written now, which must survive a loss of power before the message goes out.
    ///
    /// # Errors
    /// As above.
    fn append_transient(&mut self) -> Result<bool, StoreError>;

    /// The next message that is expected.
    ///
    /// # Errors
    /// As above.
    fn set_incoming(&mut self, next: u64) -> Result<(), StoreError>;

    /// A signed Logon of this time was accepted.
    ///
    /// # Errors
    /// As above.
    fn set_logon_time(&mut self, time_ns: u64) -> Result<(), StoreError>;

    /// Both sides start with 1 again, and no message is known; the time of the Logon stays.
    ///
    /// # Errors
    /// As above.
    fn reset(&mut self) -> Result<(), StoreError>;

    /// The first message from this number on that can be read.
    fn next_stored(&self, from: u64) -> Option<u64>;

    /// Puts the message of this number into `bytes`; whether there is one.
    ///
    /// # Errors
    /// Reading fails.
    fn read(&mut self, number: u64, bytes: &mut Vec<u8>) -> Result<bool, StoreError>;

    /// Returns once everything so far survives a loss of power. Everything survives the end of the process without it.
    ///
    /// # Errors
    /// As above.
    fn sync(&mut self) -> Result<(), StoreError>;
}

/// Why a store does not take or give.
#[derive(Debug)]
pub enum StoreError {
    /// The operating system refused.
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// Its answer.
        source: std::io::Error,
    },
    /// A file is not what was written.
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What should be there.
        expected: String,
        /// What is there.
        received: String,
    },
    /// Another process has the folder open.
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// An earlier write failed, so the end of the file is not known.
    Failed,
    /// No number is left.
    Exhausted,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Io {
                operation,
                path,
                source,
            } => write!(f, "{}: cannot {operation}: {source}", path.display()),
            StoreError::Damaged {
                path,
                offset,
                expected,
                received,
            } => write!(
                f,
                "{}, byte {offset}: expected {expected}, received {received}",
                path.display()
            ),
            StoreError::InUse { path } => {
                write!(
                    f,
                    "{}: expected a store of our own, received one that is open elsewhere",
                    path.display()
                )
            }
            StoreError::Failed => f.write_str(
                "expected a store that can be written, received one whose last write failed",
            ),
            StoreError::Exhausted => write!(
                f,
                "expected a number of at most {NUMBER_MAX}, received the next one"
            ),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StoreError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
