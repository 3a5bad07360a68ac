//! Chains of values that a ledger sealed: what follows, and everything that does not.

use std::sync::LazyLock;

use proofbook_commitment::{Digest, Portable, PublicValues};
use proofbook_ledger::Ledger;
use proofbook_types::{Command, MarketConfig, Phase};
use proofbook_workload::{generate, Parameters, Scenario};

use crate::{Chain, ChainError, Checkpoint, Mode, Number, Verified};

const CONFIG: MarketConfig = MarketConfig {
    market: 7,
    tick_size: 1,
    lot_size: 1,
    max_quantity: None,
    max_notional: None,
    collar: None,
    reference_price: None,
    max_orders: 1000,
    initial_phase: Phase::Continuous,
};

/// Commands of two realisations of a flow; to generate them takes long.
static FLOWS: LazyLock<[Vec<Command>; 2]> = LazyLock::new(|| {
    [1, 2].map(|seed| {
        let parameters = Parameters {
            scenario: Scenario::Static,
            seed,
            new_orders: 100,
        };
        let messages = generate(&parameters);
        messages.iter().map(|message| message.command()).collect()
    })
});

fn seal(config: MarketConfig, seed: usize, sizes: &[usize]) -> Vec<PublicValues> {
    let mut commands = FLOWS[seed - 1].iter().copied();
    let mut ledger = Ledger::<Portable>::new(config);
    let seal = |&size: &usize| {
        let batch: Vec<Command> = commands.by_ref().take(size).collect();
        assert_eq!(batch.len(), size);
        ledger.seal(&batch).values
    };
    sizes.iter().map(seal).collect()
}

fn batches() -> Vec<PublicValues> {
    seal(CONFIG, 1, &[5, 40, 1, 9])
}

fn proven(values: PublicValues) -> Verified {
    Verified {
        values,
        mode: Mode::Compressed,
    }
}

/// The chain with the first so many batches.
fn chain(length: usize) -> Chain {
    let mut chain = Chain::start_at_genesis(&CONFIG);
    for values in &batches()[..length] {
        chain.extend(&proven(*values)).expect("it follows");
    }
    chain
}

/// What the chain with two batches says of this one; it must be as before.
fn refusal(values: PublicValues) -> ChainError {
    let mut longer = chain(2);
    let error = longer
        .extend(&proven(values))
        .expect_err("it does not follow");
    assert_eq!(longer, chain(2));
    error
}

fn changed(change: impl FnOnce(&mut PublicValues)) -> ChainError {
    let mut values = batches()[2];
    change(&mut values);
    refusal(values)
}

fn number(what: Number, expected: u64, received: u64) -> ChainError {
    ChainError::Number {
        what,
        expected,
        received,
    }
}

#[test]
fn sealed_batches_follow_each_other_from_the_empty_state() {
    let batches = batches();
    let chain = chain(4);
    assert!(chain.is_from_genesis() && chain.begins_at(&CONFIG));
    assert_eq!(chain.batches(), 4);
    assert_eq!(chain.start().root, batches[0].previous_root);
    assert_eq!(*chain.end(), Checkpoint::after(&batches[3]));
    assert_eq!(chain.end().sequence, 55);
}

#[test]
fn a_chain_may_begin_anywhere_but_does_not_hide_it() {
    let batches = batches();
    let mut chain = Chain::trusting(Checkpoint::before(&batches[1]).expect("a batch has a number"));
    for values in &batches[1..] {
        chain.extend(&proven(*values)).expect("it follows");
    }
    assert_eq!(chain.batches(), 3);
    assert!(!chain.is_from_genesis() && !chain.begins_at(&CONFIG));
    let whole = Chain::trusting(Checkpoint::before(&batches[0]).expect("a batch has a number"));
    assert!(!whole.is_from_genesis() && whole.begins_at(&CONFIG));
}

#[test]
fn no_batch_has_number_or_sequence_0() {
    let mut values = batches()[0];
    values.batch = 0;
    assert_eq!(
        Checkpoint::before(&values),
        Err(number(Number::Batch, 1, 0))
    );
    values.batch = 1;
    values.first_sequence = 0;
    let error = number(Number::FirstSequence, 1, 0);
    assert_eq!(Checkpoint::before(&values), Err(error));
}

