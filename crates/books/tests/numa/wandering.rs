//! A book that moves itself to another node every few commands passes all that a book at rest does.

use proofbook_book::{Book, Level, QueuePlace};
use proofbook_books::numa::Seat;
use proofbook_books::LocalOrderBook;
use proofbook_memory::numa::NodeId;
use proofbook_testkit::conformance;
use proofbook_types::{AccountId, Order, OrderId, Price, Quantity, Queue, Timestamp};

use crate::common::simulated;

/// Commands from one move to the next.
const COMMANDS: u64 = 7;

/// Moves on when it is told the time, which is once for each command, and before the command changes anything.
struct Wandering {
    book: LocalOrderBook,
    seats: Vec<Seat>,
    commands: u64,
}

impl Wandering {
    fn new() -> Self {
        let topology = simulated(3);
        let seat = |node| Seat::take(&topology, NodeId(node)).expect("the topology has it");
        Wandering {
            book: LocalOrderBook::default(),
            seats: (0..3).map(seat).collect(),
            commands: 0,
        }
    }
}

impl Book for Wandering {
    type Slot = u32;

    fn len(&self) -> usize {
        self.book.len()
    }

    fn find(&self, id: OrderId) -> Option<u32> {
        self.book.find(id)
    }

    fn order(&self, slot: u32) -> Order {
        self.book.order(slot)
    }

    fn id(&self, slot: u32) -> OrderId {
        self.book.id(slot)
    }

    fn account(&self, slot: u32) -> AccountId {
        self.book.account(slot)
    }

    fn displayed(&self, slot: u32) -> Quantity {
        self.book.displayed(slot)
    }

    fn hidden(&self, slot: u32) -> Quantity {
        self.book.hidden(slot)
    }

    fn best_price(&self, queue: Queue) -> Option<Price> {
        self.book.best_price(queue)
    }

    fn best(&self, queue: Queue) -> Option<u32> {
        self.book.best(queue)
    }

    fn next(&self, slot: u32) -> Option<u32> {
        self.book.next(slot)
    }

    fn insert(&mut self, order: &Order) {
        self.book.insert(order);
    }

    fn remove(&mut self, slot: u32) {
        self.book.remove(slot);
    }

    fn fill(&mut self, slot: u32, quantity: Quantity) {
        self.book.fill(slot, quantity);
    }

    fn reduce(&mut self, slot: u32, quantity: Quantity) {
        self.book.reduce(slot, quantity);
    }

    fn refresh(&mut self, slot: u32, priority: u64) {
        self.book.refresh(slot, priority);
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

    fn first_to_expire(&self) -> Option<(Timestamp, u32)> {
        self.book.first_to_expire()
    }

    fn account_orders(&self, account: AccountId, ids: &mut Vec<OrderId>) {
        self.book.account_orders(account, ids);
    }

    fn set_clock(&mut self, now: Timestamp) {
        self.commands += 1;
        if self.commands % COMMANDS == 0 {
            let move_number = self.commands / COMMANDS;
            let seat = &self.seats[move_number as usize % self.seats.len()];
            let residence = self.book.move_to(seat);
            assert_eq!(
                (residence.here, residence.elsewhere),
                (0, 0),
                "there is no such machine"
            );
        }
        self.book.set_clock(now);
    }

    fn place(&self, slot: u32) -> QueuePlace {
        self.book.place(slot)
    }

    fn check(&self) -> Result<(), String> {
        let statistics = self.book.local_stats();
        if statistics.moves != self.commands / COMMANDS {
            return Err(format!("{} commands, but {statistics:?}", self.commands));
        }
        self.book.check()
    }
}

conformance!(numa_wandering, Wandering::new);
