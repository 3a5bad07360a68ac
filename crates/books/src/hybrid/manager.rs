//! Decides which level moves up and which one moves down.

use proofbook_types::Queue;

use super::policy::{AdaptiveParams, EvictionPolicy, HybridConfig, PromotionPolicy};
use super::predictor::CachePredictor;
use super::tracker::{Access, AccessPatternTracker};
use crate::linked::{LevelRef, Rank};

/// The threshold of an adaptive policy, as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Adaptation {
    threshold: u32,
    is_rising: bool,
    /// Uses in this window so far, and those that found their level in the hot tier.
    accesses: u32,
    hits: u32,
    /// Hits of the window before this one.
    hits_before: Option<u32>,
    /// Windows that moved the threshold.
    moves: u64,
}

impl Adaptation {
    fn new(threshold: u32) -> Self {
        Adaptation {
            threshold,
            is_rising: true,
            accesses: 0,
            hits: 0,
            hits_before: None,
            moves: 0,
        }
    }

    /// One use; at the end of a window, one step of the threshold.
    #[inline]
    fn access(&mut self, is_hit: bool, params: &AdaptiveParams) {
        self.accesses += 1;
        self.hits += u32::from(is_hit);
        if self.accesses == params.window_accesses {
            self.end_window(params);
        }
    }

    /// All windows have the same length, so their hits compare as their rates do.
    #[cold]
    fn end_window(&mut self, params: &AdaptiveParams) {
        if self.hits_before.is_some_and(|before| self.hits < before) {
            self.is_rising = !self.is_rising;
        }
        // At a bound there is one way to go.
        if self.threshold == params.threshold_max {
            self.is_rising = false;
        } else if self.threshold == params.threshold_min {
            self.is_rising = true;
        }
        let before = self.threshold;
        self.threshold = if self.is_rising {
            before.saturating_add(params.step).min(params.threshold_max)
        } else {
            before.saturating_sub(params.step).max(params.threshold_min)
        };
        self.moves += u64::from(self.threshold != before);
        self.hits_before = Some(self.hits);
        self.accesses = 0;
        self.hits = 0;
    }
}

/// The policies and what they know.
#[derive(Clone, Debug)]
pub struct CacheManager {
    promotion_policy: PromotionPolicy,
    eviction_policy: EvictionPolicy,
    access_tracker: AccessPatternTracker,
    predictor: CachePredictor,
    adaptation: Adaptation,
    promotion_gap_accesses: u64,
    /// The first use that may move its level up.
    promotion_from: u64,
}

/// A use of a level, as a policy sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    pub(super) queue: Queue,
    pub(super) level: LevelRef,
    pub(super) rank: Rank,
    pub(super) now_ns: u64,
    /// Whether the level lies in the hot tier.
    pub(super) is_hot: bool,
    /// What the level shows now.
    pub(super) displayed: u64,
    /// What its queue shows now.
    pub(super) queue_displayed: u64,
}

impl CacheManager {
    /// Policies as configured; nothing is known yet.
    pub(super) fn new(config: &HybridConfig) -> Self {
        let threshold = match config.promotion {
            PromotionPolicy::Adaptive(params) => params.threshold_min,
            _ => 0,
        };
        CacheManager {
            promotion_policy: config.promotion,
            eviction_policy: config.eviction,
            access_tracker: AccessPatternTracker::default(),
            predictor: CachePredictor::default(),
            adaptation: Adaptation::new(threshold),
            promotion_gap_accesses: config.promotion_gap_accesses.into(),
            promotion_from: 0,
        }
    }

    /// When levels move up.
    pub fn promotion_policy(&self) -> PromotionPolicy {
        self.promotion_policy
    }

    /// Which levels move down.
    pub fn eviction_policy(&self) -> EvictionPolicy {
        self.eviction_policy
    }

    /// How often and when each level was used.
    pub fn access_tracker(&self) -> &AccessPatternTracker {
        &self.access_tracker
    }

    /// What predicts the next levels.
    pub fn predictor(&self) -> &CachePredictor {
        &self.predictor
    }

    pub(super) fn predictor_mut(&mut self) -> &mut CachePredictor {
        &mut self.predictor
    }

    /// A level begins.
    pub(super) fn begin(&mut self, level: LevelRef) {
        self.access_tracker.begin(level);
    }

