//! What became of the order of a command, by the events of that command alone.

use proofbook_types::{
    Action, CancelReason, Command, Event, OrderId, Price, Quantity, Queue, RejectReason,
};

/// What became of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The order that the command names, if it names one.
    pub order_id: Option<OrderId>,
    /// Why it was rejected, if it was.
    pub rejected: Option<RejectReason>,
    /// What its order traded in it.
    pub filled: u64,
    /// In how many trades.
    pub fills: u32,
    /// Where its order took a place, if it did.
    pub placed: Option<(Queue, Price)>,
    /// What its order has open at the end, if events say so; 0 where it is gone.
    pub open: Option<Quantity>,
    /// Why what was left of its order was cancelled, if it was.
    pub cancelled: Option<CancelReason>,
    /// Whether its order's time was over.
    pub is_expired: bool,
}

impl Outcome {
    /// A word for it: `rejected`, `cancelled`, `expired`, `open`, `filled` or `done`.
    pub fn name(&self) -> &'static str {
        if self.rejected.is_some() {
            "rejected"
        } else if self.cancelled.is_some() {
            "cancelled"
        } else if self.is_expired {
            "expired"
        } else if self.open.is_some_and(|open| open.0 > 0) {
            "open"
        } else if self.filled > 0 {
            "filled"
        } else {
            "done"
        }
    }

    fn take(&mut self, id: OrderId, event: &Event) {
        match *event {
            Event::Rejected { reason, .. } => self.rejected = Some(reason),
            // What an earlier order with this id did in the same command, such as expire, is not its own.
            Event::Accepted {
                order_id, quantity, ..
            } if order_id == id => {
                *self = Outcome {
                    order_id: self.order_id,
                    open: Some(quantity),
                    ..Outcome::default()
                };
            }
            Event::Placed {
                order_id,
                queue,
                price,
                displayed,
                hidden,
                ..
            } if order_id == id => {
                self.placed = Some((queue, price));
                self.open = Some(Quantity(displayed.0.saturating_add(hidden.0)));
            }
            Event::Trade {
                maker_id,
                taker_id,
                quantity,
                maker_open,
                ..
            } if maker_id == id || taker_id == id => {
                self.filled = self.filled.saturating_add(quantity.0);
                self.fills += 1;
                self.open = match self.open {
                    _ if maker_id == id => Some(maker_open),
                    Some(open) => Some(Quantity(open.0.saturating_sub(quantity.0))),
                    None => None,
                };
            }
            Event::Reduced { order_id, open, .. } if order_id == id => self.open = Some(open),
            Event::Replaced {
                order_id, quantity, ..
            } if order_id == id => self.open = Some(quantity),
            Event::Cancelled {
                order_id, reason, ..
            } if order_id == id => {
                self.cancelled = Some(reason);
                self.open = Some(Quantity(0));
            }
            Event::Expired { order_id, .. } if order_id == id => {
                self.is_expired = true;
                self.open = Some(Quantity(0));
            }
            _ => {}
        }
    }
}

/// What became of a command with these events.
pub fn outcome(command: &Command, events: &[Event]) -> Outcome {
    let order_id = match command.action {
        Action::New(order) => Some(order.order_id),
        Action::Cancel { order_id }
        | Action::Reduce { order_id, .. }
        | Action::Replace { order_id, .. } => Some(order_id),
        _ => None,
    };
    let mut outcome = Outcome {
        order_id,
        ..Outcome::default()
    };
    for event in events {
        match order_id {
            Some(id) => outcome.take(id, event),
            None => {
                if let Event::Rejected { reason, .. } = event {
                    outcome.rejected = Some(*reason);
                }
            }
        }
    }
    outcome
}
