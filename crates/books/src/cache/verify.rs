//! The self-check of [`CacheOptimizedLevels`]: the first two lines, the links and the directories, found again from scratch.

use proofbook_types::{Price, Queue};

use super::{CacheOptimizedLevels, NO_LEVEL};
use crate::linked::{rank_of, Place};

/// What the levels of all queues come to.
#[derive(Default)]
struct Met {
    levels: usize,
    orders: u64,
}

impl CacheOptimizedLevels {
    pub(super) fn verify_all(&self) -> Result<(), String> {
        let mut met = Met::default();
        let mut best = [None; 4];
        for queue in Queue::ALL {
            best[queue as usize] = self.verify_queue(queue, &mut met)?;
        }
        let hot = self.hot();
        let (bid, ask) = (best[Queue::Bids as usize], best[Queue::Asks as usize]);
        if (hot.best_bid, hot.best_ask, hot.total_orders) != (bid, ask, met.orders) {
            return Err(format!(
                "the hot line says {hot:?}; there are {bid:?}, {ask:?} and {} orders",
                met.orders
            ));
        }
        let spread = bid.zip(ask).and_then(|(bid, ask)| {
            let spread = i128::from(ask.0) - i128::from(bid.0);
            u64::try_from(spread).ok()
        });
        if hot.spread != spread {
            return Err(format!("the spread is {spread:?}, {hot:?} is known"));
        }
        if met.levels != self.lines.used() {
            return Err(format!("{} levels in queues, others are lost", met.levels));
        }
        Ok(())
    }

    /// Checks the levels of a queue. Gives its best price.
    fn verify_queue(&self, queue: Queue, met: &mut Met) -> Result<Option<Price>, String> {
        let first = self.next.best[queue as usize];
        let found = self.directories[queue as usize].verify()?;
        let mut linked = Vec::new();
        let mut previous = NO_LEVEL;
        for line in self.lines.from(first) {
            let level = line.data.tag;
            let is_right = line.prev_level == previous
                && core::ptr::eq(self.lines.get(level), line)
                && line.data.orders > 0
                && linked.len() < self.lines.used();
            if !is_right {
                return Err(format!("{queue:?}: behind {previous} comes {line:?}"));
            }
            let rank = rank_of(queue, line.price());
            linked.push(Place { rank, level });
            met.orders += u64::from(line.data.orders);
            previous = level;
        }
        if linked != found || linked.len() != self.next.level_counts[queue as usize] as usize {
            return Err(format!(
                "{queue:?}: linked are {linked:?}, the directory has {found:?}"
            ));
        }
        met.levels += linked.len();
        let best = linked.first().map(|place| self.lines.get(place.level));
        Ok(best.map(|line| line.price()))
    }
}
