//! Trees as their one writer changes them: what was published stays as it is, what was not is changed in place.
//!
//! A change copies the nodes on its way that readers may see, from the root down, and only those: a node that was born after the latest
//! publication is known to nobody else. So many changes between two publications copy each node at most once, and a tree that is never
//! published copies nothing. What a change replaces or takes out and readers may still see is listed until the writer has published the
//! next root; then it can be retired.
//!
//! Copying the way to a change is the path copying of Driscoll, Sarnak, Sleator and Tarjan (Making Data Structures Persistent, 1986), telling by a version
//! what may be written in place is theirs too.
//!
//! Invariants: a node with the present version as its birth is reached by this tree alone; all others are never written to.
#![allow(unsafe_code)]

use super::node::{digit, parting, Leaf, LeafData, Link, Node, NodeData, Target, FANOUT};
use super::nodes::Nodes;
use super::view::RadixView;
use crate::linked::Rank;

/// What a tree's changes cost: counts since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RadixCosts {
    /// Calls of `set` and `remove`.
    pub changes: u64,
    /// Nodes and leaves that these met.
    pub accesses: u64,
    /// Nodes and leaves copied because readers could see them.
    pub copies: u64,
}

/// `N` radix trees that have one writer and are published together.
pub(crate) struct RadixTrees<V, const N: usize> {
    roots: [Link<V>; N],
    /// The version that comes next: everything born in it is unpublished.
    version: u64,
    len: [usize; N],
    nodes: Nodes<V>,
    /// What the published trees hold and these do not any more.
    replaced: Vec<Link<V>>,
    is_changed: bool,
    costs: RadixCosts,
}

// SAFETY: the tree owns what it reaches, except what it published, which it does not write to; values go with it.
unsafe impl<V: Send + Sync, const N: usize> Send for RadixTrees<V, N> {}
// SAFETY: through a shared reference the tree is only read.
unsafe impl<V: Send + Sync, const N: usize> Sync for RadixTrees<V, N> {}

/// Where a link stands: at the root of a tree, or in a node that no other thread knows.
enum Seat<'a, V> {
    Root(usize),
    Child { node: &'a Node<V>, digit: usize },
}

impl<V: Copy, const N: usize> RadixTrees<V, N> {
    /// Empty trees with nodes from there.
    pub(crate) fn new(nodes: Nodes<V>) -> Self {
        RadixTrees {
            roots: [Link::NOTHING; N],
            version: 1,
            len: [0; N],
            nodes,
            replaced: Vec::new(),
            is_changed: false,
            costs: RadixCosts::default(),
        }
    }

    /// Number of ranks in a tree.
    pub(crate) fn len(&self, tree: usize) -> usize {
        self.len[tree]
    }

    /// What the changes cost so far.
    pub(crate) fn costs(&self) -> RadixCosts {
        self.costs
    }

