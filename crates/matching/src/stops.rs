//! Stops: section 8 of the rules.

use proofbook_book::Book;
use proofbook_types::{CancelReason, Event, EventSink, Order, Price, Quantity, Queue, Side};

use crate::work::cancel_incoming;
use crate::MatchingEngine;

impl<B: Book> MatchingEngine<B> {
    /// Whether the last trade has reached a stop price.
    #[inline]
    pub(crate) fn is_reached(&self, side: Side, stop_price: Price) -> bool {
        self.last_trade.is_some_and(|last| match side {
            Side::Buy => last >= stop_price,
            Side::Sell => last <= stop_price,
        })
    }

    /// Activates waiting orders, one after another, until none is reached. Each triggers once, so this ends.
    #[cold]
    pub(crate) fn trigger_stops(&mut self, events: &mut impl EventSink) {
        while let Some(slot) = self.first_reached() {
            let mut order = self.take_out(slot);
            let open = order.open();
            self.activate(&mut order, open, events);
        }
    }

    #[inline(always)]
    pub(crate) fn first_reached(&self) -> Option<B::Slot> {
        for side in Side::BOTH {
            let queue = Queue::stops(side);
            let stop_price = self.book.best_price(queue);
            if stop_price.is_some_and(|price| self.is_reached(side, price)) {
                return self.book.best(queue);
            }
        }
        None
    }

    /// The trigger of an order that stands in no queue is reached: it becomes a market or limit order and is worked.
    #[cold]
    pub(crate) fn activate(
        &mut self,
        order: &mut Order,
        open: Quantity,
        events: &mut impl EventSink,
    ) {
        order.stop_price = None;
        events.event(Event::Triggered { order_id: order.id });
        if let Some(price) = order.price {
            if self.is_beyond_collar(order.side, price) {
                return cancel_incoming(order, open, CancelReason::LimitBeyondCollar, events);
            }
            if order.post_only && self.would_cross(order.side, price) {
                return cancel_incoming(order, open, CancelReason::WouldCross, events);
            }
        }
        self.work(order, open, events);
    }
}
