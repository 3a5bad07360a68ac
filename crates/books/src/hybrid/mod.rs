//! Levels in three tiers: few hot ones in a structure that is fastest for few, some warm ones, and all others.
//!
//! Each level lies in exactly one tier, whatever the policies say: they move it by its name, and what is known of it stays where it is, so an order's link
//! to its level outlives every move. A search asks the tiers from the hottest on. The best level of each queue is kept at hand, since it may lie in any of
//! them; when it is spent, the first level of each tier is compared.
//!
//! Levels move up when a command uses them and the [`PromotionPolicy`] says so, not too soon after the last one did, or when the [`CachePredictor`] expects
//! them to be used; when a tier is full, the [`EvictionPolicy`] says which level moves down for it. All of that follows from the commands alone, in integers:
//! the same commands give the same moves and the same counts, on any machine.
//!
//! Invariants, checked by `verify`: each level lies in one tier, at its rank, and in that tier's list; no tier holds more than it may; the best levels and
//! the sums of what queues show are right; each prediction is right, wrong or waiting.

mod filter;
mod manager;
mod monitor;
mod policy;
mod predictor;
mod residence;
mod tracker;
mod verify;

use proofbook_types::{Queue, Timestamp};

use crate::layout::LayoutField;
use crate::linked::{is_before, LevelData, LevelRef, LevelSlab, Levels, Place, Rank, Tier};
use manager::Use;
use predictor::Prediction;
use residence::Residences;

pub use manager::CacheManager;
pub use monitor::{HybridReport, Lookups, PerformanceMonitor};
pub use policy::{
    AdaptiveParams, EvictionPolicy, HybridConfig, HybridConfigError, PromotionPolicy, VolumeShare,
    HOT_LEVELS_MAX, HOT_LEVELS_MIN, PREFETCH_LEVELS_MAX, PROMOTION_GAP_ACCESSES, PROMOTION_MARGIN,
    WARM_LEVELS_MAX, WARM_LEVELS_MIN,
};
pub use predictor::{CachePredictor, PredictionCounts};
pub use tracker::{AccessPatternTracker, AGING_ACCESSES};

/// What is kept of each level, whatever the tiers are: where it lies, and its uses.
pub(crate) fn places_layout() -> Vec<LayoutField> {
    let parts: [&[LayoutField]; 2] = [&residence::residence_layout(), &tracker::uses_layout()];
    parts.concat()
}

/// A tier, from the hottest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TierName {
    /// Few levels, found fastest.
    Hot = 0,
    /// More levels.
    Warm = 1,
    /// All others.
    Cold = 2,
}

impl TierName {
    /// All of them, from the hottest on.
    pub const ALL: [TierName; 3] = [TierName::Hot, TierName::Warm, TierName::Cold];

    fn hotter(self) -> TierName {
        match self {
            TierName::Cold => TierName::Warm,
            TierName::Warm | TierName::Hot => TierName::Hot,
        }
    }

    fn colder(self) -> TierName {
        match self {
            TierName::Hot => TierName::Warm,
            TierName::Warm | TierName::Cold => TierName::Cold,
        }
    }
}

/// The first place of those that the tiers gave, and the tier that gave it. Compared one by one: a chain over pairs went through memory each time.
#[inline(always)]
fn earliest(places: [Option<Place>; 3]) -> Option<(TierName, Place)> {
    let [mut first, warm, cold] = places;
    let mut tier = TierName::Hot;
    if is_before(warm, first) {
        (tier, first) = (TierName::Warm, warm);
    }
    if is_before(cold, first) {
        (tier, first) = (TierName::Cold, cold);
    }
    first.map(|place| (tier, place))
}

/// Price levels in three tiers.
#[derive(Clone, Debug)]
pub struct HybridLevels<H, W, C> {
    hot: H,
    warm: W,
    cold: C,
    levels: LevelSlab,
    residences: Residences,
    best: [Option<Place>; 4],
    /// What each queue shows, in sum.
    displayed: [u64; 4],
    manager: CacheManager,
    monitor: PerformanceMonitor,
    config: HybridConfig,
    now: Timestamp,
}

