//! The words of the Python interface (sides, kinds, times in force) and the orders they make.

use proofbook_types::{
    NewOrder, OrderId, OrderKind, Phase, Quantity, SelfTradePrevention, Side, TimeInForce,
};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::errors::InputError;
use crate::units::{account_of, time_of, Units};

/// An argument that may be left out or `None`.
pub type Given<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

/// The words for [`SelfTradePrevention`], in the order of its codes.
pub const SELF_TRADE_NAMES: [&str; 5] = [
    "allow",
    "cancel_newest",
    "cancel_oldest",
    "cancel_both",
    "decrement_and_cancel",
];

/// The values of [`SelfTradePrevention`], in the order of its codes.
pub const SELF_TRADE_VALUES: [SelfTradePrevention; 5] = [
    SelfTradePrevention::Allow,
    SelfTradePrevention::CancelNewest,
    SelfTradePrevention::CancelOldest,
    SelfTradePrevention::CancelBoth,
    SelfTradePrevention::DecrementAndCancel,
];

/// The words for times in force, in the order of their codes.
pub const TIME_IN_FORCE_NAMES: [&str; 4] = ["gtc", "ioc", "fok", "gtd"];

/// The words for kinds of orders, in the order of their codes.
pub const KIND_NAMES: [&str; 4] = ["market", "limit", "stop", "stop_limit"];

/// The words for sides, in the order of their codes.
pub const SIDE_NAMES: [&str; 2] = ["buy", "sell"];

/// The words for phases, in the order of their codes.
pub const PHASE_NAMES: [&str; 3] = ["continuous", "auction", "halted"];

/// The word for a self-trade prevention.
pub const fn self_trade_name(value: SelfTradePrevention) -> &'static str {
    SELF_TRADE_NAMES[value as usize]
}

/// The position of a word among the words that are allowed.
pub fn word(what: &str, value: &Bound<'_, PyAny>, words: &[&str]) -> PyResult<usize> {
    if let Ok(text) = value.cast::<PyString>() {
        let text = text.to_str()?;
        if let Some(code) = words.iter().position(|word| *word == text) {
            return Ok(code);
        }
    }
    let expected: Vec<_> = words.iter().map(|word| format!("{word:?}")).collect();
    Err(InputError::new_err(format!(
        "{what} must be one of {}; received {}",
        expected.join(", "),
        value.repr()?
    )))
}

/// Reads a side.
pub fn side_of(value: &Bound<'_, PyAny>) -> PyResult<Side> {
    Ok(Side::BOTH[word("side", value, &SIDE_NAMES)?])
}

/// Reads a phase.
pub fn phase_of(value: &Bound<'_, PyAny>) -> PyResult<Phase> {
    Ok(Phase::ALL[word("initial_phase", value, &PHASE_NAMES)?])
}

/// The arguments of `Book.submit` that need reading.
pub struct Submission<'a, 'py> {
    /// "buy" or "sell".
    pub side: &'a Bound<'py, PyAny>,
    /// Quantity.
    pub quantity: &'a Bound<'py, PyAny>,
    /// Limit price.
    pub price: Given<'a, 'py>,
    /// Kind of order; limit where it is not given.
    pub kind: Given<'a, 'py>,
    /// Account; none where it is not given.
    pub account: Given<'a, 'py>,
    /// Time in force.
    pub time_in_force: Given<'a, 'py>,
    /// Expiry.
    pub expiry: Given<'a, 'py>,
    /// Reject rather than trade on entry.
    pub post_only: bool,
    /// The most that is shown.
    pub display: Given<'a, 'py>,
    /// Stop price.
    pub stop_price: Given<'a, 'py>,
    /// Self-trade prevention; allow where it is not given.
    pub self_trade: Given<'a, 'py>,
}

impl Submission<'_, '_> {
    /// The order with id `order_id` that the arguments mean.
    pub fn order(&self, order_id: OrderId, units: &Units) -> PyResult<NewOrder> {
        let kind = self.order_kind(units)?;
        Ok(NewOrder {
            order_id,
            account: match self.account {
                None => proofbook_types::AccountId::NONE,
                Some(value) => account_of(value)?,
            },
            side: side_of(self.side)?,
            quantity: units.quantity_of("quantity", self.quantity)?,
            kind,
            time_in_force: self.life(kind)?,
            post_only: self.post_only,
            display: match self.display {
                None => None,
                Some(value) => Some(units.quantity_of("display", value)?),
            },
            self_trade: match self.self_trade {
                None => SelfTradePrevention::Allow,
                Some(value) => SELF_TRADE_VALUES[word("self_trade", value, &SELF_TRADE_NAMES)?],
            },
        })
    }

    fn order_kind(&self, units: &Units) -> PyResult<OrderKind> {
        let code = match self.kind {
            None => 1,
            Some(value) => word("kind", value, &KIND_NAMES)?,
        };
        let price = match self.price {
            None => None,
            Some(value) => Some(units.price_of("price", value)?),
        };
        let stop_price = match self.stop_price {
            None => None,
            Some(value) => Some(units.price_of("stop_price", value)?),
        };
        match (code, price, stop_price) {
            (0, None, None) => Ok(OrderKind::Market),
            (1, Some(price), None) => Ok(OrderKind::Limit { price }),
            (2, None, Some(stop_price)) => Ok(OrderKind::Stop { stop_price }),
            (3, Some(price), Some(stop_price)) => Ok(OrderKind::StopLimit { stop_price, price }),
            _ => Err(InputError::new_err(format!(
                "a {} order takes {}; received {}",
                KIND_NAMES[code],
                [
                    "neither price nor stop_price",
                    "price and no stop_price (kind=\"market\" takes none)",
                    "stop_price and no price",
                    "price and stop_price",
                ][code],
                match (price, stop_price) {
                    (None, None) => "neither",
                    (Some(_), None) => "price",
                    (None, Some(_)) => "stop_price",
                    (Some(_), Some(_)) => "both",
                },
            ))),
        }
    }

    fn life(&self, kind: OrderKind) -> PyResult<TimeInForce> {
        let code = match (self.time_in_force, self.expiry) {
            (Some(value), _) => word("time_in_force", value, &TIME_IN_FORCE_NAMES)?,
            (None, Some(_)) => 3,
            (None, None) => usize::from(matches!(kind, OrderKind::Market)),
        };
        match (code, self.expiry) {
            (0, None) => Ok(TimeInForce::GoodTillCancel),
            (1, None) => Ok(TimeInForce::ImmediateOrCancel),
            (2, None) => Ok(TimeInForce::FillOrKill),
            (3, Some(expiry)) => Ok(TimeInForce::GoodTillDate {
                expiry: time_of("expiry", expiry)?,
            }),
            (3, None) => Err(InputError::new_err("time_in_force \"gtd\" needs an expiry")),
            _ => Err(InputError::new_err(format!(
                "expiry goes with time_in_force \"gtd\"; received {:?}",
                TIME_IN_FORCE_NAMES[code]
            ))),
        }
    }
}

/// Reads an optional quantity.
pub fn quantity_given(
    units: &Units,
    what: &str,
    value: Given<'_, '_>,
) -> PyResult<Option<Quantity>> {
    value
        .map(|value| units.quantity_of(what, value))
        .transpose()
}
