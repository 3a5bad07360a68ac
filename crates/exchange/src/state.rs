//! The exchange's state as canonical bytes, and back: section 11 of `docs/EXCHANGE.md`.
//!
//! Invariant: a state has one encoding. What follows from the rest (what is held, how many orders an account has) is not
//! in it, but made again.

use proofbook_book::Book;
use proofbook_journal::Terms;
use proofbook_matching::MatchingEngine;
use proofbook_types::{DecodeError, Price, SelfTradePrevention, Side, TimeInForce, Timestamp};

use crate::bytes::{Input, Output};
use crate::codec;
use crate::core::{Exchange, Market};
use crate::entry::{AssetId, Fees, Limits, MarketId, OrderKind};
use crate::hold::{Charges, Scale, AMOUNT_MAX, BASIS_POINTS, PRICE_MAX, QUANTITY_MAX};
use crate::instrument::{Asset, Instrument, MarketState, ASSETS_MAX, DECIMALS_MAX, MARKETS_MAX};
use crate::ledger::{Account, Seat, HOUSE};
use crate::orders::{Name, OrderRecord};
use crate::outcome::{Balance, OrderStatus};
use crate::{ClientId, ExchangeTerms, Symbol, EXCHANGE_TERMS_BYTES};

const WHAT: &str = "exchange's state";

fn inconsistent<T>(what: &'static str) -> Result<T, DecodeError> {
    Err(DecodeError::Inconsistent { what })
}

impl<B: Book + Default> Exchange<B> {
    /// Hands the state's canonical bytes to `out`, piece by piece.
    pub fn write_state(&self, out: &mut impl FnMut(&[u8])) {
        let mut bytes = Output::default();
        let mut terms = [0; EXCHANGE_TERMS_BYTES];
        self.terms.encode_terms(&mut terms);
        bytes.bytes(&terms);
        bytes.u64(self.sequence);
        bytes.u64(self.clock.0);
        bytes.u64(self.next_order);
        bytes.u8(u8::from(self.is_killed));
        bytes.count(self.ledger.assets.len());
        for asset in &self.ledger.assets {
            bytes.bytes(asset.symbol.padded());
            bytes.u8(asset.decimals);
            bytes.u128(asset.issued);
            bytes.u128(asset.lent);
        }
        bytes.count(self.markets.len());
        for market in &self.markets {
            put_instrument(&mut bytes, &market.instrument);
            let mut length = 0;
            market
                .matching
                .write_state(&mut |piece: &[u8]| length += piece.len());
            bytes.count(length);
            flush(&mut bytes, out);
            market.matching.write_state(out);
        }
        bytes.count(self.ledger.accounts.len());
        for account in &self.ledger.accounts {
            put_account(&mut bytes, account);
            flush(&mut bytes, out);
        }
        let live = self.ledger.orders.live_slots();
        bytes.count(live.len());
        for slot in live {
            put_order(&mut bytes, self.ledger.orders.get(slot));
            flush(&mut bytes, out);
        }
        bytes.count(self.ledger.orders.retired().len());
        for (name, retired) in self.ledger.orders.retired() {
            let record = self.ledger.orders.get(retired.slot);
            bytes.u32(name.account);
            bytes.bytes(name.client_id.padded());
            bytes.u64(record.order_id);
            bytes.u8(u8::from(retired.is_last));
            if retired.is_last {
                put_order(&mut bytes, record);
            }
            flush(&mut bytes, out);
        }
        flush(&mut bytes, out);
    }

