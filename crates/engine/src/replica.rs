//! A replica: a machine that follows a log which another thread or process writes, and so comes to the same states and says
//! the same. It takes no lock and changes no file.
//!
//! Invariants:
//! - its state is that of the log's entries up to its sequence, each of them verified and acknowledged;
//! - outputs leave in order, once: those of entries behind the one that it was opened with.

use proofbook_journal::{LogReader, Storage, Terms};

use crate::digest::state_bytes;
use crate::frozen::Frozen;
use crate::machine::{Machine, Maker};
use crate::recover::{start_from_newest, Base};
use crate::EngineError;

/// A machine that follows a log.
pub struct Replica<M: Machine, S: Storage> {
    machine: M,
    reader: LogReader<S, M::Terms>,
    outputs_after: u64,
    warnings: Vec<String>,
}

impl<M: Machine, S: Storage + Clone> Replica<M, S> {
    /// Starts with the newest snapshot at or before entry `outputs_after`, else with the beginning. The entries from there on
    /// are taken by [`Replica::advance`]; the outputs of those behind `outputs_after` are handed out.
    ///
    /// # Errors
    /// There is no log, it is damaged, or it cannot be read.
    pub fn open(
        storage: S,
        maker: &impl Maker<M>,
        outputs_after: u64,
    ) -> Result<Self, EngineError> {
        let started = start_from_newest(&storage, maker, outputs_after, &mut |base: Base<M>| {
            let reader = LogReader::open(storage.clone(), base.machine.sequence())?;
            let is_of_log = base.link.is_none_or(|link| link == *reader.chain());
            Ok(is_of_log.then_some((base.machine, reader)))
        })?;
        let (machine, reader) = started.started;
        Ok(Replica {
            machine,
            reader,
            outputs_after,
            warnings: started.warnings,
        })
    }
}

impl<M: Machine, S: Storage> Replica<M, S> {
    /// The machine as it is.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The machine, which follows no more.
    pub fn into_machine(self) -> M {
        self.machine
    }

    /// The last entry that it took.
    pub fn sequence(&self) -> u64 {
        self.machine.sequence()
    }

    /// Copies what a snapshot of its state needs, for another thread to write.
    pub fn freeze(&self) -> Frozen {
        Frozen {
            sequence: self.machine.sequence(),
            chain: *self.reader.chain(),
            segment: self.reader.segment().to_owned(),
            state: state_bytes(&self.machine),
        }
    }

    /// What opening found that is not as it should be, but changes nothing.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Up to which entry the log itself says that it is acknowledged: [`LogReader::watermark`].
    ///
    /// # Errors
    /// The watermark is damaged or cannot be read.
    pub fn watermark(&self) -> Result<u64, EngineError> {
        Ok(self.reader.watermark()?)
    }

    /// Takes the next entries: those up to entry `acknowledged`, which the log must have, and `entries_max` of them at most.
    /// Each output goes to `sink` with its entry and that one's number. How many entries they were is returned.
    ///
    /// # Errors
    /// An acknowledged entry is missing or damaged, or cannot be read. Those before it were taken.
    pub fn advance(
        &mut self,
        acknowledged: u64,
        entries_max: usize,
        sink: &mut impl FnMut(u64, &<M::Terms as Terms>::Entry, M::Output),
    ) -> Result<usize, EngineError> {
        let (machine, outputs_after) = (&mut self.machine, self.outputs_after);
        let mut diverged = None;
        let count = self
            .reader
            .read(acknowledged, entries_max, &mut |sequence, entry, _| {
                if diverged.is_some() {
                    return;
                }
                let is_wanted = sequence > outputs_after;
                machine.apply(entry, &mut |output| {
                    if is_wanted {
                        sink(sequence, entry, output);
                    }
                });
                if machine.sequence() != sequence {
                    diverged = Some(EngineError::Diverged {
                        expected: sequence,
                        received: machine.sequence(),
                    });
                }
            })?;
        match diverged {
            Some(error) => Err(error),
            None => Ok(count),
        }
    }
}
