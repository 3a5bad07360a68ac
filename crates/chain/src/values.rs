//! What a proof of a chain says, in one fixed encoding.

use proofbook_commitment::Digest;

use crate::span::Span;

/// The version of the encoding and of everything that the digests in it are made of.
pub const CHAIN_VERSION: u64 = 1;
/// Words of encoded [`ChainValues`].
pub const CHAIN_WORDS: usize = 34;
/// Length of encoded [`ChainValues`].
pub const CHAIN_BYTES: usize = 8 * CHAIN_WORDS;

/// These batches follow each other, and of each there was a proof.
///
/// Who checks a proof of it asks that both programs are those he means: the proof itself names only the one that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainValues {
    /// Where they begin and end.
    pub span: Span,
    /// Number of events.
    pub events: u64,
    /// Root of the list of batches: a leaf for each, of its public values.
    pub batch_root: Digest,
    /// Hash of the verifying key of the program that the batches were proven with.
    pub batch_program: Digest,
    /// Hash of the verifying key of the program that earlier parts of the chain were joined with: of this one.
    pub chain_program: Digest,
}

impl ChainValues {
    /// Number of batches.
    pub fn batches(&self) -> u64 {
        (self.span.last_batch - self.span.first_batch).saturating_add(1)
    }

    /// The words of the encoding.
    pub fn words(&self) -> [u64; CHAIN_WORDS] {
        let span = &self.span;
        let mut words = [0; CHAIN_WORDS];
        words[0] = CHAIN_VERSION;
        words[1] = span.market;
        words[2..6].copy_from_slice(&span.config.0);
        words[6] = span.first_batch;
        words[7] = span.last_batch;
        words[8] = span.first_sequence;
        words[9] = span.last_sequence;
        words[10] = span.clock_before;
        words[11] = span.clock_after;
        words[12..16].copy_from_slice(&span.previous_root.0);
        words[16..20].copy_from_slice(&span.new_root.0);
        words[20] = span.commands;
        words[21] = self.events;
        words[22..26].copy_from_slice(&self.batch_root.0);
        words[26..30].copy_from_slice(&self.batch_program.0);
        words[30..34].copy_from_slice(&self.chain_program.0);
        words
    }

    /// The values with exactly these words, or `None` where there are none.
    pub fn from_words(words: &[u64; CHAIN_WORDS]) -> Option<ChainValues> {
        let digest = |place: usize| {
            let words = words[place..].first_chunk()?;
            let digest = Digest(*words);
            digest.is_canonical().then_some(digest)
        };
        let span = Span {
            market: words[1],
            config: digest(2)?,
            first_batch: words[6],
            last_batch: words[7],
            first_sequence: words[8],
            last_sequence: words[9],
            clock_before: words[10],
            clock_after: words[11],
            previous_root: digest(12)?,
            new_root: digest(16)?,
            commands: words[20],
        };
        let values = ChainValues {
            span,
            events: words[21],
            batch_root: digest(22)?,
            batch_program: digest(26)?,
            chain_program: digest(30)?,
        };
        (words[0] == CHAIN_VERSION && span.first_batch <= span.last_batch).then_some(values)
    }

    /// The only encoding: the words, little-endian.
    pub fn encode(&self) -> [u8; CHAIN_BYTES] {
        let mut bytes = [0; CHAIN_BYTES];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.words()) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The values that encode to exactly these bytes, or `None` where there are none.
    pub fn decode(bytes: &[u8]) -> Option<ChainValues> {
        let bytes: &[u8; CHAIN_BYTES] = bytes.try_into().ok()?;
        let mut words = [0; CHAIN_WORDS];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(chunk.try_into().ok()?);
        }
        ChainValues::from_words(&words)
    }
}
