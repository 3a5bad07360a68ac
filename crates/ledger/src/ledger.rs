//! The committed state, kept up batch by batch.

use proofbook_book::Book;
use proofbook_commitment::maps::{map_link, ROOT_WORDS};
use proofbook_commitment::node::Preimage;
use proofbook_commitment::store::{closed_link, Complete, Link, Node, Recorder};
use proofbook_commitment::{
    node, Digest, Header, Map, Maps, OrderWords, Permutation, PublicValues, Store, Tag, MAPS,
};
use proofbook_matching::MatchingEngine;
use proofbook_poseidon2_simd::{Kernel, Preimages};
use proofbook_transition::{apply, BatchInput, Observer};
use proofbook_types::{Command, MarketConfig, Order, Queue};

use crate::follow::Follower;
use crate::layers::Layers;
use crate::record::{ListRoots, Record};

/// Every node of a market's committed state.
#[derive(Clone, Debug)]
pub struct Ledger<P> {
    config: MarketConfig,
    header: Header,
    follower: Follower,
    maps: Maps<P, Complete>,
    /// Number of the last batch.
    batch: u64,
    /// The state root after it.
    root: Digest,
    kernel: Kernel,
    layers: Layers,
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

/// The state root, as [`Header::state_root`] gives it.
fn state_root(kernel: Kernel, header: &Header) -> Digest {
    let mut blocks = [[0; 4]; 1 + MAPS + 2];
    blocks[0] = header.config.0;
    for (block, root) in blocks[1..].iter_mut().zip(header.roots) {
        *block = root.0;
    }
    blocks[1 + MAPS..].copy_from_slice(&node::seven(&header.counters.words()));
    let mut preimages = [Preimages::default(), Preimages::default()];
    preimages[0].set(
        0,
        &Preimage {
            tag: Tag::State,
            parameter: 0,
            blocks,
        },
    );
    kernel.hash_two(&preimages, 1)[0].get(0)
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
        let maps = Maps::new(Store::new(vec![0; ROOT_WORDS], Complete));
        let mut follower = Follower::new(header.counters);
        for order in orders {
            follower.add(order);
        }
        let mut ledger = Ledger {
            config,
            follower,
            header,
            maps,
            batch: 0,
            root: Digest::EMPTY,
            kernel: Kernel::detect(),
            layers: Layers::default(),
        };
        ledger.hash();
        ledger
    }

    /// Lets a certain instruction set do the hashing; without this, the fastest one that the machine has does.
    pub fn use_kernel(&mut self, kernel: Kernel) {
        self.kernel = kernel;
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
        self.root
    }

    /// Number of the last batch.
    pub fn batch(&self) -> u64 {
        self.batch
    }

    /// Where to tell what the market does, between two batches.
    pub fn follower(&mut self) -> &mut Follower {
        &mut self.follower
    }

    /// Brings the tries up to what was followed, each changed order once, without hashing anything. [`commit`](Self::commit) does it, if
    /// nobody has.
    pub fn settle(&mut self) {
        let maps = &mut self.maps;
        self.follower
            .take_changed(|old, new| bring_up(maps, old, new));
    }

    /// Ends a batch: brings the tries up to what was followed and hashes what that touched, each node once.
    pub fn commit(&mut self) -> Digest {
        self.hash();
        self.batch += 1;
        self.root
    }

    fn hash(&mut self) {
        self.settle();
        self.header.roots = self.layers.rehash(self.kernel, &mut self.maps);
        self.header.counters = *self.follower.counters();
        self.root = state_root(self.kernel, &self.header);
    }

    /// Follows what a market did.
    pub fn follow(&mut self, record: &Record) {
        for (command, events) in record.iter() {
            self.follower.command(command);
            for &event in events {
                self.follower.event(command, event);
            }
        }
    }

    /// Follows a batch, ends it, and gives what a proof of it would say.
    ///
    /// No command may have come since the last batch ended.
    pub fn close(&mut self, record: &Record) -> PublicValues {
        let (before, previous_root) = (self.header.counters, self.root);
        self.follow(record);
        self.commit();
        let after = &self.header.counters;
        let ListRoots { commands, events } = record.roots(self.kernel);
        PublicValues {
            market: self.config.market,
            config: self.header.config,
            batch: self.batch,
            first_sequence: before.sequence + 1,
            last_sequence: after.sequence,
            clock_before: before.clock.0,
            clock_after: after.clock.0,
            previous_root,
            new_root: self.root,
            commands: record.commands().len() as u64,
            command_root: commands,
            events: record.events().len() as u64,
            event_root: events,
        }
    }

    /// Runs a batch over the committed state and ends it: what a proof of it takes, and what it will say.
    ///
    /// No command may have come since the last batch ended.
    pub fn seal(&mut self, commands: &[Command]) -> Sealed {
        let mut words = vec![0; ROOT_WORDS];
        for map in Map::ALL {
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

    pub(crate) fn maps(&self) -> &Maps<P, Complete> {
        &self.maps
    }

    /// Checks the tries against the orders, at any cost.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&self) -> Result<(), String> {
        self.maps.check(self.header.counters.orders as usize)
    }
}

/// Brings one order up: where the tries have it, what it is now; gives where they have it then.
fn bring_up<P: Permutation>(
    maps: &mut Maps<P, Complete>,
    old: Option<Node>,
    new: Option<&Order>,
) -> Option<Node> {
    let new = new.map(order_words);
    if let Some(old) = old {
        if let Some(new) = new {
            let mut words = maps.order(old);
            // Displayed, hidden and filled quantity change in place; anything else moves the order.
            words[5..7].copy_from_slice(&new[5..7]);
            words[8] = new[8];
            if words == new {
                maps.set_quantities(old, new[5], new[6], new[8]);
                return Some(old);
            }
        }
        maps.remove(old);
    }
    new.map(|new| maps.insert(&new))
}
