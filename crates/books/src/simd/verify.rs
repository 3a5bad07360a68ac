//! The full self-check of a [`SimdOrderBook`]: everything that must hold, found again from scratch.

use proofbook_types::{Price, Queue};

use super::price_level::REFILL_AT;
use super::{SimdOrderBook, LANES};
use crate::orders::{Seen, NIL};

/// What the orders of a level come to.
#[derive(Default)]
struct Sums {
    displayed: u64,
    hidden: u64,
    orders: u32,
    priority: Option<u64>,
}

impl SimdOrderBook {
    pub(super) fn verify(&self) -> Result<(), String> {
        let mut seen = self.orders.nothing_seen();
        let mut count = 0;
        for queue in Queue::ALL {
            let levels = self.queue(queue);
            count += levels.verify(self.kernel, &self.levels)?;
            let mut found = levels.best(self.kernel);
            while let Some(level) = found {
                self.verify_level(queue, level, &mut seen)?;
                let price = Price(self.levels.get(level).price);
                found = levels.after(self.kernel, &self.levels, price);
            }
        }
        if count != self.levels.used() {
            return Err(format!("{count} levels in queues, others are lost"));
        }
        self.orders.verify(seen)
    }

    fn verify_level(&self, queue: Queue, name: u32, seen: &mut Seen) -> Result<(), String> {
        let level = self.levels.get(name);
        let mut sums = Sums::default();
        for place in 0..LANES {
            let Some(placed) = level.orders.get(place) else {
                continue;
            };
            let hot = self.orders.hot(placed.slot);
            let is_right = (hot.id, hot.displayed, hot.priority)
                == (placed.id, placed.size, placed.priority)
                && level.orders.find(self.kernel, hot.id) == Some(place);
            if !is_right {
                return Err(format!("place {place} holds {placed:?}, expected {hot:?}"));
            }
            self.verify_order(queue, name, placed.slot, &mut sums, seen)?;
        }
        let (mut slot, mut previous) = (level.orders.overflow_first, NIL);
        if slot != NIL && level.orders.len() <= REFILL_AT {
            return Err(format!("orders wait beside free places: {level:?}"));
        }
        while slot != NIL {
            let hot = self.orders.hot(slot);
            if hot.previous != previous || level.orders.find(self.kernel, hot.id).is_some() {
                return Err(format!("the order in slot {slot} waits wrongly: {hot:?}"));
            }
            self.verify_order(queue, name, slot, &mut sums, seen)?;
            (previous, slot) = (slot, hot.next);
        }
        let is_right = (sums.displayed, sums.hidden, sums.orders)
            == (level.total_volume, level.hidden_volume, level.order_count);
        if !is_right || sums.orders == 0 || previous != level.orders.overflow_last {
            return Err(format!("level {name} has wrong sums or ends: {level:?}"));
        }
        Ok(())
    }

    /// Checks one order, the next in time at its price, and counts it in.
    fn verify_order(
        &self,
        queue: Queue,
        level: u32,
        slot: u32,
        sums: &mut Sums,
        seen: &mut Seen,
    ) -> Result<(), String> {
        let hot = self.orders.hot(slot);
        if hot.level != level
            || hot.terms.queue != queue
            || hot.price != self.levels.get(level).price
            || Some(hot.priority) <= sums.priority
        {
            return Err(format!("the order in slot {slot} is misplaced: {hot:?}"));
        }
        self.orders.verify_order(slot, seen)?;
        sums.displayed += hot.displayed;
        sums.hidden += self.orders.hidden(slot);
        sums.orders += 1;
        sums.priority = Some(hot.priority);
        Ok(())
    }
}