    /// The exchange whose state has exactly these canonical bytes.
    ///
    /// # Errors
    /// They are no state.
    pub fn restore(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Input::new(WHAT, bytes);
        let terms = ExchangeTerms::decode_terms(input.array::<EXCHANGE_TERMS_BYTES>()?)?;
        let mut exchange = Exchange::new(terms).map_err(|_| DecodeError::Inconsistent {
            what: "the terms make no exchange",
        })?;
        exchange.sequence = input.u64()?;
        exchange.clock = Timestamp(input.u64()?);
        exchange.next_order = input.u64()?;
        exchange.is_killed = input.bool()?;
        let assets = count(&mut input, ASSETS_MAX as u64)?;
        for _ in 0..assets {
            exchange.ledger.assets.push(asset(&mut input)?);
        }
        for _ in 0..count(&mut input, MARKETS_MAX as u64)? {
            let market = exchange.restore_market(&mut input)?;
            exchange.markets.push(market);
        }
        let accounts = count(&mut input, u64::from(terms.accounts_max) + 1)?;
        exchange.ledger.accounts.clear();
        for _ in 0..accounts {
            let account = exchange.restore_account(&mut input)?;
            exchange.ledger.accounts.push(account);
        }
        exchange.restore_orders(&mut input)?;
        input.end()?;
        if exchange.check().is_err() {
            return inconsistent("the parts of the state contradict each other");
        }
        // Whatever order things came in, they stand in the canonical one now.
        let mut rest = bytes;
        let mut is_same = true;
        exchange.write_state(
            &mut |piece: &[u8]| match rest.split_at_checked(piece.len()) {
                Some((head, tail)) if head == piece => rest = tail,
                _ => is_same = false,
            },
        );
        if !is_same || !rest.is_empty() {
            return Err(DecodeError::NotCanonical { what: WHAT });
        }
        Ok(exchange)
    }

    fn restore_market(&self, input: &mut Input<'_>) -> Result<Market<B>, DecodeError> {
        let assets = &self.ledger.assets;
        let decimals = |asset: AssetId| {
            (asset.0 as usize)
                .checked_sub(1)
                .and_then(|index| assets.get(index))
                .map(|asset| asset.decimals)
        };
        let symbol = Symbol::from_padded(input.array()?)?;
        let (base, quote) = (AssetId(input.u32()?), AssetId(input.u32()?));
        let (price_decimals, quantity_decimals) = (input.u8()?, input.u8()?);
        let scale = match (decimals(base), decimals(quote)) {
            (Some(base), Some(quote)) => Scale::of(base, quote, price_decimals, quantity_decimals),
            _ => None,
        };
        let Some(scale) = scale else {
            return inconsistent("a market's assets and decimals do not fit");
        };
        let instrument = Instrument {
            symbol,
            base,
            quote,
            price_decimals,
            quantity_decimals,
            scale,
            fees: fees(input)?,
            limits: limits(input)?,
            state: tag("market state", input.u8()?, &MarketState::ALL)?,
        };
        let length = input.u64()?;
        let matching = MatchingEngine::restore(input.bytes(length)?, B::default())?;
        Ok(Market {
            instrument,
            matching,
        })
    }

    fn restore_account(&self, input: &mut Input<'_>) -> Result<Account, DecodeError> {
        let mut account = Account::new(self.ledger.assets.len(), self.markets.len());
        account.is_killed = input.bool()?;
        account.self_trade = match codec::self_trade(input.u8()?)? {
            Some(self_trade) => self_trade,
            None => return inconsistent("an account has a self-trade prevention"),
        };
        account.fees = if input.bool()? {
            Some(fees(input)?)
        } else {
            None
        };
        for balance in &mut account.balances {
            balance.total = input.i128()?;
            balance.credit = input.i128()?;
            if balance.total.unsigned_abs() > AMOUNT_MAX || balance.credit < 0 {
                return inconsistent("an account's amounts are out of range");
            }
        }
        for seat in &mut account.seats {
            seat.limits = limits(input)?;
        }
        Ok(account)
    }

    fn restore_orders(&mut self, input: &mut Input<'_>) -> Result<(), DecodeError> {
        for _ in 0..count(input, u64::from(self.terms.orders_max))? {
            let record = order(input)?;
            self.restore_order(record, true)?;
        }
        let mut names = Vec::new();
        for _ in 0..count(input, u64::from(self.terms.retired_max))? {
            let name = Name {
                account: input.u32()?,
                client_id: ClientId::from_padded(input.array()?)?,
            };
            let order_id = input.u64()?;
            let is_last = input.bool()?;
            if is_last {
                let record = order(input)?;
                self.restore_order(record, false)?;
            }
            names.push((name, order_id, is_last));
        }
        let orders = &mut self.ledger.orders;
        for (name, order_id, is_last) in names {
            let Some(slot) = orders.find(order_id) else {
                return inconsistent("a client id names no order");
            };
            if !orders.restore_retired(name, slot, is_last) {
                return inconsistent("client ids are there twice, or too many");
            }
        }
        Ok(())
    }

