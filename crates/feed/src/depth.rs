//! What a book shows: levels, and the checksum over the best of them.

use std::fmt::Write;

use proofbook_book::{Book, Level};
use proofbook_types::{Price, Quantity, Queue, Timestamp};

/// Levels of each side that a checksum is over.
pub const CHECKSUM_LEVELS: usize = 25;

/// What a level shows. Hidden quantity is nobody's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelView {
    /// The price.
    pub price: Price,
    /// The sum of what orders show; zero where there is no level.
    pub quantity: Quantity,
    /// How many orders there are.
    pub orders: u32,
}

impl LevelView {
    /// The level of a queue at a price, as it is.
    pub(crate) fn read(book: &impl Book, queue: Queue, price: Price) -> Self {
        match book.level(queue, price) {
            Some(level) => level.into(),
            None => LevelView {
                price,
                quantity: Quantity::ZERO,
                orders: 0,
            },
        }
    }
}

impl From<Level> for LevelView {
    fn from(level: Level) -> Self {
        LevelView {
            price: level.price,
            quantity: level.displayed,
            orders: level.orders,
        }
    }
}

/// A book as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depth {
    /// The last flush before it: the delta whose `previous` this is goes on from it.
    pub sequence: u64,
    /// The exchange's last entry.
    pub entry: u64,
    /// The exchange's time.
    pub time: Timestamp,
    /// Bids, the best first.
    pub bids: Vec<LevelView>,
    /// Asks, the best first.
    pub asks: Vec<LevelView>,
    /// [`checksum`] of the book.
    pub checksum: u32,
}

/// The best levels of a queue, at most so many.
pub fn levels(book: &impl Book, queue: Queue, count: usize) -> impl Iterator<Item = Level> + '_ {
    let first = book.next_level(queue, None);
    let after = move |level: &Level| book.next_level(queue, Some(level.price));
    std::iter::successors(first, after).take(count)
}

/// CRC-32 (of zlib, PNG and so on) of a text: for the best [`CHECKSUM_LEVELS`] bids, then for as many asks, the best first, ticks,
/// lots and orders of each as `ticks:lots:orders;`.
pub fn checksum(
    bids: impl Iterator<Item = LevelView>,
    asks: impl Iterator<Item = LevelView>,
) -> u32 {
    let mut text = String::with_capacity(2 * CHECKSUM_LEVELS * 24);
    for level in bids.take(CHECKSUM_LEVELS).chain(asks.take(CHECKSUM_LEVELS)) {
        let (ticks, lots) = (level.price.0, level.quantity.0);
        write!(text, "{ticks}:{lots}:{};", level.orders).expect("a text takes all");
    }
    crc32fast::hash(text.as_bytes())
}

/// The checksum of a book.
pub(crate) fn checksum_of(book: &impl Book) -> u32 {
    let best = |queue| levels(book, queue, CHECKSUM_LEVELS).map(LevelView::from);
    checksum(best(Queue::Bids), best(Queue::Asks))
}
