//! Rows of the history: what came of an entry, as rows of tables.
//!
//! Invariants:
//! - rows follow from the log's entries alone: a reader that begins anywhere gives the same rows for an entry;
//! - nothing is rounded: an amount that has too many digits is an error, and no row of its entry is left out in silence.

use std::fmt;

use proofbook_book::Book;
use proofbook_exchange::{
    Action, Asset, AssetId, Entry, Exchange, Execution, Instrument, Liquidity, MarketId, OrderKind,
    OrderStatus, Outcome, Report,
};
use proofbook_feed::trade_id;
use proofbook_types::{AccountId, Event, OrderId, Side, Timestamp};

use crate::history_facts::Facts;
use crate::history_tables::{Tables, Text, Whole, Word, AMOUNT_END, AMOUNT_SCALE};
use crate::terms::{KIND_NAMES, SIDE_NAMES};

/// What a table cannot hold.
#[derive(Clone, Copy, Debug)]
pub enum Unwritable {
    /// An amount of 10^20 or more of an asset.
    Amount {
        /// The amount, in the asset's units.
        units: i128,
        /// The asset's decimals.
        decimals: u8,
    },
    /// A time behind the year 2262.
    Time(u64),
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unwritable::Amount { units, decimals } => write!(
                f,
                "expected an amount of less than 10^20 of an asset; received {units} units of 10^-{decimals}"
            ),
            Unwritable::Time(nanoseconds) => {
                write!(f, "expected a time before the year 2262; received {nanoseconds} ns")
            }
        }
    }
}

/// An amount in units of 10^-[`AMOUNT_SCALE`].
fn scaled(units: i128, decimals: u8) -> Result<i128, Unwritable> {
    AMOUNT_SCALE
        .checked_sub(decimals)
        .and_then(|places| units.checked_mul(10i128.pow(u32::from(places))))
        .filter(|scaled| scaled.unsigned_abs() < AMOUNT_END)
        .ok_or(Unwritable::Amount { units, decimals })
}

fn scaled_whole(units: u128, decimals: u8) -> Result<i128, Unwritable> {
    let signed = i128::try_from(units).map_err(|_| Unwritable::Amount {
        units: i128::MAX,
        decimals,
    })?;
    scaled(signed, decimals)
}

/// Where and when the rows of an entry belong.
#[derive(Clone, Copy)]
struct At {
    entry: u64,
    time: i64,
}

/// Adds the rows of one entry.
///
/// # Errors
/// Something that its tables cannot hold. Rows of the entry may be in some of them.
pub fn take<B: Book + Default>(
    tables: &mut Tables,
    number: u64,
    entry: &Entry,
    outcomes: &[Outcome],
    exchange: &Exchange<B>,
) -> Result<(), Unwritable> {
    // The exchange's clock never goes back, whatever time a refused entry had.
    let Timestamp(nanoseconds) = exchange.clock();
    let time = i64::try_from(nanoseconds).map_err(|_| Unwritable::Time(nanoseconds))?;
    let mut rows = Rows {
        tables,
        exchange,
        at: At {
            entry: number,
            time,
        },
        changed: Vec::new(),
    };
    let (mut reports, mut trades) = (0, 0);
    // The market's command whose events follow, and how many trades it has had.
    let (mut command, mut command_trades) = (0, 0);
    for outcome in outcomes {
        match outcome {
            Outcome::Command { number, .. } => (command, command_trades) = (*number, 0),
            Outcome::Report(report) => {
                rows.order(reports, report)?;
                reports += 1;
            }
            Outcome::Event { market, event } if matches!(event, Event::Trade { .. }) => {
                rows.trade(trades, trade_id(command, command_trades), *market, event)?;
                trades += 1;
                command_trades += 1;
            }
            Outcome::Balance { account, asset, .. } => rows.changed.push((account.0, asset.0)),
            Outcome::Event { .. } | Outcome::Answer { .. } => {}
        }
    }
    rows.balances()?;
    rows.entry(entry, outcomes, reports);
    rows.definition(&entry.action, outcomes);
    Ok(())
}

struct Rows<'a, B> {
    tables: &'a mut Tables,
    exchange: &'a Exchange<B>,
    at: At,
    /// Accounts and assets whose balances may have changed.
    changed: Vec<(u64, u32)>,
}

fn asset_of<B: Book + Default>(exchange: &Exchange<B>, asset: AssetId) -> Option<&Asset> {
    exchange.assets().get((asset.0 as usize).checked_sub(1)?)
}

