//! Which levels a [`HybridLevels`](super::HybridLevels) keeps where: the policies, their parameters and the bounds of these.
//!
//! A policy moves levels between tiers and changes nothing else: whatever it says, every result is the same.

use core::fmt;

/// Levels of one queue in the hot tier, at least.
pub const HOT_LEVELS_MIN: usize = 8;
/// Levels of one queue in the hot tier, at most.
pub const HOT_LEVELS_MAX: usize = 16;
/// Levels of one queue in the warm tier, at least.
pub const WARM_LEVELS_MIN: usize = 64;
/// Levels of one queue in the warm tier, at most.
pub const WARM_LEVELS_MAX: usize = 128;
/// Levels that one prediction brings into the hot tier, at most: half of the smallest.
pub const PREFETCH_LEVELS_MAX: usize = 4;

/// Uses of levels from one that may move its level up to the next that may, by default. A move costs as much as several commands: so they stay rare, whatever
/// the policy wants, and fewer than one command in a hundred pays for one.
pub const PROMOTION_GAP_ACCESSES: u32 = 128;
/// How many more uses than the level that would have to move down another one needs, by default. Levels used equally often differ by less at any time.
pub const PROMOTION_MARGIN: u32 = 4;

/// When a level that is used moves up by one tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromotionPolicy {
    /// Once it was used so often; uses count half as much after every [`AGING_ACCESSES`](super::AGING_ACCESSES) uses of any level.
    AccessFrequency(u32),
    /// If it was last used at most so many nanoseconds ago, by the commands' own time.
    AccessRecency(u64),
    /// If it shows at least this share of what its queue shows.
    VolumeWeighted(VolumeShare),
    /// As `AccessFrequency`, with a number that follows the measured rate of hits; and into a full tier only if it was used clearly more often than the level
    /// that has to move down for it.
    Adaptive(AdaptiveParams),
}

/// A share as a ratio of integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VolumeShare {
    /// So many parts
    pub parts: u64,
    /// of so many.
    pub whole: u64,
}

impl VolumeShare {
    /// Whether `displayed` is at least this share of `total`.
    #[inline]
    pub fn is_reached(self, displayed: u64, total: u64) -> bool {
        u128::from(displayed) * u128::from(self.whole) >= u128::from(total) * u128::from(self.parts)
    }
}

/// How a threshold follows the rate of hits: a step in one direction after each window, and the other direction once the rate has fallen or a
/// bound is reached. It is the hill climbing of Einziger, Eytan, Friedman and Manes, "Adaptive Software Cache Management" (2018), for the number of uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveParams {
    /// Uses before a level moves up, at least. Here it begins.
    pub threshold_min: u32,
    /// Uses before a level moves up, at most.
    pub threshold_max: u32,
    /// How far it moves after each window.
    pub step: u32,
    /// Uses of levels, of any queue, in one window.
    pub window_accesses: u32,
    /// Uses by which a level must surpass the one that has to move down for it.
    pub margin: u32,
}

impl Default for AdaptiveParams {
    fn default() -> Self {
        AdaptiveParams {
            threshold_min: 2,
            threshold_max: 16,
            step: 2,
            window_accesses: 1024,
            margin: PROMOTION_MARGIN,
        }
    }
}

/// Which level of a full tier moves down when another one comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EvictionPolicy {
    /// The one whose last use is longest ago.
    #[default]
    LeastRecentlyUsed,
    /// The one used least often, uses long ago counting less; of several, that whose last use is longest ago.
    LeastFrequentlyUsed,
    /// The one of the worst price.
    FarthestFromTouch,
}

impl EvictionPolicy {
    /// All of them.
    pub const ALL: [EvictionPolicy; 3] = [
        EvictionPolicy::LeastRecentlyUsed,
        EvictionPolicy::LeastFrequentlyUsed,
        EvictionPolicy::FarthestFromTouch,
    ];
}

/// The sizes of the tiers and what moves levels between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HybridConfig {
    /// Levels of one queue in the hot tier.
    pub hot_levels: usize,
    /// Levels of one queue in the warm tier.
    pub warm_levels: usize,
    /// Levels that one prediction brings into the hot tier, 0 for no predictions.
    pub prefetch_levels: usize,
    /// Uses of levels from one that may move its level up to the next that may; 0 and 1 bind nothing.
    pub promotion_gap_accesses: u32,
    /// When levels move up.
    pub promotion: PromotionPolicy,
    /// Which levels move down.
    pub eviction: EvictionPolicy,
}

impl Default for HybridConfig {
    fn default() -> Self {
        HybridConfig {
            hot_levels: HOT_LEVELS_MAX,
            warm_levels: WARM_LEVELS_MAX,
            prefetch_levels: PREFETCH_LEVELS_MAX,
            promotion_gap_accesses: PROMOTION_GAP_ACCESSES,
            promotion: PromotionPolicy::Adaptive(AdaptiveParams::default()),
            eviction: EvictionPolicy::LeastRecentlyUsed,
        }
    }
}

/// A configuration that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HybridConfigError {
    /// What is wrong.
    pub parameter: &'static str,
    /// The least that it may be.
    pub expected_min: u64,
    /// The most that it may be.
    pub expected_max: u64,
    /// What it is.
    pub received: u64,
}

impl fmt::Display for HybridConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} must be from {} to {}, but is {}",
            self.parameter, self.expected_min, self.expected_max, self.received
        )
    }
}

impl std::error::Error for HybridConfigError {}

fn within(
    parameter: &'static str,
    received: u64,
    min: u64,
    max: u64,
) -> Result<(), HybridConfigError> {
    if (min..=max).contains(&received) {
        return Ok(());
    }
    Err(HybridConfigError {
        parameter,
        expected_min: min,
        expected_max: max,
        received,
    })
}

impl HybridConfig {
    /// Checks every parameter, for tiers that hold at most so many levels of a queue.
    pub(super) fn validate(
        &self,
        hot_max: usize,
        warm_max: usize,
    ) -> Result<(), HybridConfigError> {
        let hot_max = hot_max.min(HOT_LEVELS_MAX) as u64;
        let warm_max = warm_max.min(WARM_LEVELS_MAX) as u64;
        within(
            "hot_levels",
            self.hot_levels as u64,
            HOT_LEVELS_MIN as u64,
            hot_max,
        )?;
        within(
            "warm_levels",
            self.warm_levels as u64,
            WARM_LEVELS_MIN as u64,
            warm_max,
        )?;
        let prefetch = self.prefetch_levels as u64;
        within("prefetch_levels", prefetch, 0, PREFETCH_LEVELS_MAX as u64)?;
        let any = u64::MAX;
        match self.promotion {
            PromotionPolicy::AccessFrequency(uses) => {
                within("AccessFrequency", uses.into(), 1, any)
            }
            PromotionPolicy::AccessRecency(_) => Ok(()),
            PromotionPolicy::VolumeWeighted(share) => {
                within("VolumeShare::whole", share.whole, 1, any)?;
                within("VolumeShare::parts", share.parts, 0, share.whole)
            }
            PromotionPolicy::Adaptive(params) => {
                let (min, max) = (params.threshold_min.into(), params.threshold_max.into());
                within("AdaptiveParams::threshold_min", min, 1, any)?;
                within("AdaptiveParams::threshold_max", max, min, u32::MAX.into())?;
                within(
                    "AdaptiveParams::step",
                    params.step.into(),
                    1,
                    u32::MAX.into(),
                )?;
                within(
                    "AdaptiveParams::window_accesses",
                    params.window_accesses.into(),
                    1,
                    any,
                )
            }
        }
    }
}
