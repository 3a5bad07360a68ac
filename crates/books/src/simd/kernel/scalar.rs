//! The portable code: what every other kernel must equal.

use super::LANES;

/// The lanes for which a test holds.
#[inline]
fn lanes_where(test: impl Fn(usize) -> bool) -> u8 {
    (0..LANES).fold(0, |mask, lane| mask | u8::from(test(lane)) << lane)
}

/// Whether a mask has a lane.
#[inline]
fn has(mask: u8, lane: usize) -> bool {
    mask >> lane & 1 == 1
}

pub(super) fn not_beyond(prices: &[i64; LANES], flip: i64, bound: i64) -> u8 {
    lanes_where(|lane| prices[lane] ^ flip <= bound ^ flip)
}

pub(super) fn first_among(prices: &[i64; LANES], flip: i64, among: u8) -> usize {
    let key = |lane: &usize| prices[*lane] ^ flip;
    let lanes = (0..LANES).filter(|&lane| has(among, lane));
    lanes.min_by_key(key).unwrap_or(0)
}

pub(super) fn equal_prices(prices: &[i64; LANES], price: i64) -> u8 {
    lanes_where(|lane| prices[lane] == price)
}

pub(super) fn equal(words: &[u64; LANES], word: u64) -> u8 {
    lanes_where(|lane| words[lane] == word)
}

pub(super) fn sum(words: &[u64; LANES], among: u8) -> u128 {
    let lanes = (0..LANES).filter(|&lane| has(among, lane));
    lanes.map(|lane| u128::from(words[lane])).sum()
}

pub(super) fn covered(sizes: &[u64; LANES], among: u8, quantity: u64) -> u8 {
    let mut covered = 0;
    let mut left = quantity;
    for lane in (0..LANES).filter(|&lane| has(among, lane)) {
        match left.checked_sub(sizes[lane]) {
            Some(rest) => left = rest,
            None => break,
        }
        covered |= 1 << lane;
    }
    covered
}

pub(super) fn compact(words: &mut [u64; LANES], among: u8) {
    let mut end = 0;
    for lane in 0..LANES {
        words[end] = words[lane];
        end += usize::from(has(among, lane));
    }
}
