//! A running exchange for Python: JSON requests in, JSON messages out.

use std::path::PathBuf;

use proofbook_server::{audit_folder, Server, ServerError};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::{BrokenInvariantError, BusyError, InputError, JournalError, StoppedError};

fn raised(error: ServerError) -> PyErr {
    let text = error.to_string();
    match error {
        ServerError::Input(_) => InputError::new_err(text),
        ServerError::Busy(_) => BusyError::new_err(text),
        ServerError::Stopped => StoppedError::new_err(text),
        ServerError::Gateway(_) => JournalError::new_err(text),
        ServerError::Io(_) => PyOSError::new_err(text),
        ServerError::Failed(_) => BrokenInvariantError::new_err(text),
    }
}

/// An exchange that runs in threads of its own.
#[pyclass(module = "proofbook._core", frozen)]
pub struct ExchangeServer {
    server: Server,
}

#[pymethods]
impl ExchangeServer {
    /// Opens the exchange of a folder, or starts one, as a configuration (JSON) says.
    #[staticmethod]
    fn start(py: Python<'_>, config: &str) -> PyResult<Self> {
        let server = py.detach(|| Server::start(config.as_bytes()));
        Ok(ExchangeServer {
            server: server.map_err(raised)?,
        })
    }

    /// Where FIX clients connect, if they may.
    #[getter]
    fn fix_address(&self) -> Option<String> {
        self.server.fix_address().map(|address| address.to_string())
    }

    /// A file descriptor that is readable while `drain` has something.
    #[getter]
    fn readiness(&self) -> i32 {
        self.server.readiness()
    }

    /// Gives a request (JSON) to the exchange; its ticket.
    fn submit(&self, py: Python<'_>, request: &[u8]) -> PyResult<u64> {
        py.detach(|| self.server.submit(request)).map_err(raised)
    }

    /// The messages (JSON) that wait, in order; a bounded number of them.
    fn drain<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        let messages = py.detach(|| self.server.drain());
        let messages = messages.iter();
        messages.map(|message| PyBytes::new(py, message)).collect()
    }

    /// Answers a question (JSON).
    fn query<'py>(&self, py: Python<'py>, query: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let answer = py.detach(|| self.server.query(query)).map_err(raised)?;
        Ok(PyBytes::new(py, &answer))
    }

    /// Says whether messages about an account's orders and balances are wanted.
    fn watch(&self, account: u64, is_watched: bool) {
        self.server.watch(account, is_watched);
    }

    /// Counters and histograms (JSON).
    fn metrics<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.server.metrics())
    }

    /// Stops in order: sessions are logged out, a snapshot is taken, threads end.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.server.stop()).map_err(raised)
    }
}

/// Holds the files of an exchange's folder against its log, replayed from the beginning; returns what was found as JSON.
#[pyfunction]
pub fn audit_exchange(py: Python<'_>, folder: PathBuf) -> PyResult<String> {
    let found = py.detach(|| audit_folder(&folder)).map_err(raised)?;
    Ok(found.to_string())
}
