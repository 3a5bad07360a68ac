//! A machine that survives a crash: every entry goes into the journal before it is applied, and nothing that came of
//! it is shown before the journal acknowledges it. A market with its commands and events is [`Engine`].
//!
//! Invariants:
//! - the machine's sequence is the journal's sequence;
//! - outputs leave in order, once, and only those of acknowledged entries;
//! - at most [`Machine::HELD_OUTPUTS_MAX`] outputs, and those of one entry more, wait.

use std::collections::VecDeque;

use proofbook_book::Book;
use proofbook_journal::{log_terms, Clock, Journal, Options, Storage, Terms, Ticket, WriterLock};
use proofbook_matching::MatchingEngine;
use proofbook_types::{Event, MarketConfig};

use crate::digest::{digest, state_bytes};
use crate::machine::{Machine, Maker, OverBooks};
use crate::recover::{rebuild, RecoveryReport, Verification};
use crate::{EngineError, Frozen};

/// A batch is written to the journal and applied in pieces of so many entries, which stay in the processor's caches.
const BATCH_ENTRIES: usize = 256;

/// An output that waits until its entry is acknowledged.
struct Held<O> {
    sequence: u64,
    output: O,
}

/// A machine with its journal.
pub struct Sequenced<M: Machine, S: Storage, C: Clock> {
    machine: M,
    journal: Journal<S, C, M::Terms>,
    held: VecDeque<Held<M::Output>>,
}

/// A market over a book of type `B`, with its journal.
pub type Engine<B, S, C> = Sequenced<MatchingEngine<B>, S, C>;

impl<B: Book, S: Storage, C: Clock> Engine<B, S, C> {
    /// Starts a market and its journal.
    ///
    /// # Errors
    /// Terms that make no market; or the journal exists already, is in use or cannot be written.
    pub fn create(
        storage: S,
        clock: C,
        config: MarketConfig,
        options: Options,
        book: B,
    ) -> Result<Self, EngineError> {
        Self::start(storage, clock, options, MatchingEngine::new(config, book)?)
    }

    /// Goes on with a market from its journal.
    ///
    /// # Errors
    /// The journal is missing, in use, damaged or cannot be read or written.
    pub fn open(
        storage: S,
        clock: C,
        options: Options,
        verification: Verification,
        book: impl Fn() -> B,
    ) -> Result<(Self, RecoveryReport), EngineError> {
        Self::open_with_events(
            storage,
            clock,
            options,
            verification,
            book,
            u64::MAX,
            &mut |_, _| {},
        )
    }

    /// Goes on with a market from its journal, and hands every event of commands numbered above `events_after` to
    /// `sink`, for whoever has seen the events only so far. They are handed out before the journal's end is made
    /// durable again: if this fails, forget them.
    ///
    /// # Errors As [`Engine::open`].
    pub fn open_with_events(
        storage: S,
        clock: C,
        options: Options,
        verification: Verification,
        book: impl Fn() -> B,
        events_after: u64,
        sink: &mut impl FnMut(u64, Event),
    ) -> Result<(Self, RecoveryReport), EngineError> {
        let maker = OverBooks(&book);
        Self::resume(
            storage,
            clock,
            options,
            verification,
            &maker,
            events_after,
            sink,
        )
    }

    /// The market, ahead of what is acknowledged by what [`Engine::acknowledged`] and its sequence differ by.
    pub fn matching(&self) -> &MatchingEngine<B> {
        &self.machine
    }
}

impl<M: Machine, S: Storage, C: Clock> Sequenced<M, S, C> {
    /// Starts a log for a machine that has taken nothing.
    ///
    /// # Errors
    /// The journal exists already, is in use or cannot be written.
    pub fn start(storage: S, clock: C, options: Options, machine: M) -> Result<Self, EngineError> {
        let lock = WriterLock::take(storage)?;
        Ok(Sequenced {
            journal: Journal::create(lock, clock, machine.terms().clone(), options)?,
            machine,
            held: VecDeque::new(),
        })
    }

    /// Goes on with a machine from its journal, and hands every output of entries numbered above `outputs_after` to
    /// `sink`, for whoever has seen the outputs only so far. They are handed out before the journal's end is made
    /// durable again: if this fails, forget them.
    ///
    /// # Errors
    /// The journal is missing, in use, damaged or cannot be read or written.
    pub fn resume(
        storage: S,
        clock: C,
        options: Options,
        verification: Verification,
        maker: &impl Maker<M>,
        outputs_after: u64,
        sink: &mut impl FnMut(u64, M::Output),
    ) -> Result<(Self, RecoveryReport<M::Terms>), EngineError> {
        // Looked at before the lock is made, so that a directory without a journal stays as it is.
        let _: M::Terms = log_terms(&storage)?;
        let lock = WriterLock::take(storage)?;
        let mut rebuilt = rebuild(lock.storage(), verification, maker, outputs_after, sink)?;
        let journal = Journal::resume(lock, clock, options, &rebuilt.scan)?;
        rebuilt.report.is_repaired = true;
        let engine = Sequenced {
            machine: rebuilt.machine,
            journal,
            held: VecDeque::new(),
        };
        Ok((engine, rebuilt.report))
    }

