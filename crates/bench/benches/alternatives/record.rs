//! A book that writes down what the rules ask of it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use proofbook_book::{Book, Level, Reference};
use proofbook_matching::MatchingEngine;
use proofbook_types::{AccountId, MarketConfig, Order, OrderId, Price, Quantity, Queue, Timestamp};
use proofbook_workload::Message;

/// One access to the index of ids.
#[derive(Clone, Copy)]
pub enum IdAccess {
    /// Which slot has this id?
    Find(u64),
    /// This id is in this slot from now on.
    Insert(u64, u32),
    /// This id, in this slot, is gone.
    Remove(u64, u32),
}

/// One access to the price levels.
#[derive(Clone, Copy)]
pub struct LevelAccess {
    pub kind: LevelAccessKind,
    /// 0 for bids, 1 for asks.
    pub side: u8,
    /// The order's slot.
    pub slot: u32,
    /// The price as a rank: lower is better.
    pub rank: u64,
}

#[derive(Clone, Copy)]
pub enum LevelAccessKind {
    /// An order came to this price.
    Add,
    /// An order at this price changed.
    Touch,
    /// An order at this price is gone.
    Drop,
    /// What is the best price?
    Best,
}

/// All accesses of a workload.
#[derive(Default)]
pub struct Recording {
    pub ids: Vec<IdAccess>,
    pub levels: Vec<LevelAccess>,
}

/// Runs a workload and records its accesses.
pub fn record(messages: &[Message]) -> Recording {
    let config = MarketConfig::default();
    let mut engine = MatchingEngine::new(config, Recorder::default()).expect("default terms");
    for message in messages {
        engine.apply(&message.command(), &mut ());
    }
    engine.book().recording.take()
}

/// The reference book, and the slots that a slab with a free list would give its orders.
#[derive(Default)]
struct Recorder {
    inner: Reference,
    slots: BTreeMap<OrderId, u32>,
    free: Vec<u32>,
    recording: RefCell<Recording>,
}

fn rank(queue: Queue, price: Price) -> u64 {
    let ascending = price.0 as u64 ^ 1 << 63;
    if queue.is_descending() {
        !ascending
    } else {
        ascending
    }
}

impl Recorder {
    fn level(&self, kind: LevelAccessKind, order: &Order) {
        let price = order.queue_price().expect("a live order has a price");
        self.recording.borrow_mut().levels.push(LevelAccess {
            kind,
            side: order.queue() as u8,
            slot: self.slots[&order.id],
            rank: rank(order.queue(), price),
        });
    }

    fn best_access(&self, queue: Queue) {
        self.recording.borrow_mut().levels.push(LevelAccess {
            kind: LevelAccessKind::Best,
            side: queue as u8,
            slot: 0,
            rank: 0,
        });
    }

    fn id(&self, access: IdAccess) {
        self.recording.borrow_mut().ids.push(access);
    }
}

impl Book for Recorder {
    type Slot = OrderId;

    fn len(&self) -> usize {
        self.inner.len()
    }

    fn find(&self, id: OrderId) -> Option<OrderId> {
        self.id(IdAccess::Find(id.0));
        self.inner.find(id)
    }

    fn order(&self, slot: OrderId) -> Order {
        self.inner.order(slot)
    }

    fn id(&self, slot: OrderId) -> OrderId {
        slot
    }

    fn account(&self, slot: OrderId) -> AccountId {
        self.inner.account(slot)
    }

    fn displayed(&self, slot: OrderId) -> Quantity {
        self.inner.displayed(slot)
    }

    fn hidden(&self, slot: OrderId) -> Quantity {
        self.inner.hidden(slot)
    }

    fn best_price(&self, queue: Queue) -> Option<Price> {
        if matches!(queue, Queue::Bids | Queue::Asks) {
            self.best_access(queue);
        }
        self.inner.best_price(queue)
    }

    fn best(&self, queue: Queue) -> Option<OrderId> {
        if matches!(queue, Queue::Bids | Queue::Asks) {
            self.best_access(queue);
        }
        self.inner.best(queue)
    }

    fn next(&self, slot: OrderId) -> Option<OrderId> {
        self.inner.next(slot)
    }

    fn insert(&mut self, order: &Order) {
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        self.slots.insert(order.id, slot);
        self.id(IdAccess::Insert(order.id.0, slot));
        self.level(LevelAccessKind::Add, order);
        self.inner.insert(order);
    }

    fn remove(&mut self, slot: OrderId) {
        let order = self.inner.order(slot);
        self.level(LevelAccessKind::Drop, &order);
        let freed = self.slots.remove(&slot).expect("the order is live");
        self.id(IdAccess::Remove(slot.0, freed));
        self.free.push(freed);
        self.inner.remove(slot);
    }

    fn fill(&mut self, slot: OrderId, quantity: Quantity) {
        self.level(LevelAccessKind::Touch, &self.inner.order(slot));
        self.inner.fill(slot, quantity);
    }

    fn reduce(&mut self, slot: OrderId, quantity: Quantity) {
        self.level(LevelAccessKind::Touch, &self.inner.order(slot));
        self.inner.reduce(slot, quantity);
    }

    fn refresh(&mut self, slot: OrderId, priority: u64) {
        self.inner.refresh(slot, priority);
    }

    fn level(&self, queue: Queue, price: Price) -> Option<Level> {
        self.inner.level(queue, price)
    }

    fn next_level(&self, queue: Queue, after: Option<Price>) -> Option<Level> {
        self.inner.next_level(queue, after)
    }

    fn front(&self, queue: Queue, price: Price) -> Option<OrderId> {
        self.inner.front(queue, price)
    }

    fn first_to_expire(&self) -> Option<(Timestamp, OrderId)> {
        self.inner.first_to_expire()
    }

    fn account_orders(&self, account: AccountId, ids: &mut Vec<OrderId>) {
        self.inner.account_orders(account, ids);
    }

    fn check(&self) -> Result<(), String> {
        self.inner.check()
    }
}