impl<H, W, C> Default for HybridLevels<H, W, C>
where
    H: Tier + Default,
    W: Tier + Default,
    C: Tier + Default,
{
    fn default() -> Self {
        HybridLevels::with_config(HybridConfig::default())
            .expect("the default is within all bounds")
    }
}

impl<H, W, C> HybridLevels<H, W, C>
where
    H: Tier + Default,
    W: Tier + Default,
    C: Tier + Default,
{
    /// No levels, in tiers as they come by default.
    ///
    /// # Errors
    /// A parameter out of its bounds.
    pub fn with_config(config: HybridConfig) -> Result<Self, HybridConfigError> {
        Self::new(config, H::default(), W::default(), C::default())
    }
}

impl<H: Tier, W: Tier, C: Tier> HybridLevels<H, W, C> {
    /// Levels over three tiers, which hold nothing yet.
    ///
    /// # Errors
    /// A parameter out of its bounds.
    pub fn new(config: HybridConfig, hot: H, warm: W, cold: C) -> Result<Self, HybridConfigError> {
        const {
            assert!(
                C::LEVELS_MAX == usize::MAX,
                "the cold tier holds what no other does"
            )
        };
        config.validate(H::LEVELS_MAX, W::LEVELS_MAX)?;
        Ok(HybridLevels {
            hot,
            warm,
            cold,
            levels: LevelSlab::default(),
            residences: Residences::new(config.hot_levels, config.warm_levels),
            best: [None; 4],
            displayed: [0; 4],
            manager: CacheManager::new(&config),
            monitor: PerformanceMonitor::default(),
            config,
            now: Timestamp(0),
        })
    }

    /// The sizes and policies.
    pub fn config(&self) -> &HybridConfig {
        &self.config
    }

    /// What decides about moves.
    pub fn cache_manager(&self) -> &CacheManager {
        &self.manager
    }

    /// The tier in which a level lies.
    pub fn tier_of(&self, queue: Queue, rank: Rank) -> Option<TierName> {
        self.search(queue, rank).map(|found| found.0)
    }

    /// What happened so far.
    pub fn report(&self) -> HybridReport {
        HybridReport {
            predictions: self.manager.predictor().counts(),
            threshold: self.manager.threshold(),
            adaptations: self.manager.adaptations(),
            levels: self.residences.counts(),
            ..self.monitor.counted()
        }
    }

    /// The tier that holds the level at a rank, and the level.
    #[inline]
    fn search(&self, queue: Queue, rank: Rank) -> Option<(TierName, LevelRef)> {
        if let Some(level) = self.hot.find(queue, rank) {
            return Some((TierName::Hot, level));
        }
        if self.residences.may_be_warm(queue, rank) {
            if let Some(level) = self.warm.find(queue, rank) {
                return Some((TierName::Warm, level));
            }
        }
        let level = self.cold.find(queue, rank)?;
        Some((TierName::Cold, level))
    }

    fn insert(&mut self, queue: Queue, tier: TierName, place: Place) {
        match tier {
            TierName::Hot => self.hot.insert(queue, place),
            TierName::Warm => self.warm.insert(queue, place),
            TierName::Cold => self.cold.insert(queue, place),
        }
        self.residences.enter(queue, tier, place);
    }

    /// Takes a level out of its tier and says where it lay.
    fn take_out(&mut self, queue: Queue, level: LevelRef) -> Rank {
        let residence = self.residences.leave(queue, level);
        match residence.tier {
            TierName::Hot => self.hot.remove(queue, residence.rank),
            TierName::Warm => self.warm.remove(queue, residence.rank),
            TierName::Cold => self.cold.remove(queue, residence.rank),
        }
        residence.rank
    }

    /// Moves levels down until there is room for one more in a tier: at most one from each tier but the coldest.
    fn make_room(&mut self, queue: Queue, tier: TierName) {
        if !self.residences.is_full(queue, tier) {
            return;
        }
        let victim = self.victim(queue, tier);
        self.evict(queue, victim, tier);
    }

