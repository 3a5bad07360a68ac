//! What a NUMA order book has measured, as values.

use proofbook_memory::numa::{NodeId, NumaError, Placement};

use super::market::MarketId;

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeMetrics {
    /// The node.
    pub node: NodeId,
    /// Its processors.
    pub cpus: usize,
    /// Whether the operating system keeps its worker there.
    pub placement: Result<Placement, NumaError>,
    /// Whether its worker has ended.
    pub is_closed: bool,
    /// Markets that live there now.
    pub markets: u64,
    /// Commands applied there.
    pub commands: u64,
    /// Events of these.
    pub events: u64,
    /// Batches in which they were applied.
    pub batches: u64,
    /// Markets that came, new ones included.
    pub arrivals: u64,
    /// Reports that had to wait for somebody to take others.
    pub stalls: u64,
    /// How often the worker found nothing to do and slept.
    pub sleeps: u64,
    /// Places of markets that came which lie on the node, of those that the operating system was asked for.
    pub pages_here: u64,
    /// Those that lie on another node.
    pub pages_elsewhere: u64,
    /// What it bore in the last round of balancing, in thousandths of its fair share; `None` before the first round.
    pub utilization_permille: Option<u64>,
}

/// One market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarketMetrics {
    /// The market.
    pub market: MarketId,
    /// Where it lives, or goes to.
    pub node: NodeId,
    /// Commands applied.
    pub commands: u64,
    /// Events of these.
    pub events: u64,
    /// Lots traded.
    pub volume: u64,
    /// How often it came to a node, its first one included.
    pub moves: u64,
    /// Commands given back because too many waited.
    pub refused: u64,
    /// Commands that wait now.
    pub waiting: usize,
    /// Whether it broke.
    pub has_failed: bool,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumaMetrics {
    /// Each node, in order.
    pub nodes: Vec<NodeMetrics>,
    /// Each market, by name.
    pub markets: Vec<MarketMetrics>,
}
