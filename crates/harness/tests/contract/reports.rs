//! Expected reports, in short.

use proofbook_harness::contract::{Report, ReportKind};

fn ack(
    kind: ReportKind,
    sequence: u64,
    side: u8,
    order_id: u64,
    price_ticks: i64,
    quantity: u32,
) -> Report {
    Report {
        kind: kind as u8,
        side,
        sequence,
        order_id,
        price_ticks,
        quantity,
        ..Report::default()
    }
}

pub fn trade(sequence: u64, maker: u64, taker: u64, price_ticks: i64, quantity: u32) -> Report {
    Report {
        kind: ReportKind::Trade as u8,
        sequence,
        price_ticks,
        quantity,
        maker_order_id: maker,
        taker_order_id: taker,
        ..Report::default()
    }
}

pub fn order_ack(sequence: u64, side: u8, id: u64, price: i64, quantity: u32) -> Report {
    ack(ReportKind::OrderAck, sequence, side, id, price, quantity)
}

pub fn cancel_ack(sequence: u64, side: u8, id: u64, price: i64, quantity: u32) -> Report {
    ack(ReportKind::CancelAck, sequence, side, id, price, quantity)
}

pub fn modify_ack(sequence: u64, side: u8, id: u64, price: i64, quantity: u32) -> Report {
    ack(ReportKind::ModifyAck, sequence, side, id, price, quantity)
}

pub fn cancel_reject(sequence: u64, id: u64) -> Report {
    ack(ReportKind::CancelReject, sequence, 0, id, 0, 0)
}

pub fn modify_reject(sequence: u64, id: u64) -> Report {
    ack(ReportKind::ModifyReject, sequence, 0, id, 0, 0)
}
