//! The radix tree as a structure for price levels: it finds the names of levels, which lie side by side in a slab.
//!
//! What an order changes of its level it changes in the slab, so the tree is walked when a level is born, dies, or is looked for. Each queue has its tree;
//! no tree is ever published, so that changes are made in place.
//!
//! Invariants, checked by `verify`: the trees name exactly the levels that hold orders, each by the rank that its name stands for.

use proofbook_memory::sync::Arc;
use proofbook_types::Queue;

use super::nodes::{NodeMemory, Nodes};
use super::tree::{RadixCosts, RadixTrees};
use super::view::{Depth, Entry};
use crate::linked::{LevelData, LevelRef, LevelSlab, Levels, Place, Rank};

/// Price levels found by radix trees, one for each queue.
pub struct RadixLevels {
    trees: RadixTrees<LevelRef, { Queue::ALL.len() }>,
    levels: LevelSlab,
    /// By name: the rank of the level.
    ranks: Vec<Rank>,
}

impl Default for RadixLevels {
    fn default() -> Self {
        RadixLevels {
            trees: RadixTrees::new(Nodes::new(Arc::new(NodeMemory::new()))),
            levels: LevelSlab::default(),
            ranks: Vec::new(),
        }
    }
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
        self.trees.view(queue as usize).depth()
    }

    /// What the births and deaths of levels cost so far.
    pub fn costs(&self) -> RadixCosts {
        self.trees.costs()
    }
}

fn place(entry: Entry<LevelRef>) -> Place {
    Place {
        rank: entry.rank,
        level: entry.value,
    }
}

impl Levels for RadixLevels {
    #[inline(always)]
    fn best(&self, queue: Queue) -> Option<Place> {
        self.trees.view(queue as usize).first().map(place)
    }

    #[inline]
    fn find(&self, queue: Queue, rank: Rank) -> Option<LevelRef> {
        self.trees.view(queue as usize).get(rank)
    }

    fn after(&self, queue: Queue, rank: Rank) -> Option<Place> {
        self.trees.view(queue as usize).after(rank).map(place)
    }

    #[inline]
    fn occupy(&mut self, queue: Queue, rank: Rank) -> LevelRef {
        if let Some(level) = self.find(queue, rank) {
            return level;
        }
        let level = self.levels.allocate(0);
        let place = level as usize;
        if place == self.ranks.len() {
            self.ranks.push(rank);
        }
        self.ranks[place] = rank;
        self.trees.set(queue as usize, rank, level);
        level
    }

    #[inline]
    fn vacate(&mut self, queue: Queue, level: LevelRef) {
        self.trees
            .remove(queue as usize, self.ranks[level as usize])
            .expect("a level is in its tree until it is vacated");
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
        for queue in Queue::ALL {
            self.trees.verify(queue as usize)?;
            for Entry { rank, value: level } in self.trees.view(queue as usize).iter() {
                let data = self.levels.get(level);
                if self.ranks[level as usize] != rank || data.orders == 0 {
                    return Err(format!(
                        "level {level} has rank {rank} in its tree, {} by its name, and {data:?}",
                        self.ranks[level as usize]
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
