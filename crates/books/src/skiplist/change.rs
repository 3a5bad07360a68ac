//! How the list is changed: insert, remove, pop the first.
//!
//! What takes effect at one instant is always one exchange of a lowest link: of the one before a new node, or, as a mark, of the one that leads
//! away from a removed node. The levels above only shorten the way. The node's inserter links it to them, from the bottom up, while others may already
//! be removing it; so both note their end on the node, and whoever is second unlinks it everywhere and retires it. That is one of the
//! two, once, and after it nobody can come to the node any more. The races that such lists are known to lose nodes in end there:
//!
//! - **Insert against remove.** The inserter links a level after the remover has looked there. The inserter is then second and looks again.
//! - **Remove against remove.** Both may mark upper links; one exchange marks the lowest one, and whoever made it is the remover.
//! - **Pop against insert.** A pop that removed the node that it saw first could miss one inserted before it. The pop first marks the head's
//!   link, which an insertion at the front would have to change; whoever meets that mark ends the pop.
//! - **Insert against a removed node of the same key.** The new node may be linked before the old one on a level on which the old one still is. Who
//!   unlinks the old one goes on behind equal keys, or it would stop too early.

use proofbook_memory::sync::Ordering;

use super::link::Link;
use super::node::{LinkCell, NodeRef, MAX_HEIGHT};
use super::walk::{link_to, Position, Walk};

