//! A store in files: a log of records, in segments of bounded size and number.
//!
//! Each change is one write at the end of the last segment, so that it survives the end of the process; `sync` makes it survive a loss of power. Who sends nothing
//! before a point of its own has changes gathered (`gather`) and written at once there (`flush`). A new segment starts with the numbers and is synced before the
//! oldest one goes, so the files that are left always say them.
//!
//! Opening reads every segment. What does not end with a whole record is the torn tail of the last write, and is cut off, in the last segment alone; a
//! broken record with a whole one behind it, or in an earlier segment, is damage and an error, since numbers would go back unseen.
//!
//! Numbers of messages that are never sent again are reserved in blocks, so that most of them cost no write. What is left of a block when the process dies is
//! skipped; a store that is closed in order gives it back.
//!
//! Invariants: one process has the folder open; records follow each other without a hole; `index` has just the messages that the files hold.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::record::{At, Record, HEAD_BYTES};
use super::{Numbers, Store, StoreError, NUMBER_MAX};

const FIRST_SEGMENT: u64 = 1;

/// Numbers that are reserved at a time.
const RESERVED_NUMBERS: u64 = 4_096;

/// Bytes that are gathered at most.
const GATHERED_BYTES_MAX: usize = 1 << 20;

/// How much a store keeps: older messages are forgotten, and a resend fills them as a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileBounds {
    /// A segment ends before it had more bytes.
    pub segment_bytes: u64,
    /// The most segments; at least two.
    pub segments_max: usize,
}

impl Default for FileBounds {
    fn default() -> Self {
        FileBounds {
            segment_bytes: 64 << 20,
            segments_max: 8,
        }
    }
}

#[derive(Debug)]
struct Segment {
    index: u64,
    path: PathBuf,
    file: File,
    /// With those that are gathered.
    bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    segment: u64,
    offset: u64,
    length: usize,
}

/// Numbers and messages in a folder of its own.
#[derive(Debug)]
pub struct FileStore {
    folder: PathBuf,
    bounds: FileBounds,
    /// At least one; the last is written to.
    segments: VecDeque<Segment>,
    index: BTreeMap<u64, Place>,
    numbers: Numbers,
    /// Numbers below this may be taken without a record.
    reserved: u64,
    scratch: Vec<u8>,
    is_gathering: bool,
    /// The end of the last segment, which its file lacks.
    gathered: Vec<u8>,
    has_failed: bool,
    /// Holds the folder's lock.
    lock: File,
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io {
        operation,
        path,
        source,
    }
}

impl FileStore {
    /// Opens the store in this folder, or makes one.
    ///
    /// # Errors
    /// The folder cannot be used, another process uses it, or a file is damaged.
    ///
    /// # Panics
    /// With fewer than two segments, or segments of no bytes.
    pub fn open(folder: &Path, bounds: FileBounds) -> Result<Self, StoreError> {
        assert!(
            bounds.segments_max >= 2 && bounds.segment_bytes > 0,
            "expected at least two segments with bytes, received {bounds:?}"
        );
        fs::create_dir_all(folder).map_err(failed("make the folder", folder))?;
        let mut store = FileStore {
            folder: folder.to_owned(),
            bounds,
            segments: VecDeque::new(),
            index: BTreeMap::new(),
            numbers: Numbers::FIRST,
            reserved: 0,
            scratch: Vec::new(),
            is_gathering: false,
            gathered: Vec::new(),
            has_failed: false,
            lock: lock(folder)?,
        };
        let indices = segment_indices(folder)?;
        for (position, index) in indices.iter().enumerate() {
            store.replay(*index, position + 1 == indices.len())?;
        }
        if store.segments.is_empty() {
            store.start_segment(FIRST_SEGMENT)?;
        }
        // Any of them may have been taken.
        store.numbers.outgoing = store.numbers.outgoing.max(store.reserved);
        Ok(store)
    }

    /// The number of the last message that can be read.
    pub fn last_stored(&self) -> Option<u64> {
        self.index.last_key_value().map(|(number, _)| *number)
    }

    /// From now on changes wait for [`FileStore::flush`], or until there are many.
    pub fn gather(&mut self) {
        self.is_gathering = true;
    }

