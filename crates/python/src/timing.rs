//! The yardstick for `Book.apply`: the same commands in a plain Rust loop.

use std::time::Instant;

use arrow_array::{RecordBatch, RecordBatchIterator};
use arrow_schema::SchemaRef;
use proofbook_book::Statistics;
use proofbook_types::{Command, Event, MarketConfig, Timestamp};
use pyo3::prelude::*;
use pyo3_arrow::input::AnyRecordBatch;

use crate::batch;
use crate::command_columns::CommandColumns;
use crate::market::Market;
use crate::scale::Scale;
use crate::units::Units;

/// Times both ways through the table, in turns: `(loop_ns, batch_ns)` for each round. The loop applies commands that lie
/// in memory already and keeps every event in one vector; the batch path does all that `Book.apply` does with the table's
/// Arrow batches: it finds, converts and checks their columns, applies them, and writes the table of events.
#[pyfunction]
#[pyo3(signature = (commands, *, engine = "ladder", rounds = 5))]
pub fn time_loops(
    py: Python<'_>,
    commands: AnyRecordBatch,
    engine: &str,
    rounds: usize,
) -> PyResult<Vec<(u64, u64)>> {
    let units = Units {
        price: Scale::ONE,
        quantity: Scale::ONE,
        ticks: 1,
        lots: 1,
    };
    let (batches, schema) = commands.into_table()?.into_inner();
    py.detach(|| {
        let plain = rows(&read(&batches, &schema, &units)?)?;
        (0..rounds)
            .map(|_| {
                let loop_ns = time_loop(&plain, engine)?;
                let batch_ns = time_batch(&batches, &schema, engine, &units)?;
                Ok((loop_ns, batch_ns))
            })
            .collect()
    })
}

fn read(
    batches: &[RecordBatch],
    schema: &SchemaRef,
    units: &Units,
) -> PyResult<Vec<CommandColumns>> {
    let batches: Vec<_> = batches.iter().cloned().map(Ok).collect();
    let reader = RecordBatchIterator::new(batches, schema.clone());
    batch::read(Box::new(reader), units)
}

fn rows(columns: &[CommandColumns]) -> PyResult<Vec<Command>> {
    let mut rows = Vec::new();
    for columns in columns {
        for row in 0..columns.len() {
            rows.push(columns.command(row, Timestamp(0))?);
        }
    }
    Ok(rows)
}

fn elapsed_ns(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn time_loop(commands: &[Command], engine: &str) -> PyResult<u64> {
    let mut market = Market::new(MarketConfig::default(), engine)?;
    let mut events: Vec<Event> = Vec::new();
    let start = Instant::now();
    market.apply(commands, &mut events);
    let loop_ns = elapsed_ns(start);
    std::hint::black_box(&events);
    Ok(loop_ns)
}

fn time_batch(
    batches: &[RecordBatch],
    schema: &SchemaRef,
    engine: &str,
    units: &Units,
) -> PyResult<u64> {
    let mut market = Market::new(MarketConfig::default(), engine)?;
    let start = Instant::now();
    let columns = read(batches, schema, units)?;
    let table = batch::apply(&columns, &mut market, &mut Statistics::default(), units)?;
    let batch_ns = elapsed_ns(start);
    std::hint::black_box(&table);
    Ok(batch_ns)
}
