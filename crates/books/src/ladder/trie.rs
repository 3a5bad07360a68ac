//! Which pages hold orders, in the order of their numbers.
//!
//! A 64-ary trie over the digits of page numbers, path-compressed: a node stands only where numbers part, so that there
//! are fewer nodes than pages however far prices spread, and a way from the root has at most ten steps. Every node has an
//! occupancy word: a bit is set while any page below that child holds orders, as in a van Emde Boas tree of fixed fan-out. So
//! the first page with orders, and the next one after any number, are found by counting trailing zeros.
//!
//! Invariants: a bit is set exactly if the child is a page with orders or a node with a bit set; a node's children share
//! all digits of their numbers above its height, and differ in the digit at its height.

use crate::layout::{layout, LayoutField};

/// Bits of a digit.
const DIGIT_BITS: u32 = 6;
const DIGIT: u64 = 63;
/// No page, no node.
pub(super) const NONE: u32 = u32::MAX;
/// Set in a child that is a page.
const PAGE: u32 = 1 << 31;

#[derive(Clone, Debug)]
#[repr(C)]
struct Node {
    occupied: u64,
    /// A number below this node; only its digits above `height` matter.
    number: u64,
    /// The digit that its children differ in: 0 is the lowest.
    height: u32,
    /// The node above, `NONE` for the root.
    parent: u32,
    /// Nodes, and pages with [`PAGE`] set.
    children: [u32; 64],
}

/// Where the fields of a node lie.
pub(super) fn layout() -> [LayoutField; 5] {
    layout!(Node {
        occupied,
        number,
        height,
        parent,
        children
    })
}

/// The trie. Pages are named by index, below 2^31; the caller knows their numbers.
#[derive(Clone, Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    root: u32,
}

/// What the caller has to note after a page was inserted.
pub(super) struct Inserted {
    /// The node above the new page, `NONE` if it is the only one.
    pub(super) parent: u32,
    /// Another page that hangs below the same node from now on.
    pub(super) moved: Option<u32>,
}

/// What the caller knows of a page.
#[derive(Clone, Copy)]
pub(super) struct PageFacts {
    pub(super) number: u64,
    pub(super) is_occupied: bool,
}

impl Trie {
    pub(super) fn new() -> Self {
        Trie {
            nodes: Vec::new(),
            root: NONE,
        }
    }

