//! Why an engine could not do what was asked.

use std::fmt;

use proofbook_journal::JournalError;
use proofbook_types::ConfigError;

/// Why an engine could not do what was asked.
#[derive(Debug)]
pub enum EngineError {
    /// The journal failed, is damaged, missing or in use.
    Journal(JournalError),
    /// The terms make no market.
    Config(ConfigError),
    /// So many events wait for release that no command is taken before some are released.
    Backlog {
        /// Events that wait.
        held: usize,
        /// The most that may.
        limit: usize,
    },
    /// The market does not count the log's commands as the log does.
    Diverged {
        /// The command's number in the log.
        expected: u64,
        /// Its number in the market.
        received: u64,
    },
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EngineError::Journal(error) => error.fmt(f),
            EngineError::Config(error) => error.fmt(f),
            EngineError::Backlog { held, limit } => write!(
                f,
                "{held} events wait for release, the most is {limit}: release acknowledged events first"
            ),
            EngineError::Diverged { expected, received } => write!(
                f,
                "command {expected} of the log is command {received} of the market"
            ),
        }
    }
}

impl std::error::Error for EngineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            EngineError::Journal(error) => Some(error),
            EngineError::Config(error) => Some(error),
            EngineError::Backlog { .. } | EngineError::Diverged { .. } => None,
        }
    }
}

impl From<JournalError> for EngineError {
    fn from(error: JournalError) -> Self {
        EngineError::Journal(error)
    }
}

impl From<ConfigError> for EngineError {
    fn from(error: ConfigError) -> Self {
        EngineError::Config(error)
    }
}
