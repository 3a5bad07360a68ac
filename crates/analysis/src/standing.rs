//! A book of a given shape, on which operations are measured, each stretch of them undone before the next.
//!
//! All orders are bids of one lot. What is undone is put in again under its old id, last at its old price, so that the shape never changes. Which
//! level comes next is drawn from a permutation of all of them: a large book is met where the caches do not hold it.
//!
//! Invariants: between stretches the book has its shape, and `halves` knows the order of every queue.

use std::collections::VecDeque;
use std::hint::black_box;

use proofbook_books::NamedBook;
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    AccountId, Action, Command, Event, NewOrder, Order, OrderId, OrderKind, Price, Quantity, Queue,
    SelfTradePrevention, Side, TimeInForce, Timestamp,
};
use proofbook_workload::Random;

use crate::meter::Meter;
use crate::operation::{Operation, Shape, TOP_LEVELS};

/// Price of the best level. Every second price below has a level, until there are enough.
const BEST_PRICE: i64 = 1 << 40;
const LOT: Quantity = Quantity(1);

fn price(level: usize) -> Price {
    Price(BEST_PRICE - 2 * level as i64)
}

/// The price above a level's, which has none.
fn price_between(level: usize) -> Price {
    Price(price(level).0 + 1)
}

/// The ids of a level's orders in their order, cut in the middle: every place of interest is an end.
#[derive(Default)]
struct Halves {
    front: VecDeque<u64>,
    back: VecDeque<u64>,
}

impl Halves {
    fn push(&mut self, id: u64) {
        self.back.push_back(id);
        self.balance();
    }

    fn pop(&mut self, operation: Operation) -> u64 {
        let id = match operation {
            Operation::CancelTail => self.back.pop_back(),
            Operation::CancelMiddle => self.back.pop_front(),
            _ => self.front.pop_front().or_else(|| self.back.pop_front()),
        };
        self.balance();
        id.expect("a stretch takes fewer orders than there are")
    }

    /// Both halves are equally long, or the back one is longer by one.
    fn balance(&mut self) {
        if self.back.len() > self.front.len() + 1 {
            self.front.extend(self.back.pop_front());
        }
        if self.back.len() < self.front.len() {
            if let Some(middle) = self.front.pop_back() {
                self.back.push_front(middle);
            }
        }
    }
}

/// What is known of a book's content beside the book.
struct Content {
    shape: Shape,
    /// For one order at each level its id is the level's number from 1, and nothing is kept.
    halves: Vec<Halves>,
    /// All levels, in a random order.
    levels: Vec<u32>,
    next_level: usize,
    next_priority: u64,
}

impl Content {
    fn new(shape: Shape) -> Self {
        let mut levels: Vec<u32> = (0..shape.levels as u32).collect();
        Random::new(5).shuffle(&mut levels);
        Content {
            shape,
            halves: Vec::new(),
            levels,
            next_level: 0,
            next_priority: 1,
        }
    }

    /// The ids of a book of this shape, in the order in which they came in: one at each level, then the next.
    fn fill(&mut self, mut insert: impl FnMut(u64, usize)) {
        let Shape {
            levels,
            orders_per_level,
        } = self.shape;
        if orders_per_level > 1 {
            self.halves.resize_with(levels, Halves::default);
        }
        for turn in 0..orders_per_level {
            for level in 0..levels {
                let id = (turn * levels + level + 1) as u64;
                insert(id, level);
                if let Some(halves) = self.halves.get_mut(level) {
                    halves.push(id);
                }
            }
        }
    }

    fn draw_level(&mut self) -> usize {
        let level = self.levels[self.next_level];
        self.next_level = (self.next_level + 1) % self.levels.len();
        level as usize
    }

    /// Takes an id of a level out of what is known.
    fn pop(&mut self, level: usize, operation: Operation) -> u64 {
        match self.halves.get_mut(level) {
            Some(halves) => halves.pop(operation),
            None => level as u64 + 1,
        }
    }

    fn push(&mut self, level: usize, id: u64) {
        if let Some(halves) = self.halves.get_mut(level) {
            halves.push(id);
        }
    }

    fn order(&mut self, id: u64, price: Price) -> Order {
        self.next_priority += 1;
        order(id, price, self.next_priority)
    }
}

fn order(id: u64, price: Price, priority: u64) -> Order {
    Order {
        id: OrderId(id),
        account: AccountId::NONE,
        side: Side::Buy,
        price: Some(price),
        stop_price: None,
        displayed: LOT,
        hidden: Quantity::ZERO,
        display: None,
        filled: Quantity::ZERO,
        priority,
        time_in_force: TimeInForce::GoodTillCancel,
        post_only: false,
        self_trade: SelfTradePrevention::Allow,
    }
}

/// A book of a shape, and nothing beside it.
pub fn filled<B: NamedBook>(shape: Shape) -> B {
    let mut book = B::empty();
    for id in 0..shape.orders() {
        let standing = order(id as u64 + 1, price(id % shape.levels), id as u64 + 1);
        book.insert(&standing);
    }
    book
}

