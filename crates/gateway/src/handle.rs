//! Requests from other threads: a bounded queue without locks into the reactor, and one out of it that says what became of each.
//!
//! A [`Handle`] hands an action over and gets a ticket; the reactor takes it in its turn as it takes what clients sent, and tells [`Answers`] which entry it is, or
//! why it is none. What came of an entry is in the log, for whoever reads it there.
//!
//! Invariants:
//! - the reactor waits for nobody: where `Answers` is not emptied, it takes no more requests, and then `Handle::submit` is refused;
//! - a request's ticket is in `Answers` before [`Progress`] says that its entry is acknowledged;
//! - each request that was taken into the queue is told of once, with the reactor's end too.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use mio::Waker;
use proofbook_engine::EngineError;
use proofbook_exchange::{Action, AssetId, Exchange, MarketId};
use proofbook_memory::queue::{ring, LockFreeQueue};
use proofbook_memory::wake::{WaitFlag, WakeFlag};
use proofbook_types::{AccountId, Quantity};

use crate::application::Desk;

/// The session of orders that are entered through a handle. No FIX session has such a number.
pub const HANDLE_SESSION: u64 = 1 << 32;

/// Requests that may wait for the reactor, and answers that may wait for their reader.
pub const REQUESTS_MAX: usize = 1 << 14;

/// Requests that the reactor takes in a turn.
const REQUESTS_OF_TURN_MAX: usize = 1_024;

/// The largest quantity that every report can name.
const QUANTITY_MAX: u64 = i64::MAX.unsigned_abs();

/// Why a request was not taken into the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitError {
    /// The queue is full.
    Busy,
    /// The reactor has ended.
    Stopped,
    /// A quantity of more than 63 bits.
    Quantity {
        /// The lots.
        received: u64,
    },
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubmitError::Busy => write!(
                f,
                "expected at most {REQUESTS_MAX} requests that wait, received one more"
            ),
            SubmitError::Stopped => f.write_str(
                "expected a request before the exchange has stopped, received one after",
            ),
            SubmitError::Quantity { received } => write!(
                f,
                "expected a quantity of at most {QUANTITY_MAX} lots, received {received}"
            ),
        }
    }
}

impl std::error::Error for SubmitError {}

/// Why a request never became an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// Too much waits for the log.
    Backlog,
    /// The log has failed.
    Failed,
    /// The reactor ended before.
    Stopped,
}

impl NotTaken {
    /// The stable name that interfaces use.
    pub const fn name(self) -> &'static str {
        match self {
            NotTaken::Backlog => "backlog",
            NotTaken::Failed => "log_failed",
            NotTaken::Stopped => "stopped",
        }
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its ticket.
    pub ticket: u64,
    /// Its entry in the log, which need not be acknowledged yet.
    pub entry: Result<u64, NotTaken>,
}

struct Request {
    ticket: u64,
    action: Action,
}

/// How far the log is acknowledged, for other threads. One of them may wait.
pub struct Progress {
    acknowledged: AtomicU64,
    is_ended: AtomicBool,
    wait: WaitFlag,
    waiter: OnceLock<Thread>,
}

impl Progress {
    fn new(acknowledged: u64) -> Self {
        Progress {
            acknowledged: AtomicU64::new(acknowledged),
            is_ended: AtomicBool::new(false),
            wait: WaitFlag::default(),
            waiter: OnceLock::new(),
        }
    }

    /// Entries up to this one are acknowledged: the log's files have them.
    pub fn acknowledged(&self) -> u64 {
        // Acquire: what was written and pushed before is there.
        self.acknowledged.load(Ordering::Acquire)
    }

    /// Whether the reactor has ended: nothing more will be acknowledged.
    pub fn is_ended(&self) -> bool {
        // Acquire: the last of what it did is there.
        self.is_ended.load(Ordering::Acquire)
    }

    /// Waits until more than `seen` is acknowledged or the reactor has ended, and no longer than `limit`. One thread alone may wait.
    ///
    /// # Panics
    /// Another thread has waited before.
    pub fn wait_beyond(&self, seen: u64, limit: Duration) {
        let current = std::thread::current();
        let waiter = self.waiter.get_or_init(|| current.clone());
        assert_eq!(waiter.id(), current.id(), "one thread alone may wait");
        let end = Instant::now() + limit;
        loop {
            self.wait.announce();
            let left = end.saturating_duration_since(Instant::now());
            if self.acknowledged() > seen || self.is_ended() || left.is_zero() {
                return;
            }
            // It may return at once, with what woke this thread when it did not wait any more.
            std::thread::park_timeout(left);
        }
    }

    fn publish(&self, acknowledged: u64) {
        // Release: the answers of these entries were pushed before.
        self.acknowledged.store(acknowledged, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        if self.wait.take() {
            if let Some(waiter) = self.waiter.get() {
                waiter.unpark();
            }
        }
    }
}

struct Shared {
    requests: LockFreeQueue<Request>,
    wake: WakeFlag,
    next_ticket: AtomicU64,
    progress: Arc<Progress>,
}

/// Gives requests to a reactor from other threads.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    waker: Arc<Waker>,
}

