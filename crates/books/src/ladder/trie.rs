//! Which pages exist and which of them hold orders, in the order of their numbers.
//!
//! A 64-ary trie over the digits of page numbers, only as high as the span of the numbers needs: one node for 64 pages,
//! two levels for 4,096, at most ten for all of 58 bits. Every node has an occupancy word: a bit is set while
//! any page below that child holds orders, as in a van Emde Boas tree of fixed fan-out. So the first page with orders, and
//! the next one after any number, are found by counting trailing zeros, in as many steps as the trie is high.
//!
//! Invariants: a bit is set exactly if the child is a page with orders or a node with a bit set; all numbers share the
//! prefix above the digits of the root.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Bits of a digit.
const DIGIT_BITS: u32 = 6;
const DIGIT: u64 = 63;
/// No page, no node.
pub(super) const NONE: u32 = u32::MAX;

#[derive(Clone, Debug)]
#[repr(C)]
struct Node {
    occupied: u64,
    /// The node above, `NONE` for the root.
    parent: u32,
    /// Which child of that node this is.
    digit: u32,
    children: [u32; 64],
}

/// The trie. Pages are named by index.
#[derive(Clone, Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    root: u32,
    height: u32,
    /// What all page numbers share above the trie's digits.
    prefix: u64,
}

impl Trie {
    pub(super) fn new() -> Self {
        Trie {
            nodes: Vec::new(),
            root: NONE,
            height: 0,
            prefix: 0,
        }
    }

