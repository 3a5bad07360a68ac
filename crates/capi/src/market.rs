//! A market behind a handle.
//!
//! Invariants:
//! - `inner` is borrowed only inside [`Market::with`], which refuses to be entered twice, so an event callback that
//!   calls the market again gets a status and not a second mutable borrow;
//! - after a panic inside, every further call is refused: a half-applied command must not be built upon.

use core::cell::{Cell, UnsafeCell};
use core::ffi::c_void;

use proofbook_book::Book;
use proofbook_books::Ladder;
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    Command, Event, EventSink, MarketConfig, OrderId, Price, Queue, COMMAND_BYTES, CONFIG_BYTES,
};

use crate::records::{
    BatchResult, EventBytes, EventRecord, LevelRecord, OrderBytes, PlaceRecord, SummaryRecord,
};
use crate::status::{Failure, Status};

/// Takes an event: the user pointer, the sequence number of the command, the event.
pub type EventCallback =
    Option<unsafe extern "C" fn(user: *mut c_void, sequence: u64, event: *const EventBytes)>;

/// What a handle points to.
pub struct Market {
    is_busy: Cell<bool>,
    is_poisoned: Cell<bool>,
    inner: UnsafeCell<Inner>,
}

/// A market and the events that did not fit its user's buffer.
pub(crate) struct Inner {
    engine: MatchingEngine<Ladder>,
    pending: Vec<EventRecord>,
    pending_taken: usize,
}

/// Clears the busy mark at the end of a call. A call that unwinds past it leaves the market poisoned.
struct Visit<'a> {
    market: &'a Market,
    is_complete: bool,
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.market.is_poisoned.set(!self.is_complete);
        self.market.is_busy.set(false);
    }
}

impl Market {
    pub(crate) fn create(config: &[u8; CONFIG_BYTES]) -> Result<Market, Failure> {
        let failure = |text: &dyn core::fmt::Display| Failure::new(Status::Config, text);
        let config = MarketConfig::decode(config).map_err(|error| failure(&error))?;
        let engine = MatchingEngine::new(config, Ladder::with_secret_seed())
            .map_err(|error| failure(&error))?;
        Ok(Market::over(engine))
    }

    pub(crate) fn restore(bytes: &[u8]) -> Result<Market, Failure> {
        let engine = MatchingEngine::restore(bytes, Ladder::with_secret_seed())
            .map_err(|error| Failure::new(Status::State, error))?;
        Ok(Market::over(engine))
    }

    fn over(engine: MatchingEngine<Ladder>) -> Market {
        Market {
            is_busy: Cell::new(false),
            is_poisoned: Cell::new(false),
            inner: UnsafeCell::new(Inner {
                engine,
                pending: Vec::new(),
                pending_taken: 0,
            }),
        }
    }

    /// Whether a call is under way, further up in this thread's stack.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_busy.get()
    }

    /// Visits the market, unless it is being visited or was left half way.
    pub(crate) fn with<R>(
        &self,
        visit: impl FnOnce(&mut Inner) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        if self.is_busy() {
            let text = "the market is in the middle of a call: an event callback must not call it";
            return Err(Failure::new(Status::Busy, text));
        }
        if self.is_poisoned.get() {
            let text = "an earlier call stopped half way: the market's state is not to be trusted";
            return Err(Failure::new(Status::Poisoned, text));
        }
        self.is_busy.set(true);
        let mut ending = Visit {
            market: self,
            is_complete: false,
        };
        // SAFETY: the busy mark makes this the only borrow, and the interface allows one thread at a time.
        let result = visit(unsafe { &mut *self.inner.get() });
        ending.is_complete = true;
        result
    }
}

/// Writes events to the user's buffer, the rest to the market.
struct BufferSink<'a> {
    sequence: u64,
    room: core::slice::IterMut<'a, core::mem::MaybeUninit<EventRecord>>,
    pending: &'a mut Vec<EventRecord>,
}

impl EventSink for BufferSink<'_> {
    fn event(&mut self, event: Event) {
        let record = EventRecord {
            sequence: self.sequence,
            event: EventBytes(event.encode()),
        };
        match self.room.next() {
            Some(place) => {
                place.write(record);
            }
            None => self.pending.push(record),
        }
    }
}

pub(crate) fn queue(tag: u8) -> Result<Queue, Failure> {
    Queue::ALL.get(usize::from(tag)).copied().ok_or_else(|| {
        Failure::new(
            Status::Argument,
            format_args!("a queue is 0 to 3, not {tag}"),
        )
    })
}

impl Inner {
    fn decode(bytes: &[u8; COMMAND_BYTES], index: usize) -> Result<Command, Failure> {
        Command::decode(bytes).map_err(|error| {
            Failure::new(Status::Command, format_args!("command {index}: {error}"))
        })
    }

    fn check_nothing_pending(&self) -> Result<(), Failure> {
        match self.pending.len() - self.pending_taken {
            0 => Ok(()),
            count => Err(Failure::new(
                Status::EventsPending,
                format_args!("{count} events of the last command wait to be taken"),
            )),
        }
    }

    /// Applies commands one after another and hands each event to the callback. How many were applied goes to `applied`,
    /// also where one of them is no command.
    pub(crate) fn apply(
        &mut self,
        commands: &[[u8; COMMAND_BYTES]],
        callback: EventCallback,
        user: *mut c_void,
        applied: &mut usize,
    ) -> Result<(), Failure> {
        self.check_nothing_pending()?;
        for (index, bytes) in commands.iter().enumerate() {
            let command = Self::decode(bytes, index)?;
            let sequence = self.engine.sequence() + 1;
            match callback {
                None => self.engine.apply(&command, &mut ()),
                Some(callback) => self.engine.apply(&command, &mut |event: Event| {
                    let bytes = EventBytes(event.encode());
                    // SAFETY: the caller gave the function and the pointer together; the event lives through the call.
                    unsafe { callback(user, sequence, &bytes) };
                }),
            }
            *applied += 1;
        }
        Ok(())
    }

