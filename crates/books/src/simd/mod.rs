//! A book whose best levels and first orders lie side by side, so that one instruction works on eight of them.
//!
//! The eight best levels of each queue are in [`SimdPriceLevels`], the first eight orders of each level in its [`SimdOrderArray`]. Which levels a price reaches, which
//! is best, where an order stands and what comes before it are answered by comparing or adding eight numbers at once, with the instruction set that
//! a [`Kernel`] names; the results are the same with each.
//!
//! Orders are in the slab that all books share. What a place holds of an order is a copy, written whenever the order changes, as is what a lane holds
//! of a level; everything else asks the slab and the level.
//!
//! Invariants, checked by `check`: those of the queues and of the arrays; the copies are right; a level's sums agree with its orders.

mod book;
mod kernel;
mod order_array;
mod price_level;
mod price_levels;
mod queue;
mod tier;
mod verify;

use proofbook_book::Level;
use proofbook_types::{Price, Quantity, Queue, Side};

use crate::directory::directory_layout;
use crate::layout::LayoutField;
use crate::orders::{order_layout, secret_seed, Orders, CAPACITY, NIL};
pub use kernel::{Kernel, LANES};
pub use order_array::{PlacedOrder, SimdOrderArray};
pub use price_level::{LevelName, SimdOptimizedPriceLevel};
pub use price_levels::{LaneLevel, SimdPriceLevels};
pub(crate) use tier::tier_layout;
pub use tier::SimdTier;

use price_level::{LevelTable, NO_LANE};
use queue::SimdQueue;

/// What the SIMD book is made of: lanes of levels, levels, arrays of orders, lines of the directories, orders.
pub fn simd_layout() -> Vec<LayoutField> {
    let parts: [&[LayoutField]; 5] = [
        &price_levels::lanes_layout(),
        &price_level::level_layout(),
        &order_array::array_layout(),
        &directory_layout(),
        &order_layout(),
    ];
    parts.concat()
}

/// Orders that an incoming order would take in full, and what they show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Number of them.
    pub orders: u32,
    /// What they show.
    pub quantity: u64,
}

/// The SIMD book.
#[derive(Clone, Debug)]
pub struct SimdOrderBook {
    orders: Orders,
    queues: [SimdQueue; 4],
    levels: LevelTable,
    kernel: Kernel,
    /// Time of the command being handled, in nanoseconds.
    now: u64,
}

impl Default for SimdOrderBook {
    fn default() -> Self {
        Self::with_kernel(Kernel::detect())
    }
}

impl SimdOrderBook {
    /// An empty book that works with this kernel.
    pub fn with_kernel(kernel: Kernel) -> Self {
        Self::with_seed(kernel, CAPACITY, 0)
    }

    /// An empty book with a seed that only this process knows: for markets whose ids come from others.
    pub fn with_secret_seed() -> Self {
        Self::with_seed(Kernel::detect(), CAPACITY, secret_seed())
    }

    /// An empty book with room for `orders` live orders before it allocates again, and with a seed for the id index. Results never depend on that; a secret
    /// one keeps others from choosing ids that collide.
    pub fn with_seed(kernel: Kernel, orders: usize, seed: u64) -> Self {
        SimdOrderBook {
            orders: Orders::with_seed(orders, seed),
            queues: Queue::ALL.map(SimdQueue::new),
            levels: LevelTable::new(),
            kernel,
            now: 0,
        }
    }

    /// The kernel that it works with.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    #[inline]
    fn queue(&self, queue: Queue) -> &SimdQueue {
        &self.queues[queue as usize]
    }

    /// The best levels of a queue, side by side.
    pub fn lanes(&self, queue: Queue) -> &SimdPriceLevels {
        &self.queue(queue).lanes
    }

    /// The name of the level of a queue at a price.
    pub fn level_name(&self, queue: Queue, price: Price) -> Option<LevelName> {
        let level = self.queue(queue).find(self.kernel, price)?;
        let generation = self.levels.get(level).generation;
        Some(LevelName { level, generation })
    }

    /// The level that a name was given for; `None` once that level is gone, whatever stands at its price since.
    pub fn named(&self, name: LevelName) -> Option<&SimdOptimizedPriceLevel> {
        self.levels.named(name)
    }

    /// What an incoming order of `side` with this limit could trade with, as far as it is shown.
    pub fn matching_volume(&self, side: Side, limit: Price) -> u128 {
        let queue = self.queue(Queue::resting(side.opposite()));
        let lanes = queue.lanes.find_matching_levels(self.kernel, limit, side);
        let mut volume = queue.lanes.volume_of(self.kernel, lanes);
        if lanes == u8::MAX {
            let behind = self.levels.from(queue.overflow_first);
            volume += behind
                .take_while(|level| side.accepts(limit, Price(level.price)))
                .map(|level| u128::from(level.total_volume))
                .sum::<u128>();
        }
        volume
    }

    /// Which resting orders an incoming quantity of `side` with this limit would take in full, as far as what they show goes: level by level and first
    /// come first, up to the first order that it does not cover.
    pub fn covered(&self, side: Side, limit: Price, quantity: Quantity) -> Taken {
        let queue = self.queue(Queue::resting(side.opposite()));
        let mut taken = Taken::default();
        let mut next = queue.best(self.kernel);
        while let Some(level) = next {
            let level = self.levels.get(level);
            let is_reached = side.accepts(limit, Price(level.price));
            let before = taken.orders;
            if !is_reached || !self.cover_level(level, quantity.0, &mut taken) {
                break;
            }
            debug_assert!(taken.orders == before + level.order_count);
            next = queue.after(self.kernel, &self.levels, Price(level.price));
        }
        taken
    }

    /// Counts the orders of a level that are covered; says whether all of them are.
    fn cover_level(
        &self,
        level: &SimdOptimizedPriceLevel,
        quantity: u64,
        taken: &mut Taken,
    ) -> bool {
        let array = level.orders();
        let places = array.covered(self.kernel, quantity - taken.quantity);
        taken.orders += places.count_ones();
        // What is covered is no more than a quantity of 64 bits.
        taken.quantity += array.quantity_of(self.kernel, places) as u64;
        if places != array.live_mask() {
            return false;
        }
        let mut slot = array.overflow_first;
        while slot != NIL {
            let hot = self.orders.hot(slot);
            if hot.displayed > quantity - taken.quantity {
                return false;
            }
            taken.orders += 1;
            taken.quantity += hot.displayed;
            slot = hot.next;
        }
        true
    }

    /// Notes that a level changed, in its lane too if it has one.
    #[inline]
    fn changed(&mut self, queue: Queue, level: u32) {
        let place = self.levels.get_mut(level);
        place.touch(self.now);
        if place.lane != NO_LANE {
            self.queues[queue as usize].lanes.set_sums(
                place.lane as usize,
                place.total_volume,
                u64::from(place.order_count),
                self.now,
            );
        }
    }

    fn view(&self, level: u32) -> Level {
        let place = self.levels.get(level);
        Level {
            price: Price(place.price),
            displayed: Quantity(place.total_volume),
            hidden: Quantity(place.hidden_volume),
            orders: place.order_count,
        }
    }
}