impl<'a, B: Book + Default> Rows<'a, B> {
    fn instrument(&self, market: MarketId) -> Option<&'a Instrument> {
        self.exchange
            .market(market)
            .map(|(instrument, _)| instrument)
    }

    fn decimals(&self, asset: AssetId) -> u8 {
        asset_of(self.exchange, asset)
            .expect("markets are of known assets")
            .decimals
    }

    fn order(&mut self, index: u32, report: &Report) -> Result<(), Unwritable> {
        let numbers = self.numbers(report)?;
        let At { entry, time } = self.at;
        let instrument = self.instrument(report.market);
        let orders = &mut self.tables.orders;
        orders.entry.append_value(entry);
        orders.index.append_value(index);
        orders.ts_event.append_value(time);
        orders.account.append_value(report.account.0);
        orders.session.append_value(report.session);
        identify(&mut orders.order_id, report.order_id);
        text(&mut orders.client_id, report.client_id.as_str());
        text(&mut orders.original_id, report.original_id.as_str());
        word(
            &mut orders.market,
            instrument.map(|found| found.symbol.as_str()),
        );
        word(&mut orders.side, Some(SIDE_NAMES[report.side as usize]));
        word(&mut orders.kind, Some(kind_name(report.kind)));
        word(
            &mut orders.execution,
            Some(execution_name(&report.execution)),
        );
        word(&mut orders.reason, reason(&report.execution));
        word(&mut orders.liquidity, liquidity(&report.execution));
        word(&mut orders.status, Some(status_name(report.status)));
        orders.price.append_option(numbers.price);
        orders.size.append_option(numbers.size);
        orders.fee.append_option(numbers.fee);
        orders.limit_price.append_option(numbers.limit_price);
        orders.stop_price.append_option(numbers.stop_price);
        for (column, value) in [
            (&mut orders.quantity, numbers.quantity),
            (&mut orders.leaves, numbers.leaves),
            (&mut orders.filled, numbers.filled),
            (&mut orders.notional, numbers.notional),
            (&mut orders.fees, numbers.fees),
            (&mut orders.hold, numbers.hold),
        ] {
            column.append_option(value);
        }
        self.note_change(report, instrument);
        Ok(())
    }

    /// All that a report counts; nothing where there is no such market, and so no decimals.
    fn numbers(&self, report: &Report) -> Result<Numbers, Unwritable> {
        let Some(instrument) = self.instrument(report.market) else {
            return Ok(Numbers::default());
        };
        let (base, quote) = (
            self.decimals(instrument.base),
            self.decimals(instrument.quote),
        );
        let price = |ticks: i64| scaled(i128::from(ticks), instrument.price_decimals);
        let size = |lots: u64| scaled(i128::from(lots), instrument.quantity_decimals);
        let mut numbers = Numbers {
            limit_price: report
                .kind
                .price()
                .map(|found| price(found.0))
                .transpose()?,
            stop_price: report
                .kind
                .stop_price()
                .map(|found| price(found.0))
                .transpose()?,
            quantity: Some(size(report.quantity.0)?),
            leaves: Some(size(report.leaves.0)?),
            filled: Some(size(report.cumulative.0)?),
            notional: Some(scaled_whole(report.notional, quote)?),
            fees: Some(scaled_whole(report.fees, quote)?),
            hold: Some(match report.side {
                Side::Buy => scaled_whole(report.hold, quote)?,
                Side::Sell => scaled_whole(report.hold, base)?,
            }),
            ..Numbers::default()
        };
        match report.execution {
            Execution::Trade {
                price: at,
                quantity,
                fee,
                ..
            } => {
                numbers.price = Some(price(at.0)?);
                numbers.size = Some(size(quantity.0)?);
                numbers.fee = Some(scaled_whole(fee, quote)?);
            }
            Execution::Reduced { quantity, .. } => numbers.size = Some(size(quantity.0)?),
            _ => {}
        }
        Ok(numbers)
    }

    /// Notes which balances a report may have changed.
    fn note_change(&mut self, report: &Report, instrument: Option<&Instrument>) {
        let Some(Instrument { base, quote, .. }) = instrument else {
            return;
        };
        let account = report.account.0;
        match report.execution {
            Execution::Trade { fee, .. } => {
                self.changed.extend([(account, base.0), (account, quote.0)]);
                if fee > 0 {
                    self.changed.push((AccountId::NONE.0, quote.0));
                }
            }
            Execution::New
            | Execution::Reduced { .. }
            | Execution::Replaced
            | Execution::Cancelled { .. }
            | Execution::Expired => self.changed.push(match report.side {
                Side::Buy => (account, quote.0),
                Side::Sell => (account, base.0),
            }),
            Execution::Triggered
            | Execution::Rejected { .. }
            | Execution::CancelRejected { .. }
            | Execution::ReplaceRejected { .. }
            | Execution::Status => {}
        }
    }

    fn trade(
        &mut self,
        index: u32,
        id: u64,
        market: MarketId,
        event: &Event,
    ) -> Result<(), Unwritable> {
        let Event::Trade {
            maker_id,
            taker_id,
            taker_side,
            price,
            quantity,
            ..
        } = event
        else {
            return Ok(());
        };
        let instrument = self.instrument(market).expect("it has traded");
        let notional = scaled_whole(
            instrument.scale.notional(*price, quantity.0),
            self.decimals(instrument.quote),
        )?;
        let at = scaled(i128::from(price.0), instrument.price_decimals)?;
        let size = scaled(i128::from(quantity.0), instrument.quantity_decimals)?;
        let At { entry, time } = self.at;
        let trades = &mut self.tables.trades;
        trades.entry.append_value(entry);
        trades.index.append_value(index);
        trades.ts_event.append_value(time);
        word(&mut trades.market, Some(instrument.symbol.as_str()));
        trades.trade_id.append_value(id);
        trades.price.append_value(at);
        trades.size.append_value(size);
        word(&mut trades.side, Some(SIDE_NAMES[*taker_side as usize]));
        trades.notional.append_value(notional);
        trades.maker_order_id.append_value(maker_id.0);
        trades.taker_order_id.append_value(taker_id.0);
        Ok(())
    }

    fn balances(&mut self) -> Result<(), Unwritable> {
        self.changed.sort_unstable();
        self.changed.dedup();
        for &(account, number) in &self.changed {
            let asset = AssetId(number);
            let found = asset_of(self.exchange, asset)
                .zip(self.exchange.balance(AccountId(account), asset));
            let Some((asset, balance)) = found else {
                continue;
            };
            let amount = |units: i128| scaled(units, asset.decimals);
            let amounts = [
                amount(balance.total)?,
                amount(balance.held)?,
                amount(balance.credit)?,
                amount(balance.available())?,
            ];
            let balances = &mut self.tables.balances;
            balances.entry.append_value(self.at.entry);
            balances.ts_event.append_value(self.at.time);
            balances.account.append_value(account);
            word(&mut balances.asset, Some(asset.symbol.as_str()));
            let [total, held, credit, available] = amounts;
            balances.total.append_value(total);
            balances.held.append_value(held);
            balances.credit.append_value(credit);
            balances.available.append_value(available);
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, outcomes: &[Outcome], reports: u32) {
        let facts = Facts::of(&entry.action);
        let market = facts.market.and_then(|market| self.instrument(market));
        let asset = facts.asset.and_then(|asset| asset_of(self.exchange, asset));
        let amount = facts
            .amount
            .zip(asset)
            .and_then(|(units, asset)| scaled_whole(units, asset.decimals).ok());
        let mut refusal = None;
        let mut cancelled = None;
        for outcome in outcomes {
            match outcome {
                Outcome::Answer {
                    cancelled: count,
                    refusal: found,
                    ..
                } => {
                    cancelled = Some(*count);
                    refusal = found.map(proofbook_exchange::Refusal::name);
                }
                Outcome::Report(report) => {
                    refusal = refusal.or_else(|| refusal_name(&report.execution));
                }
                _ => {}
            }
        }
        let entries = &mut self.tables.entries;
        entries.entry.append_value(self.at.entry);
        entries.ts_event.append_value(self.at.time);
        word(&mut entries.action, Some(facts.name));
        entries
            .account
            .append_option(facts.account.map(|account| account.0));
        entries.session.append_option(facts.session);
        word(
            &mut entries.market,
            market.map(|found| found.symbol.as_str()),
        );
        word(&mut entries.asset, asset.map(|found| found.symbol.as_str()));
        identify(&mut entries.order_id, facts.order_id);
        text(&mut entries.client_id, facts.client_id);
        entries.amount.append_option(amount);
        word(&mut entries.reason, refusal);
        entries.cancelled.append_option(cancelled);
        entries.reports.append_value(reports);
    }

    /// The row of an asset or a market, where the entry made one.
    fn definition(&mut self, action: &Action, outcomes: &[Outcome]) {
        let is_done = matches!(outcomes.last(), Some(Outcome::Answer { refusal: None, .. }));
        let At { entry, time } = self.at;
        match action {
            Action::AddAsset {
                asset,
                symbol,
                decimals,
            } if is_done => {
                let assets = &mut self.tables.assets;
                assets.entry.append_value(entry);
                assets.ts_event.append_value(time);
                word(&mut assets.asset, Some(symbol.as_str()));
                assets.number.append_value(asset.0);
                assets.decimals.append_value(*decimals);
            }
            Action::ListMarket(listing) if is_done => {
                let symbol = |asset| asset_of(self.exchange, asset).map(|found| found.symbol);
                let (base, quote) = (symbol(listing.base), symbol(listing.quote));
                let markets = &mut self.tables.markets;
                markets.entry.append_value(entry);
                markets.ts_event.append_value(time);
                word(&mut markets.market, Some(listing.symbol.as_str()));
                markets.number.append_value(listing.market.0);
                word(&mut markets.base, base.as_ref().map(|found| found.as_str()));
                word(
                    &mut markets.quote,
                    quote.as_ref().map(|found| found.as_str()),
                );
                markets.price_decimals.append_value(listing.price_decimals);
                markets
                    .quantity_decimals
                    .append_value(listing.quantity_decimals);
                markets
                    .maker_fee
                    .append_value(u32::from(listing.fees.maker));
                markets
                    .taker_fee
                    .append_value(u32::from(listing.fees.taker));
            }
            _ => {}
        }
    }
}

