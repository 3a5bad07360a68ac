//! Many markets on the nodes of one machine: a worker thread for each node, a queue of commands for each market.
//!
//! Any number of threads submit commands; a market's commands are applied in the order in which they were accepted, by the worker of the node that the market
//! lives on. Markets move between nodes while commands flow: what comes meanwhile waits in the market's own queue, which does not move.
//!
//! Invariants: an accepted command is applied, or comes back in a report, unless the whole book is dropped; no queue grows beyond its bound; no thread
//! outlives the book.

use proofbook_memory::numa::{NodeId, Topology};
use proofbook_memory::queue::CapacityError;
use proofbook_memory::sync::{thread, Arc, Mutex};
use proofbook_types::Command;

use super::balancer::{DistributionStrategy, Migration, MigrationPolicy, NumaLoadBalancer};
use super::cell::MarketCell;
use super::channels::CrossNodeChannels;
use super::coordinator::GlobalCoordinator;
use super::error::{NumaBookError, SubmitError};
use super::market::{Market, MarketId, Seat};
use super::metrics::{NodeMetrics, NumaMetrics};
use super::report::Report;
use super::worker::{NodeStatistics, NodeWorker};

/// Commands that may wait for one market, at most: those queues are as large as they may get from the start.
pub const COMMANDS_MAX: usize = 1 << 20;

/// Sizes and policies of a [`NumaOrderBook`]. The sizes are powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumaConfig {
    /// Markets that may be listed.
    pub markets_max: usize,
    /// Commands that may wait for each market, at most [`COMMANDS_MAX`].
    pub commands_max: usize,
    /// Reports that may wait to be taken.
    pub reports_max: usize,
    /// How markets are spread over nodes.
    pub distribution_strategy: DistributionStrategy,
    /// When markets move.
    pub migration_policy: MigrationPolicy,
}

impl Default for NumaConfig {
    fn default() -> Self {
        NumaConfig {
            markets_max: 1024,
            commands_max: 1024,
            reports_max: 4096,
            distribution_strategy: DistributionStrategy::default(),
            migration_policy: MigrationPolicy::default(),
        }
    }
}

/// A node's thread and what it shares.
struct LocalWorker {
    thread: Option<thread::JoinHandle<()>>,
    statistics: Arc<NodeStatistics>,
    /// Set once the thread has taken its seat.
    seat: Arc<Mutex<Option<Seat>>>,
}

/// What is left of a book after its last command.
#[derive(Debug)]
pub struct Finished<M> {
    /// The markets that work, by name.
    pub markets: Vec<(MarketId, M)>,
    /// Those that broke, or whose node's worker ended before its time.
    pub failed: Vec<MarketId>,
}

/// Markets over the nodes of a machine.
pub struct NumaOrderBook<M: Market> {
    global_coordinator: GlobalCoordinator<M>,
    cross_node_channels: Arc<CrossNodeChannels<M>>,
    workers: Vec<LocalWorker>,
    config: NumaConfig,
}

/// Notes that a worker's thread ends, however it does.
struct Closing<M> {
    channels: Arc<CrossNodeChannels<M>>,
    node: NodeId,
}

impl<M> Drop for Closing<M> {
    fn drop(&mut self) {
        self.channels.close(self.node);
    }
}

impl<M: Market> NumaOrderBook<M> {
    /// Starts a worker on each node.
    ///
    /// # Errors
    /// A capacity that a queue cannot have; a thread that the system does not give.
    pub fn start(topology: Arc<Topology>, config: NumaConfig) -> Result<Self, NumaBookError> {
        if config.commands_max > COMMANDS_MAX {
            return Err(CapacityError {
                received: config.commands_max,
            }
            .into());
        }
        let nodes = topology.nodes().len();
        let channels = CrossNodeChannels::new(nodes, config.markets_max, config.reports_max)?;
        let balancer = NumaLoadBalancer::new(config.distribution_strategy, config.migration_policy);
        let channels = Arc::new(channels);
        let shared = Arc::clone(&channels);
        let mut book = NumaOrderBook {
            global_coordinator: GlobalCoordinator::new(
                topology,
                shared,
                balancer,
                config.markets_max,
            ),
            cross_node_channels: channels,
            workers: Vec::with_capacity(nodes),
            config,
        };
        // What was started is stopped where the next one does not start: by the drop of the book.
        for node in 0..nodes {
            let worker = book.start_worker(NodeId(node as u32))?;
            book.workers.push(worker);
        }
        let threads = book
            .workers
            .iter()
            .filter_map(|worker| worker.thread.as_ref());
        let threads = threads.map(|thread| thread.thread().clone()).collect();
        book.cross_node_channels.set_threads(threads);
        Ok(book)
    }

