//! Receipts: keys, what they sign, and the receipts of a whole journal.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use proofbook_commitment::{PublicValues, PUBLIC_BYTES};
use proofbook_engine::journal::{market, scan, Directory};
use proofbook_receipts::{
    KeyError, OperatorKey, PublicKey, Receipt, ReceiptWriter, SignedBatch, WriterError,
};
use proofbook_types::{Command, COMMAND_BYTES};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::{self, InputError, JournalError, ReceiptError};

/// Commands whose receipts are handed over at a time.
const COMMANDS_SIGNED: usize = 4096;

pub(crate) fn bad_key(error: KeyError) -> PyErr {
    match error {
        KeyError::Io(error) => error.into(),
        other => InputError::new_err(other.to_string()),
    }
}

fn bad_key_file(path: &Path) -> impl Fn(KeyError) -> PyErr + '_ {
    move |error| {
        let message = format!("{}: {error}", path.display());
        match error {
            KeyError::Io(error) => PyOSError::new_err((
                error.raw_os_error(),
                error.to_string(),
                path.display().to_string(),
            )),
            _ => InputError::new_err(message),
        }
    }
}

pub(crate) fn bad_receipt(error: proofbook_receipts::ReceiptError) -> PyErr {
    ReceiptError::new_err(error.to_string())
}

fn not_written(error: WriterError) -> PyErr {
    match error {
        WriterError::Io(error) => error.into(),
        other => PyOSError::new_err(other.to_string()),
    }
}

/// The public key that 64 hexadecimal digits write.
pub(crate) fn parse_key(key: &str) -> PyResult<PublicKey> {
    PublicKey::parse(key).map_err(bad_key)
}

pub(crate) fn decode_command(bytes: &[u8]) -> PyResult<Command> {
    let bytes: &[u8; COMMAND_BYTES] = bytes.try_into().map_err(|_| {
        let received = bytes.len();
        InputError::new_err(format!(
            "a command takes {COMMAND_BYTES} bytes; received {received}"
        ))
    })?;
    Command::decode(bytes).map_err(errors::undecodable)
}

/// Makes a new secret key and writes it into a new file that only its owner may read; gives the public key.
#[pyfunction]
pub fn keygen(path: PathBuf) -> PyResult<String> {
    let key = OperatorKey::generate().map_err(bad_key)?;
    key.write(&path).map_err(bad_key_file(&path))?;
    Ok(key.public_key().to_string())
}

/// Signs for an operator.
#[pyclass(module = "proofbook", frozen)]
pub struct ReceiptSigner {
    key: OperatorKey,
}

#[pymethods]
impl ReceiptSigner {
    /// With the secret key in a file.
    #[new]
    fn new(path: PathBuf) -> PyResult<Self> {
        let key = OperatorKey::read(&path).map_err(bad_key_file(&path))?;
        Ok(ReceiptSigner { key })
    }

    /// The key that its signatures are checked against.
    #[getter]
    fn public_key(&self) -> String {
        self.key.public_key().to_string()
    }

    /// The receipt of a command, given as its 72 bytes.
    fn sign(
        &self,
        py: Python<'_>,
        market: u64,
        sequence: u64,
        command: &[u8],
    ) -> PyResult<ReceiptView> {
        let command = decode_command(command)?;
        let receipt = py.detach(|| Receipt::sign(&self.key, market, sequence, &command));
        Ok(ReceiptView { receipt })
    }

    /// The signed batch with these public values, given as their 232 bytes.
    fn sign_batch<'py>(
        &self,
        py: Python<'py>,
        public_values: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let values = PublicValues::decode(public_values).ok_or_else(|| {
            let received = public_values.len();
            InputError::new_err(format!(
                "expected {PUBLIC_BYTES} bytes of canonical public values; received {received} bytes that are none"
            ))
        })?;
        Ok(PyBytes::new(
            py,
            &SignedBatch::sign(&self.key, &values).encode(),
        ))
    }

    fn __repr__(&self) -> String {
        format!("ReceiptSigner(public_key='{}')", self.key.public_key())
    }
}

/// A receipt, decoded. That it exists says nothing: `verify` does.
#[pyclass(name = "Receipt", module = "proofbook", frozen)]
pub struct ReceiptView {
    pub(crate) receipt: Receipt,
}

#[pymethods]
impl ReceiptView {
    /// The receipt with these 128 bytes.
    #[staticmethod]
    fn decode(data: &[u8]) -> PyResult<Self> {
        let receipt = Receipt::decode(data).map_err(bad_receipt)?;
        Ok(ReceiptView { receipt })
    }

    /// Number of the market.
    #[getter]
    fn market(&self) -> u64 {
        self.receipt.market
    }

