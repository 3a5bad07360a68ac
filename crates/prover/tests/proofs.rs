//! Real proofs of a small batch: they hold, and nothing else does.
//!
//! `make test-proofs` runs this: it takes minutes and gigabytes.
#![cfg(feature = "core")]

mod support;

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

fn check(prover: &mut Local, mode: ProofMode) {
    let honest = case(3, 50, 20).sealed;
    let mut forged = honest.clone();
    forged.values.events += 1;
    let mut make = |batch| match mode {
        ProofMode::Core => prover.core(batch, &mut Shown),
        ProofMode::Compressed => prover.compressed(batch, &mut Shown),
    };
    assert!(matches!(make(&forged), Err(ProverError::Values { .. })));
    let proof = make(&honest).expect("an honest batch is proven").proof;
    println!("{}: {} bytes", mode.name(), proof.bytes.len());
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
    let key = prover.key(&mut Shown).expect("the program has a key");
    assert_eq!(
        hex::encode(key.hash),
        include_str!("../../../guest/program.key").trim(),
        "guest/program.key is the committed program's: make guest-key"
    );
    check(&mut prover, ProofMode::Core);
    #[cfg(feature = "prove")]
    check(&mut prover, ProofMode::Compressed);
}
