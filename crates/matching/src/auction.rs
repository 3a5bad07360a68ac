//! The single-price auction: section 12 of the rules.
//!
//! Demand and supply are step functions that change only at prices of orders. So the prices between two neighbouring
//! order prices all have the same volume and surplus, and it is enough to look at each order price and at each gap
//! between two of them as one range.

use core::mem;

use alloc::vec::Vec;
use proofbook_book::{Book, Level};
use proofbook_types::{Event, EventSink, Phase, Price, Quantity, Queue, RejectReason};

use crate::MatchingEngine;

/// Prices from `low` to `high` with one demand and one supply.
struct PriceRange {
    low: Price,
    high: Price,
    demand: u64,
    supply: u64,
}

/// The ranges that are best so far, in ascending order of price.
struct Selection {
    volume: u64,
    surplus_abs: u64,
    lowest: Price,
    highest: Price,
    nearest: Price,
    all_have_buy_surplus: bool,
    all_have_sell_surplus: bool,
}

impl Selection {
    fn start(range: &PriceRange, tick_size: u64, reference: Option<Price>) -> Self {
        Selection {
            volume: range.demand.min(range.supply),
            surplus_abs: range.demand.abs_diff(range.supply),
            lowest: range.low,
            highest: range.high,
            nearest: nearest(range, tick_size, reference),
            all_have_buy_surplus: range.demand > range.supply,
            all_have_sell_surplus: range.demand < range.supply,
        }
    }

    /// Takes the next higher range into account.
    fn consider(&mut self, range: &PriceRange, tick_size: u64, reference: Option<Price>) {
        let other = Selection::start(range, tick_size, reference);
        let is_equal = (other.volume, other.surplus_abs) == (self.volume, self.surplus_abs);
        if is_equal {
            self.highest = other.highest;
            self.all_have_buy_surplus &= other.all_have_buy_surplus;
            self.all_have_sell_surplus &= other.all_have_sell_surplus;
            if let Some(reference) = reference {
                if reference.0.abs_diff(other.nearest.0) < reference.0.abs_diff(self.nearest.0) {
                    self.nearest = other.nearest;
                }
            }
        } else if other.volume > self.volume
            || (other.volume == self.volume && other.surplus_abs < self.surplus_abs)
        {
            *self = other;
        }
    }

    fn price(&self) -> Price {
        if self.all_have_buy_surplus {
            self.highest
        } else if self.all_have_sell_surplus {
            self.lowest
        } else {
            self.nearest
        }
    }
}

/// The price of a range that is nearest to the reference, the lower of two; the lowest where there is no reference.
fn nearest(range: &PriceRange, tick_size: u64, reference: Option<Price>) -> Price {
    let Some(reference) = reference else {
        return range.low;
    };
    if reference <= range.low {
        return range.low;
    }
    if reference >= range.high {
        return range.high;
    }
    let tick_size = i64::try_from(tick_size).expect("a tick size is at most 2^63 - 1");
    let above_tick = reference.0.rem_euclid(tick_size);
    let below = reference.0 - above_tick;
    if above_tick > tick_size - above_tick {
        Price(below + tick_size)
    } else {
        Price(below)
    }
}

impl<B: Book> MatchingEngine<B> {
    pub(crate) fn uncross(&mut self, events: &mut impl EventSink) -> Result<(), RejectReason> {
        if self.phase != Phase::Auction {
            return Err(RejectReason::WrongPhase);
        }
        match self.auction_price() {
            None => events.event(Event::Uncrossed {
                price: None,
                quantity: Quantity::ZERO,
            }),
            Some((price, volume)) => {
                events.event(Event::Uncrossed {
                    price: Some(price),
                    quantity: volume,
                });
                self.trade_at(price, volume, events);
                self.last_trade = Some(price);
            }
        }
        self.change_phase(Phase::Continuous, events);
        Ok(())
    }