    fn start_worker(&self, node: NodeId) -> Result<LocalWorker, NumaBookError> {
        let statistics = Arc::new(NodeStatistics::default());
        let seat = Arc::new(Mutex::new(None));
        let topology = Arc::clone(self.global_coordinator.topology());
        topology.node(node)?;
        let closing = Closing {
            channels: Arc::clone(&self.cross_node_channels),
            node,
        };
        let shared = (Arc::clone(&statistics), Arc::clone(&seat));
        let thread = thread::Builder::new()
            .name(format!("proofbook-node-{}", node.0))
            .spawn(move || {
                let (statistics, shown) = shared;
                let taken = Seat::take(&topology, node).expect("the topology has this node");
                *shown
                    .lock()
                    .expect("no thread panics while it holds the seat") = Some(taken.clone());
                let channels = Arc::clone(&closing.channels);
                NodeWorker::new(taken, channels, statistics).run();
            });
        let thread = thread.map_err(|error| NumaBookError::Thread {
            reason: error.to_string(),
        })?;
        Ok(LocalWorker {
            thread: Some(thread),
            statistics,
            seat,
        })
    }

    /// Which market lives where.
    pub fn global_coordinator(&self) -> &GlobalCoordinator<M> {
        &self.global_coordinator
    }

    /// Lists a market, on the node that the strategy chooses.
    ///
    /// # Errors
    /// A name that is listed already; more markets than the book was made for.
    pub fn list(&self, id: MarketId, market: M) -> Result<NodeId, NumaBookError> {
        self.list_cell(id, market, None)
    }

    /// Lists a market on a node.
    ///
    /// # Errors
    /// As [`list`](Self::list); a node that the topology has not.
    pub fn list_on(&self, id: MarketId, market: M, node: NodeId) -> Result<(), NumaBookError> {
        self.list_cell(id, market, Some(node)).map(|_| ())
    }

    fn list_cell(
        &self,
        id: MarketId,
        market: M,
        node: Option<NodeId>,
    ) -> Result<NodeId, NumaBookError> {
        let commands_max = self.config.commands_max;
        let cell = self
            .global_coordinator
            .list(id, market, node, commands_max)?;
        let node = cell.owner();
        // Its memory is wherever it was made: the first thing that it does is to move to its node. It is listed by now: whoever is quick may have asked
        // for another node already, and a worker may end at any time.
        match self.request_move(&cell, node) {
            Ok(()) | Err(NumaBookError::Moving { .. } | NumaBookError::NodeClosed { .. }) => {
                Ok(node)
            }
            Err(error) => Err(error),
        }
    }

