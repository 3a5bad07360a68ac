//! Runs the program without proving anything: what it says, and what proving it would take.

use std::collections::BTreeMap;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::Instant;

use proofbook_ledger::Sealed;
use sha2::{Digest, Sha256};
use sp1_core_executor::{ExecutionReport, GasEstimatingVMEnum, MinimalExecutorEnum, SP1CoreOpts};

use crate::{ProvenProgram, ProverError};

/// One run of the program to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Execution {
    /// Instructions.
    pub cycles: u64,
    /// SP1's own estimate of what proving takes; `None` where it was not asked for or the program did not end with 0.
    pub gas: Option<u64>,
    /// What the program ended with; a proof needs 0.
    pub exit_code: u64,
    /// System calls by name, where gas was asked for.
    pub syscalls: BTreeMap<String, u64>,
    /// What the program said.
    pub public_values: Vec<u8>,
    /// How long it took.
    pub seconds: f64,
}

/// The little-endian bytes of words: inputs of the program.
pub fn bytes_of(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Runs the program on any inputs to its end, however it ends.
///
/// Each input is read at once. With gas it takes about fifteen times as long.
///
/// # Errors
/// Where the program does what no proof can say, or says something else than what it commits to.
pub fn run(
    program: &ProvenProgram,
    inputs: &[Vec<u8>],
    with_gas: bool,
) -> Result<Execution, ProverError> {
    // SP1's executor asserts what it does not expect of a program.
    catch_unwind(AssertUnwindSafe(|| {
        run_unguarded(program, inputs, with_gas)
    }))
    .unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(ProverError::Execution(text.unwrap_or("it stopped").into()))
    })
}

fn run_unguarded(
    program: &ProvenProgram,
    inputs: &[Vec<u8>],
    with_gas: bool,
) -> Result<Execution, ProverError> {
    let start = Instant::now();
    let options = SP1CoreOpts::default();
    let chunk_entries = with_gas.then_some(options.gas_trace_chunk_threshold);
    let mut executor = MinimalExecutorEnum::new(program.program(), false, chunk_entries);
    for input in inputs {
        executor.with_input(input);
    }
    let mut report = ExecutionReport::default();
    while let Some(chunk) = executor.execute_chunk() {
        if with_gas {
            let mut machine =
                GasEstimatingVMEnum::new(&chunk, program.program(), [0; 4], options.clone());
            report += machine
                .execute()
                .map_err(|error| ProverError::Execution(error.to_string()))?;
        }
    }
    let exit_code = u64::from(executor.exit_code());
    let public_values = executor.public_values_stream().clone();
    if exit_code == 0 {
        let digest = executor.public_value_digest();
        let committed: Vec<u8> = digest.iter().flat_map(|word| word.to_le_bytes()).collect();
        if committed != Sha256::digest(&public_values)[..] {
            return Err(ProverError::Execution(
                "it commits to something else than it says".into(),
            ));
        }
    }
    let syscalls = report.syscall_counts.iter().filter(|(_, &count)| count > 0);
    Ok(Execution {
        cycles: executor.global_clk(),
        gas: report.gas().filter(|_| exit_code == 0),
        exit_code,
        syscalls: syscalls
            .map(|(code, &count)| (format!("{code:?}"), count))
            .collect(),
        public_values,
        seconds: start.elapsed().as_secs_f64(),
    })
}

/// The program's inputs for a batch.
pub fn inputs(batch: &Sealed) -> Vec<Vec<u8>> {
    vec![bytes_of(&batch.batch), bytes_of(&batch.witness)]
}

/// Runs the program on a batch, and checks that it says what the batch says that it does.
///
/// # Errors
/// Where the program refuses the batch, cannot be run on it, or says something else.
pub fn execute(program: &ProvenProgram, batch: &Sealed) -> Result<Execution, ProverError> {
    execute_expecting(program, &inputs(batch), &batch.values.encode())
}

/// Runs a program on its inputs, and checks that it ends well and says what is expected.
pub(crate) fn execute_expecting(
    program: &ProvenProgram,
    inputs: &[Vec<u8>],
    expected: &[u8],
) -> Result<Execution, ProverError> {
    let execution = run(program, inputs, true)?;
    if execution.exit_code != 0 {
        let exit_code = execution.exit_code;
        return Err(ProverError::Guest { exit_code });
    }
    if execution.public_values != expected {
        return Err(ProverError::Values {
            expected: expected.to_vec(),
            received: execution.public_values,
        });
    }
    Ok(execution)
}
