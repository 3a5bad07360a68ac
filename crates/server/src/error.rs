//! Why a server cannot start, and what callers do wrong.

use std::fmt;

use proofbook_gateway::{GatewayError, SubmitError};
use serde_json::Value;

/// Input that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    /// Where it is, such as `markets[0].price_decimals`.
    pub field: String,
    /// What was expected there.
    pub expected: String,
    /// What was received.
    pub received: String,
}

/// Characters of what was received that an error repeats.
const RECEIVED_CHARACTERS_MAX: usize = 80;

impl InputError {
    pub(crate) fn new(field: impl Into<String>, expected: &str, received: &Value) -> Self {
        let text = received.to_string();
        let received = match text.char_indices().nth(RECEIVED_CHARACTERS_MAX) {
            None => text,
            Some((end, _)) => format!("{}...", &text[..end]),
        };
        InputError {
            field: field.into(),
            expected: expected.to_owned(),
            received,
        }
    }

    pub(crate) fn missing(field: impl Into<String>, expected: &str) -> Self {
        InputError {
            field: field.into(),
            expected: expected.to_owned(),
            received: "nothing".to_owned(),
        }
    }

    /// The same error in a part of something larger.
    pub(crate) fn within(self, outer: &str) -> Self {
        let field = match self.field.as_str() {
            "" => outer.to_owned(),
            inner => format!("{outer}.{inner}"),
        };
        InputError { field, ..self }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        write!(f, "expected {}, received {}", self.expected, self.received)
    }
}

impl std::error::Error for InputError {}

/// Why a server does not do what it was asked.
#[derive(Debug)]
pub enum ServerError {
    /// The caller's input.
    Input(InputError),
    /// As many requests wait as may.
    Busy(SubmitError),
    /// It has stopped.
    Stopped,
    /// The gateway cannot start, or failed.
    Gateway(GatewayError),
    /// A file, a thread or a pipe of the operating system.
    Io(std::io::Error),
    /// Something else failed while it ran; said in words.
    Failed(String),
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerError::Input(error) => error.fmt(f),
            ServerError::Busy(error) => error.fmt(f),
            ServerError::Stopped => SubmitError::Stopped.fmt(f),
            ServerError::Gateway(error) => error.fmt(f),
            ServerError::Io(error) => error.fmt(f),
            ServerError::Failed(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for ServerError {}

impl From<InputError> for ServerError {
    fn from(error: InputError) -> Self {
        ServerError::Input(error)
    }
}

impl From<GatewayError> for ServerError {
    fn from(error: GatewayError) -> Self {
        ServerError::Gateway(error)
    }
}

impl From<std::io::Error> for ServerError {
    fn from(error: std::io::Error) -> Self {
        ServerError::Io(error)
    }
}
