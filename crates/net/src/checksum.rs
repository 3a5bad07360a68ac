//! CRC-32C of bytes: by which a packet that was handed on can be held against what it was.
//!
//! The polynomial is Castagnoli's ("Optimization of cyclic redundancy-check codes", 1993), in the reflected form that RFC 3720 (iSCSI) uses
//! and gives examples of. Processors with SSE4.2 have an instruction for it; elsewhere a table does a byte at a time.
#![allow(unsafe_code)]

const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            let carry = remainder & 1;
            remainder = remainder >> 1 ^ (POLYNOMIAL * carry);
            bit += 1;
        }
        table[byte] = remainder;
        byte += 1;
    }
    table
};

/// The checksum of bytes.
pub fn crc32c(bytes: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("sse4.2") {
        // SAFETY: the processor has the instruction.
        return unsafe { by_instruction(bytes) };
    }
    by_table(bytes)
}

/// A byte at a time, on any processor.
pub fn by_table(bytes: &[u8]) -> u32 {
    let step =
        |remainder: u32, byte: &u8| remainder >> 8 ^ TABLE[usize::from(remainder as u8 ^ byte)];
    !bytes.iter().fold(!0, step)
}

/// Eight bytes at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn by_instruction(bytes: &[u8]) -> u32 {
    use std::arch::x86_64::{_mm_crc32_u64, _mm_crc32_u8};
    let (words, rest) = bytes.as_chunks::<8>();
    let step = |remainder, word: &[u8; 8]| _mm_crc32_u64(remainder, u64::from_le_bytes(*word));
    // The instruction leaves the upper half zero.
    let remainder = words.iter().fold(u64::from(!0u32), step) as u32;
    !rest
        .iter()
        .fold(remainder, |remainder, byte| _mm_crc32_u8(remainder, *byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_3720_come_out() {
        let ascending: Vec<u8> = (0..32).collect();
        let descending: Vec<u8> = (0..32).rev().collect();
        let examples: [(&[u8], u32); 5] = [
            (&[0; 32], 0x8a91_36aa),
            (&[0xff; 32], 0x62a8_ab43),
            (&ascending, 0x46dd_794e),
            (&descending, 0x113f_db5c),
            (b"123456789", 0xe306_9283),
        ];
        for (bytes, expected) in examples {
            assert_eq!(by_table(bytes), expected);
            assert_eq!(crc32c(bytes), expected);
        }
    }

    #[test]
    fn both_ways_agree_at_every_length_and_beginning() {
        let bytes: Vec<u8> = (0..100u32)
            .map(|number| (number * 151 % 251) as u8)
            .collect();
        for from in 0..9 {
            for to in from..bytes.len() {
                assert_eq!(crc32c(&bytes[from..to]), by_table(&bytes[from..to]));
            }
        }
    }
}
