//! The header of a view and its levels: what paths are checked against, and what they show.

use proofbook_commitment::part::Cursor;
use proofbook_commitment::{Digest, Permutation};

use proofbook_types::{Price, Side, ORDERS_MAX};

use crate::error::LightError;
use crate::hash;
use crate::tree::{LEAVES, LEVELS};

/// Length of an encoded [`ViewHeader`]: two digests, three words, four words.
pub const VIEW_HEADER_BYTES: usize = 2 * 32 + 3 * 8 + LEAVES / 8;

/// One level of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewLevel {
    /// Its price, in ticks.
    pub price: Price,
    /// What its orders show, in lots.
    pub displayed: u64,
    /// What they hide.
    pub hidden: u64,
    /// How many they are.
    pub orders: u32,
}

/// Length of an encoded [`ViewLevel`].
pub(crate) const LEVEL_BYTES: usize = 28;

impl ViewLevel {
    /// The only encoding: price, displayed, hidden, eight bytes each, orders, four; little-endian.
    pub(crate) fn encode(&self) -> [u8; LEVEL_BYTES] {
        let mut bytes = [0; LEVEL_BYTES];
        let words = [self.price.0 as u64, self.displayed, self.hidden];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes[24..].copy_from_slice(&self.orders.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(cursor: &mut Cursor<'_>) -> Result<Self, LightError> {
        let [price, displayed, hidden] = cursor.words()?;
        let level = ViewLevel {
            price: Price(price as i64),
            displayed,
            hidden,
            orders: cursor.number()?,
        };
        level.check_orders()?;
        Ok(level)
    }

    /// As a parameter of the hash the number of orders has to be below the field's order: two that differ by that have one digest. No market
    /// has more than 2^24.
    pub(crate) fn check_orders(&self) -> Result<(), LightError> {
        if (1..=ORDERS_MAX).contains(&self.orders) {
            return Ok(());
        }
        Err(LightError::Malformed {
            what: "a level has 1 to 2^24 orders",
        })
    }

    /// Whether it is better for a taker than a price on this side.
    pub(crate) fn is_better_than(&self, side: Side, price: Price) -> bool {
        match side {
            Side::Buy => self.price > price,
            Side::Sell => self.price < price,
        }
    }
}

/// Where a side's leaves begin.
pub(crate) const fn first(side: Side) -> usize {
    side as usize * LEVELS
}

/// What a client keeps of a view: it stands for all of its levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewHeader {
    /// The state whose best levels these are.
    pub state_root: Digest,
    /// The top of the tree.
    pub top: Digest,
    /// The market's sequence in that state.
    pub sequence: u64,
    /// What the levels of each side show in sum, bids first, in lots.
    pub displayed: [u64; 2],
    /// Bit `i` of word `j` says whether leaf 64j + i is a level. A side's levels are its first leaves, without a gap.
    pub bitmap: [u64; LEAVES / 64],
}

/// The bitmap of so many bids and asks.
pub(crate) fn bitmap_of(levels: [usize; 2]) -> [u64; 4] {
    let bits = |count: usize| match count {
        0 => 0,
        count => u128::MAX >> (LEVELS - count),
    };
    let [bids, asks] = levels.map(bits);
    [
        bids as u64,
        (bids >> 64) as u64,
        asks as u64,
        (asks >> 64) as u64,
    ]
}

impl ViewHeader {
    /// The view's root: what stands for all of it.
    pub fn root<P: Permutation>(&self) -> Digest {
        let numbers = [self.sequence, self.displayed[0], self.displayed[1]];
        hash::view::<P>(self.state_root, self.top, numbers, self.bitmap)
    }

    /// How many levels of a side the view has; 128 may mean that the market has more.
    pub fn levels(&self, side: Side) -> usize {
        let words = &self.bitmap[2 * side as usize..][..2];
        words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The only encoding: state root, top; sequence, displayed bids and asks, the bitmap's words, eight bytes each, little-endian.
    pub fn encode(&self) -> [u8; VIEW_HEADER_BYTES] {
        let mut bytes = [0; VIEW_HEADER_BYTES];
        bytes[..32].copy_from_slice(&self.state_root.encode());
        bytes[32..64].copy_from_slice(&self.top.encode());
        let numbers = [self.sequence, self.displayed[0], self.displayed[1]];
        let words = numbers.into_iter().chain(self.bitmap);
        for (chunk, word) in bytes[64..].chunks_exact_mut(8).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The header that encodes to exactly these bytes.
    ///
    /// # Errors
    /// [`LightError::Length`], [`LightError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, LightError> {
        if bytes.len() != VIEW_HEADER_BYTES {
            return Err(LightError::Length {
                expected: VIEW_HEADER_BYTES,
                received: bytes.len(),
            });
        }
        let mut cursor = Cursor::new(bytes);
        let [state_root, top] = [cursor.digest()?, cursor.digest()?];
        let [sequence, bids, asks] = cursor.words()?;
        let header = ViewHeader {
            state_root,
            top,
            sequence,
            displayed: [bids, asks],
            bitmap: cursor.words()?,
        };
        cursor.end()?;
        if header.bitmap != bitmap_of(Side::BOTH.map(|side| header.levels(side))) {
            return Err(LightError::Malformed {
                what: "a side's levels have a gap",
            });
        }
        Ok(header)
    }
}
