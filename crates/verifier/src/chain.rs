//! Chains of proven batches: each begins where the one before it ended.

use proofbook_chain::{ChainError, Checkpoint};
use proofbook_types::MarketConfig;

use crate::{Verified, VerifiedChain};

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

    /// Takes the next batches, which were proven at once. After an error the chain is as before.
    ///
    /// # Errors
    /// The first thing in which they do not follow.
    pub fn extend_by(&mut self, next: &VerifiedChain) -> Result<(), ChainError> {
        self.end.check(next.values().span)?;
        self.end = Checkpoint::after(next.values().span);
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
