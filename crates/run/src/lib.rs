//! A sample of order flow, and runs that measure the latency of every command.
//!
//! [`Sample`] generates a trading day of one market from a seed: every kind of order and command, an opening auction, a
//! halt. [`Run`] takes commands, from the sample or from a file, through an engine, and keeps what a report needs:
//! latency histograms by type of command, rejections, trades, the top of the book, and pictures of its depth.
//!
//! [`BookRunner`] takes the commands of many books, one book after another: what thousands of books at once are compared with.
#![forbid(unsafe_code)]

mod latency;
mod many;
mod run;
mod sample;

pub use latency::{CommandType, Latencies, LatencySummary};
pub use many::{book_rows, BookEnd, BookRunner, EventDigest, MalformedRow, Timing};
pub use run::{DepthRow, Findings, Run, TopRow, TradeRow, DEPTH_LEVELS};
pub use sample::{sample_config, Parameters, Sample};
