//! Drives `lobster`, one message at a time.

use std::process::ExitCode;

use lobster::{FillMetadata, OrderBook, OrderEvent, OrderType, Side};
use proofbook_bench::{peer_main, Contender, Fills};
use proofbook_types::Side as MessageSide;
use proofbook_workload::{Message, MessageKind};

struct Peer {
    book: OrderBook,
    /// Open quantity by order id: the crate does not tell whether a cancel found its order. Ids are dense.
    open: Vec<u64>,
    fills: Fills,
}

impl Peer {
    fn add(&mut self, message: &Message) {
        let id = message.order_id.0;
        let event = self.book.execute(OrderType::Limit {
            id: u128::from(id),
            side: match message.side {
                MessageSide::Buy => Side::Bid,
                MessageSide::Sell => Side::Ask,
            },
            qty: message.quantity.0,
            price: u64::try_from(message.price.0).expect("the workload's prices are positive"),
        });
        self.set_open(id, message.quantity.0);
        if let OrderEvent::Filled { fills, .. } | OrderEvent::PartiallyFilled { fills, .. } = event
        {
            for fill in fills {
                self.take(&fill);
            }
        }
    }

    fn take(&mut self, fill: &FillMetadata) {
        let (taker_id, maker_id) = (fill.order_1 as u64, fill.order_2 as u64);
        self.fills
            .record(maker_id, taker_id, fill.price as i64, fill.qty);
        for id in [maker_id, taker_id] {
            self.open[id as usize] = self.open[id as usize].saturating_sub(fill.qty);
        }
    }

    fn set_open(&mut self, id: u64, quantity: u64) {
        let index = id as usize;
        if index >= self.open.len() {
            self.open.resize(index + 1, 0);
        }
        self.open[index] = quantity;
    }

    /// Whether the order was open.
    fn cancel(&mut self, id: u64) -> bool {
        let was_open = self.open.get(id as usize).is_some_and(|&open| open > 0);
        if was_open {
            self.book.execute(OrderType::Cancel { id: u128::from(id) });
            self.open[id as usize] = 0;
        }
        was_open
    }
}

impl Contender for Peer {
    type Input = Message;
    const NAME: &'static str = "lobster";
    const DIFFERENCES: &'static str =
        "replace = cancel + new; immediate-or-cancel = new + cancel; whether an order is live is kept beside the book";

    fn prepare(message: &Message) -> Message {
        *message
    }

    fn new() -> Self {
        Peer {
            book: OrderBook::new(1 << 16, 16, false),
            open: vec![0; 1 << 20],
            fills: Fills::default(),
        }
    }

    fn apply(&mut self, message: &Message) {
        let id = message.order_id.0;
        match message.kind {
            MessageKind::New => self.add(message),
            MessageKind::NewImmediateOrCancel => {
                self.add(message);
                self.cancel(id);
            }
            MessageKind::Cancel => {
                self.cancel(id);
            }
            MessageKind::Replace => {
                if self.cancel(id) {
                    self.add(message);
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