    /// Writes what was gathered, so that it survives the end of the process.
    ///
    /// # Errors
    /// Writing fails, now or before.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        if self.has_failed {
            return Err(StoreError::Failed);
        }
        self.has_failed = true;
        self.write_gathered()?;
        self.has_failed = false;
        Ok(())
    }

    fn segment_path(&self, index: u64) -> PathBuf {
        self.folder.join(format!("{index:016}.log"))
    }

    /// Reads a segment; the last one may have a torn tail.
    fn replay(&mut self, index: u64, is_last: bool) -> Result<(), StoreError> {
        let path = self.segment_path(index);
        let bytes = fs::read(&path).map_err(failed("read", &path))?;
        let mut offset = 0;
        while let Some((record, length)) = decode(index, &bytes, offset) {
            let is_right = self.apply(index, offset as u64, record);
            if !is_right || (offset == 0) != matches!(record, Record::Start(_)) {
                return Err(StoreError::Damaged {
                    path,
                    offset: offset as u64,
                    expected: format!("what follows {:?}", self.numbers),
                    received: format!("{record:?}"),
                });
            }
            offset += length;
        }
        let has_more =
            (offset + 1..bytes.len()).any(|later| decode(index, &bytes, later).is_some());
        if offset < bytes.len() && (!is_last || has_more) {
            return Err(StoreError::Damaged {
                path,
                offset: offset as u64,
                expected: "a whole record, since others follow".to_owned(),
                received: "bytes with a wrong checksum".to_owned(),
            });
        }
        if offset == 0 && self.segments.is_empty() && index != FIRST_SEGMENT {
            return Err(StoreError::Damaged {
                path,
                offset: 0,
                expected: "the numbers, since no earlier segment is there".to_owned(),
                received: "no whole record".to_owned(),
            });
        }
        let open = OpenOptions::new().read(true).write(true).open(&path);
        let file = open.map_err(failed("open", &path))?;
        if offset < bytes.len() {
            file.set_len(offset as u64)
                .map_err(failed("cut the torn tail off", &path))?;
        }
        let bytes = offset as u64;
        self.segments.push_back(Segment {
            index,
            path,
            file,
            bytes,
        });
        if offset > 0 {
            return Ok(());
        }
        // It ended before its first record was whole; with an earlier segment there, that one has the numbers.
        self.write(Record::Start(self.numbers))
    }

    /// Takes a record's change; whether it can follow what was before.
    fn apply(&mut self, segment: u64, offset: u64, record: Record<'_>) -> bool {
        match record {
            Record::Start(numbers) => {
                let is_first = self.segments.is_empty();
                let is_right = is_first || self.may_be_next(numbers.outgoing);
                let before = Numbers {
                    outgoing: numbers.outgoing,
                    ..self.numbers
                };
                self.numbers = numbers;
                return is_right && (is_first || numbers == before);
            }
            Record::Message { number, bytes } => {
                let place = Place {
                    segment,
                    offset: offset + HEAD_BYTES as u64,
                    length: bytes.len(),
                };
                self.index.insert(number, place);
                return self.take_number(number);
            }
            Record::Administrative { number } => return self.take_number(number),
            Record::Incoming { next } => self.numbers.incoming = next,
            Record::LogonTime { time_ns } => self.numbers.logon_time_ns = time_ns,
            Record::Reset => {
                self.index.clear();
                let logon_time_ns = self.numbers.logon_time_ns;
                self.numbers = Numbers {
                    logon_time_ns,
                    ..Numbers::FIRST
                };
                self.reserved = 0;
            }
            Record::Reserved { next, end } => {
                let is_right = self.may_be_next(next) && end >= next;
                (self.numbers.outgoing, self.reserved) = (next, end);
                return is_right;
            }
        }
        true
    }

    /// Whether a number follows those before: at once, or behind numbers that left no record.
    fn may_be_next(&self, number: u64) -> bool {
        let next = self.numbers.outgoing;
        (next..=next.max(self.reserved)).contains(&number)
    }

    fn take_number(&mut self, number: u64) -> bool {
        let is_next = self.may_be_next(number);
        self.numbers.outgoing = number.saturating_add(1);
        is_next
    }

    /// Writes a record at the end, in a new segment where the last one is full, and takes its change.
    fn record(&mut self, record: Record<'_>) -> Result<(), StoreError> {
        if self.has_failed {
            return Err(StoreError::Failed);
        }
        self.has_failed = true;
        if self.last().bytes >= self.bounds.segment_bytes {
            self.rotate()?;
        }
        let (segment, offset) = (self.last().index, self.last().bytes);
        self.write(record)?;
        let is_right = self.apply(segment, offset, record);
        assert!(is_right, "what is written follows what was before");
        self.has_failed = false;
        Ok(())
    }

    fn last(&mut self) -> &mut Segment {
        self.segments.back_mut().expect("there is at least one")
    }

    fn write(&mut self, record: Record<'_>) -> Result<(), StoreError> {
        let segment = self.segments.back_mut().expect("there is at least one");
        let at = At {
            file: segment.index,
            offset: segment.bytes,
        };
        record.encode(at, &mut self.scratch);
        segment.bytes += self.scratch.len() as u64;
        self.gathered.extend_from_slice(&self.scratch);
        if self.is_gathering && self.gathered.len() < GATHERED_BYTES_MAX {
            return Ok(());
        }
        self.write_gathered()
    }

    fn write_gathered(&mut self) -> Result<(), StoreError> {
        let segment = self.segments.back_mut().expect("there is at least one");
        let offset = segment.bytes - self.gathered.len() as u64;
        let written = segment.file.write_all_at(&self.gathered, offset);
        written.map_err(failed("write", &segment.path))?;
        self.gathered.clear();
        Ok(())
    }

    fn rotate(&mut self) -> Result<(), StoreError> {
        self.write_gathered()?;
        let last = self.last();
        let index = last.index + 1;
        last.file.sync_data().map_err(failed("sync", &last.path))?;
        self.start_segment(index)?;
        while self.segments.len() > self.bounds.segments_max {
            let oldest = self.segments.pop_front().expect("more than two are there");
            self.index.retain(|_, place| place.segment != oldest.index);
            fs::remove_file(&oldest.path).map_err(failed("remove", &oldest.path))?;
        }
        Ok(())
    }

    fn start_segment(&mut self, index: u64) -> Result<(), StoreError> {
        let path = self.segment_path(index);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(&path);
        let file = file.map_err(failed("make", &path))?;
        self.segments.push_back(Segment {
            index,
            path,
            file,
            bytes: 0,
        });
        self.write(Record::Start(self.numbers))?;
        let (next, end) = (self.numbers.outgoing, self.reserved);
        if end > next {
            self.write(Record::Reserved { next, end })?;
        }
        self.sync_last()?;
        let folder = File::open(&self.folder).and_then(|folder| folder.sync_all());
        folder.map_err(failed("sync", &self.folder))
    }

    fn sync_last(&mut self) -> Result<(), StoreError> {
        self.write_gathered()?;
        let last = self.last();
        last.file.sync_data().map_err(failed("sync", &last.path))
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        let next = self.numbers.outgoing;
        if self.reserved > next && !self.has_failed {
            // Where it fails, numbers are skipped.
            let _ = self.record(Record::Reserved { next, end: next });
        }
        // Nothing that is lost here was sent: what is gathered is flushed before.
        let _ = self.flush();
        // Closing would do, but for a process that another thread is just starting, which has the file open until it runs its program.
        let _ = self.lock.unlock();
    }
}

