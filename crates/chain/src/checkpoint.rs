//! Where a chain of batches stands, and what may come next.

use core::error::Error;
use core::fmt;

use proofbook_commitment::{Digest, Header, Portable};
use proofbook_types::MarketConfig;

use crate::span::Span;

/// Where a market stands between two batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which market.
    pub market: u64,
    /// Hash of its configuration.
    pub config: Digest,
    /// Number of the last batch; 0 before the first.
    pub batch: u64,
    /// Sequence of the last command; 0 before the first.
    pub sequence: u64,
    /// The clock, nanoseconds.
    pub clock: u64,
    /// The state root.
    pub root: Digest,
}

impl Checkpoint {
    /// Before the first batch of the market with this configuration.
    pub fn genesis(config: &MarketConfig) -> Self {
        let header = Header::start::<Portable>(config);
        Checkpoint {
            market: config.market,
            config: header.config,
            batch: 0,
            sequence: header.counters.sequence,
            clock: header.counters.clock.0,
            root: header.state_root::<Portable>(),
        }
    }

    /// Before the first of these batches, as they say.
    ///
    /// # Errors
    /// A number or sequence 0, which no batch has.
    pub fn before(next: impl Into<Span>) -> Result<Self, ChainError> {
        let next = next.into();
        let previous = |number: u64, what| {
            number.checked_sub(1).ok_or(ChainError::Number {
                what,
                expected: 1,
                received: 0,
            })
        };
        Ok(Checkpoint {
            market: next.market,
            config: next.config,
            batch: previous(next.first_batch, Number::Batch)?,
            sequence: previous(next.first_sequence, Number::FirstSequence)?,
            clock: next.clock_before,
            root: next.previous_root,
        })
    }

    /// After the last of these batches.
    pub fn after(last: impl Into<Span>) -> Self {
        let last = last.into();
        Checkpoint {
            market: last.market,
            config: last.config,
            batch: last.last_batch,
            sequence: last.last_sequence,
            clock: last.clock_after,
            root: last.new_root,
        }
    }

    /// Whether these batches come next.
    ///
    /// # Errors
    /// The first thing in which they do not follow.
    pub fn check(&self, next: impl Into<Span>) -> Result<(), ChainError> {
        let span = next.into();
        let equal = |what, expected, received| {
            if expected == received {
                Ok(())
            } else {
                Err(ChainError::Number {
                    what,
                    expected,
                    received,
                })
            }
        };
        let next = |number: u64| number.checked_add(1).ok_or(ChainError::Exhausted);
        equal(Number::Market, self.market, span.market)?;
        if self.config != span.config {
            return Err(ChainError::Configuration {
                expected: self.config,
                received: span.config,
            });
        }
        equal(Number::Batch, next(self.batch)?, span.first_batch)?;
        if self.root != span.previous_root {
            return Err(ChainError::Root {
                expected: self.root,
                received: span.previous_root,
            });
        }
        let first = next(self.sequence)?;
        equal(Number::FirstSequence, first, span.first_sequence)?;
        equal(Number::ClockBefore, self.clock, span.clock_before)?;
        if span.clock_after < span.clock_before {
            return Err(ChainError::ClockReversed {
                expected: span.clock_before,
                received: span.clock_after,
            });
        }
        let taken = span.last_sequence.checked_sub(self.sequence);
        if taken.is_none_or(|taken| taken > span.commands) {
            return Err(ChainError::SequenceCount {
                expected: span.commands,
                first,
                last: span.last_sequence,
            });
        }
        Ok(())
    }
}

/// Numbers that continue from batch to batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Number {
    /// Number of the market.
    Market,
    /// Number of the batch.
    Batch,
    /// Sequence of the first command.
    FirstSequence,
    /// The clock before the batch.
    ClockBefore,
}

/// Why a batch does not follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainError {
    /// A number does not continue.
    Number {
        /// Which one.
        what: Number,
        /// What follows.
        expected: u64,
        /// What the batch has.
        received: u64,
    },
    /// Another configuration.
    Configuration {
        /// The market's.
        expected: Digest,
        /// The batch's.
        received: Digest,
    },
    /// The batch begins in another state.
    Root {
        /// The state that the chain ended in.
        expected: Digest,
        /// The state that the batch begins in.
        received: Digest,
    },
    /// The clock goes back within the batch.
    ClockReversed {
        /// The clock before it: the least that follows.
        expected: u64,
        /// The clock after it.
        received: u64,
    },
    /// The batch takes another number of sequence numbers than its commands can.
    SequenceCount {
        /// Number of its commands: the most that follows.
        expected: u64,
        /// First sequence and last one.
        first: u64,
        /// Last sequence.
        last: u64,
    },
    /// There is no number after this one.
    Exhausted,
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChainError::Number {
                what,
                expected,
                received,
            } => {
                let name = match what {
                    Number::Market => "market",
                    Number::Batch => "batch",
                    Number::FirstSequence => "first sequence",
                    Number::ClockBefore => "clock before it",
                };
                write!(f, "{name}: expected {expected}; received {received}")?;
                match what {
                    Number::Batch if received < expected => write!(f, " (a replay or a fork)"),
                    Number::Batch => write!(f, " (batches between them are missing)"),
                    _ => Ok(()),
                }
            }
            ChainError::Configuration { expected, received } => {
                write!(f, "configuration: expected {expected}; received {received}")
            }
            ChainError::Root { expected, received } => {
                write!(f, "previous root: expected {expected}; received {received} (a fork)")
            }
            ChainError::ClockReversed { expected, received } => {
                write!(f, "clock after it: expected at least {expected}; received {received}")
            }
            ChainError::SequenceCount {
                expected,
                first,
                last,
            } => write!(
                f,
                "sequences: expected at most {expected} from {first} on; received {last} as the last"
            ),
            ChainError::Exhausted => write!(f, "there is no number after the last batch or sequence"),
        }
    }
}

impl Error for ChainError {}
