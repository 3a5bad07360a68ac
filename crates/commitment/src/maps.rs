//! A market's orders in its seven maps: four queues of price levels, and the indices of ids, expiries and accounts.
//!
//! A queue is a trie of levels by price, the better first; a level holds its sums and a trie of its orders by priority.
//! The index of ids says where an order is. So everything a book is asked can be answered from a few nodes, and the
//! answer is as complete as the path that led to it: the first leaf of a trie has nothing before it.
//!
//! Invariant: the maps agree with each other, since each change goes through all of them. Nothing but the history of a root
//! shows this; a root that no proof leads to is worth nothing.

use alloc::string::String;

use proofbook_types::{Queue, ORDER_WORDS};

use crate::header::{Map, MAPS};
use crate::sponge::{Digest, Permutation};
use crate::store::{kind, orders_link, own_word, Link, Node, Source, Store, LINK_WORDS, STALE};
use crate::trie::Leaf;

mod check;

/// Words of an order's encoding that are not always zero.
pub type OrderWords = [u64; ORDER_WORDS - 1];

/// Offsets in an order's encoding, and so in its node, which begins one word before it.
mod field {
    pub const TAGS: usize = 1;
    pub const ID: usize = 2;
    pub const ACCOUNT: usize = 3;
    pub const DISPLAYED: usize = 6;
    pub const HIDDEN: usize = 7;
    pub const DISPLAY: usize = 8;
    pub const FILLED: usize = 9;
    pub const PRIORITY: usize = 10;
    pub const LEVEL: usize = 12;
}

/// Offsets in a level's node.
mod level_field {
    pub const KEY: usize = 1;
    pub const DISPLAYED: usize = 2;
    pub const HIDDEN: usize = 3;
    pub const FIRST: usize = 9;
}

/// A price as a level's key in its queue: the better price has the lower key.
#[inline(always)]
pub const fn level_key(queue: Queue, price: i64) -> u64 {
    let ascending = price as u64 ^ 1 << 63;
    if queue.is_descending() {
        !ascending
    } else {
        ascending
    }
}

/// The price with a level's key.
#[inline(always)]
pub const fn level_price(queue: Queue, key: u64) -> i64 {
    let ascending = if queue.is_descending() { !key } else { key };
    (ascending ^ 1 << 63) as i64
}

