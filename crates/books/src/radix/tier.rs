//! Radix trees alone as a tier of levels: for as many as there may be.

use proofbook_memory::sync::Arc;
use proofbook_types::Queue;

use super::levels::place;
use super::nodes::{NodeMemory, Nodes};
use super::tree::{RadixCosts, RadixTrees};
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
}

impl Tier for RadixTier {
    const LEVELS_MAX: usize = usize::MAX;

    fn first(&self, queue: Queue) -> Option<Place> {
        self.trees.view(queue as usize).first().map(place)
    }

    #[inline]
    fn find(&self, queue: Queue, rank: Rank) -> Option<LevelRef> {
        self.trees.view(queue as usize).get(rank)
    }

    fn after(&self, queue: Queue, rank: Rank) -> Option<Place> {
        self.trees.view(queue as usize).after(rank).map(place)
    }

    fn insert(&mut self, queue: Queue, place: Place) {
        self.trees.set(queue as usize, place.rank, place.level);
    }

    fn remove(&mut self, queue: Queue, rank: Rank) {
        self.trees.remove(queue as usize, rank);
    }

    fn verify(&self) -> Result<(), String> {
        let mut queues = Queue::ALL.into_iter();
        queues.try_for_each(|queue| self.trees.verify(queue as usize))
    }
}
