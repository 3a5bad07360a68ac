//! The first sector of a segment: which log, which entries, linked to which before them; and the names of files.

use crate::kind::{Terms, TERMS_BYTES_MAX};
use crate::record::{word, Chain};
use crate::JournalError;

/// Length of a segment's header: a sector of its own, so that no later write touches it.
pub const HEADER_BYTES: usize = 512;

const FIRST_AT: usize = 16;
const CHAIN_AT: usize = 24;
const TERMS_AT: usize = 56;
const CHECKSUM_AT: usize = HEADER_BYTES - 32;
const _: () = assert!(TERMS_AT + TERMS_BYTES_MAX == CHECKSUM_AT);

const SEGMENT_PREFIX: &str = "commands-";
const SEGMENT_SUFFIX: &str = ".log";

/// The name under which every file is made, before it is complete and gets its own.
pub(crate) const UNFINISHED_SUFFIX: &str = ".unfinished";

/// What a segment's header says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SegmentHeader<T> {
    /// The number of its first entry.
    pub first_sequence: u64,
    /// The link before that.
    pub chain: Chain,
    /// The log's terms.
    pub config: T,
}

/// The name of the segment that starts with this command.
pub(crate) fn segment_name(first_sequence: u64) -> String {
    format!("{SEGMENT_PREFIX}{first_sequence:020}{SEGMENT_SUFFIX}")
}

/// The first command of the segment with this name, or `None` if it is no segment's name.
pub(crate) fn segment_first_sequence(name: &str) -> Option<u64> {
    let digits = name
        .strip_prefix(SEGMENT_PREFIX)?
        .strip_suffix(SEGMENT_SUFFIX)?;
    let first_sequence = digits.parse().ok()?;
    (segment_name(first_sequence) == name).then_some(first_sequence)
}

impl<T: Terms> SegmentHeader<T> {
    /// The segment's name.
    pub(crate) fn name(&self) -> String {
        segment_name(self.first_sequence)
    }

    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&T::MAGIC);
        bytes[8..12].copy_from_slice(&T::VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&(T::RECORD_BYTES as u32).to_le_bytes());
        bytes[FIRST_AT..CHAIN_AT].copy_from_slice(&self.first_sequence.to_le_bytes());
        bytes[CHAIN_AT..TERMS_AT].copy_from_slice(&self.chain.0);
        self.config
            .encode_terms(&mut bytes[TERMS_AT..TERMS_AT + T::TERMS_BYTES]);
        let checksum = blake3::hash(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..].copy_from_slice(checksum.as_bytes());
        bytes
    }

    /// What the header of the segment `name` says. A segment gets its name only when its header is durable, so a header
    /// that is not right is damaged, never torn.
    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES], name: &str) -> Result<Self, JournalError> {
        let damaged =
            |offset: usize, what: String| JournalError::damaged(name, offset as u64, what);
        if bytes[..8] != T::MAGIC {
            let (found, expected) = (&bytes[..8], T::MAGIC);
            return Err(damaged(
                0,
                format!("it starts with {found:02x?}, not with {expected:02x?}"),
            ));
        }
        if blake3::hash(&bytes[..CHECKSUM_AT]).as_bytes() != &bytes[CHECKSUM_AT..] {
            return Err(damaged(0, "the header's checksum is wrong".to_owned()));
        }
        let layout = word(bytes, 8);
        let expected = u64::from(T::VERSION) | (T::RECORD_BYTES as u64) << 32;
        if layout != expected {
            return Err(damaged(
                8,
                format!("expected layout {expected:#x}, found {layout:#x}"),
            ));
        }
        let header = SegmentHeader {
            first_sequence: word(bytes, FIRST_AT),
            chain: Chain(
                bytes[CHAIN_AT..TERMS_AT]
                    .try_into()
                    .expect("the range has the length of a link"),
            ),
            config: T::decode_terms(&bytes[TERMS_AT..TERMS_AT + T::TERMS_BYTES])
                .map_err(|error| damaged(TERMS_AT, error.to_string()))?,
        };
        let named = segment_first_sequence(name);
        if named != Some(header.first_sequence) {
            let found = header.first_sequence;
            return Err(damaged(
                FIRST_AT,
                format!("it starts with command {found}, which is not what its name says"),
            ));
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use proofbook_types::MarketConfig;

    use super::*;

    #[test]
    fn a_header_comes_back_and_no_flipped_bit_passes() {
        let config = MarketConfig::default();
        let header = SegmentHeader {
            first_sequence: 77,
            chain: Chain::genesis(&config.encode()),
            config,
        };
        let name = segment_name(77);
        let mut bytes = header.encode();
        assert_eq!(
            SegmentHeader::decode(&bytes, &name).expect("it was just written"),
            header
        );
        assert!(SegmentHeader::<MarketConfig>::decode(&bytes, &segment_name(78)).is_err());
        for bit in 0..HEADER_BYTES * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let result = SegmentHeader::<MarketConfig>::decode(&bytes, &name);
            assert!(
                matches!(result, Err(JournalError::Damaged { .. })),
                "bit {bit}: {result:?}"
            );
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn only_the_canonical_name_is_a_segment() {
        assert_eq!(segment_first_sequence(&segment_name(12)), Some(12));
        for name in [
            "commands-12.log",
            "commands-.log",
            "commands-+0000000000000000012.log",
            "lock",
        ] {
            assert_eq!(segment_first_sequence(name), None, "{name}");
        }
    }
}
