//! One register of eight lanes. As the code for AVX2, with masks for lanes and unsigned comparisons.

use core::arch::x86_64::*;

use super::LANES;

#[inline]
#[target_feature(enable = "avx512f")]
fn load_prices(words: &[i64; LANES]) -> __m512i {
    // SAFETY: it is 64 readable bytes; the instruction asks for no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(words: &[u64; LANES]) -> __m512i {
    // SAFETY: it is 64 readable bytes; the instruction asks for no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(lanes: __m512i, words: &mut [u64; LANES]) {
    // SAFETY: it is 64 writable bytes; the instruction asks for no alignment.
    unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), lanes) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn flipped(prices: &[i64; LANES], flip: i64) -> __m512i {
    _mm512_xor_si512(load_prices(prices), _mm512_set1_epi64(flip))
}

#[target_feature(enable = "avx512f")]
pub(super) fn not_beyond(prices: &[i64; LANES], flip: i64, bound: i64) -> u8 {
    _mm512_cmple_epi64_mask(flipped(prices, flip), _mm512_set1_epi64(bound ^ flip))
}

#[target_feature(enable = "avx512f")]
pub(super) fn first_among(prices: &[i64; LANES], flip: i64, among: u8) -> usize {
    let keys = flipped(prices, flip);
    let lowest = _mm512_set1_epi64(_mm512_mask_reduce_min_epi64(among, keys));
    let found = _mm512_mask_cmpeq_epi64_mask(among, keys, lowest);
    found.trailing_zeros() as usize
}

#[target_feature(enable = "avx512f")]
pub(super) fn equal_prices(prices: &[i64; LANES], price: i64) -> u8 {
    _mm512_cmpeq_epi64_mask(load_prices(prices), _mm512_set1_epi64(price))
}

#[target_feature(enable = "avx512f")]
pub(super) fn equal(words: &[u64; LANES], word: u64) -> u8 {
    _mm512_cmpeq_epi64_mask(load(words), _mm512_set1_epi64(word as i64))
}

/// The lanes of a mask, and zero in all others.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_among(words: &[u64; LANES], among: u8) -> __m512i {
    _mm512_maskz_mov_epi64(among, load(words))
}

#[target_feature(enable = "avx512f")]
pub(super) fn sum(words: &[u64; LANES], among: u8) -> u128 {
    let lanes = load_among(words, among);
    // Eight halves of 32 bits have a sum of 35.
    let low = _mm512_and_si512(lanes, _mm512_set1_epi64(0xffff_ffff));
    let high = _mm512_srli_epi64::<32>(lanes);
    let total = |half| _mm512_reduce_add_epi64(half) as u128;
    total(low) + (total(high) << 32)
}

/// One step of [`covered`]: what lies `distance` lanes before is added to each lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn take_in(sums: __m512i, before: __m512i, over: u8, distance: u32) -> (__m512i, u8) {
    let sums = _mm512_add_epi64(sums, before);
    let is_over = _mm512_cmplt_epu64_mask(sums, before);
    (sums, over | over << distance | is_over)
}

/// Sums from the first lane to each (Hillis and Steele, "Data parallel algorithms", 1986): in each step, every lane takes in the one that lies
/// twice as far before it as in the step before. A lane whose sum is too large for 64 bits is marked, and marks all that take it in.
#[target_feature(enable = "avx512f")]
pub(super) fn covered(sizes: &[u64; LANES], among: u8, quantity: u64) -> u8 {
    let zero = _mm512_setzero_si512();
    let sizes = load_among(sizes, among);
    let (sums, over) = take_in(sizes, _mm512_alignr_epi64::<7>(sizes, zero), 0, 1);
    let (sums, over) = take_in(sums, _mm512_alignr_epi64::<6>(sums, zero), over, 2);
    let (sums, over) = take_in(sums, _mm512_alignr_epi64::<4>(sums, zero), over, 4);
    let above = _mm512_cmpgt_epu64_mask(sums, _mm512_set1_epi64(quantity as i64));
    !(above | over) & among
}

#[target_feature(enable = "avx512f")]
pub(super) fn compact(words: &mut [u64; LANES], among: u8) {
    store(_mm512_maskz_compress_epi64(among, load(words)), words);
}
