//! A book whose queues are doubly linked lists of orders, one for each price level, over any structure for the levels.
//!
//! Orders lie in a slab and are linked by 32-bit index: a cancel unlinks without a search, and an order knows its level, so nothing else is
//! searched. Which structure finds a level by its price, the best one, and the next one, is the parameter: a [`Levels`].
//!
//! Invariants, checked by `check`: a level's sums and links agree with its orders; and those of the orders and of the structure.

mod levels;
mod slab;
mod tier;
mod verify;

use proofbook_book::{Book, Level};
use proofbook_types::{AccountId, Order, OrderId, Price, Quantity, Queue, Timestamp};

use crate::orders::{secret_seed, Hot, Orders, CAPACITY, NIL};
pub(crate) use levels::level_layout;
pub use levels::{price_of, rank_of, LevelData, LevelRef, Levels, Place, Rank};
pub(crate) use slab::{LevelSlab, RankedSlab};
pub(crate) use tier::is_before;
pub use tier::{OverLevels, Tier};

/// A book over a structure for price levels.
#[derive(Clone, Debug)]
pub struct LinkedBook<L> {
    orders: Orders,
    levels: L,
}

impl<L: Levels + Default> Default for LinkedBook<L> {
    fn default() -> Self {
        LinkedBook::with_capacity(CAPACITY)
    }
}

impl<L: Levels + Default> LinkedBook<L> {
    /// An empty book with room for `orders` live orders before it allocates again.
    pub fn with_capacity(orders: usize) -> Self {
        Self::with_seed(orders, 0)
    }

    /// The same, with a seed for the id index. Results never depend on it; a secret one keeps others from choosing ids
    /// that collide.
    pub fn with_seed(orders: usize, seed: u64) -> Self {
        LinkedBook {
            orders: Orders::with_seed(orders, seed),
            levels: L::default(),
        }
    }

    /// An empty book with a seed that only this process knows: for markets whose ids come from others.
    pub fn with_secret_seed() -> Self {
        Self::with_levels(L::default())
    }
}

impl<L: Levels> LinkedBook<L> {
    /// An empty book over `levels`, which hold nothing yet, with a seed that only this process knows.
    pub fn with_levels(levels: L) -> Self {
        LinkedBook {
            orders: Orders::with_seed(CAPACITY, secret_seed()),
            levels,
        }
    }

    /// The structure that keeps the levels.
    pub fn levels(&self) -> &L {
        &self.levels
    }

    /// Places of orders, spread evenly over the memory that orders lie in, at most `most` of them: to ask where that is.
    pub(crate) fn sample_orders(&self, most: usize) -> impl Iterator<Item = &Hot> {
        self.orders.sample(most)
    }

    /// Takes a slot out of its level's links and sums; a level left empty is vacated.
    #[inline(always)]
    fn unlink(&mut self, slot: u32, hidden: u64) {
        let hot = self.orders.hot(slot);
        let queue = hot.terms.queue;
        let (level, displayed) = (hot.level, hot.displayed);
        let (previous, next) = (hot.previous, hot.next);
        let is_alone = self.levels.update(queue, level, |data| {
            let is_alone = data.orders == 1;
            if !is_alone {
                data.remove(previous, next, displayed, hidden);
            }
            is_alone
        });
        if is_alone {
            self.levels.vacate(queue, level);
            return;
        }
        self.orders.hot_mut(previous).next = next;
        self.orders.hot_mut(next).previous = previous;
    }

    fn view(&self, queue: Queue, place: Place) -> Level {
        let data = self.levels.get(queue, place.level);
        Level {
            price: price_of(queue, place.rank),
            displayed: Quantity(data.displayed),
            hidden: Quantity(data.hidden),
            orders: data.orders,
        }
    }
}

impl<L: Levels> Book for LinkedBook<L> {
    type Slot = u32;

    #[inline]
    fn len(&self) -> usize {
        self.orders.len()
    }

    #[inline(always)]
    fn find(&self, id: OrderId) -> Option<u32> {
        self.orders.find(id.0)
    }

    #[inline(always)]
    fn order(&self, slot: u32) -> Order {
        self.orders.order(slot)
    }

    #[inline]
    fn id(&self, slot: u32) -> OrderId {
        OrderId(self.orders.hot(slot).id)
    }

    #[inline]
    fn account(&self, slot: u32) -> AccountId {
        AccountId(self.orders.hot(slot).account)
    }

    #[inline]
    fn displayed(&self, slot: u32) -> Quantity {
        Quantity(self.orders.hot(slot).displayed)
    }

    #[inline]
    fn hidden(&self, slot: u32) -> Quantity {
        Quantity(self.orders.hidden(slot))
    }

