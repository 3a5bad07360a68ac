//! A measured run for `proofbook run`: a source of commands, the run, and what Python writes into files.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use proofbook_book::Level;
use proofbook_books::{NamedBook, Structure, Visitor};
use proofbook_fixed::{Rounding, Total};
use proofbook_replay::{open_commands, CommandSource, Options};
use proofbook_run::{
    sample_config, CommandType, Findings, LatencySummary, Parameters, Run, Sample, TopRow, TradeRow,
};
use proofbook_types::{Command, MarketConfig, Phase, Price, RejectReason};
use pyo3::prelude::*;
use pyo3_arrow::PyTable;
use serde_json::{json, Map, Value};

use crate::command_columns::{PRICE_UNIT_KEY, QUANTITY_UNIT_KEY};
use crate::errors::{bad_terms, unreadable, BrokenInvariantError};
use crate::events::side_name;
use crate::market::structure;
use crate::scale::Scale;

/// Commands of a batch from the sample.
const BATCH: usize = 4096;
/// How long one step works before Python may draw its progress.
const STEP: Duration = Duration::from_millis(80);

enum Source {
    Sample {
        sample: Sample,
        done: u64,
        total: u64,
    },
    File(Box<dyn CommandSource + Send>),
}

impl Source {
    /// Appends the next commands; none at the end.
    fn next_batch(&mut self, batch: &mut Vec<Command>) -> PyResult<()> {
        match self {
            Source::Sample { sample, done, .. } => {
                batch.extend(sample.take(BATCH));
                *done += batch.len() as u64;
            }
            Source::File(file) => {
                file.next_batch(batch).map_err(unreadable)?;
            }
        }
        Ok(())
    }
}

/// How a run's market ended.
struct End {
    digest: [u8; 32],
    orders: usize,
    phase: Phase,
    last_trade: Option<Price>,
}

/// A run, whatever its book. Which one it is, is decided once for each batch.
trait AnyRun: Send {
    fn take(&mut self, batch: &[Command]);
    fn findings(&self) -> &Findings;
    fn findings_mut(&mut self) -> &mut Findings;
    fn end(&self) -> PyResult<End>;
}

impl<B: NamedBook> AnyRun for Run<B> {
    fn take(&mut self, batch: &[Command]) {
        Run::take(self, batch);
    }

    fn findings(&self) -> &Findings {
        Run::findings(self)
    }

    fn findings_mut(&mut self) -> &mut Findings {
        Run::findings_mut(self)
    }

    fn end(&self) -> PyResult<End> {
        let [observed, plain] = self.engines();
        let digest = proofbook_engine::digest(observed);
        if digest != proofbook_engine::digest(plain) {
            return Err(BrokenInvariantError::new_err(
                "two engines that took the same commands are in different states",
            ));
        }
        observed.check().map_err(BrokenInvariantError::new_err)?;
        Ok(End {
            digest,
            orders: observed.book().len(),
            phase: observed.phase(),
            last_trade: observed.last_trade(),
        })
    }
}

struct NewRun(MarketConfig);

impl Visitor for NewRun {
    type Output = PyResult<Box<dyn AnyRun>>;

    fn visit<B: NamedBook>(self) -> Self::Output {
        let run = Run::new(self.0, B::empty).map_err(bad_terms)?;
        Ok(Box::new(run))
    }
}

struct State {
    source: Source,
    run: Box<dyn AnyRun>,
    batch: Vec<Command>,
    is_done: bool,
    start: Instant,
}

/// A run of commands through the engine over a book of the user's choice.
#[pyclass(module = "proofbook._core", frozen)]
pub struct RunSession {
    state: Mutex<State>,
    price: Scale,
    quantity: Scale,
    /// What the run reads, for its report.
    source: Value,
    structure: Structure,
}

impl RunSession {
    fn start(
        source: Source,
        config: MarketConfig,
        structure: Structure,
        [price, quantity]: [Scale; 2],
        described: Value,
    ) -> PyResult<Self> {
        Ok(RunSession {
            state: Mutex::new(State {
                source,
                run: structure.visit(NewRun(config))?,
                batch: Vec::with_capacity(BATCH),
                is_done: false,
                start: Instant::now(),
            }),
            price,
            quantity,
            source: described,
            structure,
        })
    }

