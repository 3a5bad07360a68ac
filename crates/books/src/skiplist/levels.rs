//! Price levels in skip lists: one for each queue, with one writer and readers beside it.
//!
//! The writer is the only one that removes. So it walks without pinning the epoch: nothing that is linked is freed under it, and what it removed itself
//! it cannot come to. It pins for one thing alone, to take a level's node out and retire it. A pin held for the length of a command would
//! cost each command an announcement, whether or not a level goes, and one held longer would stop all freeing. Readers pin while they look at a few
//! hundred prices, and never wait for the writer. It waits for one of them only where a million levels have gone since that one began to look, so that
//! one that has stopped in between costs a bounded amount of memory.
//!
//! Lists hold the names of levels. What is known of a level lies in a slab that only the writer uses.
//!
//! Invariant: the levels of a queue are the nodes of its list, each with its name and rank.

use core::fmt;

use proofbook_memory::epoch::{EpochGuard, Participant};
use proofbook_memory::sync::{thread, Arc};
use proofbook_types::Queue;

use super::change::{Insertion, Retire};
use super::list::{LockFreeSkipList, SkipListIter};
use super::member::{Member, Pinned};
use super::node::NodeRef;
use super::nodes::{Nodes, SkipListConfig, SkipListError};
use super::walk::Walk;
use crate::linked::{LevelData, LevelRef, Levels, LinkedBook, Place, Rank, RankedSlab};

/// A book whose levels are in skip lists.
pub type SkipListOrderBook = LinkedBook<SkipListLevels>;

/// One list for each queue. They share their memory.
#[derive(Debug)]
struct Lists {
    queues: [LockFreeSkipList<LevelRef>; 4],
    nodes: Arc<Nodes<LevelRef>>,
}

/// The price levels of a market in skip lists, owned by the market's one writer.
pub struct SkipListLevels {
    member: Member<LevelRef>,
    lists: Arc<Lists>,
    levels: RankedSlab,
    seed: u64,
}

impl Default for SkipListLevels {
    fn default() -> Self {
        SkipListLevels::with_seed(0)
    }
}

/// For insertions of the only writer, which meets no removed node of its own.
struct RetiresNothing;

impl<V> Retire<V> for RetiresNothing {
    fn retire(&self, _node: NodeRef<'_, V>) {
        unreachable!("only the writer removes levels, and it is inserting one");
    }
}

impl SkipListLevels {
    /// No levels yet, and a seed for the heights of nodes. Results never depend on it; a secret one keeps others from choosing prices whose nodes all stay
    /// low, which would make searches long.
    pub fn with_seed(seed: u64) -> Self {
        let config = SkipListConfig {
            seed,
            ..SkipListConfig::default()
        };
        let nodes = Nodes::new(&config).expect("the default configuration is within all ranges");
        let nodes = Arc::new(nodes);
        let list = |_| LockFreeSkipList::sharing(&config, Arc::clone(&nodes));
        let queues = core::array::from_fn(list);
        SkipListLevels {
            member: Member::new(&nodes).expect("it is the first participant"),
            lists: Arc::new(Lists { queues, nodes }),
            levels: RankedSlab::default(),
            seed,
        }
    }

    /// Somebody who looks at the prices from another thread.
    ///
    /// # Errors
    /// Where there are as many already as [`SkipListConfig::default`] allows, with the writer.
    pub fn reader(&self) -> Result<SkipListReader, SkipListError> {
        Ok(SkipListReader {
            participant: self.lists.nodes.register()?,
            lists: Arc::clone(&self.lists),
        })
    }

    #[inline(always)]
    fn list(&self, queue: Queue) -> &LockFreeSkipList<LevelRef> {
        &self.lists.queues[queue as usize]
    }

    #[inline(always)]
    fn walk(&self, queue: Queue) -> Walk<'_, LevelRef> {
        // SAFETY: nodes are removed by `vacate` alone, which borrows `self` alone. So no node that is linked at any time of this borrow is freed
        // during it: what waits to be freed was unlinked before.
        #[allow(unsafe_code)]
        unsafe {
            self.list(queue).head().walk()
        }
    }

    /// A guard under which one node can be retired. It waits where too many wait for a reader that is not running.
    fn pin(participant: &Participant) -> EpochGuard<'_> {
        loop {
            if let Ok(guard) = participant.pin_with_room(1) {
                return guard;
            }
            thread::yield_now();
        }
    }
}

#[inline(always)]
fn place(node: NodeRef<'_, LevelRef>) -> Place {
    Place {
        rank: node.key(),
        level: node.value(),
    }
}

impl Levels for SkipListLevels {
    #[inline]
    fn best(&self, queue: Queue) -> Option<Place> {
        self.walk(queue).first().map(place)
    }

    fn find(&self, queue: Queue, rank: Rank) -> Option<LevelRef> {
        let walk = self.walk(queue);
        // Most questions are about the best level.
        let first = walk.first().filter(|first| first.key() <= rank)?;
        if first.key() == rank {
            return Some(first.value());
        }
        let node = walk.seek(rank).filter(|node| node.key() == rank)?;
        Some(node.value())
    }

