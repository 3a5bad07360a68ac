//! Price levels of one queue, found without a tree walk near the touch and in a bounded number of steps anywhere.
//!
//! 64 neighbouring ranks make a **page**: a word whose bits tell which of them hold orders, and for each of those the index of its level. The levels themselves lie in a
//! slab whose freed places are used again last in, first out: however far the prices of a market spread, what it touches stays
//! within a few cache lines for each level that holds orders. Pages hang in a [`Trie`].
//!
//! A small direct-mapped cache finds pages without the trie, whatever the price does.
//! A page whose last order goes stays where it is, because markets come back to the same prices; only its bits are
//! cleared. When too many pages stand empty they are all given back at once.

use super::trie::{above, PageFacts, Trie, NONE};
use crate::layout::{layout, LayoutField};
use crate::linked::{LevelData, LevelRef, LevelSlab, Place};

const PAGE_BITS: u32 = 6;
const DIGIT: u64 = 63;
const CACHE_SIZE: usize = 1024;
/// No page has this number: page numbers have 58 bits.
const NO_PAGE: u64 = u64::MAX;
/// How many pages may stand empty beyond as many as hold orders.
const EMPTY_PAGES_MAX: usize = 1024;

#[derive(Clone, Debug)]
#[repr(C)]
struct Page {
    number: u64,
    occupied: u64,
    /// The node above.
    parent: u32,
    /// Where the level of an occupied place lies.
    levels: [LevelRef; 64],
}

/// Where the fields of a page lie.
pub(super) fn layout() -> [LayoutField; 4] {
    layout!(Page {
        number,
        occupied,
        parent,
        levels
    })
}

/// The levels of one queue by rank. A level's tag is its page's index times 64 plus its place in the page.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    /// By the lowest digits of a page's number, the page used there last, or `NONE`.
    cache: Box<[u32; CACHE_SIZE]>,
    pages: Vec<Page>,
    /// Pages in the trie.
    used_pages: Vec<u32>,
    free_pages: Vec<u32>,
    occupied_pages: usize,
    levels: LevelSlab,
    trie: Trie,
}

impl Pages {
    pub(super) fn new() -> Self {
        Pages {
            cache: Box::new([NONE; CACHE_SIZE]),
            pages: Vec::new(),
            used_pages: Vec::new(),
            free_pages: Vec::new(),
            occupied_pages: 0,
            levels: LevelSlab::default(),
            trie: Trie::new(),
        }
    }

    /// The best level's rank and place. A few steps down the occupancy words, every time: to keep it at hand would cost a
    /// comparison at each birth and each death of a level that no processor can predict.
    #[inline(always)]
    pub(super) fn best(&self) -> Option<Place> {
        if self.occupied_pages == 0 {
            return None;
        }
        Some(self.first_in(self.trie.first()))
    }

    #[inline]
    pub(super) fn get(&self, level: LevelRef) -> &LevelData {
        self.levels.get(level)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, level: LevelRef) -> &mut LevelData {
        self.levels.get_mut(level)
    }

    /// The level at a rank, if it holds orders.
    #[inline]
    pub(super) fn find(&self, rank: u64) -> Option<LevelRef> {
        let page = &self.pages[self.find_page(rank >> PAGE_BITS)? as usize];
        let digit = (rank & DIGIT) as usize;
        (page.occupied >> digit & 1 == 1).then(|| page.levels[digit])
    }

    /// The level at a rank, which is occupied from now on.
    #[inline(always)]
    pub(super) fn occupy(&mut self, rank: u64) -> LevelRef {
        let number = rank >> PAGE_BITS;
        let page_index = match self.cached_page(number) {
            Some(page) => page,
            None => self.open_page(number),
        };
        let digit = (rank & DIGIT) as usize;
        let page = &mut self.pages[page_index as usize];
        let before = page.occupied;
        if before >> digit & 1 == 1 {
            return page.levels[digit];
        }
        page.occupied = before | 1 << digit;
        let level = self.levels.allocate(page_index << PAGE_BITS | digit as u32);
        page.levels[digit] = level;
        if before == 0 {
            let parent = page.parent;
            self.occupied_pages += 1;
            self.trie.mark(parent, number);
        }
        level
    }

