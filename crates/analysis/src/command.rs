//! The questions as commands of a few words each, answered with one JSON object.

use core::fmt;
use std::path::PathBuf;
use std::time::Duration;

use proofbook_bench::{machine, Value};
use proofbook_books::Structure;
use proofbook_replay::ReplayError;
use proofbook_types::ConfigError;

use crate::operation::Axis;
use crate::{counters, flows, growth, marks, readers, room, shared, streaming};

const USAGE: &str = "\
growth BOOK levels|orders SIZES SAMPLES LIMIT_MS          time every operation on growing books
room BOOK SIZES                                           bytes of growing books
counters BOOK SIZE SAMPLES COMMANDS                       the processor's counters for every operation
simulate SIZES SAMPLES COMMANDS BOOK...                   every operation with marks, under callgrind
flow NAME SEED NEW_ORDERS RUNS LIMIT_MS BOOK...           check and time books on a flow
data RUNS LIMIT_MS BOOK... -- FILE...                     the same on the user's files
groups                                                    what is shared between threads, by name
shared GROUP THREADS STRETCHES ROUNDS                     time pools, queues, reclamation or lists beside peers
readers SEED NEW_ORDERS ROUNDS                            what a busy reader costs the writer of the lock-free book
streaming BYTES PASSES                                    sums over long columns
machine                                                   what this machine can do
SIZES and THREADS are whole numbers with commas between them";

/// Why a question was not answered.
#[derive(Debug)]
pub enum Error {
    /// The words ask nothing.
    Usage {
        /// What is wrong.
        reason: String,
    },
    /// A file is no order flow.
    File(ReplayError),
    /// A flow's terms make no market.
    Terms(ConfigError),
    /// The machine cannot do it.
    Unable {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Usage { reason } => write!(f, "{reason}\n{USAGE}"),
            Error::File(error) => error.fmt(f),
            Error::Terms(error) => error.fmt(f),
            Error::Unable { reason } => f.write_str(reason),
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

/// At least one positive number.
fn numbers(what: &str, text: &str) -> Result<Vec<usize>, Error> {
    let numbers: Vec<usize> = text
        .split(',')
        .map(|word| number(what, word))
        .collect::<Result<_, _>>()?;
    if numbers.contains(&0) {
        return usage(format!("{what} has a 0, expected positive numbers"));
    }
    Ok(numbers)
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

fn books(names: &[&str]) -> Result<Vec<Structure>, Error> {
    if names.is_empty() {
        return usage("expected at least one book");
    }
    names.iter().map(|name| book(name)).collect()
}

fn milliseconds(text: &str) -> Result<Duration, Error> {
    Ok(Duration::from_millis(number("LIMIT_MS", text)?))
}

/// Answers one question.
///
/// # Errors
/// Words that ask nothing, a file that is no order flow, a machine that cannot do it.
pub fn command(arguments: &[String]) -> Result<Value, Error> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["growth", name, axis, sizes, samples, limit] => {
            let found = Axis::ALL.into_iter().find(|one| one.name() == axis);
            let Some(axis) = found else {
                return usage(format!("no axis {axis:?}, expected levels or orders"));
            };
            Ok(book(name)?.visit(growth::Growth {
                axis,
                sizes: &numbers("SIZES", sizes)?,
                samples: number("SAMPLES", samples)?,
                limit: milliseconds(limit)?,
            }))
        }
        ["room", name, sizes] => Ok(book(name)?.visit(room::Room(&numbers("SIZES", sizes)?))),
        ["counters", name, size, samples, commands] => Ok(counters::report(
            book(name)?,
            number::<usize>("SIZE", size)?.max(1),
            number("SAMPLES", samples)?,
            number::<usize>("COMMANDS", commands)?.max(1),
        )),
        ["simulate", sizes, samples, commands, ref names @ ..] => {
            let simulation = marks::Simulation {
                sizes: &numbers("SIZES", sizes)?,
                samples: number("SAMPLES", samples)?,
                commands: number::<usize>("COMMANDS", commands)?.max(1),
            };
            marks::simulate(&books(names)?, &simulation).map_err(|reason| Error::Unable { reason })
        }
        ["flow", name, seed, new_orders, runs, limit, ref names @ ..] => {
            let (seed, new_orders) = (number("SEED", seed)?, number("NEW_ORDERS", new_orders)?);
            let Some(flow) = flows::named(name, seed, new_orders) else {
                return usage(format!("no flow {name:?}"));
            };
            contest(&flow, runs, limit, names)
        }
        ["data", runs, limit, ref rest @ ..] => {
            let Some(end) = rest.iter().position(|word| *word == "--") else {
                return usage("expected -- between the books and the files");
            };
            let paths: Vec<PathBuf> = rest[end + 1..].iter().map(PathBuf::from).collect();
            let flow = flows::from_files(&paths).map_err(Error::File)?;
            contest(&flow, runs, limit, &rest[..end])
        }
        _ => command_without_books(&words),
    }
}

fn command_without_books(words: &[&str]) -> Result<Value, Error> {
    match *words {
        ["groups"] => Ok(Value::object([("groups", shared::groups())])),
        ["shared", group, threads, stretches, rounds] => {
            let plan = shared::Plan {
                threads: numbers("THREADS", threads)?,
                stretches: number("STRETCHES", stretches)?,
                rounds: number("ROUNDS", rounds)?,
            };
            shared::contest(group, &plan).map_or_else(
                || {
                    usage(format!(
                        "no group {group:?}, expected one of {}",
                        shared::names().join(", ")
                    ))
                },
                Ok,
            )
        }
        ["readers", seed, new_orders, rounds] => {
            let (seed, new_orders) = (number("SEED", seed)?, number("NEW_ORDERS", new_orders)?);
            let Some(flow) = flows::named("normal", seed, new_orders) else {
                return usage("no flow normal");
            };
            Ok(readers::report(&flow, number("ROUNDS", rounds)?))
        }
        ["streaming", bytes, passes] => Ok(streaming::report(
            number("BYTES", bytes)?,
            number("PASSES", passes)?,
        )),
        ["machine"] => Ok(machine::report()),
        _ => usage(format!("{words:?} ask nothing")),
    }
}

fn contest(flow: &flows::Flow, runs: &str, limit: &str, names: &[&str]) -> Result<Value, Error> {
    let runs = number("RUNS", runs)?;
    flows::contest(flow, &books(names)?, runs, milliseconds(limit)?).map_err(Error::Terms)
}