    fn restore_order(&mut self, record: OrderRecord, is_live: bool) -> Result<(), DecodeError> {
        let account = record.account as usize;
        let Ok(index) = self.market_index(record.market) else {
            return inconsistent("an order stands in no market");
        };
        let is_owned = (HOUSE + 1..self.ledger.accounts.len()).contains(&account);
        if !is_owned
            || record.order_id >= self.next_order
            || (record.status == OrderStatus::Live) != is_live
            || record.status == OrderStatus::Rejected
            || !record.client_id.is_some()
        {
            return inconsistent("an order's account, number, status or client id is not one");
        }
        let Some(slot) = self.ledger.orders.restore(record) else {
            return inconsistent("two orders have one id or one client id");
        };
        if is_live {
            self.ledger.accounts[account].seats[index].open_orders += 1;
            let instrument = self.markets[index].instrument;
            self.ledger.rehold(slot, &instrument);
        }
        Ok(())
    }
}

fn flush(bytes: &mut Output, out: &mut impl FnMut(&[u8])) {
    out(bytes.as_slice());
    bytes.clear();
}

/// A count of things that follow, within a bound.
fn count(input: &mut Input<'_>, most: u64) -> Result<u64, DecodeError> {
    let count = input.u64()?;
    if count > most {
        return inconsistent("there are more of something than there may be");
    }
    Ok(count)
}

fn tag<T: Copy>(what: &'static str, found: u8, all: &[T]) -> Result<T, DecodeError> {
    all.get(usize::from(found))
        .copied()
        .ok_or(DecodeError::UnknownTag { what, found })
}

fn put_fees(bytes: &mut Output, fees: Fees) {
    bytes.u32(u32::from(fees.maker));
    bytes.u32(u32::from(fees.taker));
}

fn fees(input: &mut Input<'_>) -> Result<Fees, DecodeError> {
    let mut rate = || match u16::try_from(input.u32()?) {
        Ok(rate) if rate <= BASIS_POINTS => Ok(rate),
        _ => inconsistent("a fee is above 10,000 basis points"),
    };
    Ok(Fees {
        maker: rate()?,
        taker: rate()?,
    })
}

fn put_limits(bytes: &mut Output, limits: &Limits) {
    bytes.option(limits.quantity_max.map(u128::from));
    bytes.option(limits.notional_max);
    bytes.option(limits.open_orders_max.map(u128::from));
    bytes.option(limits.collar.map(u128::from));
}

fn limits(input: &mut Input<'_>) -> Result<Limits, DecodeError> {
    Ok(Limits {
        quantity_max: input.option()?,
        notional_max: input.option()?,
        open_orders_max: input.option()?,
        collar: input.option()?,
    })
}

fn asset(input: &mut Input<'_>) -> Result<Asset, DecodeError> {
    let asset = Asset {
        symbol: Symbol::from_padded(input.array()?)?,
        decimals: input.u8()?,
        issued: input.u128()?,
        lent: input.u128()?,
    };
    let is_in_range = asset.issued <= AMOUNT_MAX && asset.lent <= AMOUNT_MAX - asset.issued;
    if asset.decimals > DECIMALS_MAX || !is_in_range {
        return inconsistent("an asset's decimals or amounts are out of range");
    }
    Ok(asset)
}

fn put_instrument(bytes: &mut Output, instrument: &Instrument) {
    bytes.bytes(instrument.symbol.padded());
    bytes.u32(instrument.base.0);
    bytes.u32(instrument.quote.0);
    bytes.u8(instrument.price_decimals);
    bytes.u8(instrument.quantity_decimals);
    put_fees(bytes, instrument.fees);
    put_limits(bytes, &instrument.limits);
    bytes.u8(instrument.state as u8);
}

