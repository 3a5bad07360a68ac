//! One market that survives a crash: every command goes into the journal before it is applied, and nothing that came of
//! it is shown before the journal acknowledges it.
//!
//! Invariants:
//! - the market's sequence is the journal's sequence;
//! - events leave in order, once, and only those of acknowledged commands;
//! - at most [`HELD_EVENTS_MAX`] events, and those of one command more, wait.

use std::collections::VecDeque;

use proofbook_book::Book;
use proofbook_journal::{market, Clock, Journal, Options, Snapshot, Storage, Ticket, WriterLock};
use proofbook_matching::MatchingEngine;
use proofbook_types::{Command, Event, MarketConfig};

use crate::digest::{digest, state_bytes};
use crate::recover::{rebuild, RecoveryReport, Verification};
use crate::EngineError;

/// With so many events waiting for release no further command is taken.
pub const HELD_EVENTS_MAX: usize = 1 << 20;

/// A batch is written to the journal and applied in pieces of so many commands, which stay in the processor's caches.
const BATCH_COMMANDS: usize = 256;

/// An event that waits until its command is acknowledged.
#[derive(Clone, Copy, Debug)]
struct Held {
    sequence: u64,
    event: Event,
}

/// A market over a book of type `B`, with its journal.
pub struct Engine<B, S: Storage, C: Clock> {
    matching: MatchingEngine<B>,
    journal: Journal<S, C>,
    held: VecDeque<Held>,
}

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
        let matching = MatchingEngine::new(config, book)?;
        let lock = WriterLock::take(storage)?;
        Ok(Engine {
            matching,
            journal: Journal::create(lock, clock, config, options)?,
            held: VecDeque::new(),
        })
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
        // Looked at before the lock is made, so that a directory without a journal stays as it is.
        market(&storage)?;
        let lock = WriterLock::take(storage)?;
        let mut rebuilt = rebuild(lock.storage(), verification, &book, events_after, sink)?;
        let journal = Journal::resume(lock, clock, options, &rebuilt.scan)?;
        rebuilt.report.is_repaired = true;
        let engine = Engine {
            matching: rebuilt.matching,
            journal,
            held: VecDeque::new(),
        };
        Ok((engine, rebuilt.report))
    }

    /// The market, ahead of what is acknowledged by what [`Engine::acknowledged`] and its sequence differ by.
    pub fn matching(&self) -> &MatchingEngine<B> {
        &self.matching
    }

    /// The journal.
    pub fn journal(&self) -> &Journal<S, C> {
        &self.journal
    }

    /// The last command that was acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.journal.acknowledged()
    }

    /// The digest of the market's state.
    pub fn digest(&self) -> [u8; 32] {
        digest(&self.matching)
    }

    /// Takes a command: writes it to the journal and applies it. Its events wait for [`Engine::release`].
    ///
    /// # Errors
    /// The journal failed, now or earlier. Or [`HELD_EVENTS_MAX`] events wait: then the command is not taken, and the
    /// events of all before it are acknowledged and can be released.
    pub fn submit(&mut self, command: &Command) -> Result<Ticket, EngineError> {
        if self.held.len() >= HELD_EVENTS_MAX {
            // Whatever the policy would wait for: now all of them can be released.
            self.journal.commit()?;
            return Err(EngineError::Backlog {
                held: self.held.len(),
                limit: HELD_EVENTS_MAX,
            });
        }
        let ticket = self.journal.append(command)?;
        self.apply(command, ticket.sequence());
        Ok(ticket)
    }

    /// Takes commands in order, and hands out events as their commands are acknowledged. Those that are not yet
    /// when this returns wait for [`Engine::release`]. If too many wait, the journal is asked to commit early.
    ///
    /// # Errors
    /// The journal failed, now or earlier. Commands before the failure may have been taken.
    pub fn submit_batch(
        &mut self,
        commands: &[Command],
        sink: &mut impl FnMut(u64, Event),
    ) -> Result<(), EngineError> {
        for piece in commands.chunks(BATCH_COMMANDS) {
            if self.held.len() >= HELD_EVENTS_MAX {
                self.journal.commit()?;
            }
            let first = self.journal.sequence() + 1;
            let ticket = self.journal.append_batch(piece)?;
            for (sequence, command) in (first..=ticket.sequence()).zip(piece) {
                self.apply(command, sequence);
            }
            self.release(sink);
        }
        Ok(())
    }

    fn apply(&mut self, command: &Command, sequence: u64) {
        let held = &mut self.held;
        self.matching.apply(command, &mut |event: Event| {
            held.push_back(Held { sequence, event });
        });
        // The journal stops giving numbers where the market does.
        assert_eq!(
            self.matching.sequence(),
            sequence,
            "the market and its journal count the same commands"
        );
    }

    /// Commits what has waited as long as the policy allows. To be called now and then while no commands come.
    ///
    /// # Errors
    /// The journal failed, now or earlier.
    pub fn poll(&mut self) -> Result<(), EngineError> {
        Ok(self.journal.poll()?)
    }

    /// Does now what the policy asks for: every command taken is acknowledged.
    ///
    /// # Errors
    /// The journal failed, now or earlier.
    pub fn commit(&mut self) -> Result<(), EngineError> {
        Ok(self.journal.commit()?)
    }

    /// Hands out, with their commands' numbers, the events of acknowledged commands that were not handed out before.
    pub fn release(&mut self, sink: &mut impl FnMut(u64, Event)) {
        let acknowledged = self.journal.acknowledged();
        while let Some(held) = self.held.front() {
            if held.sequence > acknowledged {
                break;
            }
            sink(held.sequence, held.event);
            self.held.pop_front();
        }
    }

    /// Makes everything durable and takes a snapshot of it. The snapshot's command is returned.
    ///
    /// # Errors
    /// The journal failed, or the snapshot could not be written; the latter leaves the engine as good as before.
    pub fn snapshot(&mut self) -> Result<u64, EngineError> {
        self.journal.sync()?;
        let state = state_bytes(&self.matching);
        let snapshot = Snapshot {
            sequence: self.journal.sequence(),
            chain: *self.journal.chain(),
            digest: *blake3::hash(&state).as_bytes(),
            state,
        };
        snapshot.write(self.journal.storage())?;
        Ok(snapshot.sequence)
    }

    /// Makes everything durable, hands out the events that waited, and gives the lock back.
    ///
    /// # Errors
    /// The journal failed, now or earlier.
    pub fn close(mut self, sink: &mut impl FnMut(u64, Event)) -> Result<(), EngineError> {
        self.journal.sync()?;
        self.release(sink);
        Ok(self.journal.close()?)
    }
}
