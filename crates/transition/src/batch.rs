//! What the proven function is given besides the witness: where the market stands, and the commands.

use alloc::vec::Vec;

use proofbook_commitment::{Digest, MAPS};
use proofbook_types::{
    Command, Counters, MarketConfig, COMMAND_WORDS, CONFIG_WORDS, COUNTER_WORDS,
};

/// Words before the first command.
pub const BATCH_WORDS: usize = 1 + CONFIG_WORDS + COUNTER_WORDS + 4 * MAPS;

/// A batch: its number, the configuration and state of its market, and its commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchInput {
    /// Number of the batch.
    pub number: u64,
    /// The market's terms.
    pub config: MarketConfig,
    /// What the market counts, before the batch.
    pub counters: Counters,
    /// The roots of its maps, before the batch.
    pub roots: [Digest; MAPS],
    /// The commands.
    pub commands: Vec<Command>,
}

impl BatchInput {
    /// The encoding: the number, the configuration, the counters, the roots, then each command, all as words.
    pub fn words(&self) -> Vec<u64> {
        let mut words = Vec::with_capacity(BATCH_WORDS + self.commands.len() * COMMAND_WORDS);
        words.push(self.number);
        words.extend(self.config.words());
        words.extend(self.counters.words());
        words.extend(self.roots.iter().flat_map(|root| root.0));
        words.extend(self.commands.iter().flat_map(Command::words));
        words
    }
}
