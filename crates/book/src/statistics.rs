//! Counts of what happened in a market, kept by following its events.

use proofbook_types::{Event, EventSink, RejectReason};

const REASONS: usize = RejectReason::ALL.len() + 1;

/// What happened in a market so far. It is an event sink; whoever does not want it does not pay for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// New orders accepted.
    pub accepted: u64,
    /// Commands rejected.
    pub rejected: u64,
    /// Trades.
    pub trades: u64,
    /// Lots traded.
    pub volume: u128,
    /// Orders cancelled.
    pub cancelled: u64,
    /// Orders replaced.
    pub replaced: u64,
    /// Orders reduced without a trade.
    pub reduced: u64,
    /// Orders expired.
    pub expired: u64,
    /// Stops triggered.
    pub triggered: u64,
    rejected_by_reason: [u64; REASONS],
}

impl Statistics {
    /// How many commands were rejected for `reason`.
    pub fn rejected_for(&self, reason: RejectReason) -> u64 {
        self.rejected_by_reason[reason as usize]
    }
}

impl EventSink for Statistics {
    #[inline]
    fn event(&mut self, event: Event) {
        match event {
            Event::Accepted { .. } => self.accepted += 1,
            Event::Rejected { reason, .. } => {
                self.rejected += 1;
                self.rejected_by_reason[reason as usize] += 1;
            }
            Event::Trade { quantity, .. } => {
                self.trades += 1;
                self.volume += u128::from(quantity.0);
            }
            Event::Cancelled { .. } => self.cancelled += 1,
            Event::Replaced { .. } => self.replaced += 1,
            Event::Reduced { .. } => self.reduced += 1,
            Event::Expired { .. } => self.expired += 1,
            Event::Triggered { .. } => self.triggered += 1,
            Event::Placed { .. }
            | Event::Refreshed { .. }
            | Event::PhaseChanged { .. }
            | Event::Uncrossed { .. } => {}
        }
    }
}
