//! The public's view of one market, made of its events and, when it is flushed, of its book.
//!
//! Invariants:
//! - every level whose shown quantity or number of orders an event changed is noted as touched;
//! - a delta names all touched levels as they are when it is made: whoever had the book of the flush before has this one then;
//! - sequences go up by one with each flush, and by two where what was touched is not known any more: that is a gap, behind
//!   which the whole book must be fetched.

use proofbook_book::Book;
use proofbook_exchange::MarketState;
use proofbook_matching::MatchingEngine;
use proofbook_types::{Event, OrderId, Queue, Side, Timestamp};

use crate::candles::{Candle, Candles, Interval};
use crate::depth::{checksum_of, levels, Depth, LevelView, CHECKSUM_LEVELS};
use crate::indicative::{indicative, Indicative};
use crate::resting::RestingOrders;
use crate::touched::Touched;
use crate::trades::{Place, PublicTrade, Trades};

/// What changed of a book between two flushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookDelta {
    /// The number of this flush.
    pub sequence: u64,
    /// The number of the flush before.
    pub previous: u64,
    /// Up to which entry it holds.
    pub place: Place,
    /// Bids that may have changed, the best first; a level of quantity zero is none.
    pub bids: Vec<LevelView>,
    /// Asks, as the bids.
    pub asks: Vec<LevelView>,
    /// The checksum of the whole book now.
    pub checksum: u32,
}

/// The state of a market, and in an auction its price as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The state.
    pub state: MarketState,
    /// The auction's price, where something would trade.
    pub indicative: Option<Indicative>,
}

/// Trades and candles as they are kept, the oldest first; candles by their lengths, the shortest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The latest trades.
    pub trades: Vec<PublicTrade>,
    /// The latest candles.
    pub candles: [Vec<Candle>; 4],
}

/// The public's view of one market.
#[derive(Clone, Debug)]
pub struct MarketFeed {
    resting: RestingOrders,
    touched: Touched,
    sequence: u64,
    trades: Trades,
    candles: Candles,
    place: Place,
    /// What was told last, and whether the book changed since it was made.
    status: Option<Status>,
    is_status_old: bool,
}

impl Default for MarketFeed {
    /// Of a market without orders.
    fn default() -> Self {
        MarketFeed {
            resting: RestingOrders::default(),
            touched: Touched::default(),
            sequence: 1,
            trades: Trades::default(),
            candles: Candles::default(),
            place: Place {
                entry: 0,
                time: Timestamp(0),
            },
            status: None,
            is_status_old: true,
        }
    }
}

impl MarketFeed {
    /// Starts with a book as it is, which nobody was told yet: its sequence is 1.
    pub fn new(book: &impl Book) -> Self {
        MarketFeed {
            resting: RestingOrders::of(book),
            ..MarketFeed::default()
        }
    }

    /// Nobody was told anything yet: the sequence is 1, and what happened so far is not told any more. Trades and candles can be asked for.
    pub fn start_over(&mut self) {
        self.touched = Touched::default();
        self.sequence = 1;
        self.trades.told(self.trades.new_trades().len());
        self.trades.take_missed();
        self.candles.told();
        self.status = None;
    }

    /// What is kept of the past.
    pub fn history(&self) -> History {
        History {
            trades: self.trades.latest(usize::MAX).copied().collect(),
            candles: self.candles.all(),
        }
    }

    /// Takes over what was kept up to here by another feed of the market. To be called before the first event.
    pub fn remember(&mut self, history: History) {
        self.trades.remember(history.trades);
        self.candles = Candles::start_with(history.candles);
    }

    /// The events that follow are of the market's command of this number, which came of this entry.
    #[inline]
    pub fn begin(&mut self, command: u64, place: Place) {
        self.trades.begin(command);
        self.place = place;
    }

    /// Takes the market's next event.
    #[inline]
    pub fn event(&mut self, event: &Event) {
        match *event {
            Event::Placed {
                order_id,
                queue: queue @ (Queue::Bids | Queue::Asks),
                price,
                displayed,
                hidden,
                ..
            } => {
                let (side, open) = (queue.side(), displayed.checked_add(hidden));
                let open = open.expect("what is open fits 64 bits");
                self.resting.place(order_id, side, price, open);
                self.touched.note(side, price);
            }
            Event::Trade {
                maker_id,
                taker_id,
                taker_side,
                price,
                quantity,
                ..
            } => {
                // In an auction both rest, each at its own price, and neither need be the trade's.
                for id in [maker_id, taker_id] {
                    if let Some(order) = self.resting.trade(id, quantity) {
                        self.touched.note(order.side, order.price);
                    }
                }
                let id = self.trades.next_id();
                self.candles.take(self.place.time, price, quantity);
                self.trades.push(PublicTrade {
                    id,
                    place: self.place,
                    price,
                    quantity,
                    side: taker_side,
                });
            }
            Event::Reduced { order_id, open, .. }
            | Event::Replaced {
                order_id,
                quantity: open,
                kept_priority: true,
                ..
            } => {
                if let Some(order) = self.resting.get_mut(order_id) {
                    order.open = open;
                    self.touched.note(order.side, order.price);
                }
            }
            Event::Cancelled { order_id, .. }
            | Event::Expired { order_id, .. }
            | Event::Replaced { order_id, .. } => self.leave(order_id),
            Event::PhaseChanged { .. } => self.is_status_old = true,
            // An iceberg's next slice: the trade before it touched the level. The others show nothing.
            Event::Refreshed { .. }
            | Event::Placed { .. }
            | Event::Accepted { .. }
            | Event::Rejected { .. }
            | Event::Triggered { .. }
            | Event::Uncrossed { .. } => {}
        }
    }

