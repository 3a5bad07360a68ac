//! A book over a market's authenticated maps.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use proofbook_book::{Book, Level};
use proofbook_commitment::maps::{level_price, Maps, ROOT_WORDS};
use proofbook_commitment::store::{Complete, Node, Source, Store};
use proofbook_commitment::{Digest, Permutation, MAPS};
use proofbook_types::{AccountId, Order, OrderId, Price, Quantity, Queue, Timestamp, ORDER_WORDS};

/// A book whose orders are the leaves of authenticated tries, complete or not.
///
/// Reading looks at nodes, and what is looked at first has to be fetched: so even readers may change the store.
#[derive(Debug)]
pub struct TrieBook<P, S> {
    maps: RefCell<Maps<P, S>>,
    orders: usize,
    /// No order expires before this.
    quiet_until: Cell<Timestamp>,
}

impl<P: Permutation> TrieBook<P, Complete> {
    /// An empty book.
    pub fn empty() -> Self {
        let store = Store::new(alloc::vec![0; ROOT_WORDS], Complete);
        TrieBook::new(Maps::new(store), 0)
    }
}

impl<P: Permutation, S: Source> TrieBook<P, S> {
    /// A book over maps of so many orders.
    pub fn new(maps: Maps<P, S>, orders: usize) -> Self {
        TrieBook {
            maps: RefCell::new(maps),
            orders,
            quiet_until: Cell::new(Timestamp(0)),
        }
    }

    /// The roots of the maps.
    pub fn roots(&mut self) -> [Digest; MAPS] {
        self.maps.get_mut().roots()
    }

    /// Gives the maps back.
    pub fn into_maps(self) -> Maps<P, S> {
        self.maps.into_inner()
    }

    /// The order that expires first, if its time is over.
    #[inline(never)]
    fn look_for_due(&self, now: Timestamp) -> Option<Node> {
        let mut maps = self.maps.borrow_mut();
        let first = maps.first_to_expire();
        self.quiet_until
            .set(Timestamp(first.map_or(u64::MAX, |(expiry, _)| expiry)));
        let (_, id) = first.filter(|&(expiry, _)| expiry <= now.0)?;
        Some(maps.find(id).expect("an order that expires is live"))
    }
}

fn view(queue: Queue, maps: &Maps<impl Permutation, impl Source>, level: Node) -> Level {
    let sums = maps.sums(level);
    Level {
        price: Price(level_price(queue, sums.key)),
        displayed: Quantity(sums.displayed),
        hidden: Quantity(sums.hidden),
        orders: sums.orders,
    }
}

impl<P: Permutation, S: Source> Book for TrieBook<P, S> {
    type Slot = Node;

    fn len(&self) -> usize {
        self.orders
    }

    fn find(&self, id: OrderId) -> Option<Node> {
        self.maps.borrow_mut().find(id.0)
    }

    fn order(&self, slot: Node) -> Order {
        let mut words = [0; ORDER_WORDS];
        words[..ORDER_WORDS - 1].copy_from_slice(&self.maps.borrow().order(slot));
        Order::from_own_words(&words).expect("only orders are put in")
    }

    fn id(&self, slot: Node) -> OrderId {
        OrderId(self.maps.borrow().id(slot))
    }

    fn account(&self, slot: Node) -> AccountId {
        AccountId(self.maps.borrow().account(slot))
    }

    fn displayed(&self, slot: Node) -> Quantity {
        Quantity(self.maps.borrow().displayed(slot))
    }

    fn hidden(&self, slot: Node) -> Quantity {
        Quantity(self.maps.borrow().hidden(slot))
    }

    fn best_price(&self, queue: Queue) -> Option<Price> {
        let mut maps = self.maps.borrow_mut();
        let level = maps.best_level(queue)?;
        Some(Price(maps.price(queue, level)))
    }

    fn best(&self, queue: Queue) -> Option<Node> {
        let mut maps = self.maps.borrow_mut();
        let level = maps.best_level(queue)?;
        Some(maps.front(level))
    }

    fn next(&self, slot: Node) -> Option<Node> {
        let mut maps = self.maps.borrow_mut();
        if let Some(next) = maps.order_after(slot) {
            return Some(next);
        }
        let queue = maps.queue_of(slot);
        let level = maps.level_of(slot);
        let price = maps.price(queue, level);
        let level = maps.level_after(queue, price)?;
        Some(maps.front(level))
    }

    fn insert(&mut self, order: &Order) {
        let [words @ .., _] = order.words();
        self.maps.get_mut().insert(&words);
        self.orders += 1;
        if let Some(expiry) = order.time_in_force.expiry() {
            let quiet_until = self.quiet_until.get_mut();
            *quiet_until = expiry.min(*quiet_until);
        }
    }

    fn remove(&mut self, slot: Node) {
        self.maps.get_mut().remove(slot);
        self.orders -= 1;
    }

    fn fill(&mut self, slot: Node, quantity: Quantity) {
        let maps = self.maps.get_mut();
        let (displayed, hidden) = (maps.displayed(slot), maps.hidden(slot));
        let filled = maps.filled(slot) + quantity.0;
        maps.set_quantities(slot, displayed - quantity.0, hidden, filled);
    }

    fn reduce(&mut self, slot: Node, quantity: Quantity) {
        let maps = self.maps.get_mut();
        let (displayed, hidden) = (maps.displayed(slot), maps.hidden(slot));
        let from_hidden = quantity.0.min(hidden);
        let from_displayed = quantity.0 - from_hidden;
        let filled = maps.filled(slot);
        maps.set_quantities(
            slot,
            displayed - from_displayed,
            hidden - from_hidden,
            filled,
        );
    }

    fn refresh(&mut self, slot: Node, priority: u64) {
        let mut order = self.order(slot);
        self.remove(slot);
        order.refresh(priority);
        self.insert(&order);
    }

    fn level(&self, queue: Queue, price: Price) -> Option<Level> {
        let mut maps = self.maps.borrow_mut();
        let level = maps.level(queue, price.0)?;
        Some(view(queue, &maps, level))
    }

    fn next_level(&self, queue: Queue, after: Option<Price>) -> Option<Level> {
        let mut maps = self.maps.borrow_mut();
        let level = match after {
            None => maps.best_level(queue)?,
            Some(price) => maps.level_after(queue, price.0)?,
        };
        Some(view(queue, &maps, level))
    }

    fn front(&self, queue: Queue, price: Price) -> Option<Node> {
        let mut maps = self.maps.borrow_mut();
        let level = maps.level(queue, price.0)?;
        Some(maps.front(level))
    }

    fn first_to_expire(&self) -> Option<(Timestamp, Node)> {
        let mut maps = self.maps.borrow_mut();
        let (expiry, id) = maps.first_to_expire()?;
        let order = maps.find(id).expect("an order that expires is live");
        Some((Timestamp(expiry), order))
    }

    #[inline]
    fn first_due(&self, now: Timestamp) -> Option<Node> {
        if now < self.quiet_until.get() {
            return None;
        }
        self.look_for_due(now)
    }

    fn account_orders(&self, account: AccountId, ids: &mut Vec<OrderId>) {
        let mut maps = self.maps.borrow_mut();
        let mut last = None;
        while let Some(id) = maps.account_order_after(account.0, last) {
            ids.push(OrderId(id));
            last = Some(id);
        }
    }

    fn check(&self) -> Result<(), String> {
        self.maps.borrow().check(self.orders)
    }
}
