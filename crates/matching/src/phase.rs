//! Phases: section 11 of the rules.

use proofbook_book::Book;
use proofbook_types::{Event, EventSink, Phase, Queue, RejectReason};

use crate::MatchingEngine;

impl<B: Book> MatchingEngine<B> {
    pub(crate) fn change_phase(&mut self, phase: Phase, events: &mut impl EventSink) {
        self.phase = phase;
        events.event(Event::PhaseChanged { phase });
    }

    pub(crate) fn halt(&mut self, events: &mut impl EventSink) -> Result<(), RejectReason> {
        if self.phase == Phase::Halted {
            return Err(RejectReason::WrongPhase);
        }
        self.change_phase(Phase::Halted, events);
        Ok(())
    }

    pub(crate) fn resume(&mut self, events: &mut impl EventSink) -> Result<(), RejectReason> {
        if self.phase != Phase::Halted {
            return Err(RejectReason::WrongPhase);
        }
        if self.is_crossed() {
            return Err(RejectReason::BookCrossed);
        }
        self.change_phase(Phase::Continuous, events);
        Ok(())
    }

    pub(crate) fn open_auction(&mut self, events: &mut impl EventSink) -> Result<(), RejectReason> {
        if self.phase == Phase::Auction {
            return Err(RejectReason::WrongPhase);
        }
        self.change_phase(Phase::Auction, events);
        Ok(())
    }

    /// Whether the best bid is at or above the best ask.
    pub(crate) fn is_crossed(&self) -> bool {
        let bid = self.book.best_price(Queue::Bids);
        let ask = self.book.best_price(Queue::Asks);
        matches!((bid, ask), (Some(bid), Some(ask)) if bid >= ask)
    }
}
