//! Where each resting order stands: events name orders by their ids, and what changes on the screen is a price's level.
//!
//! Invariant: after each event it holds exactly the orders of the two resting queues, with their prices and open quantities.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use proofbook_book::Book;
use proofbook_types::{OrderId, Price, Quantity, Queue, Side};

/// A resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resting {
    pub side: Side,
    pub price: Price,
    /// What it has open, hidden quantity included.
    pub open: Quantity,
}

/// Spreads numbers that follow each other: multiplication by 2^64 over the golden ratio (Knuth), the high bits in front. Ids are the
/// exchange's own, so nobody chooses ones that collide.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed.rotate_left(26);
    }
}

/// All resting orders of a market.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RestingOrders(HashMap<OrderId, Resting, BuildHasherDefault<Spread>>);

impl RestingOrders {
    /// Those of a book.
    pub(crate) fn of<B: Book>(book: &B) -> Self {
        let mut orders = RestingOrders::default();
        for queue in [Queue::Bids, Queue::Asks] {
            let all = std::iter::successors(book.best(queue), |&slot| book.next(slot));
            for order in all.map(|slot| book.order(slot)) {
                let price = order.price.expect("a resting order has a limit price");
                orders.place(order.id, order.side, price, order.open());
            }
        }
        orders
    }

    pub(crate) fn place(&mut self, id: OrderId, side: Side, price: Price, open: Quantity) {
        self.0.insert(id, Resting { side, price, open });
    }

    /// The order, if it rests.
    pub(crate) fn get_mut(&mut self, id: OrderId) -> Option<&mut Resting> {
        self.0.get_mut(&id)
    }

    /// Takes the order out, if it rests.
    pub(crate) fn remove(&mut self, id: OrderId) -> Option<Resting> {
        self.0.remove(&id)
    }

    /// Takes what traded from an order, if it rests.
    pub(crate) fn trade(&mut self, id: OrderId, quantity: Quantity) -> Option<Resting> {
        let order = self.0.get_mut(&id)?;
        order.open = order
            .open
            .checked_sub(quantity)
            .expect("no more is traded than is open");
        let order = *order;
        if order.open.is_zero() {
            self.0.remove(&id);
        }
        Some(order)
    }
}
