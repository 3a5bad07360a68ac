//! The portable Poseidon2 against the implementation that the zkVM itself uses.

use p3_field::{AbstractField, PrimeField32};
use p3_koala_bear::{DiffusionMatrixKoalaBear, KoalaBear};
use p3_poseidon2::{Poseidon2, Poseidon2ExternalMatrixGeneral};
use p3_symmetric::Permutation as _;
use proofbook_commitment::poseidon2::{
    permute, EXTERNAL_CONSTANTS, INTERNAL_CONSTANTS, ORDER, WIDTH,
};
use proptest::prelude::*;

fn oracle(state: [u32; WIDTH]) -> [u32; WIDTH] {
    let element = |value: &u32| KoalaBear::from_canonical_u32(*value);
    let permutation = Poseidon2::<_, _, _, WIDTH, 3>::new(
        8,
        EXTERNAL_CONSTANTS
            .iter()
            .map(|round| core::array::from_fn(|i| element(&round[i])))
            .collect(),
        Poseidon2ExternalMatrixGeneral,
        20,
        INTERNAL_CONSTANTS.iter().map(element).collect(),
        DiffusionMatrixKoalaBear,
    );
    permutation
        .permute(state.map(KoalaBear::from_canonical_u32))
        .map(|element| element.as_canonical_u32())
}

proptest! {
    #[test]
    fn it_is_the_permutation_of_the_zkvm(state in prop::array::uniform16(0..ORDER)) {
        let mut permuted = state;
        permute(&mut permuted);
        prop_assert_eq!(permuted, oracle(state));
    }
}

#[test]
fn extreme_elements() {
    for value in [0, 1, ORDER - 1] {
        let mut permuted = [value; WIDTH];
        permute(&mut permuted);
        assert_eq!(permuted, oracle([value; WIDTH]));
    }
}
