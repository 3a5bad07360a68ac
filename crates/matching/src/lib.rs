//! The rules of a market, once, for every book.
//!
//! [`MatchingEngine`] applies commands to a [`Book`] exactly as `docs/RULES.md` says and tells what happened as events.
//! The native engine, every data structure and a proof program run this same code: nothing here knows how a book stores
//! its orders, and nothing depends on a clock, on randomness or on hash order.
//!
//! Invariants:
//! - in the continuous phase the best bid is below the best ask;
//! - the sum of all open quantities of a side, waiting stops included, fits 64 bits, so no sum of a book overflows;
//! - a rejected command changes nothing but the sequence and the clock.
//!
//! After warm-up (scratch space and book have reached their sizes) no command allocates.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod amend;
mod auction;
mod enter;
mod phase;
mod state;
mod stops;
mod work;

use alloc::vec::Vec;

use proofbook_book::{Book, Level};
use proofbook_types::{
    Action, Command, ConfigError, Counters, Event, EventSink, MarketConfig, Order, OrderId, Phase,
    Price, Quantity, Queue, RejectReason, Side, Timestamp,
};

/// Sequence and priority numbers stop here, far from overflow within any one command.
const NUMBERS_END: u64 = 1 << 63;

/// A market: its rules and its state over a book of type `B`.
#[derive(Clone, Debug)]
pub struct MatchingEngine<B> {
    config: MarketConfig,
    /// No term of the market can make the checks of a plain order fail.
    is_unlimited: bool,
    book: B,
    sequence: u64,
    clock: Timestamp,
    phase: Phase,
    last_trade: Option<Price>,
    next_priority: u64,
    /// Open quantity of all live orders of each side.
    open_quantity: [u64; 2],
    scratch: Scratch,
}

/// Space that rare commands use again and again.
#[derive(Clone, Debug, Default)]
struct Scratch {
    ids: Vec<OrderId>,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

impl<B: Book> MatchingEngine<B> {
    /// An empty market over an empty book.
    ///
    /// # Errors
    /// Terms that make no market.
    pub fn new(config: MarketConfig, book: B) -> Result<Self, ConfigError> {
        config.validate()?;
        debug_assert!(book.is_empty());
        Ok(MatchingEngine {
            phase: config.initial_phase,
            is_unlimited: is_unlimited(&config),
            config,
            book,
            sequence: 0,
            clock: Timestamp(0),
            last_trade: None,
            next_priority: 1,
            open_quantity: [0; 2],
            scratch: Scratch::default(),
        })
    }

    /// A market that goes on from `counters`, over a book that holds its orders. What they say is believed.
    ///
    /// # Errors
    /// Terms that make no market.
    pub fn from_counters(
        config: MarketConfig,
        counters: &Counters,
        book: B,
    ) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(MatchingEngine {
            phase: counters.phase,
            is_unlimited: is_unlimited(&config),
            config,
            book,
            sequence: counters.sequence,
            clock: counters.clock,
            last_trade: counters.last_trade,
            next_priority: counters.next_priority,
            open_quantity: counters.open_quantity,
            scratch: Scratch::default(),
        })
    }

    /// What the market counts.
    pub fn counters(&self) -> Counters {
        Counters {
            sequence: self.sequence,
            clock: self.clock,
            next_priority: self.next_priority,
            phase: self.phase,
            last_trade: self.last_trade,
            open_quantity: self.open_quantity,
            orders: u32::try_from(self.book.len()).expect("a market holds at most 2^24 orders"),
        }
    }

    /// Gives the book back.
    pub fn into_book(self) -> B {
        self.book
    }

    /// The market's terms.
    pub fn config(&self) -> &MarketConfig {
        &self.config
    }

    /// The orders.
    pub fn book(&self) -> &B {
        &self.book
    }

    /// How many commands were taken.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The time of the latest command.
    pub fn clock(&self) -> Timestamp {
        self.clock
    }

    /// The phase.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The price of the last trade.
    pub fn last_trade(&self) -> Option<Price> {
        self.last_trade
    }

    /// The price that collars and auctions refer to.
    pub fn reference_price(&self) -> Option<Price> {
        self.last_trade.or(self.config.reference_price)
    }

    /// Applies one command and hands its events to `events`, in order.
    ///
    /// It is always inlined: where the kind of command is known, as behind an interface with one function for each,
    /// only that kind's code is left.
    #[inline(always)]
    pub fn apply(&mut self, command: &Command, events: &mut impl EventSink) {
        let before = (self.last_trade, self.phase);
        if let Err(reason) = self.take(command, events) {
            events.event(Event::Rejected {
                order_id: subject(&command.action),
                reason,
            });
        }
        // While the market trades, an order whose trigger is reached does not wait: none can be there unless this changed.
        let has_moved = (self.last_trade, self.phase) != before;
        if has_moved && self.phase == Phase::Continuous && self.first_reached().is_some() {
            self.trigger_stops(events);
        }
    }

