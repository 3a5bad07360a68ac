//! One record: a command with its place in the sequence, linked to everything before it.
//!
//! A record takes [`RECORD_BYTES`], which divides the sector, so a record never lies in two sectors. That is what tells
//! a torn write from damage: a sector that was not written still holds zeros, so a record slot that holds anything but
//! zeros or a correct record was correct once and has been damaged since.

use proofbook_types::{Command, COMMAND_BYTES, CONFIG_BYTES};

/// Length of a record.
pub const RECORD_BYTES: usize = 128;

const COMMAND_AT: usize = 8;
const PREVIOUS_AT: usize = COMMAND_AT + COMMAND_BYTES;
const DURABLE_AT: usize = PREVIOUS_AT + 32;
const CHECKSUM_AT: usize = DURABLE_AT + 8;
const _: () = assert!(CHECKSUM_AT + 8 == RECORD_BYTES);

/// Odd, so that multiplying by it maps different watermarks to different numbers (2^64 divided by the golden ratio).
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A link of the chain: it depends on the market's terms and on every command so far, and on nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain(pub [u8; 32]);

impl Chain {
    /// The link before the first command of a market.
    pub fn genesis(config: &[u8; CONFIG_BYTES]) -> Chain {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"proofbook journal 1");
        hasher.update(config);
        Chain(*hasher.finalize().as_bytes())
    }
}

/// A correct record, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// Its number; the first command has 1.
    pub sequence: u64,
    /// The command's encoding.
    pub command: &'a [u8; COMMAND_BYTES],
    /// The link before it.
    pub previous: Chain,
    /// Every command up to this one was durable before this record was made.
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

/// Writes the record of `command` and gives the link it makes.
pub(crate) fn encode(
    bytes: &mut [u8; RECORD_BYTES],
    sequence: u64,
    command: &Command,
    previous: &Chain,
    durable: u64,
) -> Chain {
    bytes[..COMMAND_AT].copy_from_slice(&sequence.to_le_bytes());
    bytes[COMMAND_AT..PREVIOUS_AT].copy_from_slice(&command.encode());
    bytes[PREVIOUS_AT..DURABLE_AT].copy_from_slice(&previous.0);
    let chain = Chain(*blake3::hash(&bytes[..DURABLE_AT]).as_bytes());
    bytes[DURABLE_AT..CHECKSUM_AT].copy_from_slice(&durable.to_le_bytes());
    bytes[CHECKSUM_AT..].copy_from_slice(&checksum(&chain, durable).to_le_bytes());
    chain
}

/// The record in these bytes, or `None` if its checksum says that it is none.
pub(crate) fn decode(bytes: &[u8; RECORD_BYTES]) -> Option<Record<'_>> {
    let chain = Chain(*blake3::hash(&bytes[..DURABLE_AT]).as_bytes());
    let durable = word(bytes, DURABLE_AT);
    if word(bytes, CHECKSUM_AT) != checksum(&chain, durable) {
        return None;
    }
    let mut previous = Chain([0; 32]);
    previous.0.copy_from_slice(&bytes[PREVIOUS_AT..DURABLE_AT]);
    Some(Record {
        sequence: word(bytes, 0),
        command: bytes[COMMAND_AT..PREVIOUS_AT]
            .try_into()
            .expect("the range has the length of a command"),
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
    use proofbook_types::{Action, MarketConfig, Timestamp};

    use super::*;

    #[test]
    fn a_record_comes_back_and_no_flipped_bit_passes() {
        let genesis = Chain::genesis(&MarketConfig::default().encode());
        let command = Command {
            time: Timestamp(5),
            action: Action::Sweep,
        };
        let mut bytes = [0; RECORD_BYTES];
        let chain = encode(&mut bytes, 9, &command, &genesis, 7);
        let record = decode(&bytes).expect("it was just written");
        assert_eq!(
            (
                record.sequence,
                record.durable,
                record.previous,
                record.chain
            ),
            (9, 7, genesis, chain)
        );
        assert_eq!(Command::decode(record.command), Ok(command));
        for bit in 0..RECORD_BYTES * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bytes), None, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(decode(&[0; RECORD_BYTES]).is_none());
    }

    #[test]
    fn the_chain_depends_on_commands_alone() {
        let genesis = Chain::genesis(&MarketConfig::default().encode());
        let command = Command {
            time: Timestamp(5),
            action: Action::Sweep,
        };
        let mut bytes = [0; RECORD_BYTES];
        let synced = encode(&mut bytes, 9, &command, &genesis, 8);
        let unsynced = encode(&mut bytes, 9, &command, &genesis, 0);
        assert_eq!(synced, unsynced);
        assert_ne!(synced, encode(&mut bytes, 10, &command, &genesis, 0));
    }
}
