//! Drives `limitbook`, one message at a time.

use std::process::ExitCode;

use limitbook::{OrderBook, OrderSide};
use proofbook_bench::{peer_main, Contender, Fills};
use proofbook_types::Side;
use proofbook_workload::{Message, MessageKind};
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::Decimal;

/// What the crate calls an order that is not there.
const NONE: u64 = u64::MAX;

struct Peer {
    book: OrderBook,
    /// The crate's id by ours: it chooses its own.
    theirs: Vec<u64>,
    /// Ours by the crate's.
    ours: Vec<u64>,
    fills: Fills,
}

/// A message in the crate's own terms.
struct Input {
    kind: MessageKind,
    order_id: u64,
    side: OrderSide,
    price: Decimal,
    quantity: Decimal,
}

fn integer(value: Decimal) -> u64 {
    value
        .to_u64()
        .expect("only whole, positive numbers went in")
}

impl Peer {
    fn add(&mut self, input: &Input) {
        let (their_id, fills) = self
            .book
            .add_limit_order(input.side, input.price, input.quantity)
            .expect("prices and quantities are positive");
        let index = input.order_id as usize;
        if index >= self.theirs.len() {
            self.theirs.resize(index + 1, NONE);
        }
        self.theirs[index] = their_id;
        self.ours.push(input.order_id);
        for fill in fills {
            self.fills.record(
                self.ours[fill.maker_order_id as usize],
                self.ours[fill.taker_order_id as usize],
                integer(fill.price) as i64,
                integer(fill.quantity),
            );
        }
    }

    /// Whether the order was open.
    fn cancel(&mut self, order_id: u64) -> bool {
        let their_id = self.theirs.get(order_id as usize).copied().unwrap_or(NONE);
        self.book.cancel_limit_order(their_id).is_ok()
    }
}

impl Contender for Peer {
    type Input = Input;
    const NAME: &'static str = "limitbook";
    const DIFFERENCES: &'static str =
        "replace = cancel + new; immediate-or-cancel = new + cancel; its own order ids, translated by a table";

    fn prepare(message: &Message) -> Input {
        Input {
            kind: message.kind,
            order_id: message.order_id.0,
            side: match message.side {
                Side::Buy => OrderSide::Buy,
                Side::Sell => OrderSide::Sell,
            },
            price: Decimal::from(message.price.0),
            quantity: Decimal::from(message.quantity.0),
        }
    }

    fn new() -> Self {
        Peer {
            book: OrderBook::new(Decimal::ONE).expect("a tick of one is valid"),
            theirs: vec![NONE; 1 << 20],
            ours: Vec::with_capacity(1 << 21),
            fills: Fills::default(),
        }
    }

    fn apply(&mut self, input: &Input) {
        match input.kind {
            MessageKind::New => self.add(input),
            MessageKind::NewImmediateOrCancel => {
                self.add(input);
                self.cancel(input.order_id);
            }
            MessageKind::Cancel => {
                self.cancel(input.order_id);
            }
            MessageKind::Replace => {
                if self.cancel(input.order_id) {
                    self.add(input);
                }
            }
        }
    }

    fn fills(&self) -> Fills {
        self.fills
    }
}

fn main() -> ExitCode {
    peer_main::<Peer>()
}
