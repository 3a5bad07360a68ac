//! The radix tree as a structure for price levels: it finds the names of levels, which lie side by side in a slab.
//!
//! What an order changes of its level it changes in the slab, so the tree is walked when a level is born, dies, or is looked for.
//!
//! Invariants, checked by `verify`: the trees name exactly the levels that hold orders, each by the rank that its name stands for.

use proofbook_types::Queue;

use super::tier::RadixTier;
use super::tree::RadixCosts;
use super::view::{Depth, Entry};
use crate::linked::{LevelData, LevelRef, Levels, Place, Rank, RankedSlab, Tier};

/// Price levels found by radix trees, one for each queue.
#[derive(Default)]
pub struct RadixLevels {
    names: RadixTier,
    levels: RankedSlab,
}

impl core::fmt::Debug for RadixLevels {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .debug_struct("RadixLevels")
            .field("levels", &self.levels.used())
            .field("costs", &self.costs())
            .finish_non_exhaustive()
    }
}

impl RadixLevels {
    /// How deep the levels of a queue lie.
    pub fn depth(&self, queue: Queue) -> Depth {
        self.names.view(queue).depth()
    }

    /// What the births and deaths of levels cost so far.
    pub fn costs(&self) -> RadixCosts {
        self.names.costs()
    }
}

impl Levels for RadixLevels {
    #[inline(always)]
    fn best(&self, queue: Queue) -> Option<Place> {
        self.names.first(queue)
    }

    #[inline]
    fn find(&self, queue: Queue, rank: Rank) -> Option<LevelRef> {
        self.names.find(queue, rank)
    }

    fn after(&self, queue: Queue, rank: Rank) -> Option<Place> {
        self.names.after(queue, rank)
    }

    #[inline]
    fn occupy(&mut self, queue: Queue, rank: Rank) -> LevelRef {
        if let Some(level) = self.find(queue, rank) {
            return level;
        }
        let level = self.levels.allocate(rank, 0);
        self.names.insert(queue, Place { rank, level });
        level
    }

    #[inline]
    fn vacate(&mut self, queue: Queue, level: LevelRef) {
        let named = self.names.take(queue, self.levels.rank(level));
        assert_eq!(
            named,
            Some(level),
            "a level is in its tree until it is vacated"
        );
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
        let mut found = 0;
        self.names.verify()?;
        for queue in Queue::ALL {
            for Entry { rank, value: level } in self.names.view(queue).iter() {
                let data = self.levels.get(level);
                if self.levels.rank(level) != rank || data.orders == 0 {
                    return Err(format!(
                        "level {level} has rank {rank} in its tree, {} by its name, and {data:?}",
                        self.levels.rank(level)
                    ));
                }
                found += 1;
            }
        }
        if found != self.levels.used() {
            return Err(format!("{found} levels are in trees, others are lost"));
        }
        Ok(())
    }
}
