//! Sections 6 and 7: new orders and requests about orders; and what events do, sections 4, 5 and 8.

use proofbook_exchange::{Action, Limits, NewOrder, OrderKind, Refusal, Target};
use proofbook_types::{
    Action as MarketAction, CancelReason, Event, NewOrder as MarketOrder, OrderId,
    OrderKind as MarketKind, Price, Quantity, SelfTradePrevention, Side, TimeInForce,
};

use super::{Oracle, Order, Retired, Verdict, PRICE_MAX, TIME_IN_FORCE};

const QUANTITY_MAX: u64 = (1 << 44) - 1;

type Checked<T> = Result<T, Refusal>;

impl Oracle {
    pub(super) fn reference(&self, market: usize) -> Option<i128> {
        let market = &self.markets[market];
        let configured = market.config.reference_price;
        market
            .last_trade
            .or(configured.map(|price| i128::from(price.0)))
    }

    /// Reference and collar, towards the worse.
    fn bound(&self, market: usize, side: Side, collar: Option<u64>) -> Option<i128> {
        let (reference, collar) = (self.reference(market)?, i128::from(collar?));
        Some(match side {
            Side::Buy => reference + collar,
            Side::Sell => reference - collar,
        })
    }

    /// Check 4 of section 6.
    fn may_trade(&self, account: usize, market: usize) -> Checked<()> {
        if self.is_killed {
            return Err(Refusal::ExchangeKilled);
        }
        if self.accounts[account].is_killed {
            return Err(Refusal::AccountKilled);
        }
        match self.markets[market].state {
            "closed" => Err(Refusal::MarketClosed),
            "halted" => Err(Refusal::MarketHalted),
            _ => Ok(()),
        }
    }

    fn in_range(prices: &[Option<Price>], quantity: u64) -> Checked<()> {
        for price in prices.iter().flatten() {
            if price.0 < 1 || i128::from(price.0) > PRICE_MAX {
                return Err(Refusal::PriceRange);
            }
        }
        if quantity > QUANTITY_MAX {
            return Err(Refusal::QuantityRange);
        }
        Ok(())
    }

    /// The account's limits in a market, and those of all accounts in it.
    fn limits(&self, account: usize, market: usize) -> [Limits; 2] {
        [
            self.accounts[account].limits[market],
            self.markets[market].limits,
        ]
    }

    fn collar(&self, account: usize, market: usize) -> Option<u64> {
        let collars = self.limits(account, market).map(|limits| limits.collar);
        collars.into_iter().flatten().min()
    }

    fn size(
        &self,
        market: usize,
        limits: &Limits,
        quantity: u64,
        price: Option<i128>,
    ) -> Checked<()> {
        if limits.quantity_max.is_some_and(|max| quantity > max) {
            return Err(Refusal::QuantityLimit);
        }
        let notional =
            price.map(|price| price * i128::from(quantity) * self.markets[market].tick_units);
        match (notional, limits.notional_max) {
            (Some(notional), Some(max)) if notional as u128 > max => Err(Refusal::NotionalLimit),
            _ => Ok(()),
        }
    }

    fn check_collar(&self, account: usize, market: usize, side: Side, price: Price) -> Checked<()> {
        match (
            self.bound(market, side, self.collar(account, market)),
            side,
            i128::from(price.0),
        ) {
            (Some(bound), Side::Buy, price) if price > bound => Err(Refusal::AccountCollar),
            (Some(bound), Side::Sell, price) if price < bound => Err(Refusal::AccountCollar),
            _ => Ok(()),
        }
    }

    /// Check 6: what the market is given, and the worst price.
    fn given(
        &self,
        order: &NewOrder,
        account: usize,
        market: usize,
    ) -> Checked<(MarketKind, TimeInForce, Option<i128>)> {
        let life = order.time_in_force;
        let worst = |price: Price| Some(i128::from(price.0));
        match order.kind {
            OrderKind::Limit { price } => Ok((MarketKind::Limit { price }, life, worst(price))),
            OrderKind::StopLimit { stop_price, price } => Ok((
                MarketKind::StopLimit { stop_price, price },
                life,
                worst(price),
            )),
            OrderKind::Stop {
                stop_price,
                bound: Some(price),
            } => {
                if life != TimeInForce::GoodTillCancel {
                    return Err(TIME_IN_FORCE);
                }
                let kind = MarketKind::StopLimit { stop_price, price };
                Ok((kind, TimeInForce::ImmediateOrCancel, worst(price)))
            }
            OrderKind::Stop {
                stop_price,
                bound: None,
            } => match order.side {
                Side::Buy => Err(Refusal::MissingBound),
                Side::Sell => Ok((MarketKind::Stop { stop_price }, life, worst(stop_price))),
            },
            OrderKind::Market { bound } => {
                if !matches!(
                    life,
                    TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill
                ) {
                    return Err(TIME_IN_FORCE);
                }
                let (kind, worst) = self.given_market(order.side, bound, account, market)?;
                Ok((kind, life, worst))
            }
        }
    }

