//! One price level with its orders, and all levels of a book side by side.

use super::kernel::Kernel;
use super::order_array::{PlacedOrder, SimdOrderArray};
use crate::layout::{layout, LayoutField};
use crate::orders::{Orders, NIL};

/// No level: level 0 exists but is never given out. It takes the writes that a link to nothing would have to skip.
pub(super) const NO_LEVEL: u32 = 0;
/// The lane of a level that is in the overflow.
pub(super) const NO_LANE: u32 = u32::MAX;
/// Live places at which waiting orders move up.
pub(super) const REFILL_AT: u32 = 4;

/// A price level: its sums and what is noted of it in one cache line, its orders behind that.
#[derive(Clone, Debug, Default)]
#[repr(C, align(64))]
pub struct SimdOptimizedPriceLevel {
    pub(super) price: i64,
    pub(super) total_volume: u64,
    pub(super) hidden_volume: u64,
    last_access_time: u64,
    access_frequency: u64,
    pub(super) order_count: u32,
    pub(super) generation: u32,
    /// The level's lane while it is among the best, else [`NO_LANE`].
    pub(super) lane: u32,
    /// The levels beside it in the overflow. Meaningful there alone.
    pub(super) next_level: u32,
    pub(super) prev_level: u32,
    pub(super) orders: SimdOrderArray,
}

const _: () = assert!(core::mem::offset_of!(SimdOptimizedPriceLevel, orders) == 64);
const _: () = assert!(core::mem::size_of::<SimdOptimizedPriceLevel>() == 5 * 64);

/// Where the fields lie.
pub(super) fn level_layout() -> [LayoutField; 11] {
    layout!(SimdOptimizedPriceLevel {
        price,
        total_volume,
        hidden_volume,
        last_access_time,
        access_frequency,
        order_count,
        generation,
        lane,
        next_level,
        prev_level,
        orders
    })
}

/// Names a level for good: once it is gone, no other level answers to it, or only after 2^32 others in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelName {
    pub(super) level: u32,
    pub(super) generation: u32,
}

impl SimdOptimizedPriceLevel {
    /// Its price, in ticks.
    pub fn price(&self) -> i64 {
        self.price
    }

    /// Sum of what its orders show.
    pub fn total_volume(&self) -> u64 {
        self.total_volume
    }

    /// Sum of what its orders hide.
    pub fn hidden_volume(&self) -> u64 {
        self.hidden_volume
    }

    /// Number of its orders.
    pub fn order_count(&self) -> u32 {
        self.order_count
    }

    /// How often the level's orders were changed.
    pub fn access_frequency(&self) -> u64 {
        self.access_frequency
    }

    /// The time of the command that changed them last, in nanoseconds.
    pub fn last_access_time(&self) -> u64 {
        self.last_access_time
    }

    /// The first orders, side by side.
    pub fn orders(&self) -> &SimdOrderArray {
        &self.orders
    }

    /// Whether the level is among the eight best of its queue.
    pub fn is_in_lane(&self) -> bool {
        self.lane != NO_LANE
    }

    /// Notes that the level changes.
    #[inline]
    pub(super) fn touch(&mut self, now: u64) {
        self.last_access_time = now;
        self.access_frequency += 1;
    }

    /// The slot of the first order. A level holds one, and the first is in a place.
    #[inline]
    pub(super) fn front(&self) -> u32 {
        self.orders
            .first()
            .map_or(NIL, |place| self.orders.slot(place))
    }

    /// The slot of the order after this one at the same price, `NIL` after the last.
    pub(super) fn next(&self, kernel: Kernel, orders: &Orders, slot: u32) -> u32 {
        let hot = orders.hot(slot);
        match self.orders.find(kernel, hot.id) {
            None => hot.next,
            Some(place) => self
                .orders
                .after(place)
                .map_or(self.orders.overflow_first, |next| self.orders.slot(next)),
        }
    }

    /// Puts a stored order last.
    #[inline]
    pub(super) fn append(&mut self, kernel: Kernel, orders: &mut Orders, slot: u32) {
        let is_placed = self.orders.overflow_first == NIL
            && self.orders.push(kernel, placed(orders, slot)).is_some();
        if !is_placed {
            self.wait(orders, slot);
        }
    }

    /// Links an order last into the list of those that wait.
    fn wait(&mut self, orders: &mut Orders, slot: u32) {
        let last = self.orders.overflow_last;
        let hot = orders.hot_mut(slot);
        hot.previous = last;
        hot.next = NIL;
        self.orders.overflow_last = slot;
        if last == NIL {
            self.orders.overflow_first = slot;
        } else {
            orders.hot_mut(last).next = slot;
        }
    }

