//! What nodes a machine has: read from the system, or simulated.
//!
//! Invariants: there is at least one node and at most [`NODES_MAX`]; node `n` stands at place `n` of the list, whatever number the system
//! has for it; each node has a distance to every node.

use std::fmt;
use std::path::Path;

use super::{system, CpuSet, NumaError};

/// Nodes that a topology can have. Pools keep something for each of them.
pub const NODES_MAX: usize = 64;

/// Where Linux describes the nodes.
const SYSTEM_DIRECTORY: &str = "/sys/devices/system/node";

/// Distance of a node from itself, by the ACPI specification (System Locality Information Table); others are relative to it.
const DISTANCE_LOCAL: u32 = 10;

/// What a simulated topology says of two different nodes: the usual figure of machines with two sockets.
const DISTANCE_SIMULATED: u32 = 20;

/// A node: its place in the topology's list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl NodeId {
    /// Its place in a list of nodes.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}

/// One node of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its place in the topology.
    pub id: NodeId,
    /// Its number in the operating system.
    pub system_id: u32,
    /// Its processors; none where the node is memory alone.
    pub cpus: CpuSet,
    /// Its distance to each node of the topology, itself included: 10 is local.
    pub distances: Vec<u32>,
}

/// Whether a wish for a place reached the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The operating system took it.
    Placed,
    /// The topology is a simulated one: there is no such place.
    Simulated,
}

/// The nodes of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    nodes: Vec<Node>,
    is_simulated: bool,
}

impl Topology {
    /// The topology of this machine.
    ///
    /// # Errors
    /// Where the operating system does not describe it, or in another way than expected.
    pub fn detect() -> Result<Topology, NumaError> {
        system::require("the list of nodes")?;
        Topology::read(Path::new(SYSTEM_DIRECTORY))
    }

    /// The topology that a directory describes in the way of Linux: a file `online`, and for each node a directory with the files
    /// `cpulist` and `distance`.
    ///
    /// # Errors
    /// Where a file cannot be read, is malformed, or names more nodes than [`NODES_MAX`].
    pub fn read(directory: &Path) -> Result<Topology, NumaError> {
        // A list of nodes is written as one of processors is.
        let online = CpuSet::parse(&text(&directory.join("online"))?)?;
        within_bounds(online.len())?;
        let mut nodes = Vec::with_capacity(online.len());
        for (place, number) in online.iter().enumerate() {
            let of_node = directory.join(format!("node{number}"));
            nodes.push(Node {
                id: NodeId(place as u32),
                system_id: number as u32,
                cpus: CpuSet::parse(&text(&of_node.join("cpulist"))?)?,
                distances: distances(&text(&of_node.join("distance"))?, online.len())?,
            });
        }
        Ok(Topology {
            nodes,
            is_simulated: false,
        })
    }

    /// A machine that is not there: so many nodes with so many processors each, numbered from 0 in the order of the nodes.
    ///
    /// # Errors
    /// Where there is no node, or more nodes or processors than [`NODES_MAX`] and [`super::CPUS_MAX`] allow.
    pub fn simulated(nodes: usize, cpus_per_node: usize) -> Result<Topology, NumaError> {
        within_bounds(nodes)?;
        let mut list = Vec::with_capacity(nodes);
        for place in 0..nodes {
            let mut cpus = CpuSet::new();
            for cpu in 0..cpus_per_node {
                cpus.insert(place * cpus_per_node + cpu)?;
            }
            let mut distances = vec![DISTANCE_SIMULATED; nodes];
            distances[place] = DISTANCE_LOCAL;
            list.push(Node {
                id: NodeId(place as u32),
                system_id: place as u32,
                cpus,
                distances,
            });
        }
        Ok(Topology {
            nodes: list,
            is_simulated: true,
        })
    }

    /// The nodes, in order: node `n` stands at place `n`.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Whether the machine is not there.
    pub fn is_simulated(&self) -> bool {
        self.is_simulated
    }

