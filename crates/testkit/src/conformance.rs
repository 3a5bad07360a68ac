//! Drives a book under test and the reference book with the same commands and compares everything.
//!
//! After every command: all events, the canonical bytes of the whole state, and every view that the [`Book`] trait gives (levels,
//! best orders, order of each queue, places, expiry, accounts). Every so often: the full self-check of both, and a
//! rebuild of the book under test from the state's bytes, with which the run goes on.

use std::collections::BTreeSet;

use proofbook_book::{Book, Reference};
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    AccountId, Action, Command, Event, MarketConfig, OrderId, Price, Queue, RejectReason, Timestamp,
};
use proptest::collection::vec;
use proptest::prelude::{any, Strategy};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::flow::{Case, CommandBytes, Decoder, Market, MarketBytes, RandomFlow};
use crate::workload::{generate, Parameters, Random, Scenario};

/// Commands between two self-checks in long runs.
const CHECK_INTERVAL: u64 = 64;
/// Commands between two rebuilds in long runs.
const RESTORE_INTERVAL: u64 = 1000;
/// Commands of a long run to one market.
const MARKET_COMMANDS: u64 = 2000;
const DEFAULT_COMMANDS: u64 = 60_000;
const DEFAULT_SEED: u64 = 1;

/// Makes the tests that a book must pass: `conformance!(ladder, Ladder::default)` makes a module `ladder` of them. The
/// second argument makes an empty book.
#[macro_export]
macro_rules! conformance {
    ($name:ident, $make:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            #[test]
            fn agrees_with_the_reference_on_shrinking_cases() {
                $crate::conformance::shrinking_cases($make);
            }

            #[test]
            fn agrees_with_the_reference_on_long_random_flow() {
                $crate::conformance::long_random_flow($make);
            }

            #[test]
            fn agrees_with_the_reference_on_the_workloads() {
                $crate::conformance::workloads($make);
            }

            #[test]
            fn stops_at_the_end_of_the_sequence_numbers() {
                $crate::conformance::end_of_sequence($make);
            }
        }
    };
}

/// The number in an environment variable, or `default` where it is not set.
fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|error| panic!("{name} is {text:?}, expected a number: {error}")),
        Err(_) => default,
    }
}

/// A reference market and a market over the book under test.
#[derive(Debug)]
pub struct Pair<B> {
    reference: MatchingEngine<Reference>,
    tested: MatchingEngine<B>,
    expected: Vec<Event>,
    found: Vec<Event>,
    expected_state: Vec<u8>,
    found_state: Vec<u8>,
}

fn state<B: Book>(engine: &MatchingEngine<B>, bytes: &mut Vec<u8>) {
    bytes.clear();
    engine.write_state(&mut |part: &[u8]| bytes.extend_from_slice(part));
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: T, found: T) -> Result<(), String> {
    if expected == found {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, found {found:?}"))
    }
}

impl<B: Book> Pair<B> {
    /// Two empty markets with these terms.
    ///
    /// # Panics
    /// If the terms make no market.
    pub fn new(config: MarketConfig, book: B) -> Self {
        let valid = "the terms make a market";
        Pair {
            reference: MatchingEngine::new(config, Reference::new()).expect(valid),
            tested: MatchingEngine::new(config, book).expect(valid),
            expected: Vec::new(),
            found: Vec::new(),
            expected_state: Vec::new(),
            found_state: Vec::new(),
        }
    }

    /// The reference market.
    pub fn reference(&self) -> &MatchingEngine<Reference> {
        &self.reference
    }

    /// The market under test.
    pub fn tested(&self) -> &MatchingEngine<B> {
        &self.tested
    }

    /// What the market under test said to the last command.
    pub fn events(&self) -> &[Event] {
        &self.found
    }

