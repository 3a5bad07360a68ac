//! Inclusion files, checked against proven batches and asked; and receipts held against them.

use proofbook_receipts::{outcome, BatchPart, Fill, Inclusion, Opened, Outcome, Shown};
use proofbook_types::{AccountId, Price, Queue};
use proofbook_verifier::{audit, AuditError, Verdict, Verified};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use serde_json::{json, Value};

use crate::errors::{InclusionError, InputError, ReceiptError, UndecidedError};
use crate::proofs::{refused, PublicValuesView};
use crate::receipts::{bad_receipt, parse_key, ReceiptView};

/// A command as its bytes, with its position, its sequence if it has one, its events as theirs, and what became of it as JSON.
type OpenedTuple<'py> = (
    u32,
    Option<u64>,
    Bound<'py, PyBytes>,
    Bound<'py, PyList>,
    String,
);

/// What a level has: price in ticks, displayed and hidden quantity in lots, number of orders.
type LevelTuple = (i64, u64, u64, u32);

fn not_shown(error: proofbook_receipts::InclusionError) -> PyErr {
    use proofbook_receipts::InclusionError as Error;
    match error {
        Error::NotShown => UndecidedError::new_err(error.to_string()),
        Error::NotInBatch { .. } => InputError::new_err(error.to_string()),
        _ => InclusionError::new_err(error.to_string()),
    }
}

pub(crate) fn not_audited(error: AuditError) -> PyErr {
    match error {
        AuditError::Inclusion(error) => not_shown(error),
        AuditError::Proof(error) => refused(error),
        other => ReceiptError::new_err(other.to_string()),
    }
}

pub(crate) fn parse_queue(name: &str) -> PyResult<Queue> {
    match name {
        "bids" => Ok(Queue::Bids),
        "asks" => Ok(Queue::Asks),
        "buy_stops" => Ok(Queue::BuyStops),
        "sell_stops" => Ok(Queue::SellStops),
        other => Err(InputError::new_err(format!(
            "queue must be \"bids\", \"asks\", \"buy_stops\" or \"sell_stops\"; received {other:?}"
        ))),
    }
}

fn describe(outcome: &Outcome) -> Value {
    json!({
        "name": outcome.name(),
        "order_id": outcome.order_id.map(|id| id.0),
        "rejected": outcome.rejected.map(|reason| reason.name()),
        "filled": outcome.filled,
        "fills": outcome.fills,
        "queue": outcome.placed.map(|(queue, _)| name_of(queue)),
        "price": outcome.placed.map(|(_, price)| price.0),
        "open": outcome.open.map(|open| open.0),
        "cancelled": outcome.cancelled.map(|reason| reason.name()),
        "expired": outcome.is_expired,
    })
}

fn name_of(queue: Queue) -> &'static str {
    match queue {
        Queue::Bids => "bids",
        Queue::Asks => "asks",
        Queue::BuyStops => "buy_stops",
        Queue::SellStops => "sell_stops",
    }
}

fn describe_fill(fill: &Fill, batch: u64) -> Value {
    json!({
        "batch": batch,
        "position": fill.position,
        "sequence": fill.sequence,
        "order_id": fill.order_id.0,
        "other_id": fill.other_id.0,
        "is_maker": fill.is_maker,
        "side": match fill.side {
            proofbook_types::Side::Buy => "buy",
            proofbook_types::Side::Sell => "sell",
        },
        "price": fill.price.0,
        "quantity": fill.quantity.0,
        "is_certain": fill.is_certain,
    })
}

fn opened_tuple<'py>(
    py: Python<'py>,
    opened: &Opened,
    sequence: Option<u64>,
) -> PyResult<OpenedTuple<'py>> {
    let events = opened.events.iter();
    let events = PyList::new(py, events.map(|event| PyBytes::new(py, &event.encode())))?;
    let became = describe(&outcome(&opened.command, &opened.events)).to_string();
    let command = PyBytes::new(py, &opened.command.encode());
    Ok((opened.position, sequence, command, events, became))
}

/// An inclusion file whose every part was checked against a proven batch.
#[pyclass(name = "Inclusion", module = "proofbook._core", frozen)]
pub struct InclusionView {
    inclusion: Inclusion,
    /// The proven batch of each part.
    batches: Vec<Verified>,
}

impl InclusionView {
    pub(crate) fn part(&self, batch: u64) -> PyResult<(&BatchPart, &Verified)> {
        let parts = self.inclusion.parts().iter().zip(&self.batches);
        let mut named = parts.filter(|(part, _)| part.values.batch == batch);
        named.next().ok_or_else(|| {
            UndecidedError::new_err(format!("inclusion file: it does not open batch {batch}"))
        })
    }

    fn shown(&self, batch: u64) -> PyResult<Shown<'_>> {
        let (part, verified) = self.part(batch)?;
        part.check(verified.values()).map_err(not_shown)
    }
}

#[pymethods]
impl InclusionView {
    /// Checks the file with these bytes against the proven batches that it opens.
    #[new]
    fn new(
        py: Python<'_>,
        data: &[u8],
        batches: Vec<PyRef<'_, PublicValuesView>>,
    ) -> PyResult<Self> {
        let proven: Vec<Verified> = batches.iter().map(|batch| batch.verified).collect();
        py.detach(|| {
            let inclusion = Inclusion::decode(data)
                .map_err(|error| InclusionError::new_err(error.to_string()))?;
            let mut found = Vec::new();
            for part in inclusion.parts() {
                let number = part.values.batch;
                let batch = proven.iter().find(|batch| batch.values().batch == number);
                let batch = batch.ok_or_else(|| {
                    UndecidedError::new_err(format!(
                        "inclusion file: expected a proof of its batch {number}; received none"
                    ))
                })?;
                part.check(batch.values()).map_err(not_shown)?;
                found.push(*batch);
            }
            Ok(InclusionView {
                inclusion,
                batches: found,
            })
        })
    }

