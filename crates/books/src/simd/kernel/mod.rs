//! Arithmetic on eight lanes of 64 bits, by instruction set.
//!
//! All kernels give the same results for every input; `tests/simd.rs` forces each in turn.
//!
//! Prices are compared after a `flip`: 0 in a queue whose lowest price comes first, -1 in one whose highest does. Flipping all bits of signed
//! numbers turns their order round, so that one comparison serves both.

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod avx512;
mod scalar;

/// How many numbers are worked on at once.
pub const LANES: usize = 8;

proofbook_simd::kernel! {
    avx512: "avx512f";

    /// The lanes whose price does not come after `bound`.
    pub(super) fn not_beyond(prices: &[i64; LANES], flip: i64, bound: i64) -> u8;

    fn first_among(prices: &[i64; LANES], flip: i64, among: u8) -> usize;

    /// The lanes that hold a price.
    pub(super) fn equal_prices(prices: &[i64; LANES], price: i64) -> u8;

    /// The lanes that hold a word.
    pub(super) fn equal(words: &[u64; LANES], word: u64) -> u8;

    /// The sum of the lanes of `among`: exact, since eight numbers of 64 bits have a sum of at most 67.
    pub(super) fn sum(words: &[u64; LANES], among: u8) -> u128;

    /// The lanes of `among`, from the lowest on, whose sizes a quantity covers in full, one after the other.
    pub(super) fn covered(sizes: &[u64; LANES], among: u8, quantity: u64) -> u8;

    /// Moves the lanes of `among` together, to the lowest lanes and in their order. What the others hold then is not meaningful.
    pub(super) fn compact(words: &mut [u64; LANES], among: u8);
}

impl Kernel {
    /// The lane of `among` whose price comes first; of equal ones the lowest. `None` where `among` has no lane.
    #[inline]
    pub(super) fn first(self, prices: &[i64; LANES], flip: i64, among: u8) -> Option<usize> {
        (among != 0).then(|| self.first_among(prices, flip, among))
    }
}

#[cfg(test)]
mod tests {
    use super::{Kernel, LANES};

    /// Few different numbers, so that lanes are often equal, at and beside every edge; as prices the upper ones are negative.
    const NUMBERS: [u64; 12] = [
        0,
        1,
        (1 << 32) - 1,
        1 << 32,
        (1 << 32) + 1,
        (1 << 63) - 1,
        1 << 63,
        (1 << 63) + 1,
        u64::MAX - (1 << 32),
        u64::MAX - 1,
        u64::MAX,
        77,
    ];
    const ROUNDS: u64 = 10_000;

    /// Any lanes at all, used or not, and any mask: nothing that the books see to is taken for granted.
    #[test]
    fn all_kernels_equal_the_portable_code() {
        let mut state = 3u64;
        let mut random = move |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        for round in 0..ROUNDS {
            let mut number = || match round % 4 {
                0 => random(u64::MAX),
                _ => NUMBERS[random(NUMBERS.len() as u64) as usize],
            };
            let words: [u64; LANES] = core::array::from_fn(|_| number());
            let (word, among) = (number(), number() as u8 ^ random(256) as u8);
            let (prices, price) = (words.map(|word| word as i64), word as i64);
            for kernel in Kernel::all() {
                let what = format!("{kernel:?}, {words:x?}, {word:x}, {among:b}");
                for flip in [0, -1] {
                    let expected = Kernel::SCALAR.not_beyond(&prices, flip, price);
                    let found = kernel.not_beyond(&prices, flip, price);
                    assert_eq!(found, expected, "{what}");
                    let expected = Kernel::SCALAR.first(&prices, flip, among);
                    assert_eq!(kernel.first(&prices, flip, among), expected, "{what}");
                }
                let expected = Kernel::SCALAR.equal(&words, word);
                assert_eq!(kernel.equal(&words, word), expected, "{what}");
                assert_eq!(kernel.equal_prices(&prices, price), expected, "{what}");
                let expected = Kernel::SCALAR.sum(&words, among);
                assert_eq!(kernel.sum(&words, among), expected, "{what}");
                let expected = Kernel::SCALAR.covered(&words, among, word);
                assert_eq!(kernel.covered(&words, among, word), expected, "{what}");
                let (mut expected, mut found) = (words, words);
                Kernel::SCALAR.compact(&mut expected, among);
                kernel.compact(&mut found, among);
                let end = among.count_ones() as usize;
                assert_eq!(found[..end], expected[..end], "{what}");
            }
        }
    }
}
