//! New orders: the checks of section 4 of the rules, in their order.

use proofbook_book::Book;
use proofbook_types::{
    Event, EventSink, NewOrder, Order, OrderKind, Phase, Price, Quantity, RejectReason,
    SelfTradePrevention, TimeInForce,
};

use crate::MatchingEngine;

/// An iceberg shows at most this many slices. This bounds what one command can set off.
const SLICES_MAX: u64 = 1024;

impl<B: Book> MatchingEngine<B> {
    #[inline(always)]
    pub(crate) fn enter(
        &mut self,
        new: &NewOrder,
        events: &mut impl EventSink,
    ) -> Result<(), RejectReason> {
        match plain_limit(new) {
            Some(price) if self.is_unlimited && self.phase == Phase::Continuous => {
                self.enter_plain(new, price, events)
            }
            _ => self.enter_any(new, events),
        }
    }

    /// The short way for the orders that nearly all are: of all checks of the terms, only the one for zero can fail here.
    #[inline(always)]
    fn enter_plain(
        &mut self,
        new: &NewOrder,
        price: Price,
        events: &mut impl EventSink,
    ) -> Result<(), RejectReason> {
        if new.quantity.is_zero() {
            return Err(RejectReason::ZeroQuantity);
        }
        self.check_room(new, new.time_in_force.rests())?;
        accept(new, events);
        // The same order as `NewOrder::order` gives, with the terms it must have written out as constants, so that the
        // compiler makes a copy of the matching loop in which they are folded in.
        let mut order = Order {
            id: new.order_id,
            account: new.account,
            side: new.side,
            price: Some(price),
            stop_price: None,
            displayed: Quantity::ZERO,
            hidden: Quantity::ZERO,
            display: None,
            filled: Quantity::ZERO,
            priority: 0,
            time_in_force: if new.time_in_force.rests() {
                TimeInForce::GoodTillCancel
            } else {
                TimeInForce::ImmediateOrCancel
            },
            post_only: false,
            self_trade: SelfTradePrevention::Allow,
        };
        self.work_inline(&mut order, new.quantity, events);
        Ok(())
    }

    #[inline(never)]
    fn enter_any(
        &mut self,
        new: &NewOrder,
        events: &mut impl EventSink,
    ) -> Result<(), RejectReason> {
        self.check_phase(new)?;
        self.check_terms(new)?;
        self.check_room(new, rests_or_waits(new))?;
        if let OrderKind::Limit { price } = new.kind {
            if new.post_only && self.phase == Phase::Continuous && self.would_cross(new.side, price)
            {
                return Err(RejectReason::WouldCross);
            }
        }
        accept(new, events);
        let mut order = new.order();
        if let Some(stop_price) = order.stop_price {
            self.arm(&mut order, stop_price, new.quantity, events);
        } else if self.phase == Phase::Auction {
            self.place(&mut order, new.quantity, events);
        } else {
            self.work(&mut order, new.quantity, events);
        }
        Ok(())
    }

    #[inline]
    fn check_phase(&self, new: &NewOrder) -> Result<(), RejectReason> {
        match self.phase {
            Phase::Continuous => Ok(()),
            Phase::Halted => Err(RejectReason::MarketHalted),
            Phase::Auction if rests_or_waits(new) => Ok(()),
            Phase::Auction => Err(RejectReason::WrongPhase),
        }
    }

    #[inline]
    fn check_terms(&self, new: &NewOrder) -> Result<(), RejectReason> {
        self.check_order_quantity(new.quantity)?;
        self.check_tick(new.kind.price())?;
        self.check_tick(new.kind.stop_price())?;
        if self.config.max_notional.is_some() {
            let price = match new.kind {
                OrderKind::Limit { price } | OrderKind::StopLimit { price, .. } => Some(price),
                OrderKind::Stop { stop_price } => Some(stop_price),
                OrderKind::Market => self.reference_price(),
            };
            if price.is_some_and(|price| self.is_notional_too_large(price, new.quantity)) {
                return Err(RejectReason::NotionalLimit);
            }
        }
        self.check_life(new)?;
        if let OrderKind::Limit { price } = new.kind {
            if self.is_beyond_collar(new.side, price) {
                return Err(RejectReason::PriceCollar);
            }
        }
        Ok(())
    }

