//! Price levels of one queue, found without a tree walk near the touch and in a bounded number of steps anywhere.
//!
//! A price becomes a **rank**: an unsigned number that is lower the better the price is in its queue. So one piece of code
//! serves bids and asks alike, and "best" is always the lowest rank. 64 neighbouring ranks make a **page**: their levels
//! side by side, and a word whose bits tell which of them hold orders. Pages hang in a 64-ary trie that is only as high
//! as the span of its pages needs (one node for 4,096 ticks, two levels for 262,144, at most ten for all of 64 bits), with an occupancy word in each
//! node, as in a van Emde Boas tree with fixed fan-out. The trie is walked only when a page is born or dies: a small
//! direct-mapped cache finds pages in use, whatever the price does, and the best level is kept at hand.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::NIL;

const PAGE_BITS: u32 = 6;
const DIGIT: u64 = 63;
const CACHE_SIZE: usize = 256;
/// No page has this number: page numbers have 58 bits.
const NO_PAGE: u64 = u64::MAX;

/// The orders at one price.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct LevelData {
    pub(super) displayed: u64,
    pub(super) hidden: u64,
    pub(super) head: u32,
    pub(super) tail: u32,
    pub(super) orders: u32,
}

const EMPTY_LEVEL: LevelData = LevelData {
    displayed: 0,
    hidden: 0,
    head: NIL,
    tail: NIL,
    orders: 0,
};

const _: () = assert!(core::mem::size_of::<LevelData>() == 32);

#[derive(Clone, Debug)]
struct Page {
    number: u64,
    occupied: u64,
    levels: [LevelData; 64],
}

#[derive(Clone, Debug)]
struct Node {
    occupied: u64,
    children: [u32; 64],
}

#[derive(Clone, Copy, Debug)]
struct CacheLine {
    number: u64,
    page: u32,
}

/// Where a level lies: its page's index times 64 plus its place in the page.
pub(super) type LevelRef = u32;

/// The levels of one queue by rank.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    best_rank: u64,
    best_level: LevelRef,
    cache: Box<[CacheLine; CACHE_SIZE]>,
    pages: Vec<Page>,
    free_pages: Vec<u32>,
    nodes: Vec<Node>,
    free_nodes: Vec<u32>,
    root: u32,
    height: u32,
    /// What all page numbers share above the trie's digits.
    prefix: u64,
}

impl Levels {
    pub(super) fn new() -> Self {
        Levels {
            best_rank: 0,
            best_level: NIL,
            cache: Box::new(
                [CacheLine {
                    number: NO_PAGE,
                    page: 0,
                }; CACHE_SIZE],
            ),
            pages: Vec::new(),
            free_pages: Vec::new(),
            nodes: Vec::new(),
            free_nodes: Vec::new(),
            root: NIL,
            height: 0,
            prefix: 0,
        }
    }

    /// The best level's rank and place.
    #[inline]
    pub(super) fn best(&self) -> Option<(u64, LevelRef)> {
        (self.best_level != NIL).then_some((self.best_rank, self.best_level))
    }

    #[inline]
    pub(super) fn get(&self, level: LevelRef) -> &LevelData {
        &self.pages[(level >> PAGE_BITS) as usize].levels[(level & 63) as usize]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, level: LevelRef) -> &mut LevelData {
        &mut self.pages[(level >> PAGE_BITS) as usize].levels[(level & 63) as usize]
    }

    /// The level at a rank, if it holds orders.
    #[inline]
    pub(super) fn find(&self, rank: u64) -> Option<LevelRef> {
        let page = self.find_page(rank >> PAGE_BITS)?;
        let is_occupied = self.pages[page as usize].occupied >> (rank & DIGIT) & 1 == 1;
        is_occupied.then_some(page << PAGE_BITS | (rank & DIGIT) as u32)
    }

    /// The level at a rank, which is occupied from now on.
    #[inline]
    pub(super) fn occupy(&mut self, rank: u64) -> LevelRef {
        let number = rank >> PAGE_BITS;
        let line = self.cache[number as usize % CACHE_SIZE];
        let page = if line.number == number {
            line.page
        } else {
            self.open_page(number)
        };
        let level = page << PAGE_BITS | (rank & DIGIT) as u32;
        self.pages[page as usize].occupied |= 1 << (rank & DIGIT);
        if self.best_level == NIL || rank < self.best_rank {
            self.best_rank = rank;
            self.best_level = level;
        }
        level
    }

