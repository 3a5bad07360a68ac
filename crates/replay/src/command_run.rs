//! Our own command files: run on the chosen book and on the reference book at once, every event compared.

use proofbook_book::Reference;
use proofbook_books::{NamedBook, Visitor};
use proofbook_matching::MatchingEngine;
use proofbook_types::{Action, Event};

use crate::detect::{open, Events, Inputs};
use crate::error::{ErrorKind, ReplayError};
use crate::matching::configuration_error;
use crate::options::Mode;
use crate::oracle::Comparison;
use crate::progress::Meter;
use crate::report::{Counts, Report};
use crate::run::final_book;

/// The name of a command's kind.
pub(crate) fn kind(action: &Action) -> &'static str {
    match action {
        Action::New(_) => "new",
        Action::Cancel { .. } => "cancel",
        Action::MassCancel { .. } => "mass_cancel",
        Action::Reduce { .. } => "reduce",
        Action::Replace { .. } => "replace",
        Action::Sweep => "sweep",
        Action::Halt => "halt",
        Action::Resume => "resume",
        Action::OpenAuction => "open_auction",
        Action::Uncross => "uncross",
    }
}

/// A command file to be run. Gives the number of commands.
pub(crate) struct CommandRun<'a, 'm> {
    pub inputs: &'a Inputs,
    pub mode: Mode,
    pub meter: &'a mut Meter<'m>,
    pub report: &'a mut Report,
}

impl Visitor for CommandRun<'_, '_> {
    type Output = Result<u64, ReplayError>;

    fn visit<B: NamedBook>(self) -> Self::Output {
        run::<B>(self.inputs, self.mode, self.meter, self.report)
    }
}

fn run<B: NamedBook>(
    inputs: &Inputs,
    mode: Mode,
    meter: &mut Meter,
    report: &mut Report,
) -> Result<u64, ReplayError> {
    if mode == Mode::Rebuild {
        return Err(ReplayError::new(
            ErrorKind::Usage,
            "expected the mode match for a proofbook command file, received rebuild: it has orders to match, not what became of them",
        ));
    }
    let opened = open(&inputs.events, inputs.kind)?;
    let Events::Commands(mut file) = opened.events else {
        return Err(ReplayError::new(
            ErrorKind::Usage,
            "expected a command file",
        ));
    };
    let header = file.header().clone();
    let mut chosen = MatchingEngine::new(header.config, B::empty()).map_err(configuration_error)?;
    let mut reference =
        MatchingEngine::new(header.config, Reference::new()).map_err(configuration_error)?;
    let mut counts = Counts::default();
    let mut comparison = Comparison::default();
    let mut fills = 0;
    let (mut ours, mut theirs): (Vec<Event>, Vec<Event>) = (Vec::new(), Vec::new());
    let mut number = 0;
    while let Some(command) = file.next_command()? {
        number += 1;
        ours.clear();
        theirs.clear();
        chosen.apply(&command, &mut |event| ours.push(event));
        reference.apply(&command, &mut |event| theirs.push(event));
        counts.kind(kind(&command.action));
        let reject = ours.iter().find_map(|event| match event {
            Event::Rejected { reason, .. } => Some(*reason),
            _ => None,
        });
        match reject {
            Some(reason) => {
                counts.unapplied(number, reason.name(), || format!("{:?}", command.action))
            }
            None => counts.applied += 1,
        }
        fills += ours
            .iter()
            .filter(|event| matches!(event, Event::Trade { .. }))
            .count() as u64;
        compare_events(number, &ours, &theirs, &mut comparison);
        meter.look(number, opened.bytes.get())?;
    }
    meter.base += opened.bytes_total;
    let digest = proofbook_engine::digest(&chosen);
    if digest != proofbook_engine::digest(&reference) {
        comparison.differ(number, || {
            "the final states of the two books differ".to_string()
        });
    }
    report.instruments = 1;
    report.compared_unit = "events".to_string();
    report.fills = Some(fills);
    report.final_book = final_book(chosen.book(), header.tick, header.lot);
    report.final_book.digest = blake3::Hash::from_bytes(digest).to_hex().to_string();
    report.take_comparison(comparison);
    report.take_counts(counts);
    Ok(number)
}

fn compare_events(number: u64, ours: &[Event], theirs: &[Event], comparison: &mut Comparison) {
    for at in 0..ours.len().max(theirs.len()) {
        if ours.get(at) == theirs.get(at) {
            comparison.agree();
        } else {
            comparison.differ(number, || {
                format!("expected {:?}, received {:?}", theirs.get(at), ours.get(at))
            });
        }
    }
}
