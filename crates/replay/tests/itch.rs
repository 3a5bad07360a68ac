//! ITCH written by our own market and read back: every order, every execution, the final books.

mod common;

use std::collections::BTreeMap;

use common::{assert_accounted, checked, failing, scratch};
use proofbook_replay::itch::{generate, GeneratedSummary};
use proofbook_replay::{read_records, replay, ErrorKind, MarketEvent, Mode, Options};

const SEED: u64 = 20_260_101;
const MESSAGES: u64 = 60_000;

fn day(seed: u64, messages: u64) -> (Vec<u8>, GeneratedSummary) {
    let mut bytes = Vec::new();
    let summary = generate(seed, messages, &mut bytes).expect("memory can be written");
    (bytes, summary)
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (first, _) = day(7, 2_000);
    assert_eq!(first, day(7, 2_000).0);
    assert_ne!(first, day(8, 2_000).0);
}

#[test]
fn a_day_has_every_kind_of_order_message() {
    let (_, summary) = day(SEED, MESSAGES);
    for letter in [
        'A', 'F', 'E', 'C', 'X', 'D', 'U', 'P', 'Q', 'I', 'S', 'R', 'H', 'Y', 'L', 'V',
    ] {
        assert!(
            summary.messages.contains_key(&letter),
            "{letter} is missing: {:?}",
            summary.messages
        );
    }
    assert!(summary
        .markets
        .iter()
        .all(|market| market.executions.len() > 100));
}

#[test]
fn a_day_is_read_back_message_by_message() {
    let (bytes, summary) = day(SEED, MESSAGES);
    let path = scratch("itch_day.itch", &bytes);
    let mut by_letter: BTreeMap<char, u64> = BTreeMap::new();
    let mut executions: BTreeMap<u32, Vec<(u64, u64)>> = BTreeMap::new();
    let count = read_records(&path, |record| {
        *by_letter
            .entry(record.kind.chars().next().expect("a kind has a letter"))
            .or_insert(0) += 1;
        if let MarketEvent::Execute {
            order_id, quantity, ..
        } = record.event
        {
            executions
                .entry(record.instrument)
                .or_default()
                .push((order_id, quantity));
        }
    })
    .expect("what was written can be read");
    assert_eq!(count, summary.messages.values().sum::<u64>());
    assert_eq!(by_letter, summary.messages);
    for market in &summary.markets {
        assert_eq!(
            executions[&u32::from(market.locate)],
            market.executions,
            "{}",
            market.symbol
        );
    }
}

#[test]
fn a_day_rebuilds_the_market_that_wrote_it() {
    let (bytes, summary) = day(SEED, MESSAGES);
    let path = scratch("itch_rebuild.itch", &bytes);
    let report = checked(&path, Mode::Rebuild);
    assert_accounted(&report);
    assert_eq!(report.failure, None);
    assert_eq!((report.unapplied_total, report.mismatches), (0, 0));
    let executions: usize = summary
        .markets
        .iter()
        .map(|market| market.executions.len())
        .sum();
    assert_eq!(report.compared, executions as u64);
    for market in &summary.markets {
        let options = Options {
            instrument: Some(market.symbol.clone()),
            ..Options::default()
        };
        let report = replay(std::slice::from_ref(&path), &options, &mut |_| true)
            .expect("the stock can be replayed");
        let book = &report.final_book;
        assert_eq!(book.symbol.as_ref(), Some(&market.symbol));
        assert_eq!(book.orders, market.orders.len() as u64);
        assert_eq!(
            book.digest,
            expected_digest(&market.orders),
            "{}",
            market.symbol
        );
    }
}

/// The digest of a rebuilt book, computed from the generator's own market.
fn expected_digest(orders: &[(u64, proofbook_types::Side, i64, u64)]) -> String {
    use proofbook_book::Reference;
    use proofbook_replay::Rebuild;
    use proofbook_types::Price;
    let mut book = Rebuild::new(Reference::new());
    for (reference, side, price, shares) in orders {
        book.add(*reference, *side, Price(price / 100), *shares)
            .expect("live orders are distinct");
    }
    book.digest()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn a_day_trades_with_the_same_makers() {
    let (bytes, summary) = day(SEED, MESSAGES);
    let path = scratch("itch_match.itch", &bytes);
    let report = checked(&path, Mode::Match);
    assert_accounted(&report);
    assert_eq!(report.failure, None);
    let executions: usize = summary
        .markets
        .iter()
        .map(|market| market.executions.len())
        .sum();
    assert_eq!(report.fills, Some(executions as u64));
    assert_eq!(report.same_maker, report.fills);
    assert_eq!(report.figures["final_orders_that_differ"], 0);
    assert!(!report
        .figures
        .keys()
        .any(|figure| figure.starts_with("rejected")));
}

#[test]
fn a_truncated_day_names_the_record_and_the_byte() {
    let (bytes, _) = day(3, 500);
    for cut in [1, 2, 3, 20] {
        let path = scratch(
            &format!("itch_cut_{cut}.itch"),
            &bytes[..bytes.len() - 2 - cut],
        );
        let (kind, text) = failing(&path);
        assert_eq!(kind, ErrorKind::Malformed, "{text}");
        assert!(
            text.contains("record 5") && text.contains("at byte"),
            "{text}"
        );
    }
}

#[test]
fn broken_messages_are_named() {
    let (mut bytes, _) = day(3, 500);
    // The third message: its type, then its length.
    let second = 2 + usize::from(bytes[1]);
    let third = second + 2 + usize::from(bytes[second + 1]);
    bytes[third + 2] = b'z';
    let (kind, text) = failing(&scratch("itch_type.itch", &bytes));
    assert_eq!(kind, ErrorKind::Malformed);
    assert!(text.contains("record 3") && text.contains("'z'"), "{text}");
    let (mut bytes, _) = day(3, 500);
    bytes[third + 1] += 1;
    let (_, text) = failing(&scratch("itch_length.itch", &bytes));
    assert!(
        text.contains("expected") && text.contains("received"),
        "{text}"
    );
    let (mut bytes, _) = day(3, 500);
    bytes.push(0);
    let (_, text) = failing(&scratch("itch_after.itch", &bytes));
    assert!(text.contains("after the end of the session"), "{text}");
}
