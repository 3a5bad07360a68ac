//! Storage of live orders: the [`Book`] trait, the views it gives, and the [`Reference`] book.
//!
//! A book keeps orders in four queues in price-time priority and finds them by id, account and expiry. It decides
//! nothing: every rule of the market is in `proofbook-matching`, which is generic over this trait. So each data
//! structure can be swapped for any other, and all of them must behave as [`Reference`] does.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod reference;
mod statistics;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Debug;

use proofbook_types::{AccountId, Order, OrderId, Price, Quantity, Queue, Timestamp};

pub use reference::{PriceLevel, Reference};
pub use statistics::Statistics;

/// The orders at one price of a queue, in sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The price.
    pub price: Price,
    /// Sum of what is shown.
    pub displayed: Quantity,
    /// Sum of what is hidden.
    pub hidden: Quantity,
    /// Number of orders.
    pub orders: u32,
}

/// An order's place at its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuePlace {
    /// Orders that come before it at the same price.
    pub orders_ahead: u32,
    /// What those show.
    pub quantity_ahead: Quantity,
}

/// Storage of live orders in price-time priority.
///
/// Calls that name a slot need one that this book gave and that is still live: a slot dies when its order is removed.
/// The market keeps the sum of open quantities of each side within 64 bits, so no sum in here can overflow.
pub trait Book {
    /// Names a live order until it is removed.
    type Slot: Copy + Eq + Debug;

    /// Number of live orders, in all queues.
    fn len(&self) -> usize;

    /// Whether no order is live.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The live order with this id.
    fn find(&self, id: OrderId) -> Option<Self::Slot>;

    /// Everything about a live order.
    fn order(&self, slot: Self::Slot) -> Order;

    /// A live order's id.
    fn id(&self, slot: Self::Slot) -> OrderId;

    /// A live order's account.
    fn account(&self, slot: Self::Slot) -> AccountId;

    /// What a live order shows.
    fn displayed(&self, slot: Self::Slot) -> Quantity;

    /// What a live order hides.
    fn hidden(&self, slot: Self::Slot) -> Quantity;

    /// The best price of a queue.
    fn best_price(&self, queue: Queue) -> Option<Price>;

    /// Whether an order of the other side, or a trade, bounded by `bound` reaches the best price of a queue.
    fn crosses(&self, queue: Queue, bound: Price) -> bool {
        self.best_price(queue)
            .is_some_and(|best| !queue.before(bound, best))
    }

    /// The first order of a queue.
    fn best(&self, queue: Queue) -> Option<Self::Slot>;

    /// The order after this one in its queue, at its price or the next.
    fn next(&self, slot: Self::Slot) -> Option<Self::Slot>;

    /// Puts an order last at its price in its queue. Its id is not live, its priority is above all others' at the price.
    fn insert(&mut self, order: &Order);

    /// Takes a live order out.
    fn remove(&mut self, slot: Self::Slot);

    /// Takes the first order of `queue` out, which is `slot`: a trade took all that it had open.
    fn remove_best(&mut self, queue: Queue, slot: Self::Slot) {
        debug_assert_eq!(self.best(queue), Some(slot));
        self.remove(slot);
    }

    /// A trade: lowers what the order shows by less than or exactly that, counts it as filled. It keeps its place. An order
    /// left with nothing open must be removed, one that shows nothing must be refreshed, by the next call.
    fn fill(&mut self, slot: Self::Slot, quantity: Quantity);

    /// Lowers the order's open quantity by less than all of it, hidden quantity first. It keeps its place. If hidden
    /// quantity is left, what is shown stays.
    fn reduce(&mut self, slot: Self::Slot, quantity: Quantity);

    /// The order shows nothing and hides something: shows the next slice, and goes last at its price with `priority`.
    fn refresh(&mut self, slot: Self::Slot, priority: u64);

    /// The level of a queue at a price.
    fn level(&self, queue: Queue, price: Price) -> Option<Level>;

    /// The level of a queue that follows `after` in priority, whether or not there is a level at `after`; the best level where it is `None`.
    fn next_level(&self, queue: Queue, after: Option<Price>) -> Option<Level>;

    /// The first order at a price of a queue.
    fn front(&self, queue: Queue, price: Price) -> Option<Self::Slot>;

    /// The order that expires first; of several, the one with the lowest priority number.
    fn first_to_expire(&self) -> Option<(Timestamp, Self::Slot)>;

    /// The order that expires first, if its time is over at `now`.
    #[inline]
    fn first_due(&self, now: Timestamp) -> Option<Self::Slot> {
        match self.first_to_expire() {
            Some((expiry, slot)) if expiry <= now => Some(slot),
            _ => None,
        }
    }

    /// Appends the ids of an account's live orders, in any order.
    fn account_orders(&self, account: AccountId, ids: &mut Vec<OrderId>);

    /// Tells the time of the command being handled, for books that note when a level last changed.
    fn set_clock(&mut self, _now: Timestamp) {}

    /// An order's place at its price.
    fn place(&self, slot: Self::Slot) -> QueuePlace {
        let order = self.order(slot);
        let mut place = QueuePlace {
            orders_ahead: 0,
            quantity_ahead: Quantity::ZERO,
        };
        let mut ahead = order
            .queue_price()
            .and_then(|price| self.front(order.queue(), price));
        while let Some(other) = ahead {
            if other == slot {
                break;
            }
            place.orders_ahead += 1;
            place.quantity_ahead.0 += self.displayed(other).0;
            ahead = self.next(other);
        }
        place
    }

    /// Checks everything that must hold inside, at any cost.
    ///
    /// # Errors
    /// What does not hold.
    fn check(&self) -> Result<(), String>;
}
