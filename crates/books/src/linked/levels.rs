//! What a structure for price levels offers to a [`LinkedBook`](super::LinkedBook).

use proofbook_types::{Price, Quantity, Queue, Timestamp};

use crate::layout::{layout, LayoutField};

/// Names a level until it is vacated: a number of the structure's own choice.
pub type LevelRef = u32;

/// A price as a number that is lower the better the price is in its queue. So one piece of code serves bids and asks alike, and the best level is
/// always the one of lowest rank.
pub type Rank = u64;

/// A level and its rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its rank.
    pub rank: Rank,
    /// Its name.
    pub level: LevelRef,
}

/// The orders at one price, in sum, and both ends of their list: half a cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(32))]
pub struct LevelData {
    /// Sum of what the orders show.
    pub displayed: u64,
    /// Sum of what the orders hide.
    pub hidden: u64,
    /// Slot of the first order, 0 where there is none.
    pub head: u32,
    /// Slot of the last order, 0 where there is none.
    pub tail: u32,
    /// Number of orders.
    pub orders: u32,
    /// For the structure that keeps the level: what it wants to know of it.
    pub tag: u32,
}

const _: () = assert!(core::mem::size_of::<LevelData>() == 32);

/// Where the fields of [`LevelData`] lie.
pub(crate) fn level_layout() -> [LayoutField; 6] {
    layout!(LevelData {
        displayed,
        hidden,
        head,
        tail,
        orders,
        tag
    })
}

impl LevelData {
    /// A level without orders.
    pub const EMPTY: LevelData = LevelData {
        displayed: 0,
        hidden: 0,
        head: 0,
        tail: 0,
        orders: 0,
        tag: 0,
    };

    /// Counts a slot in as the last one. The links between slots are the caller's.
    #[inline(always)]
    pub fn append(&mut self, slot: u32, displayed: u64, hidden: u64) {
        self.head = if self.tail == 0 { slot } else { self.head };
        self.tail = slot;
        self.displayed += displayed;
        self.hidden += hidden;
        self.orders += 1;
    }

    /// Counts the slot between `previous` and `next` out.
    #[inline(always)]
    pub fn remove(&mut self, previous: u32, next: u32, displayed: u64, hidden: u64) {
        self.head = if previous == 0 { next } else { self.head };
        self.tail = if next == 0 { previous } else { self.tail };
        self.displayed -= displayed;
        self.hidden -= hidden;
        self.orders -= 1;
    }
}

/// The price levels of all four queues, found by rank.
///
/// A level exists from [`occupy`](Levels::occupy) to [`vacate`](Levels::vacate). In between it holds at least one order, except between `occupy` and the
/// first [`update`](Levels::update). What the orders of a level are is the book's; a structure keeps [`LevelData`] for it and finds it again.
pub trait Levels {
    /// The level of lowest rank in a queue.
    fn best(&self, queue: Queue) -> Option<Place>;

    /// The level at a rank.
    fn find(&self, queue: Queue, rank: Rank) -> Option<LevelRef>;

    /// The level of lowest rank above `rank`, whether or not there is one at `rank`.
    fn after(&self, queue: Queue, rank: Rank) -> Option<Place>;

    /// The level at a rank, made without orders if there was none.
    fn occupy(&mut self, queue: Queue, rank: Rank) -> LevelRef;

    /// Gives up a level whose last order goes.
    fn vacate(&mut self, queue: Queue, level: LevelRef);

    /// What is known of a level.
    fn get(&self, queue: Queue, level: LevelRef) -> LevelData;

    /// Changes what is known of a level.
    fn update<T>(
        &mut self,
        queue: Queue,
        level: LevelRef,
        change: impl FnOnce(&mut LevelData) -> T,
    ) -> T;

    /// A trade of so much of what is shown at a level by an order that stays, for structures that note trades.
    #[inline(always)]
    fn trade(&mut self, queue: Queue, level: LevelRef, quantity: Quantity) {
        self.update(queue, level, |data| data.displayed -= quantity.0);
    }

    /// A trade of all that the first order of a level has open, for structures that note trades. The order is taken out by the next call.
    #[inline(always)]
    fn trade_all(&mut self, _queue: Queue, _level: LevelRef, _quantity: Quantity) {}

    /// The time of the command that the next calls belong to, for structures that note it.
    #[inline(always)]
    fn set_clock(&mut self, _now: Timestamp) {}

    /// Checks everything that must hold inside, at any cost.
    ///
    /// # Errors
    /// What does not hold.
    fn verify(&self) -> Result<(), String>;
}

/// What turns a price into its rank and back: flips the sign bit, and all others where higher prices come first.
#[inline]
fn rank_mask(queue: Queue) -> u64 {
    (1 << 63) - u64::from(queue.is_descending())
}

/// The rank of a price in a queue.
#[inline]
pub fn rank_of(queue: Queue, price: Price) -> Rank {
    price.0 as u64 ^ rank_mask(queue)
}

/// The price that has a rank in a queue.
#[inline]
pub fn price_of(queue: Queue, rank: Rank) -> Price {
    Price((rank ^ rank_mask(queue)) as i64)
}