    /// The machine, ahead of what is acknowledged by what [`Sequenced::acknowledged`] and its sequence differ by.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The journal.
    pub fn journal(&self) -> &Journal<S, C, M::Terms> {
        &self.journal
    }

    /// The last entry that was acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.journal.acknowledged()
    }

    /// The digest of the machine's state.
    pub fn digest(&self) -> [u8; 32] {
        digest(&self.machine)
    }

    /// Takes an entry: writes it to the journal and applies it. Its outputs wait for [`Sequenced::release`].
    ///
    /// # Errors
    /// The journal failed, now or earlier. Or [`Machine::HELD_OUTPUTS_MAX`] outputs wait: then the entry is not taken,
    /// and the outputs of all before it are acknowledged and can be released.
    pub fn submit(&mut self, entry: &<M::Terms as Terms>::Entry) -> Result<Ticket, EngineError> {
        if self.held.len() >= M::HELD_OUTPUTS_MAX {
            // Whatever the policy would wait for: now all of them can be released.
            self.journal.commit()?;
            return Err(EngineError::Backlog {
                held: self.held.len(),
                limit: M::HELD_OUTPUTS_MAX,
            });
        }
        let ticket = self.journal.append(entry)?;
        self.apply(entry, ticket.sequence());
        Ok(ticket)
    }

    /// Takes entries in order, and hands out outputs as their entries are acknowledged. Those that are not yet
    /// when this returns wait for [`Sequenced::release`]. If too many wait, the journal is asked to commit early.
    ///
    /// # Errors
    /// The journal failed, now or earlier. Entries before the failure may have been taken.
    pub fn submit_batch(
        &mut self,
        entries: &[<M::Terms as Terms>::Entry],
        sink: &mut impl FnMut(u64, M::Output),
    ) -> Result<(), EngineError> {
        for piece in entries.chunks(BATCH_ENTRIES) {
            if self.held.len() >= M::HELD_OUTPUTS_MAX {
                self.journal.commit()?;
            }
            let first = self.journal.sequence() + 1;
            let ticket = self.journal.append_batch(piece)?;
            for (sequence, entry) in (first..=ticket.sequence()).zip(piece) {
                self.apply(entry, sequence);
            }
            self.release(sink);
        }
        Ok(())
    }

    fn apply(&mut self, entry: &<M::Terms as Terms>::Entry, sequence: u64) {
        let held = &mut self.held;
        self.machine.apply(entry, &mut |output| {
            held.push_back(Held { sequence, output });
        });
        // The journal stops giving numbers where the machine does.
        assert_eq!(
            self.machine.sequence(),
            sequence,
            "the machine and its journal count the same entries"
        );
    }

    /// Commits what has waited as long as the policy allows. To be called now and then while no entries come.
    ///
    /// # Errors
    /// The journal failed, now or earlier.
    pub fn poll(&mut self) -> Result<(), EngineError> {
        Ok(self.journal.poll()?)
    }

    /// Does now what the policy asks for: every entry taken is acknowledged.
    ///
    /// # Errors
    /// The journal failed, now or earlier.
    pub fn commit(&mut self) -> Result<(), EngineError> {
        Ok(self.journal.commit()?)
    }

    /// Hands out, with their entries' numbers, the outputs of acknowledged entries that were not handed out before.
    pub fn release(&mut self, sink: &mut impl FnMut(u64, M::Output)) {
        let acknowledged = self.journal.acknowledged();
        let is_ready = |held: &Held<M::Output>| held.sequence <= acknowledged;
        while self.held.front().is_some_and(is_ready) {
            if let Some(held) = self.held.pop_front() {
                sink(held.sequence, held.output);
            }
        }
    }

    /// Makes everything durable and takes a snapshot of it. The snapshot's entry is returned.
    ///
    /// # Errors
    /// The journal failed, or the snapshot could not be written; the latter leaves the engine as good as before.
    pub fn snapshot(&mut self) -> Result<u64, EngineError> {
        self.journal.sync()?;
        self.freeze()?.store(self.journal.storage())
    }

    /// Acknowledges everything, and copies what a snapshot of it needs, for another thread to write. That takes as long as writing the state's bytes into
    /// memory does.
    ///
    /// # Errors
    /// The journal failed, now or earlier.
    pub fn freeze(&mut self) -> Result<Frozen, EngineError> {
        self.journal.commit()?;
        Ok(Frozen {
            sequence: self.journal.sequence(),
            chain: *self.journal.chain(),
            segment: self.journal.segment().to_owned(),
            state: state_bytes(&self.machine),
        })
    }

    /// Makes everything durable, hands out the outputs that waited, and gives the lock back.
    ///
    /// # Errors
    /// The journal failed, now or earlier.
    pub fn close(mut self, sink: &mut impl FnMut(u64, M::Output)) -> Result<(), EngineError> {
        self.journal.sync()?;
        self.release(sink);
        Ok(self.journal.close()?)
    }
}
