//! `proofbook-prover`: runs, proves and verifies batches, one by one or as a worker.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use proofbook_chain::proof_file::ProofFile;
use proofbook_ledger::Sealed;
use proofbook_prover::cycles::Parts;
use proofbook_prover::market::{Kind, Market};
use proofbook_prover::memory::MemoryLimit;
#[cfg(feature = "profile")]
use proofbook_prover::profile::Profiler;
use proofbook_prover::prover::{Progress, Prover};
use proofbook_prover::worker::{self, Mode, Request};
use proofbook_prover::{cycles, ChainProof, Local, Proof, ProofMode, ProvenProgram, ProverError};
use serde_json::{json, Value};

const HELP: &str = "\
proofbook-prover: runs, proves and verifies batches in SP1

  execute BATCH                 run a batch; cycles, gas and public values as JSON
  prove MODE BATCH PROOF        MODE is core, compressed or groth16; writes the proof file PROOF once it is verified
  join OUTPUT PROOF…            join compressed proofs of batches that follow each other, or of a chain and the batches after it, into
                                one proof of the chain; OUTPUT is the proof file, beside which their public values are written
  verify PROOF [--key HEX]      verify a proof file; HEX is the hash of the verifying key that the program must have
  modes                         what this program was built for, as JSON
  key [--write FILE]            the hash of the program's verifying key
  worker                        take requests as lines of JSON on standard input
  cycles [--json] [--flows NAME,…] [--books N,…] [--batches N,…] [--symbols ELF]
                                cycles and gas of commands by flow and by size of book and batch, with symbols by part too
  profile BATCH --symbols ELF   where the cycles of a batch go, by part and function, as JSON; ELF is a build with symbols
  sample COMMANDS,… ORDERS BATCH…
                                write batches of so many commands each, one after the other, to a book of ORDERS orders
  check-batch BATCH             whether a file is a batch file

Options of all: --program ELF (another program than the committed one), --memory-gib N (of the machine's memory, use so much),
--seed N. Flows are spread (at random over a book; the default) and the benchmarks' scenarios: static, normal, swing-25, swing-40,
flash-crash.
";

/// What the command line says.
struct Arguments {
    words: Vec<String>,
    program: Option<PathBuf>,
    memory: MemoryLimit,
    seed: u64,
    symbols: Option<PathBuf>,
    key: Option<String>,
    write: Option<PathBuf>,
    flows: Vec<Kind>,
    books: Vec<u64>,
    batches: Vec<u64>,
    is_json: bool,
}

fn wrong(text: impl Into<String>) -> ProverError {
    ProverError::Request(text.into())
}

fn number(option: &str, text: &str) -> Result<u64, ProverError> {
    text.parse().map_err(|_| {
        wrong(format!(
            "{option}: expected a whole number; received {text:?}"
        ))
    })
}

fn numbers(option: &str, text: &str) -> Result<Vec<u64>, ProverError> {
    text.split(',').map(|part| number(option, part)).collect()
}

fn flows(text: &str) -> Result<Vec<Kind>, ProverError> {
    let named = |name| {
        Kind::from_name(name).ok_or_else(|| {
            wrong(format!(
                "--flows: expected spread or a scenario; received {name:?}"
            ))
        })
    };
    text.split(',').map(named).collect()
}

impl Arguments {
    fn parse(mut raw: impl Iterator<Item = String>) -> Result<Self, ProverError> {
        let mut parsed = Arguments {
            words: Vec::new(),
            program: None,
            memory: MemoryLimit::default(),
            seed: 1,
            symbols: None,
            key: None,
            write: None,
            flows: vec![Kind::Spread],
            books: vec![100, 1_000, 10_000, 100_000, 1_000_000],
            batches: vec![1, 10, 100, 1_000, 10_000],
            is_json: false,
        };
        while let Some(word) = raw.next() {
            let mut value = || {
                raw.next()
                    .ok_or_else(|| wrong(format!("{word}: expected a value")))
            };
            match word.as_str() {
                "--program" => parsed.program = Some(value()?.into()),
                "--memory-gib" => parsed.memory.gib = Some(number(&word, &value()?)?),
                "--seed" => parsed.seed = number(&word, &value()?)?,
                "--symbols" => parsed.symbols = Some(value()?.into()),
                "--key" => parsed.key = Some(value()?),
                "--write" => parsed.write = Some(value()?.into()),
                "--flows" => parsed.flows = flows(&value()?)?,
                "--books" => parsed.books = numbers(&word, &value()?)?,
                "--batches" => parsed.batches = numbers(&word, &value()?)?,
                "--json" => parsed.is_json = true,
                other if other.starts_with("--") => {
                    return Err(wrong(format!("unknown option {other}")));
                }
                _ => parsed.words.push(word),
            }
        }
        Ok(parsed)
    }

    fn program(&self) -> Result<ProvenProgram, ProverError> {
        let Some(path) = &self.program else {
            return Ok(ProvenProgram::committed());
        };
        let elf = std::fs::read(path).map_err(|error| ProverError::Io {
            path: path.display().to_string(),
            error,
        })?;
        ProvenProgram::from_elf(elf)
    }

    fn prover(&self) -> Result<Local, ProverError> {
        Ok(Local::new(self.program()?, self.memory))
    }
}

/// Writes the parts of the work to standard error.
struct ToStandardError;

impl Progress for ToStandardError {
    fn begin(&mut self, phase: &'static str) {
        eprintln!("{phase} …");
    }

    fn end(&mut self, phase: &'static str, seconds: f64) {
        eprintln!("{phase}: {seconds:.2} s");
    }
}

fn print(value: &Value) {
    // Whoever stops reading does not want the rest.
    let _ = writeln!(io::stdout(), "{value}");
}

fn request(mode: Mode, batch: &str, output: Option<&str>) -> Request {
    Request {
        id: Value::Null,
        mode,
        batch: Some(batch.into()),
        proofs: Vec::new(),
        output: output.map(Into::into),
    }
}

/// Answers a request as the worker does; whether it went well.
fn answer(arguments: &Arguments, request: &Request) -> Result<bool, ProverError> {
    let mut prover = arguments.prover()?;
    let mut lines = Vec::new();
    worker::answer(request, &mut prover, &mut lines);
    let mut is_good = false;
    for line in lines
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let mut line: Value =
            serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))?;
        match line["type"].as_str() {
            Some("progress") => {}
            Some("error") => eprintln!("{}", line["message"].as_str().unwrap_or_default()),
            _ => {
                is_good = true;
                line.as_object_mut()
                    .map(|object| (object.remove("id"), object.remove("type")));
                print(&line);
            }
        }
    }
    Ok(is_good)
}