    fn given_market(
        &self,
        side: Side,
        named: Option<Price>,
        account: usize,
        market: usize,
    ) -> Checked<(MarketKind, Option<i128>)> {
        let config = &self.markets[market].config;
        let of_market = self.bound(market, side, config.collar);
        let of_account = self.bound(market, side, self.collar(account, market));
        if named.is_none() && of_account.is_none() {
            return match (side, of_market) {
                (Side::Buy, None) => Err(Refusal::MissingBound),
                (Side::Buy, Some(bound)) => Ok((MarketKind::Market, Some(bound.min(PRICE_MAX)))),
                (Side::Sell, _) => Ok((MarketKind::Market, self.reference(market))),
            };
        }
        let named = named.map(|price| i128::from(price.0));
        let bounds = [named, of_market, of_account].into_iter().flatten();
        let tick = i128::from(config.tick_size);
        let price = match side {
            Side::Buy => {
                bounds
                    .chain([PRICE_MAX])
                    .min()
                    .expect("one is there")
                    .div_euclid(tick)
                    * tick
            }
            Side::Sell => {
                let price = bounds.chain([1]).max().expect("one is there");
                (price + tick - 1).div_euclid(tick) * tick
            }
        };
        if !(1..=PRICE_MAX).contains(&price) {
            return Err(Refusal::PriceRange);
        }
        let limit = Price(price as i64);
        Ok((MarketKind::Limit { price: limit }, Some(price)))
    }

    pub(super) fn new_order(&self, order: &NewOrder) -> Checked<Verdict> {
        let account = self
            .trader(order.account.0)
            .ok_or(Refusal::UnknownAccount)?;
        if !order.client_id.is_some() {
            return Err(Refusal::MissingClientId);
        }
        if let Some(&known) = self.names.get(&(account, order.client_id)) {
            return Ok(Verdict::Known(known));
        }
        let market = self.market(order.market).ok_or(Refusal::UnknownMarket)?;
        self.may_trade(account, market)?;
        Self::in_range(
            &[order.kind.price(), order.kind.stop_price()],
            order.quantity.0,
        )?;
        let (kind, time_in_force, worst) = self.given(order, account, market)?;
        for limits in self.limits(account, market) {
            let live = self.live(account, market) as u32;
            if limits.open_orders_max.is_some_and(|max| live >= max) {
                return Err(Refusal::OpenOrdersLimit);
            }
            self.size(market, &limits, order.quantity.0, worst)?;
        }
        if let OrderKind::Limit { price } = order.kind {
            self.check_collar(account, market, order.side, price)?;
        }
        let would_be = self.would_be(order, account, market, worst);
        if would_be.hold(&self.markets[market]) > self.available(account, self.held_of(&would_be)) {
            return Err(Refusal::InsufficientFunds);
        }
        if self.orders.values().filter(|order| order.is_live).count() >= self.orders_max {
            return Err(Refusal::ExchangeFull);
        }
        let action = MarketAction::New(MarketOrder {
            order_id: OrderId(self.next_order),
            account: order.account,
            side: order.side,
            quantity: order.quantity,
            kind,
            time_in_force,
            post_only: order.post_only,
            display: order.display,
            self_trade: order
                .self_trade
                .unwrap_or(PREVENTIONS[usize::from(self.accounts[account].self_trade)]),
        });
        Ok(Verdict::Commands(vec![(market, action)]))
    }

    fn held_of(&self, order: &Order) -> usize {
        let market = &self.markets[order.market];
        match order.side {
            Side::Buy => market.quote,
            Side::Sell => market.base,
        }
    }

    fn would_be(
        &self,
        new: &NewOrder,
        account: usize,
        market: usize,
        worst: Option<i128>,
    ) -> Order {
        Order {
            account,
            market,
            side: new.side,
            kind: new.kind,
            client_id: new.client_id,
            worst,
            quantity: i128::from(new.quantity.0),
            open: i128::from(new.quantity.0),
            trades: Vec::new(),
            filled: 0,
            fees: self.accounts[account]
                .fees
                .unwrap_or(self.markets[market].fees),
            expiry: new.time_in_force.expiry().map(|time| time.0),
            is_live: true,
        }
    }

