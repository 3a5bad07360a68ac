//! The order-level book as the exchange tells it: orders come, shrink and go, and nothing is matched.
//!
//! It stands on any [`Book`]. What cannot be applied changes nothing and is a [`Problem`], which the caller counts.

use proofbook_book::Book;
use proofbook_types::{
    AccountId, Order, OrderId, Price, Quantity, Queue, SelfTradePrevention, Side, TimeInForce,
};

/// Why an event could not be applied. The names are stable: reports count by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// No order has the identifier.
    UnknownOrder,
    /// An order with the identifier stands already.
    DuplicateOrder,
    /// An order without a quantity.
    ZeroQuantity,
    /// More is taken from an order than it has.
    MoreThanThere,
    /// An order is deleted with another quantity than it has.
    QuantityDiffers,
    /// The record names another side or price than the order has.
    StandingDiffers,
    /// The price is not a multiple of the tick.
    OffTick,
    /// The side's sum would not fit 64 bits.
    QuantityOverflow,
    /// Identifiers from 2^62 are kept for orders that the replay itself makes.
    ReservedId,
}

impl Problem {
    /// The name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Problem::UnknownOrder => "unknown_order",
            Problem::DuplicateOrder => "duplicate_order",
            Problem::ZeroQuantity => "zero_quantity",
            Problem::MoreThanThere => "more_than_there",
            Problem::QuantityDiffers => "quantity_differs",
            Problem::StandingDiffers => "standing_differs",
            Problem::OffTick => "off_tick",
            Problem::QuantityOverflow => "quantity_overflow",
            Problem::ReservedId => "reserved_id",
        }
    }
}

/// An order-level book that follows what happened.
pub struct Rebuild<B: Book> {
    book: B,
    priority: u64,
    /// Sum of all quantities, by side: kept within 64 bits, as the book demands.
    totals: [u64; 2],
}

impl<B: Book> Rebuild<B> {
    /// Starts with an empty book.
    pub fn new(book: B) -> Self {
        Rebuild {
            book,
            priority: 0,
            totals: [0; 2],
        }
    }

    /// The book.
    pub fn book(&self) -> &B {
        &self.book
    }

    /// Side, price and quantity of an order.
    pub fn order(&self, order_id: u64) -> Option<Order> {
        let slot = self.book.find(OrderId(order_id))?;
        Some(self.book.order(slot))
    }

    /// The order that the rules would trade with first on this side.
    pub fn first(&self, side: Side) -> Option<B::Slot> {
        self.book.best(Queue::resting(side))
    }

    /// The best price of a side.
    pub fn best_price(&self, side: Side) -> Option<Price> {
        self.book.best_price(Queue::resting(side))
    }

    /// A new order, last at its price.
    ///
    /// # Errors
    /// Nothing changed, for this reason.
    pub fn add(
        &mut self,
        order_id: u64,
        side: Side,
        price: Price,
        quantity: u64,
    ) -> Result<(), Problem> {
        if quantity == 0 {
            return Err(Problem::ZeroQuantity);
        }
        if self.book.find(OrderId(order_id)).is_some() {
            return Err(Problem::DuplicateOrder);
        }
        let total = &mut self.totals[side as usize];
        *total = total
            .checked_add(quantity)
            .ok_or(Problem::QuantityOverflow)?;
        self.priority += 1;
        self.book.insert(&Order {
            id: OrderId(order_id),
            account: AccountId::NONE,
            side,
            price: Some(price),
            stop_price: None,
            displayed: Quantity(quantity),
            hidden: Quantity::ZERO,
            display: None,
            filled: Quantity::ZERO,
            priority: self.priority,
            time_in_force: TimeInForce::GoodTillCancel,
            post_only: false,
            self_trade: SelfTradePrevention::Allow,
        });
        Ok(())
    }

    /// Takes a quantity from an order by a trade.
    ///
    /// # Errors
    /// Nothing changed, for this reason.
    pub fn execute(&mut self, order_id: u64, quantity: u64) -> Result<(), Problem> {
        self.take(order_id, quantity, true)
    }

