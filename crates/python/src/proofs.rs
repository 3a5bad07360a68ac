//! Proofs of batches: files checked, what they prove as frozen objects, and chains of them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use proofbook_commitment::PublicValues;
use proofbook_engine::journal::{market, Directory};
use proofbook_replay::{open_commands_with, Options};
use proofbook_types::{MarketConfig, CONFIG_BYTES};
use proofbook_verifier::{
    verify, verify_chain, Chain, ChainError, Checkpoint, Mode, ProgramKey, Span, Verified,
    VerifiedChain, VerifyError, PROOF_BYTES_MAX,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::{self, unreadable, InputError, JournalError};

pub(crate) fn refused(error: VerifyError) -> PyErr {
    let message = error.to_string();
    if error.is_about_format() {
        errors::ProofFormatError::new_err(message)
    } else {
        errors::InvalidProofError::new_err(message)
    }
}

fn does_not_follow(error: ChainError) -> PyErr {
    errors::ChainError::new_err(error.to_string())
}

/// What a proof proves of a batch. Only `verify` makes one.
#[pyclass(name = "PublicValues", module = "proofbook", frozen)]
pub struct PublicValuesView {
    pub(crate) verified: Verified,
}

impl PublicValuesView {
    /// What was proven.
    pub fn values(&self) -> &PublicValues {
        self.verified.values()
    }
}

#[pymethods]
impl PublicValuesView {
    /// The kind of the proof that was checked.
    #[getter]
    fn mode(&self) -> &'static str {
        self.verified.mode().name()
    }

    /// Number of the market.
    #[getter]
    fn market(&self) -> u64 {
        self.verified.values().market
    }

    /// Hash of the market's configuration.
    #[getter]
    fn config(&self) -> String {
        self.verified.values().config.to_string()
    }

    /// Number of the batch; the first of a market is 1.
    #[getter]
    fn batch(&self) -> u64 {
        self.verified.values().batch
    }

    /// Sequence of the first command.
    #[getter]
    fn first_sequence(&self) -> u64 {
        self.verified.values().first_sequence
    }

    /// Sequence of the last command.
    #[getter]
    fn last_sequence(&self) -> u64 {
        self.verified.values().last_sequence
    }

    /// The clock before the batch, nanoseconds.
    #[getter]
    fn clock_before(&self) -> u64 {
        self.verified.values().clock_before
    }

    /// The clock after the batch, nanoseconds.
    #[getter]
    fn clock_after(&self) -> u64 {
        self.verified.values().clock_after
    }

    /// The state root before the batch.
    #[getter]
    fn previous_root(&self) -> String {
        self.verified.values().previous_root.to_string()
    }

    /// The state root after the batch.
    #[getter]
    fn new_root(&self) -> String {
        self.verified.values().new_root.to_string()
    }

    /// Number of commands.
    #[getter]
    fn commands(&self) -> u64 {
        self.verified.values().commands
    }

    /// Root of the list of commands.
    #[getter]
    fn command_root(&self) -> String {
        self.verified.values().command_root.to_string()
    }

    /// Number of events.
    #[getter]
    fn events(&self) -> u64 {
        self.verified.values().events
    }

    /// Root of the list of events.
    #[getter]
    fn event_root(&self) -> String {
        self.verified.values().event_root.to_string()
    }

    /// Their 232 bytes, as `docs/COMMITMENT.md` has them.
    fn encode<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.verified.values().encode())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast::<PublicValuesView>()
            .is_ok_and(|other| other.get().verified == self.verified)
    }

    fn __hash__(&self) -> u64 {
        // The root is a hash already, and two batches with one root are equal or rare.
        self.verified.values().new_root.0[0]
    }

    fn __repr__(&self) -> String {
        let values = self.verified.values();
        format!(
            "PublicValues(market={}, batch={}, sequences={}..{}, commands={}, events={}, previous_root='{}', new_root='{}')",
            values.market,
            values.batch,
            values.first_sequence,
            values.last_sequence,
            values.commands,
            values.events,
            values.previous_root,
            values.new_root
        )
    }
}

/// What a proof proves of a chain of batches. Only `verify_joined` makes one.
#[pyclass(name = "ChainValues", module = "proofbook", frozen)]
pub struct ChainValuesView {
    verified: VerifiedChain,
}

