//! The best eight price levels of a queue, side by side.
//!
//! A structure of arrays: what is asked of all eight, which of them a price reaches, which comes first, what they hold together, is a few
//! instructions on one register. A level keeps its lane while it stays among the best eight, so lanes are in no order; which of them hold
//! one is said by a mask.
//!
//! Invariants: the prices of the lanes in the mask differ; what the other lanes hold is never looked at.

use proofbook_types::{Price, Side};

use super::kernel::{Kernel, LANES};
use crate::layout::{layout, LayoutField};

/// What is known of a level in its lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneLevel {
    /// Its price, in ticks.
    pub price: i64,
    /// Sum of what its orders show.
    pub volume: u64,
    /// Number of its orders.
    pub orders: u64,
    /// When it last changed.
    pub timestamp: u64,
    /// Its name.
    pub level: u32,
}

/// Up to eight price levels in lanes, numbered from 0 to 7.
#[derive(Clone, Debug, Default)]
#[repr(C, align(64))]
pub struct SimdPriceLevels {
    prices: [i64; LANES],
    volumes: [u64; LANES],
    order_counts: [u64; LANES],
    timestamps: [u64; LANES],
    levels: [u32; LANES],
    active_mask: u8,
}

// Each array is one cache line, the names and the mask are one more.
const _: () = assert!(core::mem::offset_of!(SimdPriceLevels, levels) == 4 * 64);
const _: () = assert!(core::mem::size_of::<SimdPriceLevels>() == 5 * 64);

/// Where the fields lie.
pub(super) fn lanes_layout() -> [LayoutField; 6] {
    layout!(SimdPriceLevels {
        prices,
        volumes,
        order_counts,
        timestamps,
        levels,
        active_mask
    })
}

/// What is flipped in prices so that lower ones come first.
#[inline]
pub(super) fn flip_of(is_descending: bool) -> i64 {
    -i64::from(is_descending)
}

impl SimdPriceLevels {
    /// No level.
    pub fn new() -> Self {
        Self::default()
    }

    /// The lanes that hold a level.
    pub fn active_mask(&self) -> u8 {
        self.active_mask
    }

    /// Number of levels.
    pub fn level_count(&self) -> u32 {
        self.active_mask.count_ones()
    }

    /// Whether no lane is free.
    pub fn is_full(&self) -> bool {
        self.active_mask == u8::MAX
    }

    /// Puts a level into a free lane and gives that; `None` where there is none. No other lane may hold its price.
    pub fn insert(&mut self, level: LaneLevel) -> Option<usize> {
        if self.is_full() {
            return None;
        }
        let lane = self.active_mask.trailing_ones() as usize;
        self.active_mask |= 1 << lane;
        self.prices[lane] = level.price;
        self.levels[lane] = level.level;
        self.set_sums(lane, level.volume, level.orders, level.timestamp);
        Some(lane)
    }

    /// What a lane's level holds from now on.
    #[inline]
    pub fn set_sums(&mut self, lane: usize, volume: u64, orders: u64, timestamp: u64) {
        self.volumes[lane] = volume;
        self.order_counts[lane] = orders;
        self.timestamps[lane] = timestamp;
    }

    /// Frees a lane.
    pub fn remove(&mut self, lane: usize) {
        self.active_mask &= !(1 << lane);
    }

    /// What a lane holds; `None` where it is free.
    pub fn get(&self, lane: usize) -> Option<LaneLevel> {
        (self.active_mask.checked_shr(lane as u32)? & 1 == 1).then(|| LaneLevel {
            price: self.prices[lane],
            volume: self.volumes[lane],
            orders: self.order_counts[lane],
            timestamp: self.timestamps[lane],
            level: self.levels[lane],
        })
    }

    /// The lanes that an incoming order of `side` with this limit matches: a buy matches asks at or below it, a sell bids at or above it.
    #[inline]
    pub fn find_matching_levels(&self, kernel: Kernel, limit: Price, side: Side) -> u8 {
        let flip = flip_of(side == Side::Sell);
        kernel.not_beyond(&self.prices, flip, limit.0) & self.active_mask
    }

    /// The sum of what all levels show.
    pub fn calculate_total_volume(&self, kernel: Kernel) -> u128 {
        self.volume_of(kernel, self.active_mask)
    }

    /// The sum of what the levels of some lanes show.
    pub fn volume_of(&self, kernel: Kernel, lanes: u8) -> u128 {
        kernel.sum(&self.volumes, lanes & self.active_mask)
    }

    /// The lane of the best level: of the lowest price, or of the highest where these come first.
    #[inline]
    pub fn best(&self, kernel: Kernel, is_descending: bool) -> Option<usize> {
        kernel.first(&self.prices, flip_of(is_descending), self.active_mask)
    }

    /// The lane of the worst level.
    pub fn worst(&self, kernel: Kernel, is_descending: bool) -> Option<usize> {
        kernel.first(&self.prices, flip_of(!is_descending), self.active_mask)
    }

    /// The lane of the best level that comes after a price.
    pub fn after(&self, kernel: Kernel, is_descending: bool, price: Price) -> Option<usize> {
        let flip = flip_of(is_descending);
        let among = self.active_mask & !kernel.not_beyond(&self.prices, flip, price.0);
        kernel.first(&self.prices, flip, among)
    }

    /// The lane of the level at a price.
    #[inline]
    pub fn find(&self, kernel: Kernel, price: Price) -> Option<usize> {
        let found = kernel.equal_prices(&self.prices, price.0) & self.active_mask;
        (found != 0).then(|| found.trailing_zeros() as usize)
    }

    /// The name of the level in a lane that holds one.
    #[inline]
    pub(super) fn level(&self, lane: usize) -> u32 {
        self.levels[lane]
    }
}
