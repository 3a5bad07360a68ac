//! One call that replays files: a survey, then the pass in the mode that was asked for, then the report.

use std::path::PathBuf;
use std::time::Instant;

use proofbook_book::Book;
use proofbook_books::{NamedBook, Visitor};
use proofbook_types::{Queue, Side};

use crate::command_run::CommandRun;
use crate::decimal::Scale;
use crate::detect::{open, resolve, Events, Format, Inputs};
use crate::error::{ErrorKind, ReplayError};
use crate::input::Input;
use crate::lobster::Rows;
use crate::matching::{MatchTally, Matched, EXPLAINED_FIGURE};
use crate::options::{InitialBook, Mode, Options};
use crate::oracle::{RowCheck, StateCheck};
use crate::progress::{Meter, Progress};
use crate::rebuilding::{Oracle, Rebuilding};
use crate::record::{Record, RecordReader};
use crate::report::{Best, FinalBook, Report};
use crate::survey::{Survey, Surveyor, Units, SHALLOW_NOTE};

/// The share of records that pass before the Bitstamp log's books are compared: orders from before the log, which it
/// does not name, have mostly left by then.
const WARM_UP_DIVISOR: u64 = 10;

/// The agreement that is expected of a file, in parts per thousand of what is compared. What is missing to 1,000 is
/// explained record by record in `docs/REPLAY.md`.
fn expected_per_mille(format: Format, mode: Mode) -> u64 {
    match (format, mode) {
        (Format::Bitstamp, Mode::Rebuild) => 997,
        (Format::Bitstamp, Mode::Match) => 900,
        (Format::Proofbook, _) | (_, Mode::Rebuild) => 1000,
        (_, Mode::Match) => 980,
    }
}

/// Replays files: one file of events each, or a LOBSTER message file with its order book file. `progress` is called at
/// most ten times a second, and at the end; the replay stops where it returns `false`.
///
/// # Errors
/// A file cannot be read, is of no known format, or breaks its format. A replay that applies nothing, or, where `check` was asked for, differs
/// more than expected is no error: its report says so in `failure`.
pub fn replay(
    paths: &[PathBuf],
    options: &Options,
    progress: &mut dyn FnMut(Progress) -> bool,
) -> Result<Report, ReplayError> {
    let files = resolve(paths, options.book.as_deref())?;
    let sizes: u64 = files
        .iter()
        .map(|inputs| passes(inputs) * size(inputs))
        .sum();
    let mut meter = Meter::new(progress, sizes);
    let mut reports = Vec::with_capacity(files.len());
    for inputs in &files {
        let report = replay_one(inputs, options, &mut meter)
            .map_err(|error| error.in_file(&inputs.events))?;
        reports.push(report);
    }
    meter.base = sizes;
    meter.tell(reports.iter().map(|report| report.records).sum(), 0)?;
    let mut reports = reports.into_iter();
    let first = reports.next().expect("resolving gave at least one file");
    Ok(reports.fold(first, Report::merged))
}

fn size(inputs: &Inputs) -> u64 {
    std::fs::metadata(&inputs.events).map_or(0, |metadata| metadata.len())
}

fn passes(inputs: &Inputs) -> u64 {
    if inputs.kind.format() == Format::Proofbook {
        1
    } else {
        2
    }
}

fn replay_one(
    inputs: &Inputs,
    options: &Options,
    meter: &mut Meter,
) -> Result<Report, ReplayError> {
    let start = Instant::now();
    let format = inputs.kind.format();
    let mode = options.mode.unwrap_or(match format {
        Format::Proofbook => Mode::Match,
        _ => Mode::Rebuild,
    });
    let mut report = Report {
        format: format.name().to_string(),
        mode: mode.name().to_string(),
        engine: options.structure.name().to_string(),
        files: vec![inputs.events.display().to_string()],
        book: inputs.book.as_ref().map(|book| book.display().to_string()),
        notes: inputs.notes.clone(),
        ..Report::default()
    };
    let order_events = match format {
        Format::Proofbook => options.structure.visit(CommandRun {
            inputs,
            mode,
            meter,
            report: &mut report,
        })?,
        _ => replay_records(inputs, options, mode, meter, &mut report)?,
    };
    report.seconds = start.elapsed().as_secs_f64();
    report.records_per_s = report.records as f64 / report.seconds.max(f64::MIN_POSITIVE);
    report.agreement = (report.compared > 0).then(|| {
        (report.compared.saturating_sub(report.mismatches)) as f64 / report.compared as f64
    });
    report.failure = failure(
        &report,
        order_events,
        options.check,
        expected_per_mille(format, mode),
    );
    Ok(report)
}

