//! Three ways to lay trades out in memory, each with the same sum: whole trades side by side, a column for each field, or blocks of short
//! columns.
//!
//! Whole trades need no preparation but bring fields into the cache that a sum does not read. Columns bring only what is read, from far apart. Blocks have
//! the columns of [`BLOCK`] trades next to each other. Which one wins depends on the machine, on the length of a burst, and on how often it is
//! read; the [`MemoryLayoutOptimizer`](super::MemoryLayoutOptimizer) measures it.
//!
//! Invariant: columns, and the columns of a block, have the same number of trades, in the order in which they came.

use std::fmt;

use proofbook_types::{OrderId, Price, Quantity, Side};

use super::{SumOverflow, Totals, Trade};

/// Trades of a block: one cache line for each of its columns of eight bytes.
pub const BLOCK: usize = 8;

/// A way to lay trades out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryLayout {
    /// Whole trades, side by side: as they are in their batch.
    ArrayOfStructures,
    /// A column for each field.
    StructureOfArrays,
    /// Blocks of short columns.
    Blocked,
}

impl MemoryLayout {
    /// All layouts; of equally fast ones, the first is taken.
    pub const ALL: [MemoryLayout; 3] = [
        MemoryLayout::ArrayOfStructures,
        MemoryLayout::StructureOfArrays,
        MemoryLayout::Blocked,
    ];
}

impl fmt::Display for MemoryLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MemoryLayout::ArrayOfStructures => "array of structures",
            MemoryLayout::StructureOfArrays => "structure of arrays",
            MemoryLayout::Blocked => "blocks",
        })
    }
}

/// Adds up pairs of price and quantity.
fn sum(pairs: impl Iterator<Item = (Price, Quantity)>) -> Result<Option<Totals>, SumOverflow> {
    let mut all: Option<Totals> = None;
    for (price, quantity) in pairs {
        let one = Totals::of(price, quantity);
        match &mut all {
            Some(all) => all.add(&one)?,
            None => all = Some(one),
        }
    }
    Ok(all)
}

/// Adds up whole trades where they are.
pub(super) fn sum_of_structures(trades: &[Trade]) -> Result<Option<Totals>, SumOverflow> {
    sum(trades.iter().map(|trade| (trade.price, trade.quantity)))
}

/// Trades as a column for each field.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    makers: Vec<OrderId>,
    takers: Vec<OrderId>,
    sides: Vec<Side>,
    prices: Vec<Price>,
    quantities: Vec<Quantity>,
}

impl Columns {
    /// Takes these trades in place of those before.
    pub fn fill<'a>(&mut self, trades: impl Iterator<Item = &'a Trade>) {
        self.makers.clear();
        self.takers.clear();
        self.sides.clear();
        self.prices.clear();
        self.quantities.clear();
        for trade in trades {
            self.makers.push(trade.maker);
            self.takers.push(trade.taker);
            self.sides.push(trade.taker_side);
            self.prices.push(trade.price);
            self.quantities.push(trade.quantity);
        }
    }

    /// The trades in sum.
    ///
    /// # Errors
    /// Where a sum does not fit its width.
    pub fn totals(&self) -> Result<Option<Totals>, SumOverflow> {
        sum(self
            .prices
            .iter()
            .copied()
            .zip(self.quantities.iter().copied()))
    }

    /// A trade, put together again.
    pub fn get(&self, number: usize) -> Option<Trade> {
        Some(Trade {
            maker: *self.makers.get(number)?,
            taker: self.takers[number],
            taker_side: self.sides[number],
            price: self.prices[number],
            quantity: self.quantities[number],
        })
    }
}

/// The columns of a few trades, each on a cache line of its own.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Block {
    prices: [Price; BLOCK],
    quantities: [Quantity; BLOCK],
    makers: [OrderId; BLOCK],
    takers: [OrderId; BLOCK],
    sides: [Side; BLOCK],
}

const NO_TRADES: Block = Block {
    prices: [Price(0); BLOCK],
    quantities: [Quantity(0); BLOCK],
    makers: [OrderId(0); BLOCK],
    takers: [OrderId(0); BLOCK],
    sides: [Side::Buy; BLOCK],
};

/// Trades as blocks of short columns.
#[derive(Clone, Debug, Default)]
pub struct Blocks {
    blocks: Vec<Block>,
    len: usize,
}

impl Blocks {
    /// Takes these trades in place of those before.
    pub fn fill<'a>(&mut self, trades: impl Iterator<Item = &'a Trade>) {
        self.blocks.clear();
        self.len = 0;
        for trade in trades {
            let place = self.len % BLOCK;
            if place == 0 {
                self.blocks.push(NO_TRADES);
            }
            let block = self
                .blocks
                .last_mut()
                .expect("the first trade of a block made it");
            block.prices[place] = trade.price;
            block.quantities[place] = trade.quantity;
            block.makers[place] = trade.maker;
            block.takers[place] = trade.taker;
            block.sides[place] = trade.taker_side;
            self.len += 1;
        }
    }

    /// The trades in sum.
    ///
    /// # Errors
    /// Where a sum does not fit its width.
    pub fn totals(&self) -> Result<Option<Totals>, SumOverflow> {
        let pairs = self
            .blocks
            .iter()
            .flat_map(|block| block.prices.into_iter().zip(block.quantities));
        sum(pairs.take(self.len))
    }

    /// A trade, put together again.
    pub fn get(&self, number: usize) -> Option<Trade> {
        if number >= self.len {
            return None;
        }
        let (block, place) = (&self.blocks[number / BLOCK], number % BLOCK);
        Some(Trade {
            maker: block.makers[place],
            taker: block.takers[place],
            taker_side: block.sides[place],
            price: block.prices[place],
            quantity: block.quantities[place],
        })
    }
}
