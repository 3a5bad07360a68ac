//! The public header of a state.

use proofbook_commitment::part::Cursor;
use proofbook_commitment::{Digest, Header, Permutation, PublicValues, MAPS};
use proofbook_types::Counters;

use crate::error::LightError;

/// The version of the encoding.
pub const COMPRESSED_VERSION: u64 = 1;
/// Length of the encoding: three words, the configuration, seven roots, seven words.
pub const COMPRESSED_BYTES: usize = 3 * 8 + 32 + MAPS * 32 + 7 * 8;

/// A market's state without its orders, and which state it is: what a light client downloads for each batch.
///
/// Its roots commit to the bids, the asks and everything else, so that proofs about the state can be checked against it; its counters are in the
/// clear. It is worth what its [`state_root`](Self::state_root) is worth: nothing, until a proven chain leads to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompressedOrderBook {
    /// Which market.
    pub market: u64,
    /// Number of the batch that led to this state; 0 before the first.
    pub batch: u64,
    /// Configuration, roots, and counters.
    pub header: Header,
}

fn number(what: &'static str, expected: u64, received: u64) -> Result<(), LightError> {
    if expected == received {
        return Ok(());
    }
    Err(LightError::Number {
        what,
        expected,
        received,
    })
}

fn digest(what: &'static str, expected: Digest, received: Digest) -> Result<(), LightError> {
    if expected == received {
        return Ok(());
    }
    Err(LightError::Digest {
        what,
        expected,
        received,
    })
}

impl CompressedOrderBook {
    /// The state root that all of it hashes to.
    pub fn state_root<P: Permutation>(&self) -> Digest {
        self.header.state_root::<P>()
    }

    /// Checks that this is the state that a batch led to. Whoever verified a proof has its public values; nobody else should ask.
    ///
    /// # Errors
    /// The first thing in which they differ: market, number of the batch, configuration, sequence, clock, state root.
    pub fn check<P: Permutation>(&self, values: &PublicValues) -> Result<(), LightError> {
        let counters = &self.header.counters;
        number("market", values.market, self.market)?;
        number("batch", values.batch, self.batch)?;
        digest("configuration", values.config, self.header.config)?;
        number("sequence", values.last_sequence, counters.sequence)?;
        number("clock", values.clock_after, counters.clock.0)?;
        digest("state root", values.new_root, self.state_root::<P>())
    }

    /// The only encoding: version, market, batch; configuration; roots in the order of [`Map`](proofbook_commitment::Map); counters. Words are eight
    /// bytes, little-endian.
    pub fn encode(&self) -> [u8; COMPRESSED_BYTES] {
        let mut bytes = [0; COMPRESSED_BYTES];
        let mut place = 0;
        let mut put = |part: &[u8]| {
            bytes[place..place + part.len()].copy_from_slice(part);
            place += part.len();
        };
        for word in [COMPRESSED_VERSION, self.market, self.batch] {
            put(&word.to_le_bytes());
        }
        put(&self.header.config.encode());
        for root in self.header.roots {
            put(&root.encode());
        }
        for word in self.header.counters.words() {
            put(&word.to_le_bytes());
        }
        bytes
    }

    /// The header that encodes to exactly these bytes.
    ///
    /// # Errors
    /// [`LightError::Length`], [`LightError::Malformed`], [`LightError::Number`] for another version.
    pub fn decode(bytes: &[u8]) -> Result<Self, LightError> {
        if bytes.len() != COMPRESSED_BYTES {
            return Err(LightError::Length {
                expected: COMPRESSED_BYTES,
                received: bytes.len(),
            });
        }
        let mut cursor = Cursor::new(bytes);
        let [version, market, batch] = cursor.words()?;
        number("version", COMPRESSED_VERSION, version)?;
        let config = cursor.digest()?;
        let mut roots = [Digest::EMPTY; MAPS];
        for root in &mut roots {
            *root = cursor.digest()?;
        }
        let Some(counters) = Counters::from_words(&cursor.words()?) else {
            return Err(LightError::Malformed {
                what: "the counters are not canonical",
            });
        };
        cursor.end()?;
        Ok(CompressedOrderBook {
            market,
            batch,
            header: Header {
                config,
                roots,
                counters,
            },
        })
    }
}