    fn leave(&mut self, order_id: OrderId) {
        if let Some(order) = self.resting.remove(order_id) {
            self.touched.note(order.side, order.price);
        }
    }

    /// The number of the last flush.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Whether the book may have changed since the last flush.
    pub fn has_changed(&self) -> bool {
        !self.touched.is_empty()
    }

    /// What may have changed since the last flush, as it is now, at entry `place`; `None` where nothing was touched.
    pub fn flush(&mut self, book: &impl Book, place: Place) -> Option<BookDelta> {
        if self.touched.is_empty() {
            return None;
        }
        self.is_status_old = true;
        if self.touched.take_lost() {
            // A number that nobody gets.
            self.sequence += 1;
        }
        let previous = self.sequence;
        self.sequence += 1;
        let (mut bids, mut asks) = (Vec::new(), Vec::new());
        for (side, price) in self.touched.drain() {
            let level = LevelView::read(book, Queue::resting(side), price);
            match side {
                Side::Buy => bids.push(level),
                Side::Sell => asks.push(level),
            }
        }
        Some(BookDelta {
            sequence: self.sequence,
            previous,
            place,
            bids,
            asks,
            checksum: checksum_of(book),
        })
    }

    /// The book as it is, with so many levels of each side at most. It may be ahead of the last flush, and the next one goes on from it.
    pub fn depth(&self, book: &impl Book, place: Place, count: usize) -> Depth {
        let best = |queue| -> Vec<LevelView> {
            let levels = levels(book, queue, count.max(CHECKSUM_LEVELS));
            levels.map(LevelView::from).collect()
        };
        let (mut bids, mut asks) = (best(Queue::Bids), best(Queue::Asks));
        let checksum = crate::checksum(bids.iter().copied(), asks.iter().copied());
        bids.truncate(count);
        asks.truncate(count);
        Depth {
            sequence: self.sequence,
            entry: place.entry,
            time: place.time,
            bids,
            asks,
            checksum,
        }
    }

    /// The market's status, if it is not what was told last.
    pub fn status<B: Book>(
        &mut self,
        state: MarketState,
        matching: &MatchingEngine<B>,
    ) -> Option<Status> {
        let last_state = self.status.map(|status| status.state);
        if last_state == Some(state) && (!self.is_status_old || state != MarketState::Auction) {
            return None;
        }
        let status = Status {
            state,
            indicative: indicative(matching),
        };
        self.is_status_old = false;
        let is_new = self.status != Some(status);
        self.status = Some(status);
        is_new.then_some(status)
    }

    /// Trades that nobody was told, the oldest first.
    pub fn new_trades(&self) -> &[PublicTrade] {
        self.trades.new_trades()
    }

    /// The first so many of [`MarketFeed::new_trades`] were told.
    pub fn trades_were_told(&mut self, count: usize) {
        self.trades.told(count);
    }

    /// Whether there were more trades than could wait since this was last asked.
    pub fn take_missed(&mut self) -> bool {
        self.trades.take_missed()
    }

    /// The latest trades, at most so many and [`crate::TRADES_KEPT_MAX`], the oldest of them first.
    pub fn latest_trades(&self, count: usize) -> impl ExactSizeIterator<Item = &PublicTrade> {
        self.trades.latest(count)
    }

    /// Candles that start at or after `since`, the oldest first.
    pub fn candles(
        &self,
        interval: Interval,
        since: Timestamp,
    ) -> impl ExactSizeIterator<Item = &Candle> {
        self.candles.since(interval, since)
    }

    /// Candles of a minute that changed and that nobody was told, the oldest first.
    pub fn changed_candles(&self) -> impl Iterator<Item = &Candle> {
        self.candles.changed()
    }

    /// All of [`MarketFeed::changed_candles`] were told.
    pub fn candles_were_told(&mut self) {
        self.candles.told();
    }
}

#[cfg(test)]
mod tests {
    use proofbook_books::Ladder;
    use proofbook_testkit::flow::RandomFlow;

    use super::*;

    #[test]
    fn the_resting_orders_are_those_of_the_book_after_each_command() {
        for seed in 0..60 {
            println!("seed {seed}");
            let mut flow = RandomFlow::new(seed);
            let config = flow.market().config;
            let matching = MatchingEngine::new(config, Ladder::default());
            let mut matching = matching.expect("they make a market");
            let mut feed = MarketFeed::default();
            for command in flow.by_ref().take(1_000) {
                matching.apply(&command, &mut |event: Event| feed.event(&event));
                assert_eq!(feed.resting, RestingOrders::of(matching.book()));
            }
        }
    }
}
