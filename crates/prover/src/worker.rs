//! One process that proves many batches: requests as lines of JSON in, what happens as lines of JSON out.
//!
//! A request is `{"id": 7, "mode": "core", "batch": "PATH", "output": "PATH"}`: any `id`, which comes back in every answer; the mode is
//! `execute`, `core`, `compressed` or `groth16`; `batch` names a batch file, `output` the proof file to write, which `execute`
//! neither needs nor writes. `{"id": 8, "mode": "chain", "proofs": ["PATH", …], "output": "PATH"}` joins proofs, and writes beside `output`
//! the public values of their batches (`.batches`); without `output` it only runs the program that joins. Requests are answered in
//! their order. Answers are
//!
//! - `{"type": "ready", …}`, once, with the SHA-256 of the program;
//! - `{"id": 7, "type": "progress", "phase": "prove", "seconds": null}` when a part begins, with its seconds when it has ended;
//! - `{"id": 7, "type": "result", …}` ([`ResultLine`]) or `{"id": 7, "type": "error", "code": "guest", "message": "…"}`, the last
//!   one of a request.
//!
//! A result is written once it has been verified: to a file of another name, which is synced and then renamed. So there is a whole
//! proof file or none. The worker ends with its input.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};

use proofbook_ledger::Sealed;
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};

use crate::chain::batches_path;
use crate::memory::peak_memory_bytes;
use crate::prover::{Progress, Proven, Prover};
use crate::{Execution, ProverError, ToJoin};

/// Bytes that a request may have.
pub const REQUEST_BYTES_MAX: u64 = 1 << 16;

/// What is wanted of a batch.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Run it.
    Execute,
    /// A core proof.
    Core,
    /// A compressed proof.
    Compressed,
    /// A proof for contracts.
    Groth16,
    /// One proof of a chain, from proofs of its batches.
    Chain,
}

/// A line that comes in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Comes back in every answer.
    pub id: Value,
    /// What is wanted.
    pub mode: Mode,
    /// The batch file; none where proofs are joined.
    #[serde(default)]
    pub batch: Option<PathBuf>,
    /// The proofs to join; none otherwise.
    #[serde(default)]
    pub proofs: Vec<PathBuf>,
    /// The proof file to write.
    pub output: Option<PathBuf>,
}

/// The line that answers a request that went well.
#[derive(Clone, Debug, Serialize)]
pub struct ResultLine {
    /// The request's.
    pub id: Value,
    /// `result`.
    pub r#type: &'static str,
    /// Instructions of the program.
    pub cycles: u64,
    /// SP1's estimate of what proving takes.
    pub gas: Option<u64>,
    /// System calls by name.
    pub syscalls: BTreeMap<String, u64>,
    /// What each part took, in seconds.
    pub seconds: BTreeMap<String, f64>,
    /// The most memory that this process ever held, in bytes.
    pub memory_bytes_max: Option<u64>,
    /// Length of the proof; of the file it is a little more.
    pub proof_bytes: Option<u64>,
    /// What the proof says, in hexadecimal.
    pub public_values: String,
}

/// Follows the work on one request.
struct Reporter<'a, W> {
    id: &'a Value,
    output: &'a mut W,
    seconds: BTreeMap<String, f64>,
}

impl<W: Write> Progress for Reporter<'_, W> {
    fn begin(&mut self, phase: &'static str) {
        say(
            self.output,
            &json!({"id": self.id, "type": "progress", "phase": phase, "seconds": null}),
        );
    }

    fn end(&mut self, phase: &'static str, seconds: f64) {
        *self.seconds.entry(phase.into()).or_default() += seconds;
        say(
            self.output,
            &json!({"id": self.id, "type": "progress", "phase": phase, "seconds": seconds}),
        );
    }
}

/// Writes a line. Who does not read any more ends the worker by closing its input.
fn say(output: &mut impl Write, line: &impl Serialize) {
    let mut text = serde_json::to_vec(line).expect("these values are JSON");
    text.push(b'\n');
    let _ = output.write_all(&text).and_then(|()| output.flush());
}

/// Reads a file that is a batch.
///
/// # Errors
/// Where it cannot be read or is none.
pub fn read_batch(path: &Path) -> Result<Sealed, ProverError> {
    let bytes = fs::read(path).map_err(|error| io_error(path, error))?;
    Ok(Sealed::from_bytes(&bytes)?)
}

fn io_error(path: &Path, error: io::Error) -> ProverError {
    let path = path.display().to_string();
    ProverError::Io { path, error }
}

/// Writes a file whole or not at all: what is at `path` afterwards, also after a loss of power, is what was there before or these
/// bytes.
///
/// # Errors
/// Where it cannot be written; then nothing is left of it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), ProverError> {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name =
        name.ok_or_else(|| ProverError::Request(format!("{} names no file", path.display())))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let temporary = folder.join(format!(".{name}.{}", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&temporary);
        io_error(path, error)
    })
}