/// Why a replay counts as failed.
fn failure(
    report: &Report,
    order_events: u64,
    check: bool,
    expected_per_mille: u64,
) -> Option<String> {
    if order_events == 0 {
        return Some(format!(
            "expected order events, received none among {} records: {:?}",
            report.records, report.records_by_kind
        ));
    }
    if report.applied == 0 {
        return Some(format!(
            "expected some of {order_events} order events to apply, but none did: {:?}",
            report.unapplied
        ));
    }
    if !check {
        return None;
    }
    let explained = report.figures.get(EXPLAINED_FIGURE).copied().unwrap_or(0);
    let unexplained = report.mismatches.saturating_sub(explained);
    let agreeing = u128::from(report.compared.saturating_sub(unexplained)) * 1000;
    if agreeing < u128::from(expected_per_mille) * u128::from(report.compared) {
        return Some(format!(
            "expected at least {}.{}% of {} {} to agree, received {unexplained} that differ without an explanation",
            expected_per_mille / 10,
            expected_per_mille % 10,
            report.compared,
            report.compared_unit
        ));
    }
    let unapplied = u128::from(report.unapplied_total) * 1000;
    // What a market rejects of our own commands is its answer, not a defect of the file.
    let is_own = report.format == Format::Proofbook.name();
    if !is_own && unapplied > u128::from(1000 - expected_per_mille) * u128::from(report.records) {
        return Some(format!(
            "expected at most {}.{}% of {} records not to apply, received {}: {:?}",
            (1000 - expected_per_mille) / 10,
            (1000 - expected_per_mille) % 10,
            report.records,
            report.unapplied_total,
            report.unapplied
        ));
    }
    None
}

/// Calls `take` with each record of an exchange's file, in bounded memory.
pub(crate) fn each_record(
    inputs: &Inputs,
    meter: &mut Meter,
    mut take: impl FnMut(&Record) -> Result<(), ReplayError>,
) -> Result<Box<dyn RecordReader>, ReplayError> {
    let opened = open(&inputs.events, inputs.kind)?;
    let Events::Records(mut reader) = opened.events else {
        return Err(ReplayError::new(
            ErrorKind::Usage,
            "expected an exchange's records, received a command file",
        ));
    };
    let mut count = 0;
    while let Some(record) = reader.next_record()? {
        count += 1;
        take(&record)?;
        meter.look(count, opened.bytes.get())?;
    }
    meter.base += opened.bytes_total;
    Ok(reader)
}

/// The first pass.
pub(crate) fn survey(
    inputs: &Inputs,
    options: &Options,
    meter: &mut Meter,
) -> Result<Survey, ReplayError> {
    let mut surveyor = Surveyor::new(inputs.kind.format());
    let reader = each_record(inputs, meter, |record| {
        surveyor.record(record);
        Ok(())
    })?;
    let mut survey = surveyor.finish(reader.as_ref());
    if options.initial == InitialBook::Empty {
        survey.early.clear();
        survey.early_unknown = 0;
    }
    Ok(survey)
}

/// The instrument that was asked for, by its name or number.
pub(crate) fn chosen(survey: &Survey, wanted: &str) -> Result<u32, ReplayError> {
    let named = survey
        .instruments
        .iter()
        .find(|(number, instrument)| {
            instrument.symbol.as_deref() == Some(wanted) || number.to_string() == wanted
        })
        .map(|(number, _)| *number);
    named.ok_or_else(|| {
        let known: Vec<&str> = survey
            .instruments
            .values()
            .filter_map(|instrument| instrument.symbol.as_deref())
            .take(20)
            .collect();
        ReplayError::new(
            ErrorKind::Usage,
            format!(
                "expected one of {} instruments ({}{}), received \"{wanted}\"",
                survey.instruments.len(),
                known.join(", "),
                if survey.instruments.len() > known.len() {
                    ", ..."
                } else {
                    ""
                }
            ),
        )
    })
}