    /// Takes a quantity from an order by a cancel. It keeps its place.
    ///
    /// # Errors
    /// Nothing changed, for this reason.
    pub fn reduce(&mut self, order_id: u64, quantity: u64) -> Result<(), Problem> {
        self.take(order_id, quantity, false)
    }

    fn take(&mut self, order_id: u64, quantity: u64, is_trade: bool) -> Result<(), Problem> {
        if quantity == 0 {
            return Err(Problem::ZeroQuantity);
        }
        let slot = self
            .book
            .find(OrderId(order_id))
            .ok_or(Problem::UnknownOrder)?;
        let order = self.book.order(slot);
        if quantity > order.displayed.0 {
            return Err(Problem::MoreThanThere);
        }
        self.totals[order.side as usize] -= quantity;
        if quantity == order.displayed.0 {
            self.book.remove(slot);
        } else if is_trade {
            self.book.fill(slot, Quantity(quantity));
        } else {
            self.book.reduce(slot, Quantity(quantity));
        }
        Ok(())
    }

    /// Takes an order out, whatever it has left. Returns what that was.
    ///
    /// # Errors
    /// Nothing changed, for this reason.
    pub fn delete(&mut self, order_id: u64) -> Result<u64, Problem> {
        let slot = self
            .book
            .find(OrderId(order_id))
            .ok_or(Problem::UnknownOrder)?;
        let order = self.book.order(slot);
        self.totals[order.side as usize] -= order.displayed.0;
        self.book.remove(slot);
        Ok(order.displayed.0)
    }

    /// Puts an order in the place of another one of the same side, last at its price.
    ///
    /// # Errors
    /// Nothing changed, for this reason.
    pub fn replace(
        &mut self,
        order_id: u64,
        new_id: u64,
        price: Price,
        quantity: u64,
    ) -> Result<(), Problem> {
        let old = self.order(order_id).ok_or(Problem::UnknownOrder)?;
        if quantity == 0 {
            return Err(Problem::ZeroQuantity);
        }
        if new_id != order_id && self.book.find(OrderId(new_id)).is_some() {
            return Err(Problem::DuplicateOrder);
        }
        let rest = self.totals[old.side as usize] - old.displayed.0;
        if rest.checked_add(quantity).is_none() {
            return Err(Problem::QuantityOverflow);
        }
        self.delete(order_id)?;
        self.add(new_id, old.side, price, quantity)
    }

    /// Gives an order new terms. It keeps its place only where the price stays and the quantity does not go up.
    ///
    /// # Errors
    /// Nothing changed, for this reason.
    pub fn set(
        &mut self,
        order_id: u64,
        side: Side,
        price: Price,
        quantity: u64,
    ) -> Result<(), Problem> {
        let old = self.order(order_id).ok_or(Problem::UnknownOrder)?;
        if old.side != side {
            return Err(Problem::StandingDiffers);
        }
        if quantity == 0 {
            return self.delete(order_id).map(drop);
        }
        if old.price == Some(price) && quantity <= old.displayed.0 {
            let less = old.displayed.0 - quantity;
            return if less == 0 {
                Ok(())
            } else {
                self.reduce(order_id, less)
            };
        }
        self.replace(order_id, order_id, price, quantity)
    }

    /// Takes every order out.
    pub fn clear(&mut self) {
        for side in Side::BOTH {
            while let Some(slot) = self.first(side) {
                self.book.remove(slot);
            }
        }
        self.totals = [0; 2];
    }

    /// BLAKE3 over what stands in the book, however it came there: for bids, then asks, the number of orders, and each
    /// order's id, price in ticks and quantity, in priority; 8 bytes each, little-endian.
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for side in Side::BOTH {
            let orders = || {
                std::iter::successors(self.first(side), |slot| self.book.next(*slot))
                    .map(|slot| self.book.order(slot))
            };
            hasher.update(&(orders().count() as u64).to_le_bytes());
            for order in orders() {
                hasher.update(&order.id.0.to_le_bytes());
                hasher.update(&order.price.map_or(0, |price| price.0).to_le_bytes());
                hasher.update(&order.displayed.0.to_le_bytes());
            }
        }
        *hasher.finalize().as_bytes()
    }
}
