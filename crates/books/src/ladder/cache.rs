//! Finds pages in use without a walk: a small direct-mapped cache before a trie.
//!
//! By the lowest bits of a page's number, which is its ranks without their last digit, it has the page that was used there last, and says its whole
//! number: what another page has left there costs one comparison. A page that there is not yet can be noted there: whoever comes again before the note is
//! overwritten had better make it.
//!
//! Invariant: where a number stands that is no note, its page is in the trie.

use super::nodes::{DIGIT_BITS, OUTSIDE};
use crate::layout::{layout, LayoutField};
use crate::linked::Rank;

const ENTRIES: usize = 256;
/// Set in the number of a page that is only noted. Numbers of pages have 58 bits.
const NOTED: u64 = 1 << 63;
/// No page has this number.
const NO_PAGE: u64 = u64::MAX;

#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct CacheEntry {
    number: u64,
    /// The node of the page.
    page: u32,
}

const NO_ENTRY: CacheEntry = CacheEntry {
    number: NO_PAGE,
    page: OUTSIDE,
};

/// Where the fields of an entry lie.
pub(super) fn layout() -> [LayoutField; 2] {
    layout!(CacheEntry { number, page })
}

/// The cache of one trie.
#[derive(Clone, Debug)]
pub(super) struct PageCache {
    entries: Box<[CacheEntry; ENTRIES]>,
}

impl PageCache {
    pub(super) fn new() -> Self {
        PageCache {
            entries: Box::new([NO_ENTRY; ENTRIES]),
        }
    }

    /// A rank's page, if it is known here.
    #[inline(always)]
    pub(super) fn get(&self, rank: Rank) -> Option<u32> {
        let number = rank >> DIGIT_BITS;
        let entry = &self.entries[number as usize % ENTRIES];
        (entry.number == number).then_some(entry.page)
    }

    /// Keeps a rank's page.
    #[inline(always)]
    pub(super) fn set(&mut self, rank: Rank, page: u32) {
        let number = rank >> DIGIT_BITS;
        self.entries[number as usize % ENTRIES] = CacheEntry { number, page };
    }

    /// Whether a rank's page, which there is not, was noted; it is from now on.
    #[inline]
    pub(super) fn note(&mut self, rank: Rank) -> bool {
        let number = rank >> DIGIT_BITS | NOTED;
        let entry = &mut self.entries[number as usize % ENTRIES];
        let is_noted = entry.number == number;
        entry.number = number;
        is_noted
    }

    /// Forgets every page.
    pub(super) fn clear(&mut self) {
        self.entries.fill(NO_ENTRY);
    }

    /// The pages that are known, each with its first rank.
    pub(super) fn known(&self) -> impl Iterator<Item = (Rank, u32)> + '_ {
        let entries = self.entries.iter();
        let known = entries.filter(|entry| entry.number & NOTED == 0);
        known.map(|entry| (entry.number << DIGIT_BITS, entry.page))
    }
}
