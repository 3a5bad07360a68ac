//! What a NUMA order book asks of a market, and what it tells it.

use std::fmt;

use proofbook_memory::numa::{Node, NodeId, NumaError, Placement, Topology};
use proofbook_memory::sync::Arc;
use proofbook_types::{Command, EventSink};

/// Addresses of one structure that are looked up, at most: each costs a call of the operating system.
pub const ADDRESSES_MAX: usize = 64;

/// A market's name: what is traded there. A market is on one node at a time, never split between several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarketId(pub u64);

impl fmt::Display for MarketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "market {}", self.0)
    }
}

/// A market that lives on some node. One thread uses it at a time.
pub trait Market: Send + 'static {
    /// Applies one command and hands its events to `events`, in order.
    fn apply(&mut self, command: &Command, events: &mut impl EventSink);

    /// Copies its memory to the node of this thread, which the seat names, and says where it lies now. Nothing else about the market changes.
    fn move_to(&mut self, seat: &Seat) -> Residence;
}

/// Where a worker sits: its node, and whether the operating system keeps it there.
#[derive(Clone, Debug)]
pub struct Seat {
    topology: Arc<Topology>,
    node: Node,
    placement: Result<Placement, NumaError>,
}

impl Seat {
    /// Takes a seat for this thread: keeps it on the processors of a node and has its memory taken there.
    ///
    /// Where the operating system refuses, the seat says so and is good all the same: the thread runs anywhere, and so do its markets.
    ///
    /// # Errors
    /// Where the topology has no such node.
    pub fn take(topology: &Arc<Topology>, id: NodeId) -> Result<Seat, NumaError> {
        Ok(Seat {
            node: topology.node(id)?.clone(),
            placement: topology.place_thread(id),
            topology: Arc::clone(topology),
        })
    }

    /// The node and its processors.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Whether the operating system keeps the thread there.
    pub fn placement(&self) -> &Result<Placement, NumaError> {
        &self.placement
    }

    /// Where the pages of these addresses lie, as far as the operating system says; of the first [`ADDRESSES_MAX`].
    pub fn residence<'a, T: 'a>(&self, parts: impl Iterator<Item = &'a T>) -> Residence {
        let mut residence = Residence::default();
        for part in parts.take(ADDRESSES_MAX) {
            match self.topology.node_of_address(part) {
                Ok(node) if node == self.node.id => residence.here += 1,
                Ok(_) => residence.elsewhere += 1,
                Err(_) => residence.unknown += 1,
            }
        }
        residence
    }
}

/// How many of the places that were looked up lie where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Residence {
    /// On the node of the seat.
    pub here: u32,
    /// On another node.
    pub elsewhere: u32,
    /// The operating system does not say, as on a simulated topology.
    pub unknown: u32,
}
