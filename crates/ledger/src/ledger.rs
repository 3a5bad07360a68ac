//! The committed state, kept up batch by batch.

use proofbook_book::Book;
use proofbook_commitment::maps::{map_link, ROOT_WORDS};
use proofbook_commitment::store::{closed_link, Complete, Link, Recorder};
use proofbook_commitment::{
    node, Digest, Header, Map, Maps, OrderWords, Permutation, PublicValues, Store, MAPS,
};
use proofbook_matching::MatchingEngine;
use proofbook_transition::{apply, BatchInput};
use proofbook_types::{Command, MarketConfig, Order, OrderId, Queue};

use crate::follow::Follower;

const ALL_MAPS: [Map; MAPS] = [
    Map::Bids,
    Map::Asks,
    Map::BuyStops,
    Map::SellStops,
    Map::Ids,
    Map::Expiries,
    Map::Accounts,
];

/// Every node of a market's committed state.
#[derive(Clone, Debug)]
pub struct Ledger<P> {
    config: MarketConfig,
    header: Header,
    follower: Follower,
    maps: Maps<P, Complete>,
    /// Number of the last batch.
    batch: u64,
}

/// A batch ready to be proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// What the proof will say.
    pub values: PublicValues,
    /// The first input of the proven function.
    pub batch: Vec<u64>,
    /// The second: the nodes that it will look at.
    pub witness: Vec<u64>,
}

fn order_words(order: &Order) -> OrderWords {
    let [words @ .., _] = order.words();
    words
}

impl<P: Permutation> Ledger<P> {
    /// The committed state of a market that has taken no command.
    pub fn new(config: MarketConfig) -> Self {
        let header = Header::start::<P>(&config);
        Ledger::of(config, header, Vec::new())
    }

    /// The committed state of a market.
    pub fn of_engine<B: Book>(engine: &MatchingEngine<B>) -> Self {
        let book = engine.book();
        let mut orders = Vec::with_capacity(book.len());
        for queue in Queue::ALL {
            let mut slot = book.best(queue);
            while let Some(found) = slot {
                orders.push(book.order(found));
                slot = book.next(found);
            }
        }
        let config = *engine.config();
        let header = Header {
            config: node::config(&config.words()).digest::<P>(),
            roots: [Digest::EMPTY; MAPS],
            counters: engine.counters(),
        };
        Ledger::of(config, header, orders)
    }

    fn of(config: MarketConfig, header: Header, orders: Vec<Order>) -> Self {
        let mut maps = Maps::new(Store::new(vec![0; ROOT_WORDS], Complete));
        for order in &orders {
            maps.insert(&order_words(order));
        }
        let mut ledger = Ledger {
            config,
            follower: Follower::new(header.counters, orders),
            header,
            maps,
            batch: 0,
        };
        ledger.header.roots = ledger.maps.roots();
        ledger
    }

    /// The header after the last batch.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The market's terms.
    pub fn config(&self) -> &MarketConfig {
        &self.config
    }

    /// The state root after the last batch.
    pub fn root(&self) -> Digest {
        self.header.state_root::<P>()
    }

    /// Number of the last batch.
    pub fn batch(&self) -> u64 {
        self.batch
    }

    /// Where to tell what the market does, between two batches.
    pub fn follower(&mut self) -> &mut Follower {
        &mut self.follower
    }

    /// Ends a batch: brings the tries up to the events that came, each changed order once, and hashes what that touched.
    pub fn commit(&mut self) -> Digest {
        for id in self.follower.take_changed() {
            self.bring_up(id);
        }
        self.header.roots = self.maps.roots();
        self.header.counters = *self.follower.counters();
        self.batch += 1;
        self.root()
    }

    fn bring_up(&mut self, id: OrderId) {
        let old = self.maps.find(id.0);
        let new = self.follower.order(id).map(order_words);
        match (old, new) {
            (None, None) => {}
            (Some(old), None) => self.maps.remove(old),
            (None, Some(new)) => self.maps.insert(&new),
            (Some(old), Some(new)) => {
                let mut words = self.maps.order(old);
                // Displayed, hidden and filled quantity change in place; anything else moves the order.
                words[5..7].copy_from_slice(&new[5..7]);
                words[8] = new[8];
                if words == new {
                    self.maps.set_quantities(old, new[5], new[6], new[8]);
                } else {
                    self.maps.remove(old);
                    self.maps.insert(&new);
                }
            }
        }
    }

    /// Runs a batch over the committed state and ends it: what a proof of it takes, and what it will say.
    ///
    /// No command may have come since the last batch ended.
    pub fn seal(&mut self, commands: &[Command]) -> Sealed {
        let mut words = vec![0; ROOT_WORDS];
        for map in ALL_MAPS {
            let Link(place) = map_link(map);
            let link = closed_link(&self.maps.store, map_link(map));
            words[place..][..link.len()].copy_from_slice(&link);
        }
        let store = Store::<P, _>::new(words, Recorder::new(&self.maps.store));
        let encoded: Vec<_> = commands.iter().map(Command::words).collect();
        let number = self.batch + 1;
        let (values, book) = apply(
            number,
            &self.config,
            &self.header,
            store,
            &encoded,
            &mut self.follower,
        );
        let mut witness = vec![0; ROOT_WORDS];
        witness.extend(book.into_maps().store.into_source().into_words());
        let input = BatchInput {
            number,
            config: self.config,
            counters: self.header.counters,
            roots: self.header.roots,
            commands: commands.to_vec(),
        };
        self.commit();
        Sealed {
            values,
            batch: input.words(),
            witness,
        }
    }

    /// Checks the tries against the orders, at any cost.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&self) -> Result<(), String> {
        self.maps.check(self.header.counters.orders as usize)
    }
}
