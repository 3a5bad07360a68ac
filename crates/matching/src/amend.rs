//! Cancel, mass cancel, reduce and replace: sections 9 and 10 of the rules.

use core::mem;

use proofbook_book::Book;
use proofbook_types::{
    AccountId, CancelReason, Event, EventSink, Order, OrderId, Phase, Price, Quantity,
    ReduceReason, RejectReason, Side,
};

use crate::enter::has_too_many_slices;
use crate::work::cancel_incoming;
use crate::MatchingEngine;

impl<B: Book> MatchingEngine<B> {
    #[inline(always)]
    fn live(&self, order_id: OrderId) -> Result<B::Slot, RejectReason> {
        self.book.find(order_id).ok_or(RejectReason::UnknownOrder)
    }

    #[inline(always)]
    pub(crate) fn cancel(
        &mut self,
        order_id: OrderId,
        events: &mut impl EventSink,
    ) -> Result<(), RejectReason> {
        let slot = self.live(order_id)?;
        self.cancel_inline(slot, CancelReason::Requested, events);
        Ok(())
    }

    #[inline(never)]
    pub(crate) fn cancel_live(
        &mut self,
        slot: B::Slot,
        reason: CancelReason,
        events: &mut impl EventSink,
    ) {
        self.cancel_inline(slot, reason, events);
    }

    #[inline(always)]
    fn cancel_inline(&mut self, slot: B::Slot, reason: CancelReason, events: &mut impl EventSink) {
        let order = self.take_out(slot);
        cancel_incoming(&order, order.open(), reason, events);
    }

    pub(crate) fn mass_cancel(
        &mut self,
        account: AccountId,
        events: &mut impl EventSink,
    ) -> Result<(), RejectReason> {
        if !account.is_some() {
            return Err(RejectReason::MissingAccount);
        }
        let mut ids = mem::take(&mut self.scratch.ids);
        ids.clear();
        self.book.account_orders(account, &mut ids);
        ids.sort_unstable();
        for &id in &ids {
            let slot = self
                .book
                .find(id)
                .expect("a book lists live orders of an account");
            self.cancel_live(slot, CancelReason::MassCancel, events);
        }
        self.scratch.ids = ids;
        Ok(())
    }

    pub(crate) fn reduce(
        &mut self,
        order_id: OrderId,
        quantity: Quantity,
        events: &mut impl EventSink,
    ) -> Result<(), RejectReason> {
        self.check_quantity(quantity)?;
        let slot = self.live(order_id)?;
        let open = self.book.displayed(slot).0 + self.book.hidden(slot).0;
        if quantity.0 > open {
            return Err(RejectReason::ReduceTooLarge);
        }
        if quantity.0 == open {
            self.cancel_live(slot, CancelReason::Requested, events);
        } else {
            self.reduce_live(slot, quantity, ReduceReason::Requested, events);
        }
        Ok(())
    }

    /// Lowers a live order by less than all of it.
    pub(crate) fn reduce_live(
        &mut self,
        slot: B::Slot,
        quantity: Quantity,
        reason: ReduceReason,
        events: &mut impl EventSink,
    ) {
        let order = self.book.order(slot);
        self.lower(slot, order.side, quantity);
        events.event(Event::Reduced {
            order_id: order.id,
            quantity,
            open: Quantity(order.open().0 - quantity.0),
            reason,
        });
    }

    fn lower(&mut self, slot: B::Slot, side: Side, quantity: Quantity) {
        self.book.reduce(slot, quantity);
        self.open_quantity[side as usize] -= quantity.0;
    }

    #[inline(always)]
    pub(crate) fn replace(
        &mut self,
        order_id: OrderId,
        price: Option<Price>,
        quantity: Option<Quantity>,
        stop_price: Option<Price>,
        events: &mut impl EventSink,
    ) -> Result<(), RejectReason> {
        if self.phase == Phase::Halted {
            return Err(RejectReason::MarketHalted);
        }
        if price.is_none() && quantity.is_none() && stop_price.is_none() {
            return Err(RejectReason::ReplaceTerms);
        }
        if let Some(quantity) = quantity {
            self.check_order_quantity(quantity)?;
        }
        self.check_tick(price)?;
        self.check_tick(stop_price)?;
        let slot = self.live(order_id)?;
        let mut order = self.book.order(slot);
        let (old_price, old_stop_price, old_open) = (order.price, order.stop_price, order.open());
        if (stop_price.is_some() && old_stop_price.is_none())
            || (price.is_some() && old_price.is_none())
        {
            return Err(RejectReason::ReplaceTerms);
        }
        order.price = price.or(old_price);
        order.stop_price = stop_price.or(old_stop_price);
        let open = quantity.unwrap_or(old_open);
        let stays = order.price == old_price && order.stop_price == old_stop_price;
        let keeps_priority = stays && open < old_open;
        if keeps_priority {
            self.lower(slot, order.side, Quantity(old_open.0 - open.0));
        } else {
            self.check_replacement(&order, old_open, open)?;
            self.book.remove(slot);
            self.open_quantity[order.side as usize] -= old_open.0;
        }
        events.event(Event::Replaced {
            order_id,
            side: order.side,
            price: order.price,
            quantity: open,
            kept_priority: keeps_priority,
        });
        if !keeps_priority {
            self.enter_replacement(&mut order, open, events);
        }
        Ok(())
    }

    /// The checks of a replace that makes the order lose its place. `order` has its new prices already.
    #[inline]
    fn check_replacement(
        &self,
        order: &Order,
        old_open: Quantity,
        open: Quantity,
    ) -> Result<(), RejectReason> {
        let rank_price = order.price.or(order.stop_price);
        if rank_price.is_some_and(|price| self.is_notional_too_large(price, open)) {
            return Err(RejectReason::NotionalLimit);
        }
        if order
            .display
            .is_some_and(|display| has_too_many_slices(display, open))
        {
            return Err(RejectReason::DisplayQuantity);
        }
        let resting_price = match order.stop_price {
            None => order.price,
            Some(_) => None,
        };
        if resting_price.is_some_and(|price| self.is_beyond_collar(order.side, price)) {
            return Err(RejectReason::PriceCollar);
        }
        let others = self.open_quantity[order.side as usize] - old_open.0;
        if others.checked_add(open.0).is_none() || order.filled.checked_add(open).is_none() {
            return Err(RejectReason::QuantityOverflow);
        }
        if order.post_only && self.phase == Phase::Continuous {
            if let Some(price) = resting_price {
                if self.would_cross(order.side, price) {
                    return Err(RejectReason::WouldCross);
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn enter_replacement(
        &mut self,
        order: &mut Order,
        open: Quantity,
        events: &mut impl EventSink,
    ) {
        if let Some(stop_price) = order.stop_price {
            self.arm(order, stop_price, open, events);
        } else if self.phase == Phase::Auction {
            self.place(order, open, events);
        } else {
            self.work(order, open, events);
        }
    }
}
