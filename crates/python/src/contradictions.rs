//! Contradictions of an operator: made, and checked anew by anyone.

use proofbook_receipts::{Contradiction, Finding, Receipt, SignedBatch};
use proofbook_receipts::{RECEIPT_MAGIC, SIGNED_BATCH_MAGIC};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::json;

use crate::errors::{InputError, ReceiptError};
use crate::inclusion::{not_audited, InclusionView};
use crate::receipts::{bad_receipt, parse_key, ReceiptView};

/// The contradiction of a receipt and a proof file in whose batch another command has its sequence.
#[pyfunction]
#[pyo3(signature = (receipt, key, proof, inclusion, batch, signed = None))]
pub fn contradict<'py>(
    py: Python<'py>,
    receipt: &ReceiptView,
    key: &str,
    proof: &[u8],
    inclusion: &InclusionView,
    batch: u64,
    signed: Option<&[u8]>,
) -> PyResult<Bound<'py, PyBytes>> {
    let key = parse_key(key)?;
    let signed = signed.map(SignedBatch::decode).transpose();
    let signed = signed.map_err(bad_receipt)?;
    let (part, _) = inclusion.part(batch)?;
    let receipt = &receipt.receipt;
    let made = py.detach(|| {
        proofbook_verifier::contradict(receipt, &key, proof, part, signed.as_ref())
            .map(|contradiction| contradiction.encode())
    });
    Ok(PyBytes::new(py, &made.map_err(not_audited)?))
}

/// The contradiction of two receipts of one sequence, or of two signed batches of one number.
#[pyfunction]
pub fn contradict_pair<'py>(
    py: Python<'py>,
    first: &[u8],
    second: &[u8],
    key: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let contradiction = if first.starts_with(&RECEIPT_MAGIC) {
        let decode = |bytes| Receipt::decode(bytes).map_err(bad_receipt);
        Contradiction::TwoReceipts([decode(first)?, decode(second)?])
    } else if first.starts_with(&SIGNED_BATCH_MAGIC) {
        let decode = |bytes| SignedBatch::decode(bytes).map_err(bad_receipt);
        Contradiction::TwoBatches(Box::new([decode(first)?, decode(second)?]))
    } else {
        return Err(InputError::new_err(
            "expected two receipts or two signed batches; received neither",
        ));
    };
    contradiction
        .check(&parse_key(key)?, None)
        .map_err(|error| ReceiptError::new_err(error.to_string()))?;
    Ok(PyBytes::new(py, &contradiction.encode()))
}

/// Checks a contradiction from nothing but itself and the operator's public key; gives what it shows, as JSON.
#[pyfunction]
pub fn check_contradiction(py: Python<'_>, data: &[u8], key: &str) -> PyResult<String> {
    let key = parse_key(key)?;
    py.detach(|| {
        let contradiction = Contradiction::decode(data).map_err(bad_receipt)?;
        let finding =
            proofbook_verifier::check_contradiction(&contradiction, &key).map_err(not_audited)?;
        let (kind, market, sequence, batch, is_signed) = match finding {
            Finding::OtherCommand {
                market,
                batch,
                sequence,
                is_signed,
            } => (
                "other_command",
                market,
                Some(sequence),
                Some(batch),
                is_signed,
            ),
            Finding::TwoReceipts { market, sequence } => {
                ("two_receipts", market, Some(sequence), None, true)
            }
            Finding::TwoBatches { market, batch } => {
                ("two_batches", market, None, Some(batch), true)
            }
        };
        Ok(json!({
            "kind": kind,
            "market": market,
            "sequence": sequence,
            "batch": batch,
            "is_signed": is_signed,
            "text": finding.to_string(),
        })
        .to_string())
    })
}

/// The encoded public values of the batch that a contradiction holds, if it holds one. They are not checked.
#[pyfunction]
pub fn contradicted_values<'py>(
    py: Python<'py>,
    data: &[u8],
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    match Contradiction::decode(data).map_err(bad_receipt)? {
        Contradiction::OtherCommand { part, .. } => {
            Ok(Some(PyBytes::new(py, &part.values.encode())))
        }
        _ => Ok(None),
    }
}