    fn lock(&self) -> PyResult<MutexGuard<'_, State>> {
        self.state.lock().map_err(|_| {
            BrokenInvariantError::new_err("an earlier step of this run broke an invariant")
        })
    }

    fn table(&self, fields: Vec<Field>, columns: Vec<ArrayRef>) -> PyResult<PyTable> {
        let metadata = [
            (PRICE_UNIT_KEY.to_owned(), self.price.to_string()),
            (QUANTITY_UNIT_KEY.to_owned(), self.quantity.to_string()),
        ];
        let schema = Arc::new(Schema::new_with_metadata(fields, metadata.into()));
        let batch = RecordBatch::try_new(schema.clone(), columns)
            .map_err(|error| BrokenInvariantError::new_err(error.to_string()))?;
        PyTable::try_new(vec![batch], schema)
    }

    fn level(&self, level: Option<Level>) -> Value {
        level.map_or(Value::Null, |level| {
            json!({
                "price": self.price.decimal(i128::from(level.price.0)),
                "quantity": self.quantity.decimal(i128::from(level.displayed.0)),
                "orders": level.orders,
            })
        })
    }
}

fn latency(summary: Option<LatencySummary>) -> Value {
    summary.map_or(Value::Null, |summary| {
        json!({
            "count": summary.count,
            "mean": (summary.mean_ns * 10.0).round() / 10.0,
            "p50": summary.p50_ns,
            "p99": summary.p99_ns,
            "p99_9": summary.p999_ns,
            "max": summary.max_ns,
        })
    })
}

#[pymethods]
impl RunSession {
    /// A run of the sample that belongs to `seed`.
    #[staticmethod]
    #[pyo3(signature = (seed, commands, engine = "ladder"))]
    fn sample(seed: u64, commands: u64, engine: &str) -> PyResult<Self> {
        let structure = structure(engine)?;
        let source = Source::Sample {
            sample: Sample::new(Parameters { seed, commands }),
            done: 0,
            total: commands,
        };
        let described = json!({
            "kind": "sample", "files": [], "symbol": null, "notes": [],
            "parameters": {"seed": seed, "commands": commands},
        });
        let scales = [sample_tick(), Scale::ONE];
        RunSession::start(source, sample_config(), structure, scales, described)
    }

    /// A run of a user's files.
    #[staticmethod]
    #[pyo3(signature = (paths, book_file = None, symbol = None, engine = "ladder"))]
    fn open(
        py: Python<'_>,
        paths: Vec<PathBuf>,
        book_file: Option<PathBuf>,
        symbol: Option<String>,
        engine: &str,
    ) -> PyResult<Self> {
        let structure = structure(engine)?;
        let options = Options {
            book: book_file,
            instrument: symbol,
            ..Options::default()
        };
        let file = py
            .detach(|| open_commands(&paths, &options))
            .map_err(unreadable)?;
        let info = file.info();
        let scales = [info.tick, info.lot].map(Scale::from_replay);
        let described = json!({
            "kind": info.format.name(),
            "files": paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
            "symbol": info.symbol,
            "notes": info.notes,
            "parameters": null,
        });
        let config = info.config;
        RunSession::start(Source::File(file), config, structure, scales, described)
    }

    /// Works for a moment; tells whether there is more to do.
    fn step(&self, py: Python<'_>) -> PyResult<bool> {
        py.detach(|| {
            let mut state = self.lock()?;
            let start = Instant::now();
            while !state.is_done && start.elapsed() < STEP {
                let State {
                    source,
                    run,
                    batch,
                    is_done,
                    ..
                } = &mut *state;
                batch.clear();
                source.next_batch(batch)?;
                run.take(batch);
                *is_done = batch.is_empty();
            }
            Ok(!state.is_done)
        })
    }

