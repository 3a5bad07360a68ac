//! What light clients hold, for Python: headers of states, views of the best levels, paths checked against them.
//!
//! Prices are ticks and quantities lots here: a header knows no decimals.

use proofbook_commitment::{Digest, Map, Portable, ProofError, StateProof, DIGEST_BYTES};
use proofbook_light::{
    CircuitOptimizedState, CompressedOrderBook, DepthProof, Fill, LevelPath, LightError,
    ProvenLevel, ViewHeader, ViewLevel,
};
use proofbook_types::{Price, Side};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::errors::{InputError, InvalidProofError, ProofFormatError};
use crate::events::side_name;
use crate::proofs::PublicValuesView;

fn refused(error: LightError) -> PyErr {
    let message = error.to_string();
    match error {
        LightError::Length { .. }
        | LightError::Malformed { .. }
        | LightError::Proof(ProofError::Malformed { .. }) => ProofFormatError::new_err(message),
        _ => InvalidProofError::new_err(message),
    }
}

/// The bytes that 64 hexadecimal digits stand for.
pub fn hexadecimal_bytes(what: &str, text: &str) -> PyResult<[u8; DIGEST_BYTES]> {
    let wrong = || {
        InputError::new_err(format!(
            "{what} must be 64 hexadecimal digits; received {text:?}"
        ))
    };
    let digits = text.as_bytes();
    if digits.len() != 2 * DIGEST_BYTES || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(wrong());
    }
    let mut bytes = [0; DIGEST_BYTES];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}

fn digest_of(what: &str, text: &str) -> PyResult<Digest> {
    Digest::decode(&hexadecimal_bytes(what, text)?).ok_or_else(|| {
        InputError::new_err(format!(
            "{what} must be a digest, of eight elements below the field's order; received {text:?}"
        ))
    })
}

fn side_of(side: &str) -> PyResult<Side> {
    match side {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        other => Err(InputError::new_err(format!(
            "side must be \"buy\" or \"sell\"; received {other:?}"
        ))),
    }
}

/// The public header of a state.
#[pyclass(name = "CompressedOrderBook", module = "proofbook.light", frozen, eq)]
#[derive(PartialEq)]
pub struct CompressedOrderBookView {
    book: CompressedOrderBook,
}

impl CompressedOrderBookView {
    /// A header for Python.
    pub fn new(book: CompressedOrderBook) -> Self {
        CompressedOrderBookView { book }
    }
}

#[pymethods]
impl CompressedOrderBookView {
    /// The header that encodes to exactly these bytes.
    #[staticmethod]
    fn decode(data: &[u8]) -> PyResult<Self> {
        let book = CompressedOrderBook::decode(data).map_err(refused)?;
        Ok(CompressedOrderBookView { book })
    }

    /// Its 336 bytes.
    fn encode<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.book.encode())
    }

    /// Checks that this is the state that a batch led to.
    fn check(&self, values: &PublicValuesView) -> PyResult<()> {
        self.book
            .check::<Portable>(values.values())
            .map_err(refused)
    }

    #[getter]
    fn market(&self) -> u64 {
        self.book.market
    }

    #[getter]
    fn batch(&self) -> u64 {
        self.book.batch
    }

    #[getter]
    fn config(&self) -> String {
        self.book.header.config.to_string()
    }

    #[getter]
    fn state_root(&self) -> String {
        self.book.state_root::<Portable>().to_string()
    }

    #[getter]
    fn roots<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let roots = PyDict::new(py);
        for (map, root) in Map::ALL.into_iter().zip(self.book.header.roots) {
            let name = match map {
                Map::Bids => "bids",
                Map::Asks => "asks",
                Map::BuyStops => "buy_stops",
                Map::SellStops => "sell_stops",
                Map::Ids => "ids",
                Map::Expiries => "expiries",
                Map::Accounts => "accounts",
            };
            roots.set_item(name, root.to_string())?;
        }
        Ok(roots)
    }

    #[getter]
    fn sequence(&self) -> u64 {
        self.book.header.counters.sequence
    }

    #[getter]
    fn clock(&self) -> u64 {
        self.book.header.counters.clock.0
    }

    #[getter]
    fn phase(&self) -> &'static str {
        self.book.header.counters.phase.name()
    }

    #[getter]
    fn last_trade_ticks(&self) -> Option<i64> {
        self.book.header.counters.last_trade.map(|price| price.0)
    }

    #[getter]
    fn open_buy_lots(&self) -> u64 {
        self.book.header.counters.open_quantity[0]
    }

    #[getter]
    fn open_sell_lots(&self) -> u64 {
        self.book.header.counters.open_quantity[1]
    }

    #[getter]
    fn orders(&self) -> u32 {
        self.book.header.counters.orders
    }

    fn __repr__(&self) -> String {
        format!(
            "CompressedOrderBook(market={}, batch={}, sequence={}, orders={}, state_root='{}')",
            self.market(),
            self.batch(),
            self.sequence(),
            self.orders(),
            self.state_root()
        )
    }
}