/// A book alone.
pub struct Standing<B> {
    book: B,
    content: Content,
    /// Ids above those of the content.
    next_id: u64,
}

impl<B: NamedBook> Standing<B> {
    /// A book of this shape.
    pub fn new(shape: Shape) -> Self {
        let mut content = Content::new(shape);
        let mut book = B::empty();
        content.fill(|id, level| book.insert(&order(id, price(level), id)));
        content.next_priority = shape.orders() as u64 + 1;
        Standing {
            book,
            content,
            next_id: shape.orders() as u64 + 1,
        }
    }

    /// The book.
    #[cfg(test)]
    pub fn book(&self) -> &B {
        &self.book
    }

    /// The most operations of a kind that one stretch may have.
    pub fn stretch_max(&self, operation: Operation) -> usize {
        let Shape {
            levels,
            orders_per_level,
        } = self.content.shape;
        match operation {
            // Each level that is drawn gives one, and must be left with its shape's middle.
            Operation::CancelLevel => (levels / 2).max(1),
            Operation::CancelHead | Operation::CancelMiddle | Operation::CancelTail => {
                (levels * orders_per_level / 4).max(1)
            }
            Operation::InsertLevel => levels,
            _ => usize::MAX,
        }
    }

    /// Does an operation so many times, with the meter running, and undoes it.
    pub fn stretch(&mut self, operation: Operation, count: usize, meter: &mut dyn Meter) {
        match operation {
            Operation::Insert | Operation::InsertLevel => self.insert(operation, count, meter),
            Operation::CancelHead
            | Operation::CancelMiddle
            | Operation::CancelTail
            | Operation::CancelLevel => self.cancel(operation, count, meter),
            Operation::Best => {
                meter.start();
                for _ in 0..count {
                    let book = black_box(&self.book);
                    black_box((book.best_price(Queue::Bids), book.best(Queue::Bids)));
                }
                meter.stop();
            }
            Operation::Depth => {
                meter.start();
                for _ in 0..count {
                    let mut after = None;
                    for _ in 0..TOP_LEVELS {
                        let Some(level) = self.book.next_level(Queue::Bids, after) else {
                            break;
                        };
                        after = Some(black_box(level).price);
                    }
                }
                meter.stop();
            }
            Operation::LookupHit | Operation::LookupMiss => self.look_up(operation, count, meter),
            Operation::MatchOne | Operation::Sweep => {
                unreachable!("{} goes through the rules", operation.name())
            }
        }
    }

    fn insert(&mut self, operation: Operation, count: usize, meter: &mut dyn Meter) {
        let orders: Vec<Order> = (0..count)
            .map(|_| {
                let level = self.content.draw_level();
                let price = if operation == Operation::InsertLevel {
                    price_between(level)
                } else {
                    price(level)
                };
                self.next_id += 1;
                self.content.order(self.next_id, price)
            })
            .collect();
        meter.start();
        for order in &orders {
            self.book.insert(order);
        }
        meter.stop();
        for order in &orders {
            let slot = self.book.find(order.id).expect("it was inserted above");
            self.book.remove(slot);
        }
    }

    fn cancel(&mut self, operation: Operation, count: usize, meter: &mut dyn Meter) {
        let taken: Vec<(u64, usize)> = (0..count)
            .map(|_| {
                let level = self.content.draw_level();
                (self.content.pop(level, operation), level)
            })
            .collect();
        meter.start();
        for (id, _) in &taken {
            if let Some(slot) = self.book.find(OrderId(*id)) {
                self.book.remove(slot);
            }
        }
        meter.stop();
        for (id, level) in taken {
            let order = self.content.order(id, price(level));
            self.book.insert(&order);
            self.content.push(level, id);
        }
    }

    fn look_up(&mut self, operation: Operation, count: usize, meter: &mut dyn Meter) {
        let prices: Vec<Price> = (0..count)
            .map(|_| {
                let level = self.content.draw_level();
                if operation == Operation::LookupHit {
                    price(level)
                } else {
                    price_between(level)
                }
            })
            .collect();
        meter.start();
        for price in &prices {
            black_box(self.book.level(Queue::Bids, *price));
        }
        meter.stop();
    }
}

/// A market whose book has a shape: for what goes through the rules.
pub struct Trading<B> {
    engine: MatchingEngine<B>,
    content: Content,
    next_id: u64,
}

fn command(id: u64, side: Side, price: Price, quantity: Quantity) -> Command {
    Command {
        time: Timestamp(0),
        action: Action::New(NewOrder {
            order_id: OrderId(id),
            account: AccountId::NONE,
            side,
            quantity,
            kind: OrderKind::Limit { price },
            time_in_force: if side == Side::Buy {
                TimeInForce::GoodTillCancel
            } else {
                TimeInForce::ImmediateOrCancel
            },
            post_only: false,
            display: None,
            self_trade: SelfTradePrevention::Allow,
        }),
    }
}