    /// Takes an order out of its place, or of the list of those that wait.
    #[inline]
    pub(super) fn take_out(&mut self, kernel: Kernel, orders: &mut Orders, slot: u32) {
        match self.orders.find(kernel, orders.hot(slot).id) {
            Some(place) => {
                self.orders.remove(place);
                if self.orders.overflow_first != NIL && self.orders.len() <= REFILL_AT {
                    self.refill(kernel, orders);
                }
            }
            None => self.leave(orders, slot),
        }
    }

    /// Unlinks an order from the list of those that wait.
    fn leave(&mut self, orders: &mut Orders, slot: u32) {
        let hot = orders.hot(slot);
        let (previous, next) = (hot.previous, hot.next);
        if previous == NIL {
            self.orders.overflow_first = next;
        } else {
            orders.hot_mut(previous).next = next;
        }
        if next == NIL {
            self.orders.overflow_last = previous;
        } else {
            orders.hot_mut(next).previous = previous;
        }
    }

    /// Moves waiting orders up, the first one first, while places are free.
    #[inline(never)]
    fn refill(&mut self, kernel: Kernel, orders: &mut Orders) {
        while self.orders.overflow_first != NIL {
            let slot = self.orders.overflow_first;
            if self.orders.push(kernel, placed(orders, slot)).is_none() {
                break;
            }
            self.leave(orders, slot);
        }
    }

    /// Notes what an order shows now.
    #[inline]
    pub(super) fn resize(&mut self, kernel: Kernel, orders: &Orders, slot: u32) {
        let hot = orders.hot(slot);
        if let Some(place) = self.orders.find(kernel, hot.id) {
            self.orders.set_size(place, hot.displayed);
        }
    }
}

/// What a place holds of a stored order.
#[inline]
fn placed(orders: &Orders, slot: u32) -> PlacedOrder {
    let hot = orders.hot(slot);
    PlacedOrder {
        id: hot.id,
        size: hot.displayed,
        priority: hot.priority,
        slot,
    }
}

/// The levels of a book. Freed places are used again last in, first out.
#[derive(Clone, Debug)]
pub(super) struct LevelTable {
    levels: Vec<SimdOptimizedPriceLevel>,
    free: Vec<u32>,
}

impl LevelTable {
    pub(super) fn new() -> Self {
        LevelTable {
            levels: vec![SimdOptimizedPriceLevel::default()],
            free: Vec::new(),
        }
    }

    /// A level without orders, of a generation that its place had never before.
    pub(super) fn allocate(&mut self, price: i64) -> u32 {
        let level = self.free.pop().unwrap_or_else(|| {
            self.levels.push(SimdOptimizedPriceLevel::default());
            (self.levels.len() - 1) as u32
        });
        let place = self.get_mut(level);
        let generation = place.generation;
        *place = SimdOptimizedPriceLevel {
            price,
            generation,
            lane: NO_LANE,
            ..SimdOptimizedPriceLevel::default()
        };
        level
    }

    /// Frees a level. What its name was names nothing from now on.
    pub(super) fn free(&mut self, level: u32) {
        let place = self.get_mut(level);
        // That names repeat in the end matters to their holders alone: the book does not rely on them.
        place.generation = place.generation.wrapping_add(1);
        self.free.push(level);
    }

    #[inline]
    pub(super) fn get(&self, level: u32) -> &SimdOptimizedPriceLevel {
        &self.levels[level as usize]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, level: u32) -> &mut SimdOptimizedPriceLevel {
        &mut self.levels[level as usize]
    }

    /// Links a level between two others, each of which may be none.
    pub(super) fn link(&mut self, previous: u32, level: u32, next: u32) {
        self.get_mut(previous).next_level = level;
        self.get_mut(next).prev_level = level;
        let place = self.get_mut(level);
        place.prev_level = previous;
        place.next_level = next;
    }

    /// Takes a level out from between those beside it. Gives the one after it.
    pub(super) fn unlink(&mut self, level: u32) -> u32 {
        let place = self.get(level);
        let (previous, next) = (place.prev_level, place.next_level);
        self.get_mut(previous).next_level = next;
        self.get_mut(next).prev_level = previous;
        next
    }

    /// A level of the overflow and all that come after it.
    pub(super) fn from(&self, first: u32) -> impl Iterator<Item = &SimdOptimizedPriceLevel> + '_ {
        let existing = |level: u32| (level != NO_LEVEL).then(|| self.get(level));
        core::iter::successors(existing(first), move |level| existing(level.next_level))
    }

    /// The level that a name was given for, while it lives.
    pub(super) fn named(&self, name: LevelName) -> Option<&SimdOptimizedPriceLevel> {
        let level = self.levels.get(name.level as usize)?;
        (level.generation == name.generation).then_some(level)
    }

    /// Number of levels that are not free.
    pub(super) fn used(&self) -> usize {
        self.levels.len() - 1 - self.free.len()
    }
}