    fn after(&self, queue: Queue, rank: Rank) -> Option<Place> {
        let walk = self.walk(queue);
        let first = walk.first()?;
        let next = if first.key() > rank {
            first
        } else if first.key() == rank {
            walk.after(first)?
        } else {
            walk.seek(rank.checked_add(1)?)?
        };
        Some(place(next))
    }

    fn occupy(&mut self, queue: Queue, rank: Rank) -> LevelRef {
        if let Some(first) = self.best(queue).filter(|first| first.rank == rank) {
            return first.level;
        }
        let (lists, levels, member) = (&self.lists, &mut self.levels, &self.member);
        let mut name = 0;
        let allocate = |height| {
            name = levels.allocate(rank, queue as u32);
            member.allocate(rank, name, height)
        };
        let discard = |_| unreachable!("only the writer inserts levels");
        // SAFETY: as in `walk`; `vacate` borrows `self` alone.
        #[allow(unsafe_code)]
        let walk = unsafe { lists.queues[queue as usize].head().walk() };
        let insertion = walk
            .insert(rank, allocate, discard, &RetiresNothing)
            .expect(
                "by default there is room for as many levels as orders, and for all that may wait",
            );
        match insertion {
            Insertion::New(place) => {
                member.point(walk.head(), rank, &place);
                name
            }
            Insertion::Present(node) => node.value(),
        }
    }

    fn vacate(&mut self, queue: Queue, level: LevelRef) {
        let guard = Self::pin(self.member.participant());
        let walk = self.lists.queues[queue as usize].walk(&guard);
        let retire = Pinned::new(&self.member, &guard);
        let rank = self.levels.rank(level);
        let removed = match self.member.pointed_at(walk.head(), rank, &guard) {
            Some(place) => walk.remove_at(&place, &retire),
            None => walk.remove(rank, &retire),
        };
        assert_eq!(removed, Some(level), "level {level} is in its queue's list");
        drop(guard);
        self.levels.free(level);
    }

    #[inline(always)]
    fn get(&self, _queue: Queue, level: LevelRef) -> LevelData {
        *self.levels.get(level)
    }

    #[inline(always)]
    fn update<T>(
        &mut self,
        _queue: Queue,
        level: LevelRef,
        change: impl FnOnce(&mut LevelData) -> T,
    ) -> T {
        change(self.levels.get_mut(level))
    }

    fn verify(&self) -> Result<(), String> {
        let mut nodes = 0;
        for queue in Queue::ALL {
            nodes += self.list(queue).verify()?;
            let mut next = self.walk(queue).first();
            while let Some(node) = next {
                let Place { rank, level } = place(node);
                let data = self.levels.get(level);
                let known = self.levels.rank(level);
                if known != rank || data.tag != queue as u32 || data.orders == 0 {
                    return Err(format!(
                        "level {level} of rank {rank} in {queue:?} is {data:?} of rank {known}"
                    ));
                }
                next = self.walk(queue).after(node);
            }
        }
        let statistics = self.lists.nodes.statistics();
        if nodes != self.levels.used() || nodes + statistics.waiting != statistics.nodes {
            return Err(format!(
                "{nodes} levels are in lists, {} in the slab, of {statistics:?}",
                self.levels.used()
            ));
        }
        Ok(())
    }
}

impl Clone for SkipListLevels {
    /// The same levels under the same names, in lists and memory of their own, and without readers.
    fn clone(&self) -> Self {
        let mut clone = SkipListLevels::with_seed(self.seed);
        for queue in Queue::ALL {
            let mut next = self.walk(queue).first();
            while let Some(node) = next {
                let Place { rank, level } = place(node);
                let member = &clone.member;
                let discard = |_| unreachable!("nobody else knows the list");
                let allocate = |height| member.allocate(rank, level, height);
                clone
                    .walk(queue)
                    .insert(rank, allocate, discard, &RetiresNothing)
                    .expect("there was room before");
                next = self.walk(queue).after(node);
            }
        }
        clone.levels = self.levels.clone();
        clone
    }
}

impl fmt::Debug for SkipListLevels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SkipListLevels")
            .field("levels", &self.levels.used())
            .field("nodes", &self.lists.nodes)
            .finish_non_exhaustive()
    }
}

/// One thread's view of a market's prices while its writer goes on: which there are, and in which order.
///
/// What it sees of a queue is as an iteration sees it: each price was there at some moment of the call, and none is missed that was there all the time.
#[derive(Debug)]
pub struct SkipListReader {
    participant: Participant,
    lists: Arc<Lists>,
}

impl SkipListReader {
    /// The best rank of a queue.
    pub fn best(&self, queue: Queue) -> Option<Rank> {
        self.ranks(queue, 0).next()
    }

    /// The lowest rank above another.
    pub fn after(&self, queue: Queue, rank: Rank) -> Option<Rank> {
        self.ranks(queue, rank.checked_add(1)?).next()
    }

    /// The ranks of a queue that are not below `from`, lowest first.
    ///
    /// While the iterator lives and is not advanced, what the writer removes is not freed.
    pub fn ranks(&self, queue: Queue, from: Rank) -> impl Iterator<Item = Rank> + '_ {
        let list = &self.lists.queues[queue as usize];
        SkipListIter::new(list, &self.participant, from).map(|(rank, _)| rank)
    }
}