impl<B: NamedBook> Trading<B> {
    /// A market over a book of this shape.
    pub fn new(shape: Shape) -> Self {
        let mut engine = MatchingEngine::new(proofbook_bench::config(), B::empty())
            .expect("the terms of the benchmarks make a market");
        let mut content = Content::new(shape);
        let mut events = Vec::new();
        content.fill(|id, level| {
            events.clear();
            let entered = command(id, Side::Buy, price(level), LOT);
            engine.apply(&entered, &mut |event: Event| events.push(event));
        });
        Trading {
            engine,
            content,
            next_id: shape.orders() as u64 + 1,
        }
    }

    /// The book.
    #[cfg(test)]
    pub fn book(&self) -> &B {
        self.engine.book()
    }

    /// The most operations of a kind that one stretch may have.
    pub fn stretch_max(&self, operation: Operation) -> usize {
        let Shape { levels, .. } = self.content.shape;
        match operation {
            Operation::Sweep => (levels / TOP_LEVELS).max(1),
            _ => (self.content.shape.orders() / 2).max(1),
        }
    }

    /// Does an operation so many times, with the meter running, and undoes it.
    pub fn stretch(&mut self, operation: Operation, count: usize, meter: &mut dyn Meter) {
        let Shape {
            levels,
            orders_per_level,
        } = self.content.shape;
        let each = match operation {
            Operation::Sweep => levels.min(TOP_LEVELS) * orders_per_level,
            _ => 1,
        };
        let first_id = self.next_id;
        self.next_id += count as u64;
        let commands: Vec<Command> = (first_id..self.next_id)
            .map(|id| command(id, Side::Sell, price(levels), Quantity(each as u64)))
            .collect();
        let mut events: Vec<Event> = Vec::with_capacity(count * (each + 2));
        meter.start();
        for command in &commands {
            self.engine
                .apply(command, &mut |event: Event| events.push(event));
        }
        meter.stop();
        black_box(&events);
        // The best orders are gone: those of the first level, then those of the next.
        let mut level = 0;
        let mut left_at_level = orders_per_level;
        for _ in 0..count * each {
            if left_at_level == 0 {
                level += 1;
                left_at_level = orders_per_level;
            }
            left_at_level -= 1;
            let id = self.content.pop(level, Operation::CancelHead);
            let entered = command(id, Side::Buy, price(level), LOT);
            events.clear();
            self.engine
                .apply(&entered, &mut |event: Event| events.push(event));
            self.content.push(level, id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Unread;
    use crate::operation::Axis;
    use proofbook_books::{Structure, Visitor};

    struct Undone {
        axis: Axis,
        size: usize,
    }

    /// What must be the same after every stretch.
    fn picture<B: NamedBook>(book: &B) -> (usize, Vec<(i64, u64, u32)>) {
        book.check().expect("the book's invariants hold");
        let next = |after| book.next_level(Queue::Bids, after);
        let levels = std::iter::successors(next(None), |level| next(Some(level.price)))
            .map(|level| (level.price.0, level.displayed.0, level.orders));
        (book.len(), levels.collect())
    }

    impl Visitor for Undone {
        type Output = ();

        fn visit<B: NamedBook>(self) {
            let shape = self.axis.shape(self.size);
            let mut standing = Standing::<B>::new(shape);
            let mut trading = Trading::<B>::new(shape);
            let expected = picture(standing.book());
            assert_eq!(expected.0, shape.orders());
            assert_eq!(expected.1.len(), shape.levels);
            for operation in Operation::ALL {
                if !operation.is_on(self.axis) {
                    continue;
                }
                for count in [1, 3, 64] {
                    let found = if operation.is_matched() {
                        let count = count.min(trading.stretch_max(operation));
                        trading.stretch(operation, count, &mut Unread);
                        picture(trading.book())
                    } else {
                        let count = count.min(standing.stretch_max(operation));
                        standing.stretch(operation, count, &mut Unread);
                        picture(standing.book())
                    };
                    assert_eq!(found, expected, "{} x {count}", operation.name());
                }
            }
        }
    }

    #[test]
    fn every_operation_is_undone_on_every_book() {
        for structure in Structure::ALL {
            for axis in Axis::ALL {
                for size in [1, 10, 300] {
                    structure.visit(Undone { axis, size });
                }
            }
        }
    }

    /// A stretch does what its name says while the meter runs.
    #[test]
    fn the_meter_sees_the_operation() {
        struct Seen(Vec<bool>);
        impl Meter for Seen {
            fn start(&mut self) {
                self.0.push(true);
            }
            fn stop(&mut self) {
                self.0.push(false);
            }
        }
        let mut halves = Halves::default();
        for id in 1..=5 {
            halves.push(id);
        }
        assert_eq!(halves.pop(Operation::CancelMiddle), 3);
        assert_eq!(halves.pop(Operation::CancelHead), 1);
        assert_eq!(halves.pop(Operation::CancelTail), 5);
        let mut seen = Seen(Vec::new());
        let mut standing = Standing::<proofbook_books::Ladder>::new(Axis::Levels.shape(20));
        standing.stretch(Operation::Insert, 2, &mut seen);
        assert_eq!(seen.0, [true, false]);
    }
}
