//! Which ranks the warm tier cannot hold: most searches for other levels need not walk through it.
//!
//! Each rank falls on one of a few counters, which tells how many of the tier's levels fall there: at zero the tier holds none at that rank. With every
//! level that may be there, seven in eight of the counters stand at zero.
//!
//! Invariant: each counter is the number of levels that fall on it.

use proofbook_types::Queue;

use super::policy::WARM_LEVELS_MAX;
use crate::linked::Rank;

/// Two to this power is the number of counters of a queue.
const COUNTERS_LOG2: u32 = 10;
const COUNTERS: usize = 1 << COUNTERS_LOG2;
const _: () = assert!(
    WARM_LEVELS_MAX <= u8::MAX as usize,
    "a counter can count all levels of a queue"
);

/// Counts of levels by a hash of their rank, for each queue.
#[derive(Clone, Debug)]
pub(super) struct RankFilter {
    counts: Box<[[u8; COUNTERS]; 4]>,
}

impl Default for RankFilter {
    fn default() -> Self {
        RankFilter {
            counts: Box::new([[0; COUNTERS]; 4]),
        }
    }
}

/// Neighbouring ranks fall far from each other: the multiplier is 2⁶⁴ divided by the golden ratio (Knuth, "The Art of Computer Programming" 3, 6.4).
#[inline]
fn counter_of(rank: Rank) -> usize {
    (rank.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - COUNTERS_LOG2)) as usize
}

impl RankFilter {
    /// Whether there may be a level at a rank; if not, there is none.
    #[inline]
    pub(super) fn may_hold(&self, queue: Queue, rank: Rank) -> bool {
        self.counts[queue as usize][counter_of(rank)] > 0
    }

    /// A level comes.
    #[inline]
    pub(super) fn add(&mut self, queue: Queue, rank: Rank) {
        self.counts[queue as usize][counter_of(rank)] += 1;
    }

    /// A level goes.
    #[inline]
    pub(super) fn subtract(&mut self, queue: Queue, rank: Rank) {
        self.counts[queue as usize][counter_of(rank)] -= 1;
    }

    /// Checks the counters against all levels of a queue.
    pub(super) fn verify(
        &self,
        queue: Queue,
        ranks: impl Iterator<Item = Rank>,
    ) -> Result<(), String> {
        let mut counts = [0; COUNTERS];
        ranks.for_each(|rank| counts[counter_of(rank)] += 1);
        if counts != self.counts[queue as usize] {
            return Err(format!(
                "{queue:?}: the filter of the warm tier counts other levels than it holds"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_never_denied_and_most_else_is() {
        let mut filter = RankFilter::default();
        let ranks = (0..WARM_LEVELS_MAX as u64).map(|number| 1_000_000 - 2 * number);
        ranks.clone().for_each(|rank| filter.add(Queue::Bids, rank));
        assert!(ranks.clone().all(|rank| filter.may_hold(Queue::Bids, rank)));
        assert!(!ranks.clone().any(|rank| filter.may_hold(Queue::Asks, rank)));
        let denied = (0..1000).filter(|&rank| !filter.may_hold(Queue::Bids, rank));
        assert!(denied.count() > 800);
        filter
            .verify(Queue::Bids, ranks.clone())
            .expect("the levels are those that came");
        filter
            .verify(Queue::Bids, ranks.clone().skip(1))
            .expect_err("one is missing");
        ranks
            .clone()
            .for_each(|rank| filter.subtract(Queue::Bids, rank));
        assert!(!ranks.clone().any(|rank| filter.may_hold(Queue::Bids, rank)));
    }
}
