//! What clients are told: ExecutionReport (8), OrderCancelReject (9), OrderMassCancelReport (r), of what came of an entry.
//!
//! ExecID is the place in the log, entry and message of it: the same after a crash, and unique for ever.

use proofbook_exchange::{
    Asset, ClientId, Execution, Instrument, Liquidity, OrderKind, OrderStatus, Refusal, Report,
};
use proofbook_fix::{tag, Draft, Precision, Version};
use proofbook_types::{OrderId, Quantity, RejectReason, Side};

use crate::outbox::Position;

/// More decimals of an average price than its market has.
const AVERAGE_DECIMALS: u32 = 4;

/// What is the same for all that is written of one report.
pub(crate) struct Context<'e> {
    pub(crate) version: Version,
    pub(crate) instrument: Option<&'e Instrument>,
    pub(crate) quote: Option<&'e Asset>,
    /// Where in the log it came from; none where it only answers a question.
    pub(crate) position: Option<Position>,
    pub(crate) time_ns: u64,
    /// It goes to another session than the order's.
    pub(crate) is_copy: bool,
}

/// The MsgType of a report.
pub(crate) fn message_type(report: &Report) -> &'static [u8] {
    match report.execution {
        Execution::CancelRejected { .. } | Execution::ReplaceRejected { .. } => b"9",
        _ => b"8",
    }
}

/// Writes the body of a report.
pub(crate) fn write(draft: &mut Draft<'_>, context: &Context<'_>, report: &Report) {
    match report.execution {
        Execution::CancelRejected { refusal } => {
            cancel_reject(draft, context, report, refusal, b'1');
        }
        Execution::ReplaceRejected { refusal } => {
            cancel_reject(draft, context, report, refusal, b'2');
        }
        _ => execution_report(draft, context, report),
    }
}

/// OrdStatus.
fn status(report: &Report) -> u8 {
    match report.status {
        OrderStatus::Rejected => b'8',
        OrderStatus::Live if report.cumulative > Quantity(0) => b'1',
        OrderStatus::Live => b'0',
        OrderStatus::Filled => b'2',
        OrderStatus::Cancelled => b'4',
        OrderStatus::Expired => b'C',
    }
}

/// ExecType.
fn execution_type(version: Version, report: &Report) -> u8 {
    match (report.execution, version) {
        (Execution::New, _) => b'0',
        (Execution::Trade { .. }, Version::Fix44) => b'F',
        (Execution::Trade { .. }, Version::Fix42) if report.leaves == Quantity(0) => b'2',
        (Execution::Trade { .. }, Version::Fix42) => b'1',
        (Execution::Triggered | Execution::Reduced { .. }, _) => b'D',
        (Execution::Replaced, _) => b'5',
        (Execution::Cancelled { .. }, _) => b'4',
        (Execution::Expired, _) => b'C',
        (Execution::Status, Version::Fix44) => b'I',
        (Execution::Status, Version::Fix42) => status(report),
        (Execution::Rejected { .. }, _)
        | (Execution::CancelRejected { .. } | Execution::ReplaceRejected { .. }, _) => b'8',
    }
}

fn order_id(draft: &mut Draft<'_>, id: OrderId) {
    match id {
        OrderId(0) => draft.text(tag::ORDER_ID, b"NONE"),
        OrderId(id) => draft.unsigned(tag::ORDER_ID, id),
    };
}

fn named(draft: &mut Draft<'_>, tag: i32, id: &ClientId) {
    if id.is_some() {
        draft.text(tag, id.as_bytes());
    }
}

fn execution_report(draft: &mut Draft<'_>, context: &Context<'_>, report: &Report) {
    order_id(draft, report.order_id);
    named(draft, tag::CL_ORD_ID, &report.client_id);
    named(draft, tag::ORIG_CL_ORD_ID, &report.original_id);
    match context.position {
        Some(Position { entry, index }) => {
            draft.text(tag::EXEC_ID, format!("{entry}-{index}").as_bytes())
        }
        None => draft.text(tag::EXEC_ID, b"0"),
    };
    if context.version == Version::Fix42 {
        let is_status = report.execution == Execution::Status;
        draft.char(tag::EXEC_TRANS_TYPE, if is_status { b'3' } else { b'0' });
    }
    draft.char(tag::EXEC_TYPE, execution_type(context.version, report));
    draft.char(tag::ORD_STATUS, status(report));
    reason(draft, context.version, report);
    let symbol = context.instrument.map(|found| found.symbol.as_bytes());
    draft.text(tag::SYMBOL, symbol.unwrap_or(b"[N/A]"));
    draft.char(tag::SIDE, side(report.side));
    if let Some(instrument) = context.instrument {
        terms(draft, instrument, report);
        amounts(draft, instrument, context, report);
    } else {
        for tag in [tag::LEAVES_QTY, tag::CUM_QTY, tag::AVG_PX] {
            draft.unsigned(tag, 0);
        }
    }
    let precision = Precision::Milliseconds;
    draft.timestamp(tag::TRANSACT_TIME, context.time_ns, precision);
    copied_account(draft, context, report);
    if context.is_copy && context.version == Version::Fix44 {
        draft.flag(tag::COPY_MSG_INDICATOR, true);
    }
}

