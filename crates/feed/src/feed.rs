//! The public's view of an exchange: one of each market, made of outcomes.

use proofbook_book::Book;
use proofbook_exchange::{Exchange, MarketId, Outcome};

use crate::market::{History, MarketFeed};
use crate::trades::Place;

/// The public's view of an exchange.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    markets: Vec<MarketFeed>,
}

impl Feed {
    /// Starts with an exchange as it is.
    pub fn new<B: Book + Default>(exchange: &Exchange<B>) -> Self {
        let markets = exchange.markets();
        Feed {
            markets: markets
                .map(|(_, matching)| MarketFeed::new(matching.book()))
                .collect(),
        }
    }

    /// Takes the next outcome, which came of this entry.
    #[inline]
    pub fn take(&mut self, place: Place, outcome: &Outcome) {
        match outcome {
            Outcome::Command { market, number, .. } => self.at(*market).begin(*number, place),
            Outcome::Event { market, event } => self.at(*market).event(event),
            Outcome::Report(_) | Outcome::Balance { .. } | Outcome::Answer { .. } => {}
        }
    }

    /// A market, which is new and without orders if it was not there.
    fn at(&mut self, market: MarketId) -> &mut MarketFeed {
        let index = index(market);
        if index >= self.markets.len() {
            self.markets.resize_with(index + 1, MarketFeed::default);
        }
        &mut self.markets[index]
    }

    /// Takes over the markets that were listed since.
    pub fn catch_up<B: Book + Default>(&mut self, exchange: &Exchange<B>) {
        let count = exchange.markets().len();
        self.markets.resize_with(count, MarketFeed::default);
    }

    /// [`MarketFeed::start_over`] of every market.
    pub fn start_over(&mut self) {
        for market in &mut self.markets {
            market.start_over();
        }
    }

    /// [`MarketFeed::history`] of every market.
    pub fn histories(&self) -> Vec<History> {
        self.markets.iter().map(MarketFeed::history).collect()
    }

    /// [`MarketFeed::remember`] of every market.
    pub fn remember(&mut self, histories: Vec<History>) {
        for (market, history) in self.markets.iter_mut().zip(histories) {
            market.remember(history);
        }
    }

    /// A market.
    pub fn market(&self, market: MarketId) -> Option<&MarketFeed> {
        self.markets.get((market.0 as usize).checked_sub(1)?)
    }

    /// All markets, in the order of their numbers.
    pub fn markets_mut(&mut self) -> impl ExactSizeIterator<Item = &mut MarketFeed> {
        self.markets.iter_mut()
    }
}

/// Outcomes name markets that were listed, from 1 on.
fn index(market: MarketId) -> usize {
    let index = (market.0 as usize).checked_sub(1);
    index.expect("an exchange's markets are numbered from 1")
}
