//! The view against the book that it is one of, and its tree against its definition.

mod common;

use common::{deep, proof, view, Engine};
use proofbook_book::{Book, Reference};
use proofbook_commitment::{Digest, Permutation, Portable};
use proofbook_fixed::Rounding;
use proofbook_ledger::{Ledger, Question};
use proofbook_light::{
    CircuitOptimizedState, DepthProof, LevelPath, LightError, ViewLevel, LEAVES, LEVELS,
};
use proofbook_testkit::flow::RandomFlow;
use proofbook_types::{Price, Queue, Side};

/// All levels of a side, as the book has them.
fn levels(engine: &Engine, side: Side) -> Vec<ViewLevel> {
    let queue = [Queue::Bids, Queue::Asks][side as usize];
    let mut levels = Vec::new();
    let mut next = engine.book().next_level(queue, None);
    while let Some(level) = next {
        levels.push(ViewLevel {
            price: level.price,
            displayed: level.displayed.0,
            hidden: level.hidden.0,
            orders: level.orders,
        });
        next = engine.book().next_level(queue, Some(level.price));
    }
    levels
}

/// H of `docs/COMMITMENT.md`, section 2, over elements one by one.
fn hash(tag: u32, parameter: u32, elements: &[u32]) -> Digest {
    let mut state = [0u32; 16];
    (state[8], state[9]) = (tag, parameter);
    for block in elements.chunks(8) {
        state[..8].fill(0);
        state[..block.len()].copy_from_slice(block);
        let mut words = [0u64; 8];
        for (word, pair) in words.iter_mut().zip(state.chunks(2)) {
            *word = u64::from(pair[0]) + (u64::from(pair[1]) << 32);
        }
        Portable::permute(&mut words);
        for (pair, word) in state.chunks_mut(2).zip(words) {
            pair.copy_from_slice(&[word as u32, (word >> 32) as u32]);
        }
    }
    let bytes: Vec<u8> = state[..8]
        .iter()
        .flat_map(|element| element.to_le_bytes())
        .collect();
    Digest::decode(bytes.as_slice().try_into().expect("32 bytes")).expect("a digest")
}

fn pack(words: &[u64]) -> Vec<u32> {
    let low = |word: u64| (word & ((1 << 30) - 1)) as u32;
    let mut elements: Vec<u32> = words
        .iter()
        .flat_map(|&word| [low(word), low(word >> 30)])
        .collect();
    for seven in words.chunks(7) {
        let tops = seven
            .iter()
            .rev()
            .fold(0, |tops, word| tops * 16 + (word >> 60));
        elements.push(tops as u32);
    }
    elements
}

fn elements(digest: Digest) -> Vec<u32> {
    digest
        .0
        .iter()
        .flat_map(|&word| [word as u32, (word >> 32) as u32])
        .collect()
}

/// The top of the tree over the levels of both sides, and what they show, by its definition.
fn tree(levels: [&[ViewLevel]; 2]) -> (Digest, u64) {
    let mut layer: Vec<(Digest, u64)> = (0..LEAVES)
        .map(
            |position| match levels[position / LEVELS].get(position % LEVELS) {
                None => (Digest::EMPTY, 0),
                Some(level) => {
                    let words = [level.price.0 as u64, level.displayed, level.hidden];
                    (
                        hash(32 + (position / LEVELS) as u32, level.orders, &pack(&words)),
                        level.displayed,
                    )
                }
            },
        )
        .collect();
    while layer.len() > 1 {
        layer = layer
            .chunks(2)
            .map(|pair| {
                let ((left, before), (right, after)) = (pair[0], pair[1]);
                let sums = pack(&[before, after]);
                (
                    hash(34, 0, &[elements(left), elements(right), sums].concat()),
                    before + after,
                )
            })
            .collect();
    }
    layer[0]
}

fn expected_root(engine: &Engine, root: Digest) -> Digest {
    let sides = Side::BOTH.map(|side| {
        let mut levels = levels(engine, side);
        levels.truncate(LEVELS);
        levels
    });
    let shown = |side: &[ViewLevel]| side.iter().map(|level| level.displayed).sum::<u64>();
    let (top, _) = tree([&sides[0], &sides[1]]);
    let mut bitmap = [0u64; 4];
    for (side, levels) in sides.iter().enumerate() {
        for place in (side * LEVELS)..(side * LEVELS + levels.len()) {
            bitmap[place / 64] |= 1 << (place % 64);
        }
    }
    let numbers = pack(&[engine.sequence(), shown(&sides[0]), shown(&sides[1])]);
    let mut all = [elements(root), elements(top), numbers].concat();
    all.push(0);
    all.extend(pack(&bitmap));
    hash(35, 1, &all)
}

