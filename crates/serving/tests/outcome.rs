//! What became of a command, read from its events alone, is what the book holds afterwards.

use std::collections::BTreeSet;

use proofbook_book::{Book, Reference};
use proofbook_matching::MatchingEngine;
use proofbook_receipts::{decode_event, outcome};
use proofbook_testkit::flow::RandomFlow;
use proofbook_types::{Action, Event};

#[test]
fn outcomes_are_what_the_book_holds() {
    let mut names = BTreeSet::new();
    for seed in 0..60 {
        let mut flow = RandomFlow::new(seed);
        let config = flow.market().config;
        let mut engine = MatchingEngine::new(config, Reference::new()).expect("a market");
        for (place, command) in flow.by_ref().take(500).enumerate() {
            let mut events: Vec<Event> = Vec::new();
            engine.apply(&command, &mut |event| events.push(event));
            let became = outcome(&command, &events);
            names.insert(became.name());
            let is_rejected = events
                .iter()
                .any(|event| matches!(event, Event::Rejected { .. }));
            assert_eq!(
                became.rejected.is_some(),
                is_rejected,
                "seed {seed}, {place}"
            );
            let Some(id) = became.order_id.filter(|_| !is_rejected) else {
                continue;
            };
            let book = engine.book();
            let live = book.find(id).map(|slot| book.order(slot).open());
            if matches!(command.action, Action::New(_)) || became.open.is_some() {
                let open = became.open.filter(|open| open.0 > 0);
                assert_eq!(open, live, "seed {seed}, command {place}: {command:?}");
            }
            if let (Some((queue, price)), Some(slot)) = (became.placed, book.find(id)) {
                let order = book.order(slot);
                assert_eq!((queue, Some(price)), (order.queue(), order.queue_price()));
            }
        }
    }
    let all = ["cancelled", "done", "filled", "open", "rejected"];
    assert!(all.iter().all(|name| names.contains(name)), "{names:?}");
}

#[test]
fn events_have_one_encoding() {
    let mut flow = RandomFlow::new(4);
    let config = flow.market().config;
    let mut engine = MatchingEngine::new(config, Reference::new()).expect("a market");
    let (mut events, mut kinds) = (Vec::new(), BTreeSet::new());
    for command in flow.by_ref().take(3000) {
        engine.apply(&command, &mut |event| events.push(event));
    }
    for event in &events {
        let words = event.words();
        assert_eq!(decode_event(&words).as_ref(), Some(event));
        let is_new = kinds.insert(event.name());
        for bit in (0..64 * words.len()).filter(|_| is_new) {
            let mut changed = words;
            changed[bit / 64] ^= 1 << (bit % 64);
            let decoded = decode_event(&changed);
            assert!(decoded.is_none_or(|other| other != *event && other.words() == changed));
        }
    }
    assert!(kinds.len() > 8, "{kinds:?}");
}