/// Whose order it is: a copy's reader may have many accounts.
fn copied_account(draft: &mut Draft<'_>, context: &Context<'_>, report: &Report) {
    if context.is_copy {
        draft.unsigned(tag::ACCOUNT, report.account.0);
    }
}

fn side(side: Side) -> u8 {
    match side {
        Side::Buy => b'1',
        Side::Sell => b'2',
    }
}

/// Why something happened that the client did not ask for.
fn reason(draft: &mut Draft<'_>, version: Version, report: &Report) {
    match report.execution {
        Execution::Rejected { refusal } => {
            let code = order_reject_reason(version, refusal);
            draft.unsigned(tag::ORD_REJ_REASON, code);
            draft.text(tag::TEXT, refusal.name().as_bytes());
        }
        Execution::Cancelled { reason } => {
            draft.text(tag::TEXT, reason.name().as_bytes());
        }
        Execution::Reduced { reason, .. } => {
            // Partial decline of OrderQty.
            draft.unsigned(tag::EXEC_RESTATEMENT_REASON, 5);
            draft.text(tag::TEXT, reason.name().as_bytes());
        }
        Execution::Triggered => {
            let code = if version == Version::Fix42 { 4 } else { 99 };
            draft.unsigned(tag::EXEC_RESTATEMENT_REASON, code);
            draft.text(tag::TEXT, b"triggered");
        }
        _ => {}
    }
}

/// Whether an order is refused for how much or how far it would go: it exceeds a limit.
fn is_beyond_limit(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::QuantityLimit
            | Refusal::NotionalLimit
            | Refusal::OpenOrdersLimit
            | Refusal::AccountCollar
            | Refusal::InsufficientFunds
            | Refusal::Market(
                RejectReason::QuantityLimit
                    | RejectReason::NotionalLimit
                    | RejectReason::PriceCollar
            )
    )
}

/// OrdRejReason.
fn order_reject_reason(version: Version, refusal: Refusal) -> u64 {
    match refusal {
        Refusal::UnknownMarket => 1,
        Refusal::MarketClosed
        | Refusal::MarketHalted
        | Refusal::ExchangeKilled
        | Refusal::Market(RejectReason::MarketHalted) => 2,
        _ if is_beyond_limit(refusal) => 3,
        Refusal::DuplicateClientId => 6,
        // The exchange's option.
        Refusal::AccountKilled => 0,
        _ if version == Version::Fix42 => 0,
        Refusal::Market(
            RejectReason::TimeInForce | RejectReason::PostOnly | RejectReason::DisplayQuantity,
        ) => 11,
        Refusal::QuantityRange
        | Refusal::Market(RejectReason::ZeroQuantity | RejectReason::LotSize) => 13,
        Refusal::UnknownAccount => 15,
        _ => 99,
    }
}

/// CxlRejReason.
fn cancel_reject_reason(version: Version, refusal: Refusal) -> u64 {
    match (refusal, version) {
        (Refusal::UnknownOrder, _) => 1,
        // The exchange's option, as all else is for 4.2.
        (Refusal::AccountKilled | Refusal::ExchangeKilled, _) | (_, Version::Fix42) => 2,
        (_, Version::Fix44) if is_beyond_limit(refusal) => 2,
        (Refusal::DuplicateClientId, Version::Fix44) => 6,
        (_, Version::Fix44) => 99,
    }
}

fn terms(draft: &mut Draft<'_>, instrument: &Instrument, report: &Report) {
    let decimals = u32::from(instrument.price_decimals);
    let kind = match report.kind {
        OrderKind::Market { .. } => b'1',
        OrderKind::Limit { .. } => b'2',
        OrderKind::Stop { .. } => b'3',
        OrderKind::StopLimit { .. } => b'4',
    };
    lots(draft, tag::ORDER_QTY, instrument, report.quantity);
    draft.char(tag::ORD_TYPE, kind);
    if let Some(price) = report.kind.price() {
        draft.decimal(tag::PRICE, price.0, decimals);
    }
    if let Some(price) = report.kind.stop_price() {
        draft.decimal(tag::STOP_PX, price.0, decimals);
    }
}

/// As [`Draft::decimal`] writes it, of any 64 bits.
pub(crate) fn decimal_text(units: u64, decimals: u32) -> String {
    let one = 10u64.pow(decimals);
    let (whole, rest, width) = (units / one, units % one, decimals as usize);
    match decimals {
        0 => whole.to_string(),
        _ => format!("{whole}.{rest:0width$}"),
    }
}

fn lots(draft: &mut Draft<'_>, tag: i32, instrument: &Instrument, quantity: Quantity) {
    let lots = i64::try_from(quantity.0).expect("a client's quantity was read as 63 bits");
    draft.decimal(tag, lots, u32::from(instrument.quantity_decimals));
}

