//! What an inclusion file shows of a batch, once it was checked against the public values of the proven batch.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use proofbook_commitment::state_proof::{Ahead, Place, ShownLevel};
use proofbook_commitment::{Digest, Portable, ProofError, PublicValues, StateProof};
use proofbook_types::{Price, Queue};

use crate::events::events_leaf;
use crate::inclusion::{BatchPart, Opened};
use crate::receipt::command_digest;

/// Why a part of an inclusion file shows nothing, or not what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InclusionError {
    /// It is about another batch than the proven one.
    OtherBatch {
        /// Number of the proven batch.
        expected: u64,
        /// Number of the batch that it is about.
        received: u64,
    },
    /// Its commands or events are not the batch's.
    Commands(ProofError),
    /// Its events are not the batch's.
    Events(ProofError),
    /// Its list is not as long as the batch.
    Count {
        /// Commands of the batch.
        expected: u64,
        /// Length of the list.
        received: u64,
    },
    /// What it says of the state before the batch does not lead to that state's root.
    Before(ProofError),
    /// What it says of the state after the batch does not lead to that state's root.
    After(ProofError),
    /// The batch has no such sequence.
    NotInBatch {
        /// The first and last that it has.
        expected: [u64; 2],
        /// The one asked for.
        received: u64,
    },
    /// The answer lies in a part that the file does not open.
    NotShown,
}

impl fmt::Display for InclusionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inclusion file: ")?;
        match self {
            InclusionError::OtherBatch { expected, received } if expected == received => write!(
                f,
                "expected the values of the proven batch {expected}; received others of that number (a fork)"
            ),
            InclusionError::OtherBatch { expected, received } => {
                write!(f, "expected batch {expected}; received batch {received}")
            }
            InclusionError::Commands(error) => write!(f, "commands: {error}"),
            InclusionError::Events(error) => write!(f, "events: {error}"),
            InclusionError::Count { expected, received } => {
                write!(f, "expected a list of {expected}; received one of {received}")
            }
            InclusionError::Before(error) => write!(f, "state before the batch: {error}"),
            InclusionError::After(error) => write!(f, "state after the batch: {error}"),
            InclusionError::NotInBatch { expected, received } => write!(
                f,
                "expected a sequence of {} to {}; received {received}",
                expected[0], expected[1]
            ),
            InclusionError::NotShown => write!(f, "it does not show this"),
        }
    }
}

impl Error for InclusionError {}

/// What a file shows of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    pub(crate) part: &'a BatchPart,
}

impl BatchPart {
    /// Checks everything in it against the public values of the proven batch.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn check(&self, proven: &PublicValues) -> Result<Shown<'_>, InclusionError> {
        if self.values != *proven {
            return Err(InclusionError::OtherBatch {
                expected: proven.batch,
                received: self.values.batch,
            });
        }
        if let Some([commands, events]) = &self.lists {
            let leaves = |leaf: fn(&Opened) -> Digest| -> BTreeMap<u32, Digest> {
                let pair = |opened: &Opened| (opened.position, leaf(opened));
                self.opened.iter().map(pair).collect()
            };
            for list in [commands, events] {
                if u64::from(list.count()) != proven.commands {
                    return Err(InclusionError::Count {
                        expected: proven.commands,
                        received: list.count().into(),
                    });
                }
            }
            let leaf = |opened: &Opened| command_digest(&opened.command);
            commands
                .check::<Portable>(proven.command_root, &leaves(leaf))
                .map_err(InclusionError::Commands)?;
            events
                .check::<Portable>(
                    proven.event_root,
                    &leaves(|opened| events_leaf(&opened.events)),
                )
                .map_err(InclusionError::Events)?;
        }
        if let Some(before) = &self.before {
            before
                .check::<Portable>(proven.previous_root)
                .map_err(InclusionError::Before)?;
        }
        if let Some(after) = &self.after {
            after
                .check::<Portable>(proven.new_root)
                .map_err(InclusionError::After)?;
        }
        Ok(Shown { part: self })
    }
}

/// The position of a sequence in a batch.
///
/// # Errors
/// [`InclusionError::NotInBatch`].
pub(crate) fn position_of(values: &PublicValues, sequence: u64) -> Result<u32, InclusionError> {
    let expected = [values.first_sequence, values.last_sequence];
    let not_in_batch = InclusionError::NotInBatch {
        expected,
        received: sequence,
    };
    if !(expected[0]..=expected[1]).contains(&sequence) {
        return Err(not_in_batch);
    }
    u32::try_from(sequence - expected[0]).map_err(|_| not_in_batch)
}

impl<'a> Shown<'a> {
    /// The batch.
    pub fn values(&self) -> &'a PublicValues {
        &self.part.values
    }

    /// Everything that is opened, by position.
    pub fn opened(&self) -> &'a [Opened] {
        &self.part.opened
    }

    /// The sequence of the command at a position, if it has one.
    pub fn sequence(&self, position: u32) -> Option<u64> {
        let values = self.values();
        let sequence = values.first_sequence.checked_add(position.into())?;
        (sequence <= values.last_sequence).then_some(sequence)
    }

    /// The command with a sequence.
    ///
    /// # Errors
    /// The batch does not have it, or the file does not show it.
    pub fn command(&self, sequence: u64) -> Result<&'a Opened, InclusionError> {
        let position = position_of(self.values(), sequence)?;
        let opened = &self.part.opened;
        match opened.binary_search_by_key(&position, |opened| opened.position) {
            Ok(place) => Ok(&opened[place]),
            Err(_) => Err(InclusionError::NotShown),
        }
    }

    fn after(&self) -> Result<&'a StateProof, InclusionError> {
        self.part.after.as_ref().ok_or(InclusionError::NotShown)
    }

    /// The live order with an id after the batch, and its level; `None` where there is none.
    ///
    /// # Errors
    /// [`InclusionError::NotShown`].
    pub fn order(&self, id: u64) -> Result<Option<Place<'a>>, InclusionError> {
        answer(self.after()?.order(id))
    }

    /// What is ahead of a live order at its price after the batch; `None` where no live order has the id.
    ///
    /// # Errors
    /// [`InclusionError::NotShown`].
    pub fn ahead(&self, id: u64) -> Result<Option<Ahead>, InclusionError> {
        answer(self.after()?.ahead(id))
    }

    /// The level of a queue at a price after the batch; `None` where there is none.
    ///
    /// # Errors
    /// [`InclusionError::NotShown`].
    pub fn level(
        &self,
        queue: Queue,
        price: Price,
    ) -> Result<Option<&'a ShownLevel>, InclusionError> {
        answer(self.after()?.level(queue, price))
    }

    /// The best levels of a queue after the batch, best first: as many as asked, or all there are.
    ///
    /// # Errors
    /// [`InclusionError::NotShown`].
    pub fn depth(
        &self,
        queue: Queue,
        levels: usize,
    ) -> Result<Vec<(Price, ShownLevel)>, InclusionError> {
        answer(self.after()?.depth(queue, levels))
    }
}

/// An answer of a proof about the state after the batch.
fn answer<T>(answer: Result<T, ProofError>) -> Result<T, InclusionError> {
    answer.map_err(|error| match error {
        ProofError::NotShown => InclusionError::NotShown,
        other => InclusionError::After(other),
    })
}
