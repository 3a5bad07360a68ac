//! Real proofs: those under `examples/proof`. They hold; whatever is changed about them does not.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use proofbook_workload::Random;

use crate::{
    verify, verify_against, Chain, Checkpoint, Mode, ProgramKey, ProofFile, Verified, VerifyError,
    HEAD_BYTES,
};

/// The proofs in `examples/proof`, in the order of their batches. One that is listed and missing fails, and so does one that is
/// there and not listed.
const EXAMPLES: &[&str] = &[];

/// Changes that are tried on each proof; `PROOFBOOK_SOAK` tries more.
const CHANGES: u64 = 60;
const CHANGES_SOAK: u64 = 10_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/proof")
}

fn examples() -> Vec<Vec<u8>> {
    let read = |name: &&str| {
        let path = folder().join(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    EXAMPLES.iter().map(read).collect()
}

/// The file with these parts and another proof.
fn with_proof(parts: &ProofFile<'_>, proof: &[u8]) -> Vec<u8> {
    ProofFile {
        mode: parts.mode,
        public_values: parts.public_values,
        proof,
    }
    .encode()
}

/// Checks of debug builds in the crates below stop on elements that are too large, and would tell of each.
fn be_quiet_about_stops() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |stop| {
            let is_below =
                |place: &std::panic::Location<'_>| !place.file().contains("crates/verifier");
            if !stop.location().is_some_and(is_below) {
                usual(stop);
            }
        }));
    });
}

#[test]
fn the_examples_are_the_ones_that_are_listed() {
    let there: BTreeSet<String> = match fs::read_dir(folder()) {
        Ok(entries) => entries
            .map(|entry| {
                entry
                    .expect("a readable folder")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .filter(|name| name.ends_with(".proof"))
            .collect(),
        Err(_) => BTreeSet::new(),
    };
    let listed = EXAMPLES.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(there, listed, "files, and EXAMPLES in this test");
}

#[test]
fn the_examples_hold_and_follow_each_other() {
    let mut chain: Option<Chain> = None;
    for file in examples() {
        let verified: Verified = verify(&file).expect("an example holds");
        assert_eq!(verified.mode(), Mode::Compressed);
        let values = verified.values();
        let chain = chain.get_or_insert_with(|| {
            Chain::trusting(Checkpoint::before(values).expect("a batch has a number"))
        });
        chain.extend(&verified).expect("examples follow each other");
        assert_eq!(chain.end().root, values.new_root);
    }
}

#[test]
fn another_programs_proofs_are_refused() {
    let other = ProgramKey::from_elements([1; 8]);
    for file in examples() {
        let error = VerifyError::OtherProgram {
            expected: other,
            received: ProgramKey::PINNED,
        };
        assert_eq!(verify_against(&other, &file), Err(error));
    }
}

#[test]
fn no_public_value_can_be_changed() {
    for file in examples() {
        for byte in 24..HEAD_BYTES - 8 {
            let mut changed = file.clone();
            changed[byte] ^= 1;
            let error = verify(&changed).expect_err("another value");
            let is_named = matches!(error, VerifyError::OtherValues | VerifyError::Values(_));
            assert!(is_named, "byte {byte}: {error}");
        }
    }
}

#[test]
fn values_and_proofs_cannot_be_swapped() {
    let files = examples();
    for (place, file) in files.iter().enumerate() {
        for (other_place, other) in files.iter().enumerate() {
            if place != other_place {
                let own = ProofFile::decode(file).expect("a proof file");
                let mixed = with_proof(&ProofFile::decode(other).expect("a proof file"), own.proof);
                assert_eq!(verify(&mixed), Err(VerifyError::OtherValues));
            }
        }
    }
}

#[test]
fn a_proof_has_one_encoding() {
    be_quiet_about_stops();
    for file in examples() {
        let parts = ProofFile::decode(&file).expect("a proof file");
        let with = |proof: &[u8]| verify(&with_proof(&parts, proof));
        assert!(with(parts.proof).is_ok());
        for more in [&[0][..], &[0; 8], parts.proof] {
            let error = with(&[parts.proof, more].concat());
            assert!(matches!(error, Err(VerifyError::Undecodable { .. })));
        }
        let error = with(&parts.proof[..parts.proof.len() - 1]);
        assert!(matches!(error, Err(VerifyError::Undecodable { .. })));
    }
}

/// Changes a proof: one bit, one element, one length, a piece left out, a piece twice.
fn change(proof: &mut Vec<u8>, random: &mut Random) {
    let place = random.below(proof.len() as u64) as usize;
    match random.below(8) {
        0 => {
            let value = random.next_u64() as u32;
            let at = place.min(proof.len() - 4);
            proof[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        1 => {
            let at = place.min(proof.len() - 8);
            proof[at..at + 8].fill(0xff);
        }
        2 => {
            proof.remove(place);
        }
        3 => {
            let end = (place + 4 * random.below(40) as usize).min(proof.len());
            let piece = proof[place..end].to_vec();
            proof.splice(place..place, piece);
        }
        _ => proof[place] ^= 1 << random.below(8),
    }
}

#[test]
fn no_change_of_a_proof_is_accepted() {
    be_quiet_about_stops();
    let is_soak = std::env::var_os("PROOFBOOK_SOAK").is_some();
    let changes = if is_soak { CHANGES_SOAK } else { CHANGES };
    for (file, name) in examples().iter().zip(EXAMPLES) {
        let parts = ProofFile::decode(file).expect("a proof file");
        for seed in 1..=changes {
            let mut proof = parts.proof.to_vec();
            change(&mut proof, &mut Random::new(seed));
            if proof != parts.proof {
                let outcome = verify(&with_proof(&parts, &proof));
                assert!(outcome.is_err(), "{name}: seed {seed} was accepted");
            }
        }
    }
}
