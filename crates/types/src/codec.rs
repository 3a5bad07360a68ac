//! Fixed-width little-endian reading and writing, and the tags that several encodings share.

use core::fmt;

use crate::command::{SelfTradePrevention, TimeInForce};
use crate::units::{Side, Timestamp};

/// Why bytes are not an encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// A tag byte has no meaning.
    UnknownTag {
        /// Which tag.
        what: &'static str,
        /// Its value.
        found: u8,
    },
    /// The bytes decode, but to a value whose encoding differs (an unused field is not zero).
    NotCanonical {
        /// What was decoded.
        what: &'static str,
    },
    /// There are too few or too many bytes.
    Length {
        /// What was decoded.
        what: &'static str,
        /// Bytes needed.
        expected: usize,
        /// Bytes given.
        received: usize,
    },
    /// The parts decode, but contradict each other or a rule of the market.
    Inconsistent {
        /// The rule.
        what: &'static str,
    },
}

impl DecodeError {
    pub(crate) const fn tag(what: &'static str, found: u8) -> Self {
        DecodeError::UnknownTag { what, found }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::UnknownTag { what, found } => write!(f, "unknown {what} tag {found}"),
            DecodeError::NotCanonical { what } => {
                write!(f, "the bytes are not the canonical encoding of a {what}")
            }
            DecodeError::Length {
                what,
                expected,
                received,
            } => write!(
                f,
                "a {what} takes {expected} bytes, but {received} were given"
            ),
            DecodeError::Inconsistent { what } => write!(f, "inconsistent: {what}"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// Writes fields one after another into a buffer of exactly the right length.
pub struct Writer<'a> {
    rest: &'a mut [u8],
}

impl<'a> Writer<'a> {
    /// A writer at the start of `bytes`.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Writer { rest: bytes }
    }

    fn put<const N: usize>(&mut self, field: [u8; N]) {
        let rest = core::mem::take(&mut self.rest);
        let (head, tail) = rest.split_at_mut(N);
        head.copy_from_slice(&field);
        self.rest = tail;
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.put([value]);
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) {
        self.put(value.to_le_bytes());
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.put(value.to_le_bytes());
    }

    /// Eight bytes, two's complement.
    pub fn i64(&mut self, value: i64) {
        self.put(value.to_le_bytes());
    }

    /// Sixteen bytes.
    pub fn u128(&mut self, value: u128) {
        self.put(value.to_le_bytes());
    }
}

/// Reads fields one after another from a buffer whose length was checked before.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, tail) = self.rest.split_at(N);
        self.rest = tail;
        let mut field = [0; N];
        field.copy_from_slice(head);
        field
    }

    /// One byte.
    pub fn u8(&mut self) -> u8 {
        self.take::<1>()[0]
    }

    /// Four bytes.
    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    /// Eight bytes, two's complement.
    pub fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.take())
    }

    /// Sixteen bytes.
    pub fn u128(&mut self) -> u128 {
        u128::from_le_bytes(self.take())
    }
}

/// Words as their bytes, little-endian.
#[inline]
pub(crate) fn bytes_of<const WORDS: usize, const BYTES: usize>(words: [u64; WORDS]) -> [u8; BYTES] {
    const { assert!(BYTES == 8 * WORDS) };
    let mut bytes = [0; BYTES];
    for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
        chunk.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// The words of little-endian bytes.
#[inline]
pub(crate) fn words_of<const BYTES: usize, const WORDS: usize>(
    bytes: &[u8; BYTES],
) -> [u64; WORDS] {
    const { assert!(BYTES == 8 * WORDS) };
    let mut words = [0; WORDS];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        let mut field = [0; 8];
        field.copy_from_slice(chunk);
        *word = u64::from_le_bytes(field);
    }
    words
}

/// Whether two encodings are the same. Word by word: a machine without wide loads, as a proof's is, compares bytes otherwise.
#[inline(always)]
pub fn same_words<const WORDS: usize>(a: &[u64; WORDS], b: &[u64; WORDS]) -> bool {
    let mut difference = 0;
    for (a, b) in a.iter().zip(b) {
        difference |= a ^ b;
    }
    difference == 0
}

/// A word's bytes, lowest first: how tags are packed.
#[inline]
pub(crate) fn tags_of(word: u64) -> [u8; 8] {
    word.to_le_bytes()
}

pub(crate) fn side(tag: u8) -> Result<Side, DecodeError> {
    match tag {
        0 => Ok(Side::Buy),
        1 => Ok(Side::Sell),
        found => Err(DecodeError::tag("side", found)),
    }
}

pub(crate) fn time_in_force(tag: u8, expiry: u64) -> Result<TimeInForce, DecodeError> {
    match tag {
        0 => Ok(TimeInForce::GoodTillCancel),
        1 => Ok(TimeInForce::ImmediateOrCancel),
        2 => Ok(TimeInForce::FillOrKill),
        3 => Ok(TimeInForce::GoodTillDate {
            expiry: Timestamp(expiry),
        }),
        found => Err(DecodeError::tag("time in force", found)),
    }
}

pub(crate) const fn time_in_force_tag(value: TimeInForce) -> u8 {
    match value {
        TimeInForce::GoodTillCancel => 0,
        TimeInForce::ImmediateOrCancel => 1,
        TimeInForce::FillOrKill => 2,
        TimeInForce::GoodTillDate { .. } => 3,
    }
}

pub(crate) fn self_trade(tag: u8) -> Result<SelfTradePrevention, DecodeError> {
    Ok(match tag {
        0 => SelfTradePrevention::Allow,
        1 => SelfTradePrevention::CancelNewest,
        2 => SelfTradePrevention::CancelOldest,
        3 => SelfTradePrevention::CancelBoth,
        4 => SelfTradePrevention::DecrementAndCancel,
        found => return Err(DecodeError::tag("self-trade prevention", found)),
    })
}
