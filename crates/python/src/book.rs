//! `proofbook.Book`: one market, one order at a time in natural terms, or whole tables of commands.
//!
//! A book may be used from several Python threads: each call has it for itself, and the others wait with the interpreter
//! detached. If a broken invariant ever stops a call, the book refuses every later one.

use std::sync::{Arc, Mutex, MutexGuard};

use proofbook_book::{Level, Statistics};
use proofbook_types::{
    Action, Command, Event, EventSink as _, MarketConfig, OrderId, Price, Queue, Timestamp,
};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyBytes, PyType};
use pyo3_arrow::input::AnyRecordBatch;

use crate::batch;
use crate::errors::{BrokenInvariantError, InputError};
use crate::events::Events;
use crate::market::Market;
use crate::scale::Scale;
use crate::terms::{phase_of, quantity_given, Given, Submission};
use crate::units::{
    account_of, multiple_of, notional_of, order_id_of, scale_of, time_of, SharedUnits, Units,
};
use crate::views::{Depth, LevelView, OrderView, PlaceView, StatisticsView};

/// Everything about a book that changes.
pub struct State {
    /// The engine.
    pub market: Market,
    /// What happened so far.
    pub statistics: Statistics,
    /// Where the search for a free id starts.
    next_id: u64,
    /// Space for the events of one command.
    events: Vec<Event>,
}

impl State {
    fn new(market: Market) -> Self {
        State {
            market,
            statistics: Statistics::default(),
            next_id: 1,
            events: Vec::new(),
        }
    }

    /// Handles one command; its events are in `self.events` afterwards.
    #[inline]
    fn apply(&mut self, time: Option<Timestamp>, action: Action) {
        let time = time.unwrap_or_else(|| self.market.clock());
        self.events.clear();
        self.market
            .apply(&[Command { time, action }], &mut self.events);
        for event in &self.events {
            self.statistics.event(*event);
        }
    }

    /// An id that no live order has.
    fn free_id(&mut self) -> OrderId {
        loop {
            let id = OrderId(self.next_id);
            self.next_id = self.next_id.checked_add(1).unwrap_or(1);
            if !self.market.has_order(id) {
                return id;
            }
        }
    }
}

/// One market: its rules, its orders and its clock.
#[pyclass(module = "proofbook", frozen)]
pub struct Book {
    state: Mutex<State>,
    units: SharedUnits,
}

impl Book {
    fn around(market: Market, units: Units) -> Self {
        Book {
            state: Mutex::new(State::new(market)),
            units: Arc::new(units),
        }
    }

