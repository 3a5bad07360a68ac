//! Drives `orderbook-rs`, one message at a time.

use std::process::ExitCode;

use orderbook_rs::{OrderBook, TradeResult};
use pricelevel::{Hash32, Id, OrderType, Price, Quantity, Side, TimeInForce, TimestampMs};
use proofbook_bench::{peer_main, Contender, Fills};
use proofbook_types::Side as MessageSide;
use proofbook_workload::{Message, MessageKind};

struct Peer {
    book: OrderBook<()>,
    fills: Fills,
}

/// A message in the crate's own terms.
enum Input {
    New(OrderType<()>),
    Cancel(Id),
    Replace(OrderType<()>),
}

fn order(message: &Message, time_in_force: TimeInForce) -> OrderType<()> {
    OrderType::Standard {
        id: Id::Sequential(message.order_id.0),
        price: Price::new(
            u128::try_from(message.price.0).expect("the workload's prices are positive"),
        ),
        quantity: Quantity::new(message.quantity.0),
        side: match message.side {
            MessageSide::Buy => Side::Buy,
            MessageSide::Sell => Side::Sell,
        },
        user_id: Hash32::zero(),
        timestamp: TimestampMs::new(message.time.0 / 1_000_000),
        time_in_force,
        extra_fields: (),
    }
}

fn number(id: Id) -> u64 {
    match id {
        Id::Sequential(number) => number,
        _ => panic!("only sequential ids went in"),
    }
}

impl Peer {
    fn add(&mut self, order: OrderType<()>) {
        let result = match self.book.add_order_with_committed(order) {
            Ok((_, result)) => result,
            // An immediate-or-cancel order with a remainder is an error here.
            Err(failure) => failure.committed.map(|result| *result),
        };
        if let Some(TradeResult { match_result, .. }) = result {
            for trade in match_result.trades().as_vec() {
                self.fills.record(
                    number(trade.maker_order_id()),
                    number(trade.taker_order_id()),
                    trade.price().as_u128() as i64,
                    trade.quantity().as_u64(),
                );
            }
        }
    }
}

impl Contender for Peer {
    type Input = Input;
    const NAME: &'static str = "orderbook-rs";
    const DIFFERENCES: &'static str = "replace = cancel + new";

    fn prepare(message: &Message) -> Input {
        match message.kind {
            MessageKind::New => Input::New(order(message, TimeInForce::Gtc)),
            MessageKind::NewImmediateOrCancel => Input::New(order(message, TimeInForce::Ioc)),
            MessageKind::Cancel => Input::Cancel(Id::Sequential(message.order_id.0)),
            MessageKind::Replace => Input::Replace(order(message, TimeInForce::Gtc)),
        }
    }

    fn new() -> Self {
        Peer {
            book: OrderBook::new("PEER"),
            fills: Fills::default(),
        }
    }

    fn apply(&mut self, input: &Input) {
        match input {
            Input::New(order) => self.add(*order),
            Input::Cancel(id) => {
                let _was_live = self.book.cancel_order(*id);
            }
            Input::Replace(order) => {
                if matches!(self.book.cancel_order(order.id()), Ok(Some(_))) {
                    self.add(*order);
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
