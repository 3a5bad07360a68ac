//! A matching engine over a book that is chosen at run time.

use proofbook_book::Reference;
use proofbook_books::Ladder;
use proofbook_matching::MatchingEngine;
use proofbook_types::{Command, EventSink, MarketConfig};
use pyo3::PyResult;

use crate::errors::{self, BrokenInvariantError, InputError};

/// The names under which Python asks for a book.
pub const STRUCTURES: [&str; 2] = ["ladder", "reference"];

/// An engine and its book.
pub enum Market {
    /// The fast book.
    Ladder(Box<MatchingEngine<Ladder>>),
    /// The book that is believed by reading it.
    Reference(Box<MatchingEngine<Reference>>),
}

/// Evaluates an expression with the engine inside a [`Market`], whatever its book.
macro_rules! with_engine {
    ($market:expr, $engine:ident => $body:expr) => {
        match $market {
            $crate::market::Market::Ladder($engine) => $body,
            $crate::market::Market::Reference($engine) => $body,
        }
    };
}
pub(crate) use with_engine;

fn unknown_structure(received: &str) -> pyo3::PyErr {
    InputError::new_err(format!(
        "structure must be one of {}; received {received:?}",
        STRUCTURES.map(|name| format!("{name:?}")).join(", ")
    ))
}

impl Market {
    /// A new market on the book that `structure` names.
    ///
    /// # Errors
    /// Terms that make no market, or an unknown structure.
    pub fn new(config: MarketConfig, structure: &str) -> PyResult<Market> {
        match structure {
            "ladder" => MatchingEngine::new(config, Ladder::with_secret_seed())
                .map(|engine| Market::Ladder(Box::new(engine))),
            "reference" => MatchingEngine::new(config, Reference::new())
                .map(|engine| Market::Reference(Box::new(engine))),
            other => return Err(unknown_structure(other)),
        }
        .map_err(errors::bad_terms)
    }

    /// The market whose canonical state these bytes are.
    ///
    /// # Errors
    /// Bytes that are no state, or an unknown structure.
    pub fn restore(state: &[u8], structure: &str) -> PyResult<Market> {
        match structure {
            "ladder" => MatchingEngine::restore(state, Ladder::with_secret_seed())
                .map(|engine| Market::Ladder(Box::new(engine))),
            "reference" => MatchingEngine::restore(state, Reference::new())
                .map(|engine| Market::Reference(Box::new(engine))),
            other => return Err(unknown_structure(other)),
        }
        .map_err(errors::undecodable)
    }

    /// The name of the book's structure.
    pub fn structure(&self) -> &'static str {
        match self {
            Market::Ladder(_) => "ladder",
            Market::Reference(_) => "reference",
        }
    }

    /// Handles one command.
    #[inline]
    pub fn apply(&mut self, command: &Command, events: &mut impl EventSink) {
        with_engine!(self, engine => engine.apply(command, events));
    }

    /// The canonical bytes of the state.
    pub fn state(&self) -> Vec<u8> {
        with_engine!(self, engine => proofbook_engine::state_bytes(engine))
    }

    /// The digest of the state.
    pub fn digest(&self) -> [u8; 32] {
        with_engine!(self, engine => proofbook_engine::digest(engine))
    }

    /// Checks every invariant of engine and book.
    ///
    /// # Errors
    /// The invariant that does not hold.
    pub fn check(&self) -> PyResult<()> {
        with_engine!(self, engine => engine.check()).map_err(BrokenInvariantError::new_err)
    }
}