fn decode(file: u64, bytes: &[u8], offset: usize) -> Option<(Record<'_>, usize)> {
    let at = At {
        file,
        offset: offset as u64,
    };
    Record::decode(at, &bytes[offset..])
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(failed("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StoreError::InUse {
            path: folder.to_owned(),
        }),
        Err(fs::TryLockError::Error(source)) => Err(failed("lock", &path)(source)),
    }
}

/// The segments of a folder, oldest first.
fn segment_indices(folder: &Path) -> Result<Vec<u64>, StoreError> {
    let mut indices = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed("list", folder))? {
        let name = entry.map_err(failed("list", folder))?.file_name();
        let index = name.to_str().and_then(|name| name.strip_suffix(".log"));
        indices.extend(index.and_then(|index| index.parse::<u64>().ok()));
    }
    indices.sort_unstable();
    if let Some(hole) = indices.windows(2).find(|pair| pair[1] != pair[0] + 1) {
        return Err(StoreError::Damaged {
            path: folder.to_owned(),
            offset: 0,
            expected: format!("segment {} after {}", hole[0] + 1, hole[0]),
            received: format!("segment {}", hole[1]),
        });
    }
    Ok(indices)
}

impl Store for FileStore {
    fn numbers(&self) -> Numbers {
        self.numbers
    }

    fn append(&mut self, message: Option<&[u8]>) -> Result<(), StoreError> {
        let number = self.numbers.outgoing;
        if number > NUMBER_MAX {
            return Err(StoreError::Exhausted);
        }
        self.record(match message {
            Some(bytes) => Record::Message { number, bytes },
            None => Record::Administrative { number },
        })
    }

    fn append_transient(&mut self) -> Result<bool, StoreError> {
        let next = self.numbers.outgoing;
        if next > NUMBER_MAX {
            return Err(StoreError::Exhausted);
        }
        let needs_more = next >= self.reserved;
        if needs_more {
            let end = next + RESERVED_NUMBERS;
            self.record(Record::Reserved { next, end })?;
        }
        self.numbers.outgoing = next + 1;
        Ok(needs_more)
    }

    fn set_incoming(&mut self, next: u64) -> Result<(), StoreError> {
        self.record(Record::Incoming { next })
    }

    fn set_logon_time(&mut self, time_ns: u64) -> Result<(), StoreError> {
        self.record(Record::LogonTime { time_ns })
    }

    fn reset(&mut self) -> Result<(), StoreError> {
        self.record(Record::Reset)
    }

    fn next_stored(&self, from: u64) -> Option<u64> {
        self.index.range(from..).next().map(|(number, _)| *number)
    }

    fn read(&mut self, number: u64, bytes: &mut Vec<u8>) -> Result<bool, StoreError> {
        bytes.clear();
        self.flush()?;
        let Some(place) = self.index.get(&number) else {
            return Ok(false);
        };
        let first = self.segments[0].index;
        let segment = &self.segments[(place.segment - first) as usize];
        bytes.resize(place.length, 0);
        let read = segment.file.read_exact_at(bytes, place.offset);
        read.map_err(failed("read", &segment.path))?;
        Ok(true)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        if self.has_failed {
            return Err(StoreError::Failed);
        }
        self.has_failed = true;
        self.sync_last()?;
        self.has_failed = false;
        Ok(())
    }
}