fn verify(arguments: &Arguments, path: &str) -> Result<bool, ProverError> {
    let file = std::fs::read(path).map_err(|error| ProverError::Io {
        path: path.into(),
        error,
    })?;
    let mut prover = arguments.prover()?;
    if ProofFile::decode(&file).is_ok_and(|file| file.mode == ProofMode::Chain) {
        let proof = ChainProof::from_bytes(&file)?;
        prover.verify_chain(&proof, &mut ToStandardError)?;
        print(&json!({
            "mode": ProofMode::Chain.name(),
            "market": proof.values.span.market,
            "batches": proof.values.batches(),
            "public_values": hex::encode(proof.values.encode()),
        }));
        return Ok(true);
    }
    let proof = Proof::from_bytes(&file)?;
    if let Some(expected) = &arguments.key {
        let received = hex::encode(prover.key(&mut ToStandardError)?.hash);
        if *expected != received {
            let expected = expected.clone();
            return Err(ProverError::Key { expected, received });
        }
    }
    let values = prover.verify(&proof, &mut ToStandardError)?;
    print(&json!({
        "mode": proof.mode.name(),
        "market": values.market,
        "batch": values.batch,
        "public_values": hex::encode(values.encode()),
    }));
    Ok(true)
}

fn key(arguments: &Arguments) -> Result<bool, ProverError> {
    let key = arguments.prover()?.key(&mut ToStandardError)?;
    let hash = hex::encode(key.hash);
    if let Some(path) = &arguments.write {
        worker::write_whole(path, format!("{hash}\n").as_bytes())?;
    }
    print(&json!({"hash": hash, "hash_bn254": key.hash_bn254, "key": hex::encode(key.key)}));
    Ok(true)
}

fn cycles(arguments: &Arguments) -> Result<bool, ProverError> {
    let program = arguments.program()?;
    let mut rows = Vec::new();
    if !arguments.is_json {
        println!(
            "       flow      book     batch   cycles/command   gas/command   permutations   witness words"
        );
    }
    let mut splitter = Splitter::new(arguments, &program)?;
    for &flow in &arguments.flows {
        for &book in &arguments.books {
            let market = Market::new(flow, book, arguments.seed)?;
            let split = |batch: &Sealed| splitter.parts(batch);
            for row in cycles::measure(&program, &market, &arguments.batches, split)? {
                if arguments.is_json {
                    rows.push(row);
                    continue;
                }
                println!(
                    "{:>11} {:>9} {:>9} {:>16.0} {:>13.0} {:>14.1} {:>15}",
                    row.start.flow,
                    row.start.book_orders,
                    row.commands,
                    row.cycles_per_command,
                    row.gas_per_command,
                    row.permutations_per_command,
                    row.witness_words
                );
            }
        }
    }
    if arguments.is_json {
        print(&json!({
            "program_sha256": hex::encode(program.sha256()),
            "sp1": "6.10.0",
            "seed": arguments.seed,
            "rows": rows,
        }));
    }
    Ok(true)
}

