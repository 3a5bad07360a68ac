//! Where the separators of a message are and what its bytes sum up to, by instruction set.
//!
//! A [`Kernel`] goes over bytes 64 at a time. All kernels give the same bits and the same sums; `tests/kernels.rs` forces each in turn.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

/// Ends every field of a message.
pub const SOH: u8 = 1;

/// Bytes that one [`Marks`] is about.
pub const BLOCK_BYTES: usize = 64;

/// Which bytes of a block are separators: bit n is about byte n. Bits past the end are clear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Ends of fields.
    pub soh: u64,
    /// Equals signs.
    pub equals: u64,
}

proofbook_simd::kernel! {
    avx512: "avx512f,avx512bw";

    /// The sum of all bytes modulo 256, which is what CheckSum holds.
    pub fn checksum(bytes: &[u8]) -> u8;

    fn mark_blocks(bytes: &[u8], marks: &mut [Marks]);
}

impl Kernel {
    /// Marks the separators: the first of `marks` is about the first 64 bytes, and so on. Those past the bytes' end are cleared.
    ///
    /// # Panics
    /// Where `marks` is too short for the bytes.
    #[inline]
    pub fn mark(self, bytes: &[u8], marks: &mut [Marks]) {
        let blocks = bytes.len().div_ceil(BLOCK_BYTES);
        let (marks, rest) = marks.split_at_mut(blocks);
        self.mark_blocks(bytes, marks);
        rest.fill(Marks::default());
    }
}
