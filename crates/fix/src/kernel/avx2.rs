//! 32 bytes at once, two loads a block. The bytes after the last whole load are padded with zeros, which are no separator and add nothing.

use core::arch::x86_64::*;

use super::{Marks, BLOCK_BYTES, SOH};

const LANES: usize = 32;

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; LANES]) -> __m256i {
    // SAFETY: it is 32 readable bytes; the instruction asks for no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn equal(vector: __m256i, byte: u8) -> u64 {
    let equal = _mm256_cmpeq_epi8(vector, _mm256_set1_epi8(byte as i8));
    u64::from(_mm256_movemask_epi8(equal) as u32)
}

#[target_feature(enable = "avx2")]
pub(super) fn checksum(bytes: &[u8]) -> u8 {
    let (vectors, rest) = bytes.as_chunks::<LANES>();
    let zero = _mm256_setzero_si256();
    // Four sums of 64 bits: no slice is long enough to fill them.
    let mut sums = zero;
    for vector in vectors {
        sums = _mm256_add_epi64(sums, _mm256_sad_epu8(load(vector), zero));
    }
    let mut padded = [0; LANES];
    padded[..rest.len()].copy_from_slice(rest);
    sums = _mm256_add_epi64(sums, _mm256_sad_epu8(load(&padded), zero));
    let halves = _mm_add_epi64(
        _mm256_castsi256_si128(sums),
        _mm256_extracti128_si256(sums, 1),
    );
    let sum = _mm_add_epi64(halves, _mm_unpackhi_epi64(halves, halves));
    _mm_cvtsi128_si64(sum) as u8
}

#[inline]
#[target_feature(enable = "avx2")]
fn mark_block(block: &[u8; BLOCK_BYTES]) -> Marks {
    let (halves, _) = block.as_chunks::<LANES>();
    let (low, high) = (load(&halves[0]), load(&halves[1]));
    Marks {
        soh: equal(low, SOH) | equal(high, SOH) << LANES,
        equals: equal(low, b'=') | equal(high, b'=') << LANES,
    }
}

/// `marks` has one element for each block of the bytes.
#[target_feature(enable = "avx2")]
pub(super) fn mark_blocks(bytes: &[u8], marks: &mut [Marks]) {
    let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
    let (whole, last) = marks.split_at_mut(blocks.len());
    for (block, marks) in blocks.iter().zip(whole) {
        *marks = mark_block(block);
    }
    if let Some(last) = last.first_mut() {
        let mut padded = [0; BLOCK_BYTES];
        padded[..rest.len()].copy_from_slice(rest);
        *last = mark_block(&padded);
    }
}
