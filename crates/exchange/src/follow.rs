//! Followers: the commands that a market was given, in a journal of that market's own, off the hot path.
//!
//! A follower's journal is an ordinary market's: whoever recovers, seals or proves markets takes it as it is. It holds
//! nothing that does not follow from the exchange's log, so it may lag behind and is brought up to date after a crash.

use std::fmt;

use proofbook_engine::EngineError;
use proofbook_journal::{
    market as journal_market, scan, Clock, Journal, JournalError, Options, Storage, WriterLock,
};
use proofbook_types::{Command, MarketConfig};

use crate::{MarketId, Outcome};

/// A command that only a log's last segment can come to.
pub(crate) const LAST_SEGMENT: u64 = u64::MAX - 1;

/// Why a follower could not go on.
#[derive(Debug)]
pub enum FollowError {
    /// Its journal failed, is damaged or in use.
    Journal(JournalError),
    /// The exchange's log failed.
    Engine(EngineError),
    /// Its journal is that of a market with other terms.
    OtherMarket {
        /// The terms it was to have.
        expected: Box<MarketConfig>,
        /// Those it has.
        received: Box<MarketConfig>,
    },
    /// Commands are missing between those it has and the next, or it lacks the last ones.
    Gap {
        /// The market.
        market: MarketId,
        /// The command it was to come to.
        expected: u64,
        /// The command it came to.
        received: u64,
    },
}

impl fmt::Display for FollowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FollowError::Journal(error) => error.fmt(f),
            FollowError::Engine(error) => error.fmt(f),
            FollowError::OtherMarket { expected, received } => {
                write!(f, "the journal is of {received:?}, not of {expected:?}")
            }
            FollowError::Gap {
                market,
                expected,
                received,
            } => write!(
                f,
                "market {}: expected command {expected}, received {received}",
                market.0
            ),
        }
    }
}

impl std::error::Error for FollowError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            FollowError::Journal(error) => Some(error),
            FollowError::Engine(error) => Some(error),
            FollowError::OtherMarket { .. } | FollowError::Gap { .. } => None,
        }
    }
}

impl From<JournalError> for FollowError {
    fn from(error: JournalError) -> Self {
        FollowError::Journal(error)
    }
}

impl From<EngineError> for FollowError {
    fn from(error: EngineError) -> Self {
        FollowError::Engine(error)
    }
}

/// Writes the commands of one market into a journal.
pub struct Follower<S: Storage, C: Clock> {
    market: MarketId,
    journal: Journal<S, C>,
}

impl<S: Storage, C: Clock> Follower<S, C> {
    /// Starts the journal of a market, or goes on with it.
    ///
    /// # Errors
    /// The journal is that of another market, in use, damaged, or cannot be read or written.
    pub fn open(
        storage: S,
        clock: C,
        options: Options,
        market: MarketId,
        config: MarketConfig,
    ) -> Result<Self, FollowError> {
        let found = match journal_market(&storage) {
            Ok(found) => Some(found),
            Err(JournalError::Missing { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(found) = found.filter(|found| *found != config) {
            return Err(FollowError::OtherMarket {
                expected: Box::new(config),
                received: Box::new(found),
            });
        }
        let lock = WriterLock::take(storage)?;
        let journal = if found.is_some() {
            // Earlier segments are read by whoever goes through the market.
            let found = scan(lock.storage(), LAST_SEGMENT, &mut |_, _, _| {})?;
            Journal::resume(lock, clock, options, &found)?
        } else {
            Journal::create(lock, clock, config, options)?
        };
        Ok(Follower { market, journal })
    }

    /// The market.
    pub fn market(&self) -> MarketId {
        self.market
    }

    /// The journal.
    pub fn journal(&self) -> &Journal<S, C> {
        &self.journal
    }

    /// Takes the next outcome: a command of this market that is not in the journal yet is written to it.
    ///
    /// # Errors
    /// A command before it is missing; or the journal failed.
    pub fn take(&mut self, outcome: &Outcome) -> Result<(), FollowError> {
        match outcome {
            Outcome::Command {
                market,
                number,
                command,
            } if *market == self.market => self.take_command(*number, command),
            _ => Ok(()),
        }
    }

    fn take_command(&mut self, number: u64, command: &Command) -> Result<(), FollowError> {
        if number <= self.journal.sequence() {
            return Ok(());
        }
        self.expect(number - 1)?;
        let _ticket = self.journal.append(command)?;
        Ok(())
    }

    /// Checks that the journal's last command has this number.
    ///
    /// # Errors
    /// It has another.
    pub fn expect(&self, number: u64) -> Result<(), FollowError> {
        if self.journal.sequence() == number {
            return Ok(());
        }
        Err(FollowError::Gap {
            market: self.market,
            expected: number,
            received: self.journal.sequence(),
        })
    }

    /// Does for all that was taken what the journal's policy asks for.
    ///
    /// # Errors
    /// The journal failed.
    pub fn commit(&mut self) -> Result<(), FollowError> {
        Ok(self.journal.commit()?)
    }

    /// Makes all that was taken durable.
    ///
    /// # Errors
    /// The journal failed.
    pub fn sync(&mut self) -> Result<(), FollowError> {
        Ok(self.journal.sync()?)
    }
}