/// One level of a view, in ticks and lots.
#[pyclass(name = "ViewLevel", module = "proofbook.light", frozen, eq, get_all)]
#[derive(PartialEq)]
pub struct ViewLevelView {
    price_ticks: i64,
    displayed_lots: u64,
    hidden_lots: u64,
    orders: u32,
}

impl From<ViewLevel> for ViewLevelView {
    fn from(level: ViewLevel) -> Self {
        ViewLevelView {
            price_ticks: level.price.0,
            displayed_lots: level.displayed,
            hidden_lots: level.hidden,
            orders: level.orders,
        }
    }
}

#[pymethods]
impl ViewLevelView {
    fn __repr__(&self) -> String {
        format!(
            "ViewLevel(price_ticks={}, displayed_lots={}, hidden_lots={}, orders={})",
            self.price_ticks, self.displayed_lots, self.hidden_lots, self.orders
        )
    }
}

/// What a path showed of a leaf.
#[pyclass(name = "ProvenLevel", module = "proofbook.light", frozen, eq)]
#[derive(PartialEq)]
pub struct ProvenLevelView {
    proven: ProvenLevel,
}

#[pymethods]
impl ProvenLevelView {
    #[getter]
    fn side(&self) -> &'static str {
        side_name(self.proven.side)
    }

    #[getter]
    fn rank(&self) -> usize {
        self.proven.rank
    }

    #[getter]
    fn level(&self) -> Option<ViewLevelView> {
        self.proven.level.map(ViewLevelView::from)
    }

    #[getter]
    fn displayed_before_lots(&self) -> u64 {
        self.proven.displayed_before
    }

    #[getter]
    fn displayed_through_lots(&self) -> u64 {
        self.proven.displayed_through()
    }

    fn __repr__(&self) -> String {
        let level = self.level();
        format!(
            "ProvenLevel(side='{}', rank={}, level={}, displayed_before_lots={})",
            self.side(),
            self.rank(),
            level.map_or_else(|| "None".to_owned(), |level| level.__repr__()),
            self.displayed_before_lots()
        )
    }
}

/// What a market order would find, in ticks and lots.
#[pyclass(name = "Fill", module = "proofbook.light", frozen, eq)]
#[derive(PartialEq)]
pub struct FillView {
    fill: Fill,
}

#[pymethods]
impl FillView {
    #[getter]
    fn lots(&self) -> u64 {
        self.fill.lots
    }

    #[getter]
    fn notional(&self) -> i128 {
        self.fill.notional.units()
    }

    #[getter]
    fn worst_ticks(&self) -> Option<i64> {
        self.fill.worst.map(|price| price.0)
    }

    fn __repr__(&self) -> String {
        let worst = self.worst_ticks();
        format!(
            "Fill(lots={}, notional={}, worst_ticks={})",
            self.lots(),
            self.notional(),
            worst.map_or_else(|| "None".to_owned(), |worst| worst.to_string())
        )
    }
}

/// The header of a view.
#[pyclass(name = "ViewHeader", module = "proofbook.light", frozen, eq)]
#[derive(PartialEq)]
pub struct ViewHeaderView {
    header: ViewHeader,
}

#[pymethods]
impl ViewHeaderView {
    /// The header that encodes to exactly these bytes and has this root.
    #[staticmethod]
    fn decode(data: &[u8], root: &str) -> PyResult<Self> {
        let header = ViewHeader::decode(data).map_err(refused)?;
        let (expected, received) = (digest_of("root", root)?, header.root::<Portable>());
        if received != expected {
            return Err(refused(LightError::Digest {
                what: "the view's root",
                expected,
                received,
            }));
        }
        Ok(ViewHeaderView { header })
    }

    /// Its 120 bytes.
    fn encode<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.header.encode())
    }

    #[getter]
    fn root(&self) -> String {
        self.header.root::<Portable>().to_string()
    }

    #[getter]
    fn state_root(&self) -> String {
        self.header.state_root.to_string()
    }

    #[getter]
    fn sequence(&self) -> u64 {
        self.header.sequence
    }

    #[getter]
    fn bids(&self) -> usize {
        self.header.levels(Side::Buy)
    }

    #[getter]
    fn asks(&self) -> usize {
        self.header.levels(Side::Sell)
    }

    #[getter]
    fn displayed_bid_lots(&self) -> u64 {
        self.header.displayed[0]
    }

    #[getter]
    fn displayed_ask_lots(&self) -> u64 {
        self.header.displayed[1]
    }

    /// Checks a path and gives what it shows.
    fn check_level(&self, path: &[u8]) -> PyResult<ProvenLevelView> {
        let path = LevelPath::decode(path).map_err(refused)?;
        let proven = path.check::<Portable>(&self.header).map_err(refused)?;
        Ok(ProvenLevelView { proven })
    }

    /// Checks a path to the best level of a side and gives that level.
    fn check_best(&self, side: &str, path: &[u8]) -> PyResult<Option<ViewLevelView>> {
        let path = LevelPath::decode(path).map_err(refused)?;
        let best = path.check_best::<Portable>(&self.header, side_of(side)?);
        Ok(best.map_err(refused)?.map(ViewLevelView::from))
    }

    /// Checks a proof of the depth through a price and gives that depth.
    fn check_depth(&self, side: &str, price_ticks: i64, proof: &[u8]) -> PyResult<u64> {
        let proof = DepthProof::decode(proof).map_err(refused)?;
        proof
            .check::<Portable>(&self.header, side_of(side)?, Price(price_ticks))
            .map_err(refused)
    }

    fn __repr__(&self) -> String {
        format!(
            "ViewHeader(sequence={}, bids={}, asks={}, root='{}')",
            self.sequence(),
            self.bids(),
            self.asks(),
            self.root()
        )
    }
}

