//! What a log is a log of: the terms that stand in its header decide which entries it holds, and how long they are.
//!
//! There is one log, one chain, one recovery; two kinds of entries go through it. A market's log ([`MarketConfig`])
//! holds [`Command`]s. An exchange's log has its own terms and entries, which its crate brings.
//!
//! Invariant: a record divides the sector, so that no record lies in two of them. That is checked when a log's code is
//! compiled.

use std::fmt::Debug;

use proofbook_types::{Command, DecodeError, MarketConfig, COMMAND_BYTES, CONFIG_BYTES};

use crate::record::Chain;
use crate::storage::SECTOR_BYTES;

/// What a record has beside its entry: the number, the link before it, what was durable, the checksum.
const RECORD_FRAME_BYTES: usize = 8 + 32 + 8 + 8;

/// The most that terms may take of a segment's header.
pub const TERMS_BYTES_MAX: usize = 424;

/// The terms of a log: they stand in the header of each segment and are what the chain starts with.
pub trait Terms: Clone + PartialEq + Debug {
    /// What the log holds.
    type Entry;

    /// The first bytes of each segment.
    const MAGIC: [u8; 8];
    /// The version of the format.
    const VERSION: u32;
    /// What is hashed before the terms for the first link.
    const GENESIS: &'static [u8];
    /// Length of the encoded terms, at most [`TERMS_BYTES_MAX`].
    const TERMS_BYTES: usize;
    /// Length of an encoded entry.
    const ENTRY_BYTES: usize;
    /// Length of a record.
    const RECORD_BYTES: usize = {
        let bytes = Self::ENTRY_BYTES + RECORD_FRAME_BYTES;
        assert!(
            SECTOR_BYTES as usize % bytes == 0,
            "a record divides the sector"
        );
        bytes
    };

    /// Writes the terms' only encoding into [`Terms::TERMS_BYTES`] bytes.
    fn encode_terms(&self, bytes: &mut [u8]);

    /// The terms that encode to exactly these bytes.
    ///
    /// # Errors
    /// No terms do.
    fn decode_terms(bytes: &[u8]) -> Result<Self, DecodeError>;

    /// Writes an entry's only encoding into [`Terms::ENTRY_BYTES`] bytes that hold zeros.
    fn encode_entry(entry: &Self::Entry, bytes: &mut [u8]);

    /// The entry that encodes to exactly these bytes.
    ///
    /// # Errors
    /// No entry does.
    fn decode_entry(bytes: &[u8]) -> Result<Self::Entry, DecodeError>;

    /// The link before the first entry.
    fn genesis(&self) -> Chain {
        let mut bytes = vec![0; Self::TERMS_BYTES];
        self.encode_terms(&mut bytes);
        Chain::start(Self::GENESIS, &bytes)
    }
}

/// A market's log of commands.
impl Terms for MarketConfig {
    type Entry = Command;

    const MAGIC: [u8; 8] = *b"PROOFJNL";
    const VERSION: u32 = 1;
    const GENESIS: &'static [u8] = b"proofbook journal 1";
    const TERMS_BYTES: usize = CONFIG_BYTES;
    const ENTRY_BYTES: usize = COMMAND_BYTES;

    fn encode_terms(&self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.encode());
    }

    fn decode_terms(bytes: &[u8]) -> Result<Self, DecodeError> {
        MarketConfig::decode(exactly("market configuration", bytes)?)
    }

    fn encode_entry(command: &Command, bytes: &mut [u8]) {
        bytes.copy_from_slice(&command.encode());
    }

    fn decode_entry(bytes: &[u8]) -> Result<Command, DecodeError> {
        Command::decode(exactly("command", bytes)?)
    }
}

fn exactly<'a, const N: usize>(
    what: &'static str,
    bytes: &'a [u8],
) -> Result<&'a [u8; N], DecodeError> {
    bytes.try_into().map_err(|_| DecodeError::Length {
        what,
        expected: N,
        received: bytes.len(),
    })
}
