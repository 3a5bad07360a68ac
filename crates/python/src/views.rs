//! What a book shows of itself: levels, depth, orders, places and statistics, as frozen objects.

use proofbook_book::{Level, QueuePlace, Statistics};
use proofbook_types::{Order, Price, Quantity, RejectReason, TimeInForce};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::events::{queue_name, side_name};
use crate::terms::self_trade_name;
use crate::units::SharedUnits;

/// The orders at one price, in sum.
#[pyclass(name = "Level", module = "proofbook", frozen)]
pub struct LevelView {
    level: Level,
    units: SharedUnits,
}

impl LevelView {
    /// A level for Python.
    pub fn new(level: Level, units: SharedUnits) -> Self {
        LevelView { level, units }
    }

    /// How it is printed.
    pub fn text(&self) -> String {
        format!(
            "Level(price={}, quantity={}, orders={})",
            self.units.price.decimal(i128::from(self.level.price.0)),
            self.units
                .quantity
                .decimal(i128::from(self.level.displayed.0)),
            self.level.orders
        )
    }
}

#[pymethods]
impl LevelView {
    /// The price.
    #[getter]
    fn price<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.units.price_decimal(py, self.level.price)
    }

    /// The price, in ticks.
    #[getter]
    fn price_ticks(&self) -> i64 {
        self.level.price.0
    }

    /// The quantity that is shown.
    #[getter]
    fn quantity<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.units.quantity_decimal(py, self.level.displayed)
    }

    /// The quantity that is shown, in lots.
    #[getter]
    fn quantity_lots(&self) -> u64 {
        self.level.displayed.0
    }

    /// The quantity that icebergs hide, in lots.
    #[getter]
    fn hidden_lots(&self) -> u64 {
        self.level.hidden.0
    }

    /// Number of orders.
    #[getter]
    fn orders(&self) -> u32 {
        self.level.orders
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<LevelView>().is_ok_and(|other| {
            let other = other.get();
            self.level == other.level && self.units == other.units
        })
    }

    fn __repr__(&self) -> String {
        self.text()
    }
}

/// The best levels of both sides, best first.
#[pyclass(module = "proofbook", frozen, get_all)]
pub struct Depth {
    bids: Py<PyTuple>,
    asks: Py<PyTuple>,
}

impl Depth {
    /// Both sides' levels.
    pub fn new(py: Python<'_>, sides: [Vec<Level>; 2], units: &SharedUnits) -> PyResult<Self> {
        let [bids, asks] = sides.map(|levels| {
            let levels: PyResult<Vec<_>> = levels
                .into_iter()
                .map(|level| Bound::new(py, LevelView::new(level, units.clone())))
                .collect();
            PyTuple::new(py, levels?).map(Bound::unbind)
        });
        Ok(Depth {
            bids: bids?,
            asks: asks?,
        })
    }
}

#[pymethods]
impl Depth {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!(
            "Depth(bids={}, asks={})",
            self.bids.bind(py).repr()?,
            self.asks.bind(py).repr()?
        ))
    }
}

/// An order's place at its price.
#[pyclass(name = "QueuePlace", module = "proofbook", frozen)]
pub struct PlaceView {
    place: QueuePlace,
    units: SharedUnits,
}

impl PlaceView {
    /// A place for Python.
    pub fn new(place: QueuePlace, units: SharedUnits) -> Self {
        PlaceView { place, units }
    }
}

#[pymethods]
impl PlaceView {
    /// Orders that come before it at the same price.
    #[getter]
    fn orders_ahead(&self) -> u32 {
        self.place.orders_ahead
    }

    /// What those show.
    #[getter]
    fn quantity_ahead<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.units.quantity_decimal(py, self.place.quantity_ahead)
    }

    /// What those show, in lots.
    #[getter]
    fn quantity_ahead_lots(&self) -> u64 {
        self.place.quantity_ahead.0
    }

    fn __repr__(&self) -> String {
        let quantity = i128::from(self.place.quantity_ahead.0);
        format!(
            "QueuePlace(orders_ahead={}, quantity_ahead={})",
            self.place.orders_ahead,
            self.units.quantity.decimal(quantity)
        )
    }
}

/// A live order with everything the market knows of it.
#[pyclass(name = "Order", module = "proofbook", frozen)]
pub struct OrderView {
    order: Order,
    units: SharedUnits,
}

impl OrderView {
    /// An order for Python.
    pub fn new(order: Order, units: SharedUnits) -> Self {
        OrderView { order, units }
    }

    fn optional_price<'py>(
        &self,
        py: Python<'py>,
        price: Option<Price>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        price
            .map(|price| self.units.price_decimal(py, price))
            .transpose()
    }

    fn decimal<'py>(&self, py: Python<'py>, quantity: Quantity) -> PyResult<Bound<'py, PyAny>> {
        self.units.quantity_decimal(py, quantity)
    }
}

#[pymethods]
impl OrderView {
    /// Its identifier.
    #[getter]
    fn order_id(&self) -> u64 {
        self.order.id.0
    }

    /// Whose it is; 0 is nobody's.
    #[getter]
    fn account(&self) -> u64 {
        self.order.account.0
    }

