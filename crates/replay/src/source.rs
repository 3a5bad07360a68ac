//! Any of the formats as commands for one market, batch by batch, in bounded memory.

use std::path::{Path, PathBuf};

use proofbook_types::{Command, MarketConfig};

use crate::bitstamp_flow::BitstampFlow;
use crate::command_run::kind;
use crate::commands::{CommandFile, CommandFileWriter, Header};
use crate::decimal::Scale;
use crate::detect::{open, resolve, Events, Format, Inputs};
use crate::error::{ErrorKind, ReplayError};
use crate::flow::{Flow, Policy, Step};
use crate::input::ByteCount;
use crate::options::Options;
use crate::progress::{Meter, Progress};
use crate::record::{Record, RecordReader};
use crate::report::Counts;
use crate::run::{busiest, chosen, survey};
use crate::survey::{EarlyOrder, InstrumentSurvey, Survey, Units, SHALLOW_NOTE};

/// About how many commands a batch has.
pub const BATCH: usize = 4096;

/// What a source of commands is.
#[derive(Clone, Debug)]
pub struct SourceInfo {
    /// The format of its file.
    pub format: Format,
    /// The market's terms.
    pub config: MarketConfig,
    /// What one tick is worth.
    pub tick: Scale,
    /// What one lot is worth.
    pub lot: Scale,
    /// The instrument's name.
    pub symbol: Option<String>,
    /// What was decided that the user should know.
    pub notes: Vec<String>,
    /// Bytes of the file as stored.
    pub bytes_total: u64,
}

/// Commands for one market, in the order of their time.
pub trait CommandSource {
    /// What it is.
    fn info(&self) -> &SourceInfo;

    /// Appends about [`BATCH`] commands to `out`. Returns how many; 0 only at the end.
    ///
    /// # Errors
    /// The file breaks its format, or cannot be read. The commands before that were appended.
    fn next_batch(&mut self, out: &mut Vec<Command>) -> Result<usize, ReplayError>;

    /// Bytes of the file, as stored, that have been read.
    fn bytes_done(&self) -> u64;

    /// Records so far.
    fn records(&self) -> u64;

    /// Records so far by kind, and those that make no command, by reason.
    fn counts(&self) -> &Counts;
}

/// Opens a file, or a LOBSTER message file with its order book file, as commands. A file of an exchange is read once
/// before, for its instruments, their ticks, and the orders that existed before it.
///
/// # Errors
/// The file cannot be read, is of no known format, has no order events, or breaks its format.
pub fn open_commands(
    paths: &[PathBuf],
    options: &Options,
) -> Result<Box<dyn CommandSource + Send>, ReplayError> {
    open_commands_with(paths, options, &mut |_| true)
}

/// As [`open_commands`]; `progress` is told how far the first pass has come, and stops it by returning `false`.
///
/// # Errors
/// As [`open_commands`], or the first pass was stopped.
pub fn open_commands_with(
    paths: &[PathBuf],
    options: &Options,
    progress: &mut dyn FnMut(Progress) -> bool,
) -> Result<Box<dyn CommandSource + Send>, ReplayError> {
    let mut files = resolve(paths, options.book.as_deref())?;
    if files.len() != 1 {
        return Err(ReplayError::new(
            ErrorKind::Usage,
            format!("expected one file of events, received {}", files.len()),
        ));
    }
    let inputs = files.remove(0);
    let size = std::fs::metadata(&inputs.events).map_or(0, |metadata| metadata.len());
    let mut meter = Meter::new(progress, size);
    open_one(&inputs, options, &mut meter).map_err(|error| error.in_file(&inputs.events))
}

fn open_one(
    inputs: &Inputs,
    options: &Options,
    meter: &mut Meter,
) -> Result<Box<dyn CommandSource + Send>, ReplayError> {
    if inputs.kind.format() == Format::Proofbook {
        return OwnSource::open(inputs)
            .map(|source| Box::new(source) as Box<dyn CommandSource + Send>);
    }
    RecordSource::open(inputs, options, meter)
        .map(|source| Box::new(source) as Box<dyn CommandSource + Send>)
}