    /// How much is done, and of how much: commands of a sample, bytes of a file.
    fn progress(&self) -> PyResult<(u64, u64)> {
        Ok(match &self.lock()?.source {
            Source::Sample { done, total, .. } => (*done, *total),
            Source::File(file) => (file.bytes_done(), file.info().bytes_total),
        })
    }

    /// Commands so far.
    #[getter]
    fn commands(&self) -> PyResult<u64> {
        Ok(self.lock()?.run.findings().commands())
    }

    /// The trades since the last call, as an Arrow table.
    fn take_trades<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let rows: Vec<TradeRow> = self.lock()?.run.findings_mut().take_trades();
        let numbers = |value: fn(&TradeRow) -> u64| -> ArrayRef {
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(value)))
        };
        let fields = vec![
            Field::new("sequence", DataType::UInt64, false),
            Field::new("time", DataType::UInt64, false),
            Field::new("maker_id", DataType::UInt64, false),
            Field::new("taker_id", DataType::UInt64, false),
            Field::new("taker_side", DataType::Utf8, false),
            Field::new("price", DataType::Int64, false),
            Field::new("quantity", DataType::UInt64, false),
        ];
        let sides = rows.iter().map(|row| side_name(row.taker_side));
        let prices = rows.iter().map(|row| row.price);
        let columns: Vec<ArrayRef> = vec![
            numbers(|row| row.sequence),
            numbers(|row| row.time_ns),
            numbers(|row| row.maker_id),
            numbers(|row| row.taker_id),
            Arc::new(StringArray::from_iter_values(sides)),
            Arc::new(Int64Array::from_iter_values(prices)),
            numbers(|row| row.quantity),
        ];
        self.table(fields, columns)?.into_pyarrow(py)
    }

    /// The changes of the top of the book since the last call, as an Arrow table.
    fn take_top_of_book<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let rows: Vec<TopRow> = self.lock()?.run.findings_mut().take_tops();
        let mut fields = vec![
            Field::new("sequence", DataType::UInt64, false),
            Field::new("time", DataType::UInt64, false),
        ];
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from_iter_values(
                rows.iter().map(|row| row.sequence),
            )),
            Arc::new(UInt64Array::from_iter_values(
                rows.iter().map(|row| row.time_ns),
            )),
        ];
        for (side, is_bid) in [("bid", true), ("ask", false)] {
            let level = |row: &TopRow| if is_bid { row.bid } else { row.ask };
            fields.extend([
                Field::new(format!("{side}_px_00"), DataType::Int64, true),
                Field::new(format!("{side}_sz_00"), DataType::UInt64, true),
                Field::new(format!("{side}_ct_00"), DataType::UInt32, true),
            ]);
            let levels = || rows.iter().map(level);
            columns.extend([
                Arc::new(
                    levels()
                        .map(|level| level.map(|level| level.price.0))
                        .collect::<Int64Array>(),
                ) as ArrayRef,
                Arc::new(
                    levels()
                        .map(|level| level.map(|level| level.displayed.0))
                        .collect::<UInt64Array>(),
                ),
                Arc::new(
                    levels()
                        .map(|level| level.map(|level| level.orders))
                        .collect::<UInt32Array>(),
                ),
            ]);
        }
        self.table(fields, columns)?.into_pyarrow(py)
    }

    /// Pictures of the depth so far, as an Arrow table of levels.
    fn depth<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let state = self.lock()?;
        let mut rows: Vec<(u64, &str, u32, Level)> = Vec::new();
        for picture in state.run.findings().pictures() {
            for (side, levels) in [("bid", &picture.bids), ("ask", &picture.asks)] {
                for (number, level) in (0u32..).zip(levels) {
                    rows.push((picture.time_ns, side, number, *level));
                }
            }
        }
        let fields = vec![
            Field::new("time", DataType::UInt64, false),
            Field::new("side", DataType::Utf8, false),
            Field::new("level", DataType::UInt32, false),
            Field::new("price", DataType::Int64, false),
            Field::new("quantity", DataType::UInt64, false),
            Field::new("orders", DataType::UInt32, false),
        ];
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.0))),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.1))),
            Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.2))),
            Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|row| row.3.price.0),
            )),
            Arc::new(UInt64Array::from_iter_values(
                rows.iter().map(|row| row.3.displayed.0),
            )),
            Arc::new(UInt32Array::from_iter_values(
                rows.iter().map(|row| row.3.orders),
            )),
        ];
        self.table(fields, columns)?.into_pyarrow(py)
    }

    /// The report so far, as JSON.
    fn report(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| {
            let state = self.lock()?;
            self.report_of(&state).map(|report| report.to_string())
        })
    }
}

