//! The verifying keys of the programs whose runs are proven: of each, a hash of the program and of the virtual machine under it.
//!
//! They are read from `guest/program.key` and `guest/chain.key` when this crate is compiled and from nowhere else. A key that is
//! none fails the build.

use std::fmt;

use proofbook_commitment::poseidon2::ORDER;
use proofbook_commitment::Digest;

/// Another checkout is another compile, and has its own keys: `.cargo/config.toml`.
const _: Option<&str> = option_env!("PROOFBOOK_CHECKOUT");

/// Hash of a program's verifying key: eight field elements.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ProgramKey([u32; 8]);

impl ProgramKey {
    /// The program that proves a batch, of this version of proofbook.
    pub const PINNED: ProgramKey = ProgramKey::parse(include_str!("../../../guest/program.key"));
    /// The program that joins proofs of batches.
    pub const PINNED_CHAIN: ProgramKey =
        ProgramKey::parse(include_str!("../../../guest/chain.key"));

    /// The key that a line of 64 lower-case hexadecimal digits writes: its encoding, byte for byte.
    ///
    /// # Panics
    /// Where it writes none: for keys that are known when this is compiled.
    pub(crate) const fn parse(line: &str) -> ProgramKey {
        let digits = line.as_bytes();
        assert!(
            digits.len() == 65 && digits[64] == b'\n',
            "expected one line of 64 digits"
        );
        let mut words = [0; 8];
        let mut place = 0;
        while place < 64 {
            let digit = match digits[place] {
                decimal @ b'0'..=b'9' => decimal - b'0',
                letter @ b'a'..=b'f' => letter - b'a' + 10,
                _ => panic!("expected lower-case hexadecimal digits"),
            };
            // Bytes are in the order of the line, each with its higher digit first; four bytes are a word, lowest first.
            let shift = 8 * (place / 2 % 4) + 4 * (1 - place % 2);
            words[place / 8] |= (digit as u32) << shift;
            place += 1;
        }
        let mut word = 0;
        while word < 8 {
            assert!(
                words[word] < ORDER,
                "expected elements below the field's order"
            );
            word += 1;
        }
        ProgramKey(words)
    }

    /// The key with these elements.
    pub(crate) const fn from_elements(elements: [u32; 8]) -> ProgramKey {
        ProgramKey(elements)
    }

    /// The key that a digest in public values is.
    pub(crate) fn from_digest(digest: Digest) -> ProgramKey {
        let mut words = [0; 8];
        for (word, chunk) in words.iter_mut().zip(digest.encode().chunks_exact(4)) {
            *word = u32::from_le_bytes(chunk.try_into().expect("chunks of four bytes"));
        }
        ProgramKey(words)
    }

    /// The only encoding: eight elements of four bytes each, little-endian.
    pub fn encode(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.chunks_exact_mut(4).zip(self.0) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

impl fmt::Display for ProgramKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.encode()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ProgramKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