#[test]
fn replayed_and_skipped_batches() {
    let batches = batches();
    assert_eq!(refusal(batches[1]), number(Number::Batch, 3, 2));
    assert_eq!(refusal(batches[0]), number(Number::Batch, 3, 1));
    assert_eq!(refusal(batches[3]), number(Number::Batch, 3, 4));
    let mut chain = Chain::start_at_genesis(&CONFIG);
    let error = chain
        .extend(&proven(batches[1]))
        .expect_err("it is refused");
    assert_eq!(error, number(Number::Batch, 1, 2));
    assert!(error
        .to_string()
        .ends_with("expected 1; received 2 (batches between them are missing)"));
    assert!(refusal(batches[1])
        .to_string()
        .ends_with("(a replay or a fork)"));
}

#[test]
fn forks() {
    // The same market after other commands: proven just as well, and of the right number.
    let fork = seal(CONFIG, 2, &[5, 40, 1]);
    let (expected, received) = (batches()[1].new_root, fork[2].previous_root);
    assert_eq!(refusal(fork[2]), ChainError::Root { expected, received });
    // One that begins elsewhere than where the market stands.
    let mut chain = Chain::start_at_genesis(&CONFIG);
    let mut elsewhere = batches()[0];
    elsewhere.previous_root = Digest([1, 2, 3, 4]);
    assert!(matches!(
        chain.extend(&proven(elsewhere)),
        Err(ChainError::Root { .. })
    ));
}

#[test]
fn other_markets_and_configurations() {
    let other = MarketConfig {
        market: 8,
        ..CONFIG
    };
    let error = refusal(seal(other, 1, &[5, 40, 1])[2]);
    assert_eq!(error, number(Number::Market, 7, 8));
    let other = MarketConfig {
        lot_size: 2,
        ..CONFIG
    };
    let values = seal(other, 1, &[5, 40, 1])[2];
    let (expected, received) = (batches()[2].config, values.config);
    assert_eq!(
        refusal(values),
        ChainError::Configuration { expected, received }
    );
    assert_ne!(Checkpoint::genesis(&other), Checkpoint::genesis(&CONFIG));
}

#[test]
fn sequences_and_clocks() {
    assert_eq!(
        changed(|values| values.first_sequence = 45),
        number(Number::FirstSequence, 46, 45)
    );
    assert_eq!(
        changed(|values| values.first_sequence = 47),
        number(Number::FirstSequence, 46, 47)
    );
    let clock = batches()[2].clock_before;
    let (earlier, later) = (clock - 1, clock + 1);
    assert_eq!(
        changed(|values| values.clock_before = earlier),
        number(Number::ClockBefore, clock, earlier)
    );
    assert_eq!(
        changed(|values| values.clock_before = later),
        number(Number::ClockBefore, clock, later)
    );
    let reversed = ChainError::ClockReversed {
        expected: clock,
        received: earlier,
    };
    assert_eq!(changed(|values| values.clock_after = earlier), reversed);
    for last in [44, 47, u64::MAX] {
        let error = ChainError::SequenceCount {
            expected: 1,
            first: 46,
            last,
        };
        assert_eq!(changed(|values| values.last_sequence = last), error);
    }
}

#[test]
fn a_batch_may_stand_still() {
    // No time passes, and no command takes a number where numbers have run out.
    let mut values = batches()[2];
    values.clock_after = values.clock_before;
    values.last_sequence = values.first_sequence - 1;
    assert_eq!(chain(2).extend(&proven(values)), Ok(()));
}

#[test]
fn numbers_end() {
    let mut end = Checkpoint::after(&batches()[1]);
    end.batch = u64::MAX;
    let mut chain = Chain::trusting(end);
    assert_eq!(
        chain.extend(&proven(batches()[2])),
        Err(ChainError::Exhausted)
    );
    end.batch = 2;
    end.sequence = u64::MAX;
    let mut chain = Chain::trusting(end);
    assert_eq!(
        chain.extend(&proven(batches()[2])),
        Err(ChainError::Exhausted)
    );
}

#[test]
fn what_a_chain_holds_follows_the_whole_end() {
    // Every field of what the end of a chain is made of makes a difference to what follows.
    let next = proven(batches()[2]);
    let end = *chain(2).end();
    let changes: [fn(&mut Checkpoint); 6] = [
        |end| end.market += 1,
        |end| end.config.0[3] ^= 1,
        |end| end.batch += 1,
        |end| end.sequence += 1,
        |end| end.clock += 1,
        |end| end.root.0[0] ^= 1,
    ];
    assert_eq!(Chain::trusting(end).extend(&next), Ok(()));
    for change in changes {
        let mut other = end;
        change(&mut other);
        assert!(Chain::trusting(other).extend(&next).is_err());
    }
}
