//! New orders: what is checked before a market sees them. Sections 4, 6 and 7 of `docs/EXCHANGE.md`.

use proofbook_book::Book;
use proofbook_types::{
    Action as MarketAction, NewOrder as MarketOrder, OrderId, OrderKind as MarketKind, Price,
    Quantity, RejectReason, Side, TimeInForce,
};

use crate::core::{Exchange, Market};
use crate::effects::{report_of, Request};
use crate::entry::{Fees, Limits, NewOrder, OrderKind};
use crate::hold::{PRICE_MAX, QUANTITY_MAX};
use crate::ledger::{signed, Ledger};
use crate::orders::OrderRecord;
use crate::outcome::{Execution, Outcome};
use crate::Refusal;

/// What a market is asked to take for an order.
struct Resolved {
    kind: MarketKind,
    time_in_force: TimeInForce,
    /// The worst price, where there is one that counts for holds and limits.
    worst: Option<Price>,
}

/// A new order that passed, or that is known already.
enum Checked {
    /// The order in this slot has or had its client id.
    Known(u32),
    /// It goes to a market.
    Draft {
        market: usize,
        slot: u32,
        order: MarketOrder,
    },
}

impl<B: Book + Default> Exchange<B> {
    #[inline]
    pub(crate) fn enter(&mut self, order: &NewOrder, sink: &mut impl FnMut(Outcome)) {
        match self.check_new(order) {
            Ok(Checked::Draft {
                market,
                slot,
                order,
            }) => {
                let request = Request::New { slot };
                self.run(market, MarketAction::New(order), request, sink);
            }
            Ok(Checked::Known(slot)) => self.restate(slot, order.session, sink),
            Err(refusal) => self.reject(order, refusal, sink),
        }
    }

    #[inline]
    fn check_new(&mut self, order: &NewOrder) -> Result<Checked, Refusal> {
        let account = self.ledger.trader(order.account)?;
        if !order.client_id.is_some() {
            return Err(Refusal::MissingClientId);
        }
        if let Some(slot) = self.ledger.orders.named(account as u32, &order.client_id) {
            return Ok(Checked::Known(slot));
        }
        let index = self.market_index(order.market)?;
        self.may_trade(account, index)?;
        let prices = [order.kind.price(), order.kind.stop_price()];
        check_ranges(prices, order.quantity)?;
        let market = &self.markets[index];
        let instrument = &market.instrument;
        let owner = &self.ledger.accounts[account];
        let seat = &owner.seats[index];
        let collar = tightest(seat.limits.collar, instrument.limits.collar);
        let resolved = resolve(order, market, collar)?;
        for limits in [&seat.limits, &instrument.limits] {
            if limits
                .open_orders_max
                .is_some_and(|max| seat.open_orders >= max)
            {
                return Err(Refusal::OpenOrdersLimit);
            }
            check_size(limits, market, order.quantity.0, resolved.worst)?;
        }
        if let OrderKind::Limit { price } = order.kind {
            check_collar(market, collar, order.side, price)?;
        }
        let fees = owner.fees.unwrap_or(instrument.fees);
        let worst = resolved.worst.unwrap_or(Price(0));
        let record = record_of(order, self.next_order, worst, fees);
        let asset = Ledger::held_asset(instrument, order.side);
        let available = self.ledger.balance(account, asset).available();
        if signed(record.hold_now(&instrument.scale)) > available {
            return Err(Refusal::InsufficientFunds);
        }
        if self.ledger.orders.is_full() {
            return Err(Refusal::ExchangeFull);
        }
        let market_order = MarketOrder {
            order_id: OrderId(self.next_order),
            account: order.account,
            side: order.side,
            quantity: order.quantity,
            kind: resolved.kind,
            time_in_force: resolved.time_in_force,
            post_only: order.post_only,
            display: order.display,
            self_trade: order.self_trade.unwrap_or(owner.self_trade),
        };
        self.next_order += 1;
        let slot = self.ledger.orders.draft(record);
        Ok(Checked::Draft {
            market: index,
            slot,
            order: market_order,
        })
    }

    /// Says that a new order was refused before a market saw it.
    pub(crate) fn reject(
        &self,
        order: &NewOrder,
        refusal: Refusal,
        sink: &mut impl FnMut(Outcome),
    ) {
        let record = record_of(order, 0, Price(0), Fees::default());
        let mut report = report_of(&record, Execution::Rejected { refusal });
        report.account = order.account;
        report.leaves = Quantity::ZERO;
        sink(Outcome::Report(report));
    }

    /// Says how an order stands, to whom asks again for what was done.
    pub(crate) fn restate(&self, slot: u32, session: u64, sink: &mut impl FnMut(Outcome)) {
        let mut report = report_of(self.ledger.orders.get(slot), Execution::Status);
        report.session = session;
        sink(Outcome::Report(report));
    }
}

/// An order as the exchange keeps it, before a market has taken it.
fn record_of(order: &NewOrder, order_id: u64, worst: Price, fees: Fees) -> OrderRecord {
    OrderRecord {
        // An account that exists has a number that fits; of others nothing but a refusal is said, with the number as it came.
        account: order.account.0 as u32,
        market: order.market,
        session: order.session,
        client_id: order.client_id,
        side: order.side,
        kind: order.kind,
        time_in_force: order.time_in_force,
        worst,
        quantity: order.quantity.0,
        open: order.quantity.0,
        fees,
        ..OrderRecord::none(OrderId(order_id))
    }
}

