//! The library as the harness sees it: loaded from its file, called by symbol, its reports drained from a transport.
//!
//! Hand-made cases state every report and, after every message, the best prices. A random flow is compared with a plain
//! list of orders that knows nothing of the engine.

mod foreign;
mod library;
mod plain_book;
mod reports;

use proofbook_harness::contract::{Report, ReportKind};

use foreign::FOREIGN;
use library::Message::{self, Cancel, Ioc, Modify, New};
use library::{library, Session};
use plain_book::{PlainBook, Random};
use reports::{cancel_ack, cancel_reject, modify_ack, modify_reject, order_ack, trade};

const BUY: u8 = 0;
const SELL: u8 = 1;
const NO_BID: i64 = i64::MIN;
const NO_ASK: i64 = i64::MAX;

/// Sends messages one by one, compares the best prices after each, and all reports at the end; then the same as a batch.
fn check(flow: &[(Message, (i64, i64))], expected: &[Report]) {
    let library = library();
    let one_by_one = Session::own(&library, 1 << 10);
    assert_eq!(one_by_one.best(), (NO_BID, NO_ASK));
    for (sequence, &(message, best)) in (0..).zip(flow) {
        one_by_one.send(message, sequence);
        assert_eq!(
            one_by_one.best(),
            best,
            "after message {sequence}, {message:?}"
        );
    }
    assert_eq!(one_by_one.drain(), expected);
    drop(one_by_one);
    let batch = Session::own(&library, 1 << 10);
    let messages: Vec<Message> = flow.iter().map(|&(message, _)| message).collect();
    batch.send_batch(&messages, 0);
    assert_eq!(batch.drain(), expected);
    assert_eq!(Some(batch.best()), flow.last().map(|&(_, best)| best));
}

#[test]
fn cancels_in_a_queue_leave_the_others_in_order() {
    check(
        &[
            (New(1, SELL, 5, 20), (NO_BID, 20)),
            (New(2, SELL, 6, 20), (NO_BID, 20)),
            (New(3, SELL, 7, 20), (NO_BID, 20)),
            (New(4, SELL, 8, 20), (NO_BID, 20)),
            (Cancel(3), (NO_BID, 20)),
            (Cancel(1), (NO_BID, 20)),
            (Ioc(5, BUY, 20, 21), (NO_BID, NO_ASK)),
        ],
        &[
            order_ack(0, SELL, 1, 20, 5),
            order_ack(1, SELL, 2, 20, 6),
            order_ack(2, SELL, 3, 20, 7),
            order_ack(3, SELL, 4, 20, 8),
            cancel_ack(4, SELL, 3, 20, 7),
            cancel_ack(5, SELL, 1, 20, 5),
            order_ack(6, BUY, 5, 21, 20),
            trade(6, 2, 5, 20, 6),
            trade(6, 4, 5, 20, 8),
            cancel_ack(6, BUY, 5, 21, 6),
        ],
    );
}

#[test]
fn what_a_sweep_leaves_over_is_the_new_best() {
    check(
        &[
            (New(1, BUY, 4, 50), (50, NO_ASK)),
            (New(2, BUY, 4, 48), (50, NO_ASK)),
            (New(3, BUY, 4, 49), (50, NO_ASK)),
            (New(4, SELL, 10, 49), (48, 49)),
            (Ioc(5, BUY, 3, 60), (48, NO_ASK)),
        ],
        &[
            order_ack(0, BUY, 1, 50, 4),
            order_ack(1, BUY, 2, 48, 4),
            order_ack(2, BUY, 3, 49, 4),
            order_ack(3, SELL, 4, 49, 10),
            trade(3, 1, 4, 50, 4),
            trade(3, 3, 4, 49, 4),
            order_ack(4, BUY, 5, 60, 3),
            trade(4, 4, 5, 49, 2),
            cancel_ack(4, BUY, 5, 60, 1),
        ],
    );
}

