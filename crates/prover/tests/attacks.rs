//! Attacks on a provable book, each tried on the program in the zkVM's executor: `SECURITY.md` numbers them and names the rest of their
//! tests.
//!
//! Most are lies about the state. The liar keeps a market of his own, in which an order stands where it should not, and hands its
//! nodes to the program together with the state root that everyone knows. By itself his market is consistent, and gives him the
//! events that he wants; each test makes sure of that first.

mod support;

use std::collections::BTreeSet;

use proofbook_book::Reference;
use proofbook_commitment::maps::ROOT_WORDS;
use proofbook_commitment::{Portable, PublicValues};
use proofbook_ledger::{Ledger, Sealed};
use proofbook_matching::MatchingEngine;
use proofbook_testkit::flow::RandomFlow;
use proofbook_testkit::workload::Random;
use proofbook_transition::{EventHasher, BATCH_WORDS};
use proofbook_types::{
    AccountId, Action, Command, Event, MarketConfig, NewOrder, OrderId, OrderKind, Price, Quantity,
    RejectReason, SelfTradePrevention, Side, TimeInForce, Timestamp, COMMAND_WORDS,
};
use support::{case, is_soak, said, seed};

const MARKET: MarketConfig = MarketConfig {
    market: 7,
    tick_size: 1,
    lot_size: 1,
    max_quantity: None,
    max_notional: None,
    collar: None,
    reference_price: None,
    max_orders: 1000,
    initial_phase: proofbook_types::Phase::Continuous,
};

fn at(time: u64, action: Action) -> Command {
    Command {
        time: Timestamp(time),
        action,
    }
}

/// A limit order at time 1; its account has its number.
fn limit(order_id: u64, side: Side, price: i64, quantity: u64) -> Command {
    let order = NewOrder {
        order_id: OrderId(order_id),
        account: AccountId(order_id),
        side,
        quantity: Quantity(quantity),
        kind: OrderKind::Limit {
            price: Price(price),
        },
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        display: None,
        self_trade: SelfTradePrevention::Allow,
    };
    at(1, Action::New(order))
}

/// A market after these commands.
fn market(commands: &[Command]) -> Ledger<Portable> {
    let mut ledger = Ledger::new(MARKET);
    ledger.seal(commands);
    ledger
}

/// What the program says of an honest batch, which must be what the ledger says.
fn honest(sealed: &Sealed) -> PublicValues {
    let values = said(&sealed.batch, &sealed.witness).expect("an honest batch");
    assert_eq!(values, sealed.values);
    values
}

/// A batch on the market as it is, with the nodes of a liar's market: refused. With his own state root the program takes it, and
/// says that root, which no chain leads to.
fn assert_lie_is_refused(truth: &[Command], lie: &[Command], batch: &[Command]) {
    let truth = market(truth).seal(batch);
    let lie = market(lie).seal(batch);
    let (told, wanted) = (honest(&truth), honest(&lie));
    assert_ne!(
        told.event_root, wanted.event_root,
        "the lie would change what happens"
    );
    assert_ne!(told.previous_root, wanted.previous_root);
    assert_eq!(said(&truth.batch, &lie.witness), None);
    // Nor can the counters of the one go with the roots of the other.
    for place in 1..BATCH_WORDS {
        let mut batch = truth.batch.clone();
        batch[place..BATCH_WORDS].copy_from_slice(&lie.batch[place..BATCH_WORDS]);
        if let Some(values) = said(&batch, &lie.witness) {
            let is_truth = batch[..BATCH_WORDS] == truth.batch[..BATCH_WORDS];
            assert!(!is_truth && values.previous_root != told.previous_root);
        }
    }
}

/// Commands that were given to one market, handed in again in another one with the same orders.
#[test]
fn attack_05_use_in_another_market() {
    let batch = [limit(3, Side::Buy, 10, 4)];
    let here = market(&[limit(1, Side::Sell, 10, 5)]).seal(&batch);
    let other = MarketConfig {
        market: 8,
        ..MARKET
    };
    let mut there = Ledger::<Portable>::new(other);
    there.seal(&[limit(1, Side::Sell, 10, 5)]);
    let there = there.seal(&batch);
    let (here_said, there_said) = (honest(&here), honest(&there));
    assert_eq!(here_said.command_root, there_said.command_root);
    assert_ne!(here_said.market, there_said.market);
    assert_ne!(here_said.config, there_said.config);
    assert_ne!(here_said.previous_root, there_said.previous_root);
    // The nodes are the same; that the market is another one shows in what is said.
    assert_eq!(said(&here.batch, &there.witness), Some(here_said));
    assert_eq!(said(&there.batch, &here.witness), Some(there_said));
}

