//! A file of an exchange as the commands of each of its instruments, in one pass: a market for each, none of which knows the others.
//!
//! It is what many books at once are fed with. The commands are kept in memory, all of them, so that there is a bound.

use std::collections::BTreeMap;
use std::path::PathBuf;

use proofbook_types::Command;

use crate::decimal::Scale;
use crate::detect::{resolve, Format, Inputs};
use crate::error::{ErrorKind, ReplayError};
use crate::options::Options;
use crate::progress::{Meter, Progress};
use crate::report::Counts;
use crate::run::{chosen, each_record, survey};
use crate::source::{open_commands_with, Converter};

/// What is read at most: the words of so many commands are 9 GiB.
pub const COMMANDS_MAX: usize = 1 << 27;

/// The commands of one instrument.
#[derive(Clone, Debug)]
pub struct InstrumentCommands {
    /// Its name, else its number.
    pub symbol: String,
    /// What one tick is worth.
    pub tick: Scale,
    /// What one lot is worth.
    pub lot: Scale,
    /// Its commands.
    pub commands: Vec<Command>,
}

/// Reads the commands of some instruments of a file, or of all that have order events, in the order of their numbers.
///
/// # Errors
/// The file cannot be read, breaks its format, or lacks an instrument that was asked for; it has more than [`COMMANDS_MAX`] commands;
/// or `progress` returned `false`.
pub fn read_instruments(
    paths: &[PathBuf],
    options: &Options,
    symbols: &[String],
    progress: &mut dyn FnMut(Progress) -> bool,
) -> Result<Vec<InstrumentCommands>, ReplayError> {
    let mut files = resolve(paths, options.book.as_deref())?;
    if files.len() != 1 {
        let received = format!("expected one file of events, received {}", files.len());
        return Err(ReplayError::new(ErrorKind::Usage, received));
    }
    let inputs = files.remove(0);
    if inputs.kind.format() == Format::Proofbook {
        return own(paths, options, symbols, &inputs, progress);
    }
    read(&inputs, options, symbols, progress).map_err(|error| error.in_file(&inputs.events))
}

/// Our own commands are those of one market without a name: it is called as its file.
fn own(
    paths: &[PathBuf],
    options: &Options,
    symbols: &[String],
    inputs: &Inputs,
    progress: &mut dyn FnMut(Progress) -> bool,
) -> Result<Vec<InstrumentCommands>, ReplayError> {
    if let Some(symbol) = symbols.first() {
        let received = format!("expected no symbol for a file of commands, received {symbol:?}");
        return Err(ReplayError::new(ErrorKind::Usage, received));
    }
    let mut source = open_commands_with(paths, options, progress)?;
    let mut commands = Vec::new();
    while source.next_batch(&mut commands)? > 0 {
        check_count(commands.len())?;
    }
    let name = inputs.events.file_stem().unwrap_or_default();
    Ok(vec![InstrumentCommands {
        symbol: name.to_string_lossy().into_owned(),
        tick: source.info().tick,
        lot: source.info().lot,
        commands,
    }])
}

fn check_count(commands: usize) -> Result<(), ReplayError> {
    if commands > COMMANDS_MAX {
        let received =
            format!("expected at most {COMMANDS_MAX} commands at once; name some symbols");
        return Err(ReplayError::new(ErrorKind::Usage, received));
    }
    Ok(())
}

fn read(
    inputs: &Inputs,
    options: &Options,
    symbols: &[String],
    progress: &mut dyn FnMut(Progress) -> bool,
) -> Result<Vec<InstrumentCommands>, ReplayError> {
    let size = std::fs::metadata(&inputs.events).map_or(0, |metadata| metadata.len());
    // The first pass is half of the work.
    let mut meter = Meter::new(progress, size * 2);
    let mut survey = survey(inputs, options, &mut meter)?;
    if survey.is_shallow() {
        survey.early.clear();
    }
    let format = inputs.kind.format();
    let wanted: Vec<u32> = match symbols {
        [] => {
            let all = survey.instruments.iter();
            let active = all.filter(|(_, instrument)| instrument.order_events > 0);
            active.map(|(number, _)| *number).collect()
        }
        some => {
            let numbers = some.iter().map(|symbol| chosen(&survey, symbol));
            numbers.collect::<Result<_, _>>()?
        }
    };
    let mut markets = BTreeMap::new();
    for number in &wanted {
        let found = &survey.instruments[number];
        let units = found.units(format);
        let mut commands = Vec::new();
        let converter = Converter::new(format, units, &survey.early, &mut commands);
        let instrument = InstrumentCommands {
            symbol: found.symbol.clone().unwrap_or_else(|| number.to_string()),
            tick: units.tick_scale(),
            lot: units.lot_scale(),
            commands,
        };
        markets.insert(*number, (converter, instrument));
    }
    let (mut counts, mut total) = (Counts::default(), 0);
    each_record(inputs, &mut meter, |record| {
        let Some((converter, instrument)) = markets.get_mut(&record.instrument) else {
            return Ok(());
        };
        let before = instrument.commands.len();
        converter.record(record, &mut counts, &mut instrument.commands);
        total += instrument.commands.len() - before;
        check_count(total)
    })?;
    for (converter, instrument) in markets.values_mut() {
        converter.end(&mut counts, &mut instrument.commands);
    }
    let in_order = wanted.iter().filter_map(|number| markets.remove(number));
    Ok(in_order.map(|(_, instrument)| instrument).collect())
}