    /// Gives up a level that holds no orders any more.
    #[inline]
    pub(super) fn vacate(&mut self, level: LevelRef) {
        let place = self.levels.get(level).tag;
        self.levels.free(level);
        let page = &mut self.pages[(place >> PAGE_BITS) as usize];
        page.occupied &= !(1 << (place & 63));
        if page.occupied == 0 {
            let (parent, number) = (page.parent, page.number);
            self.occupied_pages -= 1;
            self.trie.unmark(parent, number);
        }
    }

    /// The first occupied level whose rank is above `rank`.
    pub(super) fn after(&self, rank: u64) -> Option<Place> {
        let number = rank >> PAGE_BITS;
        if let Some(page) = self.find_page(number) {
            let page = &self.pages[page as usize];
            let above = page.occupied & above((rank & DIGIT) as u32);
            if above != 0 {
                let digit = above.trailing_zeros();
                let rank = number << PAGE_BITS | u64::from(digit);
                let level = page.levels[digit as usize];
                return Some(Place { rank, level });
            }
        }
        self.first_after_page(number)
    }

    fn first_after_page(&self, number: u64) -> Option<Place> {
        if self.occupied_pages == 0 {
            return None;
        }
        let next = self.trie.after(number, |page| self.number_of(page))?;
        Some(self.first_in(next))
    }

    fn number_of(&self, page: u32) -> u64 {
        self.pages[page as usize].number
    }

    /// The first occupied level of a page that has one.
    #[inline]
    fn first_in(&self, page_index: u32) -> Place {
        let page = &self.pages[page_index as usize];
        let digit = page.occupied.trailing_zeros();
        Place {
            rank: page.number << PAGE_BITS | u64::from(digit),
            level: page.levels[digit as usize],
        }
    }

    /// The page with a number, whether or not it holds orders.
    #[inline]
    fn find_page(&self, number: u64) -> Option<u32> {
        self.cached_page(number)
            .or_else(|| self.page_in_trie(number))
    }

    fn page_in_trie(&self, number: u64) -> Option<u32> {
        self.trie.find(number, |page| self.number_of(page))
    }

    #[inline(always)]
    fn cached_page(&self, number: u64) -> Option<u32> {
        let page = self.cache[number as usize % CACHE_SIZE];
        match self.pages.get(page as usize) {
            Some(found) if found.number == number => Some(page),
            _ => None,
        }
    }

    #[inline(never)]
    fn open_page(&mut self, number: u64) -> u32 {
        let page = match self.page_in_trie(number) {
            Some(page) => page,
            None => self.new_page(number),
        };
        self.cache[number as usize % CACHE_SIZE] = page;
        page
    }

    #[cold]
    fn new_page(&mut self, number: u64) -> u32 {
        if self.used_pages.len() >= 2 * self.occupied_pages + EMPTY_PAGES_MAX {
            self.release_empty_pages();
        }
        let page = self.free_pages.pop().unwrap_or_else(|| {
            self.pages.push(Page {
                number,
                occupied: 0,
                parent: NONE,
                levels: [0; 64],
            });
            u32::try_from(self.pages.len() - 1)
                .expect("a market of 2^24 orders has fewer than 2^26 pages")
        });
        self.pages[page as usize].number = number;
        self.used_pages.push(page);
        self.hang(page);
        page
    }

