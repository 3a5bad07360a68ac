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

/// An instruction set that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Every name of a kernel, the slowest first.
const NAMES: [&str; 3] = ["scalar", "avx2", "avx512"];

impl Kernel {
    /// The portable code.
    pub const SCALAR: Kernel = Kernel(Set::Scalar);

    /// The fastest kernel that this machine has.
    pub fn detect() -> Kernel {
        Kernel::all()
            .last()
            .expect("the scalar kernel runs anywhere")
    }

    /// Every kernel that this machine has, the slowest first.
    pub fn all() -> impl Iterator<Item = Kernel> {
        NAMES.into_iter().filter_map(Kernel::from_name)
    }

    /// The kernel of this name: `scalar`, `avx2` or `avx512` (which takes AVX-512 F and IFMA). `None` where there is no such kernel, or
    /// this machine lacks what it takes.
    pub fn from_name(name: &str) -> Option<Kernel> {
        match name {
            "scalar" => Some(Kernel::SCALAR),
            #[cfg(target_arch = "x86_64")]
            "avx2" => is_x86_feature_detected!("avx2").then_some(Kernel(Set::Avx2)),
            #[cfg(target_arch = "x86_64")]
            "avx512" => (is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512ifma"))
            .then_some(Kernel(Set::Avx512)),
            _ => None,
        }
    }

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
        }
    }

    /// Permutes the first `used` lanes of two times eight states of canonical elements. What the other lanes become is not said.
    ///
    /// # Panics
    /// Where there are not as many lanes.
    pub fn permute_two(self, states: &mut [Words<8>; 2], used: usize) {
        assert!(used <= 2 * LANES, "{used} of {} lanes", 2 * LANES);
        match self.0 {
            Set::Scalar => scalar::permute(states, used),
            // SAFETY: a kernel is made by `from_name` alone, which found that this machine has AVX2.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { avx2::permute(states, used) },
            // SAFETY: a kernel is made by `from_name` alone, which found that this machine has AVX-512 F and IFMA.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { avx512::permute(states, used) },
        }
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
        match self.0 {
            Set::Scalar => scalar::hash(preimages, used),
            // SAFETY: a kernel is made by `from_name` alone, which found that this machine has AVX2.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { avx2::hash(preimages, used) },
            // SAFETY: a kernel is made by `from_name` alone, which found that this machine has AVX-512 F and IFMA.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { avx512::hash(preimages, used) },
        }
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
