//! The full self-check of [`HybridLevels`]: everything that must hold, found again from scratch.

use proofbook_types::Queue;

use super::{HybridLevels, TierName};
use crate::linked::{Place, Tier};

impl<H: Tier, W: Tier, C: Tier> HybridLevels<H, W, C> {
    pub(super) fn verify_all(&self) -> Result<(), String> {
        self.hot.verify()?;
        self.warm.verify()?;
        self.cold.verify()?;
        self.manager.predictor().verify()?;
        let mut levels = 0;
        for queue in Queue::ALL {
            self.residences.verify(queue)?;
            let tiers = [
                self.verify_tier(queue, TierName::Hot, &self.hot)?,
                self.verify_tier(queue, TierName::Warm, &self.warm)?,
                self.verify_tier(queue, TierName::Cold, &self.cold)?,
            ];
            let best = tiers.iter().filter_map(|tier| tier.best);
            let best = best.min_by_key(|best| best.rank);
            let displayed: u64 = tiers.iter().map(|tier| tier.displayed).sum();
            levels += tiers.iter().map(|tier| tier.levels).sum::<usize>();
            let known = (self.best[queue as usize], self.displayed[queue as usize]);
            if known != (best, displayed) {
                return Err(format!(
                    "{queue:?}: the best level is {best:?} and {displayed} is shown, known is {known:?}"
                ));
            }
        }
        if levels != self.levels.used() {
            return Err(format!(
                "{levels} levels lie in tiers, but {} hold orders",
                self.levels.used()
            ));
        }
        Ok(())
    }

    fn verify_tier<T: Tier>(
        &self,
        queue: Queue,
        name: TierName,
        tier: &T,
    ) -> Result<Found, String> {
        let best = tier.first(queue);
        let mut found = Found {
            best,
            levels: 0,
            displayed: 0,
        };
        let mut next = best;
        while let Some(Place { rank, level }) = next {
            let data = self.levels.get(level);
            let is_at_home = self.residences.tier(level) == name
                && self.residences.rank(level) == rank
                && self.search(queue, rank) == Some((name, level));
            if !is_at_home || data.orders == 0 {
                return Err(format!(
                    "{queue:?}: level {level} at rank {rank} of {name:?} holds {data:?}, but lies in {:?} at rank {}",
                    self.residences.tier(level),
                    self.residences.rank(level)
                ));
            }
            found.levels += 1;
            found.displayed += data.displayed;
            next = tier.after(queue, rank);
            if next.is_some_and(|next| next.rank <= rank) {
                return Err(format!(
                    "{queue:?}: {name:?} goes back from rank {rank} to {next:?}"
                ));
            }
        }
        if found.levels != self.residences.count(queue, name) {
            return Err(format!(
                "{queue:?}: {name:?} holds {} levels, {} are known",
                found.levels,
                self.residences.count(queue, name)
            ));
        }
        Ok(found)
    }
}

/// What one tier holds of one queue.
struct Found {
    best: Option<Place>,
    levels: usize,
    displayed: u64,
}
