//! Working an order against the opposite queue: sections 5, 6 and 7 of the rules.

use proofbook_book::Book;
use proofbook_types::{
    CancelReason, Event, EventSink, Order, Price, Quantity, Queue, ReduceReason,
    SelfTradePrevention, Side, TimeInForce,
};

use crate::MatchingEngine;

impl<B: Book> MatchingEngine<B> {
    /// Trades what can be traded of `open`, then cancels or places the rest.
    #[inline(never)]
    pub(crate) fn work(&mut self, order: &mut Order, open: Quantity, events: &mut impl EventSink) {
        self.work_inline(order, open, events);
    }

    #[inline(always)]
    pub(crate) fn work_inline(
        &mut self,
        order: &mut Order,
        mut open: Quantity,
        events: &mut impl EventSink,
    ) {
        let side = order.side;
        let bound = order.price.unwrap_or_else(|| self.market_bound(side));
        if order.time_in_force == TimeInForce::FillOrKill && !self.can_fill(order, open, bound) {
            cancel_incoming(order, open, CancelReason::FillOrKill, events);
            return;
        }
        let queue = Queue::resting(side.opposite());
        let prevents = order.account.is_some() && order.self_trade != SelfTradePrevention::Allow;
        while !open.is_zero() && self.book.crosses(queue, bound) {
            let (Some(price), Some(maker)) = (self.book.best_price(queue), self.book.best(queue))
            else {
                unreachable!("a queue that is crossed has a first order");
            };
            if prevents && self.book.account(maker) == order.account {
                open = self.prevent_self_trade(order, open, maker, events);
                continue;
            }
            let quantity = open.min(self.book.displayed(maker));
            open.0 -= quantity.0;
            order.filled.0 += quantity.0;
            self.last_trade = Some(price);
            let maker_open =
                Quantity(self.book.displayed(maker).0 - quantity.0 + self.book.hidden(maker).0);
            events.event(Event::Trade {
                maker_id: self.book.id(maker),
                taker_id: order.id,
                taker_side: side,
                price,
                quantity,
                maker_open,
            });
            self.fill_first(queue, maker, quantity, maker_open, events);
        }
        if !open.is_zero() {
            self.settle(side, order, open, events);
        }
    }

    /// What happens to the quantity that could not trade.
    #[inline(always)]
    fn settle(
        &mut self,
        side: Side,
        order: &mut Order,
        open: Quantity,
        events: &mut impl EventSink,
    ) {
        if order.price.is_none() {
            let reason = if self
                .book
                .best_price(Queue::resting(side.opposite()))
                .is_some()
            {
                CancelReason::PriceCollar
            } else {
                CancelReason::Unfilled
            };
            cancel_incoming(order, open, reason, events);
        } else if order.time_in_force.rests() {
            self.place_inline(order, open, events);
        } else {
            cancel_incoming(order, open, CancelReason::Unfilled, events);
        }
    }

    /// The worst price that a market order may trade at: the collar's, else any.
    fn market_bound(&self, side: Side) -> Price {
        self.collar_bound(side).unwrap_or(match side {
            Side::Buy => Price(i64::MAX),
            Side::Sell => Price(i64::MIN),
        })
    }

    /// Books a trade of the first order of a queue, which leaves it `open`.
    #[inline]
    pub(crate) fn fill_first(
        &mut self,
        queue: Queue,
        slot: B::Slot,
        quantity: Quantity,
        open: Quantity,
        events: &mut impl EventSink,
    ) {
        self.open_quantity[queue.side() as usize] -= quantity.0;
        if open.is_zero() {
            self.book.remove_best(queue, slot);
            return;
        }
        self.book.fill(slot, quantity);
        if self.book.displayed(slot).is_zero() {
            let order_id = self.book.id(slot);
            let priority = self.next_priority();
            self.book.refresh(slot, priority);
            let slot = self
                .book
                .find(order_id)
                .expect("a refreshed order is still live");
            events.event(Event::Refreshed {
                order_id,
                displayed: self.book.displayed(slot),
                hidden: self.book.hidden(slot),
                priority,
            });
        }
    }

    /// Two orders of one account meet; the incoming one's setting decides. Gives what the incoming order has left.
    #[cold]
    fn prevent_self_trade(
        &mut self,
        order: &Order,
        open: Quantity,
        maker: B::Slot,
        events: &mut impl EventSink,
    ) -> Quantity {
        let reason = CancelReason::SelfTrade;
        match order.self_trade {
            SelfTradePrevention::Allow => unreachable!("orders that allow self-trades trade"),
            SelfTradePrevention::CancelNewest => {
                cancel_incoming(order, open, reason, events);
                Quantity::ZERO
            }
            SelfTradePrevention::CancelOldest => {
                self.cancel_live(maker, reason, events);
                open
            }
            SelfTradePrevention::CancelBoth => {
                self.cancel_live(maker, reason, events);
                cancel_incoming(order, open, reason, events);
                Quantity::ZERO
            }
            SelfTradePrevention::DecrementAndCancel => {
                let maker_open = self.book.order(maker).open();
                let quantity = open.min(maker_open);
                if quantity == maker_open {
                    self.cancel_live(maker, reason, events);
                } else {
                    self.reduce_live(maker, quantity, ReduceReason::SelfTrade, events);
                }
                let left = Quantity(open.0 - quantity.0);
                if left.is_zero() {
                    cancel_incoming(order, open, reason, events);
                } else {
                    events.event(Event::Reduced {
                        order_id: order.id,
                        quantity,
                        open: left,
                        reason: ReduceReason::SelfTrade,
                    });
                }
                left
            }
        }
    }

    /// Whether the order would trade in full if it were worked now.
    fn can_fill(&self, order: &Order, open: Quantity, bound: Price) -> bool {
        let queue = Queue::resting(order.side.opposite());
        let prevents = order.account.is_some() && order.self_trade != SelfTradePrevention::Allow;
        let mut available: u64 = 0;
        let mut next = self.book.next_level(queue, None);
        while let Some(level) = next {
            if !order.side.accepts(bound, level.price) {
                return false;
            }
            if prevents {
                let (quantity, is_end) = self.available_at(order, queue, level.price, level.orders);
                available += quantity;
                if is_end {
                    return available >= open.0;
                }
            } else {
                available += level.displayed.0 + level.hidden.0;
            }
            if available >= open.0 {
                return true;
            }
            next = self.book.next_level(queue, Some(level.price));
        }
        false
    }

    /// What an order with self-trade prevention can trade at one price, and whether it ends there.
    fn available_at(&self, order: &Order, queue: Queue, price: Price, orders: u32) -> (u64, bool) {
        let mut displayed = 0;
        let mut hidden = 0;
        let mut next = self.book.front(queue, price);
        for _ in 0..orders {
            let slot = next.expect("a level holds as many orders as it says");
            if self.book.account(slot) != order.account {
                displayed += self.book.displayed(slot).0;
                hidden += self.book.hidden(slot).0;
            } else if order.self_trade != SelfTradePrevention::CancelOldest {
                return (displayed, true);
            }
            next = self.book.next(slot);
        }
        (displayed + hidden, false)
    }
}

/// Says that what is left of an order that holds no place is cancelled.
#[inline]
pub(crate) fn cancel_incoming(
    order: &Order,
    open: Quantity,
    reason: CancelReason,
    events: &mut impl EventSink,
) {
    events.event(Event::Cancelled {
        order_id: order.id,
        side: order.side,
        price: order.price,
        quantity: open,
        reason,
    });
}