    #[inline]
    fn best_price(&self, queue: Queue) -> Option<Price> {
        let best = self.levels.best(queue)?;
        Some(price_of(queue, best.rank))
    }

    #[inline]
    fn best(&self, queue: Queue) -> Option<u32> {
        let best = self.levels.best(queue)?;
        Some(self.levels.get(queue, best.level).head)
    }

    #[inline]
    fn crosses(&self, queue: Queue, bound: Price) -> bool {
        match self.levels.best(queue) {
            Some(best) => best.rank <= rank_of(queue, bound),
            None => false,
        }
    }

    fn next(&self, slot: u32) -> Option<u32> {
        let hot = self.orders.hot(slot);
        if hot.next != NIL {
            return Some(hot.next);
        }
        let queue = hot.terms.queue;
        let next = self.levels.after(queue, rank_of(queue, Price(hot.price)))?;
        Some(self.levels.get(queue, next.level).head)
    }

    #[inline(always)]
    fn insert(&mut self, order: &Order) {
        let queue = order.queue();
        let price = order
            .queue_price()
            .expect("an order in a queue has a price there");
        let level = self.levels.occupy(queue, rank_of(queue, price));
        let slot = self.orders.allocate();
        let tail = self.levels.update(queue, level, |data| {
            let tail = data.tail;
            data.append(slot, order.displayed.0, order.hidden.0);
            tail
        });
        self.orders.store(slot, order, tail, level);
        self.orders.hot_mut(tail).next = slot;
    }

    #[inline]
    fn remove(&mut self, slot: u32) {
        let hidden = self.orders.hidden(slot);
        self.unlink(slot, hidden);
        self.orders.forget(slot);
    }

    #[inline]
    fn remove_best(&mut self, queue: Queue, slot: u32) {
        debug_assert_eq!(self.best(queue), Some(slot));
        let hot = self.orders.hot(slot);
        self.levels
            .trade_all(queue, hot.level, Quantity(hot.displayed));
        self.remove(slot);
    }

    #[inline]
    fn fill(&mut self, slot: u32, quantity: Quantity) {
        let hot = self.orders.hot_mut(slot);
        hot.displayed -= quantity.0;
        hot.filled += quantity.0;
        let (queue, level) = (hot.terms.queue, hot.level);
        self.levels.trade(queue, level, quantity);
    }

    fn reduce(&mut self, slot: u32, quantity: Quantity) {
        let reduced = self.orders.reduce(slot, quantity);
        let hot = self.orders.hot(slot);
        self.levels.update(hot.terms.queue, hot.level, |data| {
            data.displayed -= reduced.displayed;
            data.hidden -= reduced.hidden;
        });
    }

    fn refresh(&mut self, slot: u32, priority: u64) {
        let hot = self.orders.hot(slot);
        let (queue, level, is_last) = (hot.terms.queue, hot.level, hot.next == NIL);
        if !is_last {
            let hidden = self.orders.hidden(slot);
            self.unlink(slot, hidden);
        }
        let shown = self.orders.refresh(slot, priority);
        if is_last {
            // Alone or last at its price: it stays where it is.
            self.levels.update(queue, level, |data| {
                data.displayed += shown.displayed;
                data.hidden -= shown.displayed;
            });
            return;
        }
        let tail = self.levels.update(queue, level, |data| {
            let tail = data.tail;
            data.append(slot, shown.displayed, shown.hidden);
            tail
        });
        self.orders.hot_mut(tail).next = slot;
        let hot = self.orders.hot_mut(slot);
        hot.previous = tail;
        hot.next = NIL;
    }

    fn level(&self, queue: Queue, price: Price) -> Option<Level> {
        let rank = rank_of(queue, price);
        let level = self.levels.find(queue, rank)?;
        Some(self.view(queue, Place { rank, level }))
    }

    fn next_level(&self, queue: Queue, after: Option<Price>) -> Option<Level> {
        let place = match after {
            None => self.levels.best(queue)?,
            Some(price) => self.levels.after(queue, rank_of(queue, price))?,
        };
        Some(self.view(queue, place))
    }

    fn front(&self, queue: Queue, price: Price) -> Option<u32> {
        let level = self.levels.find(queue, rank_of(queue, price))?;
        Some(self.levels.get(queue, level).head)
    }

    #[inline]
    fn first_to_expire(&self) -> Option<(Timestamp, u32)> {
        self.orders.first_to_expire()
    }

    fn account_orders(&self, account: AccountId, ids: &mut Vec<OrderId>) {
        self.orders.account_orders(account, ids);
    }

    #[inline(always)]
    fn set_clock(&mut self, now: Timestamp) {
        self.levels.set_clock(now);
    }

    fn check(&self) -> Result<(), String> {
        self.verify()
    }
}