    /// Applies a command to both and compares the events.
    ///
    /// # Errors
    /// The first event that differs.
    pub fn apply(&mut self, command: &Command) -> Result<(), String> {
        let Pair {
            reference,
            tested,
            expected,
            found,
            ..
        } = self;
        expected.clear();
        found.clear();
        reference.apply(command, &mut |event| expected.push(event));
        tested.apply(command, &mut |event| found.push(event));
        for (index, (expected, found)) in expected.iter().zip(found.iter()).enumerate() {
            same(&format!("event {index}"), expected, found)?;
        }
        same("number of events", expected.len(), found.len())
    }

    /// Compares the canonical bytes of both states.
    ///
    /// # Errors
    /// Where they differ.
    pub fn compare_states(&mut self) -> Result<(), String> {
        state(&self.reference, &mut self.expected_state);
        state(&self.tested, &mut self.found_state);
        if self.expected_state == self.found_state {
            return Ok(());
        }
        let pairs = self.expected_state.iter().zip(&self.found_state);
        let offset = pairs
            .take_while(|(expected, found)| expected == found)
            .count();
        Err(format!(
            "states of {} and {} bytes differ from byte {offset} on",
            self.expected_state.len(),
            self.found_state.len()
        ))
    }

    /// Compares every view that the two books give.
    ///
    /// # Errors
    /// The first view that differs.
    pub fn compare_views(&self) -> Result<(), String> {
        let (expected, found) = (self.reference.book(), self.tested.book());
        same("live orders", expected.len(), found.len())?;
        let mut accounts = BTreeSet::from([AccountId(u64::MAX)]);
        for queue in Queue::ALL {
            compare_levels(expected, found, queue)?;
            compare_orders(expected, found, queue, &mut accounts)?;
        }
        let expiring = |id: OrderId, expiry: Timestamp| (expiry, id);
        same(
            "first to expire",
            expected
                .first_to_expire()
                .map(|(expiry, slot)| expiring(expected.id(slot), expiry)),
            found
                .first_to_expire()
                .map(|(expiry, slot)| expiring(found.id(slot), expiry)),
        )?;
        for account in accounts.into_iter().filter(|account| account.is_some()) {
            let (mut expected_ids, mut found_ids) = (Vec::new(), Vec::new());
            expected.account_orders(account, &mut expected_ids);
            found.account_orders(account, &mut found_ids);
            expected_ids.sort();
            found_ids.sort();
            same(
                &format!("orders of account {account}"),
                expected_ids,
                found_ids,
            )?;
        }
        Ok(())
    }

    /// The full self-check of both.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&self) -> Result<(), String> {
        self.reference
            .check()
            .map_err(|error| format!("reference: {error}"))?;
        self.tested.check()
    }

    /// Replaces the market under test by one rebuilt from the reference's state.
    ///
    /// # Errors
    /// Why the state's bytes were refused.
    pub fn restore(&mut self, book: B) -> Result<(), String> {
        state(&self.reference, &mut self.expected_state);
        self.tested = MatchingEngine::restore(&self.expected_state, book)
            .map_err(|error| format!("restore: {error}"))?;
        self.compare_states()
    }

    /// Applies a command and makes every comparison.
    ///
    /// # Errors
    /// The first difference.
    pub fn step(&mut self, command: &Command) -> Result<(), String> {
        self.apply(command)?;
        self.compare_states()?;
        self.compare_views()
    }
}

fn compare_levels<B: Book>(expected: &Reference, found: &B, queue: Queue) -> Result<(), String> {
    same(
        "best price",
        expected.best_price(queue),
        found.best_price(queue),
    )?;
    let mut after: Option<Price> = None;
    loop {
        let level = expected.next_level(queue, after);
        let what = format!("{queue:?} after {after:?}");
        same(&what, level, found.next_level(queue, after))?;
        let Some(level) = level else { return Ok(()) };
        // From just behind a level, where there may be none, the next one follows all the same.
        let beside = Price(if queue.is_descending() {
            level.price.0.saturating_add(1)
        } else {
            level.price.0.saturating_sub(1)
        });
        for price in [level.price, beside] {
            let what = format!("{queue:?} at {price}");
            same(
                &what,
                expected.level(queue, price),
                found.level(queue, price),
            )?;
            let what = format!("{what} and on");
            same(
                &what,
                expected.next_level(queue, Some(price)),
                found.next_level(queue, Some(price)),
            )?;
            same(
                "first order there",
                expected.front(queue, price),
                found.front(queue, price).map(|slot| found.id(slot)),
            )?;
        }
        after = Some(level.price);
    }
}

