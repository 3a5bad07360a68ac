//! Requests about orders that exist: cancel, reduce, replace, mass cancel. Section 7 of `docs/EXCHANGE.md`.

use proofbook_book::Book;
use proofbook_types::{AccountId, Action as MarketAction, OrderId, Price, Quantity};

use crate::core::Exchange;
use crate::effects::{answer_of, Request};
use crate::entry::{Fees, OrderKind, Target};
use crate::ledger::{signed, Ledger};
use crate::outcome::{Execution, OrderStatus, Outcome};
use crate::trading::{check_collar, check_ranges, check_size, tightest};
use crate::Refusal;

/// A replace that passed, or whose client id the order has or had already.
enum Checked {
    /// It was done before.
    Known(u32),
    /// It goes to the order's market.
    Replace {
        slot: u32,
        /// The open quantity, if the request names a total one.
        open: Option<Quantity>,
        fees: Fees,
    },
}

/// What a replace names.
#[derive(Clone, Copy)]
pub(crate) struct NewTerms {
    pub price: Option<Price>,
    pub quantity: Option<Quantity>,
    pub stop_price: Option<Price>,
}

impl<B: Book + Default> Exchange<B> {
    pub(crate) fn cancel(&mut self, target: &Target, sink: &mut impl FnMut(Outcome)) {
        self.change(target, |order_id| MarketAction::Cancel { order_id }, sink);
    }

    pub(crate) fn reduce(
        &mut self,
        target: &Target,
        quantity: Quantity,
        sink: &mut impl FnMut(Outcome),
    ) {
        let action = |order_id| MarketAction::Reduce { order_id, quantity };
        self.change(target, action, sink);
    }

    #[inline]
    fn change(
        &mut self,
        target: &Target,
        action: impl Fn(OrderId) -> MarketAction,
        sink: &mut impl FnMut(Outcome),
    ) {
        match self.live_target(target) {
            Ok(slot) => {
                let record = self.ledger.orders.get(slot);
                let market = record.market.0 as usize - 1;
                let order_id = record.order_id;
                let request = Request::Change { order_id, target };
                self.run(market, action(OrderId(order_id)), request, sink);
            }
            Err(refusal) => {
                self.reject_change(target, Execution::CancelRejected { refusal }, sink);
            }
        }
    }

    pub(crate) fn replace(
        &mut self,
        target: &Target,
        terms: NewTerms,
        sink: &mut impl FnMut(Outcome),
    ) {
        match self.check_replace(target, terms) {
            Ok(Checked::Replace { slot, open, fees }) => {
                let record = self.ledger.orders.get(slot);
                let market = record.market.0 as usize - 1;
                let order_id = record.order_id;
                let action = MarketAction::Replace {
                    order_id: OrderId(order_id),
                    price: terms.price,
                    quantity: open,
                    stop_price: terms.stop_price,
                };
                let request = Request::Replace {
                    order_id,
                    target,
                    stop_price: terms.stop_price,
                    fees,
                };
                self.run(market, action, request, sink);
            }
            Ok(Checked::Known(slot)) => self.restate(slot, target.session, sink),
            Err(refusal) => {
                self.reject_change(target, Execution::ReplaceRejected { refusal }, sink);
            }
        }
    }

    fn check_replace(&self, target: &Target, terms: NewTerms) -> Result<Checked, Refusal> {
        let account = self.ledger.trader(target.account)?;
        if !target.client_id.is_some() {
            return Err(Refusal::MissingClientId);
        }
        let meant = self.target(target);
        match self.ledger.orders.named(account as u32, &target.client_id) {
            Some(slot) if meant == Ok(slot) => return Ok(Checked::Known(slot)),
            Some(_) => return Err(Refusal::DuplicateClientId),
            None => {}
        }
        let slot = self.live(meant?)?;
        let record = self.ledger.orders.get(slot);
        let index = record.market.0 as usize - 1;
        self.may_trade(account, index)?;
        let quantity = terms
            .quantity
            .map_or(record.quantity, |quantity| quantity.0);
        check_ranges([terms.price, terms.stop_price], Quantity(quantity))?;
        if quantity <= record.filled {
            return Err(Refusal::QuantityFilled);
        }
        let market = &self.markets[index];
        let owner = &self.ledger.accounts[account];
        let seat = &owner.seats[index];
        let mut after = *record;
        after.worst = terms.price.unwrap_or(match record.kind {
            OrderKind::Stop { bound: None, .. } => terms.stop_price.unwrap_or(record.worst),
            _ => record.worst,
        });
        after.open = quantity - record.filled;
        after.fees = owner.fees.unwrap_or(market.instrument.fees);
        for limits in [&seat.limits, &market.instrument.limits] {
            check_size(limits, market, quantity, Some(after.worst))?;
        }
        if let (OrderKind::Limit { .. }, Some(price)) = (record.kind, terms.price) {
            let collar = tightest(seat.limits.collar, market.instrument.limits.collar);
            check_collar(market, collar, record.side, price)?;
        }
        let more = signed(after.hold_now(&market.instrument.scale)) - signed(record.hold);
        let asset = Ledger::held_asset(&market.instrument, record.side);
        if more > self.ledger.balance(account, asset).available() {
            return Err(Refusal::InsufficientFunds);
        }
        Ok(Checked::Replace {
            slot,
            open: terms.quantity.map(|_| Quantity(after.open)),
            fees: after.fees,
        })
    }

    /// The order that a request means, live or remembered.
    fn target(&self, target: &Target) -> Result<u32, Refusal> {
        let account = self.ledger.trader(target.account)? as u32;
        let orders = &self.ledger.orders;
        let slot = if target.original_id.is_some() {
            orders.named(account, &target.original_id)
        } else {
            orders
                .find(target.order_id.0)
                .filter(|&slot| orders.get(slot).account == account)
        };
        slot.ok_or(Refusal::UnknownOrder)
    }

    fn live(&self, slot: u32) -> Result<u32, Refusal> {
        if self.ledger.orders.get(slot).status == OrderStatus::Live {
            Ok(slot)
        } else {
            Err(Refusal::UnknownOrder)
        }
    }

    fn live_target(&self, target: &Target) -> Result<u32, Refusal> {
        self.live(self.target(target)?)
    }

    /// Says that a request about an order was refused before a market saw it, and how the order stands, if there is one.
    pub(crate) fn reject_change(
        &self,
        target: &Target,
        execution: Execution,
        sink: &mut impl FnMut(Outcome),
    ) {
        let slot = self.target(target).ok();
        let record = slot.map(|slot| self.ledger.orders.get(slot));
        sink(Outcome::Report(answer_of(record, target, execution)));
    }

    /// Cancels all orders of an account in the markets from `first` to `last`; how many there were.
    pub(crate) fn cancel_all(
        &mut self,
        account: usize,
        markets: std::ops::Range<usize>,
        sink: &mut impl FnMut(Outcome),
    ) -> u32 {
        let mut cancelled = 0;
        for market in markets {
            if self.ledger.accounts[account].seats[market].open_orders > 0 {
                let action = MarketAction::MassCancel {
                    account: AccountId(account as u64),
                };
                cancelled += self.run(market, action, Request::Other, sink).cancelled;
            }
        }
        cancelled
    }
}
