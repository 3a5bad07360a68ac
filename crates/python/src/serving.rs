//! Inclusion files from the records of batches: the operator's side.

use std::fs;
use std::path::{Path, PathBuf};

use proofbook_ledger::Question;
use proofbook_receipts::{BatchPart, Inclusion};
use proofbook_serving::{BatchRecord, Request, Server};
use proofbook_types::{AccountId, OrderId, Price};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::InputError;
use crate::inclusion::parse_queue;
use crate::proofs::decode_config;
use crate::receipts::ReceiptView;

fn read(folder: &Path, batch: u64) -> PyResult<BatchRecord> {
    let path = folder.join("batches").join(format!("{batch:06}.record"));
    let bytes = fs::read(&path)?;
    let wrong =
        |error: &dyn std::fmt::Display| InputError::new_err(format!("{}: {error}", path.display()));
    let record = BatchRecord::decode(&bytes).map_err(|error| wrong(&error))?;
    let received = record.values().batch;
    if received == batch {
        Ok(record)
    } else {
        Err(wrong(&format!(
            "expected batch {batch}; received batch {received}"
        )))
    }
}

fn open(folder: &Path, first: u64, last: u64, request: &Request) -> PyResult<Vec<BatchPart>> {
    let mut parts = Vec::new();
    if request.state.is_empty() && request.fills.is_none() {
        for batch in first..=last {
            parts.push(read(folder, batch)?.open_commands(request));
        }
        return Ok(parts);
    }
    let config = decode_config(&fs::read(folder.join("market.config"))?)?;
    let mut server = Server::new(config);
    for batch in 1..=last {
        let record = read(folder, batch)?;
        let wrong = |error: proofbook_serving::ServingError| InputError::new_err(error.to_string());
        if batch < first {
            server.follow(&record).map_err(wrong)?;
        } else {
            parts.push(server.open(&record, request).map_err(wrong)?);
        }
    }
    Ok(parts)
}

/// An inclusion file about the batches `first` to `last` whose records are in a folder.
#[pyfunction]
#[pyo3(signature = (folder, first, last, *, sequences, receipts, orders, levels, depth, fills = None, complete = false))]
#[allow(clippy::too_many_arguments)] // Python's keyword arguments
pub fn serve_inclusion<'py>(
    py: Python<'py>,
    folder: PathBuf,
    first: u64,
    last: u64,
    sequences: Vec<u64>,
    receipts: Vec<PyRef<'py, ReceiptView>>,
    orders: Vec<u64>,
    levels: Vec<(String, i64)>,
    depth: Vec<(String, usize)>,
    fills: Option<u64>,
    complete: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    if first == 0 || first > last {
        return Err(InputError::new_err(format!(
            "expected batches from 1 on, the first not after the last; received {first} to {last}"
        )));
    }
    let mut state: Vec<Question> = orders
        .iter()
        .map(|&id| Question::Ahead(OrderId(id)))
        .collect();
    for (queue, price) in levels {
        state.push(Question::Level(parse_queue(&queue)?, Price(price)));
    }
    for (queue, levels) in depth {
        state.push(Question::Depth(parse_queue(&queue)?, levels));
    }
    let mut request = Request {
        sequences,
        commands: Vec::new(),
        state,
        fills: fills.map(AccountId),
        is_complete: complete,
    };
    for receipt in receipts {
        request.sequences.push(receipt.receipt.sequence);
        request.commands.push(receipt.receipt.command);
    }
    let bytes = py.detach(|| {
        let mut parts = open(&folder, first, last, &request)?;
        parts.retain(BatchPart::opens_something);
        if parts.is_empty() {
            return Err(InputError::new_err(format!(
                "expected something to show in the batches {first} to {last}; received nothing that they have"
            )));
        }
        Inclusion::new(parts)
            .map(|inclusion| inclusion.encode())
            .map_err(|error| InputError::new_err(error.to_string()))
    })?;
    Ok(PyBytes::new(py, &bytes))
}
