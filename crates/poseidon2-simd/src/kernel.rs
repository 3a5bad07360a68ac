//! What a kernel is asked, and which one answers.

use proofbook_commitment::node::Preimage;
use proofbook_commitment::sponge::start;
use proofbook_commitment::Digest;

use crate::scalar;

#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx512};

/// States that are permuted side by side.
pub const LANES: usize = 8;

/// `N` words of every lane.
pub type Words<const N: usize> = [[u64; LANES]; N];

proofbook_simd::kernel! {
    avx512: "avx512f,avx512ifma";

    fn permute(states: &mut [Words<8>; 2], used: usize);
    fn hash<const N: usize>(preimages: &[Preimages<N>; 2], used: usize) -> [Digests; 2];
}

impl Kernel {
    /// Permutes the first `used` lanes of two times eight states of canonical elements. What the other lanes become is not said.
    ///
    /// # Panics
    /// Where there are not as many lanes.
    pub fn permute_two(self, states: &mut [Words<8>; 2], used: usize) {
        assert!(used <= 2 * LANES, "{used} of {} lanes", 2 * LANES);
        self.permute(states, used);
    }

    /// Hashes the preimages of the first `used` lanes of two times eight. The digests of the other lanes mean nothing.
    ///
    /// # Panics
    /// Where there are not as many lanes.
    pub fn hash_two<const N: usize>(
        self,
        preimages: &[Preimages<N>; 2],
        used: usize,
    ) -> [Digests; 2] {
        assert!(used <= 2 * LANES, "{used} of {} lanes", 2 * LANES);
        self.hash(preimages, used)
    }
}

/// The preimages of eight lanes, of `N` blocks each. A lane that was not set is as good as any.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Preimages<const N: usize> {
    /// Tags, parameters in the upper half.
    pub(crate) capacity: Words<1>,
    pub(crate) blocks: [Words<4>; N],
}

impl<const N: usize> Default for Preimages<N> {
    fn default() -> Self {
        Preimages {
            capacity: [[0; LANES]],
            blocks: [[[0; LANES]; 4]; N],
        }
    }
}

impl<const N: usize> Preimages<N> {
    /// Sets a lane's preimage.
    #[inline(always)]
    pub fn set(&mut self, lane: usize, preimage: &Preimage<N>) {
        let [.., capacity, _, _, _] = start(preimage.tag, preimage.parameter);
        self.capacity[0][lane] = capacity;
        for (words, block) in self.blocks.iter_mut().zip(&preimage.blocks) {
            for (word, &element) in words.iter_mut().zip(block) {
                word[lane] = element;
            }
        }
    }
}

/// The digests of eight lanes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub struct Digests(pub(crate) Words<4>);

impl Digests {
    /// A lane's digest.
    #[inline(always)]
    pub fn get(&self, lane: usize) -> Digest {
        Digest(core::array::from_fn(|word| self.0[word][lane]))
    }
}
