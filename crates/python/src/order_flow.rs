//! Generated order flow as tables of commands, to measure and test the way of a table with.
//!
//! Flow comes from the sample of `proofbook generate`, or from a scenario of the benchmarks. Columns that no command of the
//! flow needs are left out.

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, PrimitiveBuilder, StringBuilder, UInt8Builder};
use arrow_array::types::{ArrowPrimitiveType, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use proofbook_run::Sample;
use proofbook_types::{Action, Command, NewOrder, OrderKind, TimeInForce};
use proofbook_workload::{generate, Scenario};
use pyo3::prelude::*;
use pyo3_arrow::PyTable;

use crate::command_columns::ACTION_NAMES;
use crate::errors::{BrokenInvariantError, InputError};
use crate::terms::{KIND_NAMES, SELF_TRADE_NAMES, SIDE_NAMES, TIME_IN_FORCE_NAMES};

/// The name of the sample among the flows; the others are scenarios.
const SAMPLE: &str = "sample";

/// A table of commands: `flow` is "sample" or a scenario of the benchmarks, `words` says whether words are strings or codes.
#[pyfunction]
#[pyo3(signature = (flow, *, seed, commands, words))]
pub fn order_flow<'py>(
    py: Python<'py>,
    flow: &str,
    seed: u64,
    commands: u32,
    words: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let table = py.detach(|| {
        let mut columns = Columns::new(words);
        for command in flow_commands(flow, seed, commands)? {
            columns.add(&command);
        }
        let batch = columns.finish()?;
        let schema = batch.schema();
        PyTable::try_new(vec![batch], schema)
    })?;
    table.into_pyarrow(py)
}

fn flow_commands(flow: &str, seed: u64, commands: u32) -> PyResult<Vec<Command>> {
    if flow == SAMPLE {
        let commands = u64::from(commands);
        return Ok(Sample::new(proofbook_run::Parameters { seed, commands }).collect());
    }
    let scenario = Scenario::from_name(flow).ok_or_else(|| {
        let names = Scenario::ALL.map(Scenario::name).join(", ");
        InputError::new_err(format!(
            "flow must be one of {SAMPLE}, {names}; received {flow:?}"
        ))
    })?;
    // Most new orders are cancelled once, so this many give enough messages.
    let messages = generate(&proofbook_workload::Parameters {
        scenario,
        seed,
        new_orders: commands,
    });
    let commands = messages.iter().take(commands as usize);
    Ok(commands.map(|message| message.command()).collect())
}

/// A column of words, as strings or as codes.
enum Words {
    Strings(StringBuilder),
    Codes(UInt8Builder),
}

impl Words {
    fn new(as_strings: bool) -> Self {
        if as_strings {
            Words::Strings(StringBuilder::new())
        } else {
            Words::Codes(UInt8Builder::new())
        }
    }

    /// Adds a word, `first` being the code of the first one.
    fn add(&mut self, code: Option<u8>, words: &[&str], first: u8) {
        match self {
            Words::Strings(strings) => {
                strings.append_option(code.map(|code| words[usize::from(code - first)]));
            }
            Words::Codes(codes) => codes.append_option(code),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Words::Strings(strings) => Arc::new(strings.finish()),
            Words::Codes(codes) => Arc::new(codes.finish()),
        }
    }
}

/// The terms of one command.
#[derive(Default)]
struct Terms {
    action: u8,
    order_id: Option<u64>,
    account: Option<u64>,
    side: Option<u8>,
    kind: Option<u8>,
    price: Option<i64>,
    stop_price: Option<i64>,
    quantity: Option<u64>,
    display: Option<u64>,
    time_in_force: Option<u8>,
    expiry: Option<u64>,
    post_only: Option<bool>,
    self_trade: Option<u8>,
}

fn order_terms(order: &NewOrder) -> Terms {
    let kind = match order.kind {
        OrderKind::Market => 0,
        OrderKind::Limit { .. } => 1,
        OrderKind::Stop { .. } => 2,
        OrderKind::StopLimit { .. } => 3,
    };
    let time_in_force = match order.time_in_force {
        TimeInForce::GoodTillCancel => 0,
        TimeInForce::ImmediateOrCancel => 1,
        TimeInForce::FillOrKill => 2,
        TimeInForce::GoodTillDate { .. } => 3,
    };
    Terms {
        action: 1,
        order_id: Some(order.order_id.0),
        account: Some(order.account.0).filter(|account| *account != 0),
        side: Some(order.side as u8),
        kind: Some(kind).filter(|kind| *kind != 1),
        price: order.kind.price().map(|price| price.0),
        stop_price: order.kind.stop_price().map(|price| price.0),
        quantity: Some(order.quantity.0),
        display: order.display.map(|quantity| quantity.0),
        time_in_force: Some(time_in_force),
        expiry: order.time_in_force.expiry().map(|time| time.0),
        post_only: order.post_only.then_some(true),
        self_trade: Some(order.self_trade as u8).filter(|code| *code != 0),
    }
}