    fn meant(&self, target: &Target) -> Checked<u64> {
        let account = self
            .trader(target.account.0)
            .ok_or(Refusal::UnknownAccount)?;
        let found = if target.original_id.is_some() {
            self.names.get(&(account, target.original_id)).copied()
        } else {
            let is_own = |order: &&Order| order.account == account;
            let order = self.orders.get(&target.order_id.0).filter(is_own);
            order.map(|_| target.order_id.0)
        };
        found.ok_or(Refusal::UnknownOrder)
    }

    fn meant_live(&self, target: &Target) -> Checked<u64> {
        let order_id = self.meant(target)?;
        if self.orders[&order_id].is_live {
            Ok(order_id)
        } else {
            Err(Refusal::UnknownOrder)
        }
    }

    pub(super) fn change(
        &self,
        target: &Target,
        action: impl Fn(OrderId) -> MarketAction,
    ) -> Checked<Verdict> {
        let order_id = self.meant_live(target)?;
        let market = self.orders[&order_id].market;
        Ok(Verdict::Commands(vec![(market, action(OrderId(order_id)))]))
    }

    pub(super) fn replace(
        &self,
        target: &Target,
        price: Option<Price>,
        quantity: Option<Quantity>,
        stop_price: Option<Price>,
    ) -> Checked<Verdict> {
        let account = self
            .trader(target.account.0)
            .ok_or(Refusal::UnknownAccount)?;
        if !target.client_id.is_some() {
            return Err(Refusal::MissingClientId);
        }
        if let Some(&known) = self.names.get(&(account, target.client_id)) {
            return if self.meant(target) == Ok(known) {
                Ok(Verdict::Known(known))
            } else {
                Err(Refusal::DuplicateClientId)
            };
        }
        let order_id = self.meant_live(target)?;
        let before = &self.orders[&order_id];
        let market = before.market;
        self.may_trade(account, market)?;
        let total = quantity.map_or(before.quantity, |quantity| i128::from(quantity.0));
        Self::in_range(&[price, stop_price], total as u64)?;
        if total <= before.filled {
            return Err(Refusal::QuantityFilled);
        }
        let mut after = before.clone();
        after.open = total - before.filled;
        after.fees = self.accounts[account]
            .fees
            .unwrap_or(self.markets[market].fees);
        if let Some(price) = price {
            after.worst = Some(i128::from(price.0));
        } else if let (OrderKind::Stop { bound: None, .. }, Some(stop)) = (before.kind, stop_price)
        {
            after.worst = Some(i128::from(stop.0));
        }
        for limits in self.limits(account, market) {
            self.size(market, &limits, total as u64, after.worst)?;
        }
        if let (OrderKind::Limit { .. }, Some(price)) = (before.kind, price) {
            self.check_collar(account, market, before.side, price)?;
        }
        let terms = &self.markets[market];
        if after.hold(terms) - before.hold(terms) > self.available(account, self.held_of(before)) {
            return Err(Refusal::InsufficientFunds);
        }
        let action = MarketAction::Replace {
            order_id: OrderId(order_id),
            price,
            quantity: quantity.map(|_| Quantity(after.open as u64)),
            stop_price,
        };
        Ok(Verdict::Commands(vec![(market, action)]))
    }

    /// What an event of a market does.
    pub(super) fn event(&mut self, market: usize, event: &Event, cause: &Action) {
        match *event {
            Event::Accepted { order_id, .. } => self.accepted(order_id.0, cause),
            Event::Trade {
                maker_id,
                taker_id,
                price,
                quantity,
                ..
            } => {
                self.markets[market].last_trade = Some(i128::from(price.0));
                self.trade(maker_id.0, price, quantity, true);
                self.trade(taker_id.0, price, quantity, false);
            }
            Event::Uncrossed {
                price: Some(price), ..
            } => self.markets[market].last_trade = Some(i128::from(price.0)),
            Event::Cancelled {
                order_id,
                quantity,
                reason,
                ..
            } => {
                let order = &self.orders[&order_id.0];
                // What self-trade prevention took from an order before counts as its open quantity here.
                assert!(
                    order.open == i128::from(quantity.0) || reason == CancelReason::SelfTrade,
                    "{event:?}"
                );
                self.leave(order_id.0);
            }
            Event::Expired { order_id, .. } => self.leave(order_id.0),
            Event::Reduced {
                order_id, quantity, ..
            } => {
                let order = self.orders.get_mut(&order_id.0).expect("it is live");
                order.open -= i128::from(quantity.0);
                order.quantity -= i128::from(quantity.0);
            }
            Event::Replaced {
                order_id,
                price,
                quantity,
                ..
            } => self.replaced(order_id.0, price, quantity, cause),
            Event::Rejected { .. } if matches!(cause, Action::New(_)) => self.next_order += 1,
            _ => {}
        }
    }