impl Handle {
    /// Hands an action to the reactor; its ticket. Where an account to be opened, an asset or a market has the number 0, it gets the next one.
    ///
    /// # Errors
    /// The queue is full, the reactor has ended, or a quantity is too large to be reported.
    pub fn submit(&self, action: Action) -> Result<u64, SubmitError> {
        if let Some(Quantity(received)) = quantity(&action).filter(|found| found.0 > QUANTITY_MAX) {
            return Err(SubmitError::Quantity { received });
        }
        if self.shared.progress.is_ended() {
            return Err(SubmitError::Stopped);
        }
        // Relaxed: tickets are distinct; nothing else is handed over with one.
        let ticket = self.shared.next_ticket.fetch_add(1, Ordering::Relaxed);
        let pushed = self.shared.requests.push(Request { ticket, action });
        if pushed.is_err() {
            return Err(SubmitError::Busy);
        }
        if self.shared.wake.call() && self.waker.wake().is_err() {
            // It looks by itself within a tick; the next caller tries again.
            self.shared.wake.end();
        }
        Ok(ticket)
    }

    /// How many requests wait, or did a moment ago.
    pub fn waiting(&self) -> usize {
        self.shared.requests.len_hint()
    }

    /// How far the log is.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.shared.progress
    }
}

fn quantity(action: &Action) -> Option<Quantity> {
    match action {
        Action::New(order) => Some(order.quantity.max(order.display.unwrap_or_default())),
        Action::Reduce { quantity, .. } => Some(*quantity),
        Action::Replace { quantity, .. } => *quantity,
        _ => None,
    }
}

/// What became of requests, in the order in which they were taken.
pub struct Answers {
    taken: ring::Receiver<Taken>,
    shared: Arc<Shared>,
}

impl Answers {
    /// The next one. With the reactor's end, requests that it left in the queue are told of as stopped.
    pub fn pop(&mut self) -> Option<Taken> {
        // Looked at first: what the reactor pushed before its end is there.
        let is_ended = self.shared.progress.is_ended();
        self.taken.pop().or_else(|| {
            let left = is_ended.then(|| self.shared.requests.pop())??;
            Some(Taken {
                ticket: left.ticket,
                entry: Err(NotTaken::Stopped),
            })
        })
    }
}

/// The reactor's side.
pub(crate) struct Intake {
    shared: Arc<Shared>,
    taken: ring::Sender<Taken>,
    published: u64,
}

/// Both sides of a handle.
pub(crate) fn attach(waker: Arc<Waker>, acknowledged: u64) -> (Intake, Handle, Answers) {
    let shared = Arc::new(Shared {
        requests: LockFreeQueue::with_capacity(REQUESTS_MAX).expect("a power of two"),
        wake: WakeFlag::default(),
        next_ticket: AtomicU64::new(1),
        progress: Arc::new(Progress::new(acknowledged)),
    });
    let (sender, receiver) = ring::channel(REQUESTS_MAX).expect("a power of two");
    let intake = Intake {
        shared: Arc::clone(&shared),
        taken: sender,
        published: acknowledged,
    };
    let answers = Answers {
        taken: receiver,
        shared: Arc::clone(&shared),
    };
    (intake, Handle { shared, waker }, answers)
}

impl Intake {
    /// Whether requests wait that may be taken.
    pub(crate) fn has_work(&mut self) -> bool {
        self.shared.requests.len_hint() > 0 && self.taken.room() > 0
    }

    /// Gives what waits to the desk, as much as a turn may take and as there is room to tell of.
    pub(crate) fn take(&mut self, desk: &mut Desk, now_ns: u64) {
        self.shared.wake.end();
        let limit = self.taken.room().min(REQUESTS_OF_TURN_MAX);
        let waiting = self.shared.requests.len_hint() as u64;
        desk.metrics.requests_waiting.set(waiting);
        let taken = &mut self.taken;
        let count = self
            .shared
            .requests
            .pop_each(limit, |Request { ticket, action }| {
                let entry = enter(desk, action, now_ns);
                let told = taken.push(Taken { ticket, entry });
                assert!(told.is_ok(), "there was room");
            });
        desk.metrics.requests.add(count as u64);
    }

    /// Says what is acknowledged, if that is more than before.
    pub(crate) fn publish(&mut self, acknowledged: u64) {
        if acknowledged > self.published {
            self.published = acknowledged;
            self.shared.progress.publish(acknowledged);
        }
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        // Release: the last of what the reactor did comes before.
        self.shared.progress.is_ended.store(true, Ordering::Release);
        self.shared.progress.wake();
    }
}

fn enter(desk: &mut Desk, action: Action, now_ns: u64) -> Result<u64, NotTaken> {
    if desk.failure.is_some() {
        return Err(NotTaken::Failed);
    }
    let action = numbered(action, desk.engine.machine());
    desk.submit(action, now_ns).map_err(|error| match error {
        EngineError::Backlog { .. } => NotTaken::Backlog,
        error => {
            desk.failure.get_or_insert(error);
            NotTaken::Failed
        }
    })
}

/// The action with the next number where it names 0.
fn numbered(mut action: Action, exchange: &Exchange) -> Action {
    let next = |count: usize| u32::try_from(count).map_or(u32::MAX, |count| count + 1);
    match &mut action {
        Action::OpenAccount { account } if *account == AccountId::NONE => {
            *account = AccountId(exchange.accounts() + 1);
        }
        Action::AddAsset { asset, .. } if asset.0 == 0 => {
            *asset = AssetId(next(exchange.assets().len()));
        }
        Action::ListMarket(listing) if listing.market.0 == 0 => {
            listing.market = MarketId(next(exchange.markets().len()));
            listing.config.market = u64::from(listing.market.0);
        }
        _ => {}
    }
    action
}
