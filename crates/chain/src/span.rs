//! Where batches that follow each other begin and end.

use proofbook_commitment::{Digest, PublicValues};

/// Where one batch, or several of which each is the next one after the other, begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Which market.
    pub market: u64,
    /// Hash of its configuration.
    pub config: Digest,
    /// Number of the first batch.
    pub first_batch: u64,
    /// Number of the last batch.
    pub last_batch: u64,
    /// Sequence of the first command.
    pub first_sequence: u64,
    /// Sequence of the last command: below the first one where no command took a sequence number.
    pub last_sequence: u64,
    /// The clock before the first batch, nanoseconds.
    pub clock_before: u64,
    /// The clock after the last batch.
    pub clock_after: u64,
    /// The state root before the first batch.
    pub previous_root: Digest,
    /// The state root after the last batch.
    pub new_root: Digest,
    /// Number of commands.
    pub commands: u64,
}

impl From<&PublicValues> for Span {
    fn from(values: &PublicValues) -> Self {
        Span {
            market: values.market,
            config: values.config,
            first_batch: values.batch,
            last_batch: values.batch,
            first_sequence: values.first_sequence,
            last_sequence: values.last_sequence,
            clock_before: values.clock_before,
            clock_after: values.clock_after,
            previous_root: values.previous_root,
            new_root: values.new_root,
            commands: values.commands,
        }
    }
}