impl ChainValuesView {
    fn span(&self) -> &Span {
        &self.verified.values().span
    }
}

#[pymethods]
impl ChainValuesView {
    /// Number of the market.
    #[getter]
    fn market(&self) -> u64 {
        self.span().market
    }

    /// Hash of the market's configuration.
    #[getter]
    fn config(&self) -> String {
        self.span().config.to_string()
    }

    /// Number of batches.
    #[getter]
    fn batches(&self) -> u64 {
        self.verified.values().batches()
    }

    /// Number of the first batch.
    #[getter]
    fn first_batch(&self) -> u64 {
        self.span().first_batch
    }

    /// Number of the last batch.
    #[getter]
    fn last_batch(&self) -> u64 {
        self.span().last_batch
    }

    /// Sequence of the first command.
    #[getter]
    fn first_sequence(&self) -> u64 {
        self.span().first_sequence
    }

    /// Sequence of the last command.
    #[getter]
    fn last_sequence(&self) -> u64 {
        self.span().last_sequence
    }

    /// The clock before the first batch, nanoseconds.
    #[getter]
    fn clock_before(&self) -> u64 {
        self.span().clock_before
    }

    /// The clock after the last batch, nanoseconds.
    #[getter]
    fn clock_after(&self) -> u64 {
        self.span().clock_after
    }

    /// The state root before the first batch.
    #[getter]
    fn previous_root(&self) -> String {
        self.span().previous_root.to_string()
    }

    /// The state root after the last batch.
    #[getter]
    fn new_root(&self) -> String {
        self.span().new_root.to_string()
    }

    /// Number of commands.
    #[getter]
    fn commands(&self) -> u64 {
        self.span().commands
    }

    /// Number of events.
    #[getter]
    fn events(&self) -> u64 {
        self.verified.values().events
    }

    /// Root of the list of batches.
    #[getter]
    fn batch_root(&self) -> String {
        self.verified.values().batch_root.to_string()
    }

    /// What is proven of each batch, from the public values of all of them, 232 bytes each.
    fn open(&self, batches: &[u8]) -> PyResult<Vec<PublicValuesView>> {
        let batches = self.verified.batches(batches).map_err(refused)?;
        let view = |verified| PublicValuesView { verified };
        Ok(batches.into_iter().map(view).collect())
    }

    /// Their 272 bytes, as `docs/COMMITMENT.md` has them.
    fn encode<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.verified.values().encode())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other
            .cast::<ChainValuesView>()
            .is_ok_and(|other| other.get().verified == self.verified)
    }

    fn __hash__(&self) -> u64 {
        self.span().new_root.0[0]
    }

    fn __repr__(&self) -> String {
        let span = self.span();
        format!(
            "ChainValues(market={}, batches={}..{}, commands={}, events={}, previous_root='{}', new_root='{}')",
            span.market,
            span.first_batch,
            span.last_batch,
            span.commands,
            self.events(),
            span.previous_root,
            span.new_root
        )
    }
}

/// What was proven, of a batch or of a chain of them.
#[derive(FromPyObject)]
pub enum Proven<'py> {
    /// Of a batch.
    Batch(PyRef<'py, PublicValuesView>),
    /// Of a chain.
    Chain(PyRef<'py, ChainValuesView>),
}

impl Proven<'_> {
    fn span(&self) -> Span {
        match self {
            Proven::Batch(values) => values.verified.values().into(),
            Proven::Chain(values) => *values.span(),
        }
    }
}

