//! Sixteen nodes side by side: word `w` of the state of all of them is register `w`.

use core::arch::x86_64::*;

use super::{rounds, NodeKey, Pair, BLOCK_BYTES, FLAGS, IV};

const LANES: usize = 16;

#[inline]
#[target_feature(enable = "avx512f")]
fn load(pair: &Pair) -> __m512i {
    // SAFETY: it is 64 readable bytes; the instruction asks for no alignment.
    unsafe { _mm512_loadu_si512(pair.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(vector: __m512i) -> Pair {
    let mut pair = [[0; 32]; 2];
    // SAFETY: it is 64 writable bytes; the instruction asks for no alignment.
    unsafe { _mm512_storeu_si512(pair.as_mut_ptr().cast(), vector) };
    pair
}

#[inline]
#[target_feature(enable = "avx512f")]
fn all(word: u32) -> __m512i {
    _mm512_set1_epi32(word as i32)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn mix(v: &mut [__m512i; 16], [a, b, c, d]: [usize; 4], x: __m512i, y: __m512i) {
    v[a] = _mm512_add_epi32(_mm512_add_epi32(v[a], v[b]), x);
    v[d] = _mm512_ror_epi32(_mm512_xor_si512(v[d], v[a]), 16);
    v[c] = _mm512_add_epi32(v[c], v[d]);
    v[b] = _mm512_ror_epi32(_mm512_xor_si512(v[b], v[c]), 12);
    v[a] = _mm512_add_epi32(_mm512_add_epi32(v[a], v[b]), y);
    v[d] = _mm512_ror_epi32(_mm512_xor_si512(v[d], v[a]), 8);
    v[c] = _mm512_add_epi32(v[c], v[d]);
    v[b] = _mm512_ror_epi32(_mm512_xor_si512(v[b], v[c]), 7);
}

/// Rows become columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: &mut [__m512i; LANES]) {
    let mut halves = *rows;
    for (out, pair) in halves
        .as_chunks_mut::<2>()
        .0
        .iter_mut()
        .zip(rows.as_chunks::<2>().0)
    {
        let [a, b] = *pair;
        *out = [_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b)];
    }
    let mut quarters = halves;
    for (out, four) in quarters
        .as_chunks_mut::<4>()
        .0
        .iter_mut()
        .zip(halves.as_chunks::<4>().0)
    {
        let [a, b, c, d] = *four;
        *out = [
            _mm512_unpacklo_epi64(a, c),
            _mm512_unpackhi_epi64(a, c),
            _mm512_unpacklo_epi64(b, d),
            _mm512_unpackhi_epi64(b, d),
        ];
    }
    for j in 0..4 {
        let [a, b, c, d] = [
            quarters[j],
            quarters[4 + j],
            quarters[8 + j],
            quarters[12 + j],
        ];
        let [even_ab, even_cd] = [
            _mm512_shuffle_i32x4(a, b, 0b10_00_10_00),
            _mm512_shuffle_i32x4(c, d, 0b10_00_10_00),
        ];
        let [odd_ab, odd_cd] = [
            _mm512_shuffle_i32x4(a, b, 0b11_01_11_01),
            _mm512_shuffle_i32x4(c, d, 0b11_01_11_01),
        ];
        rows[j] = _mm512_shuffle_i32x4(even_ab, even_cd, 0b10_00_10_00);
        rows[4 + j] = _mm512_shuffle_i32x4(odd_ab, odd_cd, 0b10_00_10_00);
        rows[8 + j] = _mm512_shuffle_i32x4(even_ab, even_cd, 0b11_01_11_01);
        rows[12 + j] = _mm512_shuffle_i32x4(odd_ab, odd_cd, 0b11_01_11_01);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn hash_sixteen(key: &NodeKey, pairs: &[Pair; LANES]) -> [[u8; 32]; LANES] {
    let zero = _mm512_setzero_si512();
    let mut m = [zero; LANES];
    for (row, pair) in m.iter_mut().zip(pairs) {
        *row = load(pair);
    }
    transpose(&mut m);
    let mut v = [zero; 16];
    for (word, &key) in v.iter_mut().zip(&key.words) {
        *word = all(key);
    }
    for (word, &constant) in v[8..].iter_mut().zip(&IV) {
        *word = all(constant);
    }
    // The counter, words 12 and 13, is zero.
    v[14] = all(BLOCK_BYTES);
    v[15] = all(FLAGS);
    rounds!(v, m, mix);
    let mut rows = [zero; LANES];
    for word in 0..8 {
        rows[word] = _mm512_xor_si512(v[word], v[word + 8]);
    }
    transpose(&mut rows);
    let mut digests = [[0; 32]; LANES];
    for (digest, row) in digests.iter_mut().zip(rows) {
        [*digest, _] = store(row);
    }
    digests
}

#[target_feature(enable = "avx512f")]
pub(super) fn hash_pairs(key: &NodeKey, pairs: &[Pair], out: &mut [[u8; 32]]) {
    for (pairs, out) in pairs.chunks(LANES).zip(out.chunks_mut(LANES)) {
        let mut lanes = [[[0; 32]; 2]; LANES];
        let digests = match pairs.first_chunk() {
            Some(pairs) => hash_sixteen(key, pairs),
            // Of fewer, the other lanes hash zeros: that takes as long as a few nodes one after another.
            None => {
                lanes[..pairs.len()].copy_from_slice(pairs);
                hash_sixteen(key, &lanes)
            }
        };
        out.copy_from_slice(&digests[..out.len()]);
    }
}
