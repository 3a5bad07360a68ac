//! Random flow over the exchange and, entry by entry, over an independent one that was written from the text of the rules:
//! the same refusals, the same commands, the same reports, the same balances; and everything that must hold, after each.
//! With `PROOFBOOK_SOAK` set, a hundred times as much.

mod common;
mod oracle;

use std::collections::BTreeMap;

use common::{apply, core, refusals, terms, Flow};
use oracle::{is_about_an_order, Oracle};
use proofbook_exchange::{AssetId, Execution, Outcome, Refusal};
use proofbook_types::AccountId;

const SEEDS: u64 = 12;
const ENTRIES: usize = 2_500;

/// What flow did, to show that it did everything.
#[derive(Default)]
struct Seen {
    executions: BTreeMap<String, u64>,
    refusals: BTreeMap<&'static str, u64>,
    auctions: u64,
    credit_used: u64,
}

fn compare_balances(core: &common::Core, oracle: &Oracle, seen: &mut Seen) {
    for (number, account) in oracle.accounts.iter().enumerate() {
        for (index, &total) in account.totals.iter().enumerate() {
            let (id, asset) = (AccountId(number as u64), AssetId(index as u32 + 1));
            let found = core.balance(id, asset).expect("both are there");
            let expected = (total, oracle.held(number, index), account.credits[index]);
            assert_eq!(
                (found.total, found.held, found.credit),
                expected,
                "account {number}, asset {}",
                index + 1
            );
            seen.credit_used += u64::from(total < 0);
        }
    }
}

fn note(outcomes: &[Outcome], seen: &mut Seen) {
    for outcome in outcomes {
        match outcome {
            Outcome::Report(report) => {
                let text = match report.execution {
                    Execution::Cancelled { reason } => format!("cancelled {}", reason.name()),
                    Execution::Reduced { reason, .. } => format!("reduced {}", reason.name()),
                    Execution::Trade { liquidity, .. } => format!("{liquidity:?}"),
                    other => {
                        let text = format!("{other:?}");
                        text.split(' ').next().unwrap_or_default().to_owned()
                    }
                };
                *seen.executions.entry(text).or_default() += 1;
            }
            Outcome::Event {
                event: proofbook_types::Event::Uncrossed { quantity, .. },
                ..
            } => seen.auctions += u64::from(quantity.0 > 0),
            _ => {}
        }
    }
    for refusal in refusals(outcomes) {
        *seen.refusals.entry(refusal.name()).or_default() += 1;
    }
}

fn run(seed: u64, seen: &mut Seen) {
    let terms = terms();
    let mut oracle = Oracle::new(
        terms.orders_max as usize,
        terms.retired_max as usize,
        terms.accounts_max as usize,
    );
    let mut core = core();
    let mut flow = Flow::new(seed);
    for step in 0..ENTRIES {
        let entry = flow.next();
        let outcomes = apply(&mut core, &entry);
        println!("seed {seed}, step {step}: {entry:?}");
        oracle.follow(&entry, &outcomes);
        compare_balances(&core, &oracle, seen);
        core.check().expect("everything holds");
        let answers = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Outcome::Answer { .. }));
        let expected = usize::from(!is_about_an_order(&entry.action));
        assert_eq!(answers.count(), expected);
        note(&outcomes, seen);
    }
    assert_eq!(core.sequence(), ENTRIES as u64);
}

#[test]
fn every_balance_is_what_the_rules_say() {
    let factor = if std::env::var_os("PROOFBOOK_SOAK").is_some() {
        100
    } else {
        1
    };
    let mut seen = Seen::default();
    for seed in 0..SEEDS * factor {
        run(seed, &mut seen);
    }
    println!("{:?}\n{:?}", seen.executions, seen.refusals);
    for needed in [
        "New",
        "Maker",
        "Taker",
        "Triggered",
        "Replaced",
        "Expired",
        "Status",
        "cancelled requested",
        "cancelled mass_cancel",
        "cancelled unfilled",
        "cancelled fill_or_kill",
        "cancelled self_trade",
        "reduced requested",
        "reduced self_trade",
    ] {
        assert!(seen.executions.get(needed) > Some(&10), "{needed} is rare");
    }
    assert!(
        seen.auctions > 20 && seen.credit_used > 20,
        "{} auctions",
        seen.auctions
    );
    // Those that flow reaches by itself; the others have tests of their own.
    for refusal in [
        Refusal::ClockReversed,
        Refusal::UnknownAccount,
        Refusal::UnknownMarket,
        Refusal::UnknownOrder,
        Refusal::DuplicateClientId,
        Refusal::MissingClientId,
        Refusal::ExchangeKilled,
        Refusal::AccountKilled,
        Refusal::MarketClosed,
        Refusal::MarketHalted,
        Refusal::PriceRange,
        Refusal::QuantityRange,
        Refusal::MissingBound,
        Refusal::QuantityLimit,
        Refusal::NotionalLimit,
        Refusal::OpenOrdersLimit,
        Refusal::AccountCollar,
        Refusal::InsufficientFunds,
        Refusal::ExchangeFull,
        Refusal::QuantityFilled,
    ] {
        assert!(
            seen.refusals.contains_key(refusal.name()),
            "{refusal} is missing"
        );
    }
}
