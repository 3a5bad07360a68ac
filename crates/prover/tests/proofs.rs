//! A real core proof of a small batch: it holds, and nothing else does. Compressed proofs are the matter of `tests/proofs`.
//!
//! `make test-proofs` runs this: it takes minutes and gigabytes.
#![cfg(feature = "core")]

mod support;

use proofbook_prover::chain::{BATCH_KEY, CHAIN_KEY};
use proofbook_prover::memory::MemoryLimit;
use proofbook_prover::prover::{Progress, Prover};
use proofbook_prover::{Local, Proof, ProofMode, ProvenProgram, ProverError};
use support::case;

struct Shown;

impl Progress for Shown {
    fn begin(&mut self, _phase: &'static str) {}

    fn end(&mut self, phase: &'static str, seconds: f64) {
        println!("{phase}: {seconds:.1} s");
    }
}

/// A file whose proof has these bits flipped.
fn flipped(proof: &Proof, bits: impl Iterator<Item = usize>) -> Proof {
    let mut proof = proof.clone();
    bits.for_each(|bit| proof.bytes[bit / 8] ^= 1 << (bit % 8));
    proof
}

fn check(prover: &mut Local) {
    let honest = case(3, 50, 20).sealed;
    let mut forged = honest.clone();
    forged.values.events += 1;
    let refused = prover.core(&forged, &mut Shown);
    assert!(matches!(refused, Err(ProverError::Values { .. })));
    let proven = prover.core(&honest, &mut Shown);
    let proof = proven.expect("an honest batch is proven").proof;
    assert_eq!(proof.mode, ProofMode::Core);
    println!("{} bytes", proof.bytes.len());
    let file = proof.to_bytes();
    let read = Proof::from_bytes(&file).expect("its file is one");
    assert_eq!(read, proof);
    assert_eq!(
        prover.verify(&read, &mut ()).expect("it holds"),
        honest.values
    );

    let mut refused = |proof: &Proof, what: &str| {
        let error = prover.verify(proof, &mut ()).expect_err(what);
        assert!(
            matches!(error, ProverError::Verification(_)),
            "{what}: {error}"
        );
    };
    let bits = 8 * proof.bytes.len();
    for part in 0..24 {
        let bit = part * (bits / 24) + 7 * part;
        refused(
            &flipped(&proof, std::iter::once(bit)),
            "a bit of the proof is flipped",
        );
    }
    let mut other = proof.clone();
    other.values = forged.values;
    refused(&other, "it is said to be of other values");
    let mut other = proof.clone();
    other.bytes.pop();
    refused(&other, "it is cut");
    other.bytes.extend([0, 0]);
    refused(&other, "there is more after it");
}

#[test]
fn proofs_hold_and_altered_ones_do_not() {
    let gib = std::env::var("PROOFBOOK_MEMORY_GIB").ok();
    let gib = Some(gib.map_or(16, |text| {
        text.parse().expect("PROOFBOOK_MEMORY_GIB is a number")
    }));
    let mut prover = Local::new(ProvenProgram::committed(), MemoryLimit { gib });
    check(&mut prover);
}

#[test]
fn the_committed_keys_are_those_of_the_committed_programs() {
    for (program, committed) in [
        (ProvenProgram::committed(), BATCH_KEY),
        (ProvenProgram::committed_chain(), CHAIN_KEY),
    ] {
        let key = Local::new(program, MemoryLimit::default()).key(&mut ());
        let key = hex::encode(key.expect("a program has a key").hash);
        assert_eq!(key, committed.trim(), "make guest-key");
    }
}
