//! Two registers of four lanes.
//!
//! There are only signed comparisons of 64 bits; unsigned ones flip the highest bits first. A sum is held in two halves of each number, the
//! lower 32 bits and the upper ones, so that no lane can overflow.

use core::arch::x86_64::*;

use super::LANES;

/// Lanes of one register.
const HALF: usize = 4;

/// Eight lanes: the lower four, the upper four.
type Lanes = [__m256i; 2];

#[inline]
#[target_feature(enable = "avx2")]
fn load_prices(words: &[i64; LANES]) -> Lanes {
    let (halves, _) = words.as_chunks::<HALF>();
    // SAFETY: each half is 32 readable bytes; the instruction asks for no alignment.
    let load = |half: &[i64; HALF]| unsafe { _mm256_loadu_si256(half.as_ptr().cast()) };
    [load(&halves[0]), load(&halves[1])]
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(words: &[u64; LANES]) -> Lanes {
    let (halves, _) = words.as_chunks::<HALF>();
    // SAFETY: each half is 32 readable bytes; the instruction asks for no alignment.
    let load = |half: &[u64; HALF]| unsafe { _mm256_loadu_si256(half.as_ptr().cast()) };
    [load(&halves[0]), load(&halves[1])]
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(half: __m256i, words: &mut [u64; HALF]) {
    // SAFETY: it is 32 writable bytes; the instruction asks for no alignment.
    unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), half) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn words(half: __m256i) -> [u64; HALF] {
    let mut words = [0; HALF];
    store(half, &mut words);
    words
}

/// The lanes whose highest bit is set.
#[inline]
#[target_feature(enable = "avx2")]
fn mask_of([low, high]: Lanes) -> u8 {
    let low = _mm256_movemask_pd(_mm256_castsi256_pd(low));
    let high = _mm256_movemask_pd(_mm256_castsi256_pd(high));
    (low | high << HALF) as u8
}

/// All bits of the lanes of a mask.
#[inline]
#[target_feature(enable = "avx2")]
fn lanes_of(mask: u8) -> Lanes {
    let mask = _mm256_set1_epi64x(i64::from(mask));
    let low = _mm256_setr_epi64x(1, 2, 4, 8);
    let high = _mm256_setr_epi64x(16, 32, 64, 128);
    [low, high].map(|bits| _mm256_cmpeq_epi64(_mm256_and_si256(mask, bits), bits))
}

#[inline]
#[target_feature(enable = "avx2")]
fn flipped(prices: &[i64; LANES], flip: i64) -> Lanes {
    let flip = _mm256_set1_epi64x(flip);
    load_prices(prices).map(|half| _mm256_xor_si256(half, flip))
}

#[target_feature(enable = "avx2")]
pub(super) fn not_beyond(prices: &[i64; LANES], flip: i64, bound: i64) -> u8 {
    let bound = _mm256_set1_epi64x(bound ^ flip);
    !mask_of(flipped(prices, flip).map(|half| _mm256_cmpgt_epi64(half, bound)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn lower(a: __m256i, b: __m256i) -> __m256i {
    _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(a, b))
}

#[target_feature(enable = "avx2")]
pub(super) fn first_among(prices: &[i64; LANES], flip: i64, among: u8) -> usize {
    let keys = flipped(prices, flip);
    let [low, high] = lanes_of(among);
    // Lanes that are not asked for come last.
    let last = _mm256_set1_epi64x(i64::MAX);
    let low = _mm256_blendv_epi8(last, keys[0], low);
    let high = _mm256_blendv_epi8(last, keys[1], high);
    let four = lower(low, high);
    let two = lower(four, _mm256_permute4x64_epi64::<0b01_00_11_10>(four));
    let lowest = lower(two, _mm256_permute4x64_epi64::<0b10_11_00_01>(two));
    let found = mask_of(keys.map(|half| _mm256_cmpeq_epi64(half, lowest)));
    (found & among).trailing_zeros() as usize
}

#[target_feature(enable = "avx2")]
pub(super) fn equal_prices(prices: &[i64; LANES], price: i64) -> u8 {
    let price = _mm256_set1_epi64x(price);
    mask_of(load_prices(prices).map(|half| _mm256_cmpeq_epi64(half, price)))
}

#[target_feature(enable = "avx2")]
pub(super) fn equal(words: &[u64; LANES], word: u64) -> u8 {
    let word = _mm256_set1_epi64x(word as i64);
    mask_of(load(words).map(|half| _mm256_cmpeq_epi64(half, word)))
}

/// The lanes of a mask, and zero in all others.
#[inline]
#[target_feature(enable = "avx2")]
fn load_among(numbers: &[u64; LANES], among: u8) -> Lanes {
    let [low, high] = load(numbers);
    let mask = lanes_of(among);
    [
        _mm256_and_si256(low, mask[0]),
        _mm256_and_si256(high, mask[1]),
    ]
}

#[target_feature(enable = "avx2")]
pub(super) fn sum(numbers: &[u64; LANES], among: u8) -> u128 {
    let lanes = load_among(numbers, among);
    // The odd 32 bits are zero in the blend: the lower halves alone.
    let zero = _mm256_setzero_si256();
    let [a, b] = lanes.map(|half| _mm256_blend_epi32::<0b1010_1010>(half, zero));
    let [c, d] = lanes.map(|half| _mm256_srli_epi64::<32>(half));
    let total = |half| words(half).into_iter().map(u128::from).sum::<u128>();
    total(_mm256_add_epi64(a, b)) + (total(_mm256_add_epi64(c, d)) << 32)
}

/// Whether `a` is above `b` in each lane, as unsigned numbers.
#[inline]
#[target_feature(enable = "avx2")]
fn is_above(a: __m256i, b: __m256i) -> __m256i {
    let sign = _mm256_set1_epi64x(i64::MIN);
    _mm256_cmpgt_epi64(_mm256_xor_si256(a, sign), _mm256_xor_si256(b, sign))
}

/// Sums from the first lane to each (Hillis and Steele, "Data parallel algorithms", 1986), and where these are too large for 64 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn running_sums(half: __m256i) -> [__m256i; 2] {
    let zero = _mm256_setzero_si256();
    let by_one = |lanes| {
        let moved = _mm256_permute4x64_epi64::<0b10_01_00_00>(lanes);
        _mm256_blend_epi32::<0b0000_0011>(moved, zero)
    };
    // The lower two lanes in place of the upper ones, zero in theirs.
    let by_two = |lanes| _mm256_permute2x128_si256::<0x08>(lanes, lanes);
    let pairs = _mm256_add_epi64(half, by_one(half));
    let over_pairs = is_above(half, pairs);
    let sums = _mm256_add_epi64(pairs, by_two(pairs));
    let over = _mm256_or_si256(
        is_above(pairs, sums),
        _mm256_or_si256(over_pairs, by_two(over_pairs)),
    );
    [sums, over]
}

#[target_feature(enable = "avx2")]
pub(super) fn covered(sizes: &[u64; LANES], among: u8, quantity: u64) -> u8 {
    let [low, high] = load_among(sizes, among).map(|half| running_sums(half));
    let last = |lanes| _mm256_permute4x64_epi64::<0b11_11_11_11>(lanes);
    let sums = _mm256_add_epi64(high[0], last(low[0]));
    let over = _mm256_or_si256(
        is_above(high[0], sums),
        _mm256_or_si256(high[1], last(low[1])),
    );
    let quantity = _mm256_set1_epi64x(quantity as i64);
    let above = [
        _mm256_or_si256(low[1], is_above(low[0], quantity)),
        _mm256_or_si256(over, is_above(sums, quantity)),
    ];
    !mask_of(above) & among
}

/// For each mask of four lanes, the halves of these lanes in their order; what follows them is not meaningful.
const TOGETHER: [[i32; LANES]; 1 << HALF] = {
    let mut table = [[0; LANES]; 1 << HALF];
    let mut mask = 0;
    while mask < table.len() {
        let (mut lane, mut end) = (0, 0);
        while lane < HALF {
            if mask >> lane & 1 == 1 {
                table[mask][2 * end] = 2 * lane as i32;
                table[mask][2 * end + 1] = 2 * lane as i32 + 1;
                end += 1;
            }
            lane += 1;
        }
        mask += 1;
    }
    table
};

#[target_feature(enable = "avx2")]
pub(super) fn compact(numbers: &mut [u64; LANES], among: u8) {
    let together = |half, mask: u8| {
        let [a, b, c, d, e, f, g, h] = TOGETHER[usize::from(mask)];
        _mm256_permutevar8x32_epi32(half, _mm256_setr_epi32(a, b, c, d, e, f, g, h))
    };
    let [low, high] = load(numbers);
    let (low_mask, high_mask) = (among & 0xf, among >> HALF);
    let [first, second] = [together(low, low_mask), together(high, high_mask)];
    let end = low_mask.count_ones() as usize;
    numbers[..HALF].copy_from_slice(&words(first));
    numbers[end..end + HALF].copy_from_slice(&words(second));
}