/// The tighter of two collars.
pub(crate) fn tightest(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Prices and quantities within which every sum fits.
pub(crate) fn check_ranges(prices: [Option<Price>; 2], quantity: Quantity) -> Result<(), Refusal> {
    let is_price = |price: &Price| (1..=PRICE_MAX).contains(&price.0);
    if !prices.iter().flatten().all(is_price) {
        return Err(Refusal::PriceRange);
    }
    if quantity.0 > QUANTITY_MAX {
        return Err(Refusal::QuantityRange);
    }
    Ok(())
}

/// The quantity and notional limits.
#[inline]
pub(crate) fn check_size<B>(
    limits: &Limits,
    market: &Market<B>,
    quantity: u64,
    worst: Option<Price>,
) -> Result<(), Refusal> {
    if limits.quantity_max.is_some_and(|max| quantity > max) {
        return Err(Refusal::QuantityLimit);
    }
    if let (Some(max), Some(worst)) = (limits.notional_max, worst) {
        if market.instrument.scale.notional(worst, quantity) > max {
            return Err(Refusal::NotionalLimit);
        }
    }
    Ok(())
}

/// The reference price moved by a collar towards the worse for `side`, where there are both.
fn bound_of<B: Book>(market: &Market<B>, collar: Option<u64>, side: Side) -> Option<Price> {
    let (collar, reference) = (collar?, market.matching.reference_price()?.0);
    Some(Price(match side {
        Side::Buy => reference.saturating_add_unsigned(collar),
        Side::Sell => reference.saturating_sub_unsigned(collar),
    }))
}

/// The collar of the account and of the market's accounts, for a limit order.
#[inline]
pub(crate) fn check_collar<B: Book>(
    market: &Market<B>,
    collar: Option<u64>,
    side: Side,
    price: Price,
) -> Result<(), Refusal> {
    match bound_of(market, collar, side) {
        Some(bound) if !side.accepts(bound, price) => Err(Refusal::AccountCollar),
        _ => Ok(()),
    }
}

/// The order as the market knows it. What may trade at any price is bounded where anything bounds it.
#[inline]
fn resolve<B: Book>(
    order: &NewOrder,
    market: &Market<B>,
    collar: Option<u64>,
) -> Result<Resolved, Refusal> {
    let as_it_is = |kind, worst| Resolved {
        kind,
        time_in_force: order.time_in_force,
        worst: Some(worst),
    };
    match order.kind {
        OrderKind::Limit { price } => Ok(as_it_is(MarketKind::Limit { price }, price)),
        OrderKind::StopLimit { stop_price, price } => {
            Ok(as_it_is(MarketKind::StopLimit { stop_price, price }, price))
        }
        OrderKind::Stop {
            stop_price,
            bound: None,
        } => match order.side {
            Side::Buy => Err(Refusal::MissingBound),
            Side::Sell => Ok(as_it_is(MarketKind::Stop { stop_price }, stop_price)),
        },
        OrderKind::Stop {
            stop_price,
            bound: Some(price),
        } => {
            // The market's stop-limit order would rest at the bound if it outlived its trigger.
            if order.time_in_force != TimeInForce::GoodTillCancel {
                return Err(Refusal::Market(RejectReason::TimeInForce));
            }
            Ok(Resolved {
                kind: MarketKind::StopLimit { stop_price, price },
                time_in_force: TimeInForce::ImmediateOrCancel,
                worst: Some(price),
            })
        }
        OrderKind::Market { bound } => resolve_market(order, bound, market, collar),
    }
}

#[inline(never)]
fn resolve_market<B: Book>(
    order: &NewOrder,
    bound: Option<Price>,
    market: &Market<B>,
    collar: Option<u64>,
) -> Result<Resolved, Refusal> {
    if order.time_in_force.rests() {
        return Err(Refusal::Market(RejectReason::TimeInForce));
    }
    let side = order.side;
    let config = market.matching.config();
    let of_market = bound_of(market, config.collar, side);
    let of_account = bound_of(market, collar, side);
    let resolved = |kind, worst| Resolved {
        kind,
        time_in_force: order.time_in_force,
        worst,
    };
    if bound.is_none() && of_account.is_none() {
        let worst = match side {
            Side::Buy => Some(
                of_market
                    .ok_or(Refusal::MissingBound)?
                    .min(Price(PRICE_MAX)),
            ),
            Side::Sell => market.matching.reference_price(),
        };
        return Ok(resolved(MarketKind::Market, worst));
    }
    let bounds = [bound, of_market, of_account].into_iter().flatten();
    let tick = i64::try_from(config.tick_size).expect("a tick size is at most 2^63 - 1");
    // Rounded to the tick towards the better.
    let price = match side {
        Side::Buy => {
            let price = bounds
                .min()
                .map_or(PRICE_MAX, |price| price.0.min(PRICE_MAX));
            price - price % tick
        }
        Side::Sell => {
            let price = bounds.max().map_or(1, |price| price.0.max(1));
            price.saturating_add((tick - price % tick) % tick)
        }
    };
    if !(1..=PRICE_MAX).contains(&price) {
        return Err(Refusal::PriceRange);
    }
    let price = Price(price);
    Ok(resolved(MarketKind::Limit { price }, Some(price)))
}
