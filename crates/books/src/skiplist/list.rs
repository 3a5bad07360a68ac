//! The list that many threads change at once: keys in order, each with a value.
//!
//! A thread takes part through a [`SkipListHandle`], which holds its place among the epochs. Every call is lock-free: whatever the other threads
//! do or wherever they stop, some call ends. Insert, remove, get, first and pop take effect at one instant each, between their call and their
//! return, so that a history of them is linearizable (Herlihy and Wing 1990): on processors where all threads see the stores of others in one
//! order, such as x86-64, ARMv8 and RISC-V, by any clock; by the memory model alone, with respect to what happens before what. Whoever sees what
//! a call did, be it that a key is gone, sees all that its thread did before. An iteration is weaker: it gives keys in order, each of which was
//! there at some moment of the step that gave it, and no step passes over a key that was there all through the step.

use core::fmt;

use proofbook_memory::epoch::{EpochGuard, Participant, Stalled};
use proofbook_memory::sync::Arc;

use super::change::Insertion;
use super::member::{Member, Pinned};
use super::node::NodeRef;
use super::nodes::{Nodes, SkipListConfig, SkipListError, SkipListStatistics};
use super::walk::{Head, Walk};

/// Steps after which an iteration lets the epoch go on.
const STEPS_PER_PIN: u32 = 256;

/// A sorted map from 64-bit keys to values that many threads read and change without locks.
///
/// ```
/// use proofbook_books::skiplist::{LockFreeSkipList, SkipListConfig};
///
/// let list: LockFreeSkipList<u32> = LockFreeSkipList::new(SkipListConfig::default())?;
/// std::thread::scope(|scope| {
///     for thread in 0..2 {
///         let handle = list.handle().expect("64 threads can have one");
///         scope.spawn(move || (0..100).all(|key| handle.insert(2 * key + thread, 7).expect("there is room")));
///     }
/// });
/// let handle = list.handle()?;
/// assert_eq!(handle.iter().count(), 200);
/// assert_eq!(handle.pop_first()?, Some((0, 7)));
/// assert_eq!(handle.remove(0)?, None);
/// assert_eq!(handle.range(198).map(|(key, _)| key).collect::<Vec<_>>(), [198, 199]);
/// # Ok::<(), proofbook_books::skiplist::SkipListError>(())
/// ```
pub struct LockFreeSkipList<V> {
    head: Head<V>,
    nodes: Arc<Nodes<V>>,
}

impl<V: Clone + Send + Sync + 'static> LockFreeSkipList<V> {
    /// An empty list.
    ///
    /// # Errors
    /// Where a number of the configuration is out of its range.
    pub fn new(config: SkipListConfig) -> Result<Self, SkipListError> {
        let nodes = Arc::new(Nodes::new(&config)?);
        Ok(Self::sharing(&config, nodes))
    }

    /// An empty list whose nodes come from the memory of others.
    pub(super) fn sharing(config: &SkipListConfig, nodes: Arc<Nodes<V>>) -> Self {
        LockFreeSkipList {
            head: Head::new(config.seed, config.height_max),
            nodes,
        }
    }

    /// A thread's access to the list.
    ///
    /// # Errors
    /// Where as many handles live as the configuration allows.
    pub fn handle(&self) -> Result<SkipListHandle<'_, V>, SkipListError> {
        Ok(SkipListHandle {
            member: Member::new(&self.nodes)?,
            list: self,
        })
    }

    /// Links that the node of a key has: it depends on the key and on the configuration, and on nothing else.
    pub fn height_of(&self, key: u64) -> usize {
        self.head.height_of(key)
    }

    /// How many nodes there are, in this and in lists that share its memory. While others change the list, the figures are of nearly
    /// the same moment.
    pub fn statistics(&self) -> SkipListStatistics {
        self.nodes.statistics()
    }

    pub(super) fn head(&self) -> &Head<V> {
        &self.head
    }

    /// A walk for as long as the guard and the list live.
    #[allow(unsafe_code)]
    #[inline]
    pub(super) fn walk<'g>(&'g self, _guard: &'g EpochGuard<'_>) -> Walk<'g, V> {
        // SAFETY: nodes are unlinked before they are retired to the epochs that the guard has pinned: callers pin with participants of `nodes`.
        unsafe { self.head.walk() }
    }

    /// Checks everything that must hold in a list that nobody changes, at any cost: on each level the right nodes in the right order, none of
    /// them removed, all of them built.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&mut self) -> Result<(), String> {
        let nodes = self.verify()?;
        let known = self.nodes.statistics();
        if nodes + known.waiting != known.nodes {
            return Err(format!("{nodes} nodes are in the list, of {known:?}"));
        }
        Ok(())
    }

    /// The same for a list whose only writer calls it; gives how many nodes there are.
    pub(super) fn verify(&self) -> Result<usize, String> {
        // SAFETY: nobody removes nodes during the call.
        #[allow(unsafe_code)]
        let walk = unsafe { self.head.walk() };
        super::verify::verify(walk)
    }
}

impl<V> Drop for LockFreeSkipList<V> {
    fn drop(&mut self) {
        // SAFETY: nobody walks any more: handles borrow the list, and what is removed is unlinked before it is retired. So the list alone holds what
        // is linked, each node is linked on the lowest level, and none is used after it is freed.
        #[allow(unsafe_code)]
        unsafe {
            let mut next = self.head.walk().lowest();
            while let Some(node) = next {
                next = self.head.walk().lowest_after(node);
                self.nodes.free(node);
            }
        }
    }
}

impl<V> fmt::Debug for LockFreeSkipList<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockFreeSkipList")
            .field("nodes", &self.nodes)
            .finish_non_exhaustive()
    }
}

