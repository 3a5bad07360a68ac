//! The portable code, a byte at a time: what the others are compared with.

use super::{Marks, BLOCK_BYTES, SOH};

pub(super) fn checksum(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .fold(0, |sum: u8, &byte| sum.wrapping_add(byte))
}

/// `marks` has one element for each block of the bytes.
pub(super) fn mark_blocks(bytes: &[u8], marks: &mut [Marks]) {
    for (block, marks) in bytes.chunks(BLOCK_BYTES).zip(marks) {
        *marks = mark_block(block);
    }
}

pub(super) fn mark_block(block: &[u8]) -> Marks {
    let mut marks = Marks::default();
    for (index, &byte) in block.iter().enumerate() {
        marks.soh |= u64::from(byte == SOH) << index;
        marks.equals |= u64::from(byte == b'=') << index;
    }
    marks
}