    /// A command uses a level. Whether it should move up by one tier, if it [outweighs](Self::outweighs) the one that has to go for it.
    #[inline]
    pub(super) fn accessed(&mut self, used: &Use) -> bool {
        let access = self.access_tracker.access(used.level, used.now_ns);
        self.predictor.accessed(used.queue, used.rank);
        if let PromotionPolicy::Adaptive(params) = &self.promotion_policy {
            self.adaptation.access(used.is_hot, params);
        }
        let number = self.access_tracker.accesses();
        if used.is_hot || number < self.promotion_from || !self.deserves(used, access) {
            return false;
        }
        self.promotion_from = number + self.promotion_gap_accesses;
        true
    }

    /// Whether a level is used so much more than another that it may take its place. Without a margin, levels used alike would change places for ever.
    pub(super) fn outweighs(&self, level: LevelRef, other: LevelRef) -> bool {
        let PromotionPolicy::Adaptive(params) = &self.promotion_policy else {
            return true;
        };
        let needed = self
            .access_tracker
            .count(other)
            .saturating_add(params.margin);
        self.access_tracker.count(level) >= needed
    }

    fn deserves(&self, used: &Use, access: Access) -> bool {
        match self.promotion_policy {
            PromotionPolicy::AccessFrequency(threshold) => access.count >= threshold,
            PromotionPolicy::AccessRecency(window_ns) => access
                .since_ns
                .is_some_and(|since_ns| since_ns <= window_ns),
            PromotionPolicy::VolumeWeighted(share) => {
                share.is_reached(used.displayed, used.queue_displayed)
            }
            PromotionPolicy::Adaptive(_) => access.count >= self.adaptation.threshold,
        }
    }

    /// Which of a full tier's levels moves down. Predicted ones stay as long as there are others: nobody has used them yet.
    ///
    /// It looks at all of them, of which there are at most [`WARM_LEVELS_MAX`](super::WARM_LEVELS_MAX).
    pub(super) fn victim(
        &self,
        queue: Queue,
        residents: &[LevelRef],
        rank_of: impl Fn(LevelRef) -> Rank,
    ) -> LevelRef {
        let tracker = &self.access_tracker;
        let is_expected = |level| self.predictor.is_expected(queue, rank_of(level));
        match self.eviction_policy {
            EvictionPolicy::LeastRecentlyUsed => {
                lowest(residents, is_expected, |level| tracker.last_access(level))
            }
            EvictionPolicy::LeastFrequentlyUsed => lowest(residents, is_expected, |level| {
                (tracker.count(level), tracker.last_access(level))
            }),
            EvictionPolicy::FarthestFromTouch => {
                lowest(residents, is_expected, |level| !rank_of(level))
            }
        }
    }

    /// Uses before a level moves up, where the policy counts uses.
    pub(super) fn threshold(&self) -> Option<u32> {
        match self.promotion_policy {
            PromotionPolicy::AccessFrequency(threshold) => Some(threshold),
            PromotionPolicy::Adaptive(_) => Some(self.adaptation.threshold),
            PromotionPolicy::AccessRecency(_) | PromotionPolicy::VolumeWeighted(_) => None,
        }
    }

    /// How often the threshold of an adaptive policy moved.
    pub(super) fn adaptations(&self) -> u64 {
        self.adaptation.moves
    }
}

