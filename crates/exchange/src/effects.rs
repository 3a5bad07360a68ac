//! What a market's events do to accounts and orders. Nothing else changes them while orders trade.
//!
//! Invariant: after each event every order of the market holds exactly what it must as it stands.

use proofbook_types::{CancelReason, Event, OrderId, Price, Quantity, ReduceReason};

use crate::entry::{Fees, MarketId, OrderKind, Target};
use crate::instrument::Instrument;
use crate::ledger::Ledger;
use crate::orders::OrderRecord;
use crate::outcome::{Execution, Liquidity, OrderStatus, Outcome, Report};
use crate::{ClientId, Refusal};

/// What the command that the market handles came of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Request<'a> {
    /// A new order; its draft.
    New { slot: u32 },
    /// A cancel or a reduction of an order.
    Change { order_id: u64, target: &'a Target },
    /// A replace of an order.
    Replace {
        order_id: u64,
        target: &'a Target,
        stop_price: Option<Price>,
        fees: Fees,
    },
    /// Anything else.
    Other,
}

/// What came of a command, beside its outcomes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Result {
    /// Orders that a mass cancel took out.
    pub cancelled: u32,
    /// Why the market did not do it.
    pub refusal: Option<Refusal>,
}

/// Takes a market's events.
pub(crate) struct Effects<'a, F> {
    pub ledger: &'a mut Ledger,
    pub instrument: &'a Instrument,
    pub market: MarketId,
    pub request: Request<'a>,
    pub result: Result,
    pub sink: &'a mut F,
}

impl<F: FnMut(Outcome)> Effects<'_, F> {
    #[inline]
    pub(crate) fn event(&mut self, event: Event) {
        (self.sink)(Outcome::Event {
            market: self.market,
            event,
        });
        match event {
            Event::Accepted { .. } => self.accepted(),
            Event::Trade {
                maker_id,
                taker_id,
                price,
                quantity,
                ..
            } => {
                self.trade(maker_id, Liquidity::Maker, price, quantity);
                self.trade(taker_id, Liquidity::Taker, price, quantity);
            }
            Event::Cancelled {
                order_id, reason, ..
            } => self.cancelled(order_id, reason),
            Event::Expired { order_id, .. } => {
                let slot = self.slot(order_id);
                self.leave(slot, OrderStatus::Expired, Execution::Expired);
            }
            Event::Reduced {
                order_id,
                quantity,
                open,
                reason,
            } => self.reduced(order_id, quantity, open, reason),
            Event::Replaced {
                order_id,
                price,
                quantity,
                ..
            } => self.replaced(order_id, price, quantity),
            Event::Triggered { order_id } => {
                let slot = self.slot(order_id);
                self.report(slot, Execution::Triggered);
            }
            Event::Rejected { reason, .. } => self.rejected(Refusal::Market(reason)),
            // Where orders stand in the book is the market's affair.
            Event::Placed { .. }
            | Event::Refreshed { .. }
            | Event::PhaseChanged { .. }
            | Event::Uncrossed { .. } => {}
        }
    }

    /// The order that an event names; markets name live orders only.
    #[inline]
    fn slot(&self, order_id: OrderId) -> u32 {
        match self.request {
            Request::New { slot } if self.ledger.orders.get(slot).order_id == order_id.0 => slot,
            _ => self
                .ledger
                .orders
                .find(order_id.0)
                .expect("a market names orders that it took"),
        }
    }

    #[inline]
    fn accepted(&mut self) {
        let Request::New { slot } = self.request else {
            unreachable!("markets accept new orders only");
        };
        self.ledger.orders.make_live(slot);
        let account = self.ledger.orders.get(slot).account as usize;
        self.ledger.accounts[account].seats[self.market.0 as usize - 1].open_orders += 1;
        self.ledger.rehold(slot, self.instrument);
        self.report(slot, Execution::New);
    }

    #[inline]
    fn trade(&mut self, order_id: OrderId, liquidity: Liquidity, price: Price, quantity: Quantity) {
        let slot = self.slot(order_id);
        let notional = self.instrument.scale.notional(price, quantity.0);
        let record = self.ledger.orders.get_mut(slot);
        record.open -= quantity.0;
        record.filled += quantity.0;
        record.notional += notional;
        let rate = match liquidity {
            Liquidity::Maker => record.fees.maker,
            Liquidity::Taker => record.fees.taker,
        };
        let fee = record.charges.trade(notional, rate);
        let record = *record;
        self.ledger
            .settle(&record, self.instrument, quantity.0, notional, fee);
        let execution = Execution::Trade {
            price,
            quantity,
            liquidity,
            fee,
        };
        if record.open == 0 {
            self.leave(slot, OrderStatus::Filled, execution);
        } else {
            self.ledger.rehold(slot, self.instrument);
            self.report(slot, execution);
        }
    }

    /// A live order is gone: it holds nothing any more.
    #[inline]
    fn leave(&mut self, slot: u32, status: OrderStatus, execution: Execution) {
        let record = self.ledger.orders.get_mut(slot);
        record.open = 0;
        let account = record.account as usize;
        self.ledger.rehold(slot, self.instrument);
        self.ledger.accounts[account].seats[self.market.0 as usize - 1].open_orders -= 1;
        self.ledger.orders.finish(slot, status);
        self.report(slot, execution);
    }

    fn cancelled(&mut self, order_id: OrderId, reason: CancelReason) {
        if reason == CancelReason::MassCancel {
            self.result.cancelled += 1;
        }
        let slot = self.slot(order_id);
        self.leave(
            slot,
            OrderStatus::Cancelled,
            Execution::Cancelled { reason },
        );
    }

    fn reduced(
        &mut self,
        order_id: OrderId,
        quantity: Quantity,
        open: Quantity,
        reason: ReduceReason,
    ) {
        let slot = self.slot(order_id);
        let record = self.ledger.orders.get_mut(slot);
        record.open = open.0;
        record.quantity -= quantity.0;
        self.ledger.rehold(slot, self.instrument);
        self.report(slot, Execution::Reduced { quantity, reason });
    }

    fn replaced(&mut self, order_id: OrderId, price: Option<Price>, open: Quantity) {
        let Request::Replace {
            target,
            stop_price,
            fees,
            ..
        } = self.request
        else {
            unreachable!("markets replace what they are asked to");
        };
        let slot = self.slot(order_id);
        let record = self.ledger.orders.get_mut(slot);
        let original_id = record.client_id;
        record.session = target.session;
        record.quantity = record.filled + open.0;
        record.open = open.0;
        record.fees = fees;
        record.kind = with_prices(record.kind, price, stop_price);
        record.worst = price.unwrap_or(record.worst);
        self.ledger.orders.rename(slot, target.client_id);
        self.ledger.rehold(slot, self.instrument);
        let record = self.ledger.orders.get(slot);
        let mut report = report_of(record, Execution::Replaced);
        report.original_id = original_id;
        (self.sink)(Outcome::Report(report));
    }

    #[cold]
    fn rejected(&mut self, refusal: Refusal) {
        self.result.refusal = Some(refusal);
        match self.request {
            Request::New { slot } => {
                let record = *self.ledger.orders.get(slot);
                self.ledger.orders.discard(slot);
                let mut report = report_of(&record, Execution::Rejected { refusal });
                report.leaves = Quantity::ZERO;
                (self.sink)(Outcome::Report(report));
            }
            Request::Change { order_id, target } => {
                self.refused(order_id, target, Execution::CancelRejected { refusal });
            }
            Request::Replace {
                order_id, target, ..
            } => self.refused(order_id, target, Execution::ReplaceRejected { refusal }),
            Request::Other => {}
        }
    }

    fn refused(&mut self, order_id: u64, target: &Target, execution: Execution) {
        let orders = &self.ledger.orders;
        // An order whose time was over when the request came may be forgotten already, if many were.
        let record = orders.find(order_id).map(|slot| orders.get(slot));
        (self.sink)(Outcome::Report(answer_of(record, target, execution)));
    }

    /// Tells an order's owner.
    #[inline]
    fn report(&mut self, slot: u32, execution: Execution) {
        let record = self.ledger.orders.get(slot);
        let report = match (self.request, execution) {
            (
                Request::Change { order_id, target },
                Execution::Cancelled {
                    reason: CancelReason::Requested,
                }
                | Execution::Reduced {
                    reason: ReduceReason::Requested,
                    ..
                },
            ) if order_id == record.order_id => answer_of(Some(record), target, execution),
            _ => report_of(record, execution),
        };
        (self.sink)(Outcome::Report(report));
    }
}

