//! The watermark: a small file that says how far commands have been acknowledged.
//!
//! It is overwritten in place after each sync of the log and before the acknowledgement, and is itself synced only
//! when a segment ends, a snapshot is taken or the journal is closed. So it may lag behind, but never runs ahead of
//! what is durable: if the log ends before it, acknowledged commands are gone, however clean the log's end looks. It
//! survives the death of the process at once, and the machine's from time to time; nothing depends on it but that one
//! check.

use std::io;

use crate::record::{is_blank, word, Chain};
use crate::storage::{read_full, write_full, Storage, StoredFile};
use crate::JournalError;

/// The watermark's file.
pub const WATERMARK_NAME: &str = "acknowledged";

/// Length of the watermark.
pub const WATERMARK_BYTES: usize = 64;

const MAGIC: [u8; 8] = *b"PROOFACK";
const CHAIN_AT: usize = 16;
const UNUSED_AT: usize = CHAIN_AT + 32;
const CHECKSUM_AT: usize = WATERMARK_BYTES - 8;

/// How far commands have been acknowledged, at the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watermark {
    /// The last acknowledged command.
    pub sequence: u64,
    /// The link it makes.
    pub chain: Chain,
}

/// What the watermark's file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A watermark.
    Valid(Watermark),
    /// No file, or one to which nothing was written.
    Absent,
    /// Something else.
    Damaged,
}

impl Watermark {
    pub(crate) fn encode(&self) -> [u8; WATERMARK_BYTES] {
        let mut bytes = [0; WATERMARK_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..CHAIN_AT].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[CHAIN_AT..UNUSED_AT].copy_from_slice(&self.chain.0);
        let checksum = blake3::hash(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..].copy_from_slice(&checksum.as_bytes()[..8]);
        bytes
    }

    pub(crate) fn write(&self, file: &impl StoredFile) -> io::Result<()> {
        write_full(file, &self.encode(), 0)
    }

    pub(crate) fn read<S: Storage>(storage: &S) -> Result<Found, JournalError> {
        let fail = |error| JournalError::io("read", WATERMARK_NAME, error);
        let file = match storage.open(WATERMARK_NAME, false) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Absent),
            Err(error) => return Err(fail(error)),
        };
        // One byte more than there should be shows a file that is too long.
        let mut bytes = [0; WATERMARK_BYTES + 1];
        let length = read_full(&file, &mut bytes, 0).map_err(fail)?;
        Ok(Self::decode(&bytes[..length]))
    }

    fn decode(bytes: &[u8]) -> Found {
        if is_blank(bytes) {
            return Found::Absent;
        }
        if bytes.len() != WATERMARK_BYTES
            || bytes[..8] != MAGIC
            || blake3::hash(&bytes[..CHECKSUM_AT]).as_bytes()[..8] != bytes[CHECKSUM_AT..]
        {
            return Found::Damaged;
        }
        let mut chain = Chain([0; 32]);
        chain.0.copy_from_slice(&bytes[CHAIN_AT..UNUSED_AT]);
        Found::Valid(Watermark {
            sequence: word(bytes, 8),
            chain,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watermark_comes_back_and_no_flipped_bit_passes() {
        let watermark = Watermark {
            sequence: 1234,
            chain: Chain([7; 32]),
        };
        let mut bytes = watermark.encode();
        assert_eq!(Watermark::decode(&bytes), Found::Valid(watermark));
        for bit in 0..WATERMARK_BYTES * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Watermark::decode(&bytes), Found::Damaged, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(Watermark::decode(&bytes[1..]), Found::Damaged);
        assert_eq!(Watermark::decode(&[]), Found::Absent);
    }
}