/// The level of lowest key among those not expected, or among all where all are. Keys differ: no two levels have the same last use or rank.
fn lowest<K: Ord>(
    residents: &[LevelRef],
    is_expected: impl Fn(LevelRef) -> bool,
    key: impl Fn(LevelRef) -> K,
) -> LevelRef {
    let levels = residents.iter().copied();
    let lowest = levels.clone().min_by_key(|&level| key(level));
    let lowest = lowest.expect("a full tier holds levels");
    // Few are expected, so that the lowest of all is mostly the answer.
    if !is_expected(lowest) {
        return lowest;
    }
    let others = levels.filter(|&level| !is_expected(level));
    others.min_by_key(|&level| key(level)).unwrap_or(lowest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: AdaptiveParams = AdaptiveParams {
        threshold_min: 2,
        threshold_max: 7,
        step: 2,
        window_accesses: 10,
        margin: 3,
    };

    /// The threshold after each of the windows with these hits.
    fn thresholds(hits: &[u32]) -> Vec<u32> {
        let mut adaptation = Adaptation::new(PARAMS.threshold_min);
        let windows = hits.iter().map(|&hits| {
            for access in 0..PARAMS.window_accesses {
                adaptation.access(access < hits, &PARAMS);
            }
            adaptation.threshold
        });
        windows.collect()
    }

    #[test]
    fn the_threshold_climbs_while_hits_do_not_fall_and_stays_within_bounds() {
        assert_eq!(thresholds(&[1, 2, 3, 3, 4, 4]), [4, 6, 7, 5, 3, 2]);
        // A fall turns it round, wherever it stands.
        assert_eq!(thresholds(&[5, 6, 2, 3, 1, 0]), [4, 6, 4, 2, 4, 2]);
        assert_eq!(thresholds(&[9; 8]), [4, 6, 7, 5, 3, 2, 4, 6]);
    }

    fn manager(eviction: EvictionPolicy) -> CacheManager {
        CacheManager::new(&HybridConfig {
            eviction,
            promotion: PromotionPolicy::AccessFrequency(3),
            promotion_gap_accesses: 0,
            ..HybridConfig::default()
        })
    }

    fn used(level: LevelRef) -> Use {
        Use {
            queue: Queue::Asks,
            level,
            rank: 100 + u64::from(level),
            now_ns: 0,
            is_hot: false,
            displayed: 1,
            queue_displayed: 10,
        }
    }

    #[test]
    fn each_policy_evicts_its_own_level() {
        // Level 0 is used most and first, level 1 last, level 2 has the worst price, level 3 is used once in between.
        for (eviction, expected) in EvictionPolicy::ALL.into_iter().zip([0, 3, 4]) {
            let mut manager = manager(eviction);
            (0..5).for_each(|level| manager.begin(level));
            for level in [0, 0, 0, 3, 2, 2, 4, 4, 1, 1] {
                manager.accessed(&used(level));
            }
            let rank_of = |level| 100 + u64::from(level);
            let residents = [2, 0, 4, 3, 1];
            let victim = |manager: &CacheManager| manager.victim(Queue::Asks, &residents, rank_of);
            assert_eq!(victim(&manager), expected, "{eviction:?}");
            // What is predicted stays.
            manager.predictor.expect(Queue::Asks, rank_of(expected));
            assert_ne!(victim(&manager), expected, "{eviction:?}");
        }
    }

    #[test]
    fn each_policy_promotes_by_its_own_measure() {
        let mut frequency = manager(EvictionPolicy::LeastRecentlyUsed);
        frequency.begin(0);
        let promoted = [0; 4].map(|level| frequency.accessed(&used(level)));
        assert_eq!(promoted, [false, false, true, true]);
        assert!(!frequency.accessed(&Use {
            is_hot: true,
            ..used(0)
        }));

        let mut recency = manager(EvictionPolicy::LeastRecentlyUsed);
        recency.promotion_policy = PromotionPolicy::AccessRecency(50);
        recency.begin(0);
        let promoted =
            [100, 151, 201, 201, 300].map(|now_ns| recency.accessed(&Use { now_ns, ..used(0) }));
        assert_eq!(promoted, [false, false, true, true, false]);

        let mut volume = manager(EvictionPolicy::LeastRecentlyUsed);
        let share = super::super::VolumeShare { parts: 1, whole: 3 };
        volume.promotion_policy = PromotionPolicy::VolumeWeighted(share);
        volume.begin(0);
        let promoted = [(3, 10), (4, 10), (u64::MAX / 3, u64::MAX), (6, u64::MAX)].map(
            |(displayed, queue_displayed)| {
                let used = Use {
                    displayed,
                    queue_displayed,
                    ..used(0)
                };
                volume.accessed(&used)
            },
        );
        assert_eq!(promoted, [false, true, true, false]);
    }

    #[test]
    fn moves_up_are_apart_and_need_a_margin() {
        let mut manager = CacheManager::new(&HybridConfig {
            promotion: PromotionPolicy::Adaptive(PARAMS),
            promotion_gap_accesses: 4,
            ..HybridConfig::default()
        });
        (0..2).for_each(|level| manager.begin(level));
        let promoted = [0; 8].map(|level| manager.accessed(&used(level)));
        let expected = [false, true, false, false, false, true, false, false];
        assert_eq!(promoted, expected);
        for uses in 1..=12 {
            manager.accessed(&used(1));
            assert_eq!(manager.outweighs(1, 0), uses >= 8 + PARAMS.margin);
            assert_eq!(manager.outweighs(0, 1), uses + PARAMS.margin <= 8);
        }
        // Where the policy is another one, its measure alone decides.
        manager.promotion_policy = PromotionPolicy::AccessFrequency(3);
        assert!(manager.outweighs(0, 1));
    }
}
