//! Too much to do, markets that break, workers that die: each is told, nothing hangs, nothing accepted is lost silently.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use proofbook_books::numa::{MarketId, NumaBookError, NumaConfig, SubmitError};
use proofbook_memory::numa::NodeId;
use proofbook_types::Command;

use crate::common::{small, start, submit, sweep, wait_until, Listener, Scripted};

#[test]
fn too_much_is_refused_and_nothing_accepted_is_lost() {
    let book = start::<Scripted>(2, small());
    let market = Scripted::new();
    let (applied, is_held) = (Arc::clone(&market.applied), Arc::clone(&market.is_held));
    is_held.store(true, Ordering::Release);
    book.list(MarketId(7), market).expect("the market is new");
    let handle = book.market(MarketId(7)).expect("it is listed");
    let mut accepted = 0;
    let refusal = loop {
        match handle.submit(sweep(accepted)) {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
    };
    let expected = SubmitError::Full {
        market: MarketId(7),
        limit: 64,
        command: sweep(accepted),
    };
    assert_eq!(refusal, expected);
    // A move is accepted all the same, and waits.
    let node = NodeId(1 - handle.node().0);
    wait_until(|| book.migrate(MarketId(7), node).is_ok());
    let other = book.migrate(MarketId(7), NodeId(0));
    let moving = NumaBookError::Moving {
        market: MarketId(7),
        to: node,
    };
    assert_eq!(other, Err(moving));
    assert!(book.metrics().markets[0].refused > 0);
    is_held.store(false, Ordering::Release);
    let mut listener = Listener::default();
    let finished = book.finish(|report| listener.take(report));
    assert_eq!(finished.markets.len(), 1);
    let told = &listener.markets[&MarketId(7)];
    let expected: Vec<Command> = (0..accepted).map(sweep).collect();
    assert_eq!(told.commands, expected);
    assert_eq!((told.node, told.moves), (Some(node), 2));
    assert_eq!(applied.load(Ordering::Acquire), accepted);
}

#[test]
fn untaken_reports_hold_their_node_up_and_are_not_lost() {
    let book = start::<Scripted>(
        1,
        NumaConfig {
            reports_max: 2,
            ..small()
        },
    );
    book.list(MarketId(1), Scripted::new())
        .expect("the market is new");
    let handle = book.market(MarketId(1)).expect("it is listed");
    let mut accepted = 0;
    // Until the reports' queue and the market's are full.
    wait_until(|| {
        while handle.submit(sweep(accepted)).is_ok() {
            accepted += 1;
        }
        book.metrics().nodes[0].stalls > 0
    });
    let mut listener = Listener::default();
    book.finish(|report| listener.take(report));
    let told = &listener.markets[&MarketId(1)];
    let expected: Vec<Command> = (0..accepted).map(sweep).collect();
    assert_eq!(told.commands, expected);
}

#[test]
fn a_market_that_panics_is_told_and_others_go_on() {
    let book = start::<Scripted>(1, small());
    let broken = Scripted {
        panics_at: Some(5),
        ..Scripted::new()
    };
    let is_held = Arc::clone(&broken.is_held);
    is_held.store(true, Ordering::Release);
    book.list(MarketId(1), broken).expect("the market is new");
    book.list(MarketId(2), Scripted::new())
        .expect("the market is new");
    let (one, two) = (book.market(MarketId(1)), book.market(MarketId(2)));
    let (one, two) = (one.expect("it is listed"), two.expect("it is listed"));
    for time in 0..12 {
        one.submit(sweep(time)).expect("there is room");
        two.submit(sweep(time)).expect("there is room");
    }
    is_held.store(false, Ordering::Release);
    let mut listener = Listener::default();
    wait_until(|| {
        book.take_reports(|report| listener.take(report));
        listener.markets.get(&MarketId(1)).is_some_and(|told| {
            let unapplied = told.failures.iter().map(|failure| failure.unapplied.len());
            told.commands.len() + unapplied.sum::<usize>() == 12
        })
    });
    let failed = SubmitError::Failed {
        market: MarketId(1),
    };
    assert_eq!(one.submit(sweep(20)), Err(failed));
    two.submit(sweep(20)).expect("the other market works");
    assert!(book.metrics().markets[0].has_failed);
    let finished = book.finish(|report| listener.take(report));
    assert_eq!(finished.failed, [MarketId(1)]);
    assert_eq!(finished.markets.len(), 1);
    let told = &listener.markets[&MarketId(1)];
    assert_eq!(told.commands, (0..5).map(sweep).collect::<Vec<_>>());
    assert_eq!(told.failures[0].message, "as scripted");
    let unapplied: Vec<Command> = told
        .failures
        .iter()
        .flat_map(|failure| failure.unapplied.clone())
        .collect();
    assert_eq!(unapplied, (5..12).map(sweep).collect::<Vec<_>>());
    assert_eq!(listener.markets[&MarketId(2)].commands.len(), 13);
}

#[test]
fn a_market_that_cannot_move_is_told() {
    let book = start::<Scripted>(2, small());
    let market = Scripted {
        moves_max: 1,
        ..Scripted::new()
    };
    book.list_on(MarketId(1), market, NodeId(0))
        .expect("the market is new");
    wait_until(|| book.migrate(MarketId(1), NodeId(1)).is_ok());
    let mut listener = Listener::default();
    let finished = book.finish(|report| listener.take(report));
    assert_eq!(finished.failed, [MarketId(1)]);
    let failures = &listener.markets[&MarketId(1)].failures;
    assert_eq!(failures[0].message, "too far");
}

/// A panic whose value panics when it is dropped, which no worker survives.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a bomb");
    }
}

