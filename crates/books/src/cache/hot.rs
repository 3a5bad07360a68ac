//! The first two cache lines of the book: what everyone asks for, and what matching needs next.

use proofbook_types::{Price, Quantity, Queue, Timestamp};

use crate::layout::{layout, LayoutField};
use crate::linked::LevelRef;

/// Set while there is a bid.
const HAS_BID: u8 = 1;
/// Set while there is an ask.
const HAS_ASK: u8 = 1 << 1;
/// Set once there was a trade.
const HAS_TRADE: u8 = 1 << 2;

/// The market at one look: exactly one cache line. All numbers have 64 bits, so none wraps or is cut off.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct HotLine {
    /// Meaningful while the marks say that there is a bid.
    pub(super) best_bid_price: i64,
    /// Meaningful while the marks say that there is an ask.
    pub(super) best_ask_price: i64,
    /// The ask minus the bid where both are there and the ask is not below, else 0.
    spread: u64,
    /// Number of changes that were made to the book.
    pub(super) sequence: u64,
    /// Number of live orders in all queues.
    pub(super) total_orders: u64,
    last_trade_price: i64,
    last_trade_size: u64,
    marks: u8,
}

/// What is needed next: exactly one cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct NextLine {
    /// The best level of each queue, 0 where it has none.
    pub(super) best: [LevelRef; 4],
    /// Number of levels of each queue.
    pub(super) level_counts: [u32; 4],
    /// Number of fills of resting orders.
    pub(super) fills: u64,
    /// Sum of what these fills traded, which may go beyond 64 bits in time.
    pub(super) filled_low: u64,
    pub(super) filled_high: u64,
    /// Time of the command being handled.
    pub(super) clock: Timestamp,
}

const _: () = {
    assert!(core::mem::size_of::<HotLine>() == 64);
    assert!(core::mem::offset_of!(HotLine, best_bid_price) == 0);
    assert!(core::mem::offset_of!(HotLine, best_ask_price) == 8);
    assert!(core::mem::offset_of!(HotLine, spread) == 16);
    assert!(core::mem::offset_of!(HotLine, sequence) == 24);
    assert!(core::mem::offset_of!(HotLine, total_orders) == 32);
    assert!(core::mem::offset_of!(HotLine, last_trade_price) == 40);
    assert!(core::mem::offset_of!(HotLine, last_trade_size) == 48);
    assert!(core::mem::offset_of!(HotLine, marks) == 56);
    assert!(core::mem::size_of::<NextLine>() == 64);
    assert!(core::mem::offset_of!(NextLine, best) == 0);
    assert!(core::mem::offset_of!(NextLine, level_counts) == 16);
    assert!(core::mem::offset_of!(NextLine, fills) == 32);
    assert!(core::mem::offset_of!(NextLine, filled_low) == 40);
    assert!(core::mem::offset_of!(NextLine, filled_high) == 48);
    assert!(core::mem::offset_of!(NextLine, clock) == 56);
};

/// Where the fields of both lines lie.
pub(super) fn lines_layout() -> Vec<LayoutField> {
    let hot = layout!(HotLine {
        best_bid_price,
        best_ask_price,
        spread,
        sequence,
        total_orders,
        last_trade_price,
        last_trade_size,
        marks
    });
    let next = layout!(NextLine {
        best,
        level_counts,
        fills,
        filled_low,
        filled_high,
        clock
    });
    [&hot[..], &next].concat()
}

/// A fill of a resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastTrade {
    /// The price at which the order stood. That is the trade's price, except in an auction, where all trade at one price and each order
    /// stands at its own limit.
    pub price: Price,
    /// How much was traded.
    pub size: Quantity,
}

/// What the hot line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HotView {
    /// The best bid.
    pub best_bid: Option<Price>,
    /// The best ask.
    pub best_ask: Option<Price>,
    /// The ask minus the bid. `None` where one of them is missing, or, as in an auction, the ask is below the bid.
    pub spread: Option<u64>,
    /// Number of changes that were made to the book: where it has not changed, neither has anything else.
    pub sequence: u64,
    /// Number of live orders in all queues, stop orders too.
    pub total_orders: u64,
    /// The fill that was last made, if this book has seen one.
    pub last_trade: Option<LastTrade>,
}

impl HotLine {
    fn has(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }

    /// The best price of a queue whose best price is here.
    pub(super) fn set_best(&mut self, queue: Queue, price: Option<i64>) {
        let (place, mark) = match queue {
            Queue::Bids => (&mut self.best_bid_price, HAS_BID),
            Queue::Asks => (&mut self.best_ask_price, HAS_ASK),
            Queue::BuyStops | Queue::SellStops => return,
        };
        match price {
            Some(price) => {
                *place = price;
                self.marks |= mark;
            }
            None => self.marks &= !mark,
        }
        self.spread = match self.has_spread() {
            true => self.best_ask_price.abs_diff(self.best_bid_price),
            false => 0,
        };
    }

    fn has_spread(&self) -> bool {
        self.has(HAS_BID) && self.has(HAS_ASK) && self.best_bid_price <= self.best_ask_price
    }

    pub(super) fn set_last_trade(&mut self, price: i64, size: Quantity) {
        self.last_trade_price = price;
        self.last_trade_size = size.0;
        self.marks |= HAS_TRADE;
    }

    pub(super) fn view(&self) -> HotView {
        HotView {
            best_bid: self.has(HAS_BID).then_some(Price(self.best_bid_price)),
            best_ask: self.has(HAS_ASK).then_some(Price(self.best_ask_price)),
            spread: self.has_spread().then_some(self.spread),
            sequence: self.sequence,
            total_orders: self.total_orders,
            last_trade: self.has(HAS_TRADE).then_some(LastTrade {
                price: Price(self.last_trade_price),
                size: Quantity(self.last_trade_size),
            }),
        }
    }
}

impl NextLine {
    /// Counts a fill.
    #[inline]
    pub(super) fn count_fill(&mut self, quantity: Quantity) {
        self.fills += 1;
        let (low, is_carry) = self.filled_low.overflowing_add(quantity.0);
        self.filled_low = low;
        self.filled_high += u64::from(is_carry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_traded_goes_beyond_64_bits() {
        let mut next = NextLine::default();
        for _ in 0..3 {
            next.count_fill(Quantity(u64::MAX));
        }
        let sum = u128::from(next.filled_high) << 64 | u128::from(next.filled_low);
        assert_eq!((sum, next.fills), (3 * u128::from(u64::MAX), 3));
    }

    #[test]
    fn the_widest_spread_has_64_bits() {
        let mut hot = HotLine::default();
        hot.set_best(Queue::Bids, Some(i64::MIN));
        assert_eq!(hot.view().spread, None);
        hot.set_best(Queue::Asks, Some(i64::MAX));
        assert_eq!(hot.view().spread, Some(u64::MAX));
        hot.set_best(Queue::Bids, Some(i64::MAX));
        assert_eq!(hot.view().spread, Some(0));
        hot.set_best(Queue::Asks, Some(i64::MIN));
        assert_eq!(hot.view().spread, None, "the ask is below the bid");
    }
}
