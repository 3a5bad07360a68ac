//! Core and log put together: an exchange that survives a crash. The engine is the one that markets have.

use proofbook_book::Book;
use proofbook_engine::{
    EngineError, Machine, Maker, RecoveryReport, Replica as Following, Sequenced, Verification,
};
use proofbook_journal::{Clock, Options, Storage};
use proofbook_types::{ConfigError, DecodeError};

use crate::follow::FollowError;
use crate::{Entry, Exchange, ExchangeTerms, Follower, Outcome};

/// With so many outcomes waiting for release no further entry is taken.
pub const HELD_OUTCOMES_MAX: usize = 1 << 18;

/// An exchange with its log: entries are submitted, and their outcomes leave once the log has acknowledged them.
pub type ExchangeEngine<B, S, C> = Sequenced<Exchange<B>, S, C>;

/// An exchange that follows a log which another thread or process writes. It hands out each outcome with its entry and that
/// one's number.
pub type Replica<B, S> = Following<Exchange<B>, S>;

/// An exchange that was opened again, and what its recovery found.
pub type Recovered<B, S, C> = (ExchangeEngine<B, S, C>, RecoveryReport<ExchangeTerms>);

impl<B: Book + Default> Machine for Exchange<B> {
    type Terms = ExchangeTerms;
    type Output = Outcome;

    const HELD_OUTPUTS_MAX: usize = HELD_OUTCOMES_MAX;

    fn terms(&self) -> &ExchangeTerms {
        Exchange::terms(self)
    }

    fn sequence(&self) -> u64 {
        Exchange::sequence(self)
    }

    #[inline]
    fn apply(&mut self, entry: &Entry, sink: &mut impl FnMut(Outcome)) {
        Exchange::apply(self, entry, sink);
    }

    fn write_state(&self, out: &mut impl FnMut(&[u8])) {
        Exchange::write_state(self, out);
    }
}

/// Makes exchanges for recovery.
struct Exchanges;

impl<B: Book + Default> Maker<Exchange<B>> for Exchanges {
    fn start(&self, terms: ExchangeTerms) -> Result<Exchange<B>, ConfigError> {
        Exchange::new(terms)
    }

    fn restore(&self, state: &[u8]) -> Result<Exchange<B>, DecodeError> {
        Exchange::restore(state)
    }
}

/// Starts an exchange and its log.
///
/// # Errors
/// Terms that make no exchange; or the log exists already, is in use or cannot be written.
pub fn create<B: Book + Default, S: Storage, C: Clock>(
    storage: S,
    clock: C,
    terms: ExchangeTerms,
    options: Options,
) -> Result<ExchangeEngine<B, S, C>, EngineError> {
    Sequenced::start(storage, clock, options, Exchange::new(terms)?)
}

/// Goes on with an exchange from its log: the last good snapshot and the entries behind it. Every outcome of entries
/// numbered above `outcomes_after` is handed to `sink` once more, for whoever has seen the outcomes only so far.
///
/// # Errors
/// The log is missing, in use, damaged or cannot be read or written.
pub fn open<B: Book + Default, S: Storage, C: Clock>(
    storage: S,
    clock: C,
    options: Options,
    verification: Verification,
    outcomes_after: u64,
    sink: &mut impl FnMut(u64, Outcome),
) -> Result<Recovered<B, S, C>, EngineError> {
    Sequenced::resume(
        storage,
        clock,
        options,
        verification,
        &Exchanges,
        outcomes_after,
        sink,
    )
}

/// Follows the log in `storage` from the newest snapshot at or before entry `outcomes_after`, else from its beginning. It is read
/// only: no lock is taken and no file is changed.
///
/// # Errors
/// The log is missing, damaged or cannot be read.
pub fn replicate<B: Book + Default, S: Storage + Clone>(
    storage: S,
    outcomes_after: u64,
) -> Result<Replica<B, S>, EngineError> {
    Following::open(storage, &Exchanges, outcomes_after)
}

/// Makes the followers' journals durable, then takes a snapshot. So whatever commands a follower lacks after a crash are
/// among the outcomes of the entries behind the last snapshot, and [`open`] with its number hands them out again.
///
/// # Errors
/// A journal failed; or a follower lacks commands.
pub fn snapshot<B: Book + Default, S: Storage, C: Clock, F: Storage, D: Clock>(
    engine: &mut ExchangeEngine<B, S, C>,
    followers: &mut [Follower<F, D>],
) -> Result<u64, FollowError> {
    engine.commit()?;
    for follower in followers {
        let found = engine.machine().market(follower.market());
        let expected = found.map_or(0, |(_, matching)| matching.sequence());
        follower.expect(expected)?;
        follower.sync()?;
    }
    Ok(engine.snapshot()?)
}