/// The instrument with the most order events; of several, the one with the lowest number.
pub(crate) fn busiest(survey: &Survey) -> u32 {
    survey
        .instruments
        .iter()
        .max_by_key(|(number, instrument)| (instrument.order_events, std::cmp::Reverse(**number)))
        .map_or(0, |(number, _)| *number)
}

fn replay_records(
    inputs: &Inputs,
    options: &Options,
    mode: Mode,
    meter: &mut Meter,
    report: &mut Report,
) -> Result<u64, ReplayError> {
    let mut survey = survey(inputs, options, meter)?;
    if mode == Mode::Match && survey.is_shallow() {
        survey.early.clear();
        report.notes.push(SHALLOW_NOTE.to_string());
    }
    let only = options
        .instrument
        .as_deref()
        .map(|wanted| chosen(&survey, wanted))
        .transpose()?;
    report.instruments = survey.instruments.len() as u64;
    report
        .figures
        .insert("early_orders".to_string(), survey.early.len() as u64);
    report.figures.insert(
        "early_orders_of_unknown_quantity".to_string(),
        survey.early_unknown,
    );
    options.structure.visit(RecordsPass {
        mode,
        inputs,
        survey: &survey,
        only,
        meter,
        report,
    })?;
    let shown = only.unwrap_or_else(|| busiest(&survey));
    let instrument = survey.instruments.get(&shown);
    report.final_book.symbol = instrument.and_then(|instrument| instrument.symbol.clone());
    let is_counted = |number: u32| only.is_none_or(|only| only == number);
    Ok(survey
        .instruments
        .iter()
        .filter(|(number, _)| is_counted(**number))
        .map(|(_, instrument)| instrument.order_events)
        .sum())
}

fn units(survey: &Survey, format: Format, instrument: u32) -> Units {
    survey
        .instruments
        .get(&instrument)
        .cloned()
        .unwrap_or_default()
        .units(format)
}

/// The second pass over an exchange's records.
struct RecordsPass<'a, 'm> {
    mode: Mode,
    inputs: &'a Inputs,
    survey: &'a Survey,
    only: Option<u32>,
    meter: &'a mut Meter<'m>,
    report: &'a mut Report,
}

impl Visitor for RecordsPass<'_, '_> {
    type Output = Result<(), ReplayError>;

    fn visit<B: NamedBook>(self) -> Self::Output {
        let RecordsPass {
            mode,
            inputs,
            survey,
            only,
            meter,
            report,
        } = self;
        match mode {
            Mode::Rebuild => rebuild::<B>(inputs, survey, only, meter, report),
            Mode::Match => run_match::<B>(inputs, survey, only, meter, report),
        }
    }
}

fn rebuild<B: NamedBook>(
    inputs: &Inputs,
    survey: &Survey,
    only: Option<u32>,
    meter: &mut Meter,
    report: &mut Report,
) -> Result<(), ReplayError> {
    let format = inputs.kind.format();
    let oracle = oracle(inputs, survey)?;
    report.compared_unit = oracle.unit().to_string();
    let mut rebuilding =
        Rebuilding::<B>::new(survey, |number| units(survey, format, number), only, oracle);
    rebuilding.start_with(&survey.early);
    each_record(inputs, meter, |record| rebuilding.record(record))?;
    let rest = rebuilding.finish()?;
    report.final_book = rebuilding.final_book(only.unwrap_or_else(|| busiest(survey)));
    let mut figure = |name: &str, count: u64| report.figures.insert(name.to_string(), count);
    match &rebuilding.oracle {
        Oracle::Rows(rows) => {
            figure(
                "rows_where_a_level_entered_from_beyond_the_depth",
                rows.entered,
            );
            figure("free_rebuild_rows_that_agree_at_the_best", rows.free_best);
            figure("free_rebuild_rows_that_agree_at_full_depth", rows.free_full);
            figure("anonymous_orders", rebuilding.anonymous);
            figure("rows_beyond_the_last_message", rest);
        }
        Oracle::States(states) => {
            figure("states_that_the_file_does_not_have", states.extra);
        }
        Oracle::Published { after_record } => {
            figure("warm_up_records", *after_record);
        }
        Oracle::Executions => {
            figure("snapshot_orders_compared", rebuilding.snapshot_orders);
        }
    }
    if rebuilding.snapshot_orders > 0 {
        report.compared_unit.push_str(" and snapshot orders");
    }
    report.take_comparison(rebuilding.comparison);
    report.take_counts(rebuilding.counts);
    Ok(())
}

