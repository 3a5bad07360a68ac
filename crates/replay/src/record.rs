//! What every format's records come down to: the events of an order-level book.
//!
//! Prices are integers in the format's own unit (`10^-4` dollars for LOBSTER and ITCH, `10^-9` for DBN, cents for
//! Bitstamp); whoever applies them divides by the instrument's tick. Quantities are integers in the format's unit.

use proofbook_types::Side;

/// One record of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which record of the file, counted from 1; for text files this is the line.
    pub number: u64,
    /// Its time in nanoseconds, on the format's own clock.
    pub time_ns: u64,
    /// Its kind, under the format's own name.
    pub kind: &'static str,
    /// Which instrument it concerns, by the format's own number; 0 where a file has only one.
    pub instrument: u32,
    /// Where the order that it concerns stands, if the record says so.
    pub standing: Option<Standing>,
    /// What it does.
    pub event: MarketEvent,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its side.
    pub side: Side,
    /// Its price.
    pub price: i64,
}

/// What a record does to the book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarketEvent {
    /// A new order stands last at its price.
    Add {
        /// The order.
        order_id: u64,
        /// Its side.
        side: Side,
        /// Its price.
        price: i64,
        /// Its quantity.
        quantity: u64,
    },
    /// A resting order traded.
    Execute {
        /// The resting order.
        order_id: u64,
        /// How much traded.
        quantity: u64,
        /// The price, where the record names it.
        price: Option<i64>,
    },
    /// The exchange says that a resting order traded, and says in further records what becomes of it.
    Fill {
        /// The resting order.
        order_id: u64,
        /// How much traded.
        quantity: u64,
        /// The price.
        price: i64,
    },
    /// Part of an order was cancelled; it keeps its place.
    Reduce {
        /// The order.
        order_id: u64,
        /// By how much.
        quantity: u64,
    },
    /// An order is gone.
    Delete {
        /// The order.
        order_id: u64,
        /// What it had left, where the record names it.
        quantity: Option<u64>,
    },
    /// An order is replaced by another one, last at its price.
    Replace {
        /// The order that is gone.
        order_id: u64,
        /// The order in its place, on the same side.
        new_id: u64,
        /// Its price.
        price: i64,
        /// Its quantity.
        quantity: u64,
    },
    /// An order has these terms now. It loses its place if the price changed or the quantity went up.
    Set {
        /// The order.
        order_id: u64,
        /// Its side.
        side: Side,
        /// Its price.
        price: i64,
        /// Its quantity.
        quantity: u64,
    },
    /// The book is empty.
    Clear,
    /// A trade report that names no resting order.
    Trade {
        /// The price.
        price: i64,
        /// How much traded.
        quantity: u64,
    },
    /// The exchange's own book.
    Published(Box<PublishedBook>),
    /// Nothing that concerns the book.
    Nothing,
}

impl MarketEvent {
    /// Whether this is an order's: it should change a book.
    pub fn is_order_event(&self) -> bool {
        !matches!(
            self,
            MarketEvent::Trade { .. }
                | MarketEvent::Fill { .. }
                | MarketEvent::Published(_)
                | MarketEvent::Nothing
                | MarketEvent::Clear
        )
    }
}

/// The exchange's own book, best level first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedBook {
    /// Buy side.
    pub bids: Vec<PublishedLevel>,
    /// Sell side.
    pub asks: Vec<PublishedLevel>,
}

impl PublishedBook {
    /// The levels of a side.
    pub fn side(&self, side: Side) -> &[PublishedLevel] {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }
}

/// A level of a published book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedLevel {
    /// Its price, in the format's unit.
    pub price: i64,
    /// The sum of what is shown at it.
    pub quantity: u64,
}

/// A format's parser: records one after another, in bounded memory.
pub trait RecordReader: Send {
    /// The next record, `None` at the end.
    ///
    /// # Errors
    /// The content breaks its format, or cannot be read.
    fn next_record(&mut self) -> Result<Option<Record>, crate::ReplayError>;

    /// The name of an instrument, as far as it is known by now.
    fn symbol(&self, _instrument: u32) -> Option<String> {
        None
    }
}
