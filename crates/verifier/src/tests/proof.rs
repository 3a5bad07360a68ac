//! Real proofs: they hold, and whatever is changed about them does not.
//!
//! Those in `earlier` are of an earlier program, whose key is beside them: no change of the program makes them worthless here. Those
//! under `examples/proof` are of the pinned one.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Once;

use proofbook_types::MarketConfig;
use proofbook_workload::Random;

use crate::{verify, verify_against, Chain, Mode, ProgramKey, ProofFile, VerifyError, HEAD_BYTES};

const EARLIER: ProgramKey = ProgramKey::parse(include_str!("earlier/program.key"));
const EARLIER_PROOFS: &[&str] = &["000001.proof", "000002.proof"];

/// The proofs in `examples/proof`, in the order of their batches. One that is listed and missing fails, and so does one that is
/// there and not listed.
const EXAMPLES: &[&str] = &["000001.proof", "000002.proof"];

/// Changes that are tried on a proof; `PROOFBOOK_SOAK` tries more.
const CHANGES: u64 = 60;
const CHANGES_SOAK: u64 = 10_000;

fn is_soak() -> bool {
    std::env::var_os("PROOFBOOK_SOAK").is_some()
}

/// How many changes are tried.
pub(super) fn changes() -> u64 {
    if is_soak() {
        CHANGES_SOAK
    } else {
        CHANGES
    }
}

fn examples_folder() -> PathBuf {
    PathBuf::from("../../examples/proof")
}

/// Batches of one market from its beginning, and the program that they were proven with.
struct Subject {
    folder: PathBuf,
    key: ProgramKey,
    files: Vec<Vec<u8>>,
}

fn subject(folder: PathBuf, key: ProgramKey, names: &[&str]) -> Subject {
    let read = |name: &&str| {
        let path = folder.join(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let files = names.iter().map(read).collect();
    Subject { folder, key, files }
}

fn subjects() -> Vec<Subject> {
    let earlier = PathBuf::from("src/tests/earlier");
    let mut subjects = vec![subject(earlier, EARLIER, EARLIER_PROOFS)];
    if !EXAMPLES.is_empty() {
        subjects.push(subject(examples_folder(), ProgramKey::PINNED, EXAMPLES));
    }
    subjects
}

fn parts_of(file: &[u8]) -> ProofFile<'_> {
    ProofFile::decode(file).expect("a proof file")
}

/// The file with these parts and another proof.
pub(super) fn with_proof(parts: &ProofFile<'_>, proof: &[u8]) -> Vec<u8> {
    ProofFile {
        mode: parts.mode,
        public_values: parts.public_values,
        proof,
    }
    .encode()
}

/// Checks of debug builds in the crates below stop on elements that are too large, and would tell of each.
pub(super) fn be_quiet_about_stops() {
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
    let there: BTreeSet<String> = match fs::read_dir(examples_folder()) {
        Ok(entries) => entries
            .map(|entry| entry.expect("a readable folder").file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .filter(|name| name.ends_with(".proof"))
            .collect(),
        Err(_) => BTreeSet::new(),
    };
    let listed = EXAMPLES.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(there, listed, "files, and EXAMPLES in this test");
}

#[test]
fn they_hold_and_follow_each_other() {
    for Subject { folder, key, files } in subjects() {
        let config = fs::read(folder.join("market.config")).expect("their market is beside them");
        let config = config.try_into().expect("a configuration has 88 bytes");
        let config = MarketConfig::decode(&config).expect("it is a configuration");
        let mut chain = Chain::start_at_genesis(&config);
        for file in &files {
            let verified = verify_against(&key, file).expect("it holds");
            assert_eq!(verified.mode(), Mode::Compressed);
            chain.extend(&verified).expect("they follow each other");
            assert_eq!(chain.end().root, verified.values().new_root);
        }
        assert_eq!(chain.batches(), files.len() as u64);
    }
}

#[test]
fn what_is_pinned_is_what_verify_takes() {
    for Subject { key, files, .. } in subjects() {
        let expected = ProgramKey::PINNED;
        for file in &files {
            let outcome = verify(file).map(|_| ());
            if key == expected {
                assert_eq!(outcome, Ok(()));
            } else {
                let received = key;
                assert_eq!(
                    outcome,
                    Err(VerifyError::OtherProgram { expected, received })
                );
            }
        }
    }
}

#[test]
fn another_programs_proofs_are_refused() {
    let expected = ProgramKey::from_elements([1; 8]);
    for Subject { key, files, .. } in subjects() {
        for file in &files {
            let received = key;
            let error = VerifyError::OtherProgram { expected, received };
            assert_eq!(verify_against(&expected, file), Err(error));
        }
    }
}

#[test]
fn no_public_value_can_be_changed() {
    for Subject { key, files, .. } in subjects() {
        // A byte of each word, in the long run every byte.
        for byte in (24..HEAD_BYTES - 8).step_by(if is_soak() { 1 } else { 8 }) {
            let mut changed = files[0].clone();
            changed[byte] ^= 1;
            let error = verify_against(&key, &changed).expect_err("another value");
            let is_named = matches!(error, VerifyError::OtherValues | VerifyError::Values(_));
            assert!(is_named, "byte {byte}: {error}");
        }
    }
}

#[test]
fn values_and_proofs_cannot_be_swapped() {
    for Subject { key, files, .. } in subjects() {
        for pair in files.windows(2) {
            let [first, second] = [&pair[0], &pair[1]].map(|file| parts_of(file));
            for (values, proof) in [(first, second), (second, first)] {
                let mixed = with_proof(&values, proof.proof);
                assert_eq!(verify_against(&key, &mixed), Err(VerifyError::OtherValues));
            }
        }
    }
}

#[test]
fn a_proof_has_one_encoding() {
    be_quiet_about_stops();
    for Subject { key, files, .. } in subjects() {
        let parts = parts_of(&files[0]);
        let with = |proof: &[u8]| verify_against(&key, &with_proof(&parts, proof));
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
pub(super) fn change(proof: &mut Vec<u8>, random: &mut Random) {
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
    for Subject { folder, key, files } in subjects() {
        let parts = parts_of(&files[0]);
        // The long run is for proofs of the pinned program.
        let changes = if key == ProgramKey::PINNED {
            changes()
        } else {
            CHANGES
        };
        for seed in 1..=changes {
            let mut proof = parts.proof.to_vec();
            change(&mut proof, &mut Random::new(seed));
            if proof != parts.proof {
                let outcome = verify_against(&key, &with_proof(&parts, &proof));
                assert!(
                    outcome.is_err(),
                    "{}: seed {seed} was accepted",
                    folder.display()
                );
            }
        }
    }
}
