//! A set of numbers that many threads claim and release without locks: which places of a batch are taken.
//!
//! The bits lie in words of 64, as many as it takes, so that a batch can have any size. A single bit is claimed by an exchange of its word. A run
//! of whole words is claimed word by word; if one of them is not free, those before it are released again. Nobody waits.
//!
//! Invariant: a bit is set from its claim until its release, and each set bit has one owner; bits beyond the size are never set.

use crate::sync::{AtomicU64, Ordering};

/// Bits of a word.
pub(super) const WORD_BITS: usize = u64::BITS as usize;

/// A set of the numbers below its size.
#[derive(Debug)]
pub struct AtomicBitSet {
    words: Box<[AtomicU64]>,
    bits: usize,
}

impl AtomicBitSet {
    /// A set of no number, with room for those below `bits`.
    pub fn new(bits: usize) -> Self {
        AtomicBitSet {
            words: (0..bits.div_ceil(WORD_BITS))
                .map(|_| AtomicU64::new(0))
                .collect(),
            bits,
        }
    }

    /// Numbers that it has room for.
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// Words that it consists of.
    pub fn words(&self) -> usize {
        self.words.len()
    }

    /// The bits of a word that stand for numbers.
    fn mask(&self, word: usize) -> u64 {
        let bits = self.bits - word * WORD_BITS;
        if bits >= WORD_BITS {
            u64::MAX
        } else {
            (1 << bits) - 1
        }
    }

    /// Puts the lowest number in that is not in the set, and makes it the caller's.
    pub fn claim_one(&self) -> Option<usize> {
        (0..self.words.len()).find_map(|word| self.claim_in(word))
    }

    /// The lowest free bit of a word.
    fn claim_in(&self, word: usize) -> Option<usize> {
        let mask = self.mask(word);
        let mut found = self.words[word].load(Ordering::Relaxed);
        loop {
            let free = !found & mask;
            if free == 0 {
                return None;
            }
            let bit = free & free.wrapping_neg();
            // Acquire: all that the owner before did with what the bit stands for. It released the bit, and every change of a word since
            // is a read-modify-write, so that it reaches here.
            match self.words[word].compare_exchange_weak(
                found,
                found | bit,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(word * WORD_BITS + bit.trailing_zeros() as usize),
                Err(now) => found = now,
            }
        }
    }

    /// Puts all numbers of so many consecutive words in, of which none was in the set, and makes them the caller's. Gives the first word.
    pub fn claim_words(&self, count: usize) -> Option<usize> {
        let mut first = 0;
        while first + count <= self.words.len() {
            let taken = (first..first + count).find(|&word| !self.claim_word(word));
            let Some(taken) = taken else {
                return Some(first);
            };
            for word in first..taken {
                // Relaxed: nothing was done with what these bits stand for, and the release of the owner before goes on through
                // this read-modify-write.
                self.words[word].fetch_and(0, Ordering::Relaxed);
            }
            first = taken + 1;
        }
        None
    }

    /// A whole word, if it is free.
    fn claim_word(&self, word: usize) -> bool {
        let (free, all) = (0, self.mask(word));
        // Acquire: as with single bits.
        let outcome =
            self.words[word].compare_exchange(free, all, Ordering::Acquire, Ordering::Relaxed);
        outcome.is_ok()
    }

    /// Takes a number out that the caller claimed.
    pub fn release(&self, number: usize) {
        let bit = 1 << (number % WORD_BITS);
        // Release: the next owner sees what this one did.
        let before = self.words[number / WORD_BITS].fetch_and(!bit, Ordering::Release);
        debug_assert!(
            before & bit != 0,
            "{number} was released, but nobody had claimed it"
        );
    }

    /// Takes all numbers of words out that the caller claimed.
    pub fn release_words(&self, first: usize, count: usize) {
        for word in first..first + count {
            // Release: the next owner sees what this one did.
            let before = self.words[word].fetch_and(0, Ordering::Release);
            debug_assert!(
                before == self.mask(word),
                "word {word} was not claimed as a whole"
            );
        }
    }

    /// Puts a number in whoever else does. For sets that only remember something and own nothing.
    #[cfg(not(loom))]
    pub(super) fn insert(&self, number: usize) {
        let bit = 1 << (number % WORD_BITS);
        let word = &self.words[number / WORD_BITS];
        // Most often it is in already; then the line stays with all who read it. Relaxed: a hint.
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Takes a number out whoever else does.
    #[cfg(not(loom))]
    pub(super) fn remove(&self, number: usize) {
        let bit = 1 << (number % WORD_BITS);
        self.words[number / WORD_BITS].fetch_and(!bit, Ordering::Relaxed);
    }

    /// Whether a number is in the set, or was a moment ago.
    pub fn contains(&self, number: usize) -> bool {
        let word = self.words[number / WORD_BITS].load(Ordering::Relaxed);
        word >> (number % WORD_BITS) & 1 == 1
    }

    /// How many numbers are in the set, or were a moment ago.
    pub fn count(&self) -> usize {
        let ones = |word: &AtomicU64| word.load(Ordering::Relaxed).count_ones() as usize;
        self.words.iter().map(ones).sum()
    }
}