/// A maker who was filled already is filled again, or beyond what he offered.
#[test]
fn attack_07_overfill() {
    let filled = [limit(1, Side::Sell, 10, 9), limit(2, Side::Buy, 10, 6)];
    let batch = [limit(3, Side::Buy, 10, 8)];
    assert_lie_is_refused(&filled, &filled[..1], &batch);
    let bigger = [limit(1, Side::Sell, 10, 99), limit(2, Side::Buy, 10, 6)];
    assert_lie_is_refused(&filled, &bigger, &batch);
    // What is filled leaves the book with the last unit, and no reduction brings it back.
    let mut ledger = market(&filled);
    honest(&ledger.seal(&batch));
    assert_eq!(ledger.header().counters.open_quantity, [5, 0]);
    let reduce = Action::Reduce {
        order_id: OrderId(1),
        quantity: Quantity(1),
    };
    let before = ledger.header().counters.open_quantity;
    honest(&ledger.seal(&[at(1, reduce)]));
    assert_eq!(ledger.header().counters.open_quantity, before);
}

/// A later order, or one with a worse price, is made to trade first.
#[test]
fn attack_08_wrong_priority() {
    let first = limit(1, Side::Sell, 10, 5);
    let second = limit(2, Side::Sell, 10, 5);
    let batch = [limit(3, Side::Buy, 12, 5)];
    assert_lie_is_refused(&[first, second], &[second, first], &batch);
    let better = limit(1, Side::Sell, 9, 5);
    let worse = limit(1, Side::Sell, 11, 5);
    assert_lie_is_refused(&[better, second], &[worse, second], &batch);
    // Stops wait in queues of their own.
    let stop = |order_id, stop_price| {
        let mut command = limit(order_id, Side::Buy, 0, 2);
        if let Action::New(order) = &mut command.action {
            order.kind = OrderKind::Stop {
                stop_price: Price(stop_price),
            };
        }
        command
    };
    let book = |earlier, later| {
        [
            limit(9, Side::Sell, 20, 100),
            stop(1, earlier),
            stop(2, later),
        ]
    };
    assert_lie_is_refused(&book(20, 20), &book(20, 21), &[limit(3, Side::Buy, 20, 1)]);
}

/// A better order is left out of the book that the program is shown.
#[test]
fn attack_09_hidden_better_order() {
    let worse = limit(2, Side::Sell, 11, 5);
    let batch = [limit(3, Side::Buy, 12, 5)];
    for better in [8, 9, 10] {
        let hidden = limit(1, Side::Sell, better, 5);
        assert_lie_is_refused(&[hidden, worse], &[worse], &batch);
    }
    // Nodes on the way to the best order cannot be left out of a larger book either.
    let ladder: Vec<Command> = (0..40)
        .map(|index| limit(100 + index, Side::Sell, 50 + index as i64, 3))
        .collect();
    let sealed = market(&ladder).seal(&[limit(3, Side::Buy, 50, 1)]);
    honest(&sealed);
    let mut random = Random::new(seed());
    // A word, and as many as nodes have.
    let lengths = [1, 3, 4, 5, 10, 11, 13];
    for start in ROOT_WORDS..sealed.witness.len() {
        let chosen = lengths[random.below(7) as usize];
        for length in lengths {
            if !is_soak() && length != chosen {
                continue;
            }
            let end = sealed.witness.len().min(start + length);
            let witness = [&sealed.witness[..start], &sealed.witness[end..]].concat();
            assert_eq!(said(&sealed.batch, &witness), None, "{start}..{end}");
        }
    }
}

