//! The levels of one queue: the best eight in lanes, the others behind a directory.
//!
//! Most of what happens in a book happens at its best levels, and these are in the lanes. The others need a structure that finds any of them, says what comes
//! next, and gives up its first one when a lane becomes free, each in logarithmic time however many there are and without allocating in the long
//! run. So they are linked in order of price, and a [`Directory`], entered by rank, finds them and where another belongs.
//!
//! Invariants, checked by [`SimdQueue::verify`]: every level in the overflow comes after all in lanes; the overflow is empty unless all lanes are
//! used; its links are in the order that the directory says; a level knows its lane.

use proofbook_types::{Price, Queue};

use super::kernel::{Kernel, LANES};
use super::price_level::{LevelTable, NO_LANE, NO_LEVEL};
use super::price_levels::{LaneLevel, SimdPriceLevels};
use crate::directory::{Beside, Directory};
use crate::linked::{rank_of, Place, Rank};

/// The levels of one queue.
#[derive(Clone, Debug)]
pub(super) struct SimdQueue {
    pub(super) lanes: SimdPriceLevels,
    overflow: Directory,
    /// The best level of the overflow, [`NO_LEVEL`] where that is empty.
    pub(super) overflow_first: u32,
    queue: Queue,
}

impl SimdQueue {
    pub(super) fn new(queue: Queue) -> Self {
        SimdQueue {
            lanes: SimdPriceLevels::new(),
            overflow: Directory::new(),
            overflow_first: NO_LEVEL,
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
            None if self.overflow_first == NO_LEVEL => None,
            None => self.overflow.find(rank_of(self.queue, price)),
        }
    }

    /// The best level that comes after a price.
    pub(super) fn after(&self, kernel: Kernel, levels: &LevelTable, price: Price) -> Option<u32> {
        let is_descending = self.queue.is_descending();
        if let Some(lane) = self.lanes.after(kernel, is_descending, price) {
            return Some(self.lanes.level(lane));
        }
        let next = match self.overflow.beside(rank_of(self.queue, price)) {
            Beside::Nothing => NO_LEVEL,
            Beside::Before(next) => next,
            Beside::After(last) => levels.get(last).next_level,
        };
        (next != NO_LEVEL).then_some(next)
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
                self.enter_overflow(levels, level);
                return level;
            }
            self.lanes.remove(lane);
            levels.get_mut(demoted).lane = NO_LANE;
            self.enter_overflow(levels, demoted);
        }
        self.enter_lane(levels, level);
        level
    }

    /// Gives up a level. If it was in a lane, the best of the others takes that.
    pub(super) fn vacate(&mut self, levels: &mut LevelTable, level: u32) {
        let lane = levels.get(level).lane;
        if lane == NO_LANE {
            self.leave_overflow(levels, level);
            levels.free(level);
            return;
        }
        self.lanes.remove(lane as usize);
        levels.free(level);
        let promoted = self.overflow_first;
        if promoted != NO_LEVEL {
            self.leave_overflow(levels, promoted);
            self.enter_lane(levels, promoted);
        }
    }

    fn enter_overflow(&mut self, levels: &mut LevelTable, level: u32) {
        let rank = rank_of(self.queue, Price(levels.get(level).price));
        let (previous, next) = match self.overflow.insert(rank, level) {
            Beside::Nothing => (NO_LEVEL, NO_LEVEL),
            Beside::After(previous) => (previous, levels.get(previous).next_level),
            Beside::Before(next) => (levels.get(next).prev_level, next),
        };
        levels.link(previous, level, next);
        if previous == NO_LEVEL {
            self.overflow_first = level;
        }
    }

    fn leave_overflow(&mut self, levels: &mut LevelTable, level: u32) {
        let rank = rank_of(self.queue, Price(levels.get(level).price));
        self.overflow.remove(rank);
        let next = levels.unlink(level);
        if self.overflow_first == level {
            self.overflow_first = next;
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
        let overflow = self.overflow.verify()?;
        if !overflow.is_empty() && !self.lanes.is_full() {
            return Err(format!("lanes are free beside {overflow:?}"));
        }
        let (mut name, mut previous) = (self.overflow_first, NO_LEVEL);
        for &Place { rank, level } in &overflow {
            let found = levels.get(level);
            if level != name
                || found.prev_level != previous
                || rank_of(self.queue, Price(found.price)) != rank
                || found.lane != NO_LANE
                || Some(rank) <= worst
            {
                return Err(format!("level {level} at {rank} is misplaced: {found:?}"));
            }
            (previous, name) = (level, found.next_level);
        }
        if name != NO_LEVEL {
            return Err(format!("level {name} is linked, but not in the directory"));
        }
        Ok(self.lanes.level_count() as usize + overflow.len())
    }
}
