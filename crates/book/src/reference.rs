//! The reference book: ordered maps and nothing clever, so that it can be believed by reading.
//!
//! Each order is stored once, in a map by id. A queue is an ordered map from price to level; a level holds its orders by
//! priority, which is their order in time, and keeps its sums. Two ordered sets find orders by expiry and by account.
//! Every operation costs O(log n).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proofbook_types::{AccountId, Order, OrderId, Price, Quantity, Queue, Timestamp};

use crate::{Book, Level};

/// The orders at one price of a queue, first come first.
#[derive(Clone, Debug)]
pub struct PriceLevel {
    /// The price.
    pub price: Price,
    /// Ids by priority: the first is the next to trade.
    pub orders: BTreeMap<u64, OrderId>,
    /// Sum of what the orders show.
    pub total_volume: Quantity,
    /// Sum of what the orders hide.
    pub hidden_volume: Quantity,
    /// When anything here last changed.
    pub last_update: Timestamp,
}

impl PriceLevel {
    fn view(&self) -> Level {
        Level {
            price: self.price,
            displayed: self.total_volume,
            hidden: self.hidden_volume,
            orders: u32::try_from(self.orders.len()).expect("a market holds at most 2^24 orders"),
        }
    }
}

/// The reference implementation of [`Book`].
#[derive(Clone, Debug, Default)]
pub struct Reference {
    orders: BTreeMap<OrderId, Order>,
    queues: [BTreeMap<Price, PriceLevel>; 4],
    by_expiry: BTreeSet<(Timestamp, u64, OrderId)>,
    by_account: BTreeSet<(AccountId, OrderId)>,
    now: Timestamp,
}

const LIVE: &str = "a slot names a live order";

fn queue_price(order: &Order) -> Price {
    order
        .queue_price()
        .expect("an order in a queue has a price there")
}

impl Reference {
    /// An empty book.
    pub fn new() -> Self {
        Self::default()
    }

    /// The levels of a queue, in ascending order of price.
    pub fn levels(&self, queue: Queue) -> impl DoubleEndedIterator<Item = &PriceLevel> {
        self.queues[queue as usize].values()
    }

    fn get(&self, id: OrderId) -> &Order {
        self.orders.get(&id).expect(LIVE)
    }

    /// The level that the order stands at, marked as changed now.
    fn level_of(&mut self, order: &Order) -> &mut PriceLevel {
        let level = self.queues[order.queue() as usize]
            .get_mut(&queue_price(order))
            .expect("a live order's level exists");
        level.last_update = self.now;
        level
    }

    /// Stores changed quantities of a live order and adjusts its level's sums.
    fn set_quantities(&mut self, id: OrderId, displayed: Quantity, hidden: Quantity) {
        let order = *self.get(id);
        let level = self.level_of(&order);
        level.total_volume.0 = level.total_volume.0 - order.displayed.0 + displayed.0;
        level.hidden_volume.0 = level.hidden_volume.0 - order.hidden.0 + hidden.0;
        let stored = self.orders.get_mut(&id).expect(LIVE);
        stored.displayed = displayed;
        stored.hidden = hidden;
    }
}

impl Book for Reference {
    type Slot = OrderId;

    fn len(&self) -> usize {
        self.orders.len()
    }

    fn find(&self, id: OrderId) -> Option<OrderId> {
        self.orders.contains_key(&id).then_some(id)
    }

    fn order(&self, slot: OrderId) -> Order {
        *self.get(slot)
    }

    fn id(&self, slot: OrderId) -> OrderId {
        slot
    }

    fn account(&self, slot: OrderId) -> AccountId {
        self.get(slot).account
    }

    fn displayed(&self, slot: OrderId) -> Quantity {
        self.get(slot).displayed
    }

    fn hidden(&self, slot: OrderId) -> Quantity {
        self.get(slot).hidden
    }

    fn best_price(&self, queue: Queue) -> Option<Price> {
        self.next_level(queue, None).map(|level| level.price)
    }

    fn best(&self, queue: Queue) -> Option<OrderId> {
        self.front(queue, self.best_price(queue)?)
    }

    fn next(&self, slot: OrderId) -> Option<OrderId> {
        let order = self.get(slot);
        let (queue, price) = (order.queue(), queue_price(order));
        let level = &self.queues[queue as usize][&price];
        match level.orders.range(order.priority + 1..).next() {
            Some((_, &id)) => Some(id),
            None => self.front(queue, self.next_level(queue, Some(price))?.price),
        }
    }