    /// Which level of a full tier moves down.
    fn victim(&self, queue: Queue, tier: TierName) -> LevelRef {
        let residents = self.residences.of(queue, tier);
        self.manager
            .victim(queue, residents, |level| self.residences.rank(level))
    }

    /// Moves a level down by one tier.
    fn evict(&mut self, queue: Queue, level: LevelRef, from: TierName) {
        self.monitor.eviction(from);
        self.relocate(queue, level, from.colder());
    }

    /// Moves a level up by one tier, if there is room or it outweighs the one that has to go for it.
    fn promote(&mut self, queue: Queue, level: LevelRef, from: TierName) {
        let to = from.hotter();
        let is_full = self.residences.is_full(queue, to);
        let victim = is_full.then(|| self.victim(queue, to));
        if victim.is_some_and(|victim| !self.manager.outweighs(level, victim)) {
            return;
        }
        self.monitor.promotion(from);
        // It goes first: the other one finds its room in the tier below.
        let rank = self.take_out(queue, level);
        if let Some(victim) = victim {
            self.evict(queue, victim, to);
        }
        self.insert(queue, to, Place { rank, level });
    }

    /// Moves a level to another tier.
    fn relocate(&mut self, queue: Queue, level: LevelRef, to: TierName) {
        let rank = self.take_out(queue, level);
        self.make_room(queue, to);
        self.insert(queue, to, Place { rank, level });
    }

    /// Where a new level begins: in the hot tier if it was predicted or is the best, else where there is room.
    fn first_tier(&self, queue: Queue, rank: Rank) -> TierName {
        let is_best = self.best[queue as usize].is_none_or(|best| rank < best.rank);
        if is_best || self.manager.predictor().is_expected(queue, rank) {
            return TierName::Hot;
        }
        let has_room = |tier: &TierName| !self.residences.is_full(queue, *tier);
        let with_room = TierName::ALL.into_iter().find(has_room);
        with_room.expect("the cold tier is never full")
    }

    fn begin(&mut self, queue: Queue, rank: Rank) -> LevelRef {
        let tier = self.first_tier(queue, rank);
        let level = self.levels.allocate(0);
        let place = Place { rank, level };
        self.manager.begin(level);
        self.monitor.begin(tier);
        self.make_room(queue, tier);
        self.insert(queue, tier, place);
        let best = self.best[queue as usize];
        if best.is_none_or(|best| rank < best.rank) {
            self.best[queue as usize] = Some(place);
            self.best_moved(queue, best, place);
        }
        level
    }

    /// The best level was spent: finds the next one.
    fn replace_best(&mut self, queue: Queue, spent: Place) {
        let found = earliest([
            self.hot.first(queue),
            self.warm.first(queue),
            self.cold.first(queue),
        ]);
        self.best[queue as usize] = found.map(|(_, best)| best);
        if let Some((tier, best)) = found {
            self.monitor.next_best(tier);
            self.best_moved(queue, Some(spent), best);
        }
    }

    /// The best level of a queue is another one: acts on what that predicts.
    fn best_moved(&mut self, queue: Queue, from: Option<Place>, to: Place) {
        let Some(from) = from else { return };
        if self.config.prefetch_levels == 0 {
            return;
        }
        match self
            .manager
            .predictor_mut()
            .moved(queue, from.rank, to.rank)
        {
            Prediction::None => {}
            Prediction::New(rank) => self.manager.predictor_mut().expect(queue, rank),
            Prediction::Following => self.prefetch(queue, to.rank),
        }
    }

    /// Brings the levels that follow the best one into the hot tier: those which the last predictions did not bring.
    fn prefetch(&mut self, queue: Queue, best: Rank) {
        let ahead = self.manager.predictor().ahead(queue);
        let missing = self.config.prefetch_levels.saturating_sub(ahead.len());
        if missing == 0 {
            return;
        }
        let from = ahead.last().copied().unwrap_or(best);
        // All are found before the first one moves: a level that has to go for it would otherwise lie where nobody looks any more.
        let mut places = [None; PREFETCH_LEVELS_MAX];
        self.following(queue, from, &mut places[..missing]);
        for place in places.into_iter().flatten() {
            self.manager.predictor_mut().brought(queue, place.rank);
            if self.residences.tier(place.level) != TierName::Hot {
                self.monitor.prefetch();
                self.relocate(queue, place.level, TierName::Hot);
            }
        }
    }

