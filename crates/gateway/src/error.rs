//! Why a gateway cannot start, or stopped. What a client does wrong is never here: it is answered, or its connection ends.

use std::fmt;
use std::io;
use std::path::PathBuf;

use proofbook_engine::EngineError;
use proofbook_net::NetError;
use proofbook_session::{SendError, StoreError};

/// Why a gateway cannot start, or stopped.
#[derive(Debug)]
pub enum GatewayError {
    /// The exchange or its log.
    Engine(EngineError),
    /// A session's store: its numbers are not known any more.
    Store(StoreError),
    /// A message to a client cannot be kept or not be written.
    Send(SendError),
    /// Memory for a connection.
    Net(NetError),
    /// The operating system.
    Io {
        /// What was tried.
        operation: &'static str,
        /// Its answer.
        source: io::Error,
    },
    /// TLS cannot be spoken.
    Rustls(rustls::Error),
    /// The files for TLS.
    Tls {
        /// The file.
        path: PathBuf,
        /// What it should have.
        expected: &'static str,
        /// What is wrong with it.
        received: String,
    },
    /// Two sessions have the same number or the same names, or a number is not from 1 to 2^32 - 1.
    Session {
        /// The number of the second of them.
        id: u64,
    },
    /// A session's store knows more of the log than there is: they are not of one time.
    Ahead {
        /// The session's number.
        session: u64,
        /// The entry that its peer was told of last.
        told: u64,
        /// The last entry of the log.
        entries: u64,
    },
    /// One of the first entries was refused.
    Setup {
        /// Its place.
        index: usize,
        /// Why.
        refusal: proofbook_exchange::Refusal,
    },
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GatewayError::Engine(error) => error.fmt(f),
            GatewayError::Store(error) => error.fmt(f),
            GatewayError::Send(error) => error.fmt(f),
            GatewayError::Net(error) => error.fmt(f),
            GatewayError::Io { operation, source } => write!(f, "cannot {operation}: {source}"),
            GatewayError::Rustls(error) => error.fmt(f),
            GatewayError::Tls {
                path,
                expected,
                received,
            } => write!(
                f,
                "{}: expected {expected}, received: {received}",
                path.display()
            ),
            GatewayError::Session { id } => write!(
                f,
                "expected sessions with numbers from 1 to 2^32 - 1 and names of their own, received session {id}"
            ),
            GatewayError::Ahead {
                session,
                told,
                entries,
            } => write!(
                f,
                "sessions/{session:08} knows entry {told}: expected a log that has it, received one that ends with {entries}; both must be of one time"
            ),
            GatewayError::Setup { index, refusal } => write!(
                f,
                "expected first entries that the exchange takes, received one at {index} that it refused: {refusal}"
            ),
        }
    }
}

impl std::error::Error for GatewayError {}

impl From<EngineError> for GatewayError {
    fn from(error: EngineError) -> Self {
        GatewayError::Engine(error)
    }
}

impl From<StoreError> for GatewayError {
    fn from(error: StoreError) -> Self {
        GatewayError::Store(error)
    }
}

impl From<SendError> for GatewayError {
    fn from(error: SendError) -> Self {
        GatewayError::Send(error)
    }
}

impl From<NetError> for GatewayError {
    fn from(error: NetError) -> Self {
        GatewayError::Net(error)
    }
}

pub(crate) fn failed(operation: &'static str) -> impl FnOnce(io::Error) -> GatewayError {
    move |source| GatewayError::Io { operation, source }
}
