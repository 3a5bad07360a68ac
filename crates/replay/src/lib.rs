//! Real order flow, replayed.
//!
//! LOBSTER message and order book files, NASDAQ ITCH 5.0, Databento DBN (MBO), the Bitstamp log and proofbook's own
//! command files are read in bounded memory; every record is counted by kind, and each is applied, without effect on a
//! book, or not applicable for a named reason. Two modes:
//!
//! - **rebuild** applies adds, cancels and executions to an order-level book and compares it with what the exchange
//!   itself says of its book;
//! - **match** turns executions back into the aggressive orders that caused them, runs the rules of the market, and
//!   tells how many fills hit the same resting order as in reality.
//!
//! [`replay`] does one or the other and gives a [`Report`]; [`open_commands`] gives any of these files as commands.
#![forbid(unsafe_code)]

mod apply;
mod bitstamp;
mod bitstamp_flow;
mod command_run;
mod commands;
mod databento;
mod decimal;
mod detect;
mod error;
mod flow;
mod input;
mod instruments;
pub mod itch;
mod lobster;
mod matching;
mod options;
mod oracle;
mod progress;
mod rebuild;
mod rebuilding;
mod record;
mod report;
mod run;
mod source;
mod survey;

pub use commands::{CommandFile, CommandFileWriter, Header as CommandFileHeader};
pub use decimal::{parse_decimal, parse_rounded, Scale};
pub use detect::{detect, ContentKind, Format};
pub use error::{ErrorKind, Place, ReplayError};
pub use input::{Content, Input};
pub use instruments::{read_instruments, InstrumentCommands, COMMANDS_MAX};
pub use options::{InitialBook, Mode, Options};
pub use progress::Progress;
pub use rebuild::{Problem, Rebuild};
pub use record::{MarketEvent, PublishedBook, PublishedLevel, Record, RecordReader, Standing};
pub use report::{Best, Counts, Difference, FinalBook, Report};
pub use run::{read_records, replay};
pub use source::{convert, open_commands, open_commands_with, CommandSource, SourceInfo, BATCH};