    /// Forgets every page.
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.root = NONE;
    }

    /// A child of a node holds orders: says so upwards.
    #[inline]
    pub(super) fn mark(&mut self, mut index: u32, mut digit: u32) {
        while index != NONE {
            let node = &mut self.nodes[index as usize];
            let before = node.occupied;
            node.occupied = before | 1 << digit;
            if before != 0 {
                break;
            }
            (index, digit) = (node.parent, node.digit);
        }
    }

    /// A child of a node holds no orders any more: says so upwards.
    #[inline]
    pub(super) fn unmark(&mut self, mut index: u32, mut digit: u32) {
        while index != NONE {
            let node = &mut self.nodes[index as usize];
            node.occupied &= !(1 << digit);
            if node.occupied != 0 {
                break;
            }
            (index, digit) = (node.parent, node.digit);
        }
    }

    fn has_prefix(&self, number: u64) -> bool {
        self.root != NONE && without_digits(number, self.height) == self.prefix
    }

    /// The page with a number, whether or not it holds orders.
    pub(super) fn find(&self, number: u64) -> Option<u32> {
        if !self.has_prefix(number) {
            return None;
        }
        let mut index = self.root;
        for height in (0..self.height).rev() {
            index = self.nodes[index as usize].children[digit(number, height)];
            if index == NONE {
                return None;
            }
        }
        Some(index)
    }

    /// The page with the lowest number that holds orders; there is one.
    #[inline(always)]
    pub(super) fn first(&self) -> u32 {
        self.descend(self.root, self.height)
    }

    /// The page with the lowest number above `number` that holds orders.
    pub(super) fn after(&self, number: u64) -> Option<u32> {
        if self.root == NONE || self.nodes[self.root as usize].occupied == 0 {
            return None;
        }
        let prefix = without_digits(number, self.height);
        if prefix != self.prefix {
            return (prefix < self.prefix).then(|| self.first());
        }
        // Down as far as the way to `number` goes, then up to the first turn towards higher numbers.
        let mut index = self.root;
        let mut height = self.height - 1;
        while height > 0 {
            let child = self.nodes[index as usize].children[digit(number, height)];
            if child == NONE {
                break;
            }
            index = child;
            height -= 1;
        }
        self.turn(index, digit(number, height) as u32, height)
    }

    /// The first page with orders beyond a child of a node, whose children are at `height`.
    #[inline]
    fn turn(&self, mut index: u32, mut digit: u32, mut height: u32) -> Option<u32> {
        while index != NONE {
            let node = &self.nodes[index as usize];
            let higher = node.occupied & above(digit);
            if higher != 0 {
                let child = node.children[higher.trailing_zeros() as usize];
                return Some(self.descend(child, height));
            }
            (index, digit) = (node.parent, node.digit);
            height += 1;
        }
        None
    }

    /// The lowest page with orders below a node at a height; there is one.
    #[inline]
    fn descend(&self, mut index: u32, height: u32) -> u32 {
        for _ in 0..height {
            let node = &self.nodes[index as usize];
            index = node.children[node.occupied.trailing_zeros() as usize];
        }
        index
    }

    fn new_node(&mut self, parent: u32, digit: usize) -> u32 {
        self.nodes.push(Node {
            occupied: 0,
            parent,
            digit: digit as u32,
            children: [NONE; 64],
        });
        let index = (self.nodes.len() - 1) as u32;
        if parent != NONE {
            self.nodes[parent as usize].children[digit] = index;
        }
        index
    }

    /// Hangs a page into the trie, with its bit not yet set. Gives the node above it.
    pub(super) fn insert(&mut self, number: u64, page: u32) -> u32 {
        if self.root == NONE {
            self.root = self.new_node(NONE, 0);
            self.height = 1;
            self.prefix = without_digits(number, 1);
        }
        while without_digits(number, self.height) != self.prefix {
            self.raise();
        }
        let mut index = self.root;
        for height in (1..self.height).rev() {
            let digit = digit(number, height);
            let child = self.nodes[index as usize].children[digit];
            index = if child == NONE {
                self.new_node(index, digit)
            } else {
                child
            };
        }
        self.nodes[index as usize].children[digit(number, 0)] = page;
        index
    }

    /// Puts a new root above the root.
    fn raise(&mut self) {
        let digit = (self.prefix & DIGIT) as usize;
        let old = self.root;
        let root = self.new_node(NONE, 0);
        self.nodes[root as usize].children[digit] = old;
        if self.nodes[old as usize].occupied != 0 {
            self.nodes[root as usize].occupied = 1 << digit;
        }
        self.nodes[old as usize].parent = root;
        self.nodes[old as usize].digit = digit as u32;
        self.root = root;
        self.prefix >>= DIGIT_BITS;
        self.height += 1;
    }

    /// Checks the nodes against each other and against the number of pages that hold orders.
    pub(super) fn verify(&self, occupied_pages: usize) -> Result<(), String> {
        let mut marks = 0;
        for (index, node) in self.nodes.iter().enumerate() {
            let is_root = index as u32 == self.root;
            if is_root != (node.parent == NONE) {
                return Err(format!("node {index} has parent {}", node.parent));
            }
            if !is_root {
                let parent = &self.nodes[node.parent as usize];
                let is_marked = parent.occupied >> node.digit & 1 == 1;
                let is_child = parent.children[node.digit as usize] == index as u32;
                if !is_child || is_marked != (node.occupied != 0) {
                    return Err(format!("node {index} hangs wrongly: {node:?}"));
                }
            }
            marks += node.occupied.count_ones() as usize;
        }
        let marked_nodes = self.nodes.iter().enumerate();
        let marked_nodes =
            marked_nodes.filter(|(index, node)| *index as u32 != self.root && node.occupied != 0);
        if marks != marked_nodes.count() + occupied_pages {
            return Err(format!(
                "{marks} marks in the trie, not one for each child with orders"
            ));
        }
        Ok(())
    }
}

/// Digit of a page number at a height of the trie: 0 is the lowest.
#[inline]
fn digit(number: u64, height: u32) -> usize {
    (number >> (DIGIT_BITS * height) & DIGIT) as usize
}

/// Bits above a digit.
#[inline]
pub(super) fn above(digit: u32) -> u64 {
    (u64::MAX << digit) << 1
}

/// A page number without its lowest `digits` digits.
#[inline]
fn without_digits(number: u64, digits: u32) -> u64 {
    number.checked_shr(DIGIT_BITS * digits).unwrap_or(0)
}