/// Our own commands, as they stand.
struct OwnSource {
    info: SourceInfo,
    file: CommandFile,
    bytes: ByteCount,
    counts: Counts,
}

impl OwnSource {
    fn open(inputs: &Inputs) -> Result<Self, ReplayError> {
        let opened = open(&inputs.events, inputs.kind)?;
        let Events::Commands(file) = opened.events else {
            return Err(ReplayError::new(
                ErrorKind::Usage,
                "expected a command file",
            ));
        };
        let header = file.header();
        Ok(OwnSource {
            info: SourceInfo {
                format: Format::Proofbook,
                config: header.config,
                tick: header.tick,
                lot: header.lot,
                symbol: None,
                notes: inputs.notes.clone(),
                bytes_total: opened.bytes_total,
            },
            file,
            bytes: opened.bytes,
            counts: Counts::default(),
        })
    }
}

impl CommandSource for OwnSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_batch(&mut self, out: &mut Vec<Command>) -> Result<usize, ReplayError> {
        let mut count = 0;
        while count < BATCH {
            let Some(command) = self.file.next_command()? else {
                break;
            };
            self.counts.kind(kind(&command.action));
            self.counts.applied += 1;
            out.push(command);
            count += 1;
        }
        Ok(count)
    }

    fn bytes_done(&self) -> u64 {
        self.bytes.get()
    }

    fn records(&self) -> u64 {
        self.counts.records()
    }

    fn counts(&self) -> &Counts {
        &self.counts
    }
}

enum Kind {
    Executions(Box<Flow>),
    Orders(Box<BitstampFlow>),
}

/// Turns the records of one instrument into commands.
pub(crate) struct Converter {
    kind: Kind,
    steps: Vec<Step>,
}

impl Converter {
    /// Starts with commands for the orders that existed before the first record.
    pub(crate) fn new(
        format: Format,
        units: Units,
        early: &[EarlyOrder],
        out: &mut Vec<Command>,
    ) -> Self {
        let mut steps = Vec::new();
        let kind = match format {
            Format::Bitstamp => Kind::Orders(Box::new(BitstampFlow::new(units, early, out))),
            _ => Kind::Executions(Box::new(Flow::new(Policy::Free, units, early, &mut steps))),
        };
        let mut converter = Converter { kind, steps };
        converter.drain(out);
        converter
    }

    /// Takes the next record of the instrument, and appends the commands that are known then.
    pub(crate) fn record(&mut self, record: &Record, counts: &mut Counts, out: &mut Vec<Command>) {
        match &mut self.kind {
            Kind::Executions(flow) => flow.record(record, counts, &mut self.steps),
            Kind::Orders(flow) => {
                flow.record(record, counts, out);
            }
        }
        self.drain(out);
    }

    /// Appends what waited for a next record.
    pub(crate) fn end(&mut self, counts: &mut Counts, out: &mut Vec<Command>) {
        if let Kind::Executions(flow) = &mut self.kind {
            flow.flush(counts, &mut self.steps);
        }
        self.drain(out);
    }

    fn drain(&mut self, out: &mut Vec<Command>) {
        out.extend(self.steps.drain(..).map(into_command));
    }
}

/// An exchange's records, turned into commands.
struct RecordSource {
    info: SourceInfo,
    reader: Box<dyn RecordReader>,
    bytes: ByteCount,
    instrument: u32,
    converter: Converter,
    /// Commands for the orders that existed before the first record.
    early: Vec<Command>,
    counts: Counts,
    records: u64,
    is_over: bool,
}

impl RecordSource {
    fn open(inputs: &Inputs, options: &Options, meter: &mut Meter) -> Result<Self, ReplayError> {
        let mut survey = survey(inputs, options, meter)?;
        let mut notes = inputs.notes.clone();
        if survey.is_shallow() {
            survey.early.clear();
            notes.push(SHALLOW_NOTE.to_string());
        }
        let format = inputs.kind.format();
        let (instrument, found) = choose(&survey, options, &mut notes)?;
        let units = found.units(format);
        let mut early = Vec::new();
        let converter = Converter::new(format, units, &survey.early, &mut early);
        let opened = open(&inputs.events, inputs.kind)?;
        let Events::Records(reader) = opened.events else {
            return Err(ReplayError::new(
                ErrorKind::Usage,
                "expected an exchange's records",
            ));
        };
        Ok(RecordSource {
            info: SourceInfo {
                format,
                config: MarketConfig {
                    market: u64::from(instrument),
                    ..MarketConfig::default()
                },
                tick: units.tick_scale(),
                lot: units.lot_scale(),
                symbol: found.symbol,
                notes,
                bytes_total: opened.bytes_total,
            },
            reader,
            bytes: opened.bytes,
            instrument,
            converter,
            early,
            counts: Counts::default(),
            records: 0,
            is_over: false,
        })
    }
}