    /// A tree with all changes, published or not.
    #[inline(always)]
    pub(crate) fn view(&self, tree: usize) -> RadixView<'_, V> {
        // SAFETY: while the view borrows the trees nothing changes them, and what they reach is freed by their changes alone.
        unsafe { RadixView::new(self.roots[tree]) }
    }

    /// Gives a rank a value, and gives the value that it had.
    #[inline]
    pub(crate) fn set(&mut self, tree: usize, rank: Rank, value: V) -> Option<V> {
        self.costs.changes += 1;
        self.is_changed = true;
        let mut seat = Seat::Root(tree);
        loop {
            self.costs.accesses += 1;
            let link = self.link(&seat);
            // SAFETY: the trees reach the link, so it leads to what was not freed; this call frees it only after its last use here.
            match unsafe { link.target() } {
                Target::Nothing => {
                    let leaf = self.new_leaf(rank, value);
                    self.put(&seat, leaf);
                    self.len[tree] += 1;
                    return None;
                }
                Target::Leaf(leaf) => {
                    let before = leaf.read();
                    let Some(height) = parting(rank, before.rank) else {
                        self.set_leaf(&seat, link, leaf, value);
                        return Some(before.value);
                    };
                    self.part(&seat, (link, before.rank), height, rank, value);
                    self.len[tree] += 1;
                    return None;
                }
                Target::Node(node) => {
                    let (other, lowest) = node.read(|node| (node.rank, node.height));
                    if let Some(height) = parting(rank, other).filter(|&height| height > lowest) {
                        self.part(&seat, (link, other), height, rank, value);
                        self.len[tree] += 1;
                        return None;
                    }
                    let node = self.own(&seat, link, node);
                    let digit = digit(rank, lowest);
                    seat = Seat::Child { node, digit };
                }
            }
        }
    }

    /// Takes a rank out, and gives the value that it had.
    pub(crate) fn remove(&mut self, tree: usize, rank: Rank) -> Option<V> {
        let value = self.view(tree).get(rank)?;
        self.costs.changes += 1;
        self.is_changed = true;
        self.len[tree] -= 1;
        let mut seat = Seat::Root(tree);
        loop {
            self.costs.accesses += 1;
            let link = self.link(&seat);
            // SAFETY: the trees reach the link, so it leads to what was not freed; this call frees it only after its last use here.
            let Target::Node(node) = (unsafe { link.target() }) else {
                // Only at the root does the way end without a node above.
                self.put(&seat, Link::NOTHING);
                self.give_up(link);
                return Some(value);
            };
            let (digit, child, others) = node.read(|node| {
                let digit = digit(rank, node.height);
                (digit, node.children[digit], node.occupied & !(1 << digit))
            });
            if !child.is_leaf() {
                let node = self.own(&seat, link, node);
                seat = Seat::Child { node, digit };
                continue;
            }
            if others.is_power_of_two() {
                // A node with one child parts nothing: the child takes its place.
                let other = others.trailing_zeros() as usize;
                let other = node.read(|node| node.children[other]);
                self.put(&seat, other);
                self.give_up(link);
            } else {
                let node = self.own(&seat, link, node);
                self.put(&Seat::Child { node, digit }, Link::NOTHING);
            }
            self.give_up(child);
            return Some(value);
        }
    }

    /// Whether anything was set or removed since the last `freeze`.
    pub(crate) fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// Ends a version: what was born in it is never written to again. Gives the roots, to be published, and appends to `retired` what
    /// only readers of earlier roots can see from the moment when they are.
    pub(super) fn freeze(&mut self, retired: &mut Vec<Link<V>>) -> [Link<V>; N] {
        self.version += 1;
        self.is_changed = false;
        retired.append(&mut self.replaced);
        self.roots
    }

    /// Takes back what `freeze` gave for retirement.
    ///
    /// # Safety
    /// No thread can see it any more; each link comes back once.
    pub(super) unsafe fn take_back(&mut self, retired: &mut Vec<Link<V>>) {
        for link in retired.drain(..) {
            // SAFETY: the caller's promise.
            unsafe { self.nodes.free(link) };
        }
    }

    /// Where nodes come from.
    pub(crate) fn nodes(&self) -> &Nodes<V> {
        &self.nodes
    }

    /// Checks that every node parts something, that everything is where its rank says, and that the number of values is known.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn verify(&self, tree: usize) -> Result<(), String> {
        let found = self.view(tree).verify(self.version)?;
        let known = self.len[tree];
        if found != known {
            return Err(format!("tree {tree} holds {found} ranks, {known} known"));
        }
        Ok(())
    }

    #[inline(always)]
    fn link(&self, seat: &Seat<'_, V>) -> Link<V> {
        match *seat {
            Seat::Root(tree) => self.roots[tree],
            Seat::Child { node, digit } => node.read(|node| node.children[digit]),
        }
    }

    #[inline(always)]
    fn put(&mut self, seat: &Seat<'_, V>, link: Link<V>) {
        match *seat {
            Seat::Root(tree) => self.roots[tree] = link,
            // SAFETY: a seat's node comes from `own`, so no other thread knows it.
            Seat::Child { node, digit } => unsafe { node.set_child(digit, link) },
        }
    }

    /// Gives the leaf in a seat a value.
    #[inline(always)]
    fn set_leaf(&mut self, seat: &Seat<'_, V>, link: Link<V>, leaf: &Leaf<V>, value: V) {
        let LeafData { birth, rank, .. } = leaf.read();
        if birth == self.version {
            // SAFETY: it was born after the latest publication, so no other thread knows it.
            unsafe { leaf.set_value(value) };
            return;
        }
        self.costs.copies += 1;
        let copy = self.new_leaf(rank, value);
        self.put(seat, copy);
        self.replaced.push(link);
    }

    /// The node in a seat, to be written to: itself, or a copy in its place where readers may see it.
    #[inline(always)]
    fn own<'a>(&mut self, seat: &Seat<'_, V>, link: Link<V>, node: &'a Node<V>) -> &'a Node<V> {
        if node.read(|node| node.birth) == self.version {
            return node;
        }
        self.costs.copies += 1;
        let copy = self.nodes.copy(node, self.version);
        self.put(seat, Link::to_node(copy));
        self.replaced.push(link);
        // SAFETY: the copy was made just now, and this call does not free it.
        unsafe { copy.as_ref() }
    }

    /// Puts a node between a seat and what is there, where `rank` parts from it.
    fn part(
        &mut self,
        seat: &Seat<'_, V>,
        (below, other): (Link<V>, Rank),
        height: u8,
        rank: Rank,
        value: V,
    ) {
        let (digit_below, digit_new) = (digit(other, height), digit(rank, height));
        let mut children = [Link::NOTHING; FANOUT];
        children[digit_below] = below;
        children[digit_new] = self.new_leaf(rank, value);
        let node = self.nodes.node(NodeData {
            birth: self.version,
            rank,
            occupied: 1 << digit_below | 1 << digit_new,
            height,
            children,
        });
        self.put(seat, Link::to_node(node));
    }

    #[inline(always)]
    fn new_leaf(&mut self, rank: Rank, value: V) -> Link<V> {
        let leaf = self.nodes.leaf(LeafData {
            birth: self.version,
            rank,
            value,
        });
        Link::to_leaf(leaf)
    }

    /// What nothing in the trees leads to any more: freed, unless readers may see it.
    #[inline(always)]
    fn give_up(&mut self, link: Link<V>) {
        // SAFETY: it was not freed before: that is decided here.
        let birth = match unsafe { link.target() } {
            Target::Nothing => return,
            Target::Leaf(leaf) => leaf.read().birth,
            Target::Node(node) => node.read(|node| node.birth),
        };
        if birth == self.version {
            // SAFETY: born after the latest publication, so no other thread knows it, and the trees have let go of it.
            unsafe { self.nodes.free(link) };
        } else {
            self.replaced.push(link);
        }
    }
}
