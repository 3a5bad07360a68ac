//! What every engine under measurement must offer, and the record of trades that shows whether two of them agree.

use proofbook_workload::Message;

/// An engine under measurement.
pub trait Contender {
    /// A message in the engine's own terms, made before the clock starts.
    type Input;

    /// The name in reports.
    const NAME: &'static str;

    /// What is known to differ from the rules of this project, empty where nothing does.
    const DIFFERENCES: &'static str;

    /// Translates a message.
    fn prepare(message: &Message) -> Self::Input;

    /// An empty market.
    fn new() -> Self;

    /// Applies one message, start to end.
    fn apply(&mut self, input: &Self::Input);

    /// All trades so far.
    fn fills(&self) -> Fills;
}

/// A summary of trades, in order. Keeping it costs a few multiplications per trade, the same for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fills {
    /// How many.
    pub trades: u64,
    /// Lots in sum.
    pub volume: u64,
    /// FNV-1a over the words maker id, taker id, price, quantity of each trade, a word at a time.
    pub hash: u64,
}

impl Default for Fills {
    fn default() -> Self {
        Fills {
            trades: 0,
            volume: 0,
            hash: 0xcbf2_9ce4_8422_2325,
        }
    }
}

impl Fills {
    /// Takes the next trade.
    #[inline]
    pub fn record(&mut self, maker_id: u64, taker_id: u64, price: i64, quantity: u64) {
        self.trades += 1;
        self.volume += quantity;
        for word in [maker_id, taker_id, price as u64, quantity] {
            self.hash = (self.hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
