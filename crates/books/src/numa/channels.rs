//! What nodes exchange: tokens of markets that have something to do, one queue for each node; and reports, one queue from all nodes.
//!
//! All queues are bounded and without locks. A ready queue holds every market's token at once, so a token always finds room. A report that finds none waits at its
//! worker, which runs nothing else until there is: so nothing is lost, the markets' queues fill, and who submits is told that they are full.
//!
//! Reports of one market are in order, across moves too: a worker has pushed its last report of a market before it passes the token on.

use proofbook_memory::numa::NodeId;
use proofbook_memory::queue::{CapacityError, LockFreeQueue};
use proofbook_memory::sync::thread::Thread;
use proofbook_memory::sync::{Arc, AtomicBool, Mutex, Ordering};

use super::cell::MarketCell;
use super::report::Report;

/// One node's side.
struct Gate<M> {
    /// Tokens of markets that this node's worker is to run.
    ready: LockFreeQueue<Arc<MarketCell<M>>>,
    /// The worker has ended, by order or by a panic.
    is_closed: AtomicBool,
}

/// The queues between nodes.
pub struct CrossNodeChannels<M> {
    gates: Vec<Gate<M>>,
    reports: LockFreeQueue<Report>,
    /// The workers should end.
    is_stopping: AtomicBool,
    /// The workers' threads, to wake them up, once all of them run.
    threads: Mutex<Vec<Thread>>,
}

impl<M> CrossNodeChannels<M> {
    /// Queues for so many nodes, at most so many markets, and so many reports that wait; the last two are powers of two.
    ///
    /// # Errors
    /// A capacity that a queue cannot have.
    pub fn new(
        nodes: usize,
        markets_max: usize,
        reports_max: usize,
    ) -> Result<Self, CapacityError> {
        let gate = |_| {
            Ok(Gate {
                ready: LockFreeQueue::with_capacity(markets_max)?,
                is_closed: AtomicBool::new(false),
            })
        };
        Ok(CrossNodeChannels {
            gates: (0..nodes).map(gate).collect::<Result<_, _>>()?,
            reports: LockFreeQueue::with_capacity(reports_max)?,
            is_stopping: AtomicBool::new(false),
            threads: Mutex::new(Vec::new()),
        })
    }

    /// Passes a market's token to a node, whose worker has to be woken up afterwards where it may sleep.
    ///
    /// # Panics
    /// If there are more tokens than markets.
    pub fn pass(&self, node: NodeId, cell: Arc<MarketCell<M>>) {
        let passed = self.gates[node.index()].ready.push(cell);
        assert!(
            passed.is_ok(),
            "a ready queue has room for every market's one token"
        );
    }

    /// Takes a token that was passed to a node.
    pub(super) fn next(&self, node: NodeId) -> Option<Arc<MarketCell<M>>> {
        self.gates[node.index()].ready.pop()
    }

    /// Adds a report; gives it back where there is no room.
    pub(super) fn report(&self, report: Report) -> Result<(), Report> {
        self.reports.push(report)
    }

    /// Takes the oldest report.
    pub fn next_report(&self) -> Option<Report> {
        self.reports.pop()
    }

    /// Notes the workers' threads.
    pub(super) fn set_threads(&self, threads: Vec<Thread>) {
        *self
            .threads
            .lock()
            .expect("no thread panics while it holds these") = threads;
    }

    /// Wakes a node's worker up, for a worker of another node: which happens once for each move.
    pub(super) fn wake(&self, node: NodeId) {
        let threads = self.threads.lock();
        let threads = threads.expect("no thread panics while it holds these");
        if let Some(thread) = threads.get(node.index()) {
            thread.unpark();
        }
    }

    /// The workers should end. They have to be woken up for it.
    ///
    /// Relaxed, as for the marks below: nothing is read because of them, and waking a thread up shows it what was written before.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// A node's worker has ended.
    pub(super) fn close(&self, node: NodeId) {
        self.gates[node.index()]
            .is_closed
            .store(true, Ordering::Relaxed);
    }

    /// Whether a node's worker has ended.
    pub(super) fn is_closed(&self, node: NodeId) -> bool {
        self.gates[node.index()].is_closed.load(Ordering::Relaxed)
    }
}
