//! How the list is walked: to read it, to find where it is to be changed, and to unlink what is removed on the way.
//!
//! Level by level from the top, along the links of one level until the next key is too large, then down at that place (Pugh 1990). Many may
//! walk and change the list at once: M. Herlihy and N. Shavit, "The Art of Multiprocessor Programming", chapter 14, after K. Fraser,
//! "Practical Lock-Freedom" (2004), with the links of Harris (2001). A walk that looks for a place unlinks each removed node that it meets, one
//! by one (M. Michael, "High Performance Dynamic Lock-Free Hash Tables and List-Based Sets", SPAA 2002); one that only reads steps over it.
//!
//! Why no walk comes to a node that is freed, where nodes are freed once nobody who might have seen them linked walks any more:
//!
//! - A walk goes down only at a node whose link it saw unmarked on the level above. Links are marked from the top down, so at that moment the
//!   lower ones were unmarked too, and the node was linked on all of these levels. (Where it reads an old value, whoever marked the link had not
//!   let its epoch go in the walk's eyes, and nothing is freed that was retired since.)
//! - A removed node's link never changes. What it leads to cannot be unlinked before the removed node itself is: that would need a change
//!   of this very link. So what a walk reaches through it was linked at some moment of the walk.
//!
//! Invariants: on each level, keys ascend strictly among the nodes that are not removed; the nodes of a level are on all levels below it, but
//! for those that are removed.

use proofbook_memory::sync::{AtomicUsize, Ordering};

use super::link::Link;
use super::node::{height_of, LinkCell, NodeRef, Tower, MAX_HEIGHT};
use crate::layout::{layout, LayoutField};

/// Where every walk begins: two cache lines.
#[repr(C, align(64))]
pub(super) struct Head<V> {
    links: [LinkCell<V>; MAX_HEIGHT],
    /// Levels that have or had nodes: a hint, so that walks do not begin above all nodes.
    levels: AtomicUsize,
    height_max: usize,
    seed: u64,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Head<u32>>() == 128);

/// Where the fields of a list's head lie.
pub(super) fn head_layout() -> [LayoutField; 4] {
    type SkipListHead = Head<u32>;
    layout!(SkipListHead {
        links,
        levels,
        height_max,
        seed
    })
}

impl<V> Head<V> {
    pub(super) fn new(seed: u64, height_max: usize) -> Self {
        assert!(
            (1..=MAX_HEIGHT).contains(&height_max),
            "expected a height from 1 to {MAX_HEIGHT}, received {height_max}"
        );
        Head {
            links: core::array::from_fn(|_| LinkCell::end()),
            levels: AtomicUsize::new(1),
            height_max,
            seed,
        }
    }

    pub(super) fn links(&self) -> &[LinkCell<V>; MAX_HEIGHT] {
        &self.links
    }

    /// The height of a key's node in this list.
    #[inline]
    pub(super) fn height_of(&self, key: u64) -> usize {
        height_of(key, self.seed, self.height_max)
    }

    /// Notes that a node reaches so many levels.
    #[inline]
    pub(super) fn raise(&self, height: usize) {
        // Relaxed: nothing depends on it but how long walks are.
        if self.levels.load(Ordering::Relaxed) < height {
            self.levels.fetch_max(height, Ordering::Relaxed);
        }
    }

    /// Where walks begin, and what is freed after them: `'g` is how long it lasts that nothing is freed that a walk can come to.
    ///
    /// # Safety
    /// No node that is linked now or later is freed for as long as `'g`.
    #[allow(unsafe_code)]
    #[inline(always)]
    pub(super) unsafe fn walk<'g>(&'g self) -> Walk<'g, V> {
        Walk { head: self }
    }
}

/// Leave to walk a list for as long as `'g`, and all that only walks.
pub(super) struct Walk<'g, V> {
    head: &'g Head<V>,
}

impl<V> Clone for Walk<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Walk<'_, V> {}

/// Where a key is, or would be: on the levels that the search was for, the link of the last node before it, and what that leads to.
pub(super) struct Position<'g, V> {
    before: [&'g LinkCell<V>; MAX_HEIGHT],
    after: [Option<NodeRef<'g, V>>; MAX_HEIGHT],
}

impl<'g, V> Position<'g, V> {
    /// The link of a level behind which the key belongs.
    #[inline(always)]
    pub(super) fn cell(&self, level: usize) -> &'g LinkCell<V> {
        self.before[level]
    }

    /// The first node of a level that is not before the key.
    #[inline(always)]
    pub(super) fn after(&self, level: usize) -> Option<NodeRef<'g, V>> {
        self.after[level]
    }

    /// The links of all levels that the search was for.
    #[inline(always)]
    pub(super) fn before(&self) -> &[&'g LinkCell<V>; MAX_HEIGHT] {
        &self.before
    }

    /// The node at a key that the search was for.
    #[inline(always)]
    pub(super) fn found(&self, key: u64) -> Option<NodeRef<'g, V>> {
        self.after[0].filter(|node| node.key() == key)
    }
}