/// What a report counts, in units of 10^-[`AMOUNT_SCALE`].
#[derive(Default)]
struct Numbers {
    price: Option<i128>,
    size: Option<i128>,
    fee: Option<i128>,
    limit_price: Option<i128>,
    stop_price: Option<i128>,
    quantity: Option<i128>,
    leaves: Option<i128>,
    filled: Option<i128>,
    notional: Option<i128>,
    fees: Option<i128>,
    hold: Option<i128>,
}

fn word(column: &mut Word, value: Option<&str>) {
    match value {
        // There are fewer markets, assets and names than a column may have words.
        Some(value) => column.append_value(value),
        None => column.append_null(),
    }
}

fn text(column: &mut Text, value: &str) {
    column.append_option((!value.is_empty()).then_some(value));
}

fn identify(column: &mut Whole, id: OrderId) {
    column.append_option((id.0 != 0).then_some(id.0));
}

fn kind_name(kind: OrderKind) -> &'static str {
    KIND_NAMES[match kind {
        OrderKind::Market { .. } => 0,
        OrderKind::Limit { .. } => 1,
        OrderKind::Stop { .. } => 2,
        OrderKind::StopLimit { .. } => 3,
    }]
}

fn status_name(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Rejected => "rejected",
        OrderStatus::Live => "live",
        OrderStatus::Filled => "filled",
        OrderStatus::Cancelled => "cancelled",
        OrderStatus::Expired => "expired",
    }
}