/// Reads a file that may be a proof, and no more of it than a proof has.
fn read_proof(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = Mode::Chain.head_bytes() as u64 + PROOF_BYTES_MAX + 1;
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Checks a proof file with `check`, given as a path or as bytes.
fn checked<T: Send>(
    proof: &Bound<'_, PyAny>,
    check: impl Fn(&[u8]) -> Result<T, VerifyError> + Sync,
) -> PyResult<T> {
    let py = proof.py();
    let outcome = match proof.cast::<PyBytes>() {
        Ok(bytes) => {
            let bytes = bytes.as_bytes();
            py.detach(|| check(bytes))
        }
        Err(_) => {
            let path: PathBuf = proof.extract()?;
            let bytes = py.detach(|| read_proof(&path))?;
            py.detach(|| check(&bytes))
        }
    };
    outcome.map_err(refused)
}

/// Checks a proof file of a batch, given as a path or as bytes.
#[pyfunction]
pub fn verify_proof(proof: &Bound<'_, PyAny>) -> PyResult<PublicValuesView> {
    let verified = checked(proof, verify)?;
    Ok(PublicValuesView { verified })
}

/// Checks a proof file of a chain, given as a path or as bytes.
#[pyfunction]
pub fn verify_joined(proof: &Bound<'_, PyAny>) -> PyResult<ChainValuesView> {
    let verified = checked(proof, verify_chain)?;
    Ok(ChainValuesView { verified })
}

/// The key of the program whose proofs of batches are accepted.
#[pyfunction]
pub fn program_key() -> String {
    ProgramKey::PINNED.to_string()
}

/// The key of the program whose proofs of chains are accepted.
#[pyfunction]
pub fn chain_program_key() -> String {
    ProgramKey::PINNED_CHAIN.to_string()
}

pub(crate) fn decode_config(bytes: &[u8]) -> PyResult<MarketConfig> {
    let bytes: &[u8; CONFIG_BYTES] = bytes.try_into().map_err(|_| {
        let received = bytes.len();
        InputError::new_err(format!(
            "a market configuration takes {CONFIG_BYTES} bytes; received {received}"
        ))
    })?;
    MarketConfig::decode(bytes).map_err(errors::undecodable)
}

/// The encoded configuration of the market in a journal's folder, in a file of order flow, or in a file with nothing else.
#[pyfunction]
pub fn market_config(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyBytes>> {
    let config = py.detach(|| {
        if path.is_dir() {
            let wrong = |error: &dyn std::fmt::Display| {
                JournalError::new_err(format!("{}: {error}", path.display()))
            };
            let storage = Directory::open(&path).map_err(|error| wrong(&error))?;
            return market(&storage).map_err(|error| wrong(&error));
        }
        if path.metadata()?.len() == CONFIG_BYTES as u64 {
            return decode_config(&std::fs::read(&path)?);
        }
        open_commands_with(&[path], &Options::default(), &mut |_| true)
            .map(|source| source.info().config)
            .map_err(unreadable)
    })?;
    Ok(PyBytes::new(py, &config.encode()))
}

/// Proven batches of one market, each the next one after the other.
#[pyclass(name = "Chain", module = "proofbook")]
pub struct ChainView {
    chain: Chain,
}

#[pymethods]
impl ChainView {
    /// A chain without a batch yet, from the empty state of the market with this encoded configuration.
    #[staticmethod]
    fn from_genesis(config: &[u8]) -> PyResult<Self> {
        let chain = Chain::start_at_genesis(&decode_config(config)?);
        Ok(ChainView { chain })
    }

    /// A chain without a batch yet, from the state before a batch, which is taken on trust.
    #[staticmethod]
    fn before(values: Proven<'_>) -> PyResult<Self> {
        let start = Checkpoint::before(values.span()).map_err(does_not_follow)?;
        let chain = Chain::trusting(start);
        Ok(ChainView { chain })
    }

    /// A chain without a batch yet, from the state after a batch.
    #[staticmethod]
    fn after(values: Proven<'_>) -> Self {
        let chain = Chain::trusting(Checkpoint::after(values.span()));
        ChainView { chain }
    }

    /// Takes the next batch, or the next batches of a chain. After an error the chain is as before.
    fn extend(&mut self, values: Proven<'_>) -> PyResult<()> {
        let followed = match values {
            Proven::Batch(values) => self.chain.extend(&values.verified),
            Proven::Chain(values) => self.chain.extend_by(&values.verified),
        };
        followed.map_err(does_not_follow)
    }

    /// Number of batches.
    #[getter]
    fn batches(&self) -> u64 {
        self.chain.batches()
    }

    /// Number of the last batch.
    #[getter]
    fn batch(&self) -> u64 {
        self.chain.end().batch
    }

    /// Sequence of the last command.
    #[getter]
    fn sequence(&self) -> u64 {
        self.chain.end().sequence
    }

    /// The state root after the last batch.
    #[getter]
    fn root(&self) -> String {
        self.chain.end().root.to_string()
    }

    /// Whether the chain was started at the empty state of a known configuration.
    #[getter]
    fn is_from_genesis(&self) -> bool {
        self.chain.is_from_genesis()
    }
}