/// The best levels of both sides, proven.
#[pyclass(name = "CircuitOptimizedState", module = "proofbook.light")]
pub struct CircuitOptimizedStateView {
    state: CircuitOptimizedState,
}

#[pymethods]
impl CircuitOptimizedStateView {
    /// The view of the state with this root, from a proof about it.
    #[staticmethod]
    fn from_proof(proof: &[u8], state_root: &str) -> PyResult<Self> {
        let root = digest_of("state_root", state_root)?;
        let proof = StateProof::decode(proof).map_err(|error| refused(error.into()))?;
        let state = CircuitOptimizedState::from_proof::<Portable>(&proof, root).map_err(refused)?;
        Ok(CircuitOptimizedStateView { state })
    }

    /// The view that encodes to exactly these bytes and has this root.
    #[staticmethod]
    fn decode(data: &[u8], root: &str) -> PyResult<Self> {
        let root = digest_of("root", root)?;
        let state = CircuitOptimizedState::decode::<Portable>(data, root).map_err(refused)?;
        Ok(CircuitOptimizedStateView { state })
    }

    /// The header and every level.
    fn encode<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.state.encode())
    }

    /// Brings the view up to a later state; gives how many leaves changed and how many nodes were hashed.
    fn update(&mut self, proof: &[u8], state_root: &str) -> PyResult<(usize, usize)> {
        let root = digest_of("state_root", state_root)?;
        let proof = StateProof::decode(proof).map_err(|error| refused(error.into()))?;
        let rehashed = self
            .state
            .update::<Portable>(&proof, root)
            .map_err(refused)?;
        Ok((rehashed.leaves, rehashed.nodes))
    }

    #[getter]
    fn header(&self) -> ViewHeaderView {
        let header = *self.state.header();
        ViewHeaderView { header }
    }

    #[getter]
    fn best_bid(&self) -> Option<ViewLevelView> {
        self.state.best(Side::Buy).copied().map(ViewLevelView::from)
    }

    #[getter]
    fn best_ask(&self) -> Option<ViewLevelView> {
        self.state
            .best(Side::Sell)
            .copied()
            .map(ViewLevelView::from)
    }

    /// The levels of a side, best first.
    fn levels(&self, side: &str) -> PyResult<Vec<ViewLevelView>> {
        let levels = self.state.levels(side_of(side)?).copied();
        Ok(levels.map(ViewLevelView::from).collect())
    }

    /// Whether a side's levels are all that the market has.
    fn is_whole(&self, side: &str) -> PyResult<bool> {
        Ok(self.state.is_whole(side_of(side)?))
    }

    /// What is shown at a price and better.
    fn depth_through(&self, side: &str, price_ticks: i64) -> PyResult<u64> {
        self.state
            .depth_through(side_of(side)?, Price(price_ticks))
            .map_err(refused)
    }

    /// What an order that takes up to so many lots from a side would find.
    fn fill(&self, side: &str, lots: u64) -> PyResult<FillView> {
        let fill = self.state.fill(side_of(side)?, lots).map_err(refused)?;
        Ok(FillView { fill })
    }

    /// The path to a leaf.
    fn level_path<'py>(
        &self,
        py: Python<'py>,
        side: &str,
        rank: u8,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let side = side_of(side)?;
        if usize::from(rank) >= proofbook_light::LEVELS {
            return Err(InputError::new_err(format!(
                "rank must be 0 to {}; received {rank}",
                proofbook_light::LEVELS - 1
            )));
        }
        let position = rank + (side as u8) * proofbook_light::LEVELS as u8;
        Ok(PyBytes::new(py, &self.state.path(position).encode()))
    }

    /// The path to the best level of a side.
    fn best_path<'py>(&self, py: Python<'py>, side: &str) -> PyResult<Bound<'py, PyBytes>> {
        let path = self.state.best_path(side_of(side)?);
        Ok(PyBytes::new(py, &path.encode()))
    }

    /// The proof of what is shown at a price and better.
    fn depth_proof<'py>(
        &self,
        py: Python<'py>,
        side: &str,
        price_ticks: i64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let proof = self
            .state
            .depth_proof(side_of(side)?, Price(price_ticks))
            .map_err(refused)?;
        Ok(PyBytes::new(py, &proof.encode()))
    }

    fn __repr__(&self) -> String {
        format!("CircuitOptimizedState({})", self.header().__repr__())
    }
}
