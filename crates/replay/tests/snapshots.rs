//! A snapshot in the middle of a DBN stream is the exchange's own word on the book.

mod common;

use common::{assert_accounted, checked, scratch};
use dbn::encode::{dbn::Encoder, EncodeRecord};
use dbn::{flags, MboMsg, MetadataBuilder, SType, Schema};
use proofbook_replay::{Mode, Report};

const TICK: i64 = 250_000_000;

fn message(action: u8, side: u8, order_id: u64, ticks: i64, size: u32, flags: u8) -> MboMsg {
    let mut message = MboMsg {
        order_id,
        price: ticks * TICK,
        size,
        action: action as _,
        side: side as _,
        ..MboMsg::default()
    };
    message.flags.set_raw(flags);
    message.hd.instrument_id = 7;
    message.hd.ts_event = 1_700_000_000_000_000_000;
    message
}

/// Replays a stream of two orders and a change, then a snapshot with these orders.
fn replayed(name: &str, snapshot: &[(u8, u64, i64, u32)]) -> Report {
    let metadata = MetadataBuilder::new()
        .dataset("TEST.TEST".to_string())
        .schema(Some(Schema::Mbo))
        .start(0)
        .stype_in(Some(SType::RawSymbol))
        .stype_out(SType::InstrumentId)
        .build();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, &metadata).expect("memory can be written");
    let mut records = vec![
        message(b'A', b'B', 1, 100, 10, flags::LAST),
        message(b'A', b'A', 2, 103, 5, flags::LAST),
        message(b'A', b'B', 3, 99, 4, flags::LAST),
        message(b'C', b'B', 1, 100, 3, flags::LAST),
        message(b'M', b'A', 2, 102, 6, flags::LAST),
        message(b'R', b'N', 0, 0, 0, flags::SNAPSHOT),
    ];
    for (side, order_id, ticks, size) in snapshot {
        records.push(message(
            b'A',
            *side,
            *order_id,
            *ticks,
            *size,
            flags::SNAPSHOT,
        ));
    }
    records.push(message(b'A', b'B', 9, 98, 1, flags::LAST));
    for record in &records {
        encoder
            .encode_record(record)
            .expect("memory can be written");
    }
    let report = checked(&scratch(name, &bytes), Mode::Rebuild);
    assert_accounted(&report);
    assert_eq!(report.unapplied_total, 0);
    report
}

#[test]
fn a_snapshot_that_is_the_rebuilt_book_agrees() {
    let report = replayed(
        "same.dbn",
        &[(b'B', 1, 100, 7), (b'B', 3, 99, 4), (b'A', 2, 102, 6)],
    );
    assert_eq!((report.compared, report.mismatches), (3, 0));
    assert_eq!(report.failure, None);
    assert_eq!(report.records_by_kind["A snapshot"], 3);
    assert_eq!(report.final_book.tick, "0.25");
}

#[test]
fn each_order_that_differs_is_told() {
    let report = replayed(
        "other.dbn",
        &[(b'B', 1, 100, 8), (b'A', 2, 102, 6), (b'A', 4, 104, 1)],
    );
    assert_eq!((report.compared, report.mismatches), (4, 3));
    assert!(report.failure.is_some());
    assert!(
        report
            .differences
            .iter()
            .all(|difference| difference.record == 10),
        "{:?}",
        report.differences
    );
    for order in ["order 1 ", "order 3 ", "order 4 "] {
        assert!(
            report
                .differences
                .iter()
                .any(|difference| difference.what.contains(order)),
            "{order}"
        );
    }
}

#[test]
fn a_book_that_is_only_cleared_is_not_compared() {
    let report = replayed("cleared.dbn", &[]);
    assert_eq!((report.compared, report.mismatches), (0, 0));
    assert_eq!(report.final_book.orders, 1);
}