    /// Collects the levels of a queue that take part: those at `limit` or better.
    fn crossing_levels(&self, queue: Queue, limit: Price, levels: &mut Vec<Level>) {
        levels.clear();
        let mut next = self.book.next_level(queue, None);
        while let Some(level) = next {
            if queue.before(limit, level.price) {
                break;
            }
            levels.push(level);
            next = self.book.next_level(queue, Some(level.price));
        }
    }

    /// The auction's price and volume, if any order can trade.
    fn auction_price(&mut self) -> Option<(Price, Quantity)> {
        if !self.is_crossed() {
            return None;
        }
        let lowest = self.book.best_price(Queue::Asks)?;
        let highest = self.book.best_price(Queue::Bids)?;
        let mut bids = mem::take(&mut self.scratch.bids);
        let mut asks = mem::take(&mut self.scratch.asks);
        self.crossing_levels(Queue::Bids, lowest, &mut bids);
        self.crossing_levels(Queue::Asks, highest, &mut asks);
        let selection = self.select(&bids, &asks, lowest);
        self.scratch.bids = bids;
        self.scratch.asks = asks;
        Some((selection.price(), Quantity(selection.volume)))
    }

    /// Walks all price ranges upwards. `bids` come highest first, `asks` lowest first.
    fn select(&self, bids: &[Level], asks: &[Level], lowest: Price) -> Selection {
        let tick_size = self.config.tick_size;
        let reference = self.reference_price();
        let open = |level: &Level| level.displayed.0 + level.hidden.0;
        let mut bids = bids.iter().rev().peekable();
        let mut asks = asks.iter().peekable();
        let mut range = PriceRange {
            low: lowest,
            high: lowest,
            demand: bids.clone().map(open).sum(),
            supply: 0,
        };
        let mut best: Option<Selection> = None;
        let mut consider = |range: &PriceRange| match &mut best {
            None => best = Some(Selection::start(range, tick_size, reference)),
            Some(best) => best.consider(range, tick_size, reference),
        };
        let mut price = lowest;
        loop {
            // The price itself: asks here join, bids here are still in.
            if let Some(ask) = asks.next_if(|ask| ask.price == price) {
                range.supply += open(ask);
            }
            range.low = price;
            range.high = price;
            consider(&range);
            // The gap above it: bids here are out.
            if let Some(bid) = bids.next_if(|bid| bid.price == price) {
                range.demand -= open(bid);
            }
            let above = [bids.peek(), asks.peek()];
            let Some(next) = above.into_iter().flatten().map(|level| level.price).min() else {
                break;
            };
            if next.0.abs_diff(price.0) > tick_size {
                range.low = Price(price.0.saturating_add_unsigned(tick_size));
                range.high = Price(next.0.saturating_sub_unsigned(tick_size));
                consider(&range);
            }
            price = next;
        }
        best.expect("the lowest price was considered")
    }

    /// Trades `volume` between the first bids and the first asks at one price.
    fn trade_at(&mut self, price: Price, volume: Quantity, events: &mut impl EventSink) {
        let mut left = volume;
        while !left.is_zero() {
            let first = |queue| {
                self.book
                    .best(queue)
                    .expect("an auction's volume is there on both sides")
            };
            let (bid_slot, ask_slot) = (first(Queue::Bids), first(Queue::Asks));
            let (bid, ask) = (self.book.order(bid_slot), self.book.order(ask_slot));
            let quantity = left.min(bid.displayed).min(ask.displayed);
            left.0 -= quantity.0;
            let (maker, taker) = if bid.priority < ask.priority {
                (&bid, &ask)
            } else {
                (&ask, &bid)
            };
            let open_after = |open: Quantity| Quantity(open.0 - quantity.0);
            events.event(Event::Trade {
                maker_id: maker.id,
                taker_id: taker.id,
                taker_side: taker.side,
                price,
                quantity,
                maker_open: open_after(maker.open()),
            });
            self.fill_first(
                Queue::Bids,
                bid_slot,
                quantity,
                open_after(bid.open()),
                events,
            );
            self.fill_first(
                Queue::Asks,
                ask_slot,
                quantity,
                open_after(ask.open()),
                events,
            );
        }
    }
}
