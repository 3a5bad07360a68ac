//! What a client's message asks of the exchange. `docs/FIX.md`, "Application", has the table.
//!
//! Values are read exactly: a price or quantity with more decimals than its market has is refused, never rounded. What cannot be understood is refused here and is no
//! entry of the log; what the exchange refuses is one.

use std::borrow::Cow;

use proofbook_exchange::{
    Action, ClientId, Exchange, Instrument, MarketId, NewOrder, OrderKind, OrderStatus, Report,
    Target,
};
use proofbook_fix::{tag, Field, FieldError, ParsedMessage};
use proofbook_session::{BusinessReject, BusinessRejectReason};
use proofbook_types::{
    AccountId, OrderId, Price, Quantity, SelfTradePrevention, Side, TimeInForce, Timestamp,
};

/// SelfTradeType: what happens where an order meets one of its own account.
const SELF_TRADE_TYPE: i32 = 7928;

const DAY_NS: u64 = 86_400_000_000_000;

/// Who asks, and when.
#[derive(Clone, Copy)]
pub(crate) struct Asker {
    pub(crate) account: AccountId,
    pub(crate) session: u64,
    pub(crate) now: Timestamp,
}

/// What is asked.
pub(crate) enum Request {
    /// An entry of the log.
    Enter(Action),
    /// How an order stands, which is answered once everything before is.
    Status {
        /// The id that was asked for.
        client_id: ClientId,
        /// The side that was named.
        side: Side,
        /// How the order stands, if there is one.
        report: Option<Report>,
    },
}

fn refused(reason: BusinessRejectReason, text: impl Into<Cow<'static, str>>) -> BusinessReject {
    BusinessReject {
        reason,
        reference_id: None,
        text: text.into(),
    }
}

pub(crate) fn unreadable(error: FieldError) -> BusinessReject {
    let reason = match error {
        FieldError::Missing { .. } => BusinessRejectReason::RequiredFieldMissing,
        _ => BusinessRejectReason::Other,
    };
    refused(reason, error.to_string())
}

pub(crate) fn unexpected(field: Field<'_>, expected: &str) -> BusinessReject {
    let received = field.value.escape_ascii();
    let text = format!(
        "tag {}: expected {expected}, received \"{received}\"",
        field.tag
    );
    refused(BusinessRejectReason::Other, text)
}

/// Reads a message.
///
/// # Errors
/// It cannot be understood; the client is told.
pub(crate) fn read(
    message: &ParsedMessage<'_>,
    asker: Asker,
    exchange: &Exchange,
) -> Result<Request, BusinessReject> {
    let kind = message.message_type();
    if !matches!(kind, b"D" | b"F" | b"G" | b"q" | b"H") {
        return Err(BusinessReject::unsupported());
    }
    let result = own_account(message, asker).and_then(|()| match kind {
        b"D" => new_order(message, asker, exchange).map(Request::Enter),
        b"F" => cancel(message, asker, exchange),
        b"G" => replace(message, asker, exchange).map(Request::Enter),
        b"q" => mass_cancel(message, asker, exchange).map(Request::Enter),
        _ => status(message, asker, exchange),
    });
    result.map_err(|reject| BusinessReject {
        reference_id: message.get(tag::CL_ORD_ID).map(|id| id.value.to_vec()),
        ..reject
    })
}

/// A session is of one account; whoever names one names that.
fn own_account(message: &ParsedMessage<'_>, asker: Asker) -> Result<(), BusinessReject> {
    let Some(field) = message.get(tag::ACCOUNT) else {
        return Ok(());
    };
    let own = asker.account.0.to_string();
    if field.value == own.as_bytes() {
        return Ok(());
    }
    Err(unexpected(field, &format!("{own}, the session's account")))
}

fn client_id(message: &ParsedMessage<'_>, tag: i32) -> Result<ClientId, BusinessReject> {
    let field = message.require(tag).map_err(unreadable)?;
    ClientId::new(field.value).map_err(|_| unexpected(field, "1 to 40 printable characters"))
}

fn market<'e>(
    message: &ParsedMessage<'_>,
    exchange: &'e Exchange,
) -> Result<(MarketId, &'e Instrument), BusinessReject> {
    let field = message.require(tag::SYMBOL).map_err(unreadable)?;
    find_market(field.value, exchange).ok_or_else(|| {
        let text = unknown_symbol(field.value);
        refused(BusinessRejectReason::UnknownSecurity, text)
    })
}

pub(crate) fn find_market<'e>(
    symbol: &[u8],
    exchange: &'e Exchange,
) -> Option<(MarketId, &'e Instrument)> {
    let mut markets = (1..).map(MarketId).zip(exchange.markets());
    let found = markets.find(|(_, (instrument, _))| instrument.symbol.as_bytes() == symbol);
    found.map(|(market, (instrument, _))| (market, instrument))
}

