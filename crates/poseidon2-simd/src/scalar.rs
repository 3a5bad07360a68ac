//! No instruction set in particular: the portable permutation, one lane after another.

use proofbook_commitment::{Permutation, Portable};

use crate::kernel::{Digests, Preimages, Words, LANES};

pub(crate) fn permute(states: &mut [Words<8>; 2], used: usize) {
    for lane in 0..used {
        let words = &mut states[lane / LANES];
        let lane = lane % LANES;
        let mut state = core::array::from_fn(|word| words[word][lane]);
        Portable::permute(&mut state);
        for (word, element) in words.iter_mut().zip(state) {
            word[lane] = element;
        }
    }
}

pub(crate) fn hash<const N: usize>(preimages: &[Preimages<N>; 2], used: usize) -> [Digests; 2] {
    let mut states = [[[0; LANES]; 8]; 2];
    for (state, preimages) in states.iter_mut().zip(preimages) {
        state[4] = preimages.capacity[0];
    }
    for block in 0..N {
        for (state, preimages) in states.iter_mut().zip(preimages) {
            state[..4].copy_from_slice(&preimages.blocks[block]);
        }
        permute(&mut states, used);
    }
    states.map(|[a, b, c, d, ..]| Digests([a, b, c, d]))
}