    /// Gives up a level that holds no orders any more.
    #[inline]
    pub(super) fn vacate(&mut self, level: LevelRef) {
        let page_index = level >> PAGE_BITS;
        let page = &mut self.pages[page_index as usize];
        page.occupied &= !(1 << (level & 63));
        let (number, occupied) = (page.number, page.occupied);
        if occupied == 0 {
            self.close_page(page_index, number);
        }
        if level == self.best_level {
            if occupied != 0 {
                let digit = occupied.trailing_zeros();
                self.best_rank = number << PAGE_BITS | u64::from(digit);
                self.best_level = page_index << PAGE_BITS | digit;
            } else {
                self.best_level = NIL;
                if let Some((rank, next)) = self.first_after_page(number) {
                    self.best_rank = rank;
                    self.best_level = next;
                }
            }
        }
    }

    /// The first occupied level whose rank is above `rank`.
    pub(super) fn after(&self, rank: u64) -> Option<(u64, LevelRef)> {
        let number = rank >> PAGE_BITS;
        if let Some(page) = self.find_page(number) {
            let above = self.pages[page as usize].occupied & above(rank & DIGIT);
            if above != 0 {
                let digit = above.trailing_zeros();
                let rank = number << PAGE_BITS | u64::from(digit);
                return Some((rank, page << PAGE_BITS | digit));
            }
        }
        self.first_after_page(number)
    }

    fn first_after_page(&self, number: u64) -> Option<(u64, LevelRef)> {
        let page_index = self.next_page(number)?;
        let page = &self.pages[page_index as usize];
        let digit = page.occupied.trailing_zeros();
        Some((
            page.number << PAGE_BITS | u64::from(digit),
            page_index << PAGE_BITS | digit,
        ))
    }

    /// Checks the trie, the pages and the cache against each other.
    pub(super) fn verify(&self) -> Result<(), String> {
        let mut in_use = 0;
        let mut number = None;
        let mut next = self.lowest_page();
        while let Some(index) = next {
            let page = &self.pages[index as usize];
            if page.occupied == 0 || number.is_some_and(|before| before >= page.number) {
                return Err(format!("page {} is empty or out of order", page.number));
            }
            for (digit, level) in page.levels.iter().enumerate() {
                let is_occupied = page.occupied >> digit & 1 == 1;
                if is_occupied != (level.orders > 0) {
                    return Err(format!("page {}: level {digit} is {level:?}", page.number));
                }
            }
            if self.find_page(page.number) != Some(index) {
                return Err(format!("page {} is not found", page.number));
            }
            in_use += 1;
            number = Some(page.number);
            next = self.next_page(page.number);
        }
        if in_use + self.free_pages.len() != self.pages.len() {
            return Err(format!("{in_use} pages hang in the trie, others are lost"));
        }
        let best = self.lowest_page().map(|page| {
            let digit = self.pages[page as usize].occupied.trailing_zeros();
            page << PAGE_BITS | digit
        });
        if best.unwrap_or(NIL) != self.best_level {
            return Err(format!(
                "the best level is {best:?}, not {}",
                self.best_level
            ));
        }
        Ok(())
    }

    fn lowest_page(&self) -> Option<u32> {
        (self.root != NIL).then(|| self.descend(self.root, self.height))
    }

    /// The lowest page below a node at a height.
    fn descend(&self, mut index: u32, height: u32) -> u32 {
        for _ in 0..height {
            let node = &self.nodes[index as usize];
            index = node.children[node.occupied.trailing_zeros() as usize];
        }
        index
    }

    /// Digit of a page number at a height of the trie: 0 is the lowest.
    #[inline]
    fn digit(number: u64, height: u32) -> usize {
        (number >> (PAGE_BITS * height) & DIGIT) as usize
    }

    fn has_prefix(&self, number: u64) -> bool {
        self.root != NIL && shift(number, self.height) == self.prefix
    }

    fn find_page(&self, number: u64) -> Option<u32> {
        let line = self.cache[number as usize % CACHE_SIZE];
        if line.number == number {
            return Some(line.page);
        }
        if !self.has_prefix(number) {
            return None;
        }
        let mut index = self.root;
        for height in (0..self.height).rev() {
            let node = &self.nodes[index as usize];
            let digit = Self::digit(number, height);
            if node.occupied >> digit & 1 == 0 {
                return None;
            }
            index = node.children[digit];
        }
        Some(index)
    }