    /// The levels that follow a rank, as many as there are places for. Each tier is asked once, and once more for each level that it gave.
    fn following(&self, queue: Queue, rank: Rank, places: &mut [Option<Place>]) {
        let mut next = self.after_in_each(queue, rank);
        let last = places.len() - 1;
        for (number, place) in places.iter_mut().enumerate() {
            let Some((tier, found)) = earliest(next) else {
                return;
            };
            *place = Some(found);
            if number < last {
                next[tier as usize] = match tier {
                    TierName::Hot => self.hot.after(queue, found.rank),
                    TierName::Warm => self.warm.after(queue, found.rank),
                    TierName::Cold => self.cold.after(queue, found.rank),
                };
            }
        }
    }

    /// The level of each tier that follows a rank.
    #[inline]
    fn after_in_each(&self, queue: Queue, rank: Rank) -> [Option<Place>; 3] {
        [
            self.hot.after(queue, rank),
            self.warm.after(queue, rank),
            self.cold.after(queue, rank),
        ]
    }

    /// A command used a level, which shows so much now.
    #[inline]
    fn used(&mut self, queue: Queue, level: LevelRef, displayed: u64) {
        let tier = self.residences.tier(level);
        self.monitor.access(tier);
        let should_rise = self.manager.accessed(&Use {
            queue,
            level,
            rank: self.residences.rank(level),
            now_ns: self.now.0,
            is_hot: tier == TierName::Hot,
            displayed,
            queue_displayed: self.displayed[queue as usize],
        });
        if should_rise {
            self.promote(queue, level, tier);
        }
    }
}

impl<H: Tier, W: Tier, C: Tier> Levels for HybridLevels<H, W, C> {
    #[inline(always)]
    fn best(&self, queue: Queue) -> Option<Place> {
        self.best[queue as usize]
    }

    fn find(&self, queue: Queue, rank: Rank) -> Option<LevelRef> {
        self.search(queue, rank).map(|found| found.1)
    }

    fn after(&self, queue: Queue, rank: Rank) -> Option<Place> {
        earliest(self.after_in_each(queue, rank)).map(|(_, place)| place)
    }

    fn occupy(&mut self, queue: Queue, rank: Rank) -> LevelRef {
        let found = self.search(queue, rank);
        self.monitor.lookup(found.map(|(tier, _)| tier));
        match found {
            Some((_, level)) => level,
            None => self.begin(queue, rank),
        }
    }

    fn vacate(&mut self, queue: Queue, level: LevelRef) {
        let displayed = self.levels.get(level).displayed;
        self.displayed[queue as usize] -= displayed;
        self.monitor.access(self.residences.tier(level));
        let rank = self.take_out(queue, level);
        self.manager.predictor_mut().gone(queue, rank);
        self.levels.free(level);
        let spent = Place { rank, level };
        if self.best[queue as usize] == Some(spent) {
            self.replace_best(queue, spent);
        }
    }

    #[inline(always)]
    fn get(&self, _queue: Queue, level: LevelRef) -> LevelData {
        *self.levels.get(level)
    }

    #[inline]
    fn update<T>(
        &mut self,
        queue: Queue,
        level: LevelRef,
        change: impl FnOnce(&mut LevelData) -> T,
    ) -> T {
        let data = self.levels.get_mut(level);
        let before = data.displayed;
        let result = change(data);
        let displayed = data.displayed;
        let sum = &mut self.displayed[queue as usize];
        *sum = *sum - before + displayed;
        self.used(queue, level, displayed);
        result
    }

    #[inline(always)]
    fn set_clock(&mut self, now: Timestamp) {
        self.now = now;
    }

    fn verify(&self) -> Result<(), String> {
        self.verify_all()
    }
}
