//! Proofs about a state: that an order rests, how many are ahead of it, how deep the book is, that an id is free.
//!
//! One proof can show any number of things; what they share it holds once. It is checked against a state root, and then
//! asked: an answer is either what the committed market holds, or the error that the proof does not show it.

use alloc::vec::Vec;

use proofbook_types::{Counters, Order, Price, Queue, ORDERS_MAX, ORDER_WORDS};

use crate::header::{Header, MAPS};
use crate::maps::{level_key, level_price, OrderWords};
use crate::node;
use crate::part::{malformed, put_words, Cursor, Part, ProofError, ShownLeaf};
use crate::sponge::{Digest, Permutation};

/// An order, at its level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownOrder(pub OrderWords);

impl ShownLeaf for ShownOrder {
    type Key = u64;
    const KEY_BITS: u32 = 64;

    fn key(&self) -> u64 {
        self.0[9]
    }

    fn digest<P: Permutation>(&self) -> Digest {
        node::order(&self.0).digest::<P>()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_words(&self.0, out);
    }

    fn decode(cursor: &mut Cursor<'_>) -> Result<Self, ProofError> {
        Ok(ShownOrder(cursor.words()?))
    }
}

impl ShownOrder {
    /// The order.
    ///
    /// # Errors
    /// Words that encode none.
    pub fn order(&self) -> Result<Order, ProofError> {
        let mut words = [0; ORDER_WORDS];
        words[..ORDER_WORDS - 1].copy_from_slice(&self.0);
        Order::from_words(&words).or(malformed("an order's words encode no order"))
    }
}

/// A level, in its queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownLevel {
    /// Its key.
    pub key: u64,
    /// Sum of what its orders show.
    pub displayed: u64,
    /// Sum of what they hide.
    pub hidden: u64,
    /// How many they are.
    pub orders: u32,
    /// The orders by priority.
    pub members: Part<ShownOrder>,
}

impl ShownLeaf for ShownLevel {
    type Key = u64;
    const KEY_BITS: u32 = 64;

    fn key(&self) -> u64 {
        self.key
    }

    fn digest<P: Permutation>(&self) -> Digest {
        let root = self.members.digest::<P>();
        node::level(self.orders, self.key, self.displayed, self.hidden, root).digest::<P>()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_words(&[self.key, self.displayed, self.hidden], out);
        out.extend(self.orders.to_le_bytes());
        self.members.encode(out);
    }

    fn decode(cursor: &mut Cursor<'_>) -> Result<Self, ProofError> {
        let [key, displayed, hidden] = cursor.words()?;
        let orders = cursor.number()?;
        // It is a parameter of the hash: two that differ by the field's order lead to one root. No market has more than 2^24.
        if !(1..=ORDERS_MAX).contains(&orders) {
            return malformed("a level has 1 to 2^24 orders");
        }
        Ok(ShownLevel {
            key,
            displayed,
            hidden,
            orders,
            members: Part::decode(cursor)?,
        })
    }
}

/// Where the order with an id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownId {
    /// The id.
    pub id: u64,
    /// Its queue.
    pub queue: Queue,
    /// The key of its level.
    pub level_key: u64,
    /// Its priority.
    pub priority: u64,
}

impl ShownLeaf for ShownId {
    type Key = u64;
    const KEY_BITS: u32 = 64;

    fn key(&self) -> u64 {
        self.id
    }

    fn digest<P: Permutation>(&self) -> Digest {
        node::id(self.queue as u32, self.id, self.level_key, self.priority).digest::<P>()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.queue as u8);
        put_words(&[self.id, self.level_key, self.priority], out);
    }

    fn decode(cursor: &mut Cursor<'_>) -> Result<Self, ProofError> {
        let queue = match Queue::ALL.get(usize::from(cursor.byte()?)) {
            Some(queue) => *queue,
            None => return malformed("a queue is 0 to 3"),
        };
        let [id, level_key, priority] = cursor.words()?;
        Ok(ShownId {
            id,
            queue,
            level_key,
            priority,
        })
    }
}

/// A live order and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The order.
    pub order: Order,
    /// Its level.
    pub level: &'a ShownLevel,
}

/// What comes before an order at its price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ahead {
    /// How many orders.
    pub orders: u32,
    /// What they show.
    pub displayed: u64,
}