fn terms(command: &Command) -> Terms {
    let other = |action| Terms {
        action,
        ..Terms::default()
    };
    match command.action {
        Action::New(order) => order_terms(&order),
        Action::Cancel { order_id } => Terms {
            order_id: Some(order_id.0),
            ..other(2)
        },
        Action::MassCancel { account } => Terms {
            account: Some(account.0),
            ..other(3)
        },
        Action::Reduce { order_id, quantity } => Terms {
            order_id: Some(order_id.0),
            quantity: Some(quantity.0),
            ..other(4)
        },
        Action::Replace {
            order_id,
            price,
            quantity,
            stop_price,
        } => Terms {
            order_id: Some(order_id.0),
            price: price.map(|price| price.0),
            quantity: quantity.map(|quantity| quantity.0),
            stop_price: stop_price.map(|price| price.0),
            ..other(5)
        },
        Action::Sweep => other(6),
        Action::Halt => other(7),
        Action::Resume => other(8),
        Action::OpenAuction => other(9),
        Action::Uncross => other(10),
    }
}

/// Columns under construction.
struct Columns {
    action: Words,
    time: PrimitiveBuilder<UInt64Type>,
    order_id: PrimitiveBuilder<UInt64Type>,
    account: PrimitiveBuilder<UInt64Type>,
    side: Words,
    kind: Words,
    price: PrimitiveBuilder<Int64Type>,
    stop_price: PrimitiveBuilder<Int64Type>,
    quantity: PrimitiveBuilder<UInt64Type>,
    display: PrimitiveBuilder<UInt64Type>,
    time_in_force: Words,
    expiry: PrimitiveBuilder<UInt64Type>,
    post_only: BooleanBuilder,
    self_trade: Words,
}

fn finished<T: ArrowPrimitiveType>(column: &mut PrimitiveBuilder<T>) -> ArrayRef {
    Arc::new(column.finish())
}

impl Columns {
    fn new(words: bool) -> Self {
        Columns {
            action: Words::new(words),
            time: PrimitiveBuilder::new(),
            order_id: PrimitiveBuilder::new(),
            account: PrimitiveBuilder::new(),
            side: Words::new(words),
            kind: Words::new(words),
            price: PrimitiveBuilder::new(),
            stop_price: PrimitiveBuilder::new(),
            quantity: PrimitiveBuilder::new(),
            display: PrimitiveBuilder::new(),
            time_in_force: Words::new(words),
            expiry: PrimitiveBuilder::new(),
            post_only: BooleanBuilder::new(),
            self_trade: Words::new(words),
        }
    }

    fn add(&mut self, command: &Command) {
        let terms = terms(command);
        self.action.add(Some(terms.action), &ACTION_NAMES, 1);
        self.time.append_value(command.time.0);
        self.order_id.append_option(terms.order_id);
        self.account.append_option(terms.account);
        self.side.add(terms.side, &SIDE_NAMES, 0);
        self.kind.add(terms.kind, &KIND_NAMES, 0);
        self.price.append_option(terms.price);
        self.stop_price.append_option(terms.stop_price);
        self.quantity.append_option(terms.quantity);
        self.display.append_option(terms.display);
        self.time_in_force
            .add(terms.time_in_force, &TIME_IN_FORCE_NAMES, 0);
        self.expiry.append_option(terms.expiry);
        self.post_only.append_option(terms.post_only);
        self.self_trade.add(terms.self_trade, &SELF_TRADE_NAMES, 0);
    }

    fn finish(mut self) -> PyResult<RecordBatch> {
        let columns = [
            ("action", self.action.finish()),
            ("time", finished(&mut self.time)),
            ("order_id", finished(&mut self.order_id)),
            ("account", finished(&mut self.account)),
            ("side", self.side.finish()),
            ("kind", self.kind.finish()),
            ("price", finished(&mut self.price)),
            ("stop_price", finished(&mut self.stop_price)),
            ("quantity", finished(&mut self.quantity)),
            ("display", finished(&mut self.display)),
            ("time_in_force", self.time_in_force.finish()),
            ("expiry", finished(&mut self.expiry)),
            ("post_only", Arc::new(self.post_only.finish()) as ArrayRef),
            ("self_trade", self.self_trade.finish()),
        ];
        let needed = columns
            .into_iter()
            .filter(|(_, column)| column.null_count() < column.len());
        RecordBatch::try_from_iter(needed)
            .map_err(|error| BrokenInvariantError::new_err(error.to_string()))
    }
}
