//! The program in the zkVM says, byte for byte, what the same function says here and what the ledger says.

mod support;

use proofbook_commitment::{Portable, PUBLIC_BYTES};
use proofbook_ledger::Ledger;
use proofbook_testkit::flow::RandomFlow;
use proofbook_testkit::workload::Random;
use proofbook_transition::run;
use proofbook_types::{Action, Command};
use support::{is_soak, run_words, seed};

/// Which of the ten actions a command is.
fn kind(command: &Command) -> usize {
    match command.action {
        Action::New(_) => 0,
        Action::Cancel { .. } => 1,
        Action::MassCancel { .. } => 2,
        Action::Reduce { .. } => 3,
        Action::Replace { .. } => 4,
        Action::Sweep => 5,
        Action::Halt => 6,
        Action::Resume => 7,
        Action::OpenAuction => 8,
        Action::Uncross => 9,
    }
}

/// Compares a market's flow batch by batch and counts the commands of each kind.
fn compare(seed: u64, commands: usize, kinds: &mut [u64; 10]) {
    let mut flow = RandomFlow::new(seed);
    let mut ledger = Ledger::<Portable>::new(flow.market().config);
    let mut sizes = Random::new(seed);
    let mut done = 0;
    while done < commands {
        // Empty batches too.
        let size = (sizes.below(120) as usize).min(commands - done);
        let batch: Vec<Command> = flow.by_ref().take(size).collect();
        batch.iter().for_each(|command| kinds[kind(command)] += 1);
        done += size;
        let before = ledger.root();
        let sealed = ledger.seal(&batch);
        let native = run::<Portable>(&sealed.batch, sealed.witness.clone());
        let proven = run_words(&sealed.batch, &sealed.witness);
        assert_eq!(proven.exit_code, 0, "seed {seed}");
        assert_eq!(proven.public_values, native.encode(), "seed {seed}");
        assert_eq!(proven.public_values, sealed.values.encode(), "seed {seed}");
        assert_eq!(proven.public_values.len(), PUBLIC_BYTES);
        assert_eq!(native.previous_root, before, "seed {seed}");
        assert_eq!(native.new_root, ledger.root(), "seed {seed}");
    }
}

#[test]
fn the_program_says_what_the_function_says() {
    let (markets, commands) = if is_soak() { (250, 400) } else { (30, 150) };
    let mut kinds = [0; 10];
    for seed in seed()..seed() + markets {
        compare(seed, commands, &mut kinds);
    }
    assert!(
        kinds.iter().all(|&count| count > 0),
        "every kind of command came: {kinds:?}"
    );
    assert_eq!(kinds.iter().sum::<u64>(), markets * commands as u64);
}