/// What came of an insertion.
pub(super) enum Insertion<'g, V> {
    /// The node is in the list, or was.
    New(Place<'g, V>),
    /// There is one with that key already, which stays.
    Present(NodeRef<'g, V>),
}

/// Where a node was linked: the link that led to it on each of its levels, so that it can be unlinked without a search as long as that is so.
pub(super) struct Place<'g, V> {
    pub(super) node: NodeRef<'g, V>,
    pub(super) before: [&'g LinkCell<V>; MAX_HEIGHT],
}

/// What is done with a node that nobody can come to any more.
pub(super) trait Retire<V> {
    /// Frees it once nobody holds it.
    ///
    /// The caller is the only one that retires this node, which is linked nowhere.
    fn retire(&self, node: NodeRef<'_, V>);
}

impl<'g, V> Walk<'g, V> {
    /// Inserts the node of a key, if there is none: `allocate` makes it, with the height that it is given, when it is needed first. `discard` is
    /// given it back where another was faster, so that nobody has ever seen it.
    pub(super) fn insert<E>(
        self,
        key: u64,
        allocate: impl FnOnce(usize) -> Result<NodeRef<'g, V>, E>,
        discard: impl FnOnce(NodeRef<'g, V>),
        retire: &impl Retire<V>,
    ) -> Result<Insertion<'g, V>, E> {
        let height = self.head().height_of(key);
        let mut position = self.search(Some(key), height);
        if let Some(present) = position.found(key) {
            return Ok(Insertion::Present(present));
        }
        let node = allocate(height)?;
        loop {
            for (level, cell) in node.links().iter().enumerate() {
                cell.set(link_to(position.after(level)));
            }
            // Release: the node's content, and what it leads to, for whoever comes to it.
            let linked = position.cell(0).exchange(
                link_to(position.after(0)),
                node.link(),
                Ordering::Release,
                Ordering::Relaxed,
            );
            if linked.is_ok() {
                break;
            }
            position = self.search(Some(key), height);
            if let Some(present) = position.found(key) {
                discard(node);
                return Ok(Insertion::Present(present));
            }
        }
        if height > 1 {
            self.head().raise(height);
            self.build(node, &mut position);
            if node.note_built() {
                self.sweep(node);
                retire.retire(node);
            }
        }
        let before = *position.before();
        Ok(Insertion::New(Place { node, before }))
    }

    /// Links a node to its upper levels, or to some of them where it is removed meanwhile.
    fn build(self, node: NodeRef<'g, V>, position: &mut Position<'g, V>) {
        for level in 1..node.height() {
            while !self.link(node, level, position) {
                *position = self.search(Some(node.key()), node.height());
                if position.after(0) != Some(node) || is_removed(node, level) {
                    return;
                }
            }
        }
    }

    /// Links a node to one level, if the position still holds there.
    fn link(self, node: NodeRef<'g, V>, level: usize, position: &Position<'g, V>) -> bool {
        let after = position.after(level);
        let cell = &node.links()[level];
        // Relaxed: only this thread and removers change it, and these only mark it.
        let link = cell.load(Ordering::Relaxed);
        let next = link_to(after);
        if link.is_removed() {
            return false;
        }
        if link != next
            && cell
                .exchange(link, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
        {
            return false;
        }
        // Release: the node's content and its link, for whoever comes to it on this level.
        position
            .cell(level)
            .exchange(next, node.link(), Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }

    /// Removes the node of a key, if there is one, and gives its value.
    pub(super) fn remove(self, key: u64, retire: &impl Retire<V>) -> Option<V>
    where
        V: Clone,
    {
        let position = self.search(Some(key), self.head().height_of(key));
        let node = position.found(key)?;
        let before = *position.before();
        self.remove_at(&Place { node, before }, retire)
    }

    /// Removes a node that was in the list at a moment of this call, and gives its value, unless another removes it. Its place may be an old one.
    pub(super) fn remove_at(self, place: &Place<'g, V>, retire: &impl Retire<V>) -> Option<V>
    where
        V: Clone,
    {
        let node = place.node;
        if !self.mark(node, false) {
            // Another removed it, after it was seen in the list: at that moment there was none, and this call takes effect right behind it.
            return None;
        }
        if node.note_gone() {
            if !self.unlink(place) {
                self.sweep(node);
            }
            retire.retire(node);
        }
        // Last, so that a clone that panics leaves nothing behind: the node is there as long as the walk may go on.
        Some(node.value())
    }

    /// Unlinks a removed and built node where its place still holds; says whether that was everywhere.
    fn unlink(self, place: &Place<'g, V>) -> bool {
        let node = place.node;
        let levels = node.links().iter().zip(&place.before).rev();
        // The exchange fails where the node before is removed, or leads to something else.
        let mut unlinked = levels.map(|(cell, before)| {
            // Acquire: what it leads to, which the exchange publishes with release.
            let next = cell.load(Ordering::Acquire);
            before.exchange(
                node.link(),
                next.plain(),
                Ordering::Release,
                Ordering::Relaxed,
            )
        });
        unlinked.all(|outcome| outcome.is_ok())
    }

    /// Removes the first node, if there is one, and gives its key and value.
    pub(super) fn pop_first(self, retire: &impl Retire<V>) -> Option<(u64, V)>
    where
        V: Clone,
    {
        let cell = &self.head().links()[0];
        loop {
            let link = cell.load(Ordering::Acquire);
            let node = self.node(link)?;
            if link.is_popped() {
                self.finish_pop(node);
                continue;
            }
            if is_removed(node, 0) {
                self.search(Some(0), 1);
                continue;
            }
            // Release: another thread may end the pop, and who sees that sees what this one did before.
            if cell
                .exchange(link, link.popped(), Ordering::Release, Ordering::Relaxed)
                .is_err()
            {
                continue;
            }
            self.finish_pop(node);
            // A node is claimed by a pop at most once, so that one with this mark is this call's.
            if node.links()[0].load(Ordering::Relaxed).is_popped() {
                if node.note_gone() {
                    self.sweep(node);
                    retire.retire(node);
                }
                // Last, as in `remove`.
                return Some((node.key(), node.value()));
            }
        }
    }
}

/// Whether a node is removed, as far as one of its levels tells.
#[inline(always)]
pub(super) fn is_removed<V>(node: NodeRef<'_, V>, level: usize) -> bool {
    // Relaxed: for a hint, and where the exchange that follows decides.
    Link::is_removed(node.links()[level].load(Ordering::Relaxed))
}
