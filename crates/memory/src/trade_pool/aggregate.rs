//! A burst of trades, added up by maker, by taker, by price, and over all.
//!
//! Each grouping is a table: the groups in the order in which they first appeared, and an index into them with open addressing and linear
//! probing (D. Knuth, The Art of Computer Programming, volume 3, section 6.4). The hash is a multiplication, so that equal bursts give equal tables, and
//! no result depends on it. A table that has grown is cleared by its groups and not by its size, and keeps its memory.
//!
//! Invariants: each key has one group; at most half of an index is used; a group knows its place in the index.

use proofbook_types::{OrderId, Price};

use super::{SumOverflow, Totals, Trade};

/// Places of the smallest index.
const INDEX_MIN: usize = 64;

/// Multiplier of Fibonacci hashing: 2^64 divided by the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// The trades of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<K> {
    /// The key.
    pub key: K,
    /// Its trades in sum.
    pub totals: Totals,
    place: u32,
}

/// What a table is keyed by.
trait Key: Copy + Eq {
    /// Its bits.
    fn bits(self) -> u64;
}

impl Key for OrderId {
    fn bits(self) -> u64 {
        self.0
    }
}

impl Key for Price {
    fn bits(self) -> u64 {
        self.0 as u64
    }
}

/// Groups by one key.
#[derive(Clone, Debug)]
struct Table<K> {
    groups: Vec<Group<K>>,
    /// For each place the number of its group, counted from 1; 0 where it is free.
    index: Vec<u32>,
}

impl<K: Key> Table<K> {
    fn new() -> Self {
        Table {
            groups: Vec::new(),
            index: vec![0; INDEX_MIN],
        }
    }

    /// The place of a key, or the free one where it would be.
    fn place(&self, key: K) -> usize {
        let mask = self.index.len() - 1;
        let shift = u64::BITS - self.index.len().trailing_zeros();
        let mut place = (key.bits().wrapping_mul(MULTIPLIER) >> shift) as usize;
        while let Some(number) = self.index[place].checked_sub(1) {
            if self.groups[number as usize].key == key {
                break;
            }
            place = (place + 1) & mask;
        }
        place
    }

    fn add(&mut self, key: K, totals: &Totals) -> Result<(), SumOverflow> {
        let place = self.place(key);
        if let Some(number) = self.index[place].checked_sub(1) {
            return self.groups[number as usize].totals.add(totals);
        }
        let number = u32::try_from(self.groups.len() + 1);
        let number = number.map_err(|_| SumOverflow {
            what: "number of groups",
        })?;
        self.index[place] = number;
        self.groups.push(Group {
            key,
            totals: *totals,
            place: place as u32,
        });
        if self.groups.len() * 2 > self.index.len() {
            self.grow();
        }
        Ok(())
    }

    fn grow(&mut self) {
        self.index = vec![0; self.index.len() * 2];
        for number in 0..self.groups.len() {
            let place = self.place(self.groups[number].key);
            self.index[place] = number as u32 + 1;
            self.groups[number].place = place as u32;
        }
    }

    fn clear(&mut self) {
        for group in self.groups.drain(..) {
            self.index[group.place as usize] = 0;
        }
    }

    fn get(&self, key: K) -> Option<&Totals> {
        let number = self.index[self.place(key)].checked_sub(1)?;
        Some(&self.groups[number as usize].totals)
    }
}

/// Adds bursts up, one after another; once it has seen the largest one, it allocates nothing.
#[derive(Clone, Debug)]
pub struct TradeResultAggregator {
    by_maker: Table<OrderId>,
    by_taker: Table<OrderId>,
    by_price: Table<Price>,
    all: Option<Totals>,
}

impl Default for TradeResultAggregator {
    fn default() -> Self {
        TradeResultAggregator {
            by_maker: Table::new(),
            by_taker: Table::new(),
            by_price: Table::new(),
            all: None,
        }
    }
}

impl TradeResultAggregator {
    /// One that has seen nothing.
    pub fn new() -> Self {
        TradeResultAggregator::default()
    }

    /// Forgets all trades.
    pub fn clear(&mut self) {
        self.by_maker.clear();
        self.by_taker.clear();
        self.by_price.clear();
        self.all = None;
    }

    /// Adds trades, in their order.
    ///
    /// # Errors
    /// Where a sum does not fit its width; what was added before stays, and the trade at fault may be in some of the groupings.
    pub fn add<'a>(
        &mut self,
        trades: impl IntoIterator<Item = &'a Trade>,
    ) -> Result<(), SumOverflow> {
        for trade in trades {
            let totals = Totals::of(trade.price, trade.quantity);
            match &mut self.all {
                Some(all) => all.add(&totals)?,
                None => self.all = Some(totals),
            }
            self.by_maker.add(trade.maker, &totals)?;
            self.by_taker.add(trade.taker, &totals)?;
            self.by_price.add(trade.price, &totals)?;
        }
        Ok(())
    }

    /// All trades in sum, if there were any.
    pub fn all(&self) -> Option<&Totals> {
        self.all.as_ref()
    }

    /// The makers, in the order in which they first traded.
    pub fn makers(&self) -> &[Group<OrderId>] {
        &self.by_maker.groups
    }

    /// The takers, in the order in which they first traded.
    pub fn takers(&self) -> &[Group<OrderId>] {
        &self.by_taker.groups
    }

    /// The prices, in the order in which they were first traded at.
    pub fn prices(&self) -> &[Group<Price>] {
        &self.by_price.groups
    }

    /// What an order traded as maker.
    pub fn maker(&self, order: OrderId) -> Option<&Totals> {
        self.by_maker.get(order)
    }

    /// What an order traded as taker.
    pub fn taker(&self, order: OrderId) -> Option<&Totals> {
        self.by_taker.get(order)
    }

    /// What was traded at a price.
    pub fn price(&self, price: Price) -> Option<&Totals> {
        self.by_price.get(price)
    }
}