/// Numbers at their ends, to make a sum wrap.
#[test]
fn attack_10_overflow() {
    let quantities = [1, u64::MAX / 2, u64::MAX - 1, u64::MAX];
    let prices = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX];
    let mut ledger = Ledger::<Portable>::new(MARKET);
    let mut order_id = 0;
    for quantity in quantities {
        for price in prices {
            let mut batch = Vec::new();
            for side in [Side::Buy, Side::Sell] {
                order_id += 1;
                batch.push(limit(order_id, side, price, quantity));
                let replace = Action::Replace {
                    order_id: OrderId(order_id),
                    price: None,
                    quantity: Some(Quantity(u64::MAX)),
                    stop_price: None,
                };
                batch.push(at(1, replace));
            }
            let before = ledger.header().counters;
            let values = honest(&ledger.seal(&batch));
            let after = ledger.header().counters;
            assert_eq!(values.last_sequence, before.sequence + 4);
            // Whatever was taken, what rests is what is counted.
            let offered = 2 * u128::from(quantity) + 2 * u128::from(u64::MAX);
            for (after, before) in after.open_quantity.iter().zip(before.open_quantity) {
                assert!(u128::from(*after) <= u128::from(before) + offered);
            }
        }
    }
    // A market at its last sequence number goes no further.
    let sealed = market(&[limit(1, Side::Buy, 1, 1)]).seal(&[at(1, Action::Sweep)]);
    let mut batch = sealed.batch.clone();
    let sequence = 1 + proofbook_types::CONFIG_WORDS;
    assert_eq!(batch[sequence], 1, "the word with the sequence");
    for near_the_end in [(1 << 63) - 1, 1 << 63, u64::MAX] {
        batch[sequence] = near_the_end;
        if let Some(values) = said(&batch, &sealed.witness) {
            assert!(values.last_sequence >= near_the_end);
            assert_ne!(values.previous_root, sealed.values.previous_root);
        }
    }
}

/// A field of the public values that is bound to nothing.
#[test]
fn attack_12_unbound_values() {
    let first = market(&[limit(1, Side::Sell, 10, 5)]).seal(&[limit(2, Side::Buy, 10, 1)]);
    let other = MarketConfig {
        market: 8,
        lot_size: 2,
        ..MARKET
    };
    let mut ledger = Ledger::<Portable>::new(other);
    ledger.seal(&[at(5, Action::Sweep), at(6, Action::Halt)]);
    ledger.seal(&[at(7, Action::Resume)]);
    let second = ledger.seal(&[at(9, Action::Sweep), at(9, Action::Halt)]);
    let [one, two] = [&first, &second].map(|sealed| honest(sealed).encode());
    // The version apart, each of the thirteen follows from the inputs.
    let words = |bytes: &[u8]| -> Vec<[u8; 8]> { bytes.as_chunks().0.to_vec() };
    let same: Vec<usize> = words(&one)
        .iter()
        .zip(words(&two))
        .enumerate()
        .filter(|(_, (one, two))| *one == two)
        .map(|(word, _)| word)
        .collect();
    assert_eq!(same, [0], "words that two different batches share");
}

/// A leaf that poses as a node, a node as a leaf, a list with its last leaf doubled.
#[test]
fn attack_15_merkle_tricks() {
    let sealed = case(seed(), 60, 10).sealed;
    let mut random = Random::new(seed());
    for place in ROOT_WORDS..sealed.witness.len() {
        // Six kinds of node and seven other things have hashes.
        for kind in 0..=12 {
            if !is_soak() && random.below(13) > 0 {
                continue;
            }
            let mut witness = sealed.witness.clone();
            // The lowest byte of a node's first word says what it is.
            witness[place] = witness[place] & !0xff | kind;
            if let Some(values) = said(&sealed.batch, &witness) {
                assert_eq!(values, sealed.values, "word {place}, kind {kind}");
            }
        }
    }
    let ledger = Ledger::<Portable>::new(MARKET);
    for length in [1, 2, 3, 5, 6, 7] {
        let batch = vec![at(1, Action::Sweep); length];
        let values = honest(&ledger.clone().seal(&batch));
        let doubled = vec![at(1, Action::Sweep); length + 1];
        let doubled = honest(&ledger.clone().seal(&doubled));
        assert_ne!(values.command_root, doubled.command_root);
        assert_ne!(values.event_root, doubled.event_root);
        assert_eq!(values.commands + 1, doubled.commands);
    }
}

/// A clock that goes back, to bring an expired order to life or to be first.
#[test]
fn attack_17_clock() {
    let mut expiring = limit(1, Side::Sell, 10, 5);
    if let Action::New(order) = &mut expiring.action {
        order.time_in_force = TimeInForce::GoodTillDate {
            expiry: Timestamp(50),
        };
    }
    let mut ledger = market(&[expiring]);
    let late = Command {
        time: Timestamp(60),
        ..limit(2, Side::Buy, 10, 5)
    };
    let back = Command {
        time: Timestamp(40),
        ..limit(3, Side::Buy, 10, 5)
    };
    let values = honest(&ledger.seal(&[late, back, at(u64::MAX, Action::Sweep)]));
    assert_eq!((values.clock_before, values.clock_after), (1, u64::MAX));
    // One order rests: the one that came too late to trade; the one from the past was rejected.
    assert_eq!(ledger.header().counters.orders, 1);
    assert_eq!(ledger.header().counters.open_quantity, [5, 0]);
    // A clock that is said to have stood earlier is another state.
    let sealed = market(&[expiring]).seal(&[late]);
    let clock = 2 + proofbook_types::CONFIG_WORDS;
    let mut batch = sealed.batch.clone();
    assert_eq!(batch[clock], 1, "the word with the clock");
    batch[clock] = 0;
    let values = said(&batch, &sealed.witness).expect("consistent, but another state");
    assert_ne!(values.previous_root, sealed.values.previous_root);
}