/// Everything that a view says, against the book.
fn compare(view: &CircuitOptimizedState, engine: &Engine, place: &str) {
    let header = view.header();
    for side in Side::BOTH {
        let all = levels(engine, side);
        let expected = &all[..all.len().min(LEVELS)];
        let found: Vec<ViewLevel> = view.levels(side).copied().collect();
        assert_eq!(found, expected, "{place}");
        assert_eq!(view.is_whole(side), all.len() < LEVELS);
        let path = LevelPath::decode(&view.best_path(side).encode()).expect("a path");
        assert_eq!(
            path.check_best::<Portable>(header, side),
            Ok(all.first().copied()),
            "{place}"
        );
        let mut displayed = 0;
        for (rank, level) in expected.iter().enumerate() {
            let path = view.path((rank + LEVELS * side as usize) as u8);
            let shown = path.check::<Portable>(header).expect("it holds");
            assert_eq!(
                (shown.side, shown.rank, shown.level),
                (side, rank, Some(*level))
            );
            assert_eq!(shown.displayed_before, displayed, "{place}");
            displayed += level.displayed;
            assert_eq!(shown.displayed_through(), displayed);
        }
        let away = |level: &ViewLevel| [level.price.0 - 1, level.price.0, level.price.0 + 1];
        for price in all.iter().flat_map(away) {
            let is_through = |level: &&ViewLevel| match side {
                Side::Buy => level.price.0 >= price,
                Side::Sell => level.price.0 <= price,
            };
            let count = all.iter().filter(is_through).count();
            let is_known = count < LEVELS || count == LEVELS && all[LEVELS - 1].price.0 == price;
            let expected = match is_known {
                true => Ok(all.iter().take(count).map(|level| level.displayed).sum()),
                false => Err(LightError::NotShown),
            };
            assert_eq!(
                view.depth_through(side, Price(price)),
                expected,
                "{place}, price {price}"
            );
            let proof = view.depth_proof(side, Price(price));
            assert_eq!(proof.is_ok(), is_known);
            if let Ok(proof) = proof {
                let received = DepthProof::decode(&proof.encode()).expect("a proof");
                assert_eq!(received, proof);
                assert_eq!(
                    received.check::<Portable>(header, side, Price(price)),
                    expected,
                    "{place}"
                );
            }
        }
    }
}

#[test]
fn views_say_what_the_book_has() {
    for seed in 0..12 {
        let mut flow = RandomFlow::new(seed);
        let mut engine = Engine::new(flow.market().config, Reference::new()).expect("a market");
        let mut kept = view(&engine).expect("a view");
        for step in 0..25 {
            for command in flow.by_ref().take(20) {
                engine.apply(&command, &mut ());
            }
            let place = format!("seed {seed}, step {step}");
            let ledger = Ledger::<Portable>::of_engine(&engine);
            let fresh = view(&engine).expect("a view");
            let before: Vec<_> = (0..=255).map(|position| kept.path(position)).collect();
            let rehashed = kept
                .update::<Portable>(&proof(&ledger), ledger.root())
                .expect("a later state");
            assert_eq!(kept, fresh, "{place}");
            let level = |path: &LevelPath| path.encode()[..30].to_vec();
            let changed = (0..=255)
                .filter(|&at| level(&before[at as usize])[1..] != level(&kept.path(at))[1..]);
            assert!(rehashed.leaves <= 256 && rehashed.nodes <= 255);
            assert!(rehashed.leaves == 0 || rehashed.nodes >= 8, "{place}");
            assert!(changed.count() >= rehashed.leaves.min(1), "{place}");
            compare(&kept, &engine, &place);
            assert_eq!(
                kept.header().root::<Portable>(),
                expected_root(&engine, ledger.root()),
                "{place}"
            );
            let bytes = kept.encode();
            let root = kept.header().root::<Portable>();
            assert_eq!(
                CircuitOptimizedState::decode::<Portable>(&bytes, root).as_ref(),
                Ok(&kept)
            );
        }
    }
}

