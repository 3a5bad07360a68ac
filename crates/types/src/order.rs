//! A live order: one that rests in the book, or waits for its stop to trigger.

use crate::codec::{self, DecodeError, Reader, Writer};
use crate::command::{SelfTradePrevention, TimeInForce};
use crate::units::{AccountId, OrderId, Price, Quantity, Side};

/// Length of an encoded [`Order`].
pub const ORDER_BYTES: usize = 96;

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

    /// The order's only encoding.
    pub fn encode(&self) -> [u8; ORDER_BYTES] {
        let mut bytes = [0; ORDER_BYTES];
        let mut writer = Writer::new(&mut bytes);
        let flags = u8::from(self.post_only)
            | u8::from(self.display.is_some()) << 1
            | u8::from(self.price.is_some()) << 2
            | u8::from(self.stop_price.is_some()) << 3;
        writer.u8(self.side as u8);
        writer.u8(codec::time_in_force_tag(self.time_in_force));
        writer.u8(self.self_trade as u8);
        writer.u8(flags);
        writer.u32(0);
        writer.u64(self.id.0);
        writer.u64(self.account.0);
        writer.i64(self.price.map_or(0, |price| price.0));
        writer.i64(self.stop_price.map_or(0, |price| price.0));
        writer.u64(self.displayed.0);
        writer.u64(self.hidden.0);
        writer.u64(self.display.map_or(0, |quantity| quantity.0));
        writer.u64(self.filled.0);
        writer.u64(self.priority);
        writer.u64(self.time_in_force.expiry().map_or(0, |time| time.0));
        writer.u64(0);
        bytes
    }

    /// The order that encodes to exactly these bytes.
    ///
    /// # Errors
    /// An unknown tag, or bytes that no order encodes to.
    pub fn decode(bytes: &[u8; ORDER_BYTES]) -> Result<Order, DecodeError> {
        let mut reader = Reader::new(bytes);
        let side = codec::side(reader.u8())?;
        let time_in_force = reader.u8();
        let self_trade = codec::self_trade(reader.u8())?;
        let flags = reader.u8();
        let _reserved = reader.u32();
        let id = OrderId(reader.u64());
        let account = AccountId(reader.u64());
        let price = Price(reader.i64());
        let stop_price = Price(reader.i64());
        let displayed = Quantity(reader.u64());
        let hidden = Quantity(reader.u64());
        let display = Quantity(reader.u64());
        let filled = Quantity(reader.u64());
        let priority = reader.u64();
        let expiry = reader.u64();
        let order = Order {
            id,
            account,
            side,
            price: (flags & 4 != 0).then_some(price),
            stop_price: (flags & 8 != 0).then_some(stop_price),
            displayed,
            hidden,
            display: (flags & 2 != 0).then_some(display),
            filled,
            priority,
            time_in_force: codec::time_in_force(time_in_force, expiry)?,
            post_only: flags & 1 != 0,
            self_trade,
        };
        if order.encode() == *bytes {
            Ok(order)
        } else {
            Err(DecodeError::NotCanonical { what: "order" })
        }
    }
}
