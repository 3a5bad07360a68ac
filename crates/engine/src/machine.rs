//! What an engine runs: anything deterministic whose state comes from a log alone. A market is one, an exchange another.

use proofbook_book::Book;
use proofbook_journal::Terms;
use proofbook_matching::MatchingEngine;
use proofbook_types::{Command, ConfigError, DecodeError, Event, MarketConfig};

/// A state that the entries of a log lead to, one after another. Equal entries give equal outputs and equal states.
pub trait Machine {
    /// The terms of its log, which say what an entry is.
    type Terms: Terms;
    /// What it says about an entry.
    type Output;

    /// With so many outputs waiting for release no further entry is taken.
    const HELD_OUTPUTS_MAX: usize;

    /// The terms it was started with.
    fn terms(&self) -> &Self::Terms;

    /// How many entries it has taken.
    fn sequence(&self) -> u64;

    /// Takes the next entry and hands out what came of it.
    fn apply(&mut self, entry: &<Self::Terms as Terms>::Entry, sink: &mut impl FnMut(Self::Output));

    /// Hands the state's canonical bytes to `out`, piece by piece.
    fn write_state(&self, out: &mut impl FnMut(&[u8]));
}

/// Makes machines: recovery needs new ones, from terms or from a snapshot's state.
pub trait Maker<M: Machine> {
    /// A machine that has taken nothing.
    ///
    /// # Errors
    /// Terms that make none.
    fn start(&self, terms: M::Terms) -> Result<M, ConfigError>;

    /// The machine whose state has these canonical bytes.
    ///
    /// # Errors
    /// They are no state.
    fn restore(&self, state: &[u8]) -> Result<M, DecodeError>;
}

/// With so many events waiting for release no further command is taken.
pub const HELD_EVENTS_MAX: usize = 1 << 20;

impl<B: Book> Machine for MatchingEngine<B> {
    type Terms = MarketConfig;
    type Output = Event;

    const HELD_OUTPUTS_MAX: usize = HELD_EVENTS_MAX;

    fn terms(&self) -> &MarketConfig {
        self.config()
    }

    fn sequence(&self) -> u64 {
        MatchingEngine::sequence(self)
    }

    #[inline(always)]
    fn apply(&mut self, command: &Command, sink: &mut impl FnMut(Event)) {
        MatchingEngine::apply(self, command, sink);
    }

    fn write_state(&self, out: &mut impl FnMut(&[u8])) {
        MatchingEngine::write_state(self, out);
    }
}

/// Markets over the books that a function makes.
pub(crate) struct OverBooks<'a, F>(pub &'a F);

impl<B: Book, F: Fn() -> B> Maker<MatchingEngine<B>> for OverBooks<'_, F> {
    fn start(&self, config: MarketConfig) -> Result<MatchingEngine<B>, ConfigError> {
        MatchingEngine::new(config, (self.0)())
    }

    fn restore(&self, state: &[u8]) -> Result<MatchingEngine<B>, DecodeError> {
        MatchingEngine::restore(state, (self.0)())
    }
}
