//! Hashes of order ids for tables in memory. No result depends on them.

use std::hash::{BuildHasher, Hasher, RandomState};

/// 2^64 divided by the golden ratio (Knuth, TAOCP 6.4).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A folded multiplication with a seed of each table's own, so that nobody can choose ids that collide.
#[derive(Clone, Debug)]
pub(crate) struct FoldedHash {
    seed: u64,
}

impl Default for FoldedHash {
    fn default() -> Self {
        FoldedHash {
            seed: RandomState::new().build_hasher().finish(),
        }
    }
}

impl BuildHasher for FoldedHash {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded(self.seed)
    }
}

/// A hash in the making.
pub(crate) struct Folded(u64);

impl Hasher for Folded {
    #[inline]
    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(MULTIPLIER);
        self.0 = (product as u64) ^ (product >> 64) as u64;
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}
