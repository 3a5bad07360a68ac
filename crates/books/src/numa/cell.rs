//! One market with the commands that wait for it, and the right to run it.
//!
//! The protocol. Commands wait in the market's own queue, so their order is fixed when they are pushed, wherever the market is or goes. `work` counts what
//! was pushed and announced: commands, and moves. Whoever raises it from zero thereby gets the market's **token**; while it is above zero, exactly one token exists. The
//! token goes to the ready queue of the owner's node; the worker that pops it may run the market, and nobody else may. It takes off `work`
//! what it has done; if something is left, it passes the token on, and if nothing is left, the token is gone. (So do actors, since Hewitt, Bishop and Steiger, "A
//! universal modular actor formalism", 1973; the counter in place of a flag is what makes the last look at the queue unnecessary.)
//!
//! A move is announced like a command: the target is written, then one move is added to `work`. The worker that next gets the token and is not on the target makes the target's node
//! the owner and passes the token there, without taking the move off; the worker there copies the market to its node, takes the move off, and
//! goes on with the queue where the other one stopped.
//!
//! Invariants:
//! - `work` is above zero exactly while a token exists, in a ready queue or in the hands of one thread;
//! - `owner` and the market are touched by who has the token alone (the owner is read by others for information);
//! - commands leave the queue in the order in which they came into it, each once.

use proofbook_memory::numa::NodeId;
use proofbook_memory::queue::{CapacityError, LockFreeQueue};
use proofbook_memory::sync::{AtomicBool, AtomicU32, AtomicU64, Mutex, Ordering, Statistic};
use proofbook_types::Command;

use super::market::MarketId;
use crate::layout::{layout, LayoutField};

/// One command in `work`.
const COMMAND: u64 = 1;
/// One move in `work`. Far more commands than a queue holds fit below it.
const MOVE: u64 = 1 << 40;
/// No move is under way.
const NO_TARGET: u32 = u32::MAX;

/// What a market did on its way, for whoever balances.
#[derive(Debug, Default)]
pub(super) struct CellStatistics {
    pub(super) commands: Statistic,
    pub(super) events: Statistic,
    /// Lots traded.
    pub(super) volume: Statistic,
    pub(super) moves: Statistic,
    /// Commands given back for want of room. Several threads add to it.
    pub(super) refused: AtomicU64,
}

/// The market itself, and what is known of it by who has the token.
#[derive(Debug)]
pub(super) struct Seated<M> {
    pub(super) market: M,
    /// Where its memory was last copied to.
    pub(super) node: Option<NodeId>,
    /// Commands that it was given.
    pub(super) sequence: u64,
}

/// What waits for a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Commands that were pushed and not taken off.
    pub commands: usize,
    /// Moves.
    pub moves: u64,
}

/// Two cache lines of its own: all who submit write it, and so does the worker.
#[derive(Debug)]
#[repr(align(128))]
struct Apart<T>(T);

/// A market that workers run in turn.
#[derive(Debug)]
#[repr(C)]
pub struct MarketCell<M> {
    work: Apart<AtomicU64>,
    commands: LockFreeQueue<Command>,
    id: MarketId,
    owner: AtomicU32,
    target: AtomicU32,
    has_failed: AtomicBool,
    /// None once the workers have ended.
    seated: Mutex<Option<Seated<M>>>,
    pub(super) statistics: CellStatistics,
}

/// A cell around nothing: what threads share of any.
type MarketCellAlone = MarketCell<()>;

/// Where the fields lie that threads share.
pub(crate) fn cell_layout() -> [LayoutField; 6] {
    layout!(MarketCellAlone {
        work,
        commands,
        id,
        owner,
        target,
        has_failed
    })
}

impl<M> MarketCell<M> {
    /// A market that belongs to a node, nothing to do; room for so many commands, a power of two.
    ///
    /// # Errors
    /// A capacity that a queue cannot have.
    pub fn new(
        id: MarketId,
        market: M,
        node: NodeId,
        commands_max: usize,
    ) -> Result<Self, CapacityError> {
        Ok(MarketCell {
            work: Apart(AtomicU64::new(0)),
            commands: LockFreeQueue::with_capacity(commands_max)?,
            id,
            owner: AtomicU32::new(node.0),
            target: AtomicU32::new(NO_TARGET),
            has_failed: AtomicBool::new(false),
            seated: Mutex::new(Some(Seated {
                market,
                node: None,
                sequence: 0,
            })),
            statistics: CellStatistics::default(),
        })
    }

