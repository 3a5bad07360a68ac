//! A market in canonical bytes, for tests and tools that hold their own encoders.

use std::sync::{Mutex, MutexGuard, PoisonError};

use proofbook_types::{Command, Event, MarketConfig, COMMAND_BYTES, CONFIG_BYTES, EVENT_BYTES};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::{self, InputError};
use crate::market::Market;

/// A market that takes encoded commands and gives encoded events.
#[pyclass(module = "proofbook.testing")]
pub struct RawMarket {
    /// Not every book may be looked at by several threads at once.
    market: Mutex<Market>,
    events: Vec<Event>,
}

/// A config or a command as an array of its length.
///
/// # Errors
/// Another length.
pub fn exactly<'a, const N: usize>(what: &str, bytes: &'a [u8]) -> PyResult<&'a [u8; N]> {
    bytes.try_into().map_err(|_| {
        InputError::new_err(format!("{what} takes {N} bytes; received {}", bytes.len()))
    })
}

impl RawMarket {
    /// A panic in a call leaves the market as it was left: tests look at that too.
    fn lock(&self) -> MutexGuard<'_, Market> {
        self.market.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl RawMarket {
    /// A market with these encoded terms, on the named book.
    #[new]
    #[pyo3(signature = (config, engine = "ladder"))]
    fn new(config: &[u8], engine: &str) -> PyResult<Self> {
        let config =
            MarketConfig::decode(exactly::<CONFIG_BYTES>("a market configuration", config)?)
                .map_err(errors::undecodable)?;
        Ok(RawMarket {
            market: Mutex::new(Market::new(config, engine)?),
            events: Vec::new(),
        })
    }

    /// Handles one encoded command and returns its encoded events, one after another.
    fn apply<'py>(&mut self, py: Python<'py>, command: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let command = Command::decode(exactly::<COMMAND_BYTES>("a command", command)?)
            .map_err(errors::undecodable)?;
        self.events.clear();
        let market = self.market.get_mut();
        market
            .unwrap_or_else(PoisonError::into_inner)
            .apply(&[command], &mut self.events);
        let encoded: Vec<[u8; EVENT_BYTES]> = self.events.iter().map(Event::encode).collect();
        Ok(PyBytes::new(py, encoded.as_flattened()))
    }

    /// The canonical bytes of the market's state.
    fn state<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.lock().state())
    }

    /// The digest of the market's state: 32 bytes.
    fn digest<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.lock().digest())
    }

    /// Checks every invariant of the engine and its book, at any cost; raises `BrokenInvariantError`.
    fn check(&self) -> PyResult<()> {
        self.lock().check()
    }

    /// The market whose canonical state these bytes are.
    #[classmethod]
    #[pyo3(signature = (state, engine = "ladder"))]
    fn restore(
        _class: &Bound<'_, pyo3::types::PyType>,
        state: &[u8],
        engine: &str,
    ) -> PyResult<Self> {
        Ok(RawMarket {
            market: Mutex::new(Market::restore(state, engine)?),
            events: Vec::new(),
        })
    }

    /// The name of the book's structure.
    #[getter]
    fn engine(&self) -> &'static str {
        self.lock().structure().name()
    }
}
