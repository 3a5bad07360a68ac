//! A session's store that knows up to where in the log its peer was told.
//!
//! It is the file store of `crates/session`. Each message that is kept has 12 bytes before it: the place in the log of the last report that this session had,
//! which for a report is its own. So one write keeps both, and after a crash the last message says which report is the next. What a message does not say (there
//! is none yet, or numbers started again) stands in the file `position`, which is replaced as a whole.
//!
//! Invariants: positions never fall; everything is written by [`Outbox::settle`], at once, which is called when the log has what the messages asked for, and before
//! anything is sent. A crash before that brings the messages once more, as possible duplicates.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use proofbook_session::{FileBounds, FileStore, Numbers, Store, StoreError};

/// Bytes of a position.
const POSITION_BYTES: usize = 12;

/// A report's place: the entry of the log that it came of, and how many messages that entry had before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The entry.
    pub entry: u64,
    /// The message of it.
    pub index: u32,
}

impl Position {
    /// Behind everything that came of an entry.
    pub const fn after(entry: u64) -> Self {
        Position {
            entry,
            index: u32::MAX,
        }
    }

    fn encode(self) -> [u8; POSITION_BYTES] {
        let mut bytes = [0; POSITION_BYTES];
        bytes[..8].copy_from_slice(&self.entry.to_le_bytes());
        bytes[8..].copy_from_slice(&self.index.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (entry, rest) = bytes.split_first_chunk::<8>()?;
        let index = rest.first_chunk::<4>()?;
        Some(Position {
            entry: u64::from_le_bytes(*entry),
            index: u32::from_le_bytes(*index),
        })
    }
}

/// The store of one session.
#[derive(Debug)]
pub struct Outbox {
    folder: PathBuf,
    store: FileStore,
    position: Option<Position>,
    incoming: u64,
    is_changed: bool,
    /// Messages that were kept since this was last asked.
    kept: u64,
    scratch: Vec<u8>,
}

impl Outbox {
    /// Opens the store of a folder, or starts one.
    ///
    /// # Errors
    /// Those of the files; a damaged file among them.
    pub fn open(folder: &Path, bounds: FileBounds) -> Result<Self, StoreError> {
        let mut store = FileStore::open(folder, bounds)?;
        store.gather();
        let mut outbox = Outbox {
            folder: folder.to_owned(),
            incoming: store.numbers().incoming,
            store,
            position: None,
            is_changed: false,
            kept: 0,
            scratch: Vec::new(),
        };
        outbox.position = outbox.noted()?.max(outbox.last_kept()?);
        Ok(outbox)
    }

    /// The last report that the session had, or none where it is new.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// The next message that is kept is this report.
    pub(crate) fn advance(&mut self, position: Position) {
        assert!(
            self.position <= Some(position),
            "positions never fall: expected one after {:?}, received {position:?}",
            self.position
        );
        self.position = Some(position);
    }

    /// Writes what was taken, with the number of the next incoming message; with `is_durable`, everything survives a loss of power from then on.
    ///
    /// # Errors
    /// Those of the files.
    pub(crate) fn settle(&mut self, is_durable: bool) -> Result<(), StoreError> {
        if self.incoming != self.store.numbers().incoming {
            self.store.set_incoming(self.incoming)?;
        }
        if std::mem::take(&mut self.is_changed) && is_durable {
            return self.store.sync();
        }
        self.store.flush()
    }

    /// How many messages were kept since this was last asked.
    pub(crate) fn take_kept(&mut self) -> u64 {
        std::mem::take(&mut self.kept)
    }

    /// Notes the position beside the messages; with `is_durable` it survives a loss of power. Where nothing else is synced it must not be either: one small
    /// sync waits for all that the system has not written yet.
    ///
    /// # Errors
    /// Those of the file.
    pub(crate) fn note(&mut self, is_durable: bool) -> Result<(), StoreError> {
        let Some(position) = self.position else {
            return Ok(());
        };
        let (path, new) = (self.note_path(), self.folder.join("position.new"));
        let text = format!("{} {}\n", position.entry, position.index);
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            if is_durable {
                file.sync_all()?;
            }
            fs::rename(&new, &path)?;
            if is_durable {
                File::open(&self.folder)?.sync_all()?;
            }
            Ok(())
        });
        written.map_err(|source| StoreError::Io {
            operation: "write the position",
            path,
            source,
        })
    }

    fn note_path(&self) -> PathBuf {
        self.folder.join("position")
    }

    fn noted(&self) -> Result<Option<Position>, StoreError> {
        let path = self.note_path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(StoreError::Io {
                    operation: "read",
                    path,
                    source,
                })
            }
        };
        let position = text.trim_end().split_once(' ').and_then(|(entry, index)| {
            Some(Position {
                entry: entry.parse().ok()?,
                index: index.parse().ok()?,
            })
        });
        position.map(Some).ok_or_else(|| self.damaged(path, &text))
    }

    fn damaged(&self, path: PathBuf, text: &str) -> StoreError {
        StoreError::Damaged {
            path,
            offset: 0,
            expected: "a position: two numbers".to_owned(),
            received: format!("{text:?}"),
        }
    }

    /// What the last message that is kept says.
    fn last_kept(&mut self) -> Result<Option<Position>, StoreError> {
        let Some(last) = self.store.last_stored() else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        self.store.read(last, &mut bytes)?;
        match Position::decode(&bytes) {
            Some(position) => Ok(Some(position)),
            None => Err(self.damaged(self.folder.clone(), "a message without one")),
        }
    }
}

