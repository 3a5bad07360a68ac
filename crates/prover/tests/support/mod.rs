//! Batches for the tests, and the three ways to learn what one does.
#![allow(dead_code)]

use std::sync::OnceLock;

use proofbook_commitment::{Portable, PublicValues};
use proofbook_ledger::{Ledger, Sealed};
use proofbook_prover::executor::{bytes_of, run};
use proofbook_prover::{Execution, ProvenProgram};
use proofbook_testkit::flow::RandomFlow;
use proofbook_types::Command;

/// The committed program.
pub fn program() -> &'static ProvenProgram {
    static PROGRAM: OnceLock<ProvenProgram> = OnceLock::new();
    PROGRAM.get_or_init(ProvenProgram::committed)
}

/// Whether the long form of the tests is wanted.
pub fn is_soak() -> bool {
    std::env::var_os("PROOFBOOK_SOAK").is_some()
}

/// The seed to begin with.
pub fn seed() -> u64 {
    std::env::var("PROOFBOOK_SEED")
        .map_or(1, |text| text.parse().expect("PROOFBOOK_SEED is a number"))
}

/// Runs the program on words.
pub fn run_words(batch: &[u64], witness: &[u64]) -> Execution {
    run(program(), &[bytes_of(batch), bytes_of(witness)], false).expect("the program ends")
}

/// What a batch does, by the program in the executor; `None` where it refuses.
pub fn said(batch: &[u64], witness: &[u64]) -> Option<PublicValues> {
    said_bytes(&[bytes_of(batch), bytes_of(witness)])
}

/// What the program says of any inputs; `None` where it refuses them, which it does with 1 or 3 and without a word.
pub fn said_bytes(inputs: &[Vec<u8>]) -> Option<PublicValues> {
    let execution = run(program(), inputs, false).expect("the program ends");
    match execution.exit_code {
        0 => {
            Some(PublicValues::decode(&execution.public_values).expect("it says canonical values"))
        }
        1 | 3 => {
            assert!(
                execution.public_values.is_empty(),
                "it refuses without a word"
            );
            None
        }
        other => panic!("the program ended with {other}"),
    }
}

/// A market after some commands of a seed's flow, and the commands of its next batch.
pub struct Case {
    pub before: Ledger<Portable>,
    pub commands: Vec<Command>,
    pub sealed: Sealed,
}

/// The case of a seed.
pub fn case(seed: u64, earlier: usize, commands: usize) -> Case {
    let mut flow = RandomFlow::new(seed);
    let mut ledger = Ledger::<Portable>::new(flow.market().config);
    let first: Vec<Command> = flow.by_ref().take(earlier).collect();
    ledger.seal(&first);
    let before = ledger.clone();
    let commands: Vec<Command> = flow.by_ref().take(commands).collect();
    let sealed = ledger.seal(&commands);
    Case {
        before,
        commands,
        sealed,
    }
}
