//! The SIMD book as a [`Book`].

use proofbook_book::{Book, Level, QueuePlace};
use proofbook_types::{AccountId, Order, OrderId, Price, Quantity, Queue, Side, Timestamp};

use super::{SimdOrderBook, LANES};
use crate::orders::NIL;

/// Why the quantity before an order has 64 bits.
const FITS: &str = "the market keeps a side's quantity within 64 bits";

impl Book for SimdOrderBook {
    type Slot = u32;

    #[inline]
    fn len(&self) -> usize {
        self.orders.len()
    }

    #[inline]
    fn find(&self, id: OrderId) -> Option<u32> {
        self.orders.find(id.0)
    }

    #[inline]
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
        let level = self.queue(queue).best(self.kernel)?;
        Some(Price(self.levels.get(level).price))
    }

    /// Whether any level is matched: that needs no search for the best one.
    #[inline]
    fn crosses(&self, queue: Queue, bound: Price) -> bool {
        let side = match queue.is_descending() {
            true => Side::Sell,
            false => Side::Buy,
        };
        let lanes = &self.queue(queue).lanes;
        lanes.find_matching_levels(self.kernel, bound, side) != 0
    }

    #[inline]
    fn best(&self, queue: Queue) -> Option<u32> {
        let level = self.queue(queue).best(self.kernel)?;
        Some(self.levels.get(level).front())
    }

    fn next(&self, slot: u32) -> Option<u32> {
        let hot = self.orders.hot(slot);
        let level = self.levels.get(hot.level);
        let next = level.next(self.kernel, &self.orders, slot);
        if next != NIL {
            return Some(next);
        }
        let queue = self.queue(hot.terms.queue);
        let level = queue.after(self.kernel, &self.levels, Price(hot.price))?;
        Some(self.levels.get(level).front())
    }

    fn insert(&mut self, order: &Order) {
        let queue = order.queue();
        let price = order
            .queue_price()
            .expect("an order in a queue has a price there");
        let level = match self.queue(queue).find(self.kernel, price) {
            Some(level) => level,
            None => {
                let levels = &mut self.levels;
                self.queues[queue as usize].occupy(self.kernel, levels, price)
            }
        };
        let slot = self.orders.allocate();
        self.orders.store(slot, order, NIL, level);
        let place = self.levels.get_mut(level);
        place.append(self.kernel, &mut self.orders, slot);
        place.total_volume += order.displayed.0;
        place.hidden_volume += order.hidden.0;
        place.order_count += 1;
        self.changed(queue, level);
    }

    fn remove(&mut self, slot: u32) {
        let hot = self.orders.hot(slot);
        let (queue, level, displayed) = (hot.terms.queue, hot.level, hot.displayed);
        let hidden = self.orders.hidden(slot);
        let place = self.levels.get_mut(level);
        if place.order_count == 1 {
            self.queues[queue as usize].vacate(&mut self.levels, level);
        } else {
            place.take_out(self.kernel, &mut self.orders, slot);
            place.total_volume -= displayed;
            place.hidden_volume -= hidden;
            place.order_count -= 1;
            self.changed(queue, level);
        }
        self.orders.forget(slot);
    }

    fn fill(&mut self, slot: u32, quantity: Quantity) {
        let hot = self.orders.hot_mut(slot);
        hot.displayed -= quantity.0;
        hot.filled += quantity.0;
        let (queue, level) = (hot.terms.queue, hot.level);
        let place = self.levels.get_mut(level);
        place.resize(self.kernel, &self.orders, slot);
        place.total_volume -= quantity.0;
        self.changed(queue, level);
    }

    fn reduce(&mut self, slot: u32, quantity: Quantity) {
        let reduced = self.orders.reduce(slot, quantity);
        let hot = self.orders.hot(slot);
        let (queue, level) = (hot.terms.queue, hot.level);
        let place = self.levels.get_mut(level);
        place.resize(self.kernel, &self.orders, slot);
        place.total_volume -= reduced.displayed;
        place.hidden_volume -= reduced.hidden;
        self.changed(queue, level);
    }

    fn refresh(&mut self, slot: u32, priority: u64) {
        let hot = self.orders.hot(slot);
        let (queue, level) = (hot.terms.queue, hot.level);
        let place = self.levels.get_mut(level);
        place.take_out(self.kernel, &mut self.orders, slot);
        let shown = self.orders.refresh(slot, priority);
        place.append(self.kernel, &mut self.orders, slot);
        place.total_volume += shown.displayed;
        place.hidden_volume -= shown.displayed;
        self.changed(queue, level);
    }

    fn level(&self, queue: Queue, price: Price) -> Option<Level> {
        let level = self.queue(queue).find(self.kernel, price)?;
        Some(self.view(level))
    }

    fn next_level(&self, queue: Queue, after: Option<Price>) -> Option<Level> {
        let level = match after {
            None => self.queue(queue).best(self.kernel)?,
            Some(price) => self.queue(queue).after(self.kernel, &self.levels, price)?,
        };
        Some(self.view(level))
    }

    fn front(&self, queue: Queue, price: Price) -> Option<u32> {
        let level = self.queue(queue).find(self.kernel, price)?;
        Some(self.levels.get(level).front())
    }

    #[inline]
    fn first_to_expire(&self) -> Option<(Timestamp, u32)> {
        self.orders.first_to_expire()
    }

    fn account_orders(&self, account: AccountId, ids: &mut Vec<OrderId>) {
        self.orders.account_orders(account, ids);
    }

    #[inline]
    fn set_clock(&mut self, now: Timestamp) {
        self.now = now.0;
    }

    /// What is in places before the order is summed up in one go; only orders that wait are walked by.
    fn place(&self, slot: u32) -> QueuePlace {
        let hot = self.orders.hot(slot);
        let array = self.levels.get(hot.level).orders();
        let is_here = array.find(self.kernel, hot.id);
        let end = is_here.unwrap_or(LANES);
        let mut orders_ahead = array.orders_before(end);
        let mut quantity_ahead = array.quantity_before(self.kernel, end);
        if is_here.is_none() {
            let mut ahead = hot.previous;
            while ahead != NIL {
                let other = self.orders.hot(ahead);
                orders_ahead += 1;
                quantity_ahead += u128::from(other.displayed);
                ahead = other.previous;
            }
        }
        QueuePlace {
            orders_ahead,
            quantity_ahead: Quantity(u64::try_from(quantity_ahead).expect(FITS)),
        }
    }

    fn check(&self) -> Result<(), String> {
        self.verify()
    }
}