    fn lock(&self, py: Python<'_>) -> PyResult<MutexGuard<'_, State>> {
        self.state.lock_py_attached(py).map_err(|_| poisoned())
    }

    /// Looks at the state with the interpreter detached, for work that takes longer than a command.
    fn detached<T: Send>(
        &self,
        py: Python<'_>,
        look: impl FnOnce(&State) -> T + Send,
    ) -> PyResult<T> {
        py.detach(|| {
            let state = self.state.lock().map_err(|_| poisoned())?;
            Ok(look(&state))
        })
    }

    #[inline]
    fn act(
        &self,
        py: Python<'_>,
        time: Given<'_, '_>,
        order_id: Option<OrderId>,
        action: Action,
    ) -> PyResult<Events> {
        let time = time.map(|time| time_of("time", time)).transpose()?;
        let mut state = self.lock(py)?;
        state.apply(time, action);
        Ok(Events::new(
            &state.events,
            order_id.map(|id| id.0),
            self.units.clone(),
        ))
    }

    fn levels(state: &State, queue: Queue, count: usize) -> Vec<Level> {
        let mut levels: Vec<Level> = Vec::new();
        while levels.len() < count {
            let after = levels.last().map(|level| level.price);
            match state.market.next_level(queue, after) {
                Some(level) => levels.push(level),
                None => break,
            }
        }
        levels
    }

    fn best(&self, py: Python<'_>, queue: Queue) -> PyResult<Option<LevelView>> {
        let level = self.lock(py)?.market.next_level(queue, None);
        Ok(level.map(|level| LevelView::new(level, self.units.clone())))
    }
}

#[pymethods]
impl Book {
    #[new]
    #[pyo3(signature = (
        *,
        tick_size = None,
        lot_size = None,
        price_unit = None,
        quantity_unit = None,
        engine = "ladder",
        market = 0,
        max_quantity = None,
        max_notional = None,
        collar = None,
        reference_price = None,
        max_orders = None,
        initial_phase = None,
    ))]
    #[allow(clippy::too_many_arguments)] // Python's keyword arguments
    fn new(
        tick_size: Given<'_, '_>,
        lot_size: Given<'_, '_>,
        price_unit: Given<'_, '_>,
        quantity_unit: Given<'_, '_>,
        engine: &str,
        market: u64,
        max_quantity: Given<'_, '_>,
        max_notional: Given<'_, '_>,
        collar: Given<'_, '_>,
        reference_price: Given<'_, '_>,
        max_orders: Option<u32>,
        initial_phase: Given<'_, '_>,
    ) -> PyResult<Self> {
        let (price, ticks) = unit_and_multiple(["tick_size", "price_unit"], tick_size, price_unit)?;
        let (quantity, lots) =
            unit_and_multiple(["lot_size", "quantity_unit"], lot_size, quantity_unit)?;
        let units = Units {
            price,
            quantity,
            ticks,
            lots,
        };
        let any = Units {
            ticks: 1,
            lots: 1,
            ..units.clone()
        };
        let defaults = MarketConfig::default();
        let config = MarketConfig {
            market,
            tick_size: ticks,
            lot_size: lots,
            max_quantity: quantity_given(&any, "max_quantity", max_quantity)?,
            max_notional: max_notional
                .map(|value| notional_of("max_notional", value, &units))
                .transpose()?,
            collar: match collar {
                None => None,
                Some(value) => Some(u64::try_from(any.price_of("collar", value)?.0).map_err(
                    |_| InputError::new_err("collar must be zero or more; received less"),
                )?),
            },
            reference_price: reference_price
                .map(|value| units.price_of("reference_price", value))
                .transpose()?,
            max_orders: max_orders.unwrap_or(defaults.max_orders),
            initial_phase: initial_phase
                .map(phase_of)
                .transpose()?
                .unwrap_or(defaults.initial_phase),
        };
        Ok(Book::around(Market::new(config, engine)?, units))
    }

    /// The book whose snapshot these bytes are.
    #[classmethod]
    #[pyo3(signature = (snapshot, *, price_unit = None, quantity_unit = None, engine = "ladder"))]
    fn restore(
        _class: &Bound<'_, PyType>,
        snapshot: &[u8],
        price_unit: Given<'_, '_>,
        quantity_unit: Given<'_, '_>,
        engine: &str,
    ) -> PyResult<Self> {
        let market = Market::restore(snapshot, engine)?;
        let config = *market.config();
        let scale =
            |what, unit: Given<'_, '_>| unit.map_or(Ok(Scale::ONE), |unit| scale_of(what, unit));
        let units = Units {
            price: scale("price_unit", price_unit)?,
            quantity: scale("quantity_unit", quantity_unit)?,
            ticks: config.tick_size,
            lots: config.lot_size,
        };
        Ok(Book::around(market, units))
    }

    /// Enters an order.
    #[pyo3(signature = (
        side,
        quantity,
        price = None,
        *,
        kind = None,
        order_id = None,
        account = None,
        time_in_force = None,
        expiry = None,
        post_only = false,
        display = None,
        stop_price = None,
        self_trade = None,
        time = None,
    ))]
    #[allow(clippy::too_many_arguments)] // Python's keyword arguments
    fn submit(
        &self,
        py: Python<'_>,
        side: &Bound<'_, PyAny>,
        quantity: &Bound<'_, PyAny>,
        price: Given<'_, '_>,
        kind: Given<'_, '_>,
        order_id: Given<'_, '_>,
        account: Given<'_, '_>,
        time_in_force: Given<'_, '_>,
        expiry: Given<'_, '_>,
        post_only: bool,
        display: Given<'_, '_>,
        stop_price: Given<'_, '_>,
        self_trade: Given<'_, '_>,
        time: Given<'_, '_>,
    ) -> PyResult<Events> {
        let submission = Submission {
            side,
            quantity,
            price,
            kind,
            account,
            time_in_force,
            expiry,
            post_only,
            display,
            stop_price,
            self_trade,
        };
        let given_id = order_id.map(order_id_of).transpose()?;
        let mut order = submission.order(given_id.unwrap_or_default(), &self.units)?;
        let time = time.map(|time| time_of("time", time)).transpose()?;
        let mut state = self.lock(py)?;
        if given_id.is_none() {
            order.order_id = state.free_id();
        }
        state.apply(time, Action::New(order));
        let id = Some(order.order_id.0);
        Ok(Events::new(&state.events, id, self.units.clone()))
    }

    /// Takes a live order out.
    #[pyo3(signature = (order_id, *, time = None))]
    fn cancel(
        &self,
        py: Python<'_>,
        order_id: &Bound<'_, PyAny>,
        time: Given<'_, '_>,
    ) -> PyResult<Events> {
        let order_id = order_id_of(order_id)?;
        self.act(py, time, Some(order_id), Action::Cancel { order_id })
    }

    /// Takes out every live order of an account.
    #[pyo3(signature = (account, *, time = None))]
    fn mass_cancel(
        &self,
        py: Python<'_>,
        account: &Bound<'_, PyAny>,
        time: Given<'_, '_>,
    ) -> PyResult<Events> {
        let account = account_of(account)?;
        self.act(py, time, None, Action::MassCancel { account })
    }

    /// Lowers an order's open quantity; it keeps its place.
    #[pyo3(signature = (order_id, quantity, *, time = None))]
    fn reduce(
        &self,
        py: Python<'_>,
        order_id: &Bound<'_, PyAny>,
        quantity: &Bound<'_, PyAny>,
        time: Given<'_, '_>,
    ) -> PyResult<Events> {
        let order_id = order_id_of(order_id)?;
        let quantity = self.units.quantity_of("quantity", quantity)?;
        self.act(
            py,
            time,
            Some(order_id),
            Action::Reduce { order_id, quantity },
        )
    }

    /// Changes an order's price, open quantity or stop price; what is not given stays.
    #[pyo3(signature = (order_id, *, price = None, quantity = None, stop_price = None, time = None))]
    fn replace(
        &self,
        py: Python<'_>,
        order_id: &Bound<'_, PyAny>,
        price: Given<'_, '_>,
        quantity: Given<'_, '_>,
        stop_price: Given<'_, '_>,
        time: Given<'_, '_>,
    ) -> PyResult<Events> {
        let order_id = order_id_of(order_id)?;
        let price_of = |what, value: Given<'_, '_>| {
            value
                .map(|value| self.units.price_of(what, value))
                .transpose()
        };
        let action = Action::Replace {
            order_id,
            price: price_of("price", price)?,
            quantity: quantity_given(&self.units, "quantity", quantity)?,
            stop_price: price_of("stop_price", stop_price)?,
        };
        self.act(py, time, Some(order_id), action)
    }

    /// Advances the clock: whatever is due expires.
    fn sweep(&self, py: Python<'_>, time: &Bound<'_, PyAny>) -> PyResult<Events> {
        self.act(py, Some(time), None, Action::Sweep)
    }

    /// Stops trading.
    #[pyo3(signature = (*, time = None))]
    fn halt(&self, py: Python<'_>, time: Given<'_, '_>) -> PyResult<Events> {
        self.act(py, time, None, Action::Halt)
    }

    /// Trades continuously again after a halt.
    #[pyo3(signature = (*, time = None))]
    fn resume(&self, py: Python<'_>, time: Given<'_, '_>) -> PyResult<Events> {
        self.act(py, time, None, Action::Resume)
    }

    /// Starts a call auction.
    #[pyo3(signature = (*, time = None))]
    fn open_auction(&self, py: Python<'_>, time: Given<'_, '_>) -> PyResult<Events> {
        self.act(py, time, None, Action::OpenAuction)
    }

    /// Ends the auction at one price.
    #[pyo3(signature = (*, time = None))]
    fn uncross(&self, py: Python<'_>, time: Given<'_, '_>) -> PyResult<Events> {
        self.act(py, time, None, Action::Uncross)
    }

    /// Handles a table of commands and returns the table of their events.
    fn apply<'py>(&self, py: Python<'py>, commands: AnyRecordBatch) -> PyResult<Bound<'py, PyAny>> {
        let reader = commands.into_reader()?;
        let table = py.detach(|| {
            // The reader may run Python code, even code that uses this book: it is read out before the book is locked.
            let batches = batch::read(reader, &self.units)?;
            let mut state = self.state.lock().map_err(|_| poisoned())?;
            let State {
                market, statistics, ..
            } = &mut *state;
            batch::apply(&batches, market, statistics, &self.units)
        })?;
        table.into_pyarrow(py)
    }

    /// The best levels of both sides.
    #[pyo3(signature = (levels = 10))]
    fn depth(&self, py: Python<'_>, levels: usize) -> PyResult<Depth> {
        let state = self.lock(py)?;
        let sides = [Queue::Bids, Queue::Asks].map(|queue| Book::levels(&state, queue, levels));
        drop(state);
        Depth::new(py, sides, &self.units)
    }

    /// The best bid's level.
    #[getter]
    fn best_bid(&self, py: Python<'_>) -> PyResult<Option<LevelView>> {
        self.best(py, Queue::Bids)
    }

    /// The best ask's level.
    #[getter]
    fn best_ask(&self, py: Python<'_>) -> PyResult<Option<LevelView>> {
        self.best(py, Queue::Asks)
    }

    /// A live order, or None.
    fn order(&self, py: Python<'_>, order_id: &Bound<'_, PyAny>) -> PyResult<Option<OrderView>> {
        let id = order_id_of(order_id)?;
        let order = self.lock(py)?.market.order(id);
        Ok(order.map(|order| OrderView::new(order, self.units.clone())))
    }

    /// A live order's place at its price, or None.
    fn place(&self, py: Python<'_>, order_id: &Bound<'_, PyAny>) -> PyResult<Option<PlaceView>> {
        let id = order_id_of(order_id)?;
        let place = self.lock(py)?.market.place(id);
        Ok(place.map(|place| PlaceView::new(place, self.units.clone())))
    }

    /// What happened so far.
    fn statistics(&self, py: Python<'_>) -> PyResult<StatisticsView> {
        let state = self.lock(py)?;
        Ok(StatisticsView::new(
            state.market.sequence(),
            state.statistics,
        ))
    }

    /// The digest of the state: 32 bytes.
    fn digest<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let digest = self.detached(py, |state| state.market.digest())?;
        Ok(PyBytes::new(py, &digest))
    }

    /// The canonical bytes of the state.
    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let state = self.detached(py, |state| state.market.state())?;
        Ok(PyBytes::new(py, &state))
    }

    /// Checks every invariant, at any cost.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        self.detached(py, |state| state.market.check())?
    }

    /// The book's clock, in nanoseconds.
    #[getter]
    fn clock(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.lock(py)?.market.clock().0)
    }

    /// How many commands the book has taken.
    #[getter]
    fn sequence(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.lock(py)?.market.sequence())
    }

    /// The market's phase.
    #[getter]
    fn phase(&self, py: Python<'_>) -> PyResult<&'static str> {
        Ok(self.lock(py)?.market.phase().name())
    }

    /// The price of the last trade.
    #[getter]
    fn last_trade<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let price = self.lock(py)?.market.last_trade();
        price
            .map(|price| self.units.price_decimal(py, price))
            .transpose()
    }

    /// The price of the last trade, in ticks.
    #[getter]
    fn last_trade_ticks(&self, py: Python<'_>) -> PyResult<Option<i64>> {
        let price = self.lock(py)?.market.last_trade();
        Ok(price.map(|price| price.0))
    }

    /// The name of the structure that holds the orders.
    #[getter]
    fn engine(&self, py: Python<'_>) -> PyResult<&'static str> {
        Ok(self.lock(py)?.market.structure().name())
    }

    /// Value of price 1.
    #[getter]
    fn price_unit<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.units.price_decimal(py, Price(1))
    }

    /// Value of quantity 1.
    #[getter]
    fn quantity_unit<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.units
            .quantity_decimal(py, proofbook_types::Quantity(1))
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.lock(py)?.market.orders())
    }

    fn __bool__(&self) -> bool {
        true
    }

    fn __contains__(&self, py: Python<'_>, order_id: &Bound<'_, PyAny>) -> PyResult<bool> {
        let id = order_id_of(order_id)?;
        Ok(self.lock(py)?.market.has_order(id))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let bid = self.best(py, Queue::Bids)?;
        let ask = self.best(py, Queue::Asks)?;
        let state = self.lock(py)?;
        Ok(format!(
            "Book(engine='{}', phase='{}', orders={}, best_bid={}, best_ask={})",
            state.market.structure().name(),
            state.market.phase().name(),
            state.market.orders(),
            bid.map_or_else(|| "None".to_owned(), |level| level.text()),
            ask.map_or_else(|| "None".to_owned(), |level| level.text()),
        ))
    }
}

fn poisoned() -> PyErr {
    BrokenInvariantError::new_err(
        "an earlier call broke an invariant of this book; it takes no further calls",
    )
}

/// The value of one unit, and how many units a tick or lot is.
fn unit_and_multiple(
    [size_name, unit_name]: [&str; 2],
    size: Given<'_, '_>,
    unit: Given<'_, '_>,
) -> PyResult<(Scale, u64)> {
    match (size, unit) {
        (None, None) => Ok((Scale::ONE, 1)),
        (Some(size), None) => Ok((scale_of(size_name, size)?, 1)),
        (None, Some(unit)) => Ok((scale_of(unit_name, unit)?, 1)),
        (Some(size), Some(unit)) => {
            let unit = scale_of(unit_name, unit)?;
            Ok((unit, multiple_of(size_name, size, unit)?))
        }
    }
}