fn sample(
    arguments: &Arguments,
    commands: &str,
    orders: &str,
    paths: &[&str],
) -> Result<bool, ProverError> {
    let orders = number("ORDERS", orders)?;
    let sizes = numbers("COMMANDS", commands)?;
    let [flow] = arguments.flows[..] else {
        return Err(wrong("sample: expected one flow; received several"));
    };
    if sizes.len() != paths.len() {
        let (sizes, files) = (sizes.len(), paths.len());
        return Err(wrong(format!(
            "sample: expected a file for each of {sizes} batches; received {files}"
        )));
    }
    let mut market = Market::new(flow, orders, arguments.seed)?;
    for (&commands, path) in sizes.iter().zip(paths) {
        let batch = market.seal(commands)?;
        worker::write_whole(Path::new(path), &batch.to_bytes())?;
    }
    Ok(true)
}

/// Tells the parts of the program apart, where its symbols are given.
struct Splitter {
    #[cfg(feature = "profile")]
    profiler: Option<Profiler>,
}

#[cfg(feature = "profile")]
impl Splitter {
    fn new(arguments: &Arguments, program: &ProvenProgram) -> Result<Self, ProverError> {
        let symbols = arguments.symbols.as_deref();
        let profiler = symbols
            .map(|path| Profiler::new(program, path))
            .transpose()?;
        Ok(Splitter { profiler })
    }

    fn parts(&mut self, batch: &Sealed) -> Result<Parts, ProverError> {
        let Some(profiler) = &mut self.profiler else {
            return Ok(Parts::new());
        };
        Ok(profiler.profile(batch)?.parts)
    }

    fn profile(&mut self, batch: &Sealed) -> Result<Value, ProverError> {
        let profiler = self.profiler.as_mut();
        let profiler = profiler.ok_or_else(|| wrong("profile: expected --symbols ELF"))?;
        Ok(json!(profiler.profile(batch)?))
    }
}

#[cfg(not(feature = "profile"))]
impl Splitter {
    fn new(arguments: &Arguments, _program: &ProvenProgram) -> Result<Self, ProverError> {
        if arguments.symbols.is_some() {
            return Err(no_profile());
        }
        Ok(Splitter {})
    }

    fn parts(&mut self, _batch: &Sealed) -> Result<Parts, ProverError> {
        Ok(Parts::new())
    }

    fn profile(&mut self, _batch: &Sealed) -> Result<Value, ProverError> {
        Err(no_profile())
    }
}

#[cfg(not(feature = "profile"))]
fn no_profile() -> ProverError {
    ProverError::NotBuilt {
        mode: "profile",
        feature: "profile",
    }
}

fn profile(arguments: &Arguments, path: &str) -> Result<bool, ProverError> {
    let mut splitter = Splitter::new(arguments, &arguments.program()?)?;
    print(&splitter.profile(&worker::read_batch(Path::new(path))?)?);
    Ok(true)
}

/// What this program was built for.
fn modes() -> Vec<&'static str> {
    let mut modes = vec!["execute"];
    if cfg!(feature = "core") {
        modes.push("core");
    }
    if cfg!(feature = "prove") {
        modes.push("compressed");
    }
    modes
}

fn run() -> Result<bool, ProverError> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    match words[..] {
        ["execute", batch] => answer(&arguments, &request(Mode::Execute, batch, None)),
        ["prove", mode, batch, proof] => {
            let mode = match mode {
                "core" => Mode::Core,
                "compressed" => Mode::Compressed,
                "groth16" => Mode::Groth16,
                other => {
                    return Err(wrong(format!(
                        "expected core, compressed or groth16; received {other}"
                    )));
                }
            };
            answer(&arguments, &request(mode, batch, Some(proof)))
        }
        ["join", output, ref proofs @ ..] => {
            let request = Request {
                id: Value::Null,
                mode: Mode::Chain,
                batch: None,
                proofs: proofs.iter().map(PathBuf::from).collect(),
                output: Some(output.into()),
            };
            answer(&arguments, &request)
        }
        ["verify", proof] => verify(&arguments, proof),
        ["key"] => key(&arguments),
        ["modes"] => {
            print(&json!(modes()));
            Ok(true)
        }
        ["worker"] => {
            let mut prover = arguments.prover()?;
            let sha256 = prover.program().sha256();
            worker::serve(io::stdin().lock(), io::stdout(), &mut prover, sha256)
                .map_err(|error| wrong(error.to_string()))?;
            Ok(true)
        }
        ["cycles"] => cycles(&arguments),
        ["sample", commands, orders, ref paths @ ..] => sample(&arguments, commands, orders, paths),
        ["profile", batch] => profile(&arguments, batch),
        ["check-batch", batch] => worker::read_batch(Path::new(batch)).map(|_| true),
        _ => {
            eprint!("{HELP}");
            Ok(false)
        }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("proofbook-prover: {error}");
            ExitCode::FAILURE
        }
    }
}