fn execution_name(execution: &Execution) -> &'static str {
    match execution {
        Execution::New => "new",
        Execution::Trade { .. } => "trade",
        Execution::Triggered => "triggered",
        Execution::Reduced { .. } => "reduced",
        Execution::Replaced => "replaced",
        Execution::Cancelled { .. } => "cancelled",
        Execution::Expired => "expired",
        Execution::Rejected { .. } => "rejected",
        Execution::CancelRejected { .. } => "cancel_rejected",
        Execution::ReplaceRejected { .. } => "replace_rejected",
        Execution::Status => "status",
    }
}

fn refusal_name(execution: &Execution) -> Option<&'static str> {
    match execution {
        Execution::Rejected { refusal }
        | Execution::CancelRejected { refusal }
        | Execution::ReplaceRejected { refusal } => Some(refusal.name()),
        _ => None,
    }
}

fn reason(execution: &Execution) -> Option<&'static str> {
    match execution {
        Execution::Reduced { reason, .. } => Some(reason.name()),
        Execution::Cancelled { reason } => Some(reason.name()),
        other => refusal_name(other),
    }
}

fn liquidity(execution: &Execution) -> Option<&'static str> {
    match execution {
        Execution::Trade {
            liquidity: Liquidity::Maker,
            ..
        } => Some("maker"),
        Execution::Trade {
            liquidity: Liquidity::Taker,
            ..
        } => Some("taker"),
        _ => None,
    }
}