fn compare_orders<B: Book>(
    expected: &Reference,
    found: &B,
    queue: Queue,
    accounts: &mut BTreeSet<AccountId>,
) -> Result<(), String> {
    let mut next = expected.best(queue);
    let mut found_next = found.best(queue);
    while let (Some(id), Some(slot)) = (next, found_next) {
        let order = expected.order(id);
        same("order in its queue", order, found.order(slot))?;
        same("slot found by id", Some(slot), found.find(id))?;
        same("id", id, found.id(slot))?;
        same("account", order.account, found.account(slot))?;
        same("displayed", order.displayed, found.displayed(slot))?;
        same("hidden", order.hidden, found.hidden(slot))?;
        same("place", expected.place(id), found.place(slot))?;
        accounts.insert(order.account);
        next = expected.next(id);
        found_next = found.next(slot);
    }
    same("end of queue", next, found_next.map(|slot| found.id(slot)))
}

/// Runs one case, comparing everything and self-checking after every command.
///
/// # Errors
/// The command at fault and the difference.
pub fn run_case<B: Book>(case: &Case, book: B) -> Result<(), String> {
    let mut pair = Pair::new(case.config, book);
    for (index, command) in case.commands.iter().enumerate() {
        pair.step(command)
            .and_then(|()| pair.check())
            .map_err(|error| format!("command {index}, {command:?}: {error}"))?;
    }
    Ok(())
}

/// A disagreement that a property test found and shrunk.
#[derive(Debug)]
pub struct Failure {
    /// The smallest case found.
    pub case: Case,
    /// The command at fault and the difference.
    pub reason: String,
}

/// Cases of up to `longest` commands.
pub fn cases(longest: usize) -> impl Strategy<Value = Case> {
    (
        any::<MarketBytes>(),
        vec(any::<CommandBytes>(), 1..=longest),
    )
        .prop_map(|(market, steps)| {
            let market = Market::decode(&market);
            let mut decoder = Decoder::new(market);
            Case {
                config: market.config,
                commands: steps.iter().map(|bytes| decoder.decode(bytes)).collect(),
            }
        })
}

/// Looks for a disagreement in random cases of this seed and shrinks it.
///
/// # Panics
/// If the search itself fails.
pub fn search<B: Book>(seed: u64, make: impl Fn() -> B) -> Option<Failure> {
    let mut seed_bytes = [0; 32];
    Random::new(seed).fill(&mut seed_bytes);
    let config = Config {
        cases: 192,
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..Config::default()
    };
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed_bytes);
    let outcome = TestRunner::new_with_rng(config, random).run(&cases(250), |case| {
        run_case(&case, make()).map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => None,
        Err(TestError::Fail(reason, case)) => Some(Failure {
            case,
            reason: reason.message().to_owned(),
        }),
        Err(error) => panic!("PROOFBOOK_SEED={seed}: {error}"),
    }
}

/// Property test: random cases, shrunk to a small one on failure.
///
/// # Panics
/// On a disagreement.
pub fn shrinking_cases<B: Book>(make: impl Fn() -> B) {
    let seed = setting("PROOFBOOK_SEED", DEFAULT_SEED);
    if let Some(Failure { case, reason }) = search(seed, make) {
        let lines = case
            .commands
            .iter()
            .map(|command| format!("\n  {command:?}"));
        let commands: String = lines.collect();
        let config = case.config;
        panic!("{reason}\nPROOFBOOK_SEED={seed}; smallest failing case: {config:?}{commands}");
    }
}

