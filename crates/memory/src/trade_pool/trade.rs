//! A trade as its participants see it: what is kept of the event that told of it.

use proofbook_types::{Event, OrderId, Price, Quantity, Side};

/// One trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// The resting order.
    pub maker: OrderId,
    /// The incoming order.
    pub taker: OrderId,
    /// The taker's side.
    pub taker_side: Side,
    /// The price.
    pub price: Price,
    /// How much.
    pub quantity: Quantity,
}

impl Trade {
    /// The trade that an event tells of, if it tells of one.
    pub fn from_event(event: &Event) -> Option<Trade> {
        match *event {
            Event::Trade {
                maker_id,
                taker_id,
                taker_side,
                price,
                quantity,
                ..
            } => Some(Trade {
                maker: maker_id,
                taker: taker_id,
                taker_side,
                price,
                quantity,
            }),
            _ => None,
        }
    }
}