    /// Buy or sell.
    #[getter]
    fn side(&self) -> &'static str {
        side_name(self.order.side)
    }

    /// The queue in which it stands.
    #[getter]
    fn queue(&self) -> &'static str {
        queue_name(self.order.queue())
    }

    /// Limit price, if it has one.
    #[getter]
    fn price<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.optional_price(py, self.order.price)
    }

    /// Limit price in ticks, if it has one.
    #[getter]
    fn price_ticks(&self) -> Option<i64> {
        self.order.price.map(|price| price.0)
    }

    /// Stop price while the stop has not triggered.
    #[getter]
    fn stop_price<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.optional_price(py, self.order.stop_price)
    }

    /// Stop price in ticks while the stop has not triggered.
    #[getter]
    fn stop_price_ticks(&self) -> Option<i64> {
        self.order.stop_price.map(|price| price.0)
    }

    /// Everything that is still open.
    #[getter]
    fn open<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.decimal(py, self.order.open())
    }

    /// Everything that is still open, in lots.
    #[getter]
    fn open_lots(&self) -> u64 {
        self.order.open().0
    }

    /// Open quantity that is shown, in lots.
    #[getter]
    fn displayed_lots(&self) -> u64 {
        self.order.displayed.0
    }

    /// Open quantity that is not shown, in lots.
    #[getter]
    fn hidden_lots(&self) -> u64 {
        self.order.hidden.0
    }

    /// Iceberg: the most that is shown at a time, in lots.
    #[getter]
    fn display_lots(&self) -> Option<u64> {
        self.order.display.map(|quantity| quantity.0)
    }

    /// Quantity traded so far.
    #[getter]
    fn filled<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.decimal(py, self.order.filled)
    }

    /// Quantity traded so far, in lots.
    #[getter]
    fn filled_lots(&self) -> u64 {
        self.order.filled.0
    }

    /// Rank in time: lower came first.
    #[getter]
    fn priority(&self) -> u64 {
        self.order.priority
    }

    /// How long it lives.
    #[getter]
    fn time_in_force(&self) -> &'static str {
        match self.order.time_in_force {
            TimeInForce::GoodTillCancel => "gtc",
            TimeInForce::ImmediateOrCancel => "ioc",
            TimeInForce::FillOrKill => "fok",
            TimeInForce::GoodTillDate { .. } => "gtd",
        }
    }

    /// First nanosecond at which it no longer lives, for good till date.
    #[getter]
    fn expiry(&self) -> Option<u64> {
        self.order.time_in_force.expiry().map(|time| time.0)
    }

    /// Whether it rejects rather than trades on entry.
    #[getter]
    fn post_only(&self) -> bool {
        self.order.post_only
    }

    /// What happens when it meets an order of its own account on entry.
    #[getter]
    fn self_trade(&self) -> &'static str {
        self_trade_name(self.order.self_trade)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<OrderView>().is_ok_and(|other| {
            let other = other.get();
            self.order == other.order && self.units == other.units
        })
    }

    fn __repr__(&self) -> String {
        let price = |price: Option<Price>| {
            price.map_or_else(
                || "None".to_owned(),
                |price| self.units.price.decimal(i128::from(price.0)),
            )
        };
        format!(
            "Order(order_id={}, side='{}', price={}, stop_price={}, open={}, filled={})",
            self.order.id,
            side_name(self.order.side),
            price(self.order.price),
            price(self.order.stop_price),
            self.units.quantity.decimal(i128::from(self.order.open().0)),
            self.units.quantity.decimal(i128::from(self.order.filled.0)),
        )
    }
}

/// What happened in a book since it was made or restored.
#[pyclass(name = "Statistics", module = "proofbook", frozen)]
pub struct StatisticsView {
    commands: u64,
    statistics: Statistics,
}

impl StatisticsView {
    /// Statistics for Python.
    pub fn new(commands: u64, statistics: Statistics) -> Self {
        StatisticsView {
            commands,
            statistics,
        }
    }
}

/// Commands rejected, by reason: the reasons that occurred.
pub fn rejects_by_reason<'py>(
    py: Python<'py>,
    statistics: &Statistics,
) -> PyResult<Bound<'py, PyDict>> {
    let rejects = PyDict::new(py);
    for &reason in RejectReason::ALL {
        let count = statistics.rejected_for(reason);
        if count > 0 {
            rejects.set_item(reason.name(), count)?;
        }
    }
    Ok(rejects)
}

#[pymethods]
impl StatisticsView {
    /// Commands handled.
    #[getter]
    fn commands(&self) -> u64 {
        self.commands
    }

    /// New orders accepted.
    #[getter]
    fn accepted(&self) -> u64 {
        self.statistics.accepted
    }

    /// Commands rejected.
    #[getter]
    fn rejected(&self) -> u64 {
        self.statistics.rejected
    }

    /// Commands rejected, by reason: the reasons that occurred.
    #[getter]
    fn rejects<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        rejects_by_reason(py, &self.statistics)
    }

    /// Trades.
    #[getter]
    fn trades(&self) -> u64 {
        self.statistics.trades
    }

    /// Quantity traded, in lots.
    #[getter]
    fn volume_lots(&self) -> u128 {
        self.statistics.volume
    }

    /// Orders cancelled.
    #[getter]
    fn cancelled(&self) -> u64 {
        self.statistics.cancelled
    }

    /// Orders replaced.
    #[getter]
    fn replaced(&self) -> u64 {
        self.statistics.replaced
    }

    /// Orders reduced without a trade.
    #[getter]
    fn reduced(&self) -> u64 {
        self.statistics.reduced
    }

    /// Orders expired.
    #[getter]
    fn expired(&self) -> u64 {
        self.statistics.expired
    }

    /// Stops triggered.
    #[getter]
    fn triggered(&self) -> u64 {
        self.statistics.triggered
    }

    fn __repr__(&self) -> String {
        format!(
            "Statistics(commands={}, accepted={}, rejected={}, trades={}, volume_lots={})",
            self.commands,
            self.statistics.accepted,
            self.statistics.rejected,
            self.statistics.trades,
            self.statistics.volume
        )
    }
}
