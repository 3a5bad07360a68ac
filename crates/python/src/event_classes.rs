//! One frozen class for each kind of event. Prices and quantities come twice: as a `decimal.Decimal`, and as ticks or lots.

use proofbook_types::Event;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::events::{queue_name, side_name, EventObject};

/// Writes the class of one kind of event: its getters, and the names that matching and printing use.
macro_rules! event_class {
    (
        $(#[$class_doc:meta])* $class:ident, $pattern:pat, $py:ident, $units:ident;
        shown: [$($shown:literal),*];
        $($(#[$doc:meta])* $getter:ident: $type:ty = $value:expr;)*
    ) => {
        $(#[$class_doc])*
        #[pyclass(extends = EventObject, module = "proofbook", frozen)]
        pub struct $class;

        #[pymethods]
        #[allow(unused_variables)]
        impl $class {
            #[classattr]
            fn __match_args__(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
                PyTuple::new(py, &[$($shown),*] as &[&str])
            }

            $(
                $(#[$doc])*
                #[getter]
                fn $getter<'py>(slf: PyRef<'py, Self>) -> PyResult<$type> {
                    let $py = slf.py();
                    let base = slf.as_super();
                    let $units = &base.units;
                    let $pattern = base.event else {
                        unreachable!("an event's class is chosen by its kind");
                    };
                    Ok($value)
                }
            )*
        }
    };
}

event_class! {
    /// A new order passed every check.
    Accepted, Event::Accepted { order_id, account, side, price, quantity }, py, units;
    shown: ["order_id", "account", "side", "price", "quantity"];
    /// The order.
    order_id: u64 = order_id.0;
    /// Its account; 0 is none.
    account: u64 = account.0;
    /// Its side.
    side: &'static str = side_name(side);
    /// Its limit price, if it has one.
    price: Option<Bound<'py, PyAny>> = price.map(|price| units.price_decimal(py, price)).transpose()?;
    /// Its limit price, if it has one, in ticks.
    price_ticks: Option<i64> = price.map(|price| price.0);
    /// Its quantity.
    quantity: Bound<'py, PyAny> = units.quantity_decimal(py, quantity)?;
    /// Its quantity, in lots.
    quantity_lots: u64 = quantity.0;
}

event_class! {
    /// The command changed nothing but the clock and the sequence.
    Rejected, Event::Rejected { order_id, reason }, py, units;
    shown: ["order_id", "reason"];
    /// The order that the command names, if it names one.
    order_id: Option<u64> = order_id.map(|id| id.0);
    /// Why: a stable name.
    reason: &'static str = reason.name();
}

event_class! {
    /// An order took the last place at its price in a queue.
    Placed, Event::Placed { order_id, queue, price, displayed, hidden, priority }, py, units;
    shown: ["order_id", "queue", "price", "displayed", "hidden", "priority"];
    /// The order.
    order_id: u64 = order_id.0;
    /// The queue.
    queue: &'static str = queue_name(queue);
    /// The price at which it stands there: the limit price, or the stop price.
    price: Bound<'py, PyAny> = units.price_decimal(py, price)?;
    /// The price at which it stands there: the limit price, or the stop price, in ticks.
    price_ticks: i64 = price.0;
    /// Open quantity that is shown.
    displayed: Bound<'py, PyAny> = units.quantity_decimal(py, displayed)?;
    /// Open quantity that is shown, in lots.
    displayed_lots: u64 = displayed.0;
    /// Open quantity that is not shown.
    hidden: Bound<'py, PyAny> = units.quantity_decimal(py, hidden)?;
    /// Open quantity that is not shown, in lots.
    hidden_lots: u64 = hidden.0;
    /// Its rank in time.
    priority: u64 = priority;
}

event_class! {
    /// Two orders traded.
    Trade, Event::Trade { maker_id, taker_id, taker_side, price, quantity, maker_open }, py, units;
    shown: ["maker_id", "taker_id", "taker_side", "price", "quantity", "maker_open"];
    /// The resting order; in an auction, the one that came first.
    maker_id: u64 = maker_id.0;
    /// The incoming order; in an auction, the one that came later.
    taker_id: u64 = taker_id.0;
    /// The taker's side.
    taker_side: &'static str = side_name(taker_side);
    /// The resting order's price; in an auction, the auction's.
    price: Bound<'py, PyAny> = units.price_decimal(py, price)?;
    /// The resting order's price; in an auction, the auction's, in ticks.
    price_ticks: i64 = price.0;
    /// How much.
    quantity: Bound<'py, PyAny> = units.quantity_decimal(py, quantity)?;
    /// How much, in lots.
    quantity_lots: u64 = quantity.0;
    /// What the maker has left, hidden quantity included.
    maker_open: Bound<'py, PyAny> = units.quantity_decimal(py, maker_open)?;
    /// What the maker has left, hidden quantity included, in lots.
    maker_open_lots: u64 = maker_open.0;
}

event_class! {
    /// An iceberg's slice traded in full: the next one stands last at its price.
    Refreshed, Event::Refreshed { order_id, displayed, hidden, priority }, py, units;
    shown: ["order_id", "displayed", "hidden", "priority"];
    /// The order.
    order_id: u64 = order_id.0;
    /// The new slice.
    displayed: Bound<'py, PyAny> = units.quantity_decimal(py, displayed)?;
    /// The new slice, in lots.
    displayed_lots: u64 = displayed.0;
    /// What stays hidden.
    hidden: Bound<'py, PyAny> = units.quantity_decimal(py, hidden)?;
    /// What stays hidden, in lots.
    hidden_lots: u64 = hidden.0;
    /// Its new rank in time.
    priority: u64 = priority;
}

event_class! {
    /// An order's open quantity went down without a trade; it kept its place.
    Reduced, Event::Reduced { order_id, quantity, open, reason }, py, units;
    shown: ["order_id", "quantity", "open", "reason"];
    /// The order.
    order_id: u64 = order_id.0;
    /// By how much.
    quantity: Bound<'py, PyAny> = units.quantity_decimal(py, quantity)?;
    /// By how much, in lots.
    quantity_lots: u64 = quantity.0;
    /// What is left open.
    open: Bound<'py, PyAny> = units.quantity_decimal(py, open)?;
    /// What is left open, in lots.
    open_lots: u64 = open.0;
    /// Why: a stable name.
    reason: &'static str = reason.name();
}

event_class! {
    /// An order is gone with something left open.
    Cancelled, Event::Cancelled { order_id, side, price, quantity, reason }, py, units;
    shown: ["order_id", "side", "price", "quantity", "reason"];
    /// The order.
    order_id: u64 = order_id.0;
    /// Its side.
    side: &'static str = side_name(side);
    /// Its limit price, if it has one.
    price: Option<Bound<'py, PyAny>> = price.map(|price| units.price_decimal(py, price)).transpose()?;
    /// Its limit price, if it has one, in ticks.
    price_ticks: Option<i64> = price.map(|price| price.0);
    /// What was left open.
    quantity: Bound<'py, PyAny> = units.quantity_decimal(py, quantity)?;
    /// What was left open, in lots.
    quantity_lots: u64 = quantity.0;
    /// Why: a stable name.
    reason: &'static str = reason.name();
}

event_class! {
    /// A replace was taken.
    Replaced, Event::Replaced { order_id, side, price, quantity, kept_priority }, py, units;
    shown: ["order_id", "side", "price", "quantity", "kept_priority"];
    /// The order.
    order_id: u64 = order_id.0;
    /// Its side.
    side: &'static str = side_name(side);
    /// Its limit price now, if it has one.
    price: Option<Bound<'py, PyAny>> = price.map(|price| units.price_decimal(py, price)).transpose()?;
    /// Its limit price now, if it has one, in ticks.
    price_ticks: Option<i64> = price.map(|price| price.0);
    /// Its open quantity now.
    quantity: Bound<'py, PyAny> = units.quantity_decimal(py, quantity)?;
    /// Its open quantity now, in lots.
    quantity_lots: u64 = quantity.0;
    /// Whether it kept its place.
    kept_priority: bool = kept_priority;
}

event_class! {
    /// An order is gone because its time is over.
    Expired, Event::Expired { order_id, quantity }, py, units;
    shown: ["order_id", "quantity"];
    /// The order.
    order_id: u64 = order_id.0;
    /// What was left open.
    quantity: Bound<'py, PyAny> = units.quantity_decimal(py, quantity)?;
    /// What was left open, in lots.
    quantity_lots: u64 = quantity.0;
}

event_class! {
    /// A stop order's trigger was reached: it now acts as a market or limit order.
    Triggered, Event::Triggered { order_id }, py, units;
    shown: ["order_id"];
    /// The order.
    order_id: u64 = order_id.0;
}

event_class! {
    /// The market changed phase.
    PhaseChanged, Event::PhaseChanged { phase }, py, units;
    shown: ["phase"];
    /// The phase now.
    phase: &'static str = phase.name();
}

event_class! {
    /// The auction found its price; its trades follow.
    Uncrossed, Event::Uncrossed { price, quantity }, py, units;
    shown: ["price", "quantity"];
    /// The price, None where nothing could trade.
    price: Option<Bound<'py, PyAny>> = price.map(|price| units.price_decimal(py, price)).transpose()?;
    /// The price, None where nothing could trade, in ticks.
    price_ticks: Option<i64> = price.map(|price| price.0);
    /// The quantity that trades at it.
    quantity: Bound<'py, PyAny> = units.quantity_decimal(py, quantity)?;
    /// The quantity that trades at it, in lots.
    quantity_lots: u64 = quantity.0;
}
