//! The touch: the best prices, totals and sequence of a market in one cache line, which many threads read whole while one writes.
//!
//! It is a sequence lock as H.-J. Boehm has it (Can Seqlocks Get Along With Programming Language Memory Models?, 2012): the version is odd while the
//! words change, and who finds the same even version before and after has read words that belong together. The words are relaxed
//! atomics, so a read beside a write is no race, only in vain. Readers write nothing, so the writer never waits and no reader disturbs another.
//!
//! Invariants: one thread writes; the version only grows; at an even version the words are those of one command's end.

use proofbook_memory::sync::{fence, spin_loop, AtomicU64, Ordering};
use proofbook_types::{Price, Quantity, Timestamp};

use crate::layout::{layout, LayoutField};

/// The state of a market in short, as it was after one command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Touch {
    /// Number of the command.
    pub sequence: u64,
    /// Time of the command.
    pub time: Timestamp,
    /// The highest price of the bids.
    pub best_bid: Option<Price>,
    /// The lowest price of the asks.
    pub best_ask: Option<Price>,
    /// Number of live orders, waiting stops included.
    pub orders: u32,
    /// What all bids show.
    pub bids: Quantity,
    /// What all asks show.
    pub asks: Quantity,
}

/// Set in `counts` where there is a best bid.
const HAS_BID: u64 = 1 << 32;
/// Set in `counts` where there is a best ask.
const HAS_ASK: u64 = 1 << 33;

/// The touch as threads share it: one cache line.
#[repr(C, align(64))]
#[derive(Debug)]
pub(super) struct TouchLine {
    /// Odd while the words change.
    version: AtomicU64,
    sequence: AtomicU64,
    time: AtomicU64,
    best_bid: AtomicU64,
    best_ask: AtomicU64,
    /// The number of orders, and above it which best prices there are.
    counts: AtomicU64,
    bids: AtomicU64,
    asks: AtomicU64,
}

#[cfg(not(loom))]
const _: () = {
    assert!(core::mem::size_of::<TouchLine>() == 64);
    assert!(core::mem::offset_of!(TouchLine, version) == 0);
    assert!(core::mem::offset_of!(TouchLine, best_bid) == 24);
    assert!(core::mem::offset_of!(TouchLine, asks) == 56);
};

/// Where the fields of the line lie.
pub(super) fn touch_layout() -> [LayoutField; 8] {
    layout!(TouchLine {
        version,
        sequence,
        time,
        best_bid,
        best_ask,
        counts,
        bids,
        asks
    })
}

impl TouchLine {
    /// The line of an empty market.
    pub(super) fn new() -> Self {
        TouchLine {
            version: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
            time: AtomicU64::new(0),
            best_bid: AtomicU64::new(0),
            best_ask: AtomicU64::new(0),
            counts: AtomicU64::new(0),
            bids: AtomicU64::new(0),
            asks: AtomicU64::new(0),
        }
    }

    /// Writes the touch after a command, over that of an even version, which becomes the next even one. One thread may call this, and keeps
    /// the version: it need not read what it wrote.
    #[inline]
    pub(super) fn write(&self, version: &mut u64, touch: &Touch) {
        let price = |price: Option<Price>| price.map_or(0, |price| price.0 as u64);
        let counts = u64::from(touch.orders)
            + HAS_BID * u64::from(touch.best_bid.is_some())
            + HAS_ASK * u64::from(touch.best_ask.is_some());
        // Relaxed: the fence orders it before the words.
        self.version.store(*version + 1, Ordering::Relaxed);
        // Release: whoever reads one of the words below, and then looks behind an acquire fence, sees the odd version.
        fence(Ordering::Release);
        self.sequence.store(touch.sequence, Ordering::Relaxed);
        self.time.store(touch.time.0, Ordering::Relaxed);
        self.best_bid
            .store(price(touch.best_bid), Ordering::Relaxed);
        self.best_ask
            .store(price(touch.best_ask), Ordering::Relaxed);
        self.counts.store(counts, Ordering::Relaxed);
        self.bids.store(touch.bids.0, Ordering::Relaxed);
        self.asks.store(touch.asks.0, Ordering::Relaxed);
        // Release: whoever sees the even version sees the words.
        *version += 2;
        self.version.store(*version, Ordering::Release);
    }

    /// The touch after the latest command, if no write comes in between.
    #[inline]
    pub(super) fn try_read(&self) -> Option<Touch> {
        // Acquire: the words of this version, or later ones.
        let before = self.version.load(Ordering::Acquire);
        let price = |word: &AtomicU64| Price(word.load(Ordering::Relaxed) as i64);
        let sequence = self.sequence.load(Ordering::Relaxed);
        let time = self.time.load(Ordering::Relaxed);
        let (best_bid, best_ask) = (price(&self.best_bid), price(&self.best_ask));
        let counts = self.counts.load(Ordering::Relaxed);
        let bids = self.bids.load(Ordering::Relaxed);
        let asks = self.asks.load(Ordering::Relaxed);
        // Acquire: had one of these been a later version's word, the version would be seen to have changed.
        fence(Ordering::Acquire);
        let after = self.version.load(Ordering::Relaxed);
        (before == after && before % 2 == 0).then_some(Touch {
            sequence,
            time: Timestamp(time),
            best_bid: (counts & HAS_BID != 0).then_some(best_bid),
            best_ask: (counts & HAS_ASK != 0).then_some(best_ask),
            orders: counts as u32,
            bids: Quantity(bids),
            asks: Quantity(asks),
        })
    }

    /// The touch after the latest command. It tries again where the writer came in between.
    #[inline]
    pub(super) fn read(&self) -> Touch {
        loop {
            if let Some(touch) = self.try_read() {
                return touch;
            }
            spin_loop();
        }
    }
}
