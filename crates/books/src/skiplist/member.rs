//! One thread's part in the memory of lists: its place among the epochs, nodes that lie ready for it, and where it inserted last.
//!
//! - **Spare nodes.** What becomes free while the thread removes is kept for what it inserts next, without a word that other threads write.
//! - **The finger.** Who inserts a level often removes it again before doing anything else. Where the node was linked is kept (a finger, in the words of
//!   W. Pugh, "A Skip List Cookbook", 1990), so that it can be unlinked without a search. It holds as long as the thread pins the same epoch:
//!   no node that it knew is freed in that time ([`EpochGuard::epoch`]). Whether the nodes are still linked, the exchanges tell.
//!
//! Invariants: a spare node holds nothing, and is this member's alone; the finger's nodes were linked in the finger's epoch.
#![allow(unsafe_code)]

use core::cell::Cell;
use core::fmt;
use core::ptr::{self, NonNull};

use proofbook_memory::epoch::{EpochGuard, Participant};
use proofbook_memory::pool::PoolError;
use proofbook_memory::registration::RegistrationError;
use proofbook_memory::retired::Retired;
use proofbook_memory::sync::Arc;

use super::change::{is_removed, Place, Retire};
use super::node::{LinkCell, Node, NodeRef, Size, MAX_HEIGHT};
use super::nodes::{Nodes, SPARE_MAX};
use super::walk::Head;

/// Nodes of one size that hold nothing.
struct Spare<V> {
    count: Cell<usize>,
    places: [Cell<*mut Node<V>>; SPARE_MAX],
}

impl<V> Spare<V> {
    fn new() -> Self {
        Spare {
            count: Cell::new(0),
            places: [const { Cell::new(ptr::null_mut()) }; SPARE_MAX],
        }
    }

    #[inline]
    fn push(&self, place: *mut Node<V>) {
        self.places[self.count.get()].set(place);
        self.count.set(self.count.get() + 1);
    }

    #[inline]
    fn pop(&self) -> Option<NonNull<Node<V>>> {
        let count = self.count.get().checked_sub(1)?;
        self.count.set(count);
        NonNull::new(self.places[count].get())
    }
}

/// Where a thread inserted last.
struct Finger<V> {
    /// The list: null where nothing was inserted yet.
    head: Cell<*const Head<V>>,
    epoch: Cell<u64>,
    key: Cell<u64>,
    node: Cell<*mut Node<V>>,
    before: [Cell<*const LinkCell<V>>; MAX_HEIGHT],
}

/// One thread's part.
pub(super) struct Member<V> {
    participant: Participant,
    spare: [Spare<V>; Size::COUNT],
    finger: Finger<V>,
    nodes: Arc<Nodes<V>>,
}

// SAFETY: spare nodes hold nothing and are this member's; the finger's pointers are used under a guard alone. Neither is used while it moves, since it is
// not `Sync`. The nodes may be shared.
unsafe impl<V: Send + Sync> Send for Member<V> {}

