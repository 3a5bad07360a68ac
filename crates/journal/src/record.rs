//! One record: an entry with its place in the sequence, linked to everything before it.
//!
//! A record's length divides the sector, so a record never lies in two sectors. That is what tells
//! a torn write from damage: a sector that was not written still holds zeros, so a record slot that holds anything but
//! zeros or a correct record was correct once and has been damaged since.

use proofbook_types::{MarketConfig, CONFIG_BYTES};

use crate::kind::Terms;

/// Length of a record of a market's log.
pub const RECORD_BYTES: usize = MarketConfig::RECORD_BYTES;

const ENTRY_AT: usize = 8;
const LINK_BYTES: usize = 32;
const WORD_BYTES: usize = 8;

/// Odd, so that multiplying by it maps different watermarks to different numbers (2^64 divided by the golden ratio).
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A link of the chain: it depends on the log's terms and on every entry so far, and on nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain(pub [u8; 32]);

impl Chain {
    /// The link before the first command of a market.
    pub fn genesis(config: &[u8; CONFIG_BYTES]) -> Chain {
        Chain::start(MarketConfig::GENESIS, config)
    }

    /// The link before the first entry of a log with these terms.
    pub(crate) fn start(text: &[u8], terms: &[u8]) -> Chain {
        let mut hasher = blake3::Hasher::new();
        hasher.update(text);
        hasher.update(terms);
        Chain(*hasher.finalize().as_bytes())
    }
}

/// A correct record, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// Its number; the first entry has 1.
    pub sequence: u64,
    /// The entry's encoding.
    pub entry: &'a [u8],
    /// The link before it.
    pub previous: Chain,
    /// Every entry up to this one was durable before this record was made.
    pub durable: u64,
    /// The link it makes.
    pub chain: Chain,
}

fn checksum(chain: &Chain, durable: u64) -> u64 {
    word(&chain.0, 0).wrapping_add(durable.wrapping_mul(SPREAD))
}

pub(crate) fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// Writes the record of `entry` over zeros and gives the link it makes.
#[inline]
pub(crate) fn encode<T: Terms>(
    bytes: &mut [u8],
    sequence: u64,
    entry: &T::Entry,
    previous: &Chain,
    durable: u64,
) -> Chain {
    let (hashed, guard) = bytes.split_at_mut(durable_at::<T>());
    hashed[..ENTRY_AT].copy_from_slice(&sequence.to_le_bytes());
    let (body, link) = hashed[ENTRY_AT..].split_at_mut(T::ENTRY_BYTES);
    T::encode_entry(entry, body);
    link.copy_from_slice(&previous.0);
    let chain = Chain(*blake3::hash(hashed).as_bytes());
    guard[..WORD_BYTES].copy_from_slice(&durable.to_le_bytes());
    guard[WORD_BYTES..].copy_from_slice(&checksum(&chain, durable).to_le_bytes());
    chain
}

/// Where a record says what was durable; everything before that is hashed.
const fn durable_at<T: Terms>() -> usize {
    ENTRY_AT + T::ENTRY_BYTES + LINK_BYTES
}

/// The record in these bytes, or `None` if its checksum says that it is none.
pub(crate) fn decode<T: Terms>(bytes: &[u8]) -> Option<Record<'_>> {
    let (hashed, guard) = bytes.split_at(durable_at::<T>());
    let chain = Chain(*blake3::hash(hashed).as_bytes());
    let durable = word(guard, 0);
    if word(guard, WORD_BYTES) != checksum(&chain, durable) {
        return None;
    }
    let (entry, link) = hashed[ENTRY_AT..].split_at(T::ENTRY_BYTES);
    let mut previous = Chain([0; 32]);
    previous.0.copy_from_slice(link);
    Some(Record {
        sequence: word(bytes, 0),
        entry,
        previous,
        durable,
        chain,
    })
}

/// Whether nothing was ever written to a slot.
pub(crate) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

#[cfg(test)]
mod tests {
    use proofbook_types::{Action, Command, Timestamp};

    use super::*;

    #[test]
    fn a_record_comes_back_and_no_flipped_bit_passes() {
        let genesis = Chain::genesis(&MarketConfig::default().encode());
        let command = Command {
            time: Timestamp(5),
            action: Action::Sweep,
        };
        let mut bytes = [0; RECORD_BYTES];
        let chain = encode::<MarketConfig>(&mut bytes, 9, &command, &genesis, 7);
        let record = decode::<MarketConfig>(&bytes).expect("it was just written");
        assert_eq!(
            (
                record.sequence,
                record.durable,
                record.previous,
                record.chain
            ),
            (9, 7, genesis, chain)
        );
        assert_eq!(MarketConfig::decode_entry(record.entry), Ok(command));
        for bit in 0..RECORD_BYTES * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode::<MarketConfig>(&bytes), None, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(decode::<MarketConfig>(&[0; RECORD_BYTES]).is_none());
    }

    #[test]
    fn the_chain_depends_on_commands_alone() {
        let genesis = Chain::genesis(&MarketConfig::default().encode());
        let command = Command {
            time: Timestamp(5),
            action: Action::Sweep,
        };
        let mut bytes = [0; RECORD_BYTES];
        let synced = encode::<MarketConfig>(&mut bytes, 9, &command, &genesis, 8);
        let unsynced = encode::<MarketConfig>(&mut bytes, 9, &command, &genesis, 0);
        assert_eq!(synced, unsynced);
        assert_ne!(
            synced,
            encode::<MarketConfig>(&mut bytes, 10, &command, &genesis, 0)
        );
    }
}
