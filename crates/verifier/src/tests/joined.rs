//! The real proof of a chain, under `examples/chain`: it holds, says what the proofs of its batches say, and whatever is changed
//! about it is refused.

use std::fs;
use std::path::Path;

use proofbook_types::MarketConfig;

use super::proof::{be_quiet_about_stops, change, changes, with_proof};
use crate::{
    verify, verify_chain, verify_chain_against, Chain, Mode, ProgramKey, ProofFile, ValuesError,
    Verified, VerifyError, CHAIN_BYTES, PUBLIC_BYTES,
};
use proofbook_workload::Random;

fn example(name: &str) -> Vec<u8> {
    let path = Path::new("../../examples").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn chain_file() -> Vec<u8> {
    example("chain/chain.proof")
}

fn batches() -> Vec<Verified> {
    ["proof/000001.proof", "proof/000002.proof"]
        .map(|name| verify(&example(name)).expect("it holds"))
        .to_vec()
}

#[test]
fn it_says_what_the_proofs_of_its_batches_say() {
    let joined = verify_chain(&chain_file()).expect("it holds");
    let batches = batches();
    let config = example("proof/market.config").try_into().expect("88 bytes");
    let config = MarketConfig::decode(&config).expect("a configuration");
    let [mut one_by_one, mut at_once] = [(); 2].map(|()| Chain::start_at_genesis(&config));
    for batch in &batches {
        one_by_one.extend(batch).expect("they follow each other");
    }
    at_once
        .extend_by(&joined)
        .expect("it begins at the beginning");
    assert_eq!(one_by_one, at_once);
    let opened = joined.batches(&example("chain/chain.batches"));
    let opened = opened.expect("the values beside it are those of its batches");
    assert!(opened.iter().all(|opened| opened.mode() == Mode::Chain));
    let values = |all: &[Verified]| all.iter().map(|one| *one.values()).collect::<Vec<_>>();
    assert_eq!(values(&opened), values(&batches));
    let sum = |each: fn(&Verified) -> u64| batches.iter().map(each).sum::<u64>();
    assert_eq!(joined.values().events, sum(|batch| batch.values().events));
    assert_eq!(
        joined.values().span.commands,
        sum(|batch| batch.values().commands)
    );
}

#[test]
fn its_length_and_that_of_a_batch_are_about_the_same() {
    let [chain, batch] = [chain_file(), example("proof/000001.proof")].map(|file| file.len());
    assert!(chain.abs_diff(batch) < 10_000, "{chain} and {batch}");
}

#[test]
fn neither_kind_passes_for_the_other() {
    let (chain, batch) = (chain_file(), example("proof/000001.proof"));
    assert_eq!(verify(&chain), Err(VerifyError::ChainProof));
    assert_eq!(verify_chain(&batch), Err(VerifyError::BatchProof));
    let (of_chain, of_batch) = (
        ProofFile::decode(&chain).expect("a proof file"),
        ProofFile::decode(&batch).expect("a proof file"),
    );
    let error = VerifyError::OtherProgram {
        expected: ProgramKey::PINNED,
        received: ProgramKey::PINNED_CHAIN,
    };
    assert_eq!(verify(&with_proof(&of_batch, of_chain.proof)), Err(error));
    let error = VerifyError::OtherProgram {
        expected: ProgramKey::PINNED_CHAIN,
        received: ProgramKey::PINNED,
    };
    assert_eq!(
        verify_chain(&with_proof(&of_chain, of_batch.proof)),
        Err(error)
    );
}

#[test]
fn both_programs_are_pinned() {
    let other = ProgramKey::from_elements([1; 8]);
    let file = chain_file();
    let (chain, batch) = (ProgramKey::PINNED_CHAIN, ProgramKey::PINNED);
    assert!(verify_chain_against(&chain, &batch, &file).is_ok());
    let error = VerifyError::OtherBatchProgram {
        expected: other,
        received: batch,
    };
    assert_eq!(verify_chain_against(&chain, &other, &file), Err(error));
    let error = VerifyError::OtherProgram {
        expected: other,
        received: chain,
    };
    assert_eq!(verify_chain_against(&other, &batch, &file), Err(error));
}

#[test]
fn no_value_of_it_can_be_changed() {
    let file = chain_file();
    for byte in (24..24 + CHAIN_BYTES).step_by(8) {
        let mut changed = file.clone();
        changed[byte] ^= 1;
        let error = verify_chain(&changed).expect_err("another value");
        let is_named = matches!(
            error,
            VerifyError::OtherValues
                | VerifyError::Values(_)
                | VerifyError::OtherProgram { .. }
                | VerifyError::OtherBatchProgram { .. }
        );
        assert!(is_named, "byte {byte}: {error}");
    }
    // The last batch before the first.
    let mut reversed = file;
    reversed[24 + 8 * 7..][..8].copy_from_slice(&0u64.to_le_bytes());
    let error = VerifyError::Values(ValuesError::Reversed);
    assert_eq!(verify_chain(&reversed), Err(error));
}

#[test]
fn only_its_own_batches_belong_to_it() {
    let joined = verify_chain(&chain_file()).expect("it holds");
    let values = example("chain/chain.batches");
    for byte in (8..values.len()).step_by(8) {
        let mut changed = values.clone();
        changed[byte] ^= 1;
        let error = joined.batches(&changed).expect_err("another batch");
        let is_named = matches!(error, VerifyError::OtherBatches | VerifyError::Values(_));
        assert!(is_named, "byte {byte}: {error}");
    }
    let (first, second) = values.split_at(PUBLIC_BYTES);
    let exchanged = [second, first].concat();
    assert_eq!(joined.batches(&exchanged), Err(VerifyError::OtherBatches));
    for wrong in [
        first,
        &[],
        &values[..values.len() - 1],
        &[first, first, second].concat(),
    ] {
        let error = VerifyError::BatchesLength {
            expected: 2,
            received: wrong.len() as u64,
        };
        assert_eq!(joined.batches(wrong), Err(error));
    }
}

#[test]
fn no_change_of_its_proof_is_accepted() {
    be_quiet_about_stops();
    let file = chain_file();
    let parts = ProofFile::decode(&file).expect("a proof file");
    for seed in 1..=changes() {
        let mut proof = parts.proof.to_vec();
        change(&mut proof, &mut Random::new(seed));
        if proof != parts.proof {
            let outcome = verify_chain(&with_proof(&parts, &proof));
            assert!(outcome.is_err(), "seed {seed} was accepted");
        }
    }
}