pub(crate) fn unknown_symbol(symbol: &[u8]) -> String {
    let received = symbol.escape_ascii();
    format!("tag 55: expected the symbol of a market, received \"{received}\"")
}

fn side(message: &ParsedMessage<'_>) -> Result<Side, BusinessReject> {
    let field = message.require(tag::SIDE).map_err(unreadable)?;
    match field.value {
        b"1" => Ok(Side::Buy),
        b"2" => Ok(Side::Sell),
        _ => Err(unexpected(field, "1 (buy) or 2 (sell)")),
    }
}

fn price(
    message: &ParsedMessage<'_>,
    tag: i32,
    instrument: &Instrument,
) -> Result<Option<Price>, BusinessReject> {
    let decimals = u32::from(instrument.price_decimals);
    let field = message.get(tag).map(|field| field.decimal(decimals));
    Ok(field.transpose().map_err(unreadable)?.map(Price))
}

fn quantity(
    message: &ParsedMessage<'_>,
    tag: i32,
    instrument: &Instrument,
) -> Result<Option<Quantity>, BusinessReject> {
    let Some(field) = message.get(tag) else {
        return Ok(None);
    };
    let decimals = u32::from(instrument.quantity_decimals);
    let lots = field.decimal(decimals).map_err(unreadable)?;
    let lots = u64::try_from(lots).map_err(|_| unexpected(field, "no negative quantity"))?;
    Ok(Some(Quantity(lots)))
}

fn required<T>(value: Option<T>, tag: i32) -> Result<T, BusinessReject> {
    value.ok_or_else(|| unreadable(FieldError::Missing { tag }))
}

fn kind(message: &ParsedMessage<'_>, instrument: &Instrument) -> Result<OrderKind, BusinessReject> {
    let field = message.require(tag::ORD_TYPE).map_err(unreadable)?;
    let price = price(message, tag::PRICE, instrument)?;
    let stop_price = self::price(message, tag::STOP_PX, instrument)?;
    Ok(match field.value {
        b"1" => OrderKind::Market { bound: price },
        b"2" => OrderKind::Limit {
            price: required(price, tag::PRICE)?,
        },
        b"3" => OrderKind::Stop {
            stop_price: required(stop_price, tag::STOP_PX)?,
            bound: price,
        },
        b"4" => OrderKind::StopLimit {
            stop_price: required(stop_price, tag::STOP_PX)?,
            price: required(price, tag::PRICE)?,
        },
        _ => return Err(unexpected(field, "1, 2, 3 or 4")),
    })
}

/// The midnight (UTC) after a time.
pub fn end_of_day(time_ns: u64) -> Timestamp {
    Timestamp((time_ns / DAY_NS + 1).saturating_mul(DAY_NS))
}

fn good_till_date(message: &ParsedMessage<'_>) -> Result<Timestamp, BusinessReject> {
    if let Some(time) = message.get(tag::EXPIRE_TIME) {
        return time.timestamp_ns().map(Timestamp).map_err(unreadable);
    }
    let date = message.require(tag::EXPIRE_DATE).map_err(unreadable)?;
    let midnight = [date.value, b"-00:00:00"].concat();
    let time = Field {
        tag: date.tag,
        offset: date.offset,
        value: &midnight,
    };
    Ok(end_of_day(time.timestamp_ns().map_err(unreadable)?))
}

fn time_in_force(
    message: &ParsedMessage<'_>,
    kind: OrderKind,
    now: Timestamp,
) -> Result<TimeInForce, BusinessReject> {
    let field = message.get(tag::TIME_IN_FORCE);
    Ok(match (field.map(|field| field.value), kind) {
        // A market order never rests: for the day is at once.
        (None | Some(b"0"), OrderKind::Market { .. }) => TimeInForce::ImmediateOrCancel,
        (None, OrderKind::Stop { .. }) | (Some(b"1"), _) => TimeInForce::GoodTillCancel,
        (None | Some(b"0"), _) => TimeInForce::GoodTillDate {
            expiry: end_of_day(now.0),
        },
        (Some(b"3"), _) => TimeInForce::ImmediateOrCancel,
        (Some(b"4"), _) => TimeInForce::FillOrKill,
        (Some(b"6"), _) => TimeInForce::GoodTillDate {
            expiry: good_till_date(message)?,
        },
        (Some(_), _) => {
            let field = message.require(tag::TIME_IN_FORCE).map_err(unreadable)?;
            return Err(unexpected(field, "0, 1, 3, 4 or 6"));
        }
    })
}