    /// Applies commands until their events no longer fit the buffer.
    pub(crate) fn apply_batch(
        &mut self,
        commands: &[[u8; COMMAND_BYTES]],
        events: &mut [core::mem::MaybeUninit<EventRecord>],
        result: &mut BatchResult,
    ) -> Result<(), Failure> {
        self.check_nothing_pending()?;
        self.pending.clear();
        self.pending_taken = 0;
        let capacity = events.len();
        let mut sink = BufferSink {
            sequence: 0,
            room: events.iter_mut(),
            pending: &mut self.pending,
        };
        let mut outcome = Ok(());
        for (index, bytes) in commands.iter().enumerate() {
            let command = match Self::decode(bytes, index) {
                Ok(command) => command,
                Err(failure) => {
                    outcome = Err(failure);
                    break;
                }
            };
            sink.sequence = self.engine.sequence() + 1;
            self.engine.apply(&command, &mut sink);
            result.commands += 1;
            if !sink.pending.is_empty() {
                break;
            }
        }
        result.events = capacity - sink.room.len();
        result.pending = self.pending.len();
        outcome
    }

    /// Moves waiting events to the buffer, as many as fit.
    pub(crate) fn take_events(
        &mut self,
        events: &mut [core::mem::MaybeUninit<EventRecord>],
    ) -> BatchResult {
        let waiting = &self.pending[self.pending_taken..];
        let count = waiting.len().min(events.len());
        for (place, record) in events.iter_mut().zip(waiting) {
            place.write(*record);
        }
        self.pending_taken += count;
        BatchResult {
            commands: 0,
            events: count,
            pending: self.pending.len() - self.pending_taken,
        }
    }

    pub(crate) fn level(&self, queue: Queue, price: Price) -> Result<LevelRecord, Failure> {
        let level = self.engine.book().level(queue, price);
        level.map(LevelRecord::from).ok_or_else(Failure::nothing)
    }

    pub(crate) fn best(&self, queue: Queue) -> Result<LevelRecord, Failure> {
        let level = self.engine.book().next_level(queue, None);
        level.map(LevelRecord::from).ok_or_else(Failure::nothing)
    }

    /// The first levels of a queue, as many as fit; how many they are.
    pub(crate) fn depth(
        &self,
        queue: Queue,
        levels: &mut [core::mem::MaybeUninit<LevelRecord>],
    ) -> usize {
        let book = self.engine.book();
        let mut count = 0;
        let mut last = None;
        for place in levels {
            let Some(level) = book.next_level(queue, last) else {
                break;
            };
            last = Some(level.price);
            place.write(level.into());
            count += 1;
        }
        count
    }

    pub(crate) fn order(&self, id: OrderId) -> Result<OrderBytes, Failure> {
        let book = self.engine.book();
        let slot = book.find(id).ok_or_else(Failure::nothing)?;
        Ok(OrderBytes(book.order(slot).encode()))
    }

    pub(crate) fn place(&self, id: OrderId) -> Result<PlaceRecord, Failure> {
        let book = self.engine.book();
        let slot = book.find(id).ok_or_else(Failure::nothing)?;
        Ok(book.place(slot).into())
    }

    pub(crate) fn summary(&self) -> SummaryRecord {
        let last_trade = self.engine.last_trade();
        SummaryRecord {
            sequence: self.engine.sequence(),
            clock: self.engine.clock().0,
            orders: self.engine.book().len() as u64,
            last_trade: last_trade.map_or(0, |price| price.0),
            has_last_trade: u8::from(last_trade.is_some()),
            phase: self.engine.phase() as u8,
            reserved: [0; 6],
        }
    }

    pub(crate) fn config(&self) -> [u8; CONFIG_BYTES] {
        self.engine.config().encode()
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        proofbook_engine::digest(&self.engine)
    }

    pub(crate) fn state(&self) -> Vec<u8> {
        let mut state = Vec::new();
        self.engine
            .write_state(&mut |bytes| state.extend_from_slice(bytes));
        state
    }

    pub(crate) fn check(&self) -> Result<(), Failure> {
        let check = self.engine.check();
        check.map_err(|text| Failure::new(Status::Broken, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::guard;

    fn market() -> Market {
        let config = MarketConfig::default().encode();
        Market::create(&config).expect("the default terms make a market")
    }

    #[test]
    fn a_panic_inside_poisons_the_market() {
        let market = market();
        let status = guard(|| market.with(|_| -> Result<(), Failure> { panic!("inside") }));
        assert_eq!(status, Status::Panic);
        assert!(!market.is_busy());
        let status = guard(|| market.with(|inner| inner.check()));
        assert_eq!(status, Status::Poisoned);
    }

    #[test]
    fn a_visit_within_a_visit_is_refused() {
        let market = market();
        let mut inner_status = Status::Ok;
        let status = guard(|| {
            market.with(|_| {
                inner_status = guard(|| market.with(|inner| inner.check()));
                Ok(())
            })
        });
        assert_eq!((status, inner_status), (Status::Ok, Status::Busy));
        assert_eq!(guard(|| market.with(|inner| inner.check())), Status::Ok);
    }
}