    /// The node of this name.
    ///
    /// # Errors
    /// Where the topology has none.
    pub fn node(&self, id: NodeId) -> Result<&Node, NumaError> {
        self.nodes.get(id.index()).ok_or(NumaError::UnknownNode {
            nodes: self.nodes.len(),
            received: id.0,
        })
    }

    /// The node that a processor belongs to.
    pub fn node_of_cpu(&self, cpu: usize) -> Option<NodeId> {
        let node = self.nodes.iter().find(|node| node.cpus.contains(cpu))?;
        Some(node.id)
    }

    /// The node of the processor on which this thread runs now. A thread that is not pinned may be elsewhere at once.
    ///
    /// # Errors
    /// Where the operating system does not say on which processor a thread runs. On a simulated topology, processors that it does not
    /// have are dealt to its nodes by their numbers, so there is an answer on every system that does say.
    pub fn current_node(&self) -> Result<NodeId, NumaError> {
        let cpu = system::current_cpu()?;
        let dealt = NodeId((cpu % self.nodes.len()) as u32);
        match self.node_of_cpu(cpu) {
            Some(node) => Ok(node),
            None if self.is_simulated => Ok(dealt),
            None => Err(NumaError::Malformed {
                expected: "a processor of some node",
                received: format!("processor {cpu}"),
            }),
        }
    }

    /// The node on which the page of an address lies.
    ///
    /// # Errors
    /// Where the topology is simulated, or the operating system does not say: a page that was never touched lies nowhere.
    pub fn node_of_address<T: ?Sized>(&self, address: *const T) -> Result<NodeId, NumaError> {
        const EXPECTED: &str = "a page on a node of the topology";
        if self.is_simulated {
            return Err(NumaError::Malformed {
                expected: EXPECTED,
                received: "a simulated topology".to_string(),
            });
        }
        let number = system::node_of_address(address.cast())?;
        match self.nodes.iter().find(|node| node.system_id == number) {
            Some(node) => Ok(node.id),
            None => Err(NumaError::Malformed {
                expected: EXPECTED,
                received: format!("node{number} of the system"),
            }),
        }
    }

    /// All nodes from the nearest to the farthest, the node itself first; equally far ones in order.
    ///
    /// # Errors
    /// Where the topology has no such node.
    pub fn nearest_first(&self, id: NodeId) -> Result<Vec<NodeId>, NumaError> {
        let distances = &self.node(id)?.distances;
        let mut order: Vec<NodeId> = self.nodes.iter().map(|node| node.id).collect();
        order.sort_by_key(|other| (*other != id, distances[other.index()], *other));
        Ok(order)
    }

    /// Keeps this thread on the processors of a node, and has its future memory taken there while there is some.
    ///
    /// # Errors
    /// Where there is no such node, or the operating system refuses.
    pub fn place_thread(&self, id: NodeId) -> Result<Placement, NumaError> {
        let node = self.node(id)?;
        if self.is_simulated {
            return Ok(Placement::Simulated);
        }
        system::pin_thread(&node.cpus)?;
        system::prefer_node(node)?;
        Ok(Placement::Placed)
    }
}

/// The content of a small file.
fn text(path: &Path) -> Result<String, NumaError> {
    std::fs::read_to_string(path).map_err(|error| NumaError::Unreadable {
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

/// Refuses a number of nodes that no topology has.
fn within_bounds(nodes: usize) -> Result<(), NumaError> {
    match nodes {
        0 => Err(NumaError::Malformed {
            expected: "at least one node",
            received: "none".to_string(),
        }),
        1..=NODES_MAX => Ok(()),
        _ => Err(NumaError::Beyond {
            what: "nodes",
            limit: NODES_MAX,
            received: nodes,
        }),
    }
}

/// A node's distances, of which there must be one for each node.
fn distances(line: &str, nodes: usize) -> Result<Vec<u32>, NumaError> {
    let numbers: Result<Vec<u32>, _> = line.split_whitespace().map(str::parse).collect();
    match numbers {
        Ok(numbers) if numbers.len() == nodes => Ok(numbers),
        _ => Err(NumaError::Malformed {
            expected: "a distance for each node",
            received: line.trim().to_string(),
        }),
    }
}
