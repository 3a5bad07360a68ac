//! A live order: one that rests in the book, or waits for its stop to trigger.

use crate::codec::{self, bytes_of, tags_of, words_of, DecodeError};
use crate::command::{SelfTradePrevention, TimeInForce};
use crate::units::{AccountId, OrderId, Price, Quantity, Side};

/// Words of an encoded [`Order`].
pub const ORDER_WORDS: usize = 12;

/// Length of an encoded [`Order`].
pub const ORDER_BYTES: usize = 8 * ORDER_WORDS;

/// The four queues of a market, each in price-time priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Queue {
    /// Resting buys, highest price first.
    Bids = 0,
    /// Resting sells, lowest price first.
    Asks = 1,
    /// Buys waiting for a trade at or above their stop price, lowest stop first.
    BuyStops = 2,
    /// Sells waiting for a trade at or below their stop price, highest stop first.
    SellStops = 3,
}

impl Queue {
    /// All queues, in the order of their tags.
    pub const ALL: [Queue; 4] = [Queue::Bids, Queue::Asks, Queue::BuyStops, Queue::SellStops];

    /// Where resting orders of `side` stand.
    #[inline]
    pub const fn resting(side: Side) -> Queue {
        match side {
            Side::Buy => Queue::Bids,
            Side::Sell => Queue::Asks,
        }
    }

    /// Where untriggered stop orders of `side` wait.
    #[inline]
    pub const fn stops(side: Side) -> Queue {
        match side {
            Side::Buy => Queue::BuyStops,
            Side::Sell => Queue::SellStops,
        }
    }

    /// The side of the orders in this queue.
    #[inline]
    pub const fn side(self) -> Side {
        match self {
            Queue::Bids | Queue::BuyStops => Side::Buy,
            Queue::Asks | Queue::SellStops => Side::Sell,
        }
    }

    /// Whether a higher price comes first.
    #[inline]
    pub const fn is_descending(self) -> bool {
        matches!(self, Queue::Bids | Queue::SellStops)
    }

    /// Whether price `a` comes strictly before price `b` in this queue.
    #[inline]
    pub fn before(self, a: Price, b: Price) -> bool {
        if self.is_descending() {
            a > b
        } else {
            a < b
        }
    }
}

/// A live order with everything the market knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its identifier.
    pub id: OrderId,
    /// Whose it is.
    pub account: AccountId,
    /// Buy or sell.
    pub side: Side,
    /// Limit price; `None` only for a stop order that becomes a market order.
    pub price: Option<Price>,
    /// Trigger price while the stop has not triggered, else `None`.
    pub stop_price: Option<Price>,
    /// Open quantity that is shown.
    pub displayed: Quantity,
    /// Open quantity behind it that is not shown (icebergs only).
    pub hidden: Quantity,
    /// Iceberg: the most that is shown at a time.
    pub display: Option<Quantity>,
    /// Quantity traded so far.
    pub filled: Quantity,
    /// Rank in time: lower came first. Given anew whenever the order loses its place.
    pub priority: u64,
    /// How long it lives; for an untriggered stop also what it becomes.
    pub time_in_force: TimeInForce,
    /// Reject rather than trade on entry.
    pub post_only: bool,
    /// What happens when it meets an order of its own account on entry.
    pub self_trade: SelfTradePrevention,
}

impl Order {
    /// The queue this order stands in.
    #[inline]
    pub const fn queue(&self) -> Queue {
        if self.stop_price.is_some() {
            Queue::stops(self.side)
        } else {
            Queue::resting(self.side)
        }
    }

    /// The price that ranks it in its queue, `None` only for an order that can stand in no queue.
    #[inline]
    pub const fn queue_price(&self) -> Option<Price> {
        match self.stop_price {
            Some(stop_price) => Some(stop_price),
            None => self.price,
        }
    }

    /// Everything that is still open. The market keeps the sum of all open quantities of a side within 64 bits.
    #[inline]
    pub const fn open(&self) -> Quantity {
        Quantity(self.displayed.0 + self.hidden.0)
    }

    /// Lowers what is open, hidden quantity first, by no more than all of it.
    #[inline]
    pub fn lower(&mut self, quantity: Quantity) {
        let from_hidden = quantity.min(self.hidden);
        self.hidden.0 -= from_hidden.0;
        self.displayed.0 -= quantity.0 - from_hidden.0;
    }

    /// An iceberg that shows nothing shows its next slice, with a new rank in time.
    ///
    /// # Panics
    /// Where it is no iceberg.
    pub fn refresh(&mut self, priority: u64) {
        let slice = self
            .display
            .expect("only an iceberg hides quantity")
            .min(self.hidden);
        self.displayed = slice;
        self.hidden.0 -= slice.0;
        self.priority = priority;
    }

    /// The order's only encoding, as bytes: its words, little-endian.
    pub fn encode(&self) -> [u8; ORDER_BYTES] {
        bytes_of(self.words())
    }

    /// The order's only encoding, as words.
    pub fn words(&self) -> [u64; ORDER_WORDS] {
        let flags = u8::from(self.post_only)
            | u8::from(self.display.is_some()) << 1
            | u8::from(self.price.is_some()) << 2
            | u8::from(self.stop_price.is_some()) << 3;
        let tags = [
            self.side as u8,
            codec::time_in_force_tag(self.time_in_force),
            self.self_trade as u8,
            flags,
            0,
            0,
            0,
            0,
        ];
        [
            u64::from_le_bytes(tags),
            self.id.0,
            self.account.0,
            self.price.map_or(0, |price| price.0 as u64),
            self.stop_price.map_or(0, |price| price.0 as u64),
            self.displayed.0,
            self.hidden.0,
            self.display.map_or(0, |quantity| quantity.0),
            self.filled.0,
            self.priority,
            self.time_in_force.expiry().map_or(0, |time| time.0),
            0,
        ]
    }

    /// The order that encodes to exactly these bytes.
    ///
    /// # Errors
    /// An unknown tag, or bytes that no order encodes to.
    pub fn decode(bytes: &[u8; ORDER_BYTES]) -> Result<Order, DecodeError> {
        Order::from_words(&words_of(bytes))
    }

    /// The order that encodes to exactly these words.
    ///
    /// # Errors
    /// An unknown tag, or words that no order encodes to.
    pub fn from_words(words: &[u64; ORDER_WORDS]) -> Result<Order, DecodeError> {
        let order = Order::from_own_words(words)?;
        if codec::same_words(&order.words(), words) {
            Ok(order)
        } else {
            Err(DecodeError::NotCanonical { what: "order" })
        }
    }

    /// The order of words that some order encoded to; of others, whatever they say where an order would say it.
    ///
    /// # Errors
    /// An unknown tag.
    #[inline]
    pub fn from_own_words(words: &[u64; ORDER_WORDS]) -> Result<Order, DecodeError> {
        let [side, time_in_force, self_trade, flags, ..] = tags_of(words[0]);
        Ok(Order {
            id: OrderId(words[1]),
            account: AccountId(words[2]),
            side: codec::side(side)?,
            price: (flags & 4 != 0).then_some(Price(words[3] as i64)),
            stop_price: (flags & 8 != 0).then_some(Price(words[4] as i64)),
            displayed: Quantity(words[5]),
            hidden: Quantity(words[6]),
            display: (flags & 2 != 0).then_some(Quantity(words[7])),
            filled: Quantity(words[8]),
            priority: words[9],
            time_in_force: codec::time_in_force(time_in_force, words[10])?,
            post_only: flags & 1 != 0,
            self_trade: codec::self_trade(self_trade)?,
        })
    }
}