    /// Numbers of the batches that it opens.
    #[staticmethod]
    fn batches_of(data: &[u8]) -> PyResult<Vec<u64>> {
        let inclusion =
            Inclusion::decode(data).map_err(|error| InclusionError::new_err(error.to_string()))?;
        Ok(inclusion
            .parts()
            .iter()
            .map(|part| part.values.batch)
            .collect())
    }

    /// The file that opens of this one only some batches.
    #[staticmethod]
    fn only<'py>(py: Python<'py>, data: &[u8], batches: Vec<u64>) -> PyResult<Bound<'py, PyBytes>> {
        let wrong =
            |error: proofbook_receipts::ReceiptError| InclusionError::new_err(error.to_string());
        let mut parts = Inclusion::decode(data).map_err(wrong)?.parts().to_vec();
        parts.retain(|part| batches.contains(&part.values.batch));
        let only = Inclusion::new(parts).map_err(wrong)?;
        Ok(PyBytes::new(py, &only.encode()))
    }

    /// Numbers of the batches that it opens.
    #[getter]
    fn batches(&self) -> Vec<u64> {
        self.batches
            .iter()
            .map(|batch| batch.values().batch)
            .collect()
    }

    /// Every command of a batch that it opens.
    fn opened<'py>(&self, py: Python<'py>, batch: u64) -> PyResult<Vec<OpenedTuple<'py>>> {
        let shown = self.shown(batch)?;
        let opened = shown.opened().iter();
        opened
            .map(|opened| opened_tuple(py, opened, shown.sequence(opened.position)))
            .collect()
    }

    /// The order with an id after a batch as its 96 bytes, how many are ahead of it and what they show; `None` where none is live.
    fn order<'py>(
        &self,
        py: Python<'py>,
        batch: u64,
        order_id: u64,
    ) -> PyResult<Option<(Bound<'py, PyBytes>, u32, u64)>> {
        let shown = self.shown(batch)?;
        let Some(place) = shown.order(order_id).map_err(not_shown)? else {
            return Ok(None);
        };
        let ahead = shown
            .ahead(order_id)
            .map_err(not_shown)?
            .unwrap_or_default();
        let order = PyBytes::new(py, &place.order.encode());
        Ok(Some((order, ahead.orders, ahead.displayed)))
    }

    /// The level of a queue at a price after a batch; `None` where there is none.
    fn level(&self, batch: u64, queue: &str, price: i64) -> PyResult<Option<LevelTuple>> {
        let shown = self.shown(batch)?;
        let level = shown
            .level(parse_queue(queue)?, Price(price))
            .map_err(not_shown)?;
        Ok(level.map(|level| (price, level.displayed, level.hidden, level.orders)))
    }

    /// The best levels of a queue after a batch.
    fn depth(&self, batch: u64, queue: &str, levels: usize) -> PyResult<Vec<LevelTuple>> {
        let shown = self.shown(batch)?;
        let found = shown
            .depth(parse_queue(queue)?, levels)
            .map_err(not_shown)?;
        let found = found.into_iter();
        Ok(found
            .map(|(price, level)| (price.0, level.displayed, level.hidden, level.orders))
            .collect())
    }

    /// The fills of an account in all batches that it opens, as JSON, and the batches in which it shows that there are no others.
    fn fills(&self, py: Python<'_>, account: u64) -> PyResult<(String, Vec<u64>)> {
        py.detach(|| {
            let (mut fills, mut complete) = (Vec::new(), Vec::new());
            for (part, verified) in self.inclusion.parts().iter().zip(&self.batches) {
                let shown = part.check(verified.values()).map_err(not_shown)?;
                let found = shown.fills(AccountId(account)).map_err(not_shown)?;
                let batch = part.values.batch;
                fills.extend(found.fills.iter().map(|fill| describe_fill(fill, batch)));
                complete.extend(found.is_complete.then_some(batch));
            }
            Ok((Value::from(fills).to_string(), complete))
        })
    }

    /// Holds a receipt against the batch that has its sequence: whether its command stands there, what does, and with which sequences
    /// else its command is opened.
    fn audit<'py>(
        &self,
        py: Python<'py>,
        receipt: &ReceiptView,
        key: &str,
        batch: u64,
    ) -> PyResult<(bool, OpenedTuple<'py>, Vec<u64>)> {
        let receipt = &receipt.receipt;
        let key = parse_key(key)?;
        receipt.verify(&key).map_err(bad_receipt)?;
        let (part, verified) = self.part(batch)?;
        let verdict = audit(receipt, &key, verified, part).map_err(not_audited)?;
        let (stands, opened) = match verdict {
            Verdict::Stands(opened) => (true, opened),
            Verdict::Contradicted(opened) => (false, opened),
        };
        let mut elsewhere = Vec::new();
        for (part, verified) in self.inclusion.parts().iter().zip(&self.batches) {
            let shown = part.check(verified.values()).map_err(not_shown)?;
            let named = shown.opened().iter();
            let named = named.filter(|opened| receipt.names(&opened.command));
            elsewhere.extend(named.filter_map(|opened| shown.sequence(opened.position)));
        }
        elsewhere.retain(|&sequence| sequence != receipt.sequence);
        let opened = opened_tuple(py, opened, Some(receipt.sequence))?;
        Ok((stands, opened, elsewhere))
    }
}
