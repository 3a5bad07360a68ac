//! Views of the best levels: made anew and brought up to date, after batches that touch few levels. The proofs about the state lie ready, decoded, and
//! checking them against the state root is part of the time in both.

use proofbook_book::Reference;
use proofbook_commitment::{Digest, Portable, StateProof};
use proofbook_ledger::{Ledger, Question};
use proofbook_light::{CircuitOptimizedState, LEVELS};
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    AccountId, Action, Command, MarketConfig, NewOrder, OrderId, OrderKind, Price, Quantity, Queue,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};

use crate::contest::{contest, head, Contender};

const BATCHES: u64 = 20;

fn limit(order_id: u64, side: Side, price: i64) -> Command {
    Command {
        time: Timestamp(order_id),
        action: Action::New(NewOrder {
            order_id: OrderId(order_id),
            account: AccountId::NONE,
            side,
            quantity: Quantity(10),
            kind: OrderKind::Limit {
                price: Price(price),
            },
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            display: None,
            self_trade: SelfTradePrevention::Allow,
        }),
    }
}

/// States of a market of 150 levels a side: each of them has one order more on each of four levels than the one before.
fn states() -> Vec<(StateProof, Digest)> {
    let mut engine =
        MatchingEngine::new(MarketConfig::default(), Reference::new()).expect("a market");
    let mut id = 0;
    let mut apply = |engine: &mut MatchingEngine<Reference>, side, price| {
        id += 1;
        engine.apply(&limit(id, side, price), &mut ());
    };
    for price in 1..=150 {
        apply(&mut engine, Side::Buy, -price);
        apply(&mut engine, Side::Sell, price);
    }
    let mut states = Vec::new();
    for batch in 0..BATCHES {
        for step in 0..2 {
            apply(
                &mut engine,
                Side::Buy,
                -1 - ((batch * 7 + step * 3) % 20) as i64,
            );
            apply(
                &mut engine,
                Side::Sell,
                1 + ((batch * 5 + step * 4) % 20) as i64,
            );
        }
        let ledger = Ledger::<Portable>::of_engine(&engine);
        let questions = [Queue::Bids, Queue::Asks].map(|queue| Question::Depth(queue, LEVELS));
        states.push((ledger.prove(&questions), ledger.root()));
    }
    states
}

pub fn run() {
    let states = states();
    let made = |(proof, root): &(StateProof, Digest)| {
        CircuitOptimizedState::from_proof::<Portable>(proof, *root).expect("a view")
    };
    let answer = |view: &CircuitOptimizedState| head(&view.header().root::<Portable>().encode());
    let first = made(&states[0]);
    let contenders = vec![
        Contender::new("made anew", || {
            states[1..]
                .iter()
                .fold(0, |sum, state| sum ^ answer(&made(state)))
        }),
        Contender::new("brought up to date", || {
            let mut view = first.clone();
            states[1..].iter().fold(0, |sum, (proof, root)| {
                view.update::<Portable>(proof, *root)
                    .expect("a later state");
                sum ^ answer(&view)
            })
        }),
    ];
    contest(
        "view of 256 levels after a batch",
        "batch",
        states.len() - 1,
        contenders,
    );
    let header = *first.header();
    let (path, whole) = (first.best_path(Side::Sell), first.encode());
    let price = first.best(Side::Sell).expect("an ask").price.0 as u64;
    let root = header.root::<Portable>();
    let contenders = vec![
        Contender::new("proof about the state", || {
            let view = made(&states[0]);
            view.best(Side::Sell).expect("an ask").price.0 as u64
        }),
        Contender::new("whole view", || {
            let view = CircuitOptimizedState::decode::<Portable>(&whole, root).expect("a view");
            view.best(Side::Sell).expect("an ask").price.0 as u64
        }),
        Contender::new("path of eight digests", || {
            let best = path
                .check_best::<Portable>(&header, Side::Sell)
                .expect("it holds");
            best.map_or(0, |level| level.price.0 as u64)
        }),
    ];
    assert_eq!(price, 1, "the best ask");
    contest("best ask checked", "check", 1, contenders);
}