#[test]
fn sides_of_every_size_around_what_a_view_holds() {
    for (bids, asks) in [
        (0, 0),
        (0, 1),
        (1, 0),
        (64, 65),
        (127, 128),
        (128, 129),
        (129, 127),
        (300, 200),
    ] {
        let engine = deep(bids, asks);
        let view = view(&engine).expect("a view");
        let place = format!("{bids} bids, {asks} asks");
        compare(&view, &engine, &place);
        let root = Ledger::<Portable>::of_engine(&engine).root();
        assert_eq!(
            view.header().root::<Portable>(),
            expected_root(&engine, root),
            "{place}"
        );
        assert_eq!(view.header().levels(Side::Buy), 128.min(bids as usize));
        assert_eq!(view.header().levels(Side::Sell), 128.min(asks as usize));
    }
}

#[test]
fn only_changed_leaves_are_hashed() {
    let mut engine = deep(100, 100);
    let mut view = view(&engine).expect("a view");
    let mut update = |engine: &Engine| {
        let ledger = Ledger::<Portable>::of_engine(engine);
        let rehashed = view
            .update::<Portable>(&proof(&ledger), ledger.root())
            .expect("a later state");
        (rehashed.leaves, rehashed.nodes)
    };
    assert_eq!(update(&engine), (0, 0));
    engine.apply(&common::limit(1000, Side::Buy, -50, 5), &mut ());
    assert_eq!(update(&engine), (1, 8), "one level grew");
    engine.apply(&common::limit(1001, Side::Sell, 101, 5), &mut ());
    assert_eq!(update(&engine), (1, 8), "one came at the end");
    engine.apply(&common::limit(1002, Side::Sell, 0, 5), &mut ());
    assert_eq!(update(&engine).0, 102, "one came in front: all move");
}

#[test]
fn fills_are_those_of_the_levels() {
    let view = view(&deep(3, 200)).expect("a view");
    let fill = view.fill(Side::Sell, 25).expect("enough");
    assert_eq!((fill.lots, fill.worst), (25, Some(Price(3))));
    assert_eq!(fill.notional.units(), 10 + 11 * 2 + 4 * 3);
    let average = fill
        .notional
        .mean::<2>(fill.lots.into(), Rounding::HalfEven)
        .expect("lots");
    assert_eq!(average.to_string(), "1.76");
    let fill = view.fill(Side::Buy, 1000).expect("all bids are there");
    assert_eq!(
        (fill.lots, fill.worst, fill.notional.units()),
        (33, Some(Price(-3)), -(10 + 22 + 36))
    );
    assert_eq!(view.fill(Side::Sell, 1 << 40), Err(LightError::NotShown));
    let nothing = view.fill(Side::Sell, 0).expect("nothing is there");
    assert_eq!((nothing.lots, nothing.worst), (0, None));
}

#[test]
fn a_view_is_made_of_nothing_less_than_a_proof() {
    let engine = deep(200, 20);
    let ledger = Ledger::<Portable>::of_engine(&engine);
    let make = |questions: &[Question], root| {
        CircuitOptimizedState::from_proof::<Portable>(&ledger.prove(questions), root)
    };
    let whole = [
        Question::Depth(Queue::Bids, 128),
        Question::Depth(Queue::Asks, 128),
    ];
    assert!(make(&whole, ledger.root()).is_ok());
    let other = Ledger::<Portable>::of_engine(&deep(200, 21)).root();
    assert!(matches!(make(&whole, other), Err(LightError::Proof(_))));
    for less in [
        &whole[..1],
        &[Question::Depth(Queue::Bids, 127), whole[1]],
        &[],
    ] {
        let error = make(less, ledger.root()).expect_err("levels are missing");
        assert_eq!(error.to_string(), "the proof does not show this");
    }
    // Any bit of the proof.
    let bytes = ledger.prove(&whole).encode();
    for place in (0..bytes.len()).step_by(7) {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1 << (place % 8);
        if let Ok(proof) = proofbook_commitment::StateProof::decode(&bytes) {
            let made = CircuitOptimizedState::from_proof::<Portable>(&proof, ledger.root());
            assert!(made.is_err(), "byte {place}");
        }
    }
    let mut later = view(&deep(201, 20)).expect("a view");
    let before = later.clone();
    let error = later.update::<Portable>(&ledger.prove(&whole), ledger.root());
    assert_eq!(
        error.expect_err("it is earlier").to_string(),
        "sequence of a later state, at least: expected 221; received 220"
    );
    assert_eq!(later, before);
}
