//! What a caller may choose.

use std::path::PathBuf;
use std::str::FromStr;

use proofbook_books::Structure;

use crate::error::{ErrorKind, ReplayError};

/// What a replay does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Applies what happened, and compares the book with the exchange's own.
    Rebuild,
    /// Asks for what happened, and compares the trades with the exchange's own.
    Match,
}

impl Mode {
    /// The name that reports and options use.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Rebuild => "rebuild",
            Mode::Match => "match",
        }
    }
}

impl FromStr for Mode {
    type Err = ReplayError;

    fn from_str(text: &str) -> Result<Self, ReplayError> {
        match text {
            "rebuild" => Ok(Mode::Rebuild),
            "match" => Ok(Mode::Match),
            other => Err(ReplayError::new(
                ErrorKind::Usage,
                format!("expected the mode rebuild or match, received \"{other}\""),
            )),
        }
    }
}

/// The book before the first record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitialBook {
    /// The orders that the file takes from without having added them, where it says where they stood.
    #[default]
    Inferred,
    /// None.
    Empty,
}

/// What a caller may choose. The default is right for every file.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `None`: rebuild for an exchange's records, match for our own commands.
    pub mode: Option<Mode>,
    /// LOBSTER's order book file, where it is neither among the paths nor found by its name.
    pub book: Option<PathBuf>,
    /// The book before the first record.
    pub initial: InitialBook,
    /// What holds the orders.
    pub structure: Structure,
    /// One instrument, by its name or number. `None`: every one; for commands, the one with the most order events.
    pub instrument: Option<String>,
    /// Whether differences beyond the expected are a failure.
    pub check: bool,
}
