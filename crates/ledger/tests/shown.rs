//! Proofs about a state answer as the market does, and nothing else can be made of them.

use std::collections::BTreeMap;

use proofbook_book::{Book, Reference};
use proofbook_commitment::{Digest, ListHasher, ListProof, Portable, ProofError, StateProof};
use proofbook_ledger::{Ledger, Question};
use proofbook_matching::MatchingEngine;
use proofbook_testkit::flow::RandomFlow;
use proofbook_testkit::workload::Random;
use proofbook_types::{OrderId, Price, Queue};

/// A market after some random flow.
fn market(seed: u64) -> (MatchingEngine<Reference>, Ledger<Portable>) {
    let mut flow = RandomFlow::new(seed);
    let config = flow.market().config;
    let mut engine = MatchingEngine::new(config, Reference::new()).expect("a market");
    for command in flow.by_ref().take(400) {
        engine.apply(&command, &mut ());
    }
    let ledger = Ledger::of_engine(&engine);
    (engine, ledger)
}

fn live_ids(engine: &MatchingEngine<Reference>) -> Vec<OrderId> {
    let book = engine.book();
    let mut ids = Vec::new();
    for queue in Queue::ALL {
        let mut slot = book.best(queue);
        while let Some(found) = slot {
            ids.push(book.id(found));
            slot = book.next(found);
        }
    }
    ids
}

/// What arrives at the other end: decoded from bytes, and checked.
fn received(ledger: &Ledger<Portable>, questions: &[Question]) -> StateProof {
    let bytes = ledger.prove(questions).encode();
    let proof = StateProof::decode(&bytes).expect("a proof");
    assert_eq!(proof.encode(), bytes);
    proof
        .check::<Portable>(ledger.root())
        .expect("the ledger's root");
    proof
}

#[test]
fn answers_are_the_markets() {
    for seed in 0..30 {
        let (engine, ledger) = market(seed);
        let book = engine.book();
        for id in live_ids(&engine) {
            let proof = received(&ledger, &[Question::Ahead(id)]);
            let slot = book.find(id).expect("a live order");
            let place = proof.order(id.0).expect("shown").expect("live");
            assert_eq!(place.order, book.order(slot), "seed {seed}");
            let ahead = proof.ahead(id.0).expect("shown").expect("live");
            let expected = book.place(slot);
            assert_eq!(ahead.orders, expected.orders_ahead, "seed {seed}");
            assert_eq!(ahead.displayed, expected.quantity_ahead.0, "seed {seed}");
        }
        for queue in Queue::ALL {
            let proof = received(&ledger, &[Question::Depth(queue, 3)]);
            let mut expected = Vec::new();
            let mut level = book.next_level(queue, None);
            while let Some(found) = level.filter(|_| expected.len() < 3) {
                expected.push((found.price, found.displayed.0, found.hidden.0, found.orders));
                level = book.next_level(queue, Some(found.price));
            }
            let shown = proof.depth(queue, 3).expect("shown").into_iter();
            let shown: Vec<_> = shown
                .map(|(price, level)| (price, level.displayed, level.hidden, level.orders))
                .collect();
            assert_eq!(shown, expected, "seed {seed}");
        }
    }
}

#[test]
fn what_is_not_there_is_shown_not_to_be_there() {
    let (engine, ledger) = market(3);
    let free = OrderId(0xdead_beef_dead_beef);
    assert!(engine.book().find(free).is_none());
    let proof = received(
        &ledger,
        &[
            Question::Order(free),
            Question::Level(Queue::Bids, Price(i64::MIN)),
        ],
    );
    assert_eq!(proof.order(free.0), Ok(None));
    assert_eq!(proof.level(Queue::Bids, Price(i64::MIN)), Ok(None));
}

#[test]
fn what_a_proof_leaves_closed_it_does_not_answer() {
    let (engine, ledger) = market(3);
    let proof = received(&ledger, &[]);
    let id = live_ids(&engine)[0];
    assert_eq!(proof.order(id.0), Err(ProofError::NotShown));
    assert_eq!(proof.depth(Queue::Bids, 1), Err(ProofError::NotShown));
    let one = received(&ledger, &[Question::Depth(Queue::Bids, 1)]);
    assert_eq!(one.depth(Queue::Bids, 1).expect("shown").len(), 1);
    assert_eq!(
        one.depth(Queue::Bids, usize::MAX),
        Err(ProofError::NotShown)
    );
}

#[test]
fn a_changed_proof_is_refused() {
    let (engine, ledger) = market(5);
    let ids = live_ids(&engine);
    let questions: Vec<Question> = ids.iter().take(4).map(|&id| Question::Ahead(id)).collect();
    let bytes = ledger.prove(&questions).encode();
    let refused = |bytes: &[u8]| {
        StateProof::decode(bytes).map_or(true, |proof| {
            proof.check::<Portable>(ledger.root()).is_err()
        })
    };
    assert!(!refused(&bytes));
    let mut changed = bytes.clone();
    for bit in 0..8 * bytes.len() {
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(refused(&changed), "bit {bit}");
        changed[bit / 8] ^= 1 << (bit % 8);
    }
    for length in 0..bytes.len() {
        assert!(refused(&bytes[..length]), "length {length}");
    }
    changed.push(0);
    assert!(refused(&changed), "a byte too many");
}

#[test]
fn lists_show_their_leaves() {
    let mut random = Random::new(11);
    for count in [1u32, 2, 3, 7, 8, 9, 100] {
        let leaves: Vec<Digest> = (0..count)
            .map(|i| Digest([u64::from(i) + 1, 2, 3, 4]))
            .collect();
        let mut list = ListHasher::<Portable>::default();
        leaves.iter().for_each(|&leaf| list.push(leaf));
        let root = list.root();
        for _ in 0..50 {
            let positions: Vec<u32> = (0..count).filter(|_| random.chance(0.3)).collect();
            let bytes = ListProof::new::<Portable>(&leaves, &positions).encode();
            let proof = ListProof::decode(&bytes).expect("a proof");
            let mut claimed: BTreeMap<u32, Digest> = positions
                .iter()
                .map(|&at| (at, leaves[at as usize]))
                .collect();
            assert_eq!(proof.check::<Portable>(root, &claimed), Ok(()));
            if let Some((&at, &leaf)) = claimed.iter().next() {
                claimed.insert(at, Digest([9, 9, 9, 9]));
                assert!(
                    proof.check::<Portable>(root, &claimed).is_err(),
                    "another leaf"
                );
                claimed.remove(&at);
                assert!(
                    proof.check::<Portable>(root, &claimed).is_err(),
                    "a position less"
                );
                claimed.insert(at, leaf);
                claimed.insert(count, leaf);
                assert!(
                    proof.check::<Portable>(root, &claimed).is_err(),
                    "beyond the end"
                );
            }
        }
    }
}