/// A report to an order's owner.
#[inline]
pub(crate) fn report_of(record: &OrderRecord, execution: Execution) -> Report {
    let [quantity, leaves, cumulative] = record.quantities();
    Report {
        execution,
        status: record.status,
        side: record.side,
        market: record.market,
        account: proofbook_types::AccountId(u64::from(record.account)),
        session: record.session,
        order_id: OrderId(record.order_id),
        client_id: record.client_id,
        original_id: ClientId::NONE,
        kind: record.kind,
        quantity,
        leaves,
        cumulative,
        notional: record.notional,
        fees: record.charges.charged,
        hold: record.hold,
    }
}

/// A report that answers a request about an order, or about one that is not there: under the request's client id, if it
/// has one.
pub(crate) fn answer_of(
    record: Option<&OrderRecord>,
    target: &Target,
    execution: Execution,
) -> Report {
    let mut report = match record {
        Some(record) => report_of(record, execution),
        None => Report {
            account: target.account,
            client_id: target.original_id,
            ..report_of(&OrderRecord::none(target.order_id), execution)
        },
    };
    report.session = target.session;
    if target.client_id.is_some() {
        report.original_id = report.client_id;
        report.client_id = target.client_id;
    }
    report
}

/// A kind with the prices that a replace left it; a stop price that was not named stays.
fn with_prices(kind: OrderKind, price: Option<Price>, stop: Option<Price>) -> OrderKind {
    match kind {
        OrderKind::Market { bound } => OrderKind::Market {
            bound: price.or(bound),
        },
        OrderKind::Limit { price: old } => OrderKind::Limit {
            price: price.unwrap_or(old),
        },
        OrderKind::Stop { stop_price, bound } => OrderKind::Stop {
            stop_price: stop.unwrap_or(stop_price),
            bound: price.or(bound),
        },
        OrderKind::StopLimit {
            stop_price,
            price: old,
        } => OrderKind::StopLimit {
            stop_price: stop.unwrap_or(stop_price),
            price: price.unwrap_or(old),
        },
    }
}