    /// The command's sequence number.
    #[getter]
    fn sequence(&self) -> u64 {
        self.receipt.sequence
    }

    /// When the command was sequenced, nanoseconds.
    #[getter]
    fn time(&self) -> u64 {
        self.receipt.time.0
    }

    /// Hash of the command.
    #[getter]
    fn command(&self) -> String {
        self.receipt.command.to_string()
    }

    /// Its 128 bytes.
    fn encode<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.receipt.encode())
    }

    /// Checks that the operator with this public key signed it.
    fn verify(&self, key: &str) -> PyResult<()> {
        self.receipt.verify(&parse_key(key)?).map_err(bad_receipt)
    }

    /// Whether it is a receipt of this command, given as its 72 bytes.
    fn names(&self, command: &[u8]) -> PyResult<bool> {
        Ok(self.receipt.names(&decode_command(command)?))
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast::<ReceiptView>()
            .is_ok_and(|other| other.get().receipt == self.receipt)
    }

    fn __hash__(&self) -> u64 {
        self.receipt.command.0[0]
    }

    fn __repr__(&self) -> String {
        let Receipt {
            market,
            sequence,
            time,
            command,
            ..
        } = self.receipt;
        format!(
            "Receipt(market={market}, sequence={sequence}, time={}, command='{command}')",
            time.0
        )
    }
}

/// Checks that the operator with this public key signed a batch; gives its public values, 232 bytes.
#[pyfunction]
pub fn verify_signed_batch<'py>(
    py: Python<'py>,
    data: &[u8],
    key: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let signed = SignedBatch::decode(data).map_err(bad_receipt)?;
    signed.verify(&parse_key(key)?).map_err(bad_receipt)?;
    Ok(PyBytes::new(py, &signed.values.encode()))
}

/// The receipts of the commands that a journal takes: signed once they are acknowledged, off the thread that matches.
pub(crate) struct JournalReceipts {
    writer: ReceiptWriter,
    /// Commands that are not acknowledged yet.
    waiting: Vec<Command>,
    /// Sequence of the first of them.
    next: u64,
}

impl JournalReceipts {
    pub(crate) fn start(key: &Path, file: &Path, market: u64) -> PyResult<Self> {
        let key = OperatorKey::read(key).map_err(bad_key_file(key))?;
        let file = OpenOptions::new().write(true).create_new(true).open(file)?;
        Ok(JournalReceipts {
            writer: ReceiptWriter::start(key, market, file),
            waiting: Vec::new(),
            next: 1,
        })
    }

    /// Takes commands; hands over those up to the last one that was acknowledged.
    pub(crate) fn take(&mut self, commands: &[Command], acknowledged: u64) -> PyResult<()> {
        self.waiting.extend(commands);
        let ready = acknowledged.saturating_sub(self.next - 1);
        let ready = usize::try_from(ready).map_or(self.waiting.len(), |ready| ready);
        let ready = ready.min(self.waiting.len());
        if ready == 0 {
            return Ok(());
        }
        let first = self.next;
        self.next += ready as u64;
        let portion = self.waiting.drain(..ready).collect();
        self.writer.send(first, portion).map_err(not_written)
    }

    /// Hands over the rest and waits until all receipts are written; gives how many.
    pub(crate) fn finish(mut self, acknowledged: u64) -> PyResult<u64> {
        let sent = self.take(&[], acknowledged);
        let written = self.writer.finish().map_err(not_written)?;
        sent.map(|()| written)
    }
}

/// Signs every command of a journal and writes the receipts into a new file; gives how many.
#[pyfunction]
pub fn sign_journal(
    py: Python<'_>,
    journal: PathBuf,
    key: PathBuf,
    output: PathBuf,
) -> PyResult<u64> {
    py.detach(|| {
        let wrong = |error: &dyn std::fmt::Display| {
            JournalError::new_err(format!("{}: {error}", journal.display()))
        };
        let storage = Directory::open(&journal).map_err(|error| wrong(&error))?;
        let config = market(&storage).map_err(|error| wrong(&error))?;
        let mut receipts = JournalReceipts::start(&key, &output, config.market)?;
        let mut portion = Vec::with_capacity(COMMANDS_SIGNED);
        let mut sent = Ok(());
        let scanned = scan(&storage, 0, &mut |sequence, command, _| {
            portion.push(*command);
            if portion.len() == COMMANDS_SIGNED && sent.is_ok() {
                sent = receipts.take(&portion, sequence);
                portion.clear();
            }
        });
        let scanned = scanned.map_err(|error| wrong(&error))?;
        sent?;
        receipts.take(&portion, scanned.end.sequence)?;
        receipts.finish(scanned.end.sequence)
    })
}
