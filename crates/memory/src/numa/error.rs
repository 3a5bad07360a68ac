//! What can go wrong with placement, as values.

use std::fmt;

/// Why something about nodes could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumaError {
    /// The operating system refused a call.
    Refused {
        /// The call.
        call: &'static str,
        /// The system's number for the reason.
        code: i32,
    },
    /// This operating system has no such call that the project knows.
    Unavailable {
        /// What was asked for.
        call: &'static str,
    },
    /// A file of the system could not be read.
    Unreadable {
        /// The file.
        path: String,
        /// The reason.
        reason: String,
    },
    /// A text of the system is not what it should be.
    Malformed {
        /// What was expected.
        expected: &'static str,
        /// What was found.
        received: String,
    },
    /// A number beyond its bound.
    Beyond {
        /// What it counts.
        what: &'static str,
        /// The most that is allowed.
        limit: usize,
        /// What was received.
        received: usize,
    },
    /// The topology has no such node.
    UnknownNode {
        /// Nodes that it has: numbers below this.
        nodes: usize,
        /// The node that was named.
        received: u32,
    },
}

impl fmt::Display for NumaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NumaError::Refused { call, code } => {
                let reason = std::io::Error::from_raw_os_error(*code);
                write!(f, "{call} was refused: {reason}")
            }
            NumaError::Unavailable { call } => {
                write!(f, "{call} is not available on this operating system")
            }
            NumaError::Unreadable { path, reason } => write!(f, "{path}: {reason}"),
            NumaError::Malformed { expected, received } => {
                write!(f, "expected {expected}, received {received:?}")
            }
            NumaError::Beyond {
                what,
                limit,
                received,
            } => {
                write!(f, "{what}: expected at most {limit}, received {received}")
            }
            NumaError::UnknownNode { nodes, received } => {
                write!(f, "expected a node below {nodes}, received {received}")
            }
        }
    }
}

impl std::error::Error for NumaError {}