fn put_account(bytes: &mut Output, account: &Account) {
    bytes.u8(u8::from(account.is_killed));
    bytes.u8(self_trade_tag(account.self_trade));
    bytes.u8(u8::from(account.fees.is_some()));
    if let Some(fees) = account.fees {
        put_fees(bytes, fees);
    }
    for Balance { total, credit, .. } in &account.balances {
        bytes.i128(*total);
        bytes.i128(*credit);
    }
    for Seat { limits, .. } in &account.seats {
        put_limits(bytes, limits);
    }
}

fn self_trade_tag(self_trade: SelfTradePrevention) -> u8 {
    self_trade as u8 + 1
}

fn put_order(bytes: &mut Output, record: &OrderRecord) {
    bytes.u64(record.order_id);
    bytes.u32(record.account);
    bytes.u32(record.market.0);
    bytes.u64(record.session);
    bytes.bytes(record.client_id.padded());
    bytes.u8(record.side as u8);
    bytes.u8(record.status as u8);
    bytes.u8(match record.kind {
        OrderKind::Market { .. } => 0,
        OrderKind::Limit { .. } => 1,
        OrderKind::Stop { .. } => 2,
        OrderKind::StopLimit { .. } => 3,
    });
    let number = |price: Option<Price>| price.map_or(0, |price| price.0 as u64);
    bytes.u64(number(record.kind.price()));
    bytes.u64(number(record.kind.stop_price()));
    let (tag, expiry) = match record.time_in_force {
        TimeInForce::GoodTillCancel => (0, 0),
        TimeInForce::ImmediateOrCancel => (1, 0),
        TimeInForce::FillOrKill => (2, 0),
        TimeInForce::GoodTillDate { expiry } => (3, expiry.0),
    };
    bytes.u8(tag);
    bytes.u64(expiry);
    bytes.u64(record.worst.0 as u64);
    bytes.u64(record.quantity);
    bytes.u64(record.open);
    bytes.u64(record.filled);
    bytes.u128(record.notional);
    bytes.u128(record.charges.basis_units);
    put_fees(bytes, record.fees);
}

fn order(input: &mut Input<'_>) -> Result<OrderRecord, DecodeError> {
    let statuses = [
        OrderStatus::Rejected,
        OrderStatus::Live,
        OrderStatus::Filled,
        OrderStatus::Cancelled,
        OrderStatus::Expired,
    ];
    let order_id = input.u64()?;
    let account = input.u32()?;
    let market = MarketId(input.u32()?);
    let session = input.u64()?;
    let client_id = ClientId::from_padded(input.array()?)?;
    let side = tag("side", input.u8()?, &Side::BOTH)?;
    let status = tag("order status", input.u8()?, &statuses)?;
    let kind = input.u8()?;
    // An order's prices start at 1.
    let (price, stop_price) = (Price(input.u64()? as i64), Price(input.u64()? as i64));
    let bound = (price != Price(0)).then_some(price);
    let time_in_force = codec::time_in_force(input.u8()?, input.u64()?)?;
    let record = OrderRecord {
        order_id,
        account,
        market,
        session,
        client_id,
        name_slot: 0,
        side,
        status,
        kind: match kind {
            0 => OrderKind::Market { bound },
            1 => OrderKind::Limit { price },
            2 => OrderKind::Stop { stop_price, bound },
            3 => OrderKind::StopLimit { stop_price, price },
            found => {
                return Err(DecodeError::UnknownTag {
                    what: "order kind",
                    found,
                })
            }
        },
        time_in_force,
        worst: Price(input.u64()? as i64),
        quantity: input.u64()?,
        open: input.u64()?,
        filled: input.u64()?,
        notional: input.u128()?,
        charges: Charges::of(input.u128()?),
        fees: fees(input)?,
        hold: 0,
    };
    let is_in_range = (0..=PRICE_MAX).contains(&record.worst.0)
        && record.quantity <= QUANTITY_MAX
        && record.open <= QUANTITY_MAX
        && record.filled <= QUANTITY_MAX
        && record.charges.charged <= AMOUNT_MAX;
    if !is_in_range {
        return inconsistent("an order's numbers are out of range");
    }
    Ok(record)
}
