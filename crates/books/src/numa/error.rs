//! What a NUMA order book refuses, as values.

use std::fmt;

use proofbook_memory::numa::{NodeId, NumaError};
use proofbook_memory::queue::CapacityError;
use proofbook_types::Command;

use super::market::MarketId;

/// Why a command was not accepted. It has changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitError {
    /// So many commands wait for the market already. It goes on once some are applied and their reports are taken.
    Full {
        /// The market.
        market: MarketId,
        /// Commands that may wait.
        limit: usize,
        /// The command.
        command: Command,
    },
    /// The market broke; a report says how.
    Failed {
        /// The market.
        market: MarketId,
    },
    /// The node's worker has ended, and the market with it.
    NodeClosed {
        /// The market.
        market: MarketId,
        /// The node.
        node: NodeId,
    },
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubmitError::Full { market, limit, .. } => {
                write!(
                    f,
                    "{market}: expected fewer than {limit} waiting commands, received one more"
                )
            }
            SubmitError::Failed { market } => {
                write!(f, "{market}: expected a market that works, but it failed")
            }
            SubmitError::NodeClosed { market, node } => {
                write!(f, "{market}: expected a worker on {node}, but it has ended")
            }
        }
    }
}

impl std::error::Error for SubmitError {}

/// Why a book did not start, or a market was not listed or moved. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumaBookError {
    /// A capacity that a queue cannot have.
    Capacity(CapacityError),
    /// A node that the topology has not.
    Node(NumaError),
    /// The system gave no thread.
    Thread {
        /// Why.
        reason: String,
    },
    /// A market of this name is listed already.
    Listed {
        /// The market.
        market: MarketId,
    },
    /// No market of this name is listed.
    Unknown {
        /// The market.
        market: MarketId,
    },
    /// More markets than the book was made for.
    TooMany {
        /// Markets that may be listed.
        limit: usize,
    },
    /// The market is on its way already.
    Moving {
        /// The market.
        market: MarketId,
        /// Where it goes.
        to: NodeId,
    },
    /// The node's worker has ended.
    NodeClosed {
        /// The node.
        node: NodeId,
    },
}

impl fmt::Display for NumaBookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NumaBookError::Capacity(error) => error.fmt(f),
            NumaBookError::Node(error) => error.fmt(f),
            NumaBookError::Thread { reason } => {
                write!(
                    f,
                    "expected a thread for each node, but one could not be had: {reason}"
                )
            }
            NumaBookError::Listed { market } => {
                write!(f, "expected a new market, but {market} is listed already")
            }
            NumaBookError::Unknown { market } => {
                write!(f, "expected a listed market, received {market}")
            }
            NumaBookError::TooMany { limit } => {
                write!(f, "expected at most {limit} markets, received one more")
            }
            NumaBookError::Moving { market, to } => {
                write!(
                    f,
                    "expected a market at rest, but {market} is on its way to {to}"
                )
            }
            NumaBookError::NodeClosed { node } => {
                write!(f, "expected a worker on {node}, but it has ended")
            }
        }
    }
}

impl std::error::Error for NumaBookError {}

impl From<CapacityError> for NumaBookError {
    fn from(error: CapacityError) -> Self {
        NumaBookError::Capacity(error)
    }
}

impl From<NumaError> for NumaBookError {
    fn from(error: NumaError) -> Self {
        NumaBookError::Node(error)
    }
}