fn self_trade(message: &ParsedMessage<'_>) -> Result<Option<SelfTradePrevention>, BusinessReject> {
    let Some(field) = message.get(SELF_TRADE_TYPE) else {
        return Ok(None);
    };
    Ok(Some(match field.value {
        b"0" => SelfTradePrevention::Allow,
        b"1" => SelfTradePrevention::CancelNewest,
        b"2" => SelfTradePrevention::CancelOldest,
        b"3" => SelfTradePrevention::CancelBoth,
        b"4" => SelfTradePrevention::DecrementAndCancel,
        _ => return Err(unexpected(field, "0, 1, 2, 3 or 4")),
    }))
}

fn new_order(
    message: &ParsedMessage<'_>,
    asker: Asker,
    exchange: &Exchange,
) -> Result<Action, BusinessReject> {
    let (market, instrument) = market(message, exchange)?;
    let kind = kind(message, instrument)?;
    let is_post_only = match message.get(tag::EXEC_INST) {
        None => false,
        Some(field) if field.value == b"6" => true,
        Some(field) => return Err(unexpected(field, "6 (add liquidity only)")),
    };
    let max_floor = quantity(message, tag::MAX_FLOOR, instrument)?;
    let total = quantity(message, tag::ORDER_QTY, instrument)?;
    Ok(Action::New(NewOrder {
        account: asker.account,
        session: asker.session,
        client_id: client_id(message, tag::CL_ORD_ID)?,
        market,
        side: side(message)?,
        quantity: required(total, tag::ORDER_QTY)?,
        kind,
        time_in_force: time_in_force(message, kind, asker.now)?,
        post_only: is_post_only,
        display: match max_floor {
            None => quantity(message, tag::MAX_SHOW, instrument)?,
            shown => shown,
        },
        self_trade: self_trade(message)?,
    }))
}

fn target(message: &ParsedMessage<'_>, asker: Asker) -> Result<Target, BusinessReject> {
    Ok(Target {
        account: asker.account,
        session: asker.session,
        client_id: client_id(message, tag::CL_ORD_ID)?,
        original_id: client_id(message, tag::ORIG_CL_ORD_ID)?,
        order_id: OrderId(0),
    })
}

/// A cancel that may have come before (PossResend), of an order that is gone, is answered with how that stands: nothing says whether this cancel took it out. New
/// orders and replaces that come again are the exchange's to see, by their client ids.
fn cancel(
    message: &ParsedMessage<'_>,
    asker: Asker,
    exchange: &Exchange,
) -> Result<Request, BusinessReject> {
    let target = target(message, asker)?;
    let flag = message.get(tag::POSS_RESEND);
    if flag.is_some_and(|flag| flag.value == b"Y") {
        let order = exchange.order_named(asker.account, &target.original_id);
        if let Some(order) = order.filter(|order| order.status != OrderStatus::Live) {
            return Ok(Request::Status {
                client_id: target.client_id,
                side: order.side,
                report: Some(Report {
                    client_id: target.client_id,
                    original_id: target.original_id,
                    ..order
                }),
            });
        }
    }
    Ok(Request::Enter(Action::Cancel { target }))
}

fn replace(
    message: &ParsedMessage<'_>,
    asker: Asker,
    exchange: &Exchange,
) -> Result<Action, BusinessReject> {
    let (_, instrument) = market(message, exchange)?;
    Ok(Action::Replace {
        target: target(message, asker)?,
        price: price(message, tag::PRICE, instrument)?,
        quantity: quantity(message, tag::ORDER_QTY, instrument)?,
        stop_price: price(message, tag::STOP_PX, instrument)?,
    })
}

fn mass_cancel(
    message: &ParsedMessage<'_>,
    asker: Asker,
    exchange: &Exchange,
) -> Result<Action, BusinessReject> {
    let kind = message.require(tag::MASS_CANCEL_REQUEST_TYPE);
    let kind = kind.map_err(unreadable)?;
    let market = match kind.value {
        b"1" => Some(market(message, exchange)?.0),
        b"7" => None,
        _ => return Err(unexpected(kind, "1 (one market) or 7 (all)")),
    };
    Ok(Action::MassCancel {
        account: asker.account,
        session: asker.session,
        market,
    })
}

fn status(
    message: &ParsedMessage<'_>,
    asker: Asker,
    exchange: &Exchange,
) -> Result<Request, BusinessReject> {
    let client_id = client_id(message, tag::CL_ORD_ID)?;
    let report = exchange.order_named(asker.account, &client_id);
    Ok(Request::Status {
        client_id,
        side: side(message)?,
        report,
    })
}
