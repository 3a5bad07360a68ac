//! The disk as the journal sees it: one directory of named files. [`Directory`] is the real one; the simulated one is
//! in [`crate::simulated`].
//!
//! The contract is the weakest that real disks keep:
//! - what was written is durable only once [`StoredFile::sync`] has returned `Ok`; before that, after a crash, each
//!   sector of [`SECTOR_BYTES`] holds its old or its new bytes, independently of every other;
//! - a file's name is durable only once [`Storage::sync_directory`] has returned `Ok`; a rename happens as a whole;
//! - a failed sync says nothing about what is durable, and a later successful one does not make up for it;
//! - reads and writes may be short.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// What a disk writes as a whole or not at all.
pub const SECTOR_BYTES: u64 = 512;

const LOCK_NAME: &str = "lock";

/// A directory of files.
pub trait Storage {
    /// An open file.
    type File: StoredFile;
    /// Held by the only writer; dropped, it lets the next one in.
    type Lock;

    /// Takes the writer's lock, or `None` if another writer holds it.
    ///
    /// # Errors
    /// The lock cannot be asked for.
    fn lock(&self) -> io::Result<Option<Self::Lock>>;

    /// The names of all files, in any order.
    ///
    /// # Errors
    /// The directory cannot be read.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Creates an empty file for reading and writing.
    ///
    /// # Errors
    /// The file exists, or it cannot be created.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Opens a file for reading and, if `is_writable`, writing.
    ///
    /// # Errors
    /// There is no such file, or it cannot be opened.
    fn open(&self, name: &str, is_writable: bool) -> io::Result<Self::File>;

    /// Gives a file another name, in place of whatever had it.
    ///
    /// # Errors
    /// It cannot be renamed.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// It cannot be removed.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes all names durable.
    ///
    /// # Errors
    /// They may not be durable.
    fn sync_directory(&self) -> io::Result<()>;

    /// Where this is, for messages.
    fn describe(&self) -> String;
}

/// An open file. Offsets are bytes from the start.
pub trait StoredFile {
    /// Its length in bytes.
    ///
    /// # Errors
    /// The length cannot be had.
    fn length(&self) -> io::Result<u64>;

    /// Reads at `offset`; the number of bytes read, 0 only at the end.
    ///
    /// # Errors
    /// The bytes cannot be read.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at `offset`, growing the file if need be; the number of bytes written.
    ///
    /// # Errors
    /// The bytes cannot be written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Cuts the file off.
    ///
    /// # Errors
    /// It cannot be cut.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// It may not be durable.
    fn sync(&self) -> io::Result<()>;
}

/// Reads until `bytes` is full or the file ends; the number of bytes read.
pub(crate) fn read_full(
    file: &impl StoredFile,
    bytes: &mut [u8],
    offset: u64,
) -> io::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match file.read_at(&mut bytes[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes all of `bytes`.
pub(crate) fn write_full(file: &impl StoredFile, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match file.write_at(&bytes[done..], offset + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A directory of the file system.
#[derive(Clone, Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// An existing directory.
    ///
    /// # Errors
    /// There is no such directory.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        if fs::metadata(path)?.is_dir() {
            Ok(Directory {
                path: path.to_owned(),
            })
        } else {
            Err(io::Error::new(
                io::ErrorKind::NotADirectory,
                "not a directory",
            ))
        }
    }

    /// A directory that is made, durably, if it does not exist.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let missing: Vec<&Path> = path.ancestors().take_while(|path| !path.exists()).collect();
        fs::create_dir_all(path)?;
        // Each name that is new is durable once the directory that holds it is synced.
        for directory in missing {
            let holder = match directory.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
            File::open(holder)?.sync_all()?;
        }
        Self::open(path)
    }
}

impl Storage for Directory {
    type File = File;
    type Lock = File;

    fn lock(&self) -> io::Result<Option<File>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.path.join(LOCK_NAME))?;
        // The lock belongs to the open file, so the system lets it go however the process ends.
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is not text is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(self.path.join(name))
    }

    fn open(&self, name: &str, is_writable: bool) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(is_writable)
            .open(self.path.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn describe(&self) -> String {
        self.path.display().to_string()
    }
}

impl StoredFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, bytes, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        // Data and the metadata needed to read it back (the length), without the times.
        self.sync_data()
    }
}
