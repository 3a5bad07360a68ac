//! proofbook's own file of commands: exactly what a market was asked, with the market's terms.
//!
//! Layout, little-endian: the 8 bytes `PBCMDS\x00\x01`; what one tick and one lot are worth (mantissas, 8 bytes each;
//! decimals, 1 byte each; 6 zero bytes): 32 bytes in all; the 88-byte configuration; then 72-byte commands to the end.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

use proofbook_types::{Command, MarketConfig, COMMAND_BYTES, CONFIG_BYTES};

use crate::decimal::Scale;
use crate::error::{ErrorKind, Place, ReplayError};
use crate::input::{Content, CHUNK_BYTES};

/// How such a file begins.
pub const MAGIC: [u8; 8] = *b"PBCMDS\x00\x01";
const HEADER_BYTES: usize = 32;
/// More digits than any price has; 10^18 is the largest power of ten in 64 bits.
const DECIMALS_MAX: u8 = 18;

/// A market's terms and units, as a command file names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The market's terms.
    pub config: MarketConfig,
    /// What one tick is worth.
    pub tick: Scale,
    /// What one lot is worth.
    pub lot: Scale,
}

/// Writes commands to a file.
pub struct CommandFileWriter<W: Write> {
    out: W,
    count: u64,
}

impl CommandFileWriter<BufWriter<File>> {
    /// Creates the file, or empties it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(path: &Path, header: &Header) -> Result<Self, ReplayError> {
        let file = File::create(path)
            .map_err(|error| ReplayError::new(ErrorKind::Io, error.to_string()).in_file(path))?;
        CommandFileWriter::new(BufWriter::with_capacity(CHUNK_BYTES, file), header)
            .map_err(|error| error.in_file(path))
    }
}

impl<W: Write> CommandFileWriter<W> {
    /// Writes the header to `out`; the commands follow.
    ///
    /// # Errors
    /// Writing fails.
    pub fn new(mut out: W, header: &Header) -> Result<Self, ReplayError> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + CONFIG_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(header.tick.mantissa.to_le_bytes());
        bytes.extend(header.lot.mantissa.to_le_bytes());
        bytes.extend([header.tick.decimals, header.lot.decimals, 0, 0, 0, 0, 0, 0]);
        bytes.extend(header.config.encode());
        out.write_all(&bytes).map_err(|error| writing(&error))?;
        Ok(CommandFileWriter { out, count: 0 })
    }

    /// Appends a command.
    ///
    /// # Errors
    /// Writing fails.
    pub fn write(&mut self, command: &Command) -> Result<(), ReplayError> {
        self.out
            .write_all(&command.encode())
            .map_err(|error| writing(&error))?;
        self.count += 1;
        Ok(())
    }

    /// How many commands were written.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Flushes what was written and gives the stream back.
    ///
    /// # Errors
    /// Writing fails.
    pub fn finish(mut self) -> Result<W, ReplayError> {
        self.out.flush().map_err(|error| writing(&error))?;
        Ok(self.out)
    }
}

fn writing(error: &std::io::Error) -> ReplayError {
    ReplayError::new(ErrorKind::Io, format!("writing failed: {error}"))
}

/// Reads commands from a file.
pub struct CommandFile {
    content: Content,
    header: Header,
    number: u64,
}

impl CommandFile {
    /// The commands of a file's content.
    ///
    /// # Errors
    /// The header is cut short, or names no market.
    pub fn new(mut content: Content) -> Result<Self, ReplayError> {
        let mut bytes = [0; HEADER_BYTES + CONFIG_BYTES];
        let received = fill(&mut content, &mut bytes)?;
        let place = Place::Record {
            number: 0,
            offset: 0,
        };
        if received != bytes.len() {
            return Err(ReplayError::malformed(
                place,
                format!(
                    "expected a header of {} bytes, received {received}",
                    bytes.len()
                ),
            ));
        }
        let header = decode_header(&bytes).map_err(|what| ReplayError::malformed(place, what))?;
        Ok(CommandFile {
            content,
            header,
            number: 0,
        })
    }

    /// The market's terms and units.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next command, `None` at the end.
    ///
    /// # Errors
    /// The file is cut short within a command, or the bytes are not one.
    pub fn next_command(&mut self) -> Result<Option<Command>, ReplayError> {
        let place = Place::Record {
            number: self.number + 1,
            offset: (HEADER_BYTES + CONFIG_BYTES) as u64 + self.number * COMMAND_BYTES as u64,
        };
        let mut bytes = [0; COMMAND_BYTES];
        let received = fill(&mut self.content, &mut bytes)?;
        if received == 0 {
            return Ok(None);
        }
        if received != COMMAND_BYTES {
            return Err(ReplayError::malformed(
                place,
                format!("the file ends inside a command: expected {COMMAND_BYTES} bytes, received {received}"),
            ));
        }
        self.number += 1;
        Command::decode(&bytes)
            .map(Some)
            .map_err(|error| ReplayError::malformed(place, error.to_string()))
    }
}

fn decode_header(bytes: &[u8; HEADER_BYTES + CONFIG_BYTES]) -> Result<Header, String> {
    if bytes[..8] != MAGIC {
        return Err(format!(
            "expected the bytes {MAGIC:02X?}, received {:02X?}",
            &bytes[..8]
        ));
    }
    let word = |at: usize| {
        let mut field = [0; 8];
        field.copy_from_slice(&bytes[at..at + 8]);
        u64::from_le_bytes(field)
    };
    let scale = |name: &str, mantissa: u64, decimals: u8| {
        if mantissa == 0 || decimals > DECIMALS_MAX {
            return Err(format!(
                "{name}: expected a positive number with at most {DECIMALS_MAX} decimals, received {mantissa} with {decimals}"
            ));
        }
        Ok(Scale { mantissa, decimals })
    };
    if bytes[26..32] != [0; 6] {
        return Err(format!(
            "expected 6 zero bytes, received {:02X?}",
            &bytes[26..32]
        ));
    }
    let mut config = [0; CONFIG_BYTES];
    config.copy_from_slice(&bytes[HEADER_BYTES..]);
    Ok(Header {
        tick: scale("tick", word(8), bytes[24])?,
        lot: scale("lot", word(16), bytes[25])?,
        config: MarketConfig::decode(&config).map_err(|error| error.to_string())?,
    })
}

/// Reads exactly `buffer.len()` bytes, or fewer at the end of the stream; returns how many.
pub(crate) fn fill(content: &mut impl Read, buffer: &mut [u8]) -> Result<usize, ReplayError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match content.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ReplayError::reading(&error)),
        }
    }
    Ok(filled)
}