/// What each command does by the rules over another book: its events.
fn events_of(engine: &mut MatchingEngine<Reference>, command: &Command) -> Vec<Event> {
    let mut events = Vec::new();
    engine.apply(command, &mut |event| events.push(event));
    events
}

/// The host filters nothing, or filters wrongly: every reject is made by the program itself.
#[test]
fn attack_18_checks_by_the_host_alone() {
    let mut reasons = BTreeSet::new();
    let markets = if is_soak() { 400 } else { 60 };
    for seed in seed()..seed() + markets {
        let mut flow = RandomFlow::new(seed);
        let config = flow.market().config;
        let mut engine = MatchingEngine::new(config, Reference::default()).expect("a market");
        let mut ledger = Ledger::<Portable>::new(config);
        let batch: Vec<Command> = flow.by_ref().take(150).collect();
        let mut hasher = EventHasher::<Portable>::default();
        for command in &batch {
            for event in events_of(&mut engine, command) {
                proofbook_types::EventSink::event(&mut hasher, event);
                if let Event::Rejected { reason, .. } = event {
                    reasons.insert(reason.name());
                }
            }
            hasher.end_command();
        }
        let values = honest(&ledger.seal(&batch));
        assert_eq!(values.events, hasher.events(), "seed {seed}");
        assert_eq!(values.event_root, hasher.root(), "seed {seed}");
    }
    // Nobody waits for the sequence numbers to end.
    let expected: BTreeSet<_> = RejectReason::ALL
        .iter()
        .filter(|&&reason| reason != RejectReason::SequenceExhausted)
        .map(|reason| reason.name())
        .collect();
    assert_eq!(reasons, expected, "reasons that were met, and all of them");
}

/// An order that makes proving panic: the program ends well on every command that is one.
#[test]
fn attack_19_orders_that_stop_the_prover() {
    let batches = if is_soak() { 2_000 } else { 60 };
    let (mut wild, mut tame) = (0, 0);
    for seed in seed()..seed() + batches {
        let mut flow = RandomFlow::new(seed);
        let mut ledger = Ledger::<Portable>::new(flow.market().config);
        let mut random = Random::new(seed);
        let mut batch = Vec::new();
        for command in flow.by_ref().take(60) {
            let mut words = command.words();
            for _ in 0..random.below(4) {
                let place = 1 + random.below(COMMAND_WORDS as u64 - 1) as usize;
                let bit = 1 << random.below(64);
                let ends = [0, 1, u64::MAX, 1 << 63, (1 << 63) - 1, words[place] ^ bit];
                words[place] = ends[random.below(6) as usize];
            }
            // Times do not run away, or all that follows would be from the past.
            words[1] = words[1].min(1 << 40);
            match Command::from_words(&words) {
                Ok(changed) => {
                    wild += u64::from(changed != command);
                    batch.push(changed);
                }
                Err(_) => {
                    tame += 1;
                    batch.push(command);
                }
            }
        }
        let sealed = ledger.seal(&batch);
        let values = said(&sealed.batch, &sealed.witness);
        assert_eq!(values, Some(sealed.values), "seed {seed}");
    }
    assert!(
        wild > batches * 10,
        "{wild} commands were changed, {tame} left as they were"
    );
}

/// The state is kept back: whoever has the market's commands finds the root without anything from the prover.
#[test]
fn attack_20_withheld_state() {
    for seed in seed()..seed() + 10 {
        let mut flow = RandomFlow::new(seed);
        let config = flow.market().config;
        let mut ledger = Ledger::<Portable>::new(config);
        let mut engine = MatchingEngine::new(config, Reference::default()).expect("a market");
        for _ in 0..4 {
            let batch: Vec<Command> = flow.by_ref().take(60).collect();
            let values = honest(&ledger.seal(&batch));
            for command in &batch {
                events_of(&mut engine, command);
            }
            // From the orders of an engine that never saw a node.
            let rebuilt = Ledger::<Portable>::of_engine(&engine);
            assert_eq!(rebuilt.root(), values.new_root, "seed {seed}");
        }
    }
}