    /// Time in force, post-only and display quantity.
    #[inline]
    fn check_life(&self, new: &NewOrder) -> Result<(), RejectReason> {
        let is_lasting = new.time_in_force.rests();
        let fits = match new.kind {
            OrderKind::Market => !is_lasting,
            OrderKind::Stop { .. } => is_lasting,
            OrderKind::Limit { .. } | OrderKind::StopLimit { .. } => true,
        };
        if !fits {
            return Err(RejectReason::TimeInForce);
        }
        if let TimeInForce::GoodTillDate { expiry } = new.time_in_force {
            if expiry <= self.clock {
                return Err(RejectReason::AlreadyExpired);
            }
        }
        let may_rest = is_lasting && new.kind.price().is_some();
        if new.post_only && !may_rest {
            return Err(RejectReason::PostOnly);
        }
        if let Some(display) = new.display {
            if !may_rest
                || display >= new.quantity
                || has_too_many_slices(display, new.quantity)
                || self.check_quantity(display).is_err()
            {
                return Err(RejectReason::DisplayQuantity);
            }
        }
        Ok(())
    }

    /// Identity and capacity.
    #[inline(always)]
    fn check_room(&self, new: &NewOrder, rests_or_waits: bool) -> Result<(), RejectReason> {
        if self.book.find(new.order_id).is_some() {
            return Err(RejectReason::DuplicateOrder);
        }
        if rests_or_waits {
            if self.book.len() >= self.config.max_orders as usize {
                return Err(RejectReason::BookFull);
            }
            self.open_quantity[new.side as usize]
                .checked_add(new.quantity.0)
                .ok_or(RejectReason::QuantityOverflow)?;
        }
        Ok(())
    }

    /// A stop order whose trigger is reached goes to work, any other waits.
    pub(crate) fn arm(
        &mut self,
        order: &mut Order,
        stop_price: Price,
        open: Quantity,
        events: &mut impl EventSink,
    ) {
        if self.phase == Phase::Continuous && self.is_reached(order.side, stop_price) {
            self.activate(order, open, events);
        } else {
            self.place(order, open, events);
        }
    }
}

/// The limit price of an order that asks for nothing but to trade, and to rest or be cancelled after that.
#[inline(always)]
fn plain_limit(new: &NewOrder) -> Option<Price> {
    let is_plain = matches!(
        new.time_in_force,
        TimeInForce::GoodTillCancel | TimeInForce::ImmediateOrCancel
    ) && !new.post_only
        && new.display.is_none()
        && new.self_trade == SelfTradePrevention::Allow;
    match new.kind {
        OrderKind::Limit { price } if is_plain => Some(price),
        _ => None,
    }
}

#[inline(always)]
fn accept(new: &NewOrder, events: &mut impl EventSink) {
    events.event(Event::Accepted {
        order_id: new.order_id,
        account: new.account,
        side: new.side,
        price: new.kind.price(),
        quantity: new.quantity,
    });
}

/// Whether an iceberg of this quantity would show more slices than it may.
pub(crate) fn has_too_many_slices(display: Quantity, quantity: Quantity) -> bool {
    display.0.saturating_mul(SLICES_MAX) < quantity.0
}

fn rests_or_waits(new: &NewOrder) -> bool {
    match new.kind {
        OrderKind::Market => false,
        OrderKind::Limit { .. } => new.time_in_force.rests(),
        OrderKind::Stop { .. } | OrderKind::StopLimit { .. } => true,
    }
}