fn amounts(draft: &mut Draft<'_>, instrument: &Instrument, context: &Context<'_>, report: &Report) {
    let decimals = u32::from(instrument.price_decimals);
    if let Execution::Trade {
        price,
        quantity,
        liquidity,
        fee,
    } = report.execution
    {
        lots(draft, tag::LAST_QTY, instrument, quantity);
        draft.decimal(tag::LAST_PX, price.0, decimals);
        let decimals = context.quote.map(|asset| u32::from(asset.decimals));
        if let (Some(decimals), Ok(fee)) = (decimals, i64::try_from(fee)) {
            draft.decimal(tag::COMMISSION, fee, decimals);
            draft.char(tag::COMM_TYPE, b'3');
        }
        if context.version == Version::Fix44 {
            let code = match liquidity {
                Liquidity::Maker => 1,
                Liquidity::Taker => 2,
            };
            draft.unsigned(tag::LAST_LIQUIDITY_IND, code);
        }
    }
    lots(draft, tag::LEAVES_QTY, instrument, report.leaves);
    lots(draft, tag::CUM_QTY, instrument, report.cumulative);
    let (average, decimals) = average_price(instrument, report);
    draft.decimal(tag::AVG_PX, average, decimals);
}

/// Notional over quantity, cut off behind four decimals more than prices have.
fn average_price(instrument: &Instrument, report: &Report) -> (i64, u32) {
    const DECIMALS_MAX: u32 = 18;
    let decimals = u32::from(instrument.price_decimals);
    let more = AVERAGE_DECIMALS.min(DECIMALS_MAX - decimals);
    let traded = u128::from(report.cumulative.0) * instrument.scale.tick_units;
    let scaled = report.notional.checked_mul(10u128.pow(more));
    let average = scaled.and_then(|scaled| i64::try_from(scaled.checked_div(traded)?).ok());
    (average.unwrap_or(0), decimals + more)
}

fn cancel_reject(
    draft: &mut Draft<'_>,
    context: &Context<'_>,
    report: &Report,
    refusal: Refusal,
    response_to: u8,
) {
    order_id(draft, report.order_id);
    for (tag, id) in [
        (tag::CL_ORD_ID, &report.client_id),
        (tag::ORIG_CL_ORD_ID, &report.original_id),
    ] {
        draft.text(tag, if id.is_some() { id.as_bytes() } else { b"NONE" });
    }
    draft.char(tag::ORD_STATUS, status(report));
    let precision = Precision::Milliseconds;
    draft.timestamp(tag::TRANSACT_TIME, context.time_ns, precision);
    copied_account(draft, context, report);
    draft.char(tag::CXL_REJ_RESPONSE_TO, response_to);
    let code = cancel_reject_reason(context.version, refusal);
    draft.unsigned(tag::CXL_REJ_REASON, code);
    draft.text(tag::TEXT, refusal.name().as_bytes());
}

/// The answer to a status request about an order that is not known.
pub(crate) fn unknown_order(
    draft: &mut Draft<'_>,
    version: Version,
    client_id: &ClientId,
    side: Side,
) {
    order_id(draft, OrderId(0));
    named(draft, tag::CL_ORD_ID, client_id);
    draft.text(tag::EXEC_ID, b"0");
    let code = match version {
        Version::Fix42 => {
            draft.char(tag::EXEC_TRANS_TYPE, b'3');
            b'8'
        }
        Version::Fix44 => b'I',
    };
    draft.char(tag::EXEC_TYPE, code);
    draft.char(tag::ORD_STATUS, b'8');
    draft.unsigned(tag::ORD_REJ_REASON, 5);
    draft.text(tag::TEXT, Refusal::UnknownOrder.name().as_bytes());
    draft.text(tag::SYMBOL, b"[N/A]");
    draft.char(tag::SIDE, self::side(side));
    for tag in [tag::LEAVES_QTY, tag::CUM_QTY, tag::AVG_PX] {
        draft.unsigned(tag, 0);
    }
}

/// What a mass cancel asked for, beside what its entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MassCancel {
    pub(crate) client_id: ClientId,
    pub(crate) is_one_market: bool,
}

/// Writes the body of the answer to a mass cancel. After a crash its client id is not known any more, since no entry has it.
pub(crate) fn mass_cancel(
    draft: &mut Draft<'_>,
    position: Position,
    time_ns: u64,
    asked: &MassCancel,
    cancelled: u32,
    refusal: Option<Refusal>,
) {
    let kind = if asked.is_one_market { b'1' } else { b'7' };
    named(draft, tag::CL_ORD_ID, &asked.client_id);
    let Position { entry, index } = position;
    draft.text(tag::ORDER_ID, format!("{entry}-{index}").as_bytes());
    draft.char(tag::MASS_CANCEL_REQUEST_TYPE, kind);
    draft.char(
        tag::MASS_CANCEL_RESPONSE,
        if refusal.is_some() { b'0' } else { kind },
    );
    if let Some(refusal) = refusal {
        draft.unsigned(tag::MASS_CANCEL_REJECT_REASON, 99);
        draft.text(tag::TEXT, refusal.name().as_bytes());
    }
    draft.unsigned(tag::TOTAL_AFFECTED_ORDERS, u64::from(cancelled));
    draft.timestamp(tag::TRANSACT_TIME, time_ns, Precision::Milliseconds);
}
