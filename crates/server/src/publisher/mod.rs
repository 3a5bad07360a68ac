//! The publisher: a thread behind the reactor that follows the log, and tells everybody what came of it.
//!
//! It advances a replica in batches, and from what that says it makes market data ([`proofbook_feed`]), the markets' own journals, answers to
//! requests, and reports and balances of watched accounts. All of it follows from the log, so it slows nobody down and loses nothing for good.
//!
//! Invariants:
//! - it waits for nothing but the log: whoever does not take messages away loses reports and trades (a `resync` says so) and gets books less often;
//! - replica and feed change together, under one lock, which queries take too;
//! - what waits is bounded: messages by the mailbox, answers by the requests that may be under way.

mod journals;
mod messages;
mod private;
mod recent;
mod snapshots;
mod stage;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use proofbook_books::Ladder;
use proofbook_exchange::{Exchange, Replica};
use proofbook_feed::{Feed, Place};
use proofbook_gateway::{Answers, GatewayError, Progress};
use proofbook_journal::Directory;

use self::snapshots::Copied;
use crate::error::ServerError;
use crate::mailbox::Mailbox;
use crate::message::Message;
use crate::names::Names;

pub(crate) use messages::{CandleView, DepthView, TradeView};
pub(crate) use snapshots::Snapshots;
pub(crate) use stage::Stage;

/// The exchange as the log has it, with the public's view of it.
pub(crate) struct Published {
    replica: Replica<Ladder, Directory>,
    feed: Feed,
}

impl Published {
    pub(crate) fn exchange(&self) -> &Exchange {
        self.replica.machine()
    }

    pub(crate) fn feed(&self) -> &Feed {
        &self.feed
    }

    /// The last entry and the exchange's time.
    pub(crate) fn place(&self) -> Place {
        place(self.exchange())
    }
}

fn place(exchange: &Exchange) -> Place {
    Place {
        entry: exchange.sequence(),
        time: exchange.clock(),
    }
}

/// What the publisher shows to others.
pub(crate) struct Shared {
    published: Mutex<Published>,
    /// Replaced as a whole when there are more, so that no lock is held while they are used.
    names: RwLock<Arc<Names>>,
    pub(crate) mailbox: Mailbox,
    /// Why the exchange takes nothing more.
    failure: Mutex<Option<String>>,
    /// Why the markets' journals are not written any more: until the next start, which makes up for it.
    journals_failure: Mutex<Option<String>>,
    /// Accounts about which messages are wanted.
    watched: RwLock<Arc<BTreeSet<u64>>>,
}

impl Shared {
    /// The exchange as the log has it. A panic while it was held leaves it unusable.
    pub(crate) fn published(&self) -> Result<MutexGuard<'_, Published>, ServerError> {
        let broken = |_| ServerError::Failed("a thread that held the replica failed".to_owned());
        self.published.lock().map_err(broken)
    }

    /// The names as they are.
    pub(crate) fn names(&self) -> Arc<Names> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&names)
    }

    /// Takes over what an exchange has more.
    fn catch_up(&self, exchange: &Exchange) {
        let names = self.names();
        if names.is_behind(exchange) {
            let mut more = Names::clone(&names);
            more.catch_up(exchange);
            *self.names.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(more);
        }
    }

    /// Accounts about which messages are wanted.
    fn watched(&self) -> Arc<BTreeSet<u64>> {
        let watched = self.watched.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&watched)
    }

    /// Says whether messages about an account are wanted.
    pub(crate) fn watch(&self, account: u64, is_watched: bool) {
        let mut watched = self.watched.write().unwrap_or_else(PoisonError::into_inner);
        let accounts = Arc::make_mut(&mut watched);
        match is_watched {
            true => accounts.insert(account),
            false => accounts.remove(&account),
        };
    }

    /// Why the exchange takes nothing more, if it does not.
    pub(crate) fn failure(&self) -> Option<String> {
        held(&self.failure).clone()
    }

    /// Why the markets' journals are not written any more, if so.
    pub(crate) fn journals_failure(&self) -> Option<String> {
        held(&self.journals_failure).clone()
    }

    fn fail(&self, reason: &str) {
        held(&self.failure).get_or_insert_with(|| reason.to_owned());
        self.mailbox.push_last(Message::Failed { reason }.encode());
    }

    fn fail_journals(&self, reason: &str) {
        held(&self.journals_failure).get_or_insert_with(|| reason.to_owned());
    }
}

/// A reason is set as a whole, so a panic leaves it whole.
fn held(reason: &Mutex<Option<String>>) -> MutexGuard<'_, Option<String>> {
    reason.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread's own part.
pub(crate) struct Publisher {
    pub(crate) stage: Stage,
    pub(crate) answers: Answers,
    pub(crate) progress: Arc<Progress>,
    pub(crate) reactor: JoinHandle<Result<(), GatewayError>>,
    pub(crate) interval: Duration,
    pub(crate) snapshots: Snapshots,
}

impl Publisher {
    /// Follows the log until the reactor has ended; its result.
    pub(crate) fn run(mut self) -> Result<(), ServerError> {
        let shared = Arc::clone(self.stage.shared());
        let followed = self.follow();
        if let Err(error) = &followed {
            // The reactor goes on deciding: the log is what counts.
            shared.fail(&error.to_string());
        }
        let ended = self.reactor.join();
        let result = match ended {
            Ok(result) => result.map_err(ServerError::from),
            Err(_) => Err(ServerError::Failed("the reactor has failed".to_owned())),
        };
        if let Err(error) = &result {
            shared.fail(&error.to_string());
        }
        let followed = followed.and(result).and(self.stage.end());
        if followed.is_ok() {
            let copied = Copied::of(&*shared.published()?);
            self.snapshots.end(copied)?;
        }
        followed
    }

    fn follow(&mut self) -> Result<(), ServerError> {
        let mut next_flush = Instant::now() + self.interval;
        loop {
            // In this order: what was pushed and acknowledged before the end is seen.
            let is_ended = self.progress.is_ended();
            let acknowledged = self.progress.acknowledged();
            while let Some(taken) = self.answers.pop() {
                self.stage.taken(taken);
            }
            let count = self.stage.advance(acknowledged)?;
            let now = Instant::now();
            if now >= next_flush || (is_ended && count == 0) {
                self.stage.flush()?;
                next_flush = now + self.interval;
            }
            if self.snapshots.is_due(acknowledged) {
                let copied = Copied::of(&*self.stage.shared().published()?);
                self.snapshots.begin(copied);
            }
            if count > 0 {
                continue;
            }
            if is_ended {
                return Ok(());
            }
            let left = next_flush.saturating_duration_since(now);
            self.progress.wait_beyond(acknowledged, left);
        }
    }
}