    pub(super) fn id(&self) -> MarketId {
        self.id
    }

    pub(super) fn commands_max(&self) -> usize {
        self.commands.capacity()
    }

    /// Puts a command into the queue and announces it. Whether the caller has the token now, and must pass it to the owner's node.
    ///
    /// # Errors
    /// The command, where there is no room.
    pub fn push(&self, command: Command) -> Result<bool, Command> {
        if let Err(command) = self.commands.push(command) {
            self.statistics.refused.fetch_add(1, Ordering::Relaxed);
            return Err(command);
        }
        Ok(self.announce(COMMAND))
    }

    /// Wants the market on a node. Whether the caller has the token now, and must pass it to the owner's node.
    ///
    /// # Errors
    /// The target of the move under way, where there is one.
    pub fn request_move(&self, node: NodeId) -> Result<bool, NodeId> {
        // Relaxed: what the target means is ordered by `work`, to which the move is added after this and from which the last one is taken after
        // the target is cleared.
        let before =
            self.target
                .compare_exchange(NO_TARGET, node.0, Ordering::Relaxed, Ordering::Relaxed);
        match before {
            Ok(_) => Ok(self.announce(MOVE)),
            Err(target) => Err(NodeId(target)),
        }
    }

    /// Adds to the work; whether that made the token.
    ///
    /// Release: who is told of the move sees its target. Acquire: who gets the token sees the owner that the last one who had it left.
    fn announce(&self, work: u64) -> bool {
        self.work.0.fetch_add(work, Ordering::AcqRel) == 0
    }

    /// What is announced and not done. For who has the token, and as a moment's view for others.
    ///
    /// Acquire: as the target of a move was written before it was announced.
    pub fn waiting(&self) -> Work {
        let work = self.work.0.load(Ordering::Acquire);
        Work {
            commands: (work % MOVE) as usize,
            moves: work / MOVE,
        }
    }

    /// Takes off what was done. Whether the token is still there, for the caller to pass on.
    ///
    /// Release: who gets the next token sees the owner. What is left is looked at again with [`waiting`](Self::waiting).
    pub(super) fn done(&self, work: Work) -> bool {
        let done = work.commands as u64 * COMMAND + work.moves * MOVE;
        self.work.0.fetch_sub(done, Ordering::Release) != done
    }

    /// The node that runs the market. Exact for who has the token.
    pub fn owner(&self) -> NodeId {
        NodeId(self.owner.load(Ordering::Relaxed))
    }

    /// Gives the market to another node. For who has the token.
    pub(super) fn set_owner(&self, node: NodeId) {
        self.owner.store(node.0, Ordering::Relaxed);
    }

    /// Where the market is wanted, if a move is under way.
    pub(super) fn target(&self) -> Option<NodeId> {
        let target = self.target.load(Ordering::Relaxed);
        (target != NO_TARGET).then_some(NodeId(target))
    }

    /// The move under way has ended. For who has the token, before the move is taken off the work.
    pub(super) fn end_move(&self) {
        self.target.store(NO_TARGET, Ordering::Relaxed);
    }

    /// Takes up to `limit` commands out, in order. For who has the token.
    ///
    /// It may give fewer than are announced: one whose push has not ended yet hides those behind it.
    pub(super) fn take(&self, limit: usize, commands: &mut Vec<Command>) {
        self.commands
            .pop_each(limit, |command| commands.push(command));
    }

    /// The market, for who has the token.
    ///
    /// # Panics
    /// If another thread has it: then there were two tokens.
    pub(super) fn with<R>(&self, run: impl FnOnce(&mut Seated<M>) -> R) -> R {
        let mut seated = self
            .seated
            .try_lock()
            .expect("who has the token has the market alone, and no panic leaves this function");
        let seated = seated.as_mut();
        run(seated.expect("markets stay until the workers have ended"))
    }

    /// The market is broken: no command is taken any more.
    ///
    /// Relaxed: workers know it from each other by the token, and who submits may learn it late.
    pub(super) fn fail(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Takes the market out, once the workers have ended. None where it is broken or was taken out before.
    pub(super) fn take_market(&self) -> Option<M> {
        // A worker that died with the market in its hands left the lock poisoned, and the market broken.
        let mut seated = self.seated.lock().ok()?;
        let seated = seated.take()?;
        (!self.has_failed()).then_some(seated.market)
    }
}
