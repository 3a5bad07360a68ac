//! The benchmarks as commands of a few words each, answered with one JSON object.

use core::fmt;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::process::ExitCode;
use std::time::Duration;

use proofbook_books::{NamedBook, Structure, Visitor};
use proofbook_workload::{
    generate, read_messages, write_messages, FileError, Message, Parameters, Scenario,
};

use crate::books::{event_digest, BookMarket};
use crate::contender::Contender;
use crate::json::Value;
use crate::measure::{measure, Plan};
use crate::{commitment, machine, quick};

const USAGE: &str = "\
proofbook-bench generate SCENARIO SEED NEW_ORDERS FILE    write a workload file
proofbook-bench digest BOOK FILE                          hash everything a book says about a workload
proofbook-bench measure BOOK FILE [OPTION...]             time a book on a workload
proofbook-bench machine                                   what this machine can do
proofbook-bench layouts                                   how the structures of each book lie in memory
proofbook-bench commitment SEED ORDERS BATCH RUNS         check and time the committed state of a book of this size
proofbook-bench quick SEED NEW_ORDERS RUNS [BOOK...]      check and time books on every scenario (reference and ladder)
options: --latency (latencies too), --rate N (messages per second of the open loop), --limit-s N";

/// Why a command was not carried out.
#[derive(Debug)]
pub enum Error {
    /// The words make no command.
    Usage {
        /// What is wrong.
        reason: String,
    },
    /// A workload file cannot be read or written.
    File {
        /// Which one.
        path: String,
        /// Why.
        source: FileError,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Usage { reason } => write!(f, "{reason}\n{USAGE}"),
            Error::File { path, source } => write!(f, "{path}: {source}"),
        }
    }
}

impl std::error::Error for Error {}

fn usage<T>(reason: impl Into<String>) -> Result<T, Error> {
    Err(Error::Usage {
        reason: reason.into(),
    })
}

fn number<T: core::str::FromStr>(what: &str, text: &str) -> Result<T, Error> {
    text.parse()
        .or_else(|_| usage(format!("{what} is {text:?}, expected a whole number")))
}

fn scenario(name: &str) -> Result<Scenario, Error> {
    Scenario::from_name(name).map_or_else(
        || {
            let names = Scenario::ALL.map(Scenario::name).join(", ");
            usage(format!("no scenario {name:?}, expected one of {names}"))
        },
        Ok,
    )
}

fn book(name: &str) -> Result<Structure, Error> {
    Structure::from_name(name).map_or_else(
        || {
            let names = Structure::ALL.map(Structure::name).join(", ");
            usage(format!("no book {name:?}, expected one of {names}"))
        },
        Ok,
    )
}

/// A workload to be measured on a book.
struct Measuring<'a> {
    messages: &'a [Message],
    plan: &'a Plan,
}

impl Visitor for Measuring<'_> {
    type Output = Value;

    fn visit<B: NamedBook>(self) -> Value {
        measure::<BookMarket<B>>(self.messages, self.plan)
    }
}

/// Measures a book on a workload, after a warm-up.
pub(crate) fn measure_book(book: Structure, messages: &[Message], plan: &Plan) -> Value {
    book.visit(Measuring { messages, plan })
}

fn at<T>(path: &str, result: Result<T, FileError>) -> Result<T, Error> {
    result.map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}

fn read(path: &str) -> Result<Vec<Message>, Error> {
    let file = at(path, File::open(path).map_err(FileError::from))?;
    at(path, read_messages(BufReader::new(file)))
}

/// Carries out one command and gives its result.
///
/// # Errors
/// Words that make no command, or a file that cannot be used.
pub fn command(arguments: &[String]) -> Result<Value, Error> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["generate", name, seed, new_orders, path] => {
            let messages = generate(&Parameters {
                scenario: scenario(name)?,
                seed: number("SEED", seed)?,
                new_orders: number("NEW_ORDERS", new_orders)?,
            });
            let file = at(path, File::create(path).map_err(FileError::from))?;
            let written = write_messages(&messages, BufWriter::new(file));
            at(path, written.map_err(FileError::from))?;
            Ok(Value::object([("messages", Value::from(messages.len()))]))
        }
        ["digest", name, path] => Ok(event_digest(book(name)?, &read(path)?).to_json()),
        ["measure", name, path, ref options @ ..] => {
            let (name, plan) = (book(name)?, plan(options)?);
            Ok(measure_book(name, &read(path)?, &plan))
        }
        ["machine"] => Ok(machine::report()),
        ["layouts"] => Ok(layouts()),
        ["quick", seed, new_orders, runs, ref books @ ..] => Ok(quick::run(&quick::Options {
            seed: number("SEED", seed)?,
            new_orders: number("NEW_ORDERS", new_orders)?,
            runs: number("RUNS", runs)?,
            books: books
                .iter()
                .map(|name| book(name))
                .collect::<Result<_, _>>()?,
        })),
        ["commitment", seed, orders, batch, runs] => {
            let options = commitment::Options {
                seed: number("SEED", seed)?,
                orders: number("ORDERS", orders)?,
                batch: number("BATCH", batch)?,
                runs: number("RUNS", runs)?,
            };
            if options.batch == 0 {
                return usage("BATCH is 0, expected at least one command");
            }
            Ok(commitment::run(&options))
        }
        _ => usage(format!("{words:?} is no command")),
    }
}

/// For each book whose layout is known, the fields of its structures.
fn layouts() -> Value {
    let book = |structure: Structure| {
        let fields = structure.layout();
        let listed = fields.iter().map(|field| {
            Value::object([
                ("structure", Value::from(field.structure)),
                ("name", Value::from(field.name)),
                ("offset", Value::from(field.offset)),
                ("bytes", Value::from(field.bytes)),
            ])
        });
        let value = Value::List(listed.collect());
        (!fields.is_empty()).then(|| (structure.name().to_owned(), value))
    };
    Value::Object(Structure::ALL.into_iter().filter_map(book).collect())
}

fn plan(options: &[&str]) -> Result<Plan, Error> {
    let mut plan = Plan {
        with_latency: false,
        rate_per_s: 1_000_000,
        limit: Duration::from_secs(3600),
    };
    let mut rest = options.iter();
    while let Some(&option) = rest.next() {
        if option == "--latency" {
            plan.with_latency = true;
            continue;
        }
        let Some(value) = rest.next() else {
            return usage(format!("{option} needs a value"));
        };
        let value: u64 = number(option, value)?;
        match option {
            "--rate" if value > 0 => plan.rate_per_s = value,
            "--limit-s" => plan.limit = Duration::from_secs(value),
            _ => return usage(format!("no option {option} {value}")),
        }
    }
    Ok(plan)
}

/// The main function of a peer's program: `PROGRAM FILE [OPTION...]` measures it on a workload file.
pub fn peer_main<C: Contender>() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        [path, ref options @ ..] => plan(options).and_then(|plan| {
            let messages = read(path)?;
            Ok(measure::<C>(&messages, &plan))
        }),
        [] => usage("the workload's FILE is missing"),
    };
    finish(result)
}

/// Prints a result or an error as a program does.
pub(crate) fn finish(result: Result<Value, Error>) -> ExitCode {
    match result {
        Ok(value) => {
            println!("{value}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The main function of `proofbook-bench`.
pub fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    finish(command(&arguments))
}
