//! A market's live orders and counters, from its commands and events alone.
//!
//! The events of a command say everything that happens to orders; what they do not repeat is what the order was entered with,
//! and that is in the command. So no book is needed to know the state.

use std::collections::{HashMap, HashSet};

use proofbook_transition::Observer;
use proofbook_types::{
    Action, Command, Counters, Event, NewOrder, Order, OrderId, Price, Quantity, Queue,
    RejectReason,
};

/// Follows a market event by event.
#[derive(Clone, Debug)]
pub struct Follower {
    counters: Counters,
    orders: HashMap<OrderId, Order>,
    /// The order that stands in no queue at the moment: a new one, a replaced or a triggered one.
    incoming: Option<Order>,
    /// Ids of orders that changed since they were last asked for.
    changed: HashSet<OrderId>,
}

impl Follower {
    /// Follows a market from a state on.
    pub fn new(counters: Counters, orders: impl IntoIterator<Item = Order>) -> Self {
        Follower {
            counters,
            orders: orders.into_iter().map(|order| (order.id, order)).collect(),
            incoming: None,
            changed: HashSet::new(),
        }
    }

    /// What the market counts.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The live order with an id.
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.orders.get(&id)
    }

    /// Takes the ids of all orders that came, went or changed since the last call, lowest first.
    pub fn take_changed(&mut self) -> Vec<OrderId> {
        let mut ids: Vec<OrderId> = self.changed.drain().collect();
        ids.sort_unstable();
        ids
    }

    fn change(&mut self, id: OrderId) -> &mut Order {
        self.changed.insert(id);
        self.orders.get_mut(&id).expect("the order is live")
    }

    fn side_sum(&mut self, order: &Order) -> &mut u64 {
        &mut self.counters.open_quantity[order.side as usize]
    }

    fn place(
        &mut self,
        id: OrderId,
        queue: Queue,
        displayed: Quantity,
        hidden: Quantity,
        priority: u64,
    ) {
        let mut order = self.incoming.take().expect("an incoming order is placed");
        order.displayed = displayed;
        order.hidden = hidden;
        order.priority = priority;
        assert!(
            order.id == id && order.queue() == queue,
            "{order:?} is placed as {id} in {queue:?}"
        );
        *self.side_sum(&order) += order.open().0;
        self.counters.next_priority = priority + 1;
        self.counters.orders += 1;
        self.changed.insert(id);
        self.orders.insert(id, order);
    }

    fn take(&mut self, id: OrderId) -> Order {
        let order = self.orders.remove(&id).expect("the order is live");
        *self.side_sum(&order) -= order.open().0;
        self.counters.orders -= 1;
        self.changed.insert(id);
        order
    }

    /// A trade: an order without a place has only its filled quantity to count.
    fn fill(&mut self, id: OrderId, quantity: Quantity) {
        if !self.orders.contains_key(&id) {
            let order = self.incoming.as_mut().filter(|order| order.id == id);
            order.expect("a taker is incoming or live").filled.0 += quantity.0;
            return;
        }
        let order = self.change(id);
        order.displayed.0 -= quantity.0;
        order.filled.0 += quantity.0;
        let order = *order;
        *self.side_sum(&order) -= quantity.0;
        if order.open().is_zero() {
            self.take(id);
        }
    }

    fn refresh(&mut self, id: OrderId, displayed: Quantity, hidden: Quantity, priority: u64) {
        self.counters.next_priority = priority + 1;
        let order = self.change(id);
        order.displayed = displayed;
        order.hidden = hidden;
        order.priority = priority;
    }

    fn trigger(&mut self, id: OrderId) {
        let mut order = if self.orders.contains_key(&id) {
            self.take(id)
        } else {
            self.incoming.take().expect("an incoming order triggers")
        };
        order.stop_price = None;
        self.incoming = Some(order);
    }

    fn lower(&mut self, id: OrderId, quantity: Quantity) {
        let order = self.change(id);
        let from_hidden = quantity.min(order.hidden);
        order.hidden.0 -= from_hidden.0;
        order.displayed.0 -= quantity.0 - from_hidden.0;
        let order = *order;
        *self.side_sum(&order) -= quantity.0;
    }

    fn replace(&mut self, command: &Command, id: OrderId, open: Quantity, kept_priority: bool) {
        let Action::Replace {
            price, stop_price, ..
        } = command.action
        else {
            panic!("only a replace replaces; received {command:?}");
        };
        if kept_priority {
            let before = self.change(id).open();
            self.lower(id, Quantity(before.0 - open.0));
            return;
        }
        let mut order = self.take(id);
        let or = |new: Option<Price>, old| new.or(old);
        order.price = or(price, order.price);
        order.stop_price = or(stop_price, order.stop_price);
        self.incoming = Some(order);
    }
}

/// Follows what a market says.
///
/// # Panics
/// Where no market says this after what it said before.
impl Observer for Follower {
    fn command(&mut self, command: &Command) {
        self.incoming = None;
        self.counters.sequence += 1;
        self.counters.clock = self.counters.clock.max(command.time);
    }

    fn event(&mut self, command: &Command, event: Event) {
        match event {
            Event::Accepted { .. } => {
                let Action::New(new) = command.action else {
                    panic!("only a new order is accepted; received {command:?}");
                };
                self.incoming = Some(entered(&new));
            }
            Event::Rejected { reason, .. } => {
                if reason == RejectReason::SequenceExhausted {
                    self.counters.sequence -= 1;
                }
            }
            Event::Placed {
                order_id,
                queue,
                displayed,
                hidden,
                priority,
                ..
            } => self.place(order_id, queue, displayed, hidden, priority),
            Event::Trade {
                maker_id,
                taker_id,
                price,
                quantity,
                ..
            } => {
                self.counters.last_trade = Some(price);
                self.fill(maker_id, quantity);
                self.fill(taker_id, quantity);
            }
            Event::Refreshed {
                order_id,
                displayed,
                hidden,
                priority,
            } => self.refresh(order_id, displayed, hidden, priority),
            Event::Reduced {
                order_id, quantity, ..
            } => {
                // What an incoming order loses is in no queue.
                if self.orders.contains_key(&order_id) {
                    self.lower(order_id, quantity);
                }
            }
            Event::Cancelled { order_id, .. } | Event::Expired { order_id, .. } => {
                if self.orders.contains_key(&order_id) {
                    self.take(order_id);
                } else {
                    self.incoming = None;
                }
            }
            Event::Replaced {
                order_id,
                quantity,
                kept_priority,
                ..
            } => self.replace(command, order_id, quantity, kept_priority),
            Event::Triggered { order_id } => self.trigger(order_id),
            Event::PhaseChanged { phase } => self.counters.phase = phase,
            Event::Uncrossed { .. } => {}
        }
    }
}

fn entered(new: &NewOrder) -> Order {
    Order {
        id: new.order_id,
        account: new.account,
        side: new.side,
        price: new.kind.price(),
        stop_price: new.kind.stop_price(),
        displayed: Quantity::ZERO,
        hidden: Quantity::ZERO,
        display: new.display,
        filled: Quantity::ZERO,
        priority: 0,
        time_in_force: new.time_in_force,
        post_only: new.post_only,
        self_trade: new.self_trade,
    }
}