macro_rules! leaves {
    ($($(#[$doc:meta])* $name:ident: $key:ty = |$store:ident, $leaf:ident| $value:expr;)*) => {
        $($(#[$doc])*
        struct $name;
        impl Leaf for $name {
            type Key = $key;
            #[inline(always)]
            fn key<P: Permutation, S: Source>($store: &Store<P, S>, $leaf: Node) -> $key {
                $value
            }
        })*
    };
}

leaves! {
    Levels: u64 = |store, leaf| store.word(leaf.0, level_field::KEY);
    Orders: u64 = |store, leaf| store.word(leaf.0, field::PRIORITY);
    Ids: u64 = |store, leaf| store.word(leaf.0, 1);
    Expiries: (u64, u64) = |store, leaf| (store.word(leaf.0, 1), store.word(leaf.0, 2));
    Accounts: (u64, u64) = |store, leaf| (store.word(leaf.0, 1), store.word(leaf.0, 2));
}

/// Words before the first node: one that is never used, and the links to the maps.
pub const ROOT_WORDS: usize = 1 + MAPS * LINK_WORDS;

/// The link to a map.
#[inline(always)]
pub const fn map_link(map: Map) -> Link {
    Link(1 + map as usize * LINK_WORDS)
}

/// The link to a queue's map.
#[inline(always)]
pub const fn queue_link(queue: Queue) -> Link {
    Link(1 + queue as usize * LINK_WORDS)
}

/// What a level says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelSums {
    /// Its key.
    pub key: u64,
    /// Sum of what is shown.
    pub displayed: u64,
    /// Sum of what is hidden.
    pub hidden: u64,
    /// Number of orders.
    pub orders: u32,
}

/// A market's orders.
#[derive(Clone, Debug)]
pub struct Maps<P, S> {
    /// The nodes. Its first words are those of [`ROOT_WORDS`].
    pub store: Store<P, S>,
    /// The first level of each queue, or that it has none, where that is known.
    best: [Option<Option<Node>>; 4],
    /// The last id that was looked for in vain, and the leaf that was found instead.
    missing: Option<(u64, Option<Node>)>,
}

impl<P: Permutation, S: Source> Maps<P, S> {
    /// Maps over a store that begins with the links to them.
    pub fn new(store: Store<P, S>) -> Self {
        Maps {
            store,
            best: [None; 4],
            missing: None,
        }
    }

    /// The roots of all maps, in the order of [`Map`], with whatever is out of date hashed anew.
    pub fn roots(&mut self) -> [Digest; MAPS] {
        Map::ALL.map(|map| self.store.rehash(map_link(map)))
    }

    /// The live order with an id.
    #[inline]
    pub fn find(&mut self, id: u64) -> Option<Node> {
        let entry = match self.store.search::<Ids>(map_link(Map::Ids), id) {
            Ok(entry) => entry,
            Err(closest) => {
                self.missing = Some((id, closest));
                return None;
            }
        };
        let known = self.store.word(entry.0, 4) as u32 as usize;
        if known != 0 {
            return Some(Node(known));
        }
        let queue = Queue::ALL[self.store.parameter(entry) as usize];
        let level = self
            .store
            .find::<Levels>(queue_link(queue), self.store.word(entry.0, 2))
            .expect("an order's level is in its queue");
        let priority = self.store.word(entry.0, 3);
        let order = self
            .store
            .find::<Orders>(orders_link(level), priority)
            .expect("an order is in its level");
        self.store.set_word(order.0, field::LEVEL, level.0 as u64);
        self.store.set_word(entry.0, 4, order.0 as u64);
        Some(order)
    }

    /// The first level of a queue.
    #[inline]
    pub fn best_level(&mut self, queue: Queue) -> Option<Node> {
        match self.best[queue as usize] {
            Some(best) => best,
            None => {
                let best = self.store.first(queue_link(queue));
                self.best[queue as usize] = Some(best);
                best
            }
        }
    }

    /// A level's price.
    #[inline]
    pub fn price(&self, queue: Queue, level: Node) -> i64 {
        level_price(queue, self.store.word(level.0, level_field::KEY))
    }

    /// A level's sums.
    pub fn sums(&self, level: Node) -> LevelSums {
        LevelSums {
            key: self.store.word(level.0, level_field::KEY),
            displayed: self.store.word(level.0, level_field::DISPLAYED),
            hidden: self.store.word(level.0, level_field::HIDDEN),
            orders: self.store.parameter(level),
        }
    }

    /// The level of a queue at a price.
    pub fn level(&mut self, queue: Queue, price: i64) -> Option<Node> {
        self.store
            .find::<Levels>(queue_link(queue), level_key(queue, price))
    }

    /// The level of a queue that follows a price, whether or not there is a level at it.
    pub fn level_after(&mut self, queue: Queue, price: i64) -> Option<Node> {
        self.store
            .after::<Levels>(queue_link(queue), level_key(queue, price))
    }

    /// The first order of a level.
    #[inline]
    pub fn front(&mut self, level: Node) -> Node {
        let known = self.store.word(level.0, level_field::FIRST) as u32 as usize;
        if known != 0 {
            return Node(known);
        }
        let order = self
            .store
            .first(orders_link(level))
            .expect("a level has orders");
        self.store.set_word(order.0, field::LEVEL, level.0 as u64);
        self.store
            .set_word(level.0, level_field::FIRST, order.0 as u64);
        order
    }

    /// The order that follows one at its level.
    pub fn order_after(&mut self, order: Node) -> Option<Node> {
        let level = self.level_of(order);
        let priority = self.store.word(order.0, field::PRIORITY);
        let next = self.store.after::<Orders>(orders_link(level), priority)?;
        self.store.set_word(next.0, field::LEVEL, level.0 as u64);
        Some(next)
    }

    /// The level of an order.
    #[inline]
    pub fn level_of(&self, order: Node) -> Node {
        Node(self.store.word(order.0, field::LEVEL) as usize)
    }

    /// The queue of an order.
    #[inline]
    pub fn queue_of(&self, order: Node) -> Queue {
        queue_of(self.store.word(order.0, field::TAGS))
    }

    /// An order's encoding.
    #[inline]
    pub fn order(&self, order: Node) -> OrderWords {
        let mut words = [0; ORDER_WORDS - 1];
        let place = order.0 + 1;
        words.copy_from_slice(&self.store.words()[place..place + ORDER_WORDS - 1]);
        words
    }

    /// An order's id.
    #[inline]
    pub fn id(&self, order: Node) -> u64 {
        self.store.word(order.0, field::ID)
    }

    /// An order's account.
    #[inline]
    pub fn account(&self, order: Node) -> u64 {
        self.store.word(order.0, field::ACCOUNT)
    }

    /// What an order shows.
    #[inline]
    pub fn displayed(&self, order: Node) -> u64 {
        self.store.word(order.0, field::DISPLAYED)
    }

    /// What an order hides.
    #[inline]
    pub fn hidden(&self, order: Node) -> u64 {
        self.store.word(order.0, field::HIDDEN)
    }

    /// What an iceberg shows at a time.
    #[inline]
    pub fn display(&self, order: Node) -> u64 {
        self.store.word(order.0, field::DISPLAY)
    }

    /// The expiry and id of the order that expires first.
    pub fn first_to_expire(&mut self) -> Option<(u64, u64)> {
        let leaf = self.store.first(map_link(Map::Expiries))?;
        Some((self.store.word(leaf.0, 1), self.store.word(leaf.0, 3)))
    }

    /// The id of an account's order that follows an id; its first one where there is none.
    pub fn account_order_after(&mut self, account: u64, id: Option<u64>) -> Option<u64> {
        let root = map_link(Map::Accounts);
        let leaf = match id {
            Some(id) => self.store.after::<Accounts>(root, (account, id))?,
            None => match self.store.find::<Accounts>(root, (account, 0)) {
                Some(leaf) => leaf,
                None => self.store.after::<Accounts>(root, (account, 0))?,
            },
        };
        (self.store.word(leaf.0, 1) == account).then(|| self.store.word(leaf.0, 2))
    }

    /// Adds an order whose id is not live, at its place among those of its level.
    pub fn insert(&mut self, words: &OrderWords) -> Node {
        let queue = queue_of(words[0]);
        let [_, id, account, price, stop_price, displayed, hidden, _, _, priority, expiry] = *words;
        let is_stop = matches!(queue, Queue::BuyStops | Queue::SellStops);
        let price = if is_stop { stop_price } else { price } as i64;
        let key = level_key(queue, price);
        let root = queue_link(queue);
        let level = match self.store.search::<Levels>(root, key) {
            Ok(level) => level,
            Err(closest) => self.add_level(queue, key, closest),
        };
        let (order, node) = self.store.make::<13>(kind::ORDER);
        node[0] = own_word(kind::ORDER, 0) | STALE;
        node[1..12].copy_from_slice(words);
        node[field::LEVEL] = level.0 as u64;
        self.add::<Orders>(orders_link(level), order, priority);
        let first = self.store.word(level.0, level_field::FIRST) as usize;
        if first == 0 || self.store.word(first, field::PRIORITY) > priority {
            self.forget_first(level);
        }
        self.touch_level(root, level);
        let own = self.store.word(level.0, 0) + (1 << 8);
        self.store.set_word(level.0, 0, own);
        self.add_to_sums(level, displayed, hidden);
        let (entry, node) = self.store.make(kind::ID);
        let own = own_word(kind::ID, queue as u32);
        *node = [own, id, key, priority, order.0 as u64];
        let ids = map_link(Map::Ids);
        match self.missing.take() {
            Some((missing, closest)) if missing == id => {
                self.store.insert::<Ids>(ids, entry, id, closest);
            }
            _ => self.add::<Ids>(ids, entry, id),
        }
        if account != 0 {
            let (leaf, node) = self.store.make(kind::ACCOUNT);
            *node = [own_word(kind::ACCOUNT, 0), account, id];
            self.add::<Accounts>(map_link(Map::Accounts), leaf, (account, id));
        }
        if expires(words[0]) {
            let (leaf, node) = self.store.make(kind::EXPIRY);
            *node = [own_word(kind::EXPIRY, 0), expiry, priority, id];
            self.add::<Expiries>(map_link(Map::Expiries), leaf, (expiry, priority));
        }
        order
    }

    /// Takes an order out.
    pub fn remove(&mut self, order: Node) {
        let words = self.order(order);
        let [tags, id, account, _, _, displayed, hidden, _, _, priority, expiry] = words;
        let queue = queue_of(tags);
        let level = self.level_of(order);
        self.store.take::<Orders>(orders_link(level), priority);
        if self.store.parameter(level) == 1 {
            let key = self.store.word(level.0, level_field::KEY);
            self.store.take::<Levels>(queue_link(queue), key);
            self.store.release(level);
            if self.best[queue as usize] == Some(Some(level)) {
                self.best[queue as usize] = None;
            }
        } else {
            if self.store.word(level.0, level_field::FIRST) == order.0 as u64 {
                self.forget_first(level);
            }
            self.touch_level(queue_link(queue), level);
            let own = self.store.word(level.0, 0) - (1 << 8);
            self.store.set_word(level.0, 0, own);
            self.take_from_sums(level, displayed, hidden);
        }
        self.store.release(order);
        self.missing = None;
        let entry = self.store.take::<Ids>(map_link(Map::Ids), id);
        self.store.release(entry);
        if account != 0 {
            let leaf = self
                .store
                .take::<Accounts>(map_link(Map::Accounts), (account, id));
            self.store.release(leaf);
        }
        if expires(tags) {
            let leaf = self
                .store
                .take::<Expiries>(map_link(Map::Expiries), (expiry, priority));
            self.store.release(leaf);
        }
    }

    /// Changes an order's quantities; it keeps its place.
    pub fn set_quantities(&mut self, order: Node, displayed: u64, hidden: u64, filled: u64) {
        let level = self.level_of(order);
        let own = self.store.word(order.0, 0);
        if own & STALE == 0 {
            self.store.set_word(order.0, 0, own | STALE);
            let priority = self.store.word(order.0, field::PRIORITY);
            self.store.touch::<Orders>(orders_link(level), priority);
            self.touch_level(queue_link(self.queue_of(order)), level);
        }
        self.take_from_sums(level, self.displayed(order), self.hidden(order));
        self.add_to_sums(level, displayed, hidden);
        self.store.set_word(order.0, field::DISPLAYED, displayed);
        self.store.set_word(order.0, field::HIDDEN, hidden);
        self.store.set_word(order.0, field::FILLED, filled);
    }

    /// What an order has traded.
    #[inline]
    pub fn filled(&self, order: Node) -> u64 {
        self.store.word(order.0, field::FILLED)
    }

    /// Checks whatever is open, at any cost: that levels hold what they say, and that all maps hold the same orders.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&self, orders: usize) -> Result<(), String> {
        check::check(self, orders)
    }

    #[inline]
    fn add<L: Leaf>(&mut self, root: Link, leaf: Node, key: L::Key) {
        match self.store.search::<L>(root, key) {
            Ok(_) => panic!("no leaf has the key yet"),
            Err(closest) => self.store.insert::<L>(root, leaf, key, closest),
        }
    }

    fn add_level(&mut self, queue: Queue, key: u64, closest: Option<Node>) -> Node {
        let (level, node) = self.store.make::<10>(kind::LEVEL);
        *node = [0; 10];
        node[0] = own_word(kind::LEVEL, 0) | STALE;
        node[level_field::KEY] = key;
        self.store
            .insert::<Levels>(queue_link(queue), level, key, closest);
        if let Some(best) = self.best[queue as usize] {
            if best.is_none_or(|best| self.store.word(best.0, level_field::KEY) > key) {
                self.best[queue as usize] = Some(Some(level));
            }
        }
        level
    }

    fn forget_first(&mut self, level: Node) {
        self.store.set_word(level.0, level_field::FIRST, 0);
    }

    #[inline]
    fn touch_level(&mut self, root: Link, level: Node) {
        let own = self.store.word(level.0, 0);
        if own & STALE == 0 {
            self.store.set_word(level.0, 0, own | STALE);
            let key = self.store.word(level.0, level_field::KEY);
            self.store.touch::<Levels>(root, key);
        }
    }

    fn add_to_sums(&mut self, level: Node, displayed: u64, hidden: u64) {
        let sum = self.store.word(level.0, level_field::DISPLAYED) + displayed;
        self.store.set_word(level.0, level_field::DISPLAYED, sum);
        let sum = self.store.word(level.0, level_field::HIDDEN) + hidden;
        self.store.set_word(level.0, level_field::HIDDEN, sum);
    }

    fn take_from_sums(&mut self, level: Node, displayed: u64, hidden: u64) {
        let sum = self.store.word(level.0, level_field::DISPLAYED) - displayed;
        self.store.set_word(level.0, level_field::DISPLAYED, sum);
        let sum = self.store.word(level.0, level_field::HIDDEN) - hidden;
        self.store.set_word(level.0, level_field::HIDDEN, sum);
    }
}

/// The queue of an order with these tags.
#[inline(always)]
fn queue_of(tags: u64) -> Queue {
    let is_sell = tags & 1;
    let is_stop = tags >> (24 + 3) & 1;
    Queue::ALL[(is_sell | is_stop << 1) as usize]
}

/// Whether an order with these tags expires.
#[inline(always)]
fn expires(tags: u64) -> bool {
    tags >> 8 & 0xff == 3
}
