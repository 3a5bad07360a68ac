//! Reading files in chunks of bounded size: decompression found by content, lines of bounded length, bytes counted.
//!
//! Nothing in this crate ever holds a whole file: memory is bounded by [`CHUNK_BYTES`], [`LINE_BYTES_MAX`] and the
//! decompressors' windows, whatever the size of the input.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use crate::error::{ErrorKind, Place, ReplayError};

/// Bytes read at a time.
pub const CHUNK_BYTES: usize = 1 << 18;
/// The longest line that is taken. The Bitstamp log's books take about 1,000 bytes, LOBSTER's 200-level rows about 6,000.
pub const LINE_BYTES_MAX: usize = 1 << 20;
/// How much of a file's start is looked at to find its format.
pub const HEAD_BYTES: u64 = 1 << 16;
/// The most memory that an xz stream may ask for.
const XZ_MEMORY_BYTES_MAX: u64 = 1 << 30;

struct Counting<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// How far a file has been read, shared with whoever shows the progress.
#[derive(Clone, Debug, Default)]
pub struct ByteCount(Arc<AtomicU64>);

impl ByteCount {
    /// Bytes of the file, as stored, that have been read.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Decompressed content as a stream.
pub type Content = BufReader<Box<dyn Read + Send>>;

/// A file's decompressed content.
pub struct Input {
    head: Vec<u8>,
    rest: Box<dyn Read + Send>,
    bytes: ByteCount,
    bytes_total: u64,
}

impl Input {
    /// Opens a file. Gzip, xz and zstd are recognised by their first bytes and decompressed.
    ///
    /// # Errors
    /// The file cannot be opened or read.
    pub fn open(path: &Path) -> Result<Input, ReplayError> {
        let failed = |error: std::io::Error| {
            ReplayError::new(ErrorKind::Io, error.to_string()).in_file(path)
        };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(ReplayError::new(
                ErrorKind::Usage,
                "expected a file, received a directory",
            )
            .in_file(path));
        }
        let mut input = Input::decompressed(file).map_err(|error| error.in_file(path))?;
        input.bytes_total = metadata.len();
        Ok(input)
    }

    /// The decompressed content of any byte stream.
    ///
    /// # Errors
    /// The stream cannot be read.
    pub fn decompressed(source: impl Read + Send + 'static) -> Result<Input, ReplayError> {
        let bytes = ByteCount::default();
        let mut raw = BufReader::with_capacity(
            CHUNK_BYTES,
            Counting {
                inner: source,
                bytes: bytes.0.clone(),
            },
        );
        let reading = |error: std::io::Error| ReplayError::reading(&error);
        let head = raw.fill_buf().map_err(reading)?;
        let mut rest: Box<dyn Read + Send> = if head.starts_with(&[0x1F, 0x8B]) {
            Box::new(flate2::bufread::MultiGzDecoder::new(raw))
        } else if head.starts_with(&[0xFD, b'7', b'z', b'X', b'Z', 0]) {
            let stream = liblzma::stream::Stream::new_stream_decoder(
                XZ_MEMORY_BYTES_MAX,
                liblzma::stream::CONCATENATED,
            )
            .map_err(|error| ReplayError::new(ErrorKind::Io, error.to_string()))?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(raw, stream))
        } else if head.starts_with(&[0x28, 0xB5, 0x2F, 0xFD]) {
            Box::new(zstd::stream::read::Decoder::with_buffer(raw).map_err(reading)?)
        } else {
            Box::new(raw)
        };
        let mut head = Vec::new();
        (&mut rest)
            .take(HEAD_BYTES)
            .read_to_end(&mut head)
            .map_err(reading)?;
        Ok(Input {
            head,
            rest,
            bytes,
            bytes_total: 0,
        })
    }

    /// The first [`HEAD_BYTES`] of the content, fewer only where it has fewer.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The count of bytes read so far.
    pub fn bytes(&self) -> ByteCount {
        self.bytes.clone()
    }

    /// The file's size as stored; 0 where it is not known.
    pub fn bytes_total(&self) -> u64 {
        self.bytes_total
    }

    /// The content from its start.
    pub fn into_content(self) -> Content {
        let whole = Box::new(Cursor::new(self.head).chain(self.rest));
        BufReader::with_capacity(CHUNK_BYTES, whole)
    }
}

/// Lines of bounded length, numbered from 1.
pub struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines of a stream.
    pub fn new(reader: R) -> Self {
        Lines {
            reader,
            line: Vec::new(),
            number: 0,
        }
    }

    /// The number of the line read last.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Where the line read last stands.
    pub fn place(&self) -> Place {
        Place::Line(self.number)
    }

    /// The next line without its end, `None` at the end of the stream.
    ///
    /// # Errors
    /// Reading fails, or a line is longer than [`LINE_BYTES_MAX`] or not UTF-8.
    pub fn next_line(&mut self) -> Result<Option<&str>, ReplayError> {
        self.line.clear();
        let count = (&mut self.reader)
            .take(LINE_BYTES_MAX as u64)
            .read_until(b'\n', &mut self.line)
            .map_err(|error| ReplayError::reading(&error))?;
        if count == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if count == LINE_BYTES_MAX {
            return Err(ReplayError::malformed(
                self.place(),
                format!("expected a line of at most {LINE_BYTES_MAX} bytes, received a longer one"),
            ));
        }
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        let place = Place::Line(self.number);
        std::str::from_utf8(&self.line).map(Some).map_err(|error| {
            ReplayError::malformed(place, format!("expected text, received {error}"))
        })
    }
}
