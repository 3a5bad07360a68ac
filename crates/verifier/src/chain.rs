//! Chains of batches: each begins where the one before it ended.
//!
//! A proof speaks of one batch alone. That it was not left out, repeated or replaced by another shows in the chain: number,
//! sequence, clock and state root continue without a gap, and market and configuration stay the same. Whoever holds the end of a
//! chain and gets the next proof sees every replay, gap and fork.

use std::error::Error;
use std::fmt;

use proofbook_commitment::{Digest, Header, Portable, PublicValues};
use proofbook_types::MarketConfig;

use crate::Verified;

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

    /// Before the batch with these values, as they say.
    ///
    /// # Errors
    /// Values with number or sequence 0, which no batch has.
    pub fn before(values: &PublicValues) -> Result<Self, ChainError> {
        let previous = |number: u64, what| {
            number.checked_sub(1).ok_or(ChainError::Number {
                what,
                expected: 1,
                received: 0,
            })
        };
        Ok(Checkpoint {
            market: values.market,
            config: values.config,
            batch: previous(values.batch, Number::Batch)?,
            sequence: previous(values.first_sequence, Number::FirstSequence)?,
            clock: values.clock_before,
            root: values.previous_root,
        })
    }

    /// After the batch with these values.
    pub fn after(values: &PublicValues) -> Self {
        Checkpoint {
            market: values.market,
            config: values.config,
            batch: values.batch,
            sequence: values.last_sequence,
            clock: values.clock_after,
            root: values.new_root,
        }
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

/// Proven batches of one market, each the next one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    start: Checkpoint,
    end: Checkpoint,
    is_from_genesis: bool,
}

impl Chain {
    /// No batch yet, of the market with this configuration, which has taken no command.
    pub fn start_at_genesis(config: &MarketConfig) -> Self {
        Chain {
            is_from_genesis: true,
            ..Chain::trusting(Checkpoint::genesis(config))
        }
    }

    /// No batch yet, from where the caller knows the market to stand, or takes it to stand.
    pub fn trusting(start: Checkpoint) -> Self {
        Chain {
            start,
            end: start,
            is_from_genesis: false,
        }
    }

    /// Takes the next batch. After an error the chain is as before.
    ///
    /// # Errors
    /// The first thing in which the batch does not follow.
    pub fn extend(&mut self, next: &Verified) -> Result<(), ChainError> {
        self.end.check(next.values())?;
        self.end = Checkpoint::after(next.values());
        Ok(())
    }

    /// Where the first batch began.
    pub fn start(&self) -> &Checkpoint {
        &self.start
    }

    /// Where the last batch ended.
    pub fn end(&self) -> &Checkpoint {
        &self.end
    }

    /// Number of batches.
    pub fn batches(&self) -> u64 {
        self.end.batch - self.start.batch
    }

    /// Whether it was started at the empty state of a known configuration, so that nothing about it is taken on trust.
    pub fn is_from_genesis(&self) -> bool {
        self.is_from_genesis
    }

    /// Whether it begins at the empty state of the market with this configuration.
    pub fn begins_at(&self, config: &MarketConfig) -> bool {
        self.start == Checkpoint::genesis(config)
    }
}

impl Checkpoint {
    /// Whether a batch with these values comes next.
    fn check(&self, values: &PublicValues) -> Result<(), ChainError> {
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
        equal(Number::Market, self.market, values.market)?;
        if self.config != values.config {
            return Err(ChainError::Configuration {
                expected: self.config,
                received: values.config,
            });
        }
        equal(Number::Batch, next(self.batch)?, values.batch)?;
        if self.root != values.previous_root {
            return Err(ChainError::Root {
                expected: self.root,
                received: values.previous_root,
            });
        }
        let first = next(self.sequence)?;
        equal(Number::FirstSequence, first, values.first_sequence)?;
        equal(Number::ClockBefore, self.clock, values.clock_before)?;
        if values.clock_after < values.clock_before {
            return Err(ChainError::ClockReversed {
                expected: values.clock_before,
                received: values.clock_after,
            });
        }
        let taken = values.last_sequence.checked_sub(self.sequence);
        if taken.is_none_or(|taken| taken > values.commands) {
            return Err(ChainError::SequenceCount {
                expected: values.commands,
                first,
                last: values.last_sequence,
            });
        }
        Ok(())
    }
}
