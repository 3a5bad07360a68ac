//! A ledger that follows a market, the proven function over its witness, and the tries built anew from the market's orders
//! all come to the same state.

use proofbook_book::Reference;
use proofbook_books::Ladder;
use proofbook_commitment::Portable;
use proofbook_ledger::Ledger;
use proofbook_matching::MatchingEngine;
use proofbook_testkit::flow::RandomFlow;
use proofbook_testkit::workload::{generate, Parameters, Random, Scenario};
use proofbook_transition::run;
use proofbook_types::{Command, MarketConfig};

fn compare(config: MarketConfig, commands: &[Command], seed: u64) {
    let mut reference = MatchingEngine::new(config, Reference::new()).expect("a market");
    let mut ladder = MatchingEngine::new(config, Ladder::default()).expect("a market");
    let mut ledger = Ledger::<Portable>::new(config);
    let mut sizes = Random::new(seed);
    let mut rest = commands;
    while !rest.is_empty() {
        let size = 1 + sizes.below(200).min(rest.len() as u64 - 1) as usize;
        let (batch, others) = rest.split_at(size);
        rest = others;
        let before = ledger.root();
        let sealed = ledger.seal(batch);
        let proven = run::<Portable>(&sealed.batch, sealed.witness);
        assert_eq!(proven, sealed.values, "seed {seed}");
        assert_eq!(proven.previous_root, before, "seed {seed}");
        assert_eq!(proven.new_root, ledger.root(), "seed {seed}");
        for command in batch {
            reference.apply(command, &mut ());
            ladder.apply(command, &mut ());
        }
        ledger
            .check()
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(
            Ledger::<Portable>::of_engine(&reference).root(),
            ledger.root()
        );
        assert_eq!(Ledger::<Portable>::of_engine(&ladder).root(), ledger.root());
    }
}

#[test]
fn random_flow_in_random_markets() {
    for seed in 0..40 {
        let mut flow = RandomFlow::new(seed);
        let config = flow.market().config;
        let commands: Vec<Command> = flow.by_ref().take(600).collect();
        compare(config, &commands, seed);
    }
}

#[test]
fn the_benchmarks_flow() {
    let messages = generate(&Parameters {
        new_orders: 2_000,
        ..Parameters::full(Scenario::Normal)
    });
    let commands: Vec<Command> = messages.iter().map(|message| message.command()).collect();
    compare(MarketConfig::default(), &commands, 7);
}