    fn insert(&mut self, order: &Order) {
        let price = queue_price(order);
        let now = self.now;
        let level = self.queues[order.queue() as usize]
            .entry(price)
            .or_insert_with(|| PriceLevel {
                price,
                orders: BTreeMap::new(),
                total_volume: Quantity::ZERO,
                hidden_volume: Quantity::ZERO,
                last_update: now,
            });
        level.orders.insert(order.priority, order.id);
        level.total_volume.0 += order.displayed.0;
        level.hidden_volume.0 += order.hidden.0;
        level.last_update = now;
        if let Some(expiry) = order.time_in_force.expiry() {
            self.by_expiry.insert((expiry, order.priority, order.id));
        }
        if order.account.is_some() {
            self.by_account.insert((order.account, order.id));
        }
        let before = self.orders.insert(order.id, *order);
        assert!(before.is_none(), "order id {} is live already", order.id);
    }

    fn remove(&mut self, slot: OrderId) {
        let order = self.orders.remove(&slot).expect(LIVE);
        let level = self.level_of(&order);
        level.orders.remove(&order.priority);
        level.total_volume.0 -= order.displayed.0;
        level.hidden_volume.0 -= order.hidden.0;
        if level.orders.is_empty() {
            self.queues[order.queue() as usize].remove(&queue_price(&order));
        }
        if let Some(expiry) = order.time_in_force.expiry() {
            self.by_expiry.remove(&(expiry, order.priority, order.id));
        }
        self.by_account.remove(&(order.account, order.id));
    }

    fn fill(&mut self, slot: OrderId, quantity: Quantity) {
        let order = *self.get(slot);
        self.set_quantities(slot, Quantity(order.displayed.0 - quantity.0), order.hidden);
        self.orders.get_mut(&slot).expect(LIVE).filled.0 += quantity.0;
    }

    fn reduce(&mut self, slot: OrderId, quantity: Quantity) {
        let mut order = *self.get(slot);
        order.lower(quantity);
        self.set_quantities(slot, order.displayed, order.hidden);
    }

    fn refresh(&mut self, slot: OrderId, priority: u64) {
        let mut order = *self.get(slot);
        self.remove(slot);
        order.refresh(priority);
        self.insert(&order);
    }

    fn level(&self, queue: Queue, price: Price) -> Option<Level> {
        self.queues[queue as usize]
            .get(&price)
            .map(PriceLevel::view)
    }

    fn next_level(&self, queue: Queue, after: Option<Price>) -> Option<Level> {
        use core::ops::Bound::{Excluded, Unbounded};
        let levels = &self.queues[queue as usize];
        let bound = after.map_or(Unbounded, Excluded);
        let found = if queue.is_descending() {
            levels.range((Unbounded, bound)).next_back()
        } else {
            levels.range((bound, Unbounded)).next()
        };
        found.map(|(_, level)| level.view())
    }

    fn front(&self, queue: Queue, price: Price) -> Option<OrderId> {
        let level = self.queues[queue as usize].get(&price)?;
        level.orders.values().next().copied()
    }

    fn first_to_expire(&self) -> Option<(Timestamp, OrderId)> {
        self.by_expiry.first().map(|&(expiry, _, id)| (expiry, id))
    }

    fn account_orders(&self, account: AccountId, ids: &mut Vec<OrderId>) {
        let range = (account, OrderId(0))..=(account, OrderId(u64::MAX));
        ids.extend(self.by_account.range(range).map(|&(_, id)| id));
    }

    fn set_clock(&mut self, now: Timestamp) {
        self.now = now;
    }

    fn check(&self) -> Result<(), String> {
        let mut seen = 0;
        for queue in Queue::ALL {
            for (&price, level) in &self.queues[queue as usize] {
                let mut displayed = 0;
                let mut hidden = 0;
                for (&priority, &id) in &level.orders {
                    let order = self.orders.get(&id).ok_or(format!("{id} is not stored"))?;
                    if order.priority != priority
                        || order.queue() != queue
                        || order.queue_price() != Some(price)
                        || order.displayed.is_zero()
                    {
                        return Err(format!("{order:?} stands at {queue:?} {price}"));
                    }
                    displayed += order.displayed.0;
                    hidden += order.hidden.0;
                    seen += 1;
                }
                if (displayed, hidden) != (level.total_volume.0, level.hidden_volume.0)
                    || level.price != price
                    || level.orders.is_empty()
                {
                    return Err(format!("level {queue:?} {price} has wrong sums"));
                }
            }
        }
        let expiring = self
            .orders
            .values()
            .filter(|order| order.time_in_force.expiry().is_some());
        let owned = self.orders.values().filter(|order| order.account.is_some());
        if seen != self.orders.len()
            || expiring.count() != self.by_expiry.len()
            || owned.count() != self.by_account.len()
        {
            return Err(format!(
                "{seen} orders in queues, {} stored, or an index of another size",
                self.orders.len()
            ));
        }
        Ok(())
    }
}
