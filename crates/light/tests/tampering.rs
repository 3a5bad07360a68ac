//! Nothing but the truth is taken: every bit of a header, a path, a depth proof and a whole view.

mod common;

use common::{deep, proof, view};
use proofbook_book::Reference;
use proofbook_commitment::part::Part;
use proofbook_commitment::poseidon2::ORDER;
use proofbook_commitment::Portable;
use proofbook_ledger::Ledger;
use proofbook_light::{
    CircuitOptimizedState, CompressedOrderBook, DepthProof, LevelPath, LightError, ViewHeader,
    COMPRESSED_BYTES, PATH_BYTES, VIEW_HEADER_BYTES,
};
use proofbook_matching::MatchingEngine;
use proofbook_testkit::flow::RandomFlow;
use proofbook_types::{Price, Queue, Side};

/// Every byte string that differs in one bit.
fn flipped(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..8 * bytes.len()).map(|bit| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    })
}

#[test]
fn every_bit_of_a_path() {
    let view = view(&deep(130, 5)).expect("a view");
    let header = *view.header();
    let others: Vec<_> = (0..=255).map(|position| view.path(position)).collect();
    for position in [0, 77, 127, 128, 132, 133, 255] {
        let bytes = view.path(position).encode();
        assert!(bytes.len() == PATH_BYTES || bytes.len() == PATH_BYTES - 28);
        for altered in flipped(&bytes) {
            let Ok(path) = LevelPath::decode(&altered) else {
                continue;
            };
            assert_eq!(path.encode(), altered);
            let checked = path.check::<Portable>(&header);
            // Of two empty neighbours, each is the other's path.
            assert_eq!(checked.is_ok(), others.contains(&path), "leaf {position}");
        }
        assert!(LevelPath::decode(&bytes[..bytes.len() - 1]).is_err());
        assert!(LevelPath::decode(&[&bytes[..], &[0]].concat()).is_err());
    }
}

#[test]
fn every_bit_of_a_header() {
    let view = view(&deep(130, 5)).expect("a view");
    let bytes = view.header().encode();
    assert_eq!(ViewHeader::decode(&bytes).as_ref(), Ok(view.header()));
    let root = view.header().root::<Portable>();
    let mut decoded = 0;
    for altered in flipped(&bytes) {
        if let Ok(header) = ViewHeader::decode(&altered) {
            assert_eq!(header.encode()[..], altered);
            assert_ne!(header.root::<Portable>(), root);
            decoded += 1;
        }
    }
    assert!(decoded > 600, "{decoded}");
    let expected = LightError::Length {
        expected: VIEW_HEADER_BYTES,
        received: 119,
    };
    assert_eq!(ViewHeader::decode(&bytes[1..]), Err(expected));
}

#[test]
fn every_bit_of_a_whole_view() {
    let view = view(&deep(9, 20)).expect("a view");
    let root = view.header().root::<Portable>();
    let bytes = view.encode();
    for altered in flipped(&bytes) {
        assert!(CircuitOptimizedState::decode::<Portable>(&altered, root).is_err());
    }
    for length in 0..bytes.len() {
        assert!(CircuitOptimizedState::decode::<Portable>(&bytes[..length], root).is_err());
    }
    assert!(CircuitOptimizedState::decode::<Portable>(&[&bytes[..], &[0]].concat(), root).is_err());
}

#[test]
fn a_depth_is_enclosed_by_neighbours() {
    let view = view(&deep(128, 5)).expect("a view");
    let header = view.header();
    let check = |last: Option<u8>, next: Option<u8>, side, price| {
        let proof = DepthProof {
            last: last.map(|position| view.path(position)),
            next: next.map(|position| view.path(position)),
        };
        proof.check::<Portable>(header, side, Price(price)).ok()
    };
    assert_eq!(check(Some(1), Some(2), Side::Buy, -2), Some(21));
    assert_eq!(check(Some(130), Some(131), Side::Sell, 3), Some(33));
    assert_eq!(check(Some(132), Some(133), Side::Sell, 1000), Some(60));
    assert_eq!(check(None, Some(128), Side::Sell, 0), Some(0));
    assert_eq!(
        check(Some(127), None, Side::Buy, -128),
        Some((10..138).sum())
    );
    let lies = [
        // A level that is left out, at either end or in the middle.
        (Some(0), Some(2), Side::Buy, -2),
        (Some(1), None, Side::Buy, -2),
        (None, Some(1), Side::Buy, -2),
        (None, None, Side::Buy, -2),
        (None, Some(133), Side::Sell, 3),
        // Neighbours that do not enclose the price.
        (Some(0), Some(1), Side::Buy, -2),
        (Some(2), Some(3), Side::Buy, -2),
        // An empty leaf as the last level, the other side's leaf as the next.
        (Some(133), Some(134), Side::Sell, 1000),
        (Some(127), Some(128), Side::Buy, -128),
        (Some(1), Some(2), Side::Sell, -2),
        // What is beyond the last of 128 levels.
        (Some(127), None, Side::Buy, -129),
    ];
    for (last, next, side, price) in lies {
        assert_eq!(
            check(last, next, side, price),
            None,
            "{last:?}, {next:?}, {side:?}, {price}"
        );
    }
    let bytes = view
        .depth_proof(Side::Buy, Price(-2))
        .expect("a proof")
        .encode();
    for altered in flipped(&bytes) {
        if let Ok(proof) = DepthProof::decode(&altered) {
            assert!(proof
                .check::<Portable>(header, Side::Buy, Price(-2))
                .is_err());
        }
    }
}

