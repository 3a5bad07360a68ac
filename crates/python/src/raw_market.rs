//! A market in canonical bytes, for tests and tools that hold their own encoders.

use proofbook_types::{Command, Event, MarketConfig, COMMAND_BYTES, CONFIG_BYTES, EVENT_BYTES};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::{self, InputError};
use crate::market::Market;

/// A market that takes encoded commands and gives encoded events.
#[pyclass(module = "proofbook.testing")]
pub struct RawMarket {
    market: Market,
    events: Vec<u8>,
}

fn exactly<'a, const N: usize>(what: &str, bytes: &'a [u8]) -> PyResult<&'a [u8; N]> {
    bytes.try_into().map_err(|_| {
        InputError::new_err(format!("{what} takes {N} bytes; received {}", bytes.len()))
    })
}

#[pymethods]
impl RawMarket {
    /// A market with these encoded terms, on the named book.
    #[new]
    #[pyo3(signature = (config, structure = "ladder"))]
    fn new(config: &[u8], structure: &str) -> PyResult<Self> {
        let config =
            MarketConfig::decode(exactly::<CONFIG_BYTES>("a market configuration", config)?)
                .map_err(errors::undecodable)?;
        Ok(RawMarket {
            market: Market::new(config, structure)?,
            events: Vec::new(),
        })
    }

    /// Handles one encoded command and returns its encoded events, one after another.
    fn apply<'py>(&mut self, py: Python<'py>, command: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let command = Command::decode(exactly::<COMMAND_BYTES>("a command", command)?)
            .map_err(errors::undecodable)?;
        self.events.clear();
        let events = &mut self.events;
        self.market.apply(&command, &mut |event: Event| {
            let encoded: [u8; EVENT_BYTES] = event.encode();
            events.extend_from_slice(&encoded);
        });
        Ok(PyBytes::new(py, &self.events))
    }

    /// The canonical bytes of the market's state.
    fn state<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.market.state())
    }

    /// The digest of the market's state: 32 bytes.
    fn digest<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.market.digest())
    }

    /// Checks every invariant of the engine and its book, at any cost; raises `BrokenInvariantError`.
    fn check(&self) -> PyResult<()> {
        self.market.check()
    }

    /// The market whose canonical state these bytes are.
    #[classmethod]
    #[pyo3(signature = (state, structure = "ladder"))]
    fn restore(
        _class: &Bound<'_, pyo3::types::PyType>,
        state: &[u8],
        structure: &str,
    ) -> PyResult<Self> {
        Ok(RawMarket {
            market: Market::restore(state, structure)?,
            events: Vec::new(),
        })
    }

    /// The name of the book's structure.
    #[getter]
    fn structure(&self) -> &'static str {
        self.market.structure()
    }
}