    /// The page with the lowest number above `number`.
    fn next_page(&self, number: u64) -> Option<u32> {
        if self.root == NIL {
            return None;
        }
        // Where the way to `number` could have turned towards higher numbers last.
        let mut turn: Option<(u32, u32)> = None;
        let prefix = shift(number, self.height);
        let mut index = self.root;
        let mut height = self.height;
        if prefix > self.prefix {
            return None;
        }
        if prefix == self.prefix {
            while height > 0 {
                let node = &self.nodes[index as usize];
                let digit = Self::digit(number, height - 1);
                let higher = node.occupied & above(digit as u64);
                if higher != 0 {
                    turn = Some((node.children[higher.trailing_zeros() as usize], height - 1));
                }
                if node.occupied >> digit & 1 == 0 {
                    break;
                }
                index = node.children[digit];
                height -= 1;
            }
            (index, height) = turn?;
        }
        Some(self.descend(index, height))
    }

    #[inline(never)]
    fn open_page(&mut self, number: u64) -> u32 {
        let page = match self.find_page(number) {
            Some(page) => page,
            None => {
                let page = self.new_page(number);
                self.hang(number, page);
                page
            }
        };
        self.cache[number as usize % CACHE_SIZE] = CacheLine { number, page };
        page
    }

    fn new_page(&mut self, number: u64) -> u32 {
        if let Some(page) = self.free_pages.pop() {
            // Its levels were left empty.
            self.pages[page as usize].number = number;
            return page;
        }
        self.pages.push(Page {
            number,
            occupied: 0,
            levels: [EMPTY_LEVEL; 64],
        });
        u32::try_from(self.pages.len() - 1).expect("there are at most 2^31 orders and so pages")
    }

    fn new_node(&mut self) -> u32 {
        let node = Node {
            occupied: 0,
            children: [NIL; 64],
        };
        if let Some(index) = self.free_nodes.pop() {
            self.nodes[index as usize] = node;
            return index;
        }
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).expect("there are fewer nodes than 2^32")
    }

    /// Hangs a new page into the trie.
    fn hang(&mut self, number: u64, page: u32) {
        if self.root == NIL {
            self.root = self.new_node();
            self.height = 1;
            self.prefix = shift(number, 1);
        }
        while shift(number, self.height) != self.prefix {
            let root = self.new_node();
            let digit = (self.prefix & DIGIT) as usize;
            self.nodes[root as usize].occupied = 1 << digit;
            self.nodes[root as usize].children[digit] = self.root;
            self.root = root;
            self.prefix >>= PAGE_BITS;
            self.height += 1;
        }
        let mut index = self.root;
        for height in (1..self.height).rev() {
            let digit = Self::digit(number, height);
            if self.nodes[index as usize].occupied >> digit & 1 == 0 {
                let child = self.new_node();
                let node = &mut self.nodes[index as usize];
                node.occupied |= 1 << digit;
                node.children[digit] = child;
            }
            index = self.nodes[index as usize].children[digit];
        }
        let digit = Self::digit(number, 0);
        let node = &mut self.nodes[index as usize];
        node.occupied |= 1 << digit;
        node.children[digit] = page;
    }

    /// Takes an empty page out of the trie, with the nodes that it leaves empty.
    #[inline(never)]
    fn close_page(&mut self, page: u32, number: u64) {
        let line = &mut self.cache[number as usize % CACHE_SIZE];
        if line.number == number {
            line.number = NO_PAGE;
        }
        self.free_pages.push(page);
        let mut path = [NIL; 11];
        let mut index = self.root;
        for height in (0..self.height).rev() {
            path[height as usize] = index;
            index = self.nodes[index as usize].children[Self::digit(number, height)];
        }
        for height in 0..self.height {
            let index = path[height as usize];
            let node = &mut self.nodes[index as usize];
            node.occupied &= !(1 << Self::digit(number, height));
            if node.occupied != 0 {
                return;
            }
            self.free_nodes.push(index);
        }
        self.root = NIL;
    }
}

/// Bits above a digit.
#[inline]
fn above(digit: u64) -> u64 {
    (u64::MAX << digit) << 1
}

/// A page number without its lowest `digits` digits.
#[inline]
fn shift(number: u64, digits: u32) -> u64 {
    number.checked_shr(PAGE_BITS * digits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    extern crate std;
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
            let mut levels = Levels::new();
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
                    if let Some((_, level)) = levels.best() {
                        levels.vacate(level);
                        set.pop_first();
                    }
                }
                let best = levels.best().map(|(rank, _)| rank);
                assert_eq!(best, set.first().copied());
                let next = set.range(rank + 1..).next().copied();
                assert_eq!(levels.after(rank).map(|(rank, _)| rank), next);
            }
        }
    }
}