    /// Hangs a page into the trie.
    fn hang(&mut self, page: u32) {
        let pages = &self.pages;
        let number = pages[page as usize].number;
        let inserted = self
            .trie
            .insert(number, page, |page| facts(&pages[page as usize]));
        for below in inserted.moved.into_iter().chain([page]) {
            self.pages[below as usize].parent = inserted.parent;
        }
        if self.pages[page as usize].occupied != 0 {
            self.trie.mark(inserted.parent, number);
        }
    }

    /// Takes every empty page out and builds the trie anew from the others.
    fn release_empty_pages(&mut self) {
        self.cache.fill(NONE);
        self.trie.clear();
        let mut used = core::mem::take(&mut self.used_pages);
        used.retain(|&index| {
            let page = &mut self.pages[index as usize];
            let is_occupied = page.occupied != 0;
            if is_occupied {
                self.hang(index);
            } else {
                page.number = NO_PAGE;
                self.free_pages.push(index);
            }
            is_occupied
        });
        self.used_pages = used;
    }

    /// Checks the trie, the pages and the cache against each other.
    pub(super) fn verify(&self) -> Result<(), String> {
        let mut occupied = 0;
        let mut levels = 0;
        let mut best: Option<Place> = None;
        for (index, page) in self.pages.iter().enumerate() {
            for (digit, &level) in page.levels.iter().enumerate() {
                if page.occupied >> digit & 1 == 0 {
                    continue;
                }
                let data = self.get(level);
                if data.orders == 0 || data.tag != (index as u32) << PAGE_BITS | digit as u32 {
                    return Err(format!("page {}: level {digit} is {data:?}", page.number));
                }
                levels += 1;
            }
            if page.number == NO_PAGE {
                continue;
            }
            let is_found = self.page_in_trie(page.number) == Some(index as u32)
                && self.find_page(page.number) == Some(index as u32);
            if !is_found {
                return Err(format!("page {} is not found", page.number));
            }
            if page.occupied != 0 {
                occupied += 1;
                let digit = page.occupied.trailing_zeros();
                let rank = page.number << PAGE_BITS | u64::from(digit);
                if best.is_none_or(|best| rank < best.rank) {
                    let level = page.levels[digit as usize];
                    best = Some(Place { rank, level });
                }
            }
        }
        if occupied != self.occupied_pages || best != self.best() {
            return Err(format!(
                "{occupied} pages hold orders, {} known; the best level is {best:?}, known as {:?}",
                self.occupied_pages,
                self.best()
            ));
        }
        if levels != self.levels.used() {
            return Err(format!("{levels} levels hold orders, others are lost"));
        }
        let hanging = self.trie.verify(|page| facts(&self.pages[page as usize]))?;
        if hanging != self.used_pages.len() || hanging + self.free_pages.len() != self.pages.len() {
            return Err(format!("{hanging} pages hang in the trie, others are lost"));
        }
        Ok(())
    }
}

fn facts(page: &Page) -> PageFacts {
    PageFacts {
        number: page.number,
        is_occupied: page.occupied != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn finds_levels_like_an_ordered_set() {
        let mut state: u64 = 7;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for spread in [3u32, 9, 20, 40, 63] {
            let mut levels = Pages::new();
            let mut set = BTreeSet::new();
            for _ in 0..20_000 {
                let rank =
                    (random() >> (63 - spread)).wrapping_add(random() << spread >> 1 & 1 << 60);
                if random() % 2 == 0 {
                    levels.occupy(rank);
                    set.insert(rank);
                } else if let Some(level) = levels.find(rank) {
                    levels.vacate(level);
                    assert!(set.remove(&rank));
                } else {
                    assert!(!set.contains(&rank));
                }
                if random() % 4 == 0 {
                    if let Some(best) = levels.best() {
                        levels.vacate(best.level);
                        set.pop_first();
                    }
                }
                let best = levels.best().map(|best| best.rank);
                assert_eq!(best, set.first().copied());
                let next = set.range(rank + 1..).next().copied();
                assert_eq!(levels.after(rank).map(|place| place.rank), next);
            }
        }
    }
}