impl<V: Clone + Send + Sync + 'static> Member<V> {
    pub(super) fn new(nodes: &Arc<Nodes<V>>) -> Result<Self, RegistrationError> {
        Ok(Member {
            participant: nodes.register()?,
            spare: core::array::from_fn(|_| Spare::new()),
            finger: Finger {
                head: Cell::new(ptr::null()),
                epoch: Cell::new(0),
                key: Cell::new(0),
                node: Cell::new(ptr::null_mut()),
                before: [const { Cell::new(ptr::null()) }; MAX_HEIGHT],
            },
            nodes: Arc::clone(nodes),
        })
    }

    #[inline(always)]
    pub(super) fn participant(&self) -> &Participant {
        &self.participant
    }

    /// A node that is linked nowhere.
    #[inline]
    pub(super) fn allocate(
        &self,
        key: u64,
        value: V,
        height: usize,
    ) -> Result<NodeRef<'_, V>, PoolError> {
        let size = Size::of(height);
        let Some(place) = self.spare[size as usize].pop() else {
            return self.nodes.allocate(key, value, height);
        };
        self.count_spare();
        // SAFETY: the place is that of a node of this size, which holds nothing and was this member's alone.
        Ok(unsafe { NodeRef::write(place, Node::new(key, value, height)) })
    }

    /// Drops a node and keeps its place, or frees it.
    ///
    /// # Safety
    /// As with [`Nodes::free`].
    #[inline]
    pub(super) unsafe fn free(&self, node: NodeRef<'_, V>) {
        let size = Size::of(node.height());
        let spare = &self.spare[size as usize];
        if spare.count.get() < self.nodes.spare_max() {
            // SAFETY: the caller's promise: the node is used by nobody any more.
            spare.push(unsafe { node.drop_in_place() });
            self.count_spare();
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.nodes.free(node) };
        }
    }

    /// Lets the nodes know how many of them lie here.
    #[inline]
    fn count_spare(&self) {
        let count = self.spare.iter().map(|spare| spare.count.get() as u64);
        self.nodes.set_spare(self.participant.index(), count.sum());
    }

    /// Frees what can be freed, and what lies ready.
    pub(super) fn collect(&self) {
        self.participant.collect();
        self.give_back();
    }

    /// Remembers where a node was inserted, under a guard of this member or by the list's only remover.
    #[inline]
    pub(super) fn point(&self, head: &Head<V>, key: u64, place: &Place<'_, V>) {
        let finger = &self.finger;
        finger.head.set(head);
        finger.epoch.set(self.participant.epoch());
        finger.key.set(key);
        finger.node.set(place.node.link().pointer());
        let height = place.node.height();
        for (cell, before) in finger.before.iter().zip(&place.before).take(height) {
            cell.set(*before);
        }
    }

    /// Where a key's node was inserted last, if it was, that is still to be relied on, and the node is still in the list.
    #[inline]
    pub(super) fn pointed_at<'g>(
        &self,
        head: &'g Head<V>,
        key: u64,
        guard: &'g EpochGuard<'_>,
    ) -> Option<Place<'g, V>> {
        let finger = &self.finger;
        let is_it = finger.key.get() == key
            && ptr::eq(finger.head.get(), head)
            && finger.epoch.get() == guard.epoch();
        if !is_it {
            return None;
        }
        // SAFETY: the node was in this list while this thread had the epoch pinned that the guard has pinned, or was its only remover, and so was
        // each node before it. So none of them is freed while the guard lives.
        let place = unsafe {
            let node = NodeRef::new(finger.node.get())?;
            let mut before = [&head.links()[0]; MAX_HEIGHT];
            for (before, cell) in before.iter_mut().zip(&finger.before).take(node.height()) {
                *before = &*cell.get();
            }
            Place { node, before }
        };
        (!is_removed(place.node, 0)).then_some(place)
    }
}

impl<V> Member<V> {
    fn give_back(&self) {
        for size in Size::ALL {
            while let Some(place) = self.spare[size as usize].pop() {
                // SAFETY: the place is that of a node of this size, which holds nothing and was this member's alone.
                unsafe { self.nodes.free_place(place, size) };
            }
        }
        self.nodes.set_spare(self.participant.index(), 0);
    }
}

impl<V> Drop for Member<V> {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl<V> fmt::Debug for Member<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.participant.fmt(f)
    }
}

/// Retires to the epochs, under a guard that has room for one node.
pub(super) struct Pinned<'g, V> {
    member: &'g Member<V>,
    guard: &'g EpochGuard<'g>,
}

impl<'g, V> Pinned<'g, V> {
    /// The guard came from the member's participant, before the walk on whose behalf this retires began.
    pub(super) fn new(member: &'g Member<V>, guard: &'g EpochGuard<'g>) -> Self {
        Pinned { member, guard }
    }
}

impl<V: Clone + Send + Sync + 'static> Retire<V> for Pinned<'_, V> {
    fn retire(&self, node: NodeRef<'_, V>) {
        let retired = self.member.nodes.retired(node);
        let free = |retired: Retired| {
            // SAFETY: what is retired to the epochs of these nodes is a node of them, which nobody holds any more.
            unsafe {
                let node = NodeRef::new(retired.address().cast());
                self.member.free(node.expect("a node is somewhere"));
            }
        };
        // SAFETY: the caller has seen that the node is linked nowhere, and that it is the one that retires it. It was unlinked while the guard lived, or
        // before by another thread that is pinned or has handed on that it was.
        unsafe { self.guard.retire_with(retired, free) }
            .expect("the guard was made with room for the one node that a call retires");
    }
}
