//! The structs that cross the border.
//!
//! Commands, events, orders and configurations cross as their canonical encodings: on a little-endian machine the C
//! structs of `proofbook.h` have exactly that layout, so a command read from a journal and one filled in by hand are
//! the same 72 bytes. Only what has no encoding is a struct here.

use proofbook_book::{Level, QueuePlace};
use proofbook_types::{EVENT_BYTES, ORDER_BYTES};

#[cfg(target_endian = "big")]
compile_error!("the C structs are the little-endian encodings");

/// An encoded event, aligned as the C struct is.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub struct EventBytes(pub [u8; EVENT_BYTES]);

/// An encoded order, aligned as the C struct is.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub struct OrderBytes(pub [u8; ORDER_BYTES]);

/// An event and the command that caused it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct EventRecord {
    /// The market's sequence number of the command.
    pub sequence: u64,
    /// The event.
    pub event: EventBytes,
}

/// How far a batch went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct BatchResult {
    /// Commands applied.
    pub commands: usize,
    /// Events written to the buffer.
    pub events: usize,
    /// Events of the last command for which there was no room: they wait in the market.
    pub pending: usize,
}

/// The orders at one price, in sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct LevelRecord {
    /// The price.
    pub price: i64,
    /// Sum of what is shown.
    pub displayed: u64,
    /// Sum of what is hidden.
    pub hidden: u64,
    /// Number of orders.
    pub orders: u32,
    /// Zero.
    pub reserved: u32,
}

impl From<Level> for LevelRecord {
    fn from(level: Level) -> Self {
        LevelRecord {
            price: level.price.0,
            displayed: level.displayed.0,
            hidden: level.hidden.0,
            orders: level.orders,
            reserved: 0,
        }
    }
}

/// An order's place at its price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct PlaceRecord {
    /// Orders that come before it at the same price.
    pub orders_ahead: u32,
    /// Zero.
    pub reserved: u32,
    /// What those show.
    pub quantity_ahead: u64,
}

impl From<QueuePlace> for PlaceRecord {
    fn from(place: QueuePlace) -> Self {
        PlaceRecord {
            orders_ahead: place.orders_ahead,
            reserved: 0,
            quantity_ahead: place.quantity_ahead.0,
        }
    }
}

/// Where a market stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct SummaryRecord {
    /// Commands taken.
    pub sequence: u64,
    /// Time of the latest command.
    pub clock: u64,
    /// Live orders.
    pub orders: u64,
    /// Price of the last trade, 0 if there was none.
    pub last_trade: i64,
    /// Whether there was a trade.
    pub has_last_trade: u8,
    /// The phase.
    pub phase: u8,
    /// Zero.
    pub reserved: [u8; 6],
}

const _: () = {
    assert!(size_of::<EventRecord>() == 64 && align_of::<EventRecord>() == 8);
    assert!(size_of::<LevelRecord>() == 32);
    assert!(size_of::<PlaceRecord>() == 16);
    assert!(size_of::<SummaryRecord>() == 40);
};