/// What a request gave.
struct Work {
    execution: Execution,
    /// Length of the proof, where there is one.
    proof_bytes: Option<u64>,
}

/// Writes a proof file.
fn write_proof(output: &Path, proven: Proven) -> Result<Work, ProverError> {
    write_whole(output, &proven.proof.to_bytes())?;
    Ok(Work {
        execution: proven.execution,
        proof_bytes: Some(proven.proof.bytes.len() as u64),
    })
}

fn only_run(execution: Execution) -> Work {
    let proof_bytes = None;
    Work {
        execution,
        proof_bytes,
    }
}

fn join(
    request: &Request,
    prover: &mut dyn Prover,
    progress: &mut dyn Progress,
) -> Result<Work, ProverError> {
    let parts = ToJoin::read(&request.proofs)?;
    let Some(output) = &request.output else {
        return prover.execute_join(&parts, progress).map(only_run);
    };
    let joined = prover.join(&parts, progress)?;
    write_whole(&batches_path(output), &parts.batches_file())?;
    write_whole(output, &joined.proof.to_bytes())?;
    Ok(Work {
        execution: joined.execution,
        proof_bytes: Some(joined.proof.bytes.len() as u64),
    })
}

fn work(
    request: &Request,
    prover: &mut dyn Prover,
    progress: &mut dyn Progress,
) -> Result<Work, ProverError> {
    if request.mode == Mode::Chain {
        return join(request, prover, progress);
    }
    let missing = |what: &str| ProverError::Request(format!("expected {what}"));
    let batch = request.batch.as_ref();
    let batch = batch.ok_or_else(|| missing("`batch`, the batch file"))?;
    let output = request.output.as_ref();
    let output = output.ok_or_else(|| missing("`output`, the proof file to write"));
    if request.mode == Mode::Execute {
        return prover.execute(&read_batch(batch)?, progress).map(only_run);
    }
    let (output, batch) = (output?, read_batch(batch)?);
    let proven = match request.mode {
        Mode::Core => prover.core(&batch, progress)?,
        Mode::Groth16 => prover.groth16(&batch, progress)?,
        _ => prover.compressed(&batch, progress)?,
    };
    write_proof(output, proven)
}

/// Answers one request.
pub fn answer(request: &Request, prover: &mut dyn Prover, output: &mut impl Write) {
    let mut reporter = Reporter {
        id: &request.id,
        output,
        seconds: BTreeMap::new(),
    };
    let result = work(request, prover, &mut reporter);
    let seconds = reporter.seconds;
    match result {
        Ok(Work {
            execution,
            proof_bytes,
        }) => say(
            output,
            &ResultLine {
                id: request.id.clone(),
                r#type: "result",
                cycles: execution.cycles,
                gas: execution.gas,
                syscalls: execution.syscalls,
                seconds,
                memory_bytes_max: peak_memory_bytes(),
                proof_bytes,
                public_values: hex::encode(execution.public_values),
            },
        ),
        Err(error) => say_error(output, &request.id, &error),
    }
}

fn say_error(output: &mut impl Write, id: &Value, error: &ProverError) {
    say(
        output,
        &json!({"id": id, "type": "error", "code": error.code(), "message": error.to_string()}),
    );
}

/// Reads a line into `line`, without its end; false at the end of the input. A line that is too long is read to its end and
/// answered with an error.
fn next_line(
    input: &mut impl BufRead,
    line: &mut Vec<u8>,
) -> io::Result<Option<Result<(), ProverError>>> {
    line.clear();
    let mut limited = input.take(REQUEST_BYTES_MAX);
    if limited.read_until(b'\n', line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') || (line.len() as u64) < REQUEST_BYTES_MAX {
        return Ok(Some(Ok(())));
    }
    input.skip_until(b'\n')?;
    let error = format!("expected a line of at most {REQUEST_BYTES_MAX} bytes");
    Ok(Some(Err(ProverError::Request(error))))
}

/// Answers requests until the input ends.
///
/// # Errors
/// Where the input cannot be read.
pub fn serve(
    mut input: impl BufRead,
    mut output: impl Write,
    prover: &mut dyn Prover,
    program_sha256: [u8; 32],
) -> io::Result<()> {
    say(
        &mut output,
        &json!({"type": "ready", "program_sha256": hex::encode(program_sha256)}),
    );
    let mut line = Vec::new();
    while let Some(read) = next_line(&mut input, &mut line)? {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let request = read.and_then(|()| {
            serde_json::from_slice::<Request>(&line)
                .map_err(|error| ProverError::Request(format!("no request: {error}")))
        });
        match request {
            Ok(request) => answer(&request, prover, &mut output),
            Err(error) => say_error(&mut output, &Value::Null, &error),
        }
    }
    Ok(())
}
