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

type States = [Words<8>; 2];

fn compare(kernel: Kernel, states: &States, used: usize, what: &str) {
    let mut permuted = *states;
    kernel.permute_two(&mut permuted, used);
    for lane in 0..used {
        let of =
            |states: &States| core::array::from_fn(|word| states[lane / LANES][word][lane % LANES]);
        let mut expected = of(states);
        Portable::permute(&mut expected);
        assert_eq!(of(&permuted), expected, "{kernel:?}, {what}, lane {lane}");
    }
}

fn states_of(mut element: impl FnMut() -> u32) -> States {
    let mut states = [[[0; LANES]; 8]; 2];
    for word in states.as_flattened_mut().as_flattened_mut() {
        *word = u64::from(element()) | u64::from(element()) << 32;
    }
    states
}

#[test]
fn random_states() {
    for kernel in Kernel::all() {
        for seed in 0..2_000 {
            let mut random = Random::new(seed);
            let states = states_of(|| random.below(ORDER.into()) as u32);
            let used = 1 + seed as usize % (2 * LANES);
            compare(kernel, &states, used, &format!("seed {seed}"));
        }
    }
}

#[test]
fn extreme_states() {
    for kernel in Kernel::all() {
        for value in EXTREMES {
            compare(
                kernel,
                &states_of(|| value),
                2 * LANES,
                &format!("all {value}"),
            );
        }
        for seed in 0..500 {
            let mut random = Random::new(seed);
            let states = states_of(|| EXTREMES[random.below(EXTREMES.len() as u64) as usize]);
            compare(
                kernel,
                &states,
                2 * LANES,
                &format!("extremes, seed {seed}"),
            );
        }
    }
}

fn compare_hashes<const N: usize>(kernel: Kernel, seed: u64) {
    let mut random = Random::new(seed);
    let used = 1 + seed as usize % (2 * LANES);
    let mut lanes = [Preimages::<N>::default(), Preimages::default()];
    let mut preimages = Vec::new();
    for lane in 0..used {
        let mut element = || random.below(ORDER.into());
        let preimage = Preimage {
            tag: [Tag::Branch, Tag::Order, Tag::Events, Tag::ListRoot][lane % 4],
            parameter: element() as u32,
            blocks: [(); N].map(|()| [(); 4].map(|()| element() | element() << 32)),
        };
        lanes[lane / LANES].set(lane % LANES, &preimage);
        preimages.push(preimage);
    }
    let digests = kernel.hash_two(&lanes, used);
    for (lane, preimage) in preimages.iter().enumerate() {
        let found = digests[lane / LANES].get(lane % LANES);
        let expected = preimage.digest::<Portable>();
        assert_eq!(
            found, expected,
            "{kernel:?}, seed {seed}, {N} blocks, lane {lane}"
        );
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