/// Long random flow to many random markets, 60,000 commands or as many as `PROOFBOOK_COMMANDS` says.
///
/// # Panics
/// On the first disagreement.
pub fn long_random_flow<B: Book>(make: impl Fn() -> B) {
    let first_seed = setting("PROOFBOOK_SEED", DEFAULT_SEED);
    let markets = setting("PROOFBOOK_COMMANDS", DEFAULT_COMMANDS).div_ceil(MARKET_COMMANDS);
    for seed in first_seed..first_seed + markets {
        let flow = RandomFlow::new(seed);
        let mut pair = Pair::new(flow.market().config, make());
        for (index, command) in (1..=MARKET_COMMANDS).zip(flow) {
            let mut outcome = pair.step(&command);
            if index.is_multiple_of(CHECK_INTERVAL) {
                outcome = outcome.and_then(|()| pair.check());
            }
            if index.is_multiple_of(RESTORE_INTERVAL) {
                outcome = outcome.and_then(|()| pair.restore(make()));
            }
            if let Err(error) = outcome {
                panic!("PROOFBOOK_SEED={seed}, command {index}, {command:?}: {error}");
            }
        }
    }
}

/// The benchmarks' order flow in every scenario: every event, now and then the whole state.
///
/// # Panics
/// On the first disagreement.
pub fn workloads<B: Book>(make: impl Fn() -> B) {
    let seed = setting("PROOFBOOK_SEED", DEFAULT_SEED);
    for scenario in Scenario::ALL {
        let mut pair = Pair::new(MarketConfig::default(), make());
        let messages = generate(&Parameters {
            scenario,
            seed,
            new_orders: 10_000,
        });
        let last = messages.len() - 1;
        for (index, message) in messages.iter().enumerate() {
            let command = message.command();
            let mut outcome = pair.apply(&command);
            if index.is_multiple_of(1000) || index == last {
                outcome = outcome
                    .and_then(|()| pair.compare_states())
                    .and_then(|()| pair.compare_views())
                    .and_then(|()| pair.check());
            }
            if let Err(error) = outcome {
                let scenario = scenario.name();
                panic!("PROOFBOOK_SEED={seed}, {scenario}, message {index}, {command:?}: {error}");
            }
        }
        assert!(
            pair.reference().last_trade().is_some(),
            "PROOFBOOK_SEED={seed}: {} never traded",
            scenario.name()
        );
    }
}

/// A market one command before the end of its sequence numbers takes that command and no other.
///
/// # Panics
/// If it does not.
pub fn end_of_sequence<B: Book>(make: impl Fn() -> B) {
    let engine = MatchingEngine::new(MarketConfig::default(), make()).expect("default terms");
    let mut bytes = Vec::new();
    state(&engine, &mut bytes);
    let sequence = proofbook_types::CONFIG_BYTES..proofbook_types::CONFIG_BYTES + 8;
    bytes[sequence].copy_from_slice(&((1u64 << 63) - 1).to_le_bytes());
    let mut engine = MatchingEngine::restore(&bytes, make()).expect("a possible state");
    let sweep = Command {
        time: Timestamp(7),
        action: Action::Sweep,
    };
    let mut events = Vec::new();
    engine.apply(&sweep, &mut |event| events.push(event));
    assert_eq!(events, []);
    let mut before = Vec::new();
    state(&engine, &mut before);
    engine.apply(&sweep, &mut |event| events.push(event));
    assert_eq!(
        events,
        [Event::Rejected {
            order_id: None,
            reason: RejectReason::SequenceExhausted
        }]
    );
    let mut after = Vec::new();
    state(&engine, &mut after);
    assert_eq!(before, after, "a refused command changes nothing at all");
}