    /// A market to submit commands to.
    pub fn market(&self, id: MarketId) -> Option<MarketHandle<'_, M>> {
        let cell = self.global_coordinator.cell(id)?;
        Some(MarketHandle { book: self, cell })
    }

    /// Has a market moved to a node. Commands go on being accepted, wait, and are applied there.
    ///
    /// # Errors
    /// A market or node that is not there, or a market that is on its way already.
    pub fn migrate(&self, id: MarketId, node: NodeId) -> Result<(), NumaBookError> {
        let node = self.global_coordinator.topology().node(node)?.id;
        let cell = self.global_coordinator.cell(id);
        let cell = cell.ok_or(NumaBookError::Unknown { market: id })?;
        self.request_move(&cell, node)
    }

    fn request_move(&self, cell: &Arc<MarketCell<M>>, node: NodeId) -> Result<(), NumaBookError> {
        for node in [node, cell.owner()] {
            if self.cross_node_channels.is_closed(node) {
                return Err(NumaBookError::NodeClosed { node });
            }
        }
        match cell.request_move(node) {
            Ok(has_token) => {
                if has_token {
                    self.pass(Arc::clone(cell));
                }
                Ok(())
            }
            Err(to) => Err(NumaBookError::Moving {
                market: cell.id(),
                to,
            }),
        }
    }

    /// Passes a token to its market's node and wakes the worker there.
    fn pass(&self, cell: Arc<MarketCell<M>>) {
        let node = cell.owner();
        self.cross_node_channels.pass(node, cell);
        self.wake(node);
    }

    fn wake(&self, node: NodeId) {
        if let Some(thread) = &self.workers[node.index()].thread {
            thread.thread().unpark();
        }
    }

    fn wake_all(&self) {
        for node in self
            .global_coordinator
            .topology()
            .nodes()
            .iter()
            .take(self.workers.len())
        {
            self.wake(node.id);
        }
    }

    /// Looks at what the markets did since the last time, and has those moved that the balancer chooses. Which ones it has started to move.
    pub fn rebalance(&self) -> Vec<Migration> {
        let mut planned = self.global_coordinator.plan();
        planned.retain(|migration| self.migrate(migration.market, migration.to).is_ok());
        planned
    }

    /// Takes the reports that wait, in order, and gives their number. Reports of one market are in order; where several threads take reports, each
    /// sees a part of them.
    pub fn take_reports(&self, mut take: impl FnMut(Report)) -> usize {
        let mut count = 0;
        while count < self.config.reports_max {
            let Some(report) = self.cross_node_channels.next_report() else {
                break;
            };
            take(report);
            count += 1;
        }
        if count > 0 {
            // A worker whose report found no room sleeps until there is some.
            self.wake_all();
        }
        count
    }

    /// What was measured so far.
    pub fn metrics(&self) -> NumaMetrics {
        let markets = self.global_coordinator.market_metrics();
        let utilization = self.global_coordinator.node_utilization();
        let nodes = self.global_coordinator.topology().nodes();
        let node_metrics = |(node, worker): (&proofbook_memory::numa::Node, &LocalWorker)| {
            let statistics = &worker.statistics;
            let seat = worker.seat.lock().ok();
            let seat = seat.and_then(|seat| (*seat).clone());
            NodeMetrics {
                node: node.id,
                cpus: node.cpus.len(),
                placement: match seat {
                    Some(seat) => seat.placement().clone(),
                    None => Err(proofbook_memory::numa::NumaError::Unavailable {
                        call: "the seat of a thread that has just started",
                    }),
                },
                is_closed: self.cross_node_channels.is_closed(node.id),
                markets: markets
                    .iter()
                    .filter(|market| market.node == node.id)
                    .count() as u64,
                commands: statistics.commands.get(),
                events: statistics.events.get(),
                batches: statistics.batches.get(),
                arrivals: statistics.arrivals.get(),
                stalls: statistics.stalls.get(),
                sleeps: statistics.sleeps.get(),
                pages_here: statistics.pages_here.get(),
                pages_elsewhere: statistics.pages_elsewhere.get(),
                utilization_permille: utilization.get(node.id.index()).copied(),
            }
        };
        NumaMetrics {
            nodes: nodes.iter().zip(&self.workers).map(node_metrics).collect(),
            markets,
        }
    }

    /// Applies everything that was accepted, hands out all reports, and gives the markets back. Whoever holds a [`MarketHandle`] borrows the book, so
    /// nothing more can come.
    pub fn finish(mut self, mut take: impl FnMut(Report)) -> Finished<M> {
        let cells = self.global_coordinator.cells();
        while cells.iter().any(|cell| self.is_busy(cell)) {
            if self.take_reports(&mut take) == 0 {
                thread::yield_now();
            }
        }
        while self.take_reports(&mut take) > 0 {}
        self.stop();
        let mut finished = Finished {
            markets: Vec::new(),
            failed: Vec::new(),
        };
        for cell in cells {
            let id = cell.id();
            let market = cell.take_market();
            match market.filter(|_| cell.waiting().commands == 0) {
                Some(market) => finished.markets.push((id, market)),
                None => finished.failed.push(id),
            }
        }
        finished
    }

    /// Whether something is left to do for a market that somebody will do.
    fn is_busy(&self, cell: &MarketCell<M>) -> bool {
        let waiting = cell.waiting();
        let is_idle = waiting.commands == 0 && waiting.moves == 0;
        !is_idle && !self.cross_node_channels.is_closed(cell.owner())
    }

    /// Ends all workers and waits for them.
    fn stop(&mut self) {
        self.cross_node_channels.stop();
        self.wake_all();
        for worker in &mut self.workers {
            if let Some(thread) = worker.thread.take() {
                // A worker that panicked has said so: its node is closed.
                let _ = thread.join();
            }
        }
    }
}

impl<M: Market> Drop for NumaOrderBook<M> {
    fn drop(&mut self) {
        self.stop();
        // Whoever still has a handle cannot use it, and should not keep the market.
        for cell in self.global_coordinator.cells() {
            cell.take_market();
        }
    }
}

/// A market to submit commands to, from any thread.
pub struct MarketHandle<'a, M: Market> {
    book: &'a NumaOrderBook<M>,
    cell: Arc<MarketCell<M>>,
}

impl<M: Market> Clone for MarketHandle<'_, M> {
    fn clone(&self) -> Self {
        MarketHandle {
            book: self.book,
            cell: Arc::clone(&self.cell),
        }
    }
}

impl<M: Market> MarketHandle<'_, M> {
    /// The market's name.
    pub fn id(&self) -> MarketId {
        self.cell.id()
    }

    /// The node on which the market lives, or comes to next.
    pub fn node(&self) -> NodeId {
        self.cell.owner()
    }

    /// Has a command applied, after all that were accepted before.
    ///
    /// # Errors
    /// The market has too much to do, or is broken: the command was not accepted.
    pub fn submit(&self, command: Command) -> Result<(), SubmitError> {
        let market = self.cell.id();
        if self.cell.has_failed() {
            return Err(SubmitError::Failed { market });
        }
        let node = self.cell.owner();
        if self.book.cross_node_channels.is_closed(node) {
            return Err(SubmitError::NodeClosed { market, node });
        }
        match self.cell.push(command) {
            Ok(has_token) => {
                if has_token {
                    self.book.pass(Arc::clone(&self.cell));
                }
                Ok(())
            }
            Err(command) => Err(SubmitError::Full {
                market,
                limit: self.cell.commands_max(),
                command,
            }),
        }
    }
}
