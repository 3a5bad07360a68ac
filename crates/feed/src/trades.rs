//! Trades as the public sees them: the latest, and those that nobody was told yet. Both are bounded.

use std::collections::VecDeque;

use proofbook_types::{Price, Quantity, Side, Timestamp};

/// Trades of a market that can be asked for.
pub const TRADES_KEPT_MAX: usize = 1_024;

/// Trades of a market that may wait to be told.
pub const TRADES_NEW_MAX: usize = 1 << 14;

/// Bits of a trade's id that count within its command.
const INDEX_BITS: u32 = 20;

/// An entry and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The entry's number.
    pub entry: u64,
    /// Its time.
    pub time: Timestamp,
}

/// A trade without names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicTrade {
    /// Its id: the number of the market's command times 2^20, plus the trade's number within it, from 0. Ids rise, and are the
    /// same after each restart. (From its 2^20th trade on, a command's trades share the last.)
    pub id: u64,
    /// The entry that it came of.
    pub place: Place,
    /// The price.
    pub price: Price,
    /// How much.
    pub quantity: Quantity,
    /// The side of the order that came to the other.
    pub side: Side,
}

/// The id of a trade, by the market's command that it came of and its number within it, from 0.
pub fn trade_id(command: u64, index: u64) -> u64 {
    command << INDEX_BITS | index.min((1 << INDEX_BITS) - 1)
}

/// A market's trades.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trades {
    kept: VecDeque<PublicTrade>,
    new: Vec<PublicTrade>,
    are_missed: bool,
    command: u64,
    index: u64,
}

impl Trades {
    /// Trades that follow are of this command.
    pub(crate) fn begin(&mut self, command: u64) {
        (self.command, self.index) = (command, 0);
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        let id = trade_id(self.command, self.index);
        self.index += 1;
        id
    }

    pub(crate) fn push(&mut self, trade: PublicTrade) {
        if self.kept.len() == TRADES_KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(trade);
        if self.new.len() < TRADES_NEW_MAX {
            self.new.push(trade);
        } else {
            self.are_missed = true;
        }
    }

    /// The latest trades, at most so many, the oldest of them first.
    pub(crate) fn latest(&self, count: usize) -> impl ExactSizeIterator<Item = &PublicTrade> {
        let skipped = self.kept.len().saturating_sub(count);
        self.kept.range(skipped..)
    }

    pub(crate) fn new_trades(&self) -> &[PublicTrade] {
        &self.new
    }

    pub(crate) fn told(&mut self, count: usize) {
        self.new.drain(..count);
    }

    pub(crate) fn take_missed(&mut self) -> bool {
        std::mem::take(&mut self.are_missed)
    }
}
