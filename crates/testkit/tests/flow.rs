//! The random flow does what it promises: it reaches every kind of command, event and reason.

use std::collections::{BTreeMap, BTreeSet};

use proofbook_book::Reference;
use proofbook_matching::MatchingEngine;
use proofbook_testkit::flow::RandomFlow;
use proofbook_types::{Action, CancelReason, Event, Queue, ReduceReason, RejectReason};

fn action_name(action: &Action) -> &'static str {
    match action {
        Action::New(_) => "new",
        Action::Cancel { .. } => "cancel",
        Action::MassCancel { .. } => "mass cancel",
        Action::Reduce { .. } => "reduce",
        Action::Replace { .. } => "replace",
        Action::Sweep => "sweep",
        Action::Halt => "halt",
        Action::Resume => "resume",
        Action::OpenAuction => "open auction",
        Action::Uncross => "uncross",
    }
}

#[test]
fn reaches_every_command_event_and_reason() {
    let mut actions = BTreeSet::new();
    let mut events: BTreeMap<String, u64> = BTreeMap::new();
    let mut placed = BTreeSet::new();
    for seed in 1..=100 {
        let flow = RandomFlow::new(seed);
        let mut engine =
            MatchingEngine::new(flow.market().config, Reference::new()).expect("valid terms");
        for command in flow.take(2000) {
            actions.insert(action_name(&command.action));
            engine.apply(&command, &mut |event: Event| {
                let reason = match event {
                    Event::Rejected { reason, .. } => reason.name(),
                    Event::Cancelled { reason, .. } => reason.name(),
                    Event::Reduced { reason, .. } => reason.name(),
                    Event::Placed { queue, .. } => {
                        placed.insert(queue);
                        ""
                    }
                    Event::Uncrossed { price: Some(_), .. } => "priced",
                    _ => "",
                };
                *events
                    .entry(format!("{} {reason}", event.name()))
                    .or_default() += 1;
            });
        }
    }
    println!("{events:#?}");
    assert_eq!(actions.len(), 10, "{actions:?}");
    assert_eq!(placed.len(), Queue::ALL.len(), "{placed:?}");
    let mut expected: Vec<String> = Vec::new();
    for name in [
        "accepted",
        "placed",
        "trade",
        "refreshed",
        "replaced",
        "expired",
        "triggered",
        "phase_changed",
        "uncrossed",
    ] {
        expected.push(format!("{name} "));
    }
    expected.push("uncrossed priced".into());
    let reject = |reason: &RejectReason| format!("rejected {reason}");
    let reachable = RejectReason::ALL
        .iter()
        .filter(|&&reason| reason != RejectReason::SequenceExhausted);
    expected.extend(reachable.map(reject));
    expected.extend(
        CancelReason::ALL
            .iter()
            .map(|reason| format!("cancelled {reason}")),
    );
    expected.extend(
        ReduceReason::ALL
            .iter()
            .map(|reason| format!("reduced {reason}")),
    );
    let missing: Vec<_> = expected
        .iter()
        .filter(|name| events.get(*name).is_none_or(|&count| count < 3))
        .collect();
    assert!(
        missing.is_empty(),
        "seeds 1 to 60 do not reach thrice {missing:?}"
    );
}
