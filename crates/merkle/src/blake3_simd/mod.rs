//! BLAKE3 of many pairs of digests side by side.
//!
//! O'Connor, Aumasson, Neves, Wilcox-O'Hearn, "BLAKE3: one function, fast everywhere" (2020), section 2. A node's 64 bytes are one block of one
//! chunk, so its hash is one compression, with the context's key as chaining value. The `blake3` crate hashes the blocks of one long input
//! side by side and keeps that to itself; a tree has many short inputs. So the compression is here once more, over the lanes of a register;
//! the scalar kernel is the crate itself, which the others must equal.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

use blake3::hazmat::{hash_derive_key_context, ContextKey, HasherExt};

/// A node's two children.
pub(crate) type Pair = [[u8; 32]; 2];

/// The first half of BLAKE3's initialisation vector, which is SHA-256's.
#[cfg(target_arch = "x86_64")]
const IV: [u32; 4] = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a];

/// Bytes of a node's block.
#[cfg(target_arch = "x86_64")]
const BLOCK_BYTES: u32 = 64;

/// The first and last block of a chunk, which is the root, in the mode that derives keys.
#[cfg(target_arch = "x86_64")]
const FLAGS: u32 = 1 | 2 | 8 | 64;

/// The seven rounds over `$v`, with the words of the message `$m` as each round takes them: each round's order is the last one's, permuted.
#[cfg(target_arch = "x86_64")]
macro_rules! rounds {
    ($v:ident, $m:ident, $mix:ident) => {
        rounds!(@one $v $m $mix 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        rounds!(@one $v $m $mix 2 6 3 10 7 0 4 13 1 11 12 5 9 14 15 8);
        rounds!(@one $v $m $mix 3 4 10 12 13 2 7 14 6 5 9 0 11 15 8 1);
        rounds!(@one $v $m $mix 10 7 12 9 14 3 13 15 4 0 11 2 5 8 1 6);
        rounds!(@one $v $m $mix 12 13 9 11 15 10 14 8 7 2 5 3 0 1 6 4);
        rounds!(@one $v $m $mix 9 14 11 5 8 12 15 1 13 3 0 10 2 6 4 7);
        rounds!(@one $v $m $mix 11 15 5 0 1 9 8 6 14 10 2 12 3 4 7 13);
    };
    (@one $v:ident $m:ident $mix:ident $a:literal $b:literal $c:literal $d:literal $e:literal $f:literal $g:literal $h:literal
        $i:literal $j:literal $k:literal $l:literal $n:literal $o:literal $p:literal $q:literal) => {
        $mix(&mut $v, [0, 4, 8, 12], $m[$a], $m[$b]);
        $mix(&mut $v, [1, 5, 9, 13], $m[$c], $m[$d]);
        $mix(&mut $v, [2, 6, 10, 14], $m[$e], $m[$f]);
        $mix(&mut $v, [3, 7, 11, 15], $m[$g], $m[$h]);
        $mix(&mut $v, [0, 5, 10, 15], $m[$i], $m[$j]);
        $mix(&mut $v, [1, 6, 11, 12], $m[$k], $m[$l]);
        $mix(&mut $v, [2, 7, 8, 13], $m[$n], $m[$o]);
        $mix(&mut $v, [3, 4, 9, 14], $m[$p], $m[$q]);
    };
}
#[cfg(target_arch = "x86_64")]
use rounds;

/// A context, made ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeKey {
    key: ContextKey,
    #[cfg(target_arch = "x86_64")]
    words: [u32; 8],
}

impl NodeKey {
    pub(crate) fn new(context: &str) -> Self {
        let key = hash_derive_key_context(context);
        NodeKey {
            key,
            #[cfg(target_arch = "x86_64")]
            words: core::array::from_fn(|word| {
                u32::from_le_bytes(core::array::from_fn(|byte| key[4 * word + byte]))
            }),
        }
    }
}

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
    /// One node after another, by the `blake3` crate.
    pub const SCALAR: Kernel = Kernel(Set::Scalar);

    /// The fastest kernel that this machine has.
    pub fn detect() -> Kernel {
        Kernel::all().last().unwrap_or(Kernel::SCALAR)
    }

    /// Every kernel that this machine has, the slowest first.
    pub fn all() -> impl Iterator<Item = Kernel> {
        NAMES.into_iter().filter_map(Kernel::from_name)
    }

    /// The kernel of this name: `scalar`, `avx2` or `avx512`. `None` where there is no such kernel, or this machine lacks what it takes.
    pub fn from_name(name: &str) -> Option<Kernel> {
        match name {
            "scalar" => Some(Kernel::SCALAR),
            #[cfg(target_arch = "x86_64")]
            "avx2" => is_x86_feature_detected!("avx2").then_some(Kernel(Set::Avx2)),
            #[cfg(target_arch = "x86_64")]
            "avx512" => is_x86_feature_detected!("avx512f").then_some(Kernel(Set::Avx512)),
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

    pub(crate) fn hash_pairs(self, key: &NodeKey, pairs: &[Pair], out: &mut [[u8; 32]]) {
        match self.0 {
            Set::Scalar => scalar(key, pairs, out),
            // SAFETY: a kernel is made by `from_name` alone, which found that this machine has AVX2.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { avx2::hash_pairs(key, pairs, out) },
            // SAFETY: a kernel is made by `from_name` alone, which found that this machine has AVX-512 F.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { avx512::hash_pairs(key, pairs, out) },
        }
    }
}

fn scalar(key: &NodeKey, pairs: &[Pair], out: &mut [[u8; 32]]) {
    let mut hasher = blake3::Hasher::new_from_context_key(&key.key);
    for (pair, node) in pairs.iter().zip(out) {
        hasher.reset();
        hasher.update(pair.as_flattened());
        *node = *hasher.finalize().as_bytes();
    }
}
