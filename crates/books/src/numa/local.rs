//! A book whose memory lies on one node, and which can be moved to another.
//!
//! Its orders, links and levels are those of a [`LinkedBook`]. A move copies all of them on a thread of the target node: pages are taken from the
//! node of the thread that first writes to them, so the copy lies there. Every slot stays the same, so whoever holds one goes on using it.

use proofbook_book::{Book, Level, QueuePlace};
use proofbook_memory::numa::{CpuSet, NodeId};
use proofbook_types::{AccountId, Order, OrderId, Price, Quantity, Queue, Timestamp};

use super::market::{Residence, Seat};
use crate::linked::{Levels, LinkedBook};

/// What happened to the orders of one book, over all its moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LocalStatistics {
    /// Orders that came.
    pub inserted: u64,
    /// Orders that went.
    pub removed: u64,
    /// Fills of orders.
    pub fills: u64,
    /// Hidden slices shown.
    pub refreshes: u64,
    /// Orders live at a time, at most.
    pub live_max: usize,
    /// Moves between nodes.
    pub moves: u64,
}

/// A book on a node, over a structure for price levels.
#[derive(Clone, Debug)]
pub struct LocalBook<L> {
    book: LinkedBook<L>,
    local_stats: LocalStatistics,
    numa_node: NodeId,
    cpu_affinity: CpuSet,
}

impl<L: Levels + Default> Default for LocalBook<L> {
    fn default() -> Self {
        LocalBook::new(LinkedBook::default())
    }
}

impl<L: Levels> LocalBook<L> {
    /// A book that nobody has placed: it counts as being on the first node.
    pub fn new(book: LinkedBook<L>) -> Self {
        LocalBook {
            book,
            local_stats: LocalStatistics::default(),
            numa_node: NodeId::default(),
            cpu_affinity: CpuSet::new(),
        }
    }

    /// What happened to its orders.
    pub fn local_stats(&self) -> LocalStatistics {
        self.local_stats
    }

    /// The node that it is on.
    pub fn numa_node(&self) -> NodeId {
        self.numa_node
    }

    /// The processors that its thread keeps to; none where nobody has placed it.
    pub fn cpu_affinity(&self) -> &CpuSet {
        &self.cpu_affinity
    }

    /// The orders and their levels.
    pub fn book(&self) -> &LinkedBook<L> {
        &self.book
    }

    /// Where its orders lie, seen from a seat.
    pub fn residence(&self, seat: &Seat) -> Residence {
        seat.residence(self.book.sample_orders(super::ADDRESSES_MAX))
    }
}

impl<L: Levels + Clone> LocalBook<L> {
    /// Copies the book to the node of this thread, which the seat names, and says where its orders lie now.
    pub fn move_to(&mut self, seat: &Seat) -> Residence {
        // The copy is made while the original stands, so it cannot come to lie in its place.
        self.book = self.book.clone();
        self.numa_node = seat.node().id;
        self.cpu_affinity = seat.node().cpus.clone();
        self.local_stats.moves += 1;
        self.residence(seat)
    }
}

impl<L: Levels> Book for LocalBook<L> {
    type Slot = u32;

    fn len(&self) -> usize {
        self.book.len()
    }

    #[inline]
    fn find(&self, id: OrderId) -> Option<u32> {
        self.book.find(id)
    }

    #[inline]
    fn order(&self, slot: u32) -> Order {
        self.book.order(slot)
    }

    #[inline]
    fn id(&self, slot: u32) -> OrderId {
        self.book.id(slot)
    }

    #[inline]
    fn account(&self, slot: u32) -> AccountId {
        self.book.account(slot)
    }

    #[inline]
    fn displayed(&self, slot: u32) -> Quantity {
        self.book.displayed(slot)
    }

    #[inline]
    fn hidden(&self, slot: u32) -> Quantity {
        self.book.hidden(slot)
    }

    #[inline]
    fn best_price(&self, queue: Queue) -> Option<Price> {
        self.book.best_price(queue)
    }

    #[inline]
    fn crosses(&self, queue: Queue, bound: Price) -> bool {
        self.book.crosses(queue, bound)
    }

    #[inline]
    fn best(&self, queue: Queue) -> Option<u32> {
        self.book.best(queue)
    }

    #[inline]
    fn next(&self, slot: u32) -> Option<u32> {
        self.book.next(slot)
    }

    #[inline]
    fn insert(&mut self, order: &Order) {
        self.book.insert(order);
        let live = self.book.len();
        let statistics = &mut self.local_stats;
        statistics.inserted += 1;
        statistics.live_max = statistics.live_max.max(live);
    }

    #[inline]
    fn remove(&mut self, slot: u32) {
        self.book.remove(slot);
        self.local_stats.removed += 1;
    }

    #[inline]
    fn remove_best(&mut self, queue: Queue, slot: u32) {
        self.book.remove_best(queue, slot);
        self.local_stats.removed += 1;
    }

    #[inline]
    fn fill(&mut self, slot: u32, quantity: Quantity) {
        self.book.fill(slot, quantity);
        self.local_stats.fills += 1;
    }

    fn reduce(&mut self, slot: u32, quantity: Quantity) {
        self.book.reduce(slot, quantity);
    }

    fn refresh(&mut self, slot: u32, priority: u64) {
        self.book.refresh(slot, priority);
        self.local_stats.refreshes += 1;
    }

    fn level(&self, queue: Queue, price: Price) -> Option<Level> {
        self.book.level(queue, price)
    }

    fn next_level(&self, queue: Queue, after: Option<Price>) -> Option<Level> {
        self.book.next_level(queue, after)
    }

    fn front(&self, queue: Queue, price: Price) -> Option<u32> {
        self.book.front(queue, price)
    }

    #[inline]
    fn first_to_expire(&self) -> Option<(Timestamp, u32)> {
        self.book.first_to_expire()
    }

    #[inline]
    fn first_due(&self, now: Timestamp) -> Option<u32> {
        self.book.first_due(now)
    }

    fn account_orders(&self, account: AccountId, ids: &mut Vec<OrderId>) {
        self.book.account_orders(account, ids);
    }

    #[inline]
    fn set_clock(&mut self, now: Timestamp) {
        self.book.set_clock(now);
    }

    fn place(&self, slot: u32) -> QueuePlace {
        self.book.place(slot)
    }

    fn check(&self) -> Result<(), String> {
        let live = self.local_stats.inserted - self.local_stats.removed;
        if live != self.book.len() as u64 {
            return Err(format!(
                "{} orders are live, but {:?}",
                self.book.len(),
                self.local_stats
            ));
        }
        self.book.check()
    }
}
