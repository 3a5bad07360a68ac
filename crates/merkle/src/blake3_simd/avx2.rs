//! Eight nodes side by side: word `w` of the state of all of them is register `w`.

use core::arch::x86_64::*;

use super::{rounds, NodeKey, Pair, BLOCK_BYTES, FLAGS, IV};

const LANES: usize = 8;

#[inline]
#[target_feature(enable = "avx2")]
fn load(digest: &[u8; 32]) -> __m256i {
    // SAFETY: it is 32 readable bytes; the instruction asks for no alignment.
    unsafe { _mm256_loadu_si256(digest.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(vector: __m256i) -> [u8; 32] {
    let mut digest = [0; 32];
    // SAFETY: it is 32 writable bytes; the instruction asks for no alignment.
    unsafe { _mm256_storeu_si256(digest.as_mut_ptr().cast(), vector) };
    digest
}

#[inline]
#[target_feature(enable = "avx2")]
fn all(word: u32) -> __m256i {
    _mm256_set1_epi32(word as i32)
}

/// Each word turned right by 16 bits, which moves whole bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn turned_16(x: __m256i) -> __m256i {
    let four = 0x0d0c_0f0e_0908_0b0a_0504_0706_0100_0302u128;
    let order = _mm256_broadcastsi128_si256(_mm_set_epi64x((four >> 64) as i64, four as i64));
    _mm256_shuffle_epi8(x, order)
}

/// Each word turned right by 8 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn turned_8(x: __m256i) -> __m256i {
    let four = 0x0c0f_0e0d_080b_0a09_0407_0605_0003_0201u128;
    let order = _mm256_broadcastsi128_si256(_mm_set_epi64x((four >> 64) as i64, four as i64));
    _mm256_shuffle_epi8(x, order)
}

/// Each word turned right by `RIGHT` bits, or left by `LEFT`, which is the same.
#[inline]
#[target_feature(enable = "avx2")]
fn turned<const RIGHT: i32, const LEFT: i32>(x: __m256i) -> __m256i {
    const { assert!(RIGHT + LEFT == 32) };
    _mm256_or_si256(_mm256_srli_epi32(x, RIGHT), _mm256_slli_epi32(x, LEFT))
}

#[inline]
#[target_feature(enable = "avx2")]
fn mix(v: &mut [__m256i; 16], [a, b, c, d]: [usize; 4], x: __m256i, y: __m256i) {
    v[a] = _mm256_add_epi32(_mm256_add_epi32(v[a], v[b]), x);
    v[d] = turned_16(_mm256_xor_si256(v[d], v[a]));
    v[c] = _mm256_add_epi32(v[c], v[d]);
    v[b] = turned::<12, 20>(_mm256_xor_si256(v[b], v[c]));
    v[a] = _mm256_add_epi32(_mm256_add_epi32(v[a], v[b]), y);
    v[d] = turned_8(_mm256_xor_si256(v[d], v[a]));
    v[c] = _mm256_add_epi32(v[c], v[d]);
    v[b] = turned::<7, 25>(_mm256_xor_si256(v[b], v[c]));
}

/// Rows become columns.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(rows: &mut [__m256i; LANES]) {
    let mut halves = *rows;
    for (out, pair) in halves
        .as_chunks_mut::<2>()
        .0
        .iter_mut()
        .zip(rows.as_chunks::<2>().0)
    {
        let [a, b] = *pair;
        *out = [_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b)];
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
            _mm256_unpacklo_epi64(a, c),
            _mm256_unpackhi_epi64(a, c),
            _mm256_unpacklo_epi64(b, d),
            _mm256_unpackhi_epi64(b, d),
        ];
    }
    for j in 0..4 {
        let [a, b] = [quarters[j], quarters[4 + j]];
        rows[j] = _mm256_permute2x128_si256(a, b, 0x20);
        rows[4 + j] = _mm256_permute2x128_si256(a, b, 0x31);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn hash_eight(key: &NodeKey, pairs: &[Pair; LANES]) -> [[u8; 32]; LANES] {
    let zero = _mm256_setzero_si256();
    let mut halves = [[zero; LANES]; 2];
    for (lane, [left, right]) in pairs.iter().enumerate() {
        halves[0][lane] = load(left);
        halves[1][lane] = load(right);
    }
    for half in &mut halves {
        transpose(half);
    }
    let m = halves.as_flattened();
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
        rows[word] = _mm256_xor_si256(v[word], v[word + 8]);
    }
    transpose(&mut rows);
    let mut digests = [[0; 32]; LANES];
    for (digest, row) in digests.iter_mut().zip(rows) {
        *digest = store(row);
    }
    digests
}

#[target_feature(enable = "avx2")]
pub(super) fn hash_pairs(key: &NodeKey, pairs: &[Pair], out: &mut [[u8; 32]]) {
    for (pairs, out) in pairs.chunks(LANES).zip(out.chunks_mut(LANES)) {
        let mut lanes = [[[0; 32]; 2]; LANES];
        let digests = match pairs.first_chunk() {
            Some(pairs) => hash_eight(key, pairs),
            // Of fewer, the other lanes hash zeros: that takes as long as a few nodes one after another.
            None => {
                lanes[..pairs.len()].copy_from_slice(pairs);
                hash_eight(key, &lanes)
            }
        };
        out.copy_from_slice(&digests[..out.len()]);
    }
}
