//! 64 bytes at once: one load and two comparisons a block. The last load takes only the bytes that there are.

use core::arch::x86_64::*;

use super::{Marks, BLOCK_BYTES, SOH};

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(bytes: &[u8; BLOCK_BYTES]) -> __m512i {
    // SAFETY: it is 64 readable bytes; the instruction asks for no alignment.
    unsafe { _mm512_loadu_epi8(bytes.as_ptr().cast()) }
}

/// Fewer bytes than a block has, and zeros after them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load_rest(bytes: &[u8]) -> __m512i {
    debug_assert!(bytes.len() < BLOCK_BYTES);
    let mask = (1u64 << (bytes.len() % BLOCK_BYTES)) - 1;
    // SAFETY: the mask has a bit for each of the slice's bytes and no other one (the caller has fewer than 64); the instruction reads no byte
    // whose bit is clear, and asks for no alignment.
    unsafe { _mm512_maskz_loadu_epi8(mask, bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn mark_vector(vector: __m512i) -> Marks {
    Marks {
        soh: _mm512_cmpeq_epi8_mask(vector, _mm512_set1_epi8(SOH as i8)),
        equals: _mm512_cmpeq_epi8_mask(vector, _mm512_set1_epi8(b'=' as i8)),
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn checksum(bytes: &[u8]) -> u8 {
    let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
    let zero = _mm512_setzero_si512();
    // Eight sums of 64 bits: no slice is long enough to fill them.
    let mut sums = _mm512_sad_epu8(load_rest(rest), zero);
    for block in blocks {
        sums = _mm512_add_epi64(sums, _mm512_sad_epu8(load(block), zero));
    }
    _mm512_reduce_add_epi64(sums) as u8
}

/// `marks` has one element for each block of the bytes.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn mark_blocks(bytes: &[u8], marks: &mut [Marks]) {
    let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
    let (whole, last) = marks.split_at_mut(blocks.len());
    for (block, marks) in blocks.iter().zip(whole) {
        *marks = mark_vector(load(block));
    }
    if let Some(last) = last.first_mut() {
        *last = mark_vector(load_rest(rest));
    }
}
