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
mod scalar;

use blake3::hazmat::{hash_derive_key_context, ContextKey};

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

proofbook_simd::kernel! {
    avx512: "avx512f";

    pub(crate) fn hash_pairs(key: &NodeKey, pairs: &[Pair], out: &mut [[u8; 32]]);
}