#[test]
fn a_modify_into_the_other_side_trades_at_the_maker_s_price() {
    check(
        &[
            (New(1, SELL, 5, 30), (NO_BID, 30)),
            (New(2, BUY, 5, 25), (25, 30)),
            (Modify(2, BUY, 8, 33), (33, NO_ASK)),
            (Modify(2, BUY, 9, 33), (33, NO_ASK)),
            (Modify(1, SELL, 1, 33), (33, NO_ASK)),
            (Cancel(2), (NO_BID, NO_ASK)),
        ],
        &[
            order_ack(0, SELL, 1, 30, 5),
            order_ack(1, BUY, 2, 25, 5),
            modify_ack(2, BUY, 2, 33, 8),
            trade(2, 1, 2, 30, 5),
            modify_ack(3, BUY, 2, 33, 9),
            modify_reject(4, 1),
            cancel_ack(5, BUY, 2, 33, 9),
        ],
    );
}

#[test]
fn a_modify_that_asks_for_more_goes_to_the_back_and_one_that_asks_for_less_stays() {
    check(
        &[
            (New(1, BUY, 5, 10), (10, NO_ASK)),
            (New(2, BUY, 5, 10), (10, NO_ASK)),
            (New(3, BUY, 5, 10), (10, NO_ASK)),
            (Modify(1, BUY, 6, 10), (10, NO_ASK)),
            (Modify(2, BUY, 4, 10), (10, NO_ASK)),
            (Ioc(4, SELL, 15, 10), (NO_BID, NO_ASK)),
        ],
        &[
            order_ack(0, BUY, 1, 10, 5),
            order_ack(1, BUY, 2, 10, 5),
            order_ack(2, BUY, 3, 10, 5),
            modify_ack(3, BUY, 1, 10, 6),
            modify_ack(4, BUY, 2, 10, 4),
            order_ack(5, SELL, 4, 10, 15),
            trade(5, 2, 4, 10, 4),
            trade(5, 3, 4, 10, 5),
            trade(5, 1, 4, 10, 6),
        ],
    );
}

#[test]
fn an_order_that_is_gone_cannot_be_changed_and_its_id_is_free() {
    check(
        &[
            (Cancel(7), (NO_BID, NO_ASK)),
            (Modify(7, SELL, 1, 5), (NO_BID, NO_ASK)),
            (New(7, SELL, 5, 40), (NO_BID, 40)),
            (New(8, BUY, 5, 40), (NO_BID, NO_ASK)),
            (Cancel(7), (NO_BID, NO_ASK)),
            (New(7, BUY, 2, 39), (39, NO_ASK)),
            (Cancel(7), (NO_BID, NO_ASK)),
            (Cancel(7), (NO_BID, NO_ASK)),
            (New(7, SELL, 3, 41), (NO_BID, 41)),
            (Modify(7, SELL, 0, 41), (NO_BID, 41)),
            (Ioc(9, BUY, 2, 40), (NO_BID, 41)),
        ],
        &[
            cancel_reject(0, 7),
            modify_reject(1, 7),
            order_ack(2, SELL, 7, 40, 5),
            order_ack(3, BUY, 8, 40, 5),
            trade(3, 7, 8, 40, 5),
            cancel_reject(4, 7),
            order_ack(5, BUY, 7, 39, 2),
            cancel_ack(6, BUY, 7, 39, 2),
            cancel_reject(7, 7),
            order_ack(8, SELL, 7, 41, 3),
            modify_reject(9, 7),
            order_ack(10, BUY, 9, 40, 2),
            cancel_ack(10, BUY, 9, 40, 2),
        ],
    );
}

