//! Finds pages in use without a walk: a small direct-mapped cache before a trie.
//!
//! By the lowest bits of a page's number, which is its ranks without their last digit, it has the page that was used there last, and says its whole
//! number: what another page has left there costs one comparison.
//!
//! Invariant: where a number stands, its page is in the trie.

use super::nodes::{DIGIT_BITS, OUTSIDE};
use crate::layout::{layout, LayoutField};
use crate::linked::Rank;

const ENTRIES: usize = 256;
/// No page has this number: numbers of pages have 58 bits.
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

    /// Forgets every page.
    pub(super) fn clear(&mut self) {
        self.entries.fill(NO_ENTRY);
    }

    /// The pages that are known, each with its first rank.
    pub(super) fn known(&self) -> impl Iterator<Item = (Rank, u32)> + '_ {
        let known = self.entries.iter().filter(|entry| entry.number != NO_PAGE);
        known.map(|entry| (entry.number << DIGIT_BITS, entry.page))
    }
}