/// One thread's access to a list. It can be moved to another thread.
pub struct SkipListHandle<'l, V> {
    member: Member<V>,
    list: &'l LockFreeSkipList<V>,
}

impl<'l, V: Clone + Send + Sync + 'static> SkipListHandle<'l, V> {
    /// Inserts a key with its value; whether it was not there. Where it was, nothing changes.
    ///
    /// # Errors
    /// Where no node can be had, or too many removed ones wait for a thread that has stalled. Nothing has changed then.
    pub fn insert(&self, key: u64, value: V) -> Result<bool, SkipListError> {
        let member = &self.member;
        let guard = self.pin_to_change()?;
        let walk = self.list.walk(&guard);
        let allocate = |height| member.allocate(key, value, height);
        let discard = |node| {
            // SAFETY: it was never linked, so that only this call knows it.
            #[allow(unsafe_code)]
            unsafe {
                member.free(node);
            }
        };
        match walk.insert(key, allocate, discard, &Pinned::new(member, &guard))? {
            Insertion::New(place) => {
                member.point(walk.head(), key, &place);
                Ok(true)
            }
            Insertion::Present(_) => Ok(false),
        }
    }

    /// A guard under which one node can be retired.
    #[inline]
    fn pin_to_change(&self) -> Result<EpochGuard<'_>, Stalled> {
        self.member.participant().pin_with_room(1)
    }

    /// Removes a key and gives its value, if it was there.
    ///
    /// # Errors
    /// Where too many removed nodes wait for a thread that has stalled. Nothing has changed then.
    pub fn remove(&self, key: u64) -> Result<Option<V>, Stalled> {
        let guard = self.pin_to_change()?;
        let walk = self.list.walk(&guard);
        let retire = Pinned::new(&self.member, &guard);
        Ok(match self.member.pointed_at(walk.head(), key, &guard) {
            Some(place) => walk.remove_at(&place, &retire),
            None => walk.remove(key, &retire),
        })
    }

    /// Removes the lowest key and gives it with its value, unless the list is empty.
    ///
    /// # Errors
    /// As with [`SkipListHandle::remove`].
    pub fn pop_first(&self) -> Result<Option<(u64, V)>, Stalled> {
        let guard = self.pin_to_change()?;
        let walk = self.list.walk(&guard);
        Ok(walk.pop_first(&Pinned::new(&self.member, &guard)))
    }

    /// The value of a key, if it is there.
    pub fn get(&self, key: u64) -> Option<V> {
        let guard = self.member.participant().pin();
        let node = self.list.walk(&guard).seek(key)?;
        (node.key() == key).then(|| node.value())
    }

    /// Whether a key is there.
    pub fn contains(&self, key: u64) -> bool {
        let guard = self.member.participant().pin();
        let node = self.list.walk(&guard).seek(key);
        node.is_some_and(|node| node.key() == key)
    }

    /// The lowest key and its value, unless the list is empty.
    pub fn first(&self) -> Option<(u64, V)> {
        let guard = self.member.participant().pin();
        let node = self.list.walk(&guard).first()?;
        Some((node.key(), node.value()))
    }

    /// All keys with their values, in order.
    pub fn iter(&self) -> SkipListIter<'_, V> {
        self.range(0)
    }

    /// Keys that are not below `from`, with their values, in order.
    pub fn range(&self, from: u64) -> SkipListIter<'_, V> {
        SkipListIter::new(self.list, self.member.participant(), from)
    }

    /// Frees what can be freed of what this thread removed, or threads that are gone.
    pub fn collect(&self) {
        self.member.collect();
    }
}

impl<V> fmt::Debug for SkipListHandle<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SkipListHandle")
            .field("member", &self.member)
            .finish_non_exhaustive()
    }
}

/// Keys and values in order, while others change the list.
///
/// It pins the epoch and lets go of it every [`STEPS_PER_PIN`] steps, so that it holds back the freeing of nodes only while it is not advanced, or a
/// second one of the same handle lives.
pub struct SkipListIter<'h, V> {
    list: &'h LockFreeSkipList<V>,
    guard: EpochGuard<'h>,
    /// The node that was given last; it is not freed while the guard keeps its epoch.
    last: Option<NodeRef<'h, V>>,
    /// Where to go on without that; nothing once the end was met.
    from: Option<u64>,
    steps: u32,
}

impl<'h, V: Clone + Send + Sync + 'static> SkipListIter<'h, V> {
    pub(super) fn new(
        list: &'h LockFreeSkipList<V>,
        participant: &'h Participant,
        from: u64,
    ) -> Self {
        SkipListIter {
            list,
            guard: participant.pin(),
            last: None,
            from: Some(from),
            steps: 0,
        }
    }

    fn step(&mut self) -> Option<NodeRef<'h, V>> {
        let from = self.from?;
        if self.steps == STEPS_PER_PIN {
            self.steps = 0;
            // The node may be freed once the guard has another epoch.
            self.last = None;
            self.guard.refresh();
        }
        self.steps += 1;
        // SAFETY: what the walk comes to is not freed before the guard changes its epoch or goes, and nothing of it is kept longer: `last` is forgotten
        // before, and what is given out is copied.
        #[allow(unsafe_code)]
        let walk = unsafe { self.list.head().walk() };
        match self.last {
            Some(last) => walk.after(last),
            None => walk.seek(from),
        }
    }
}

impl<V: Clone + Send + Sync + 'static> Iterator for SkipListIter<'_, V> {
    type Item = (u64, V);

    fn next(&mut self) -> Option<(u64, V)> {
        let node = self.step();
        self.last = node;
        let node = node.or_else(|| {
            self.from = None;
            None
        })?;
        let key = node.key();
        self.from = key.checked_add(1);
        Some((key, node.value()))
    }
}

impl<V> fmt::Debug for SkipListIter<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SkipListIter")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}