/// A proof about a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateProof {
    /// Hash of the configuration.
    pub config: Digest,
    /// What the market counts.
    pub counters: Counters,
    /// Levels of the four queues.
    pub queues: [Part<ShownLevel>; 4],
    /// Orders by id.
    pub ids: Part<ShownId>,
    /// The roots of the indices of expiries and accounts, of which nothing is shown.
    pub others: [Digest; 2],
}

impl StateProof {
    /// The header that the proof leads to.
    pub fn header<P: Permutation>(&self) -> Header {
        let mut roots = [Digest::EMPTY; MAPS];
        for (root, queue) in roots.iter_mut().zip(&self.queues) {
            *root = queue.digest::<P>();
        }
        roots[4] = self.ids.digest::<P>();
        roots[5..].copy_from_slice(&self.others);
        Header {
            config: self.config,
            roots,
            counters: self.counters,
        }
    }

    /// Checks that the proof is one about the state with this root. Before that, its answers mean nothing.
    ///
    /// # Errors
    /// [`ProofError::WrongRoot`] where it is about another.
    pub fn check<P: Permutation>(&self, root: Digest) -> Result<(), ProofError> {
        let received = self.header::<P>().state_root::<P>();
        if received == root {
            Ok(())
        } else {
            Err(ProofError::WrongRoot {
                expected: root,
                received,
            })
        }
    }

    /// The live order with an id, and its level; `None` where there is none.
    ///
    /// # Errors
    /// [`ProofError::NotShown`].
    pub fn order(&self, id: u64) -> Result<Option<Place<'_>>, ProofError> {
        let Some(entry) = self.ids.find(id)? else {
            return Ok(None);
        };
        let level = self.queues[entry.queue as usize].find(entry.level_key)?;
        let Some(level) = level else {
            return malformed("an order's level is not in its queue");
        };
        match level.members.find(entry.priority)? {
            Some(shown) if shown.0[1] == id => Ok(Some(Place {
                order: shown.order()?,
                level,
            })),
            _ => malformed("an order is not at its level"),
        }
    }

    /// What is ahead of a live order at its price; `None` where no live order has the id.
    ///
    /// # Errors
    /// [`ProofError::NotShown`].
    pub fn ahead(&self, id: u64) -> Result<Option<Ahead>, ProofError> {
        let Some(place) = self.order(id)? else {
            return Ok(None);
        };
        let mut ahead = Ahead::default();
        place.level.members.visit(&mut |other| {
            let is_ahead = other.key() < place.order.priority;
            if is_ahead {
                ahead.orders += 1;
                ahead.displayed = ahead.displayed.saturating_add(other.0[5]);
            }
            is_ahead
        })?;
        Ok(Some(ahead))
    }

    /// The level of a queue at a price; `None` where there is none.
    ///
    /// # Errors
    /// [`ProofError::NotShown`].
    pub fn level(&self, queue: Queue, price: Price) -> Result<Option<&ShownLevel>, ProofError> {
        self.queues[queue as usize].find(level_key(queue, price.0))
    }

    /// The best levels of a queue, best first: as many as asked, or all there are. Each with its price.
    ///
    /// # Errors
    /// [`ProofError::NotShown`].
    pub fn depth(
        &self,
        queue: Queue,
        levels: usize,
    ) -> Result<Vec<(Price, ShownLevel)>, ProofError> {
        let mut found = Vec::new();
        if levels > 0 {
            self.queues[queue as usize].visit(&mut |level| {
                let price = Price(level_price(queue, level.key));
                found.push((price, level.clone()));
                found.len() < levels
            })?;
        }
        Ok(found)
    }

    /// The only encoding: configuration, counters, the four queues, the ids, the other two roots.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(self.config.encode());
        put_words(&self.counters.words(), &mut out);
        self.queues.iter().for_each(|queue| queue.encode(&mut out));
        self.ids.encode(&mut out);
        for other in self.others {
            out.extend(other.encode());
        }
        out
    }

    /// The proof that encodes to exactly these bytes.
    ///
    /// # Errors
    /// [`ProofError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ProofError> {
        let mut cursor = Cursor::new(bytes);
        let config = cursor.digest()?;
        let Some(counters) = Counters::from_words(&cursor.words()?) else {
            return malformed("the counters are not canonical");
        };
        let proof = StateProof {
            config,
            counters,
            queues: [
                Part::decode(&mut cursor)?,
                Part::decode(&mut cursor)?,
                Part::decode(&mut cursor)?,
                Part::decode(&mut cursor)?,
            ],
            ids: Part::decode(&mut cursor)?,
            others: [cursor.digest()?, cursor.digest()?],
        };
        cursor.end()?;
        Ok(proof)
    }
}