#[test]
fn prices_and_ids_may_be_anything() {
    let (low, high) = (i64::MIN / 2, i64::MAX / 2);
    check(
        &[
            (New(u64::MAX, BUY, u32::MAX, low), (low, NO_ASK)),
            (New(0, SELL, u32::MAX, high), (low, high)),
            (New(1, BUY, 1, -3), (-3, high)),
            (Ioc(2, SELL, u32::MAX, low), (low, high)),
            (Ioc(3, BUY, 1, high), (low, high)),
            (Cancel(u64::MAX), (NO_BID, high)),
        ],
        &[
            order_ack(0, BUY, u64::MAX, low, u32::MAX),
            order_ack(1, SELL, 0, high, u32::MAX),
            order_ack(2, BUY, 1, -3, 1),
            order_ack(3, SELL, 2, low, u32::MAX),
            trade(3, 1, 2, -3, 1),
            trade(3, u64::MAX, 2, low, u32::MAX - 1),
            order_ack(4, BUY, 3, high, 1),
            trade(4, 0, 3, high, 1),
            cancel_ack(5, BUY, u64::MAX, low, 1),
        ],
    );
}

#[test]
fn a_new_order_with_a_live_id_changes_nothing() {
    check(
        &[
            (New(1, BUY, 5, 10), (10, NO_ASK)),
            (New(1, SELL, 5, 10), (10, NO_ASK)),
            (New(2, SELL, 0, 10), (10, NO_ASK)),
            (Cancel(1), (NO_BID, NO_ASK)),
        ],
        &[order_ack(0, BUY, 1, 10, 5), cancel_ack(3, BUY, 1, 10, 5)],
    );
}

#[test]
fn depth_follows_fills_cancels_and_modifies() {
    let library = library();
    let session = Session::own(&library, 64);
    let depths = [
        (New(1, SELL, 9, 15), 9),
        (New(2, SELL, 4, 15), 13),
        (Ioc(3, BUY, 10, 15), 3),
        (Modify(2, SELL, 8, 15), 8),
        (Modify(2, SELL, 8, 16), 0),
        (Modify(2, SELL, 7, 15), 7),
        (Cancel(2), 0),
    ];
    for (sequence, (message, depth)) in (0..).zip(depths) {
        session.send(message, sequence);
        assert_eq!(session.depth(15, SELL), depth, "after {message:?}");
        assert_eq!(session.depth(15, BUY), 0);
    }
}

#[test]
fn reports_go_to_whatever_transport_the_harness_names() {
    let library = library();
    let session = Session::over(&library, &FOREIGN, 8);
    let flow = [New(1, BUY, 2, 3), New(2, SELL, 3, 3), Cancel(2), Cancel(9)];
    for (sequence, message) in (0..).zip(flow) {
        session.send(message, sequence);
    }
    let expected = [
        order_ack(0, BUY, 1, 3, 2),
        order_ack(1, SELL, 2, 3, 3),
        trade(1, 1, 2, 3, 2),
        cancel_ack(2, SELL, 2, 3, 1),
        cancel_reject(3, 9),
    ];
    assert_eq!(session.drain(), expected);
}

#[test]
fn random_flow_gives_what_a_plain_list_gives() {
    let library = library();
    for seed in 1..=12_u64 {
        let jump = [6, 40, 3_000, 1 << 33][seed as usize % 4];
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let session = Session::own(&library, 1 << 14);
        let mut plain = PlainBook::default();
        let mut trades = 0;
        for sequence in 0..4_000 {
            let message = random.message(jump);
            let mut expected = Vec::new();
            plain.apply(sequence, message, &mut expected);
            if seed % 2 == 0 {
                session.send_batch(&[message], sequence);
            } else {
                session.send(message, sequence);
            }
            let context = || format!("seed {seed}, message {sequence}: {message:?}");
            assert_eq!(session.drain(), expected, "{}", context());
            assert_eq!(session.best(), plain.best(), "{}", context());
            if let New(_, side, _, price) | Modify(_, side, _, price) = message {
                let depth = session.depth(price, side);
                assert_eq!(depth, plain.depth(price, side), "{}", context());
            }
            let is_trade = |report: &&Report| report.kind == ReportKind::Trade as u8;
            trades += expected.iter().filter(is_trade).count();
        }
        assert!(trades > 200, "seed {seed}: only {trades} trades");
    }
}
