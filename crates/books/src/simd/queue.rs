//! The levels of one queue: the best eight in lanes, the others in a map in order of rank.
//!
//! Most of what happens in a book happens at its best levels, and these are in the lanes. The others need a structure that finds any of them, finds the next one, and gives up its
//! first one when a lane becomes free, each in logarithmic time however many there are: an ordered map. It is entered by rank, so that the
//! first one is the best, and its nodes hold their keys side by side (it is a B-tree of up to 11 keys to a node).
//!
//! Invariants, checked by [`SimdQueue::verify`]: every level in the map comes after all in lanes; the map is empty unless all lanes are used;
//! a level knows its lane.

use core::ops::Bound::{Excluded, Unbounded};
use std::collections::BTreeMap;

use proofbook_types::{Price, Queue};

use super::kernel::{Kernel, LANES};
use super::price_level::{LevelTable, NO_LANE};
use super::price_levels::{LaneLevel, SimdPriceLevels};
use crate::linked::{rank_of, Rank};

/// The levels of one queue.
#[derive(Clone, Debug)]
pub(super) struct SimdQueue {
    pub(super) lanes: SimdPriceLevels,
    pub(super) overflow: BTreeMap<Rank, u32>,
    queue: Queue,
}

impl SimdQueue {
    pub(super) fn new(queue: Queue) -> Self {
        SimdQueue {
            lanes: SimdPriceLevels::new(),
            overflow: BTreeMap::new(),
            queue,
        }
    }

    #[inline]
    pub(super) fn best(&self, kernel: Kernel) -> Option<u32> {
        let lane = self.lanes.best(kernel, self.queue.is_descending())?;
        Some(self.lanes.level(lane))
    }

    /// The level at a price.
    #[inline]
    pub(super) fn find(&self, kernel: Kernel, price: Price) -> Option<u32> {
        match self.lanes.find(kernel, price) {
            Some(lane) => Some(self.lanes.level(lane)),
            None if self.overflow.is_empty() => None,
            None => self.overflow.get(&rank_of(self.queue, price)).copied(),
        }
    }

    /// The best level that comes after a price.
    pub(super) fn after(&self, kernel: Kernel, price: Price) -> Option<u32> {
        let is_descending = self.queue.is_descending();
        match self.lanes.after(kernel, is_descending, price) {
            Some(lane) => Some(self.lanes.level(lane)),
            None => {
                let behind = (Excluded(rank_of(self.queue, price)), Unbounded);
                self.overflow.range(behind).next().map(|(_, &level)| level)
            }
        }
    }

    /// A new level at a price that has none. It takes a lane if it is among the best eight, where need be that of the worst of these.
    pub(super) fn occupy(&mut self, kernel: Kernel, levels: &mut LevelTable, price: Price) -> u32 {
        let level = levels.allocate(price.0);
        if self.lanes.is_full() {
            let worst = self.lanes.worst(kernel, self.queue.is_descending());
            let lane = worst.expect("a level in each lane");
            let demoted = self.lanes.level(lane);
            let worst_price = Price(levels.get(demoted).price);
            if self.queue.before(worst_price, price) {
                self.overflow.insert(rank_of(self.queue, price), level);
                return level;
            }
            self.lanes.remove(lane);
            levels.get_mut(demoted).lane = NO_LANE;
            self.overflow
                .insert(rank_of(self.queue, worst_price), demoted);
        }
        self.enter_lane(levels, level);
        level
    }

    /// Gives up a level. If it was in a lane, the best of the others takes that.
    pub(super) fn vacate(&mut self, levels: &mut LevelTable, level: u32) {
        let place = levels.get(level);
        let (lane, price) = (place.lane, Price(place.price));
        levels.free(level);
        if lane == NO_LANE {
            self.overflow.remove(&rank_of(self.queue, price));
            return;
        }
        self.lanes.remove(lane as usize);
        if let Some((_, promoted)) = self.overflow.pop_first() {
            self.enter_lane(levels, promoted);
        }
    }

    fn enter_lane(&mut self, levels: &mut LevelTable, level: u32) {
        let place = levels.get_mut(level);
        let lane = self.lanes.insert(LaneLevel {
            price: place.price,
            volume: place.total_volume,
            orders: u64::from(place.order_count),
            timestamp: place.last_access_time(),
            level,
        });
        place.lane = lane.expect("a lane is free") as u32;
    }

    /// Checks the lanes, the map and the levels against each other. Gives the number of levels.
    pub(super) fn verify(&self, kernel: Kernel, levels: &LevelTable) -> Result<usize, String> {
        let mut worst: Option<Rank> = None;
        for lane in 0..LANES {
            let Some(found) = self.lanes.get(lane) else {
                continue;
            };
            let level = levels.get(found.level);
            let expected = LaneLevel {
                price: level.price,
                volume: level.total_volume,
                orders: u64::from(level.order_count),
                timestamp: level.last_access_time(),
                level: found.level,
            };
            let price = Price(found.price);
            if found != expected
                || level.lane as usize != lane
                || self.lanes.find(kernel, price) != Some(lane)
            {
                return Err(format!(
                    "lane {lane} holds {found:?}, expected {expected:?}"
                ));
            }
            worst = worst.max(Some(rank_of(self.queue, price)));
        }
        if !self.overflow.is_empty() && !self.lanes.is_full() {
            return Err(format!("lanes are free beside {:?}", self.overflow));
        }
        for (&rank, &name) in &self.overflow {
            let level = levels.get(name);
            if rank_of(self.queue, Price(level.price)) != rank
                || level.lane != NO_LANE
                || Some(rank) <= worst
            {
                return Err(format!(
                    "level {name} at rank {rank} is misplaced: {level:?}"
                ));
            }
        }
        Ok(self.lanes.level_count() as usize + self.overflow.len())
    }
}
