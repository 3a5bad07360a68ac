//! The words that the history's tables have for what an exchange says. They are those of its messages.

use proofbook_exchange::{Execution, Liquidity, OrderKind, OrderStatus};

use crate::terms::KIND_NAMES;

pub fn kind_name(kind: OrderKind) -> &'static str {
    KIND_NAMES[match kind {
        OrderKind::Market { .. } => 0,
        OrderKind::Limit { .. } => 1,
        OrderKind::Stop { .. } => 2,
        OrderKind::StopLimit { .. } => 3,
    }]
}

pub fn status_name(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Rejected => "rejected",
        OrderStatus::Live => "live",
        OrderStatus::Filled => "filled",
        OrderStatus::Cancelled => "cancelled",
        OrderStatus::Expired => "expired",
    }
}

pub fn execution_name(execution: &Execution) -> &'static str {
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

pub fn refusal_name(execution: &Execution) -> Option<&'static str> {
    match execution {
        Execution::Rejected { refusal }
        | Execution::CancelRejected { refusal }
        | Execution::ReplaceRejected { refusal } => Some(refusal.name()),
        _ => None,
    }
}

pub fn reason(execution: &Execution) -> Option<&'static str> {
    match execution {
        Execution::Reduced { reason, .. } => Some(reason.name()),
        Execution::Cancelled { reason } => Some(reason.name()),
        other => refusal_name(other),
    }
}

pub fn liquidity(execution: &Execution) -> Option<&'static str> {
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
