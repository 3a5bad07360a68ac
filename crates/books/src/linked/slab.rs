//! Levels side by side, for structures that find them by other means.

use super::levels::{LevelData, LevelRef, Rank};

/// Levels by name. Freed places are used again last in, first out: however far the prices of a market spread, what it touches stays within
/// half a cache line for each level that holds orders.
#[derive(Clone, Debug, Default)]
pub(crate) struct LevelSlab {
    levels: Vec<LevelData>,
    free: Vec<LevelRef>,
}

impl LevelSlab {
    /// A level without orders, with a tag.
    #[inline(always)]
    pub(crate) fn allocate(&mut self, tag: u32) -> LevelRef {
        let level = match self.free.pop() {
            Some(level) => level,
            None => {
                self.levels.push(LevelData::EMPTY);
                (self.levels.len() - 1) as LevelRef
            }
        };
        self.levels[level as usize].tag = tag;
        level
    }

    /// Frees a level.
    #[inline(always)]
    pub(crate) fn free(&mut self, level: LevelRef) {
        self.levels[level as usize] = LevelData::EMPTY;
        self.free.push(level);
    }

    #[inline(always)]
    pub(crate) fn get(&self, level: LevelRef) -> &LevelData {
        &self.levels[level as usize]
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, level: LevelRef) -> &mut LevelData {
        &mut self.levels[level as usize]
    }

    /// Number of levels that are not free.
    pub(crate) fn used(&self) -> usize {
        self.levels.len() - self.free.len()
    }
}

/// The same, for structures that find a level by its rank and are told its name when it goes.
#[derive(Clone, Debug, Default)]
pub(crate) struct RankedSlab {
    levels: LevelSlab,
    /// By name: the rank of the level.
    ranks: Vec<Rank>,
}

impl RankedSlab {
    /// A level without orders at a rank, with a tag.
    #[inline(always)]
    pub(crate) fn allocate(&mut self, rank: Rank, tag: u32) -> LevelRef {
        let level = self.levels.allocate(tag);
        let place = level as usize;
        if place == self.ranks.len() {
            self.ranks.push(rank);
        }
        self.ranks[place] = rank;
        level
    }

    /// Frees a level.
    #[inline(always)]
    pub(crate) fn free(&mut self, level: LevelRef) {
        self.levels.free(level);
    }

    /// The rank that a level was made at.
    #[inline(always)]
    pub(crate) fn rank(&self, level: LevelRef) -> Rank {
        self.ranks[level as usize]
    }

    #[inline(always)]
    pub(crate) fn get(&self, level: LevelRef) -> &LevelData {
        self.levels.get(level)
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, level: LevelRef) -> &mut LevelData {
        self.levels.get_mut(level)
    }

    /// Number of levels that are not free.
    pub(crate) fn used(&self) -> usize {
        self.levels.used()
    }
}