/// Whether a walk to `bound` stops before a key; without a bound it goes to the end.
#[inline(always)]
fn is_within(key: u64, bound: Option<u64>) -> bool {
    bound.is_none_or(|bound| key < bound)
}

/// A link to a node, or to the end.
#[inline(always)]
pub(super) fn link_to<V>(node: Option<NodeRef<'_, V>>) -> Link<V> {
    node.map_or(Link::to(core::ptr::null_mut()), NodeRef::link)
}

impl<'g, V> Walk<'g, V> {
    #[inline(always)]
    pub(super) fn head(self) -> &'g Head<V> {
        self.head
    }

    /// The node that a link leads to.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub(super) fn node(self, link: Link<V>) -> Option<NodeRef<'g, V>> {
        // SAFETY: links lead to nodes of one of the three sizes, made by `Nodes::allocate`, which gives pointers to the whole. Each link of this
        // walk was loaded with acquire ordering from a cell that was changed with release ordering, after the node was written, or by a thread
        // that knows of all changes. It was linked at some moment of `'g`, as the head of the file argues, so that it is not freed in that time.
        unsafe { NodeRef::new(link.pointer()) }
    }

    /// Goes along a level without changing anything, up to the first node that is not removed and not before the bound, which is given where there is
    /// one; the tower is that of the last node before it.
    ///
    /// # Safety
    /// The tower has the level.
    #[allow(unsafe_code)]
    #[inline(always)]
    unsafe fn skim(
        self,
        mut tower: Tower<'g, V>,
        level: usize,
        bound: Option<u64>,
    ) -> (Tower<'g, V>, Option<NodeRef<'g, V>>) {
        // SAFETY: the caller's promise.
        let mut link = unsafe { tower.cell(level) }.load(Ordering::Acquire);
        while let Some(node) = self.node(link) {
            // SAFETY: a level's links lead to nodes that have this level.
            let next = unsafe { node.tower().cell(level) }.load(Ordering::Acquire);
            if !next.is_removed() {
                if !is_within(node.key(), bound) {
                    return (tower, Some(node));
                }
                tower = node.tower();
            }
            link = next;
        }
        (tower, None)
    }

    /// The first node whose key is not below `bound`, without changing anything.
    #[allow(unsafe_code)]
    #[inline]
    pub(super) fn seek(self, bound: u64) -> Option<NodeRef<'g, V>> {
        let mut tower = Tower::of_head(self.head.links());
        for level in (1..self.head.levels.load(Ordering::Relaxed)).rev() {
            // SAFETY: the tower is the head's, or a node's that was met on the level above.
            let (last, next) = unsafe { self.skim(tower, level, Some(bound)) };
            // A node is linked from the bottom up and marked from the top down: not removed here, it is not removed at all.
            if let Some(node) = next.filter(|node| node.key() == bound) {
                return Some(node);
            }
            tower = last;
        }
        // SAFETY: every tower has the lowest level.
        unsafe { self.skim(tower, 0, Some(bound)) }.1
    }

    /// The position of a bound on the `levels` lowest levels; without a bound, the list's end. Every removed node before the bound, and
    /// at it, is unlinked on these levels by the time that the search ends, if it was linked when it began.
    pub(super) fn search(self, bound: Option<u64>, levels: usize) -> Position<'g, V> {
        let mut position = Position {
            before: [&self.head.links[0]; MAX_HEIGHT],
            after: [None; MAX_HEIGHT],
        };
        while self.try_search(bound, levels, &mut position).is_none() {}
        position
    }

    /// The search; nothing where a node was removed on which it stood, or the first one popped, so that it has to begin again.
    #[allow(unsafe_code)]
    fn try_search(
        self,
        bound: Option<u64>,
        levels: usize,
        position: &mut Position<'g, V>,
    ) -> Option<()> {
        let mut tower = Tower::of_head(self.head.links());
        // Above, only the way counts.
        for level in (levels..self.head.levels.load(Ordering::Relaxed)).rev() {
            // SAFETY: the tower is the head's, or a node's that was met on the level above.
            tower = unsafe { self.skim(tower, level, bound) }.0;
        }
        for level in (0..levels).rev() {
            // SAFETY: as above.
            let mut cell = unsafe { tower.cell(level) };
            let mut link = cell.load(Ordering::Acquire);
            loop {
                if link.is_removed() {
                    return None;
                }
                let Some(node) = self.node(link) else { break };
                if link.is_popped() {
                    // Only the head's lowest link is ever so, so that beginning again goes over few nodes.
                    self.finish_pop(node);
                    return None;
                }
                // SAFETY: a level's links lead to nodes that have this level.
                let next_cell = unsafe { node.tower().cell(level) };
                let next = next_cell.load(Ordering::Acquire);
                if next.is_removed() {
                    // Release: whoever goes on from here sees what this leads to. Acquire on failure: that leads to a node too.
                    link = match cell.exchange(
                        link,
                        next.plain(),
                        Ordering::Release,
                        Ordering::Acquire,
                    ) {
                        Ok(()) => next.plain(),
                        Err(found) => found,
                    };
                    continue;
                }
                if !is_within(node.key(), bound) {
                    break;
                }
                tower = node.tower();
                cell = next_cell;
                link = next;
            }
            position.before[level] = cell;
            position.after[level] = self.node(link);
        }
        Some(())
    }

    /// Unlinks a removed node wherever it is linked, which is nowhere any more when this ends. It is not being linked any more.
    ///
    /// It goes on behind nodes of the same key: one that was inserted after the removal may lie before the removed one.
    pub(super) fn sweep(self, node: NodeRef<'g, V>) {
        self.search(node.key().checked_add(1), node.height());
    }

    /// The first node.
    #[inline]
    pub(super) fn first(self) -> Option<NodeRef<'g, V>> {
        let link = self.head.links()[0].load(Ordering::Acquire);
        let node = self.node(link)?;
        // It was the first one when the head's link was loaded, and is not removed after that.
        if !node.links()[0].load(Ordering::Relaxed).is_removed() {
            return Some(node);
        }
        self.search(Some(0), 1).after(0)
    }

    /// The node after one that an iteration stands on.
    #[inline]
    pub(super) fn after(self, node: NodeRef<'g, V>) -> Option<NodeRef<'g, V>> {
        let link = node.links()[0].load(Ordering::Acquire);
        if !link.is_removed() {
            let next = self.node(link)?;
            if !next.links()[0].load(Ordering::Relaxed).is_removed() {
                return Some(next);
            }
        }
        // What a removed node leads to may be removed long since: the way goes over the head.
        self.seek(node.key().checked_add(1)?)
    }

    /// The first node of the lowest level, removed or not: for a thread that knows of all changes.
    pub(super) fn lowest(self) -> Option<NodeRef<'g, V>> {
        self.node(self.head.links()[0].load(Ordering::Relaxed))
    }

    /// The node after it on the lowest level, removed or not: for a thread that knows of all changes.
    pub(super) fn lowest_after(self, node: NodeRef<'g, V>) -> Option<NodeRef<'g, V>> {
        self.node(node.links()[0].load(Ordering::Relaxed))
    }

    /// Marks a node's links, from the top down: the mark of the lowest one is the removal. Says whether it was this call that removed it.
    pub(super) fn mark(self, node: NodeRef<'g, V>, is_pop: bool) -> bool {
        let (lowest, upper) = node.links().split_first().expect("a node has a level");
        for cell in upper.iter().rev() {
            let mut link = cell.load(Ordering::Relaxed);
            while !link.is_removed() {
                // Relaxed: a walk that still reads the old link began before this thread was seen to let its epoch go, so that nothing is freed
                // under it that goes after the mark.
                match cell.exchange(link, link.removed(), Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(()) => break,
                    Err(found) => link = found,
                }
            }
        }
        // Acquire, here and on failure: whoever finds the node removed by another sees what that one did before.
        let mut link = lowest.load(Ordering::Acquire);
        while !link.is_removed() {
            let removed = link.removed();
            let removed = if is_pop { removed.popped() } else { removed };
            // Release: whoever finds the node removed sees what this thread did before.
            match lowest.exchange(link, removed, Ordering::Release, Ordering::Acquire) {
                Ok(()) => return true,
                Err(found) => link = found,
            }
        }
        false
    }

    /// Ends a pop of the node, which the head's lowest link leads to with the mark of a pop.
    ///
    /// While that mark is there nobody inserts before the node, so that it is the first one when it is removed. Removing it by its key is still
    /// possible, and then it is not the pop that removed it.
    pub(super) fn finish_pop(self, node: NodeRef<'g, V>) {
        self.mark(node, true);
        // Relaxed: the marking acquired what it leads to, for good.
        let next = node.links()[0].load(Ordering::Relaxed);
        let claimed = node.link().popped();
        // Where it fails, another has ended the pop.
        let _ = self.head.links()[0].exchange(
            claimed,
            next.plain(),
            Ordering::Release,
            Ordering::Relaxed,
        );
    }
}
