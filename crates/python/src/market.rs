//! A matching engine over a book that is chosen at run time.
//!
//! Which book it is, is decided once for a call of Python, however many commands the call brings: a whole batch runs in code that is
//! compiled for its book. Events go into vectors, so that this code is compiled once for each book and not once for each use.

use std::ops::{Deref, DerefMut, Range};

use proofbook_book::{Level, QueuePlace};
use proofbook_books::{NamedBook, Structure, Visitor};
use proofbook_matching::MatchingEngine;
use proofbook_types::{
    Command, Event, MarketConfig, Order, OrderId, Phase, Price, Queue, Timestamp,
};
use pyo3::PyResult;

use crate::command_columns::CommandColumns;
use crate::errors::{self, BrokenInvariantError, InputError};

/// The events of some commands, each with the sequence of its command.
pub type Step = Vec<(u64, Event)>;

/// What is asked of a matching engine, whatever its book.
pub trait Engine: Send {
    /// What holds the orders.
    fn structure(&self) -> Structure;
    /// The market's terms.
    fn config(&self) -> &MarketConfig;
    /// The market's time.
    fn clock(&self) -> Timestamp;
    /// How many commands it has taken.
    fn sequence(&self) -> u64;
    /// The phase.
    fn phase(&self) -> Phase;
    /// The price of the last trade.
    fn last_trade(&self) -> Option<Price>;
    /// How many orders are live.
    fn orders(&self) -> usize;
    /// Whether an order is live.
    fn has_order(&self, id: OrderId) -> bool;
    /// A live order.
    fn order(&self, id: OrderId) -> Option<Order>;
    /// A live order's place at its price.
    fn place(&self, id: OrderId) -> Option<QueuePlace>;
    /// The level of a queue that follows a price, or the best.
    fn next_level(&self, queue: Queue, after: Option<Price>) -> Option<Level>;
    /// Handles commands, and appends their events.
    fn apply(&mut self, commands: &[Command], events: &mut Vec<Event>);
    /// Handles the commands of some rows, and appends their events.
    ///
    /// # Errors
    /// A row that is no command.
    fn apply_rows(
        &mut self,
        columns: &CommandColumns,
        rows: Range<usize>,
        events: &mut Step,
    ) -> PyResult<()>;
    /// The canonical bytes of the state.
    fn state(&self) -> Vec<u8>;
    /// The digest of the state.
    fn digest(&self) -> [u8; 32];
    /// Checks every invariant of engine and book.
    ///
    /// # Errors
    /// The invariant that does not hold.
    fn check(&self) -> PyResult<()>;
}

impl<B: NamedBook> Engine for MatchingEngine<B> {
    fn structure(&self) -> Structure {
        B::STRUCTURE
    }

    fn config(&self) -> &MarketConfig {
        MatchingEngine::config(self)
    }

    fn clock(&self) -> Timestamp {
        MatchingEngine::clock(self)
    }

    fn sequence(&self) -> u64 {
        MatchingEngine::sequence(self)
    }

    fn phase(&self) -> Phase {
        MatchingEngine::phase(self)
    }

    fn last_trade(&self) -> Option<Price> {
        MatchingEngine::last_trade(self)
    }

    fn orders(&self) -> usize {
        self.book().len()
    }

    fn has_order(&self, id: OrderId) -> bool {
        self.book().find(id).is_some()
    }

    fn order(&self, id: OrderId) -> Option<Order> {
        let book = self.book();
        book.find(id).map(|slot| book.order(slot))
    }

    fn place(&self, id: OrderId) -> Option<QueuePlace> {
        let book = self.book();
        book.find(id).map(|slot| book.place(slot))
    }

    fn next_level(&self, queue: Queue, after: Option<Price>) -> Option<Level> {
        self.book().next_level(queue, after)
    }

    fn apply(&mut self, commands: &[Command], events: &mut Vec<Event>) {
        for command in commands {
            MatchingEngine::apply(self, command, &mut |event: Event| events.push(event));
        }
    }

    fn apply_rows(
        &mut self,
        columns: &CommandColumns,
        rows: Range<usize>,
        events: &mut Step,
    ) -> PyResult<()> {
        for row in rows {
            let command = columns.command(row, MatchingEngine::clock(self))?;
            let sequence = MatchingEngine::sequence(self) + 1;
            MatchingEngine::apply(self, &command, &mut |event: Event| {
                events.push((sequence, event));
            });
        }
        Ok(())
    }

    fn state(&self) -> Vec<u8> {
        proofbook_engine::state_bytes(self)
    }

    fn digest(&self) -> [u8; 32] {
        proofbook_engine::digest(self)
    }

    fn check(&self) -> PyResult<()> {
        MatchingEngine::check(self).map_err(BrokenInvariantError::new_err)
    }
}

/// An engine and its book. It belongs to one thread at a time.
pub struct Market(Box<dyn Engine>);

impl Deref for Market {
    type Target = dyn Engine;

    fn deref(&self) -> &Self::Target {
        self.0.as_ref()
    }
}

impl DerefMut for Market {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.0.as_mut()
    }
}

/// The structure of this name.
///
/// # Errors
/// There is none.
pub fn structure(name: &str) -> PyResult<Structure> {
    Structure::from_name(name).ok_or_else(|| {
        InputError::new_err(format!(
            "engine must be one of {}; received {name:?}",
            Structure::quoted_names()
        ))
    })
}

impl Market {
    /// A new market on the book that `engine` names.
    ///
    /// # Errors
    /// Terms that make no market, or an unknown name.
    pub fn new(config: MarketConfig, engine: &str) -> PyResult<Market> {
        structure(engine)?.visit(New(config))
    }

    /// The market whose canonical state these bytes are.
    ///
    /// # Errors
    /// Bytes that are no state, or an unknown name.
    pub fn restore(state: &[u8], engine: &str) -> PyResult<Market> {
        structure(engine)?.visit(Restore(state))
    }
}

struct New(MarketConfig);

impl Visitor for New {
    type Output = PyResult<Market>;

    fn visit<B: NamedBook>(self) -> PyResult<Market> {
        let engine = MatchingEngine::new(self.0, B::empty_secret()).map_err(errors::bad_terms)?;
        Ok(Market(Box::new(engine)))
    }
}

struct Restore<'a>(&'a [u8]);

impl Visitor for Restore<'_> {
    type Output = PyResult<Market>;

    fn visit<B: NamedBook>(self) -> PyResult<Market> {
        let engine =
            MatchingEngine::restore(self.0, B::empty_secret()).map_err(errors::undecodable)?;
        Ok(Market(Box::new(engine)))
    }
}