/// The instrument to play: the one that was asked for, else the busiest, which `notes` then tells.
fn choose(
    survey: &Survey,
    options: &Options,
    notes: &mut Vec<String>,
) -> Result<(u32, InstrumentSurvey), ReplayError> {
    let (instrument, how) = match options.instrument.as_deref() {
        Some(wanted) => (chosen(survey, wanted)?, "as chosen out"),
        None => (busiest(survey), "the busiest"),
    };
    let found = survey
        .instruments
        .get(&instrument)
        .cloned()
        .unwrap_or_default();
    if found.order_events == 0 {
        return Err(ReplayError::new(
            ErrorKind::NoOrderEvents,
            format!(
                "expected order events, received none among {} records",
                survey.records
            ),
        ));
    }
    if survey.instruments.len() > 1 {
        let name = found
            .symbol
            .clone()
            .unwrap_or_else(|| instrument.to_string());
        notes.push(format!(
            "plays {name}, with {} order events {how} of {} instruments",
            found.order_events,
            survey.instruments.len()
        ));
    }
    Ok((instrument, found))
}

fn into_command(step: Step) -> Command {
    match step {
        Step::Command { command, .. }
        | Step::Aggressive { command, .. }
        | Step::PassedOver { command, .. } => command,
    }
}

impl CommandSource for RecordSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_batch(&mut self, out: &mut Vec<Command>) -> Result<usize, ReplayError> {
        let start = out.len();
        out.append(&mut self.early);
        while out.len() - start < BATCH && !self.is_over {
            let record = self.reader.next_record()?;
            match &record {
                Some(record) if record.instrument != self.instrument => {
                    self.counts.record(record);
                    self.counts.informational += 1;
                }
                Some(record) => {
                    self.counts.record(record);
                    self.converter.record(record, &mut self.counts, out);
                }
                None => {
                    self.is_over = true;
                    self.converter.end(&mut self.counts, out);
                }
            }
            self.records += u64::from(record.is_some());
        }
        Ok(out.len() - start)
    }

    fn bytes_done(&self) -> u64 {
        self.bytes.get()
    }

    fn records(&self) -> u64 {
        self.records
    }

    fn counts(&self) -> &Counts {
        &self.counts
    }
}

/// Writes any supported file as one of our own command files. Returns the number of commands.
///
/// # Errors
/// As [`open_commands`], or the output cannot be written, or `progress` returned `false`.
pub fn convert(
    paths: &[PathBuf],
    options: &Options,
    output: &Path,
    progress: &mut dyn FnMut(Progress) -> bool,
) -> Result<u64, ReplayError> {
    // The first pass is half of the work.
    let mut source = open_commands_with(paths, options, &mut |first| {
        progress(Progress {
            bytes_total: first.bytes_total * 2,
            ..first
        })
    })?;
    let info = source.info();
    let size = info.bytes_total;
    let mut meter = Meter::new(progress, size * 2);
    meter.base = size;
    let header = Header {
        config: info.config,
        tick: info.tick,
        lot: info.lot,
    };
    let mut writer = CommandFileWriter::create(output, &header)?;
    let mut batch = Vec::with_capacity(BATCH);
    while source.next_batch(&mut batch)? > 0 {
        for command in batch.drain(..) {
            writer
                .write(&command)
                .map_err(|error| error.in_file(output))?;
        }
        meter.tell(source.records(), source.bytes_done())?;
    }
    let count = writer.count();
    writer.finish().map_err(|error| error.in_file(output))?;
    Ok(count)
}
