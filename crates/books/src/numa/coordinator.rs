//! Knows which market lives on which node, places new ones, and starts moves.
//!
//! Markets are never split: a market is a cell, and a cell has one owner.

use std::collections::BTreeMap;

use proofbook_memory::numa::{Node, NodeId, Topology};
use proofbook_memory::sync::{Arc, Mutex, Ordering};

use super::balancer::{MarketLoad, Migration, NodeLoad, NumaLoadBalancer};
use super::cell::MarketCell;
use super::channels::CrossNodeChannels;
use super::error::NumaBookError;
use super::market::MarketId;
use super::metrics::MarketMetrics;

/// Why a lock of the coordinator is never poisoned.
const UNPOISONED: &str = "no thread panics while it holds the directory";

/// What had been measured of a market at the last round of balancing.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    work: u64,
    volume: u64,
}

struct Listed<M> {
    cell: Arc<MarketCell<M>>,
    seen: Seen,
}

struct Directory<M> {
    markets: BTreeMap<MarketId, Listed<M>>,
    balancer: NumaLoadBalancer,
}

/// The directory of markets and what balances them.
pub struct GlobalCoordinator<M> {
    topology: Arc<Topology>,
    channels: Arc<CrossNodeChannels<M>>,
    markets_max: usize,
    directory: Mutex<Directory<M>>,
}

impl<M> Listed<M> {
    /// What was done since the last round.
    fn load(&self) -> MarketLoad {
        let now = self.measured();
        MarketLoad {
            market: self.cell.id(),
            node: self.cell.owner(),
            work: now.work - self.seen.work,
            volume: now.volume.saturating_sub(self.seen.volume),
        }
    }

    fn measured(&self) -> Seen {
        let statistics = &self.cell.statistics;
        Seen {
            work: statistics.commands.get() + statistics.events.get(),
            volume: statistics.volume.get(),
        }
    }
}

impl<M> Directory<M> {
    fn node_loads(&self, topology: &Topology, channels: &CrossNodeChannels<M>) -> Vec<NodeLoad> {
        let of_node = |node: &Node| NodeLoad {
            cpus: node.cpus.len() as u64,
            is_closed: channels.is_closed(node.id),
            ..NodeLoad::default()
        };
        let mut loads: Vec<NodeLoad> = topology.nodes().iter().map(of_node).collect();
        for listed in self.markets.values() {
            let market = listed.load();
            let node = &mut loads[market.node.index()];
            node.markets += 1;
            node.work += market.work;
            node.volume = node.volume.saturating_add(market.volume);
        }
        loads
    }
}

impl<M> GlobalCoordinator<M> {
    pub(super) fn new(
        topology: Arc<Topology>,
        channels: Arc<CrossNodeChannels<M>>,
        balancer: NumaLoadBalancer,
        markets_max: usize,
    ) -> Self {
        GlobalCoordinator {
            topology,
            channels,
            markets_max,
            directory: Mutex::new(Directory {
                markets: BTreeMap::new(),
                balancer,
            }),
        }
    }

    /// The nodes.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// The node on which a market lives, or comes to next.
    pub fn node_of(&self, market: MarketId) -> Option<NodeId> {
        Some(self.cell(market)?.owner())
    }

    /// What each node bore before the moves of the last round of balancing, in thousandths of its fair share.
    pub fn node_utilization(&self) -> Vec<u64> {
        self.lock().balancer.node_utilization().to_vec()
    }

    fn lock(&self) -> impl core::ops::DerefMut<Target = Directory<M>> + '_ {
        self.directory.lock().expect(UNPOISONED)
    }

    pub(super) fn cell(&self, market: MarketId) -> Option<Arc<MarketCell<M>>> {
        let directory = self.lock();
        Some(Arc::clone(&directory.markets.get(&market)?.cell))
    }

    pub(super) fn cells(&self) -> Vec<Arc<MarketCell<M>>> {
        let directory = self.lock();
        let cells = directory.markets.values();
        cells.map(|listed| Arc::clone(&listed.cell)).collect()
    }

    /// Lists a market on the node that the strategy chooses, or on this one.
    pub(super) fn list(
        &self,
        id: MarketId,
        market: M,
        node: Option<NodeId>,
        commands_max: usize,
    ) -> Result<Arc<MarketCell<M>>, NumaBookError> {
        let mut directory = self.lock();
        if directory.markets.contains_key(&id) {
            return Err(NumaBookError::Listed { market: id });
        }
        if directory.markets.len() >= self.markets_max {
            return Err(NumaBookError::TooMany {
                limit: self.markets_max,
            });
        }
        let node = match node {
            Some(node) => {
                let node = self.topology.node(node)?.id;
                if self.channels.is_closed(node) {
                    return Err(NumaBookError::NodeClosed { node });
                }
                node
            }
            None => {
                let loads = directory.node_loads(&self.topology, &self.channels);
                let place = directory.balancer.place(id, &loads);
                place.ok_or(NumaBookError::NodeClosed { node: NodeId(0) })?
            }
        };
        let cell = Arc::new(MarketCell::new(id, market, node, commands_max)?);
        let listed = Listed {
            cell: Arc::clone(&cell),
            seen: Seen::default(),
        };
        directory.markets.insert(id, listed);
        Ok(cell)
    }

    /// Which markets should move, by what was measured since the last time.
    pub(super) fn plan(&self) -> Vec<Migration> {
        let mut directory = self.lock();
        let nodes = directory.node_loads(&self.topology, &self.channels);
        let movable = directory
            .markets
            .values()
            .filter(|listed| listed.cell.target().is_none() && !listed.cell.has_failed());
        let markets: Vec<MarketLoad> = movable.map(Listed::load).collect();
        let migrations = directory.balancer.plan(&nodes, &markets);
        for listed in directory.markets.values_mut() {
            listed.seen = listed.measured();
        }
        migrations
    }

    pub(super) fn market_metrics(&self) -> Vec<MarketMetrics> {
        let metrics = |cell: Arc<MarketCell<M>>| MarketMetrics {
            market: cell.id(),
            node: cell.owner(),
            commands: cell.statistics.commands.get(),
            events: cell.statistics.events.get(),
            volume: cell.statistics.volume.get(),
            moves: cell.statistics.moves.get(),
            refused: cell.statistics.refused.load(Ordering::Relaxed),
            waiting: cell.waiting().commands,
            has_failed: cell.has_failed(),
        };
        self.cells().into_iter().map(metrics).collect()
    }
}
