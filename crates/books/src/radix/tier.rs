//! Radix trees alone, from ranks to names of levels: a tier for as many levels as there may be, and what the radix book finds its own with.
//!
//! No tree is ever published, so that changes are made in place.

use proofbook_memory::sync::Arc;
use proofbook_types::Queue;

use super::nodes::{NodeMemory, Nodes};
use super::tree::{RadixCosts, RadixTrees};
use super::view::{Entry, RadixView};
use crate::linked::{LevelRef, Place, Rank, Tier};

/// The ranks of levels in radix trees, one for each queue. What the levels hold is kept by the tier's owner.
pub struct RadixTier {
    trees: RadixTrees<LevelRef, { Queue::ALL.len() }>,
}

impl Default for RadixTier {
    fn default() -> Self {
        RadixTier {
            trees: RadixTrees::new(Nodes::new(Arc::new(NodeMemory::new()))),
        }
    }
}

impl core::fmt::Debug for RadixTier {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let levels = Queue::ALL.map(|queue| self.trees.len(queue as usize));
        formatter
            .debug_struct("RadixTier")
            .field("levels", &levels)
            .field("costs", &self.costs())
            .finish_non_exhaustive()
    }
}

impl RadixTier {
    /// What the births and deaths of levels cost so far.
    pub fn costs(&self) -> RadixCosts {
        self.trees.costs()
    }

    /// The tree of a queue.
    #[inline(always)]
    pub(super) fn view(&self, queue: Queue) -> RadixView<'_, LevelRef> {
        self.trees.view(queue as usize)
    }

    /// Gives up the level at a rank, and gives its name.
    #[inline]
    pub(super) fn take(&mut self, queue: Queue, rank: Rank) -> Option<LevelRef> {
        self.trees.remove(queue as usize, rank)
    }
}

fn place(entry: Entry<LevelRef>) -> Place {
    Place {
        rank: entry.rank,
        level: entry.value,
    }
}

impl Tier for RadixTier {
    const LEVELS_MAX: usize = usize::MAX;

    #[inline(always)]
    fn first(&self, queue: Queue) -> Option<Place> {
        self.view(queue).first().map(place)
    }

    #[inline]
    fn find(&self, queue: Queue, rank: Rank) -> Option<LevelRef> {
        self.view(queue).get(rank)
    }

    fn after(&self, queue: Queue, rank: Rank) -> Option<Place> {
        self.view(queue).after(rank).map(place)
    }

    #[inline]
    fn insert(&mut self, queue: Queue, place: Place) {
        self.trees.set(queue as usize, place.rank, place.level);
    }

    fn remove(&mut self, queue: Queue, rank: Rank) {
        self.take(queue, rank);
    }

    fn verify(&self) -> Result<(), String> {
        let mut queues = Queue::ALL.into_iter();
        queues.try_for_each(|queue| self.trees.verify(queue as usize))
    }
}