    #[inline(always)]
    fn take(&mut self, command: &Command, events: &mut impl EventSink) -> Result<(), RejectReason> {
        if self.sequence >= NUMBERS_END || self.next_priority >= NUMBERS_END {
            return Err(RejectReason::SequenceExhausted);
        }
        self.sequence += 1;
        if command.time < self.clock {
            return Err(RejectReason::ClockReversed);
        }
        self.clock = command.time;
        self.book.set_clock(command.time);
        self.expire(events);
        match command.action {
            Action::New(ref order) => self.enter(order, events),
            Action::Cancel { order_id } => self.cancel(order_id, events),
            Action::Replace {
                order_id,
                price,
                quantity,
                stop_price,
            } => self.replace(order_id, price, quantity, stop_price, events),
            Action::Reduce { order_id, quantity } => self.reduce(order_id, quantity, events),
            Action::MassCancel { account } => self.mass_cancel(account, events),
            Action::Sweep => Ok(()),
            Action::Halt => self.halt(events),
            Action::Resume => self.resume(events),
            Action::OpenAuction => self.open_auction(events),
            Action::Uncross => self.uncross(events),
        }
    }

    /// Takes out every order whose time is over.
    #[inline(always)]
    fn expire(&mut self, events: &mut impl EventSink) {
        if self.book.first_due(self.clock).is_some() {
            self.expire_due(events);
        }
    }

    #[cold]
    fn expire_due(&mut self, events: &mut impl EventSink) {
        while let Some(slot) = self.book.first_due(self.clock) {
            let order = self.take_out(slot);
            events.event(Event::Expired {
                order_id: order.id,
                quantity: order.open(),
            });
        }
    }

    #[inline(always)]
    fn next_priority(&mut self) -> u64 {
        let priority = self.next_priority;
        self.next_priority += 1;
        priority
    }

    /// Removes a live order from the book and from its side's sum.
    #[inline(always)]
    fn take_out(&mut self, slot: B::Slot) -> Order {
        let order = self.book.order(slot);
        self.book.remove(slot);
        self.open_quantity[order.side as usize] -= order.open().0;
        order
    }

    /// Puts an order with `open` left last at its price: in its stop queue while it has a stop price, else in its resting queue.
    #[inline(always)]
    fn place_inline(&mut self, order: &mut Order, open: Quantity, events: &mut impl EventSink) {
        order.displayed = order.display.map_or(open, |display| display.min(open));
        order.hidden = Quantity(open.0 - order.displayed.0);
        order.priority = self.next_priority();
        self.open_quantity[order.side as usize] += open.0;
        self.book.insert(order);
        let price = order
            .queue_price()
            .expect("only orders with a limit or stop price are placed");
        events.event(Event::Placed {
            order_id: order.id,
            queue: order.queue(),
            price,
            displayed: order.displayed,
            hidden: order.hidden,
            priority: order.priority,
        });
    }

    fn place(&mut self, order: &mut Order, open: Quantity, events: &mut impl EventSink) {
        self.place_inline(order, open, events);
    }

    /// The reference price moved by the collar towards the worse for `side`; `None` where there is no such bound.
    fn collar_bound(&self, side: Side) -> Option<Price> {
        let collar = self.config.collar?;
        let reference = self.reference_price()?.0;
        Some(Price(match side {
            Side::Buy => reference.saturating_add_unsigned(collar),
            Side::Sell => reference.saturating_sub_unsigned(collar),
        }))
    }

    /// Whether a limit price lies beyond the collar.
    #[inline]
    fn is_beyond_collar(&self, side: Side, price: Price) -> bool {
        self.config.collar.is_some()
            && self
                .collar_bound(side)
                .is_some_and(|bound| !side.accepts(bound, price))
    }

    /// Whether an order of `side` limited to `price` would trade at once.
    fn would_cross(&self, side: Side, price: Price) -> bool {
        self.book.crosses(Queue::resting(side.opposite()), price)
    }

    fn is_notional_too_large(&self, price: Price, quantity: Quantity) -> bool {
        self.config
            .max_notional
            .is_some_and(|max| u128::from(price.0.unsigned_abs()) * u128::from(quantity.0) > max)
    }

    #[inline]
    fn check_quantity(&self, quantity: Quantity) -> Result<(), RejectReason> {
        if quantity.is_zero() {
            return Err(RejectReason::ZeroQuantity);
        }
        if self.config.lot_size != 1 && quantity.0 % self.config.lot_size != 0 {
            return Err(RejectReason::LotSize);
        }
        Ok(())
    }

    #[inline]
    fn check_order_quantity(&self, quantity: Quantity) -> Result<(), RejectReason> {
        self.check_quantity(quantity)?;
        if self.config.max_quantity.is_some_and(|max| quantity > max) {
            return Err(RejectReason::QuantityLimit);
        }
        Ok(())
    }

    #[inline]
    fn check_tick(&self, price: Option<Price>) -> Result<(), RejectReason> {
        match price {
            Some(price)
                if self.config.tick_size != 1
                    && price.0.unsigned_abs() % self.config.tick_size != 0 =>
            {
                Err(RejectReason::TickSize)
            }
            _ => Ok(()),
        }
    }
}

fn is_unlimited(config: &MarketConfig) -> bool {
    config.tick_size == 1
        && config.lot_size == 1
        && config.max_quantity.is_none()
        && config.max_notional.is_none()
        && config.collar.is_none()
}

/// The order that an action names.
fn subject(action: &Action) -> Option<OrderId> {
    match *action {
        Action::New(order) => Some(order.order_id),
        Action::Cancel { order_id }
        | Action::Reduce { order_id, .. }
        | Action::Replace { order_id, .. } => Some(order_id),
        Action::MassCancel { .. }
        | Action::Sweep
        | Action::Halt
        | Action::Resume
        | Action::OpenAuction
        | Action::Uncross => None,
    }
}