#[test]
fn a_worker_that_dies_is_an_error_and_not_a_hang() {
    let book = start::<Scripted>(2, small());
    let bomb = Scripted {
        panics_at: Some(3),
        panic: || std::panic::panic_any(Bomb),
        ..Scripted::new()
    };
    book.list_on(MarketId(1), bomb, NodeId(0))
        .expect("the market is new");
    book.list_on(MarketId(2), Scripted::new(), NodeId(1))
        .expect("the market is new");
    let handle = book.market(MarketId(1)).expect("it is listed");
    let closed = SubmitError::NodeClosed {
        market: MarketId(1),
        node: NodeId(0),
    };
    let mut time = 0;
    wait_until(|| {
        time += 1;
        handle.submit(sweep(time)) == Err(closed)
    });
    let closed = NumaBookError::NodeClosed { node: NodeId(0) };
    assert_eq!(book.migrate(MarketId(1), NodeId(1)), Err(closed.clone()));
    assert_eq!(book.migrate(MarketId(2), NodeId(0)), Err(closed));
    submit(&book, MarketId(2), sweep(1));
    assert!(book.metrics().nodes[0].is_closed);
    // A new market goes where somebody works, though nobody works less than the dead.
    let listed = book.list(MarketId(3), Scripted::new());
    assert_eq!(listed, Ok(NodeId(1)));
    let nowhere = book.list_on(MarketId(4), Scripted::new(), NodeId(0));
    assert_eq!(nowhere, Err(NumaBookError::NodeClosed { node: NodeId(0) }));
    let mut listener = Listener::default();
    let finished = book.finish(|report| listener.take(report));
    assert_eq!(finished.failed, [MarketId(1)]);
    assert_eq!(
        (finished.markets[0].0, finished.markets.len()),
        (MarketId(2), 2)
    );
    assert_eq!(listener.markets[&MarketId(2)].commands, [sweep(1)]);
}

#[test]
fn workers_end_when_the_book_is_dropped() {
    let market = Scripted::new();
    let alive = Arc::clone(&market.applied);
    let book = start::<Scripted>(
        3,
        NumaConfig {
            reports_max: 2,
            ..small()
        },
    );
    book.list(MarketId(1), market).expect("the market is new");
    let handle = book.market(MarketId(1)).expect("it is listed");
    // Work is left, and a report may wait for room.
    wait_until(|| handle.submit(sweep(0)).is_err());
    drop(book);
    assert_eq!(
        Arc::strong_count(&alive),
        1,
        "nobody has the market any more"
    );
}
