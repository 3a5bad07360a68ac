//! No instruction set in particular: the portable permutation, one lane after another.

use proofbook_commitment::{Permutation, Portable};

use crate::kernel::{Words, LANES};

pub(crate) fn permute(words: &mut Words<8>) {
    for lane in 0..LANES {
        let mut state = core::array::from_fn(|word| words[word][lane]);
        Portable::permute(&mut state);
        for (word, element) in words.iter_mut().zip(state) {
            word[lane] = element;
        }
    }
}

pub(crate) fn hash(capacity: &Words<1>, blocks: &[Words<4>]) -> Words<4> {
    let mut state = [[0; LANES]; 8];
    state[4] = capacity[0];
    for block in blocks {
        state[..4].copy_from_slice(block);
        permute(&mut state);
    }
    [state[0], state[1], state[2], state[3]]
}
