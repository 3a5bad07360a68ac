//! Public values: what a proof of a batch says, in one fixed encoding.

use crate::sponge::Digest;

/// The version of the encoding and of everything that the digests in it are made of.
pub const PUBLIC_VERSION: u64 = 1;
/// Words of encoded [`PublicValues`].
pub const PUBLIC_WORDS: usize = 29;
/// Length of encoded [`PublicValues`].
pub const PUBLIC_BYTES: usize = 8 * PUBLIC_WORDS;

/// A market with this configuration and this previous state took these commands, as its batch of this number: they had these
/// events and left this new state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicValues {
    /// Which market.
    pub market: u64,
    /// Hash of its configuration.
    pub config: Digest,
    /// Number of the batch; the first one of a market is 1. Only the chain of batches gives it a meaning.
    pub batch: u64,
    /// Sequence of the batch's first command.
    pub first_sequence: u64,
    /// Sequence of its last command: below the first one where no command took a sequence number.
    pub last_sequence: u64,
    /// The clock before the batch, nanoseconds.
    pub clock_before: u64,
    /// The clock after it.
    pub clock_after: u64,
    /// The state root before the batch.
    pub previous_root: Digest,
    /// The state root after it.
    pub new_root: Digest,
    /// Number of commands.
    pub commands: u64,
    /// Root of the list of commands.
    pub command_root: Digest,
    /// Number of events.
    pub events: u64,
    /// Root of the list of events, which has one leaf for each command.
    pub event_root: Digest,
}

impl PublicValues {
    /// The only encoding: the version, then the fields in their order, each number eight bytes little-endian, each digest
    /// 32 bytes.
    pub fn encode(&self) -> [u8; PUBLIC_BYTES] {
        let mut bytes = [0; PUBLIC_BYTES];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.words()) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The words of the encoding.
    pub fn words(&self) -> [u64; PUBLIC_WORDS] {
        let mut words = [0; PUBLIC_WORDS];
        words[0] = PUBLIC_VERSION;
        words[1] = self.market;
        words[2..6].copy_from_slice(&self.config.0);
        words[6] = self.batch;
        words[7] = self.first_sequence;
        words[8] = self.last_sequence;
        words[9] = self.clock_before;
        words[10] = self.clock_after;
        words[11..15].copy_from_slice(&self.previous_root.0);
        words[15..19].copy_from_slice(&self.new_root.0);
        words[19] = self.commands;
        words[20..24].copy_from_slice(&self.command_root.0);
        words[24] = self.events;
        words[25..29].copy_from_slice(&self.event_root.0);
        words
    }

    /// The values that encode to exactly these bytes, or `None` where there are none.
    pub fn decode(bytes: &[u8]) -> Option<PublicValues> {
        let bytes: &[u8; PUBLIC_BYTES] = bytes.try_into().ok()?;
        let mut words = [0; PUBLIC_WORDS];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(chunk.try_into().ok()?);
        }
        PublicValues::from_words(&words)
    }

    /// The values with exactly these words, or `None` where there are none.
    pub fn from_words(words: &[u64; PUBLIC_WORDS]) -> Option<PublicValues> {
        let digest = |place: usize| {
            let digest = Digest([
                words[place],
                words[place + 1],
                words[place + 2],
                words[place + 3],
            ]);
            digest.is_canonical().then_some(digest)
        };
        let values = PublicValues {
            market: words[1],
            config: digest(2)?,
            batch: words[6],
            first_sequence: words[7],
            last_sequence: words[8],
            clock_before: words[9],
            clock_after: words[10],
            previous_root: digest(11)?,
            new_root: digest(15)?,
            commands: words[19],
            command_root: digest(20)?,
            events: words[24],
            event_root: digest(25)?,
        };
        (words[0] == PUBLIC_VERSION).then_some(values)
    }
}
