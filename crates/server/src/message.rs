//! Messages as JSON: how orders stand and what happened to them, what accounts have.

use proofbook_exchange::{
    Balance, ClientId, Execution, Liquidity, OrderKind, OrderStatus, Refusal, Report,
};
use proofbook_types::{AccountId, Side};
use serde::Serialize;

use crate::decimal;
use crate::names::{MarketName, Names};

/// More decimals of an average price than its market has.
const AVERAGE_DECIMALS: u8 = 4;

/// A message, tagged by its type.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Message<'a> {
    /// What came of a request.
    Answer {
        ticket: u64,
        entry: u64,
        time_ns: u64,
        account: u64,
        reports: Vec<ReportView<'a>>,
        refusal: Option<&'static str>,
        cancelled: u32,
    },
    /// A request that never became an entry.
    Refused { ticket: u64, reason: &'static str },
    /// The log failed: nothing is acknowledged any more.
    Failed { reason: &'a str },
}

impl Message<'_> {
    /// The message's bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers, texts and lists make JSON")
    }
}

/// What happened to an order or a request about one.
#[derive(Serialize)]
pub(crate) struct ReportView<'a> {
    execution: &'static str,
    reason: Option<&'static str>,
    price: Option<String>,
    quantity: Option<String>,
    liquidity: Option<&'static str>,
    fee: Option<String>,
    order: OrderView<'a>,
}

/// How an order stands.
#[derive(Serialize)]
pub(crate) struct OrderView<'a> {
    order_id: u64,
    client_id: Option<String>,
    original_id: Option<String>,
    account: u64,
    market: &'a str,
    side: &'static str,
    kind: &'static str,
    status: &'static str,
    limit_price: Option<String>,
    stop_price: Option<String>,
    quantity: String,
    leaves: String,
    filled: String,
    average: Option<String>,
    notional: String,
    fees: String,
    hold: String,
}

/// What an account has of an asset.
#[derive(Serialize)]
pub(crate) struct BalanceView<'a> {
    account: u64,
    asset: &'a str,
    total: String,
    held: String,
    credit: String,
    available: String,
}

/// The decimals with which a report is written; those of an order that names no market do not matter, its amounts are all zero.
struct Places<'a> {
    market: Option<&'a MarketName>,
    price: u8,
    quantity: u8,
    base: u8,
    quote: u8,
}

impl<'a> Places<'a> {
    fn of(report: &Report, names: &'a Names) -> Self {
        let market = names.market(report.market);
        let decimals = |asset| names.asset(asset).map_or(0, |asset| asset.decimals);
        Places {
            market,
            price: market.map_or(0, |market| market.price_decimals),
            quantity: market.map_or(0, |market| market.quantity_decimals),
            base: market.map_or(0, |market| decimals(market.base)),
            quote: market.map_or(0, |market| decimals(market.quote)),
        }
    }

    fn price(&self, ticks: i64) -> String {
        decimal::text(i128::from(ticks), self.price)
    }

    fn quantity(&self, lots: u64) -> String {
        decimal::text(i128::from(lots), self.quantity)
    }

    /// Notional over quantity, cut off behind four decimals more than prices have.
    fn average(&self, report: &Report) -> Option<String> {
        let traded = u128::from(report.cumulative.0).checked_mul(self.market?.scale.tick_units)?;
        let scaled = report
            .notional
            .checked_mul(10u128.pow(u32::from(AVERAGE_DECIMALS)))?;
        let average = scaled.checked_div(traded)?;
        Some(decimal::amount(average, self.price + AVERAGE_DECIMALS))
    }
}

impl<'a> ReportView<'a> {
    pub(crate) fn new(report: &Report, names: &'a Names) -> Self {
        let places = Places::of(report, names);
        let (execution, reason) = named(&report.execution);
        let mut view = ReportView {
            execution,
            reason,
            price: None,
            quantity: None,
            liquidity: None,
            fee: None,
            order: OrderView::with(report, &places),
        };
        match report.execution {
            Execution::Trade {
                price,
                quantity,
                liquidity,
                fee,
            } => {
                view.price = Some(places.price(price.0));
                view.quantity = Some(places.quantity(quantity.0));
                view.liquidity = Some(match liquidity {
                    Liquidity::Maker => "maker",
                    Liquidity::Taker => "taker",
                });
                view.fee = Some(decimal::amount(fee, places.quote));
            }
            Execution::Reduced { quantity, .. } => {
                view.quantity = Some(places.quantity(quantity.0));
            }
            _ => {}
        }
        view
    }
}

/// An execution's name, and the reason for it where there is one.
fn named(execution: &Execution) -> (&'static str, Option<&'static str>) {
    let refused = |refusal: &Refusal| Some(refusal.name());
    match execution {
        Execution::New => ("new", None),
        Execution::Trade { .. } => ("trade", None),
        Execution::Triggered => ("triggered", None),
        Execution::Reduced { reason, .. } => ("reduced", Some(reason.name())),
        Execution::Replaced => ("replaced", None),
        Execution::Cancelled { reason } => ("cancelled", Some(reason.name())),
        Execution::Expired => ("expired", None),
        Execution::Rejected { refusal } => ("rejected", refused(refusal)),
        Execution::CancelRejected { refusal } => ("cancel_rejected", refused(refusal)),
        Execution::ReplaceRejected { refusal } => ("replace_rejected", refused(refusal)),
        Execution::Status => ("status", None),
    }
}

fn text(id: &ClientId) -> Option<String> {
    id.is_some().then(|| id.to_string())
}

impl<'a> OrderView<'a> {
    pub(crate) fn new(report: &Report, names: &'a Names) -> Self {
        Self::with(report, &Places::of(report, names))
    }

    fn with(report: &Report, places: &Places<'a>) -> Self {
        OrderView {
            order_id: report.order_id.0,
            client_id: text(&report.client_id),
            original_id: text(&report.original_id),
            account: report.account.0,
            market: places.market.map_or("", |market| market.symbol.as_str()),
            side: match report.side {
                Side::Buy => "buy",
                Side::Sell => "sell",
            },
            kind: match report.kind {
                OrderKind::Market { .. } => "market",
                OrderKind::Limit { .. } => "limit",
                OrderKind::Stop { .. } => "stop",
                OrderKind::StopLimit { .. } => "stop_limit",
            },
            status: match report.status {
                OrderStatus::Rejected => "rejected",
                OrderStatus::Live => "live",
                OrderStatus::Filled => "filled",
                OrderStatus::Cancelled => "cancelled",
                OrderStatus::Expired => "expired",
            },
            limit_price: report.kind.price().map(|price| places.price(price.0)),
            stop_price: report.kind.stop_price().map(|price| places.price(price.0)),
            quantity: places.quantity(report.quantity.0),
            leaves: places.quantity(report.leaves.0),
            filled: places.quantity(report.cumulative.0),
            average: places.average(report),
            notional: decimal::amount(report.notional, places.quote),
            fees: decimal::amount(report.fees, places.quote),
            hold: match report.side {
                Side::Buy => decimal::amount(report.hold, places.quote),
                Side::Sell => decimal::amount(report.hold, places.base),
            },
        }
    }
}

impl<'a> BalanceView<'a> {
    pub(crate) fn new(account: AccountId, asset: &'a str, decimals: u8, balance: &Balance) -> Self {
        let text = |units| decimal::text(units, decimals);
        BalanceView {
            account: account.0,
            asset,
            total: text(balance.total),
            held: text(balance.held),
            credit: text(balance.credit),
            available: text(balance.available()),
        }
    }
}
