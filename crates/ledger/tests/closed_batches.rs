//! Batches closed without a witness, hashed side by side by every instruction set, against the proven function over the
//! portable permutation, one hash after another.

use std::collections::HashSet;

use proofbook_book::Reference;
use proofbook_commitment::Portable;
use proofbook_ledger::{Kernel, Ledger, Record};
use proofbook_matching::MatchingEngine;
use proofbook_testkit::flow::RandomFlow;
use proofbook_testkit::workload::{generate, Parameters, Random, Scenario};
use proofbook_transition::{run, Observer};
use proofbook_types::{Command, MarketConfig};

/// Sizes of batches: single commands, a few, and more than all lanes together.
const SIZES: [u64; 4] = [1, 3, 40, 300];

fn kernels() -> Vec<Kernel> {
    let kernels: Vec<Kernel> = Kernel::all().collect();
    assert!(kernels.contains(&Kernel::SCALAR));
    kernels
}

fn compare(config: MarketConfig, commands: &[Command], seed: u64) {
    let mut engine = MatchingEngine::new(config, Reference::new()).expect("a market");
    let mut portable = Ledger::<Portable>::new(config);
    portable.use_kernel(Kernel::SCALAR);
    let mut wide: Vec<(Kernel, Ledger<Portable>)> = kernels()
        .into_iter()
        .map(|kernel| {
            let mut ledger = Ledger::new(config);
            ledger.use_kernel(kernel);
            (kernel, ledger)
        })
        .collect();
    let mut sizes = Random::new(seed);
    let mut record = Record::default();
    let mut rest = commands;
    while !rest.is_empty() {
        let most = SIZES[sizes.below(SIZES.len() as u64) as usize];
        let size = 1 + sizes.below(most).min(rest.len() as u64 - 1) as usize;
        let (batch, others) = rest.split_at(size);
        rest = others;
        record.clear();
        for command in batch {
            record.command(command);
            engine.apply(command, &mut |event| record.event(command, event));
        }
        let sealed = portable.seal(batch);
        let proven = run::<Portable>(&sealed.batch, sealed.witness);
        for (kernel, ledger) in &mut wide {
            assert_eq!(ledger.close(&record), proven, "seed {seed}, {kernel:?}");
            assert_eq!(ledger.root(), proven.new_root, "seed {seed}, {kernel:?}");
            let header_root = ledger.header().state_root::<Portable>();
            assert_eq!(ledger.root(), header_root, "seed {seed}, {kernel:?}");
            ledger
                .check()
                .unwrap_or_else(|error| panic!("seed {seed}, {kernel:?}: {error}"));
        }
    }
}

#[test]
fn random_flow_in_random_markets() {
    let mut kinds = HashSet::new();
    for seed in 100..140 {
        let mut flow = RandomFlow::new(seed);
        let config = flow.market().config;
        let commands: Vec<Command> = flow.by_ref().take(600).collect();
        kinds.extend(commands.iter().map(|command| command.words()[0] & 0xff));
        compare(config, &commands, seed);
    }
    assert_eq!(kinds.len(), 10, "every kind of command was there");
}

#[test]
fn the_benchmarks_flow() {
    let messages = generate(&Parameters {
        new_orders: 1_000,
        ..Parameters::full(Scenario::Swing25)
    });
    let commands: Vec<Command> = messages.iter().map(|message| message.command()).collect();
    compare(MarketConfig::default(), &commands, 8);
}

#[test]
fn batches_without_commands_and_settling_early() {
    for kernel in kernels() {
        let mut ledger = Ledger::<Portable>::new(MarketConfig::default());
        ledger.use_kernel(kernel);
        let mut portable = ledger.clone();
        assert_eq!(
            ledger.close(&Record::default()),
            portable.seal(&[]).values,
            "{kernel:?}"
        );
        let flow = RandomFlow::new(5);
        let config = flow.market().config;
        let commands: Vec<Command> = flow.take(200).collect();
        let mut engine = MatchingEngine::new(config, Reference::new()).expect("a market");
        let mut record = Record::default();
        for command in &commands {
            record.command(command);
            engine.apply(command, &mut |event| record.event(command, event));
        }
        let mut ledger = Ledger::<Portable>::new(config);
        ledger.use_kernel(kernel);
        ledger.follow(&record);
        ledger.settle();
        ledger.settle();
        let expected = Ledger::<Portable>::of_engine(&engine).root();
        assert_eq!(ledger.commit(), expected, "seed 5, {kernel:?}");
    }
}
