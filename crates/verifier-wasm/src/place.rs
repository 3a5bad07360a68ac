//! Where a market stands between two batches, as bytes that the caller keeps from call to call.
//!
//! Market, batch, sequence and clock, eight bytes each, little-endian, then configuration and root, 32 bytes each. Whoever calls
//! may make up such bytes: they say which place he trusts, and no more.

use proofbook_verifier::{Checkpoint, Digest};

pub(crate) const PLACE_BYTES: usize = 4 * 8 + 2 * 32;

pub(crate) fn encode(place: &Checkpoint) -> Vec<u8> {
    let numbers = [place.market, place.batch, place.sequence, place.clock];
    let mut bytes: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
    bytes.extend(place.config.encode());
    bytes.extend(place.root.encode());
    bytes
}

/// The place, if both of its digests are some.
pub(crate) fn decode(bytes: &[u8; PLACE_BYTES]) -> Option<Checkpoint> {
    let (numbers, digests) = bytes.split_at(4 * 8);
    let number = |at: usize| numbers[8 * at..].first_chunk().copied();
    let digest = |at: usize| digests[32 * at..].first_chunk().and_then(Digest::decode);
    Some(Checkpoint {
        market: u64::from_le_bytes(number(0)?),
        batch: u64::from_le_bytes(number(1)?),
        sequence: u64::from_le_bytes(number(2)?),
        clock: u64::from_le_bytes(number(3)?),
        config: digest(0)?,
        root: digest(1)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_encoding() {
        let digest = |element: u64| Digest([element; 4]);
        let place = Checkpoint {
            market: 1,
            config: digest(2),
            batch: u64::MAX,
            sequence: 3,
            clock: 4,
            root: digest(5),
        };
        let bytes: [u8; PLACE_BYTES] = encode(&place).try_into().expect("its length");
        assert_eq!(decode(&bytes), Some(place));
        for at in (4 * 8..PLACE_BYTES).step_by(4) {
            let mut bytes = bytes;
            bytes[at..at + 4].fill(0xff);
            assert_eq!(decode(&bytes), None, "no digest at {at}");
        }
    }
}
