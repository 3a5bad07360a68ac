//! Messages to measure with: orders, execution reports, updates of a book and heartbeats, the same on every machine.

use std::io;
use std::path::Path;

use proofbook_fix::{
    tag, Draft, Frame, FramedMessage, Kernel, MessageEncoder, Precision, SIMDMessageParser,
    Version, MESSAGE_BYTES_MAX,
};
use proofbook_workload::Random;

/// Messages of each kind.
const MESSAGES: u64 = 10_000;
const SEED: u64 = 20_240_229;
/// 29 February 2024, 09:30:00.
const OPEN_NS: u64 = 1_709_199_000_000_000_000;
const DECIMALS: u32 = 2;

/// The kinds, by the name of their file.
pub const KINDS: [&str; 4] = ["orders", "reports", "books", "heartbeats"];

/// What an order or a report about it says.
pub struct Order {
    number: u64,
    time_ns: u64,
    id: u64,
    symbol: &'static str,
    side: u8,
    quantity: i64,
    price: i64,
}

pub fn orders() -> Vec<Order> {
    let mut random = Random::new(SEED);
    let symbols = ["AAPL", "MSFT", "BTC-USD", "ES", "BRK.B", "NVDA"];
    (1..=MESSAGES)
        .map(|number| Order {
            number,
            time_ns: OPEN_NS + number * 7_000_000 + random.below(1_000_000),
            id: 5_000_000 + random.below(90_000_000),
            symbol: symbols[random.below(symbols.len() as u64) as usize],
            side: b'1' + random.below(2) as u8,
            quantity: 1 + random.below(5_000) as i64,
            price: 100 + random.below(10_000_000) as i64,
        })
        .collect()
}

fn header(draft: &mut Draft<'_>, order: &Order) {
    draft
        .text(tag::SENDER_COMP_ID, b"MEMBER01")
        .text(tag::TARGET_COMP_ID, b"PROOFBOOK")
        .unsigned(tag::MSG_SEQ_NUM, order.number)
        .timestamp(tag::SENDING_TIME, order.time_ns, Precision::Milliseconds);
}

/// A NewOrderSingle of 18 fields.
pub fn write_order(draft: &mut Draft<'_>, order: &Order) {
    header(draft, order);
    draft
        .unsigned(tag::CL_ORD_ID, order.id)
        .text(tag::ACCOUNT, b"ACC0042")
        .char(tag::HANDL_INST, b'1')
        .text(tag::SYMBOL, order.symbol.as_bytes())
        .char(tag::SIDE, order.side)
        .timestamp(tag::TRANSACT_TIME, order.time_ns, Precision::Milliseconds)
        .integer(tag::ORDER_QTY, order.quantity)
        .char(tag::ORD_TYPE, b'2')
        .decimal(tag::PRICE, order.price, DECIMALS)
        .char(tag::TIME_IN_FORCE, b'0');
}

/// An ExecutionReport of 26 fields about a partial fill.
pub fn write_report(draft: &mut Draft<'_>, order: &Order) {
    header(draft, order);
    let filled = order.quantity / 2;
    draft
        .unsigned(tag::ORDER_ID, order.number + 1_000_000)
        .unsigned(tag::CL_ORD_ID, order.id)
        .unsigned(tag::EXEC_ID, order.number + 2_000_000)
        .char(tag::EXEC_TYPE, b'F')
        .char(tag::ORD_STATUS, b'1')
        .text(tag::ACCOUNT, b"ACC0042")
        .text(tag::SYMBOL, order.symbol.as_bytes())
        .char(tag::SIDE, order.side)
        .integer(tag::ORDER_QTY, order.quantity)
        .char(tag::ORD_TYPE, b'2')
        .decimal(tag::PRICE, order.price, DECIMALS)
        .char(tag::TIME_IN_FORCE, b'0')
        .integer(tag::LAST_QTY, filled)
        .decimal(tag::LAST_PX, order.price, DECIMALS)
        .integer(tag::LEAVES_QTY, order.quantity - filled)
        .integer(tag::CUM_QTY, filled)
        .decimal(tag::AVG_PX, order.price, DECIMALS)
        .timestamp(tag::TRANSACT_TIME, order.time_ns, Precision::Milliseconds);
}

/// A MarketDataIncrementalRefresh of five entries.
fn write_book(draft: &mut Draft<'_>, order: &Order) {
    header(draft, order);
    draft
        .text(tag::MD_REQ_ID, b"1")
        .unsigned(tag::NO_MD_ENTRIES, 5);
    for entry in 0..5 {
        draft
            .char(tag::MD_UPDATE_ACTION, b'0' + (entry % 3) as u8)
            .char(tag::MD_ENTRY_TYPE, b'0' + (entry % 2) as u8)
            .unsigned(tag::MD_ENTRY_ID, order.id + entry)
            .text(tag::SYMBOL, order.symbol.as_bytes())
            .decimal(tag::MD_ENTRY_PX, order.price + entry as i64, DECIMALS)
            .integer(tag::MD_ENTRY_SIZE, order.quantity);
    }
}

/// Writes a file of each kind: messages one after the other.
pub fn generate(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut encoder = MessageEncoder::new(Kernel::detect(), Version::Fix44);
    let mut buffer = vec![0; MESSAGE_BYTES_MAX];
    for kind in KINDS {
        let (message_type, write): (&[u8], fn(&mut Draft<'_>, &Order)) = match kind {
            "orders" => (b"D", write_order),
            "reports" => (b"8", write_report),
            "books" => (b"X", write_book),
            _ => (b"0", header),
        };
        let mut bytes = Vec::new();
        for order in orders() {
            let mut draft = encoder.begin(&mut buffer, message_type);
            write(&mut draft, &order);
            bytes.extend_from_slice(draft.finish().expect("the buffer is large enough"));
        }
        std::fs::write(folder.join(format!("{kind}.fix")), bytes)?;
    }
    Ok(())
}

/// The messages of a file's bytes.
pub fn split(bytes: &[u8]) -> Vec<FramedMessage<'_>> {
    let parser = SIMDMessageParser::new(Kernel::SCALAR);
    let mut messages = Vec::new();
    let mut position = 0;
    while position < bytes.len() {
        match parser.frame(&bytes[position..]) {
            Frame::Whole(message) => {
                position += message.bytes().len();
                messages.push(message);
            }
            other => panic!("expected messages, received {other:?} at byte {position}"),
        }
    }
    messages
}