/// Decimals of a tick that an average price has.
const AVERAGE_DECIMALS: u8 = 4;

impl RunSession {
    /// A notional as a decimal, where it has one.
    fn notional_text(&self, notional: Option<Total<0>>) -> Option<String> {
        self.price
            .product(self.quantity)?
            .wide_decimal(notional?.units())
    }

    /// The average price of so many lots, to a ten-thousandth of a tick; none without a lot.
    fn average_price_text(&self, notional: Option<Total<0>>, lots: u128) -> Option<String> {
        let average = notional?.mean::<{ AVERAGE_DECIMALS as u32 }>(lots, Rounding::HalfEven);
        let scale = self.price.finer(AVERAGE_DECIMALS)?;
        scale.wide_decimal(average.ok()?.units().into())
    }

    fn report_of(&self, state: &State) -> PyResult<Value> {
        let end = state.run.end()?;
        let run = state.run.findings();
        let statistics = run.statistics();
        let rejects: Map<String, Value> = RejectReason::ALL
            .iter()
            .map(|&reason| (reason.name().to_owned(), statistics.rejected_for(reason)))
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| (name, count.into()))
            .collect();
        let of_types = |value: &dyn Fn(CommandType) -> Value| -> Map<String, Value> {
            CommandType::ALL
                .into_iter()
                .filter(|&kind| run.commands_of(kind) > 0)
                .map(|kind| (kind.name().to_owned(), value(kind)))
                .collect()
        };
        let seconds = run.plain_time().as_secs_f64();
        let [bid, ask] = run.top();
        let volume = i128::try_from(statistics.volume).unwrap_or(i128::MAX);
        Ok(json!({
            "source": self.source,
            "engine": self.structure.name(),
            "units": {"price": self.price.to_string(), "quantity": self.quantity.to_string()},
            "input": input_counts(&state.source),
            "commands": run.commands(),
            "commands_by_type": of_types(&|kind| run.commands_of(kind).into()),
            "commands_per_s": if seconds > 0.0 { (run.commands() as f64 / seconds).round() } else { 0.0 },
            "engine_seconds": seconds,
            "elapsed_seconds": state.start.elapsed().as_secs_f64(),
            "latency_ns": {
                "clock": run.latencies().clock_ns(),
                "all": latency(run.latencies().all()),
                "by_type": of_types(&|kind| latency(run.latencies().of(kind))),
            },
            "accepted": statistics.accepted,
            "rejected": statistics.rejected,
            "rejects": rejects,
            "trades": statistics.trades,
            "volume": self.quantity.decimal(volume),
            "notional": self.notional_text(run.notional()),
            "average_price": self.average_price_text(run.notional(), statistics.volume),
            "cancelled": statistics.cancelled,
            "replaced": statistics.replaced,
            "reduced": statistics.reduced,
            "expired": statistics.expired,
            "triggered": statistics.triggered,
            "best_bid": self.level(bid),
            "best_ask": self.level(ask),
            "live_orders": end.orders,
            "phase": end.phase.name(),
            "last_trade": end.last_trade.map(|price| self.price.decimal(i128::from(price.0))),
            "digest": hex(&end.digest),
        }))
    }
}

fn input_counts(source: &Source) -> Value {
    match source {
        Source::Sample { .. } => Value::Null,
        Source::File(file) => {
            let counts = file.counts();
            json!({
                "records": file.records(),
                "records_by_kind": counts.by_kind,
                "unapplied": counts.unapplied,
            })
        }
    }
}

/// Prices of the sample are in hundredths.
pub fn sample_tick() -> Scale {
    Scale::HUNDREDTH
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
