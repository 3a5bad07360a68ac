//! What the tiers of a [`HybridLevels`](super::HybridLevels) really did, counted.
//!
//! Only what commands do is counted, and what moves levels between tiers follows from these counts alone. Views that somebody takes of the book, however
//! often, change neither.

use super::predictor::PredictionCounts;
use super::TierName;

/// Where searches of commands ended: an incoming order looks for the level at its price, from the hottest tier on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    /// Levels found, by tier. A search found in one tier has missed in all hotter ones.
    pub found: [u64; 3],
    /// Searches that found none: a level begins there.
    pub absent: u64,
}

impl Lookups {
    /// Searches in all.
    pub fn total(&self) -> u64 {
        self.found.iter().sum::<u64>() + self.absent
    }

    /// Searches that a tier answered.
    pub fn hits(&self, tier: TierName) -> u64 {
        self.found[tier as usize]
    }

    /// Searches that came as far as a tier and were not answered by it.
    pub fn misses(&self, tier: TierName) -> u64 {
        let colder = &self.found[tier as usize + 1..];
        colder.iter().sum::<u64>() + self.absent
    }
}

/// Everything that was counted, as a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HybridReport {
    /// Searches for the level of an incoming order.
    pub lookups: Lookups,
    /// Uses of levels (orders that come, trade, change or go), by the tier in which the level lay.
    pub accesses: [u64; 3],
    /// Searches for the next best level once the best one was spent, by the tier in which it was found.
    pub next_best: [u64; 3],
    /// Levels that began, by the tier in which they did.
    pub begun: [u64; 3],
    /// Levels moved up by the policy, from warm to hot and from cold to warm.
    pub promotions: [u64; 2],
    /// Levels moved down for lack of room, from hot to warm and from warm to cold.
    pub evictions: [u64; 2],
    /// Levels brought into the hot tier because they were predicted.
    pub prefetches: u64,
    /// Predictions and how they went.
    pub predictions: PredictionCounts,
    /// Uses before a level moves up, where the policy counts uses.
    pub threshold: Option<u32>,
    /// Windows after which an adaptive policy moved its threshold.
    pub adaptations: u64,
    /// Levels in each tier now, all queues together.
    pub levels: [u64; 3],
}

impl HybridReport {
    /// Uses in a thousand whose level lay in the hot tier; `None` before the first use.
    pub fn hot_permille(&self) -> Option<u64> {
        let total = self.accesses.iter().sum::<u64>();
        (self.accesses[TierName::Hot as usize] * 1000).checked_div(total)
    }
}

/// Counts what the tiers do.
#[derive(Clone, Debug, Default)]
pub struct PerformanceMonitor {
    counted: HybridReport,
}

impl PerformanceMonitor {
    /// A search ended in a tier, or nowhere.
    #[inline]
    pub(super) fn lookup(&mut self, found: Option<TierName>) {
        match found {
            Some(tier) => self.counted.lookups.found[tier as usize] += 1,
            None => self.counted.lookups.absent += 1,
        }
    }

    /// A level of a tier is used.
    #[inline]
    pub(super) fn access(&mut self, tier: TierName) {
        self.counted.accesses[tier as usize] += 1;
    }

    /// The next best level was found in a tier.
    #[inline]
    pub(super) fn next_best(&mut self, tier: TierName) {
        self.counted.next_best[tier as usize] += 1;
    }

    /// A level begins in a tier.
    #[inline]
    pub(super) fn begin(&mut self, tier: TierName) {
        self.counted.begun[tier as usize] += 1;
    }

    /// The policy moves a level up from a tier.
    #[inline]
    pub(super) fn promotion(&mut self, from: TierName) {
        self.counted.promotions[from as usize - 1] += 1;
    }

    /// A level moves down from a tier.
    #[inline]
    pub(super) fn eviction(&mut self, from: TierName) {
        self.counted.evictions[from as usize] += 1;
    }

    /// A predicted level is brought into the hot tier.
    #[inline]
    pub(super) fn prefetch(&mut self) {
        self.counted.prefetches += 1;
    }

    /// What was counted so far; the rest of the report is the caller's to fill in.
    pub(super) fn counted(&self) -> HybridReport {
        self.counted
    }
}