/// What there is to compare with.
fn oracle(inputs: &Inputs, survey: &Survey) -> Result<Oracle, ReplayError> {
    if let Some(path) = &inputs.book {
        let open_rows = || Input::open(path).map(|input| Rows::new(input.into_content()));
        let count_rows = || {
            let mut rows = open_rows()?;
            let mut count = 0;
            while rows.next_row()?.is_some() {
                count += 1;
            }
            Ok(count)
        };
        let count: u64 = count_rows().map_err(|error: ReplayError| error.in_file(path))?;
        return Ok(if count == survey.records {
            Oracle::Rows(Box::new(RowCheck::new(open_rows()?)))
        } else {
            Oracle::States(Box::new(StateCheck::new(open_rows()?)))
        });
    }
    Ok(match inputs.kind.format() {
        Format::Bitstamp => Oracle::Published {
            after_record: survey.records / WARM_UP_DIVISOR,
        },
        _ => Oracle::Executions,
    })
}

fn run_match<B: NamedBook>(
    inputs: &Inputs,
    survey: &Survey,
    only: Option<u32>,
    meter: &mut Meter,
    report: &mut Report,
) -> Result<(), ReplayError> {
    let format = inputs.kind.format();
    let mut tally = MatchTally {
        ids_are_ranks: matches!(format, Format::Lobster | Format::Itch),
        ..MatchTally::default()
    };
    let mut markets = std::collections::BTreeMap::new();
    for (number, instrument) in &survey.instruments {
        if instrument.order_events == 0 || only.is_some_and(|only| only != *number) {
            continue;
        }
        let units = units(survey, format, *number);
        let market = match format {
            Format::Bitstamp => Matched::<B>::orders(units, &survey.early)?,
            _ => Matched::<B>::executions(units, &survey.early)?,
        };
        markets.insert(*number, market);
    }
    each_record(inputs, meter, |record| {
        tally.counts.record(record);
        match markets.get_mut(&record.instrument) {
            Some(market) => market.record(record, &mut tally),
            None => tally.counts.informational += 1,
        }
        Ok(())
    })?;
    for market in markets.values_mut() {
        market.finish(&mut tally);
    }
    if let Some(market) = markets.get(&only.unwrap_or_else(|| busiest(survey))) {
        report.final_book = market.final_book();
    }
    report.compared_unit = "executions".to_string();
    report.fills = Some(tally.comparison.compared);
    report.same_maker = Some(tally.comparison.compared - tally.comparison.mismatches);
    report.figures.append(&mut tally.figures);
    report.take_comparison(tally.comparison);
    report.take_counts(tally.counts);
    Ok(())
}

/// The final figures of a book, without its digest.
pub(crate) fn final_book<B: Book>(book: &B, tick: Scale, lot: Scale) -> FinalBook {
    let best = |side: Side| {
        let level = book.next_level(Queue::resting(side), None)?;
        Some(Best {
            price: tick.times(level.price.0.into()),
            quantity: lot.times(level.displayed.0.into()),
        })
    };
    let count = |side: Side| {
        let next = |after| book.next_level(Queue::resting(side), after);
        std::iter::successors(next(None), |level| next(Some(level.price))).count() as u64
    };
    FinalBook {
        symbol: None,
        tick: tick.to_string(),
        lot: lot.to_string(),
        best_bid: best(Side::Buy),
        best_ask: best(Side::Sell),
        bid_levels: count(Side::Buy),
        ask_levels: count(Side::Sell),
        orders: book.len() as u64,
        digest: String::new(),
    }
}

/// Every record of one file, for callers that want them as they are.
///
/// # Errors
/// As [`replay`].
pub fn read_records(
    path: &std::path::Path,
    mut take: impl FnMut(&Record),
) -> Result<u64, ReplayError> {
    let files = resolve(&[path.to_path_buf()], None)?;
    let mut quiet = |_| true;
    let mut meter = Meter::new(&mut quiet, 0);
    let mut count = 0;
    for inputs in &files {
        each_record(inputs, &mut meter, |record| {
            count += 1;
            take(record);
            Ok(())
        })
        .map_err(|error| error.in_file(path))?;
    }
    Ok(count)
}
