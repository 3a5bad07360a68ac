//! Every kernel that this machine has against the portable permutation, lane by lane.

use proofbook_commitment::node::Preimage;
use proofbook_commitment::poseidon2::ORDER;
use proofbook_commitment::{Permutation, Portable, Tag};
use proofbook_poseidon2_simd::{Kernel, Preimages, Words, LANES};
use proofbook_workload::Random;

/// Elements at which something could carry, wrap or lose its sign.
const EXTREMES: [u32; 12] = [
    0,
    1,
    2,
    ORDER - 1,
    ORDER - 2,
    ORDER / 2,
    ORDER / 2 + 1,
    1 << 24,
    (1 << 24) - 1,
    (1 << 15) - 1,
    1 << 30,
    0x7e00_0000,
];

fn compare(kernel: Kernel, words: &Words<8>, what: &str) {
    let mut permuted = *words;
    kernel.permute(&mut permuted);
    for lane in 0..LANES {
        let mut expected = core::array::from_fn(|word| words[word][lane]);
        Portable::permute(&mut expected);
        let found: [u64; 8] = core::array::from_fn(|word| permuted[word][lane]);
        assert_eq!(found, expected, "{kernel:?}, {what}, lane {lane}");
    }
}

fn words_of(mut element: impl FnMut() -> u32) -> Words<8> {
    let mut words = [[0; LANES]; 8];
    for word in words.as_flattened_mut() {
        *word = u64::from(element()) | u64::from(element()) << 32;
    }
    words
}

#[test]
fn random_states() {
    for kernel in Kernel::all() {
        for seed in 0..2_000 {
            let mut random = Random::new(seed);
            let words = words_of(|| random.below(ORDER.into()) as u32);
            compare(kernel, &words, &format!("seed {seed}"));
        }
    }
}

#[test]
fn extreme_states() {
    for kernel in Kernel::all() {
        for value in EXTREMES {
            compare(kernel, &words_of(|| value), &format!("all {value}"));
        }
        for seed in 0..500 {
            let mut random = Random::new(seed);
            let words = words_of(|| EXTREMES[random.below(EXTREMES.len() as u64) as usize]);
            compare(kernel, &words, &format!("extremes, seed {seed}"));
        }
    }
}

fn compare_hashes<const N: usize>(kernel: Kernel, seed: u64) {
    let mut random = Random::new(seed);
    let mut lanes = Preimages::<N>::default();
    let preimages: [Preimage<N>; LANES] = core::array::from_fn(|lane| {
        let mut element = || random.below(ORDER.into());
        let preimage = Preimage {
            tag: [Tag::Branch, Tag::Order, Tag::Events, Tag::ListRoot][lane % 4],
            parameter: element() as u32,
            blocks: [(); N].map(|()| [(); 4].map(|()| element() | element() << 32)),
        };
        lanes.set(lane, &preimage);
        preimage
    });
    let digests = kernel.hash(&lanes);
    for (lane, preimage) in preimages.iter().enumerate() {
        let (found, expected) = (digests.get(lane), preimage.digest::<Portable>());
        assert_eq!(found, expected, "{kernel:?}, seed {seed}, {N} blocks");
    }
}

#[test]
fn hashes_of_every_length() {
    for kernel in Kernel::all() {
        for seed in 0..200 {
            compare_hashes::<1>(kernel, seed);
            compare_hashes::<2>(kernel, seed);
            compare_hashes::<3>(kernel, seed);
            compare_hashes::<9>(kernel, seed);
        }
    }
}

#[test]
fn kernels_go_by_their_names() {
    assert_eq!(Kernel::from_name("abacus"), None);
    assert_eq!(Kernel::all().next(), Some(Kernel::SCALAR));
    for kernel in Kernel::all() {
        assert_eq!(Kernel::from_name(kernel.name()), Some(kernel));
    }
    assert_eq!(Kernel::all().last(), Some(Kernel::detect()));
}
