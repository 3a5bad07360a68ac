//! What can go wrong, as values: each says what was expected and what was received.

use std::fmt;
use std::io;

use proofbook_memory::numa::NumaError;
use proofbook_memory::pool::PoolError;
use proofbook_memory::queue::CapacityError;

/// Why memory, a packet or a ring cannot be had as asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetError {
    /// A number is out of its range.
    OutOfRange {
        /// What it counts.
        what: &'static str,
        /// The least that is allowed.
        least: usize,
        /// The most that is allowed.
        most: usize,
        /// What was received.
        received: usize,
    },
    /// The operating system refused a call.
    Refused {
        /// The call.
        call: &'static str,
        /// The system's number for the reason.
        code: i32,
    },
    /// This operating system has no such call that the project knows.
    Unavailable {
        /// The call.
        call: &'static str,
    },
    /// A pool has no buffer, or cannot be made.
    Pool(PoolError),
    /// A ring cannot have this capacity.
    Capacity(CapacityError),
    /// A node or a processor cannot be had.
    Numa(NumaError),
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetError::OutOfRange {
                what,
                least,
                most,
                received,
            } => write!(f, "{what}: expected {least} to {most}, received {received}"),
            NetError::Refused { call, code } => {
                let reason = io::Error::from_raw_os_error(*code);
                write!(f, "{call} was refused: {reason}")
            }
            NetError::Unavailable { call } => {
                write!(f, "{call} is not available on this operating system")
            }
            NetError::Pool(error) => error.fmt(f),
            NetError::Capacity(error) => error.fmt(f),
            NetError::Numa(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NetError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            NetError::Pool(error) => Some(error),
            NetError::Capacity(error) => Some(error),
            NetError::Numa(error) => Some(error),
            _ => None,
        }
    }
}

impl From<PoolError> for NetError {
    fn from(error: PoolError) -> Self {
        NetError::Pool(error)
    }
}

impl From<CapacityError> for NetError {
    fn from(error: CapacityError) -> Self {
        NetError::Capacity(error)
    }
}

impl From<NumaError> for NetError {
    fn from(error: NumaError) -> Self {
        NetError::Numa(error)
    }
}

impl From<io::Error> for NetError {
    fn from(error: io::Error) -> Self {
        NetError::Refused {
            call: "a call about a file",
            code: error.raw_os_error().unwrap_or(0),
        }
    }
}

/// Refuses a number that is out of its range.
pub(crate) fn in_range(
    what: &'static str,
    received: usize,
    least: usize,
    most: usize,
) -> Result<usize, NetError> {
    if (least..=most).contains(&received) {
        Ok(received)
    } else {
        Err(NetError::OutOfRange {
            what,
            least,
            most,
            received,
        })
    }
}

/// Why nothing was received.
#[derive(Debug)]
pub enum ReceiveError {
    /// The unfinished message fills all memory that there is for it.
    MessageTooLong {
        /// Bytes that a message can have.
        most: usize,
    },
    /// A datagram was longer than its buffer; its end is lost.
    DatagramTooLong {
        /// Bytes that a datagram can have.
        most: usize,
    },
    /// The pool has no buffer: what waits in the socket stays there.
    Pool(PoolError),
    /// The socket failed.
    Socket(io::Error),
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReceiveError::MessageTooLong { most } => write!(
                f,
                "expected a message of at most {most} bytes, received {most} bytes without its end"
            ),
            ReceiveError::DatagramTooLong { most } => {
                write!(
                    f,
                    "expected a datagram of at most {most} bytes, received a longer one"
                )
            }
            ReceiveError::Pool(error) => error.fmt(f),
            ReceiveError::Socket(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReceiveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReceiveError::Pool(error) => Some(error),
            ReceiveError::Socket(error) => Some(error),
            _ => None,
        }
    }
}

/// Why a message was not taken for sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// So many bytes wait for a client that does not read them that the message does not fit behind them.
    SlowClient {
        /// Bytes that are free.
        free: usize,
        /// Bytes that the message needs.
        needed: usize,
    },
    /// The message never fits.
    MessageTooLong {
        /// Bytes that a message can have.
        most: usize,
        /// Bytes that the message needs.
        needed: usize,
    },
    /// The pool has no buffer to go on in.
    Pool(PoolError),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::SlowClient { free, needed } => write!(
                f,
                "the client reads too slowly: expected a message of at most {free} bytes, received one of {needed}"
            ),
            SendError::MessageTooLong { most, needed } => {
                write!(f, "expected a message of at most {most} bytes, received one of {needed}")
            }
            SendError::Pool(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SendError {}
