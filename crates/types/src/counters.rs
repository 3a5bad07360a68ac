//! What a market counts: everything about it but its configuration and its orders.

use crate::event::Phase;
use crate::units::{Price, Timestamp};

/// Everything about a market but its configuration and its orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// How many commands were taken.
    pub sequence: u64,
    /// The time of the latest command.
    pub clock: Timestamp,
    /// The next rank in time.
    pub next_priority: u64,
    /// The phase.
    pub phase: Phase,
    /// The price of the last trade.
    pub last_trade: Option<Price>,
    /// Open quantity of all live orders of each side, buys first.
    pub open_quantity: [u64; 2],
    /// Number of live orders.
    pub orders: u32,
}

/// Words of encoded [`Counters`].
pub const COUNTER_WORDS: usize = 7;

impl Counters {
    /// A market that has taken no command.
    pub const fn start(phase: Phase) -> Self {
        Counters {
            sequence: 0,
            clock: Timestamp(0),
            next_priority: 1,
            phase,
            last_trade: None,
            open_quantity: [0; 2],
            orders: 0,
        }
    }

    /// The only encoding: sequence, clock, next priority, open quantities, last trade price or 0, and one word with the
    /// phase in its lowest byte, whether there was a trade in the next, and the number of orders in its upper half.
    pub fn words(&self) -> [u64; COUNTER_WORDS] {
        [
            self.sequence,
            self.clock.0,
            self.next_priority,
            self.open_quantity[0],
            self.open_quantity[1],
            self.last_trade.map_or(0, |price| price.0 as u64),
            self.phase as u64
                | u64::from(self.last_trade.is_some()) << 8
                | u64::from(self.orders) << 32,
        ]
    }

    /// The counters that encode to exactly these words.
    pub fn from_words(words: &[u64; COUNTER_WORDS]) -> Option<Counters> {
        let [sequence, clock, next_priority, buys, sells, last_trade, rest] = *words;
        let counters = Counters {
            sequence,
            clock: Timestamp(clock),
            next_priority,
            phase: *Phase::ALL.get(usize::from(rest as u8))?,
            last_trade: (rest >> 8 & 1 == 1).then_some(Price(last_trade as i64)),
            open_quantity: [buys, sells],
            orders: (rest >> 32) as u32,
        };
        (counters.words() == *words).then_some(counters)
    }
}
