//! A market's live orders and counters, from its commands and events alone.
//!
//! The events of a command say everything that happens to orders; what they do not repeat is what the order was entered with,
//! and that is in the command. So no book is needed to know the state.

use std::collections::hash_map::Entry;
use std::collections::HashMap;

use proofbook_commitment::store::Node;
use proofbook_transition::Observer;
use proofbook_types::{
    Action, Command, Counters, Event, Order, OrderId, Quantity, Queue, RejectReason,
};

use crate::folded_hash::FoldedHash;

/// An order that lives or is still in the tries.
#[derive(Clone, Debug)]
struct Slot {
    order: Order,
    is_live: bool,
    /// Whether it is in the list of changes.
    is_changed: bool,
    /// Where the tries have the order, as it was at the end of the last batch.
    committed: Option<Node>,
}

/// Follows a market event by event.
///
/// An order that comes and goes between two batches leaves nothing behind: its slot is free again at once.
#[derive(Clone, Debug)]
pub struct Follower {
    counters: Counters,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Slots by id, of all orders that live or are in the tries.
    places: HashMap<OrderId, u32, FoldedHash>,
    /// The order that stands in no queue at the moment: a new one, a replaced or a triggered one.
    incoming: Option<Order>,
    /// Slots of orders that came, went or changed since the last batch.
    changed: Vec<u32>,
}

impl Follower {
    /// Follows a market without orders from a state on.
    pub(crate) fn new(counters: Counters) -> Self {
        Follower {
            counters: Counters {
                orders: 0,
                open_quantity: [0; 2],
                ..counters
            },
            slots: Vec::new(),
            free: Vec::new(),
            places: HashMap::default(),
            incoming: None,
            changed: Vec::new(),
        }
    }

    /// Adds an order that lived before this one began to follow the market.
    pub(crate) fn add(&mut self, order: Order) {
        self.counters.orders += 1;
        *self.side_sum(&order) += order.open().0;
        self.put(order);
    }