    /// Forgets every page.
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.root = NONE;
    }

    /// A page below a node holds orders: says so upwards.
    #[inline]
    pub(super) fn mark(&mut self, parent: u32, number: u64) {
        let mut index = parent;
        while index != NONE {
            let node = &mut self.nodes[index as usize];
            let before = node.occupied;
            node.occupied = before | 1 << digit(number, node.height);
            if before != 0 {
                break;
            }
            index = node.parent;
        }
    }

    /// A page below a node holds no orders any more: says so upwards.
    #[inline]
    pub(super) fn unmark(&mut self, parent: u32, number: u64) {
        let mut index = parent;
        while index != NONE {
            let node = &mut self.nodes[index as usize];
            node.occupied &= !(1 << digit(number, node.height));
            if node.occupied != 0 {
                break;
            }
            index = node.parent;
        }
    }

    /// The page with a number, whether or not it holds orders.
    pub(super) fn find(&self, number: u64, number_of: impl Fn(u32) -> u64) -> Option<u32> {
        let mut child = self.root;
        while child & PAGE == 0 {
            let node = &self.nodes[child as usize];
            child = node.children[digit(number, node.height)];
        }
        let page = child ^ PAGE;
        (child != NONE && number_of(page) == number).then_some(page)
    }

    /// The page with the lowest number that holds orders; there is one.
    #[inline(always)]
    pub(super) fn first(&self) -> u32 {
        self.first_below(self.root)
    }

    /// The page with the lowest number below a child that holds orders; there is one.
    #[inline(always)]
    fn first_below(&self, mut child: u32) -> u32 {
        while child & PAGE == 0 {
            let node = &self.nodes[child as usize];
            child = node.children[node.occupied.trailing_zeros() as usize];
        }
        child ^ PAGE
    }

    /// The page with the lowest number above `number` that holds orders. Some page does.
    pub(super) fn after(&self, number: u64, number_of: impl Fn(u32) -> u64) -> Option<u32> {
        // Where the way to `number` could have turned towards higher numbers last.
        let mut turn = NONE;
        let mut child = self.root;
        while child & PAGE == 0 {
            let node = &self.nodes[child as usize];
            let above_node = without_digits(number, node.height + 1);
            let prefix = without_digits(node.number, node.height + 1);
            if above_node != prefix {
                let is_higher = prefix > above_node && node.occupied != 0;
                turn = if is_higher { child } else { turn };
                break;
            }
            let digit = digit(number, node.height);
            let higher = node.occupied & above(digit as u32);
            if higher != 0 {
                turn = node.children[higher.trailing_zeros() as usize];
            }
            if node.occupied >> digit & 1 == 0 {
                break;
            }
            child = node.children[digit];
        }
        // A page that the way ends at is the only one there: where it comes after `number`, it comes first.
        if child & PAGE != 0 && number_of(child ^ PAGE) > number {
            return Some(child ^ PAGE);
        }
        (turn != NONE).then(|| self.first_below(turn))
    }

    /// Hangs a page into the trie, with its bit not yet set.
    pub(super) fn insert(
        &mut self,
        number: u64,
        page: u32,
        page_of: impl Fn(u32) -> PageFacts,
    ) -> Inserted {
        let mut parent = NONE;
        let mut child = self.root;
        loop {
            if child == NONE {
                self.set_child(parent, number, page | PAGE);
                return Inserted {
                    parent,
                    moved: None,
                };
            }
            let (other, height) = if child & PAGE != 0 {
                (page_of(child ^ PAGE), None)
            } else {
                let node = &self.nodes[child as usize];
                let facts = PageFacts {
                    number: node.number,
                    is_occupied: node.occupied != 0,
                };
                (facts, Some(node.height))
            };
            let parting = (number ^ other.number).checked_ilog2().unwrap_or(0) / DIGIT_BITS;
            match height {
                Some(height) if parting <= height => {
                    parent = child;
                    child = self.nodes[child as usize].children[digit(number, height)];
                }
                _ => return self.part(parent, (child, other), parting, number, page),
            }
        }
    }

    /// Puts a node between `parent` and a child, where `number` parts from the child's number.
    fn part(
        &mut self,
        parent: u32,
        (child, facts): (u32, PageFacts),
        height: u32,
        number: u64,
        page: u32,
    ) -> Inserted {
        let index = self.nodes.len() as u32;
        let child_digit = digit(facts.number, height);
        let mut node = Node {
            occupied: u64::from(facts.is_occupied) << child_digit,
            number,
            height,
            parent,
            children: [NONE; 64],
        };
        node.children[child_digit] = child;
        node.children[digit(number, height)] = page | PAGE;
        self.nodes.push(node);
        self.set_child(parent, number, index);
        let moved = (child & PAGE != 0).then_some(child ^ PAGE);
        if moved.is_none() {
            self.nodes[child as usize].parent = index;
        }
        Inserted {
            parent: index,
            moved,
        }
    }

    fn set_child(&mut self, parent: u32, number: u64, child: u32) {
        if parent == NONE {
            self.root = child;
        } else {
            let node = &mut self.nodes[parent as usize];
            node.children[digit(number, node.height)] = child;
        }
    }

    /// Checks the nodes against each other and against the pages. Gives the number of pages.
    pub(super) fn verify(&self, page_of: impl Fn(u32) -> PageFacts) -> Result<usize, String> {
        let mut pages = usize::from(self.root & PAGE != 0 && self.root != NONE);
        for (index, node) in self.nodes.iter().enumerate() {
            let index = index as u32;
            if (index == self.root) != (node.parent == NONE) {
                return Err(format!("node {index} has parent {}", node.parent));
            }
            let mut children = 0;
            for (place, &child) in node.children.iter().enumerate() {
                let is_marked = node.occupied >> place & 1 == 1;
                if child == NONE {
                    if is_marked {
                        return Err(format!("node {index}: nothing at {place} holds orders"));
                    }
                    continue;
                }
                children += 1;
                let facts = if child & PAGE != 0 {
                    pages += 1;
                    page_of(child ^ PAGE)
                } else {
                    let below = &self.nodes[child as usize];
                    if below.parent != index || below.height >= node.height {
                        return Err(format!("node {child} does not hang below {index}"));
                    }
                    PageFacts {
                        number: below.number,
                        is_occupied: below.occupied != 0,
                    }
                };
                let is_in_place = digit(facts.number, node.height) == place
                    && without_digits(facts.number, node.height + 1)
                        == without_digits(node.number, node.height + 1);
                if !is_in_place || facts.is_occupied != is_marked {
                    return Err(format!(
                        "node {index}: child {place} is misplaced or mismarked"
                    ));
                }
            }
            if children < 2 {
                return Err(format!("node {index} parts nothing"));
            }
        }
        Ok(pages)
    }
}

/// Digit of a page number at a height: 0 is the lowest.
#[inline(always)]
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
