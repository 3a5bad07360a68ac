//! What a command costs: cycles and gas by the size of the batch and of the book.

use std::collections::BTreeMap;

use proofbook_ledger::Sealed;
use serde::Serialize;

use crate::executor::{self, Execution};
use crate::market::{Market, Start};
use crate::{ProvenProgram, ProverError};

/// What a batch costs.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The market when the batch begins.
    #[serde(flatten)]
    pub start: Start,
    /// Commands of the batch.
    pub commands: u64,
    /// Events of the batch.
    pub events: u64,
    /// Words of the witness.
    pub witness_words: u64,
    /// Instructions, all together.
    pub cycles: u64,
    /// SP1's estimate of what proving takes, all together.
    pub gas: u64,
    /// Instructions for each command.
    pub cycles_per_command: f64,
    /// Gas for each command.
    pub gas_per_command: f64,
    /// Permutations of Poseidon2 for each command.
    pub permutations_per_command: f64,
    /// Instructions by part of the program, all together, where the program's symbols are known.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: Parts,
}

/// Instructions by part of the program.
pub type Parts = BTreeMap<&'static str, u64>;

impl Row {
    fn new(start: Start, batch: &Sealed, execution: &Execution, parts: Parts) -> Self {
        let commands = batch.values.commands;
        let per = |total: u64| total as f64 / commands.max(1) as f64;
        let gas = execution.gas.unwrap_or(0);
        let permutations = execution.syscalls.get("POSEIDON2").copied().unwrap_or(0);
        Row {
            start,
            commands,
            events: batch.values.events,
            witness_words: batch.witness.len() as u64,
            cycles: execution.cycles,
            gas,
            cycles_per_command: per(execution.cycles),
            gas_per_command: per(gas),
            permutations_per_command: per(permutations),
            parts,
        }
    }
}

/// Measures batches of these sizes, each of them on the same market; `split` says which part of the program its cycles go to.
///
/// # Errors
/// Where the flow is too short or the program does not do what it should.
pub fn measure(
    program: &ProvenProgram,
    market: &Market,
    batch_sizes: &[u64],
    mut split: impl FnMut(&Sealed) -> Result<Parts, ProverError>,
) -> Result<Vec<Row>, ProverError> {
    batch_sizes
        .iter()
        .map(|&commands| {
            let batch = market.clone().seal(commands)?;
            let execution = executor::execute(program, &batch)?;
            let parts = split(&batch)?;
            Ok(Row::new(market.start(), &batch, &execution, parts))
        })
        .collect()
}