#[test]
fn only_the_best_path_shows_the_best_level() {
    let view = view(&deep(3, 3)).expect("a view");
    let best = |position: u8, side| {
        view.path(position)
            .check_best::<Portable>(view.header(), side)
    };
    assert!(best(0, Side::Buy).is_ok() && best(128, Side::Sell).is_ok());
    for (position, side) in [
        (1, Side::Buy),
        (129, Side::Sell),
        (0, Side::Sell),
        (128, Side::Buy),
    ] {
        assert!(matches!(
            best(position, side),
            Err(LightError::Number { .. })
        ));
    }
}

#[test]
fn headers_of_batches_are_those_of_their_public_values() {
    for seed in 0..10 {
        let mut flow = RandomFlow::new(seed);
        let config = flow.market().config;
        let mut engine = MatchingEngine::new(config, Reference::new()).expect("a market");
        let mut ledger = Ledger::<Portable>::new(config);
        let mut previous: Option<CompressedOrderBook> = None;
        for _ in 0..5 {
            let commands: Vec<_> = flow.by_ref().take(30).collect();
            for command in &commands {
                engine.apply(command, &mut ());
            }
            let values = ledger.seal(&commands).values;
            let book = CompressedOrderBook {
                market: config.market,
                batch: ledger.batch(),
                header: *ledger.header(),
            };
            assert_eq!(book.check::<Portable>(&values), Ok(()), "seed {seed}");
            assert_eq!(book.state_root::<Portable>(), ledger.root());
            assert_eq!(book.header.counters, engine.counters());
            let bytes = book.encode();
            assert_eq!(CompressedOrderBook::decode(&bytes), Ok(book));
            for altered in flipped(&bytes) {
                if let Ok(other) = CompressedOrderBook::decode(&altered) {
                    assert_eq!(other.encode()[..], altered);
                    assert!(other.check::<Portable>(&values).is_err(), "seed {seed}");
                }
            }
            if let Some(previous) = previous.replace(book) {
                assert!(previous.check::<Portable>(&values).is_err());
            }
        }
    }
    let short = CompressedOrderBook::decode(&[0; 9]);
    let expected = LightError::Length {
        expected: COMPRESSED_BYTES,
        received: 9,
    };
    assert_eq!(short, Err(expected));
    assert_eq!(expected.to_string(), "expected 336 bytes; received 9");
}

#[test]
fn an_order_count_beyond_the_field_is_refused() {
    // As a parameter of the hash, a count and the count plus the field's order have one digest.
    let ledger = Ledger::<Portable>::of_engine(&deep(3, 3));
    let mut lie = proof(&ledger);
    let Part::Branch { children, .. } = &mut lie.queues[Queue::Bids as usize] else {
        panic!("three levels are below a branch");
    };
    let best = children.iter_mut().find_map(|child| match child {
        Part::Leaf(level) => Some(level),
        _ => None,
    });
    best.expect("one of three is a leaf").orders += ORDER;
    assert_eq!(lie.check::<Portable>(ledger.root()), Ok(()));
    let refused = LightError::Malformed {
        what: "a level has 1 to 2^24 orders",
    };
    let made = CircuitOptimizedState::from_proof::<Portable>(&lie, ledger.root());
    assert_eq!(made.err(), Some(refused));
    let mut held = view(&deep(3, 3)).expect("a view");
    let before = held.clone();
    let updated = held.update::<Portable>(&lie, ledger.root());
    assert_eq!(updated.err(), Some(refused));
    assert!(held == before, "it is as before");
}