    /// What the market counts.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The live order with an id.
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.live(id).map(|slot| &self.slots[slot as usize].order)
    }

    /// Takes the orders that came, went or changed since the last call, by id. `bring_up` is given where the tries have an order and what it
    /// is now, if it lives; it says where they have it then.
    pub(crate) fn take_changed(
        &mut self,
        mut bring_up: impl FnMut(Option<Node>, Option<&Order>) -> Option<Node>,
    ) {
        let mut changed = core::mem::take(&mut self.changed);
        changed.sort_unstable_by_key(|&slot| self.slots[slot as usize].order.id);
        for place in changed.drain(..) {
            let slot = &mut self.slots[place as usize];
            slot.is_changed = false;
            let was_committed = slot.committed.is_some();
            slot.committed = bring_up(slot.committed, slot.is_live.then_some(&slot.order));
            if was_committed && !slot.is_live {
                self.places.remove(&slot.order.id);
                self.free.push(place);
            }
        }
        self.changed = changed;
    }

    fn live(&self, id: OrderId) -> Option<u32> {
        let slot = *self.places.get(&id)?;
        self.slots[slot as usize].is_live.then_some(slot)
    }

    /// Gives a new live order its slot: the one of an order with its id that is gone but still in the tries, if there is one.
    fn put(&mut self, order: Order) {
        let entry = match self.places.entry(order.id) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let place = self.free.pop().unwrap_or_else(|| {
                    self.slots.push(Slot {
                        order,
                        is_live: false,
                        is_changed: false,
                        committed: None,
                    });
                    u32::try_from(self.slots.len() - 1).expect("a market has less than 2^32 orders")
                });
                *entry.insert(place)
            }
        };
        let slot = &mut self.slots[entry as usize];
        assert!(!slot.is_live, "{} is live already", order.id);
        slot.order = order;
        slot.is_live = true;
        self.mark(entry);
    }

    fn mark(&mut self, place: u32) {
        let slot = &mut self.slots[place as usize];
        if !slot.is_changed {
            slot.is_changed = true;
            self.changed.push(place);
        }
    }

    fn change(&mut self, place: u32) -> &mut Order {
        self.mark(place);
        &mut self.slots[place as usize].order
    }

    fn live_or_panic(&self, id: OrderId) -> u32 {
        self.live(id).expect("the order is live")
    }

    fn is_incoming(&self, id: OrderId) -> bool {
        self.incoming.is_some_and(|order| order.id == id)
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
        self.put(order);
    }

    fn take(&mut self, place: u32) -> Order {
        self.mark(place);
        let slot = &mut self.slots[place as usize];
        slot.is_live = false;
        let order = slot.order;
        if slot.committed.is_none() {
            self.places.remove(&order.id);
            self.free.push(place);
        }
        *self.side_sum(&order) -= order.open().0;
        self.counters.orders -= 1;
        order
    }

    /// A trade: an order without a place has only its filled quantity to count.
    fn fill(&mut self, id: OrderId, quantity: Quantity) {
        if let Some(order) = self.incoming.as_mut().filter(|order| order.id == id) {
            order.filled.0 += quantity.0;
            return;
        }
        let place = self.live_or_panic(id);
        let order = self.change(place);
        order.displayed.0 -= quantity.0;
        order.filled.0 += quantity.0;
        let order = *order;
        *self.side_sum(&order) -= quantity.0;
        if order.open().is_zero() {
            self.take(place);
        }
    }

    fn refresh(&mut self, id: OrderId, displayed: Quantity, hidden: Quantity, priority: u64) {
        self.counters.next_priority = priority + 1;
        let place = self.live_or_panic(id);
        let order = self.change(place);
        order.displayed = displayed;
        order.hidden = hidden;
        order.priority = priority;
    }

    fn trigger(&mut self, id: OrderId) {
        let mut order = if self.is_incoming(id) {
            self.incoming.take().expect("an incoming order triggers")
        } else {
            let place = self.live_or_panic(id);
            self.take(place)
        };
        order.stop_price = None;
        self.incoming = Some(order);
    }

    fn lower(&mut self, place: u32, quantity: Quantity) {
        let order = self.change(place);
        order.lower(quantity);
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
        let place = self.live_or_panic(id);
        if kept_priority {
            let before = self.slots[place as usize].order.open();
            self.lower(place, Quantity(before.0 - open.0));
            return;
        }
        let mut order = self.take(place);
        order.price = price.or(order.price);
        order.stop_price = stop_price.or(order.stop_price);
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
                self.incoming = Some(new.order());
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
                if !self.is_incoming(order_id) {
                    let place = self.live_or_panic(order_id);
                    self.lower(place, quantity);
                }
            }
            Event::Cancelled { order_id, .. } | Event::Expired { order_id, .. } => {
                if self.is_incoming(order_id) {
                    self.incoming = None;
                } else {
                    let place = self.live_or_panic(order_id);
                    self.take(place);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proofbook_types::{
        AccountId, NewOrder, OrderKind, Phase, Price, SelfTradePrevention, Side, TimeInForce,
    };

    fn entry(id: u64) -> Command {
        Command {
            time: proofbook_types::Timestamp(1),
            action: Action::New(NewOrder {
                order_id: OrderId(id),
                account: AccountId::NONE,
                side: Side::Buy,
                quantity: Quantity(1),
                kind: OrderKind::Limit { price: Price(5) },
                time_in_force: TimeInForce::GoodTillCancel,
                post_only: false,
                display: None,
                self_trade: SelfTradePrevention::Allow,
            }),
        }
    }

    fn enter(follower: &mut Follower, id: u64, priority: u64) {
        let command = entry(id);
        follower.command(&command);
        let accepted = Event::Accepted {
            order_id: OrderId(id),
            account: AccountId::NONE,
            side: Side::Buy,
            price: Some(Price(5)),
            quantity: Quantity(1),
        };
        follower.event(&command, accepted);
        let placed = Event::Placed {
            order_id: OrderId(id),
            queue: Queue::Bids,
            price: Price(5),
            displayed: Quantity(1),
            hidden: Quantity::ZERO,
            priority,
        };
        follower.event(&command, placed);
    }

    fn expire(follower: &mut Follower, id: u64) {
        let command = entry(id);
        let expired = Event::Expired {
            order_id: OrderId(id),
            quantity: Quantity(1),
        };
        follower.event(&command, expired);
    }

    /// What the tries are told: where they have the order, and the priority of what it is now.
    fn changes(follower: &mut Follower, place: Option<Node>) -> Vec<(Option<Node>, Option<u64>)> {
        let mut told = Vec::new();
        follower.take_changed(|old, new| {
            told.push((old, new.map(|order| order.priority)));
            new.and(place)
        });
        told.retain(|change| *change != (None, None));
        told
    }

    #[test]
    fn only_net_changes_are_told() {
        let mut follower = Follower::new(Counters::start(Phase::Continuous));
        enter(&mut follower, 7, 1);
        expire(&mut follower, 7);
        assert_eq!(changes(&mut follower, None), [], "it came and went");
        assert_eq!(follower.slots.len(), follower.free.len());

        enter(&mut follower, 7, 2);
        expire(&mut follower, 7);
        enter(&mut follower, 8, 3);
        let place = Some(Node(99));
        assert_eq!(changes(&mut follower, place), [(None, Some(3))]);

        // An id that is taken again: the tries still have the order before.
        expire(&mut follower, 8);
        enter(&mut follower, 9, 4);
        enter(&mut follower, 8, 5);
        expire(&mut follower, 9);
        assert_eq!(changes(&mut follower, place), [(place, Some(5))]);

        expire(&mut follower, 8);
        assert_eq!(changes(&mut follower, None), [(place, None)]);
        assert_eq!(follower.counters().orders, 0);
        assert!(follower.places.is_empty());
        assert_eq!(follower.slots.len(), follower.free.len());
    }
}