    fn accepted(&mut self, order_id: u64, cause: &Action) {
        let Action::New(new) = cause else {
            panic!("only new orders are accepted");
        };
        assert_eq!(order_id, self.next_order);
        self.next_order += 1;
        let account = new.account.0 as usize;
        let market = new.market.0 as usize - 1;
        let (_, _, worst) = self
            .given(new, account, market)
            .expect("it was given to the market");
        let order = self.would_be(new, account, market, worst);
        self.orders.insert(order_id, order);
        self.names.insert((account, new.client_id), order_id);
    }

    fn trade(&mut self, order_id: u64, price: Price, quantity: Quantity, is_maker: bool) {
        let order = self.orders.get_mut(&order_id).expect("it is live");
        let market = &self.markets[order.market];
        let quantity = i128::from(quantity.0);
        let notional = i128::from(price.0) * quantity * market.tick_units;
        let before = order.charged();
        let rate = if is_maker {
            order.fees.maker
        } else {
            order.fees.taker
        };
        order.trades.push((notional, i128::from(rate)));
        order.filled += quantity;
        order.open -= quantity;
        let fee = order.charged() - before;
        let sign = match order.side {
            Side::Buy => 1,
            Side::Sell => -1,
        };
        let (base, quote, lot_units) = (market.base, market.quote, market.lot_units);
        let totals = &mut self.accounts[order.account].totals;
        totals[base] += sign * quantity * lot_units;
        totals[quote] -= sign * notional + fee;
        let is_done = order.open == 0;
        self.accounts[0].totals[quote] += fee;
        if is_done {
            self.leave(order_id);
        }
    }

    fn leave(&mut self, order_id: u64) {
        let order = self.orders.get_mut(&order_id).expect("it is live");
        assert!(order.is_live);
        order.is_live = false;
        let name = (order.account, order.client_id);
        self.retire(name, order_id, true);
    }

    fn retire(&mut self, name: (usize, proofbook_exchange::ClientId), order: u64, is_last: bool) {
        self.retired.push(Retired {
            name,
            order,
            is_last,
        });
        if self.retired.len() > self.retired_max {
            let oldest = self.retired.remove(0);
            self.names.remove(&oldest.name);
            if oldest.is_last {
                self.orders.remove(&oldest.order);
            }
        }
    }

    fn replaced(&mut self, order_id: u64, price: Option<Price>, open: Quantity, cause: &Action) {
        let Action::Replace {
            target, stop_price, ..
        } = cause
        else {
            panic!("only a replace replaces");
        };
        let order = self.orders.get_mut(&order_id).expect("it is live");
        let market = &self.markets[order.market];
        order.fees = self.accounts[order.account].fees.unwrap_or(market.fees);
        order.open = i128::from(open.0);
        order.quantity = order.filled + order.open;
        if let Some(price) = price {
            order.worst = Some(i128::from(price.0));
        }
        order.kind = match order.kind {
            OrderKind::Limit { .. } => OrderKind::Limit {
                price: price.expect("a limit order has a price"),
            },
            OrderKind::StopLimit {
                stop_price: old, ..
            } => OrderKind::StopLimit {
                stop_price: stop_price.unwrap_or(old),
                price: price.expect("a stop-limit order has a price"),
            },
            OrderKind::Stop {
                stop_price: old, ..
            } => OrderKind::Stop {
                stop_price: stop_price.unwrap_or(old),
                bound: price,
            },
            OrderKind::Market { .. } => panic!("a market order never is live"),
        };
        let before = (order.account, order.client_id);
        order.client_id = target.client_id;
        self.names.insert((before.0, target.client_id), order_id);
        self.retire(before, order_id, false);
    }
}

/// The market's preventions by their numbers.
pub(super) const PREVENTIONS: [SelfTradePrevention; 5] = [
    SelfTradePrevention::Allow,
    SelfTradePrevention::CancelNewest,
    SelfTradePrevention::CancelOldest,
    SelfTradePrevention::CancelBoth,
    SelfTradePrevention::DecrementAndCancel,
];