impl Store for Outbox {
    fn numbers(&self) -> Numbers {
        Numbers {
            incoming: self.incoming,
            ..self.store.numbers()
        }
    }

    fn append(&mut self, message: Option<&[u8]>) -> Result<(), StoreError> {
        self.is_changed = true;
        let Some(message) = message else {
            return self.store.append(None);
        };
        self.kept += 1;
        self.scratch.clear();
        let position = self.position.unwrap_or_default();
        self.scratch.extend_from_slice(&position.encode());
        self.scratch.extend_from_slice(message);
        self.store.append(Some(&self.scratch))
    }

    fn append_transient(&mut self) -> Result<bool, StoreError> {
        let is_written = self.store.append_transient()?;
        self.is_changed |= is_written;
        Ok(is_written)
    }

    fn set_incoming(&mut self, next: u64) -> Result<(), StoreError> {
        self.incoming = next;
        self.is_changed = true;
        Ok(())
    }

    fn set_logon_time(&mut self, time_ns: u64) -> Result<(), StoreError> {
        self.is_changed = true;
        self.store.set_logon_time(time_ns)
    }

    fn reset(&mut self) -> Result<(), StoreError> {
        self.note(true)?;
        self.is_changed = true;
        self.incoming = Numbers::FIRST.incoming;
        self.store.reset()
    }

    fn next_stored(&self, from: u64) -> Option<u64> {
        self.store.next_stored(from)
    }

    fn read(&mut self, number: u64, bytes: &mut Vec<u8>) -> Result<bool, StoreError> {
        let is_there = self.store.read(number, bytes)?;
        if is_there {
            bytes.drain(..POSITION_BYTES.min(bytes.len()));
        }
        Ok(is_there)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.settle(true)
    }
}

#[cfg(test)]
mod tests {
    use proofbook_testkit::files::Temporary;

    use super::*;

    fn opened(folder: &Temporary) -> Outbox {
        Outbox::open(folder.path(), FileBounds::default()).expect("it is sound")
    }

    #[test]
    fn an_incoming_number_is_stored_when_it_is_settled_and_not_before() {
        let folder = Temporary::new();
        let mut outbox = opened(&folder);
        outbox.set_incoming(5).expect("it is taken");
        assert_eq!(outbox.numbers().incoming, 5);
        drop(outbox);
        let mut outbox = opened(&folder);
        assert_eq!(outbox.numbers().incoming, 1);
        outbox.set_incoming(5).expect("it is taken");
        outbox.settle(false).expect("it is written");
        drop(outbox);
        assert_eq!(opened(&folder).numbers().incoming, 5);
    }

    #[test]
    fn the_last_message_says_the_position_and_is_read_without_it() {
        let folder = Temporary::new();
        let mut outbox = opened(&folder);
        assert_eq!(outbox.position(), None);
        let position = Position { entry: 7, index: 2 };
        outbox.advance(position);
        outbox.append(Some(b"report")).expect("it is kept");
        outbox.append(None).expect("it is counted");
        outbox.append(Some(b"reject")).expect("it is kept");
        outbox.append(None).expect("it is counted");
        drop(outbox);
        let mut outbox = opened(&folder);
        assert_eq!(outbox.position(), Some(position));
        assert_eq!(outbox.numbers().outgoing, 5);
        let mut bytes = Vec::new();
        assert!(outbox.read(1, &mut bytes).expect("it is read"));
        assert_eq!(bytes, b"report");
        outbox.reset().expect("it is written");
        drop(outbox);
        let outbox = opened(&folder);
        assert_eq!(outbox.position(), Some(position));
        assert_eq!(outbox.numbers().outgoing, 1);
    }
}
