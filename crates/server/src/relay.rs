//! The thread behind the reactor: it follows the log as a replica, and tells callers what came of their requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use proofbook_books::Ladder;
use proofbook_exchange::{Execution, Outcome, Replica};
use proofbook_gateway::{Answers, GatewayError, Progress};
use proofbook_journal::Directory;
use proofbook_types::AccountId;

use crate::error::ServerError;
use crate::mailbox::Mailbox;
use crate::message::{Message, ReportView};
use crate::names::Names;

/// Entries that are taken at a time.
const ENTRIES_MAX: usize = 4_096;

/// How long a message waits for room before it is tried again.
const ROOM_WAIT: Duration = Duration::from_millis(1);

/// What the relay shows to others.
pub(crate) struct Shared {
    pub(crate) replica: Mutex<Replica<Ladder, Directory>>,
    /// Replaced as a whole when there are more, so that no lock is held while they are used.
    pub(crate) names: RwLock<Arc<Names>>,
    pub(crate) mailbox: Mailbox,
    /// Why the exchange takes nothing more.
    pub(crate) failure: Mutex<Option<String>>,
    /// Accounts about which messages are wanted.
    pub(crate) watched: Mutex<BTreeSet<u64>>,
}

impl Shared {
    /// The replica. A panic while it was held leaves the exchange's state unusable.
    pub(crate) fn replica(
        &self,
    ) -> Result<MutexGuard<'_, Replica<Ladder, Directory>>, ServerError> {
        let broken =
            |_| ServerError::Failed("a thread that held the replica has failed".to_owned());
        self.replica.lock().map_err(broken)
    }

    /// The names as they are.
    pub(crate) fn names(&self) -> Arc<Names> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&names)
    }

    pub(crate) fn fail(&self, reason: &str) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert_with(|| reason.to_owned());
    }
}

/// The relay's own part.
pub(crate) struct Relay {
    pub(crate) shared: Arc<Shared>,
    pub(crate) answers: Answers,
    pub(crate) progress: Arc<Progress>,
    pub(crate) reactor: JoinHandle<Result<(), GatewayError>>,
    pub(crate) interval: Duration,
    /// Tickets whose entries are not acknowledged, by entry.
    pub(crate) tickets: BTreeMap<u64, u64>,
}

struct Told {
    entry: u64,
    time_ns: u64,
    outcome: Outcome,
}

impl Relay {
    /// Follows the log until the reactor has ended; its result.
    pub(crate) fn run(mut self) -> Result<(), ServerError> {
        loop {
            let is_ended = self.progress.is_ended();
            let acknowledged = self.progress.acknowledged();
            if let Err(error) = self.advance(acknowledged) {
                self.shared.fail(&error.to_string());
                self.say(&Message::Failed {
                    reason: &error.to_string(),
                });
                return Err(error);
            }
            if is_ended {
                break;
            }
            self.progress.wait_beyond(acknowledged, self.interval);
        }
        let ended = self.reactor.join();
        let result = match ended {
            Ok(result) => result.map_err(ServerError::from),
            Err(_) => Err(ServerError::Failed("the reactor has failed".to_owned())),
        };
        if let Err(error) = &result {
            let reason = error.to_string();
            self.shared.fail(&reason);
            let message = Message::Failed { reason: &reason };
            // Whoever stops it may read no more.
            let _ = self.shared.mailbox.push(message.encode());
        }
        result
    }

    /// Takes what is acknowledged already.
    pub(crate) fn catch_up(&mut self) -> Result<(), ServerError> {
        self.advance(self.progress.acknowledged())
    }

    fn advance(&mut self, acknowledged: u64) -> Result<(), ServerError> {
        while let Some(taken) = self.answers.pop() {
            match taken.entry {
                Ok(entry) => {
                    self.tickets.insert(entry, taken.ticket);
                }
                Err(reason) => self.say(&Message::Refused {
                    ticket: taken.ticket,
                    reason: reason.name(),
                }),
            }
        }
        let mut told = Vec::new();
        loop {
            told.clear();
            let count = self.take(acknowledged, &mut told)?;
            self.tell(&told);
            if count == 0 {
                return Ok(());
            }
        }
    }

    /// Takes the next entries, and what is new in names.
    fn take(&self, acknowledged: u64, told: &mut Vec<Told>) -> Result<usize, ServerError> {
        let mut replica = self.shared.replica()?;
        let tickets = &self.tickets;
        let count = replica.advance(acknowledged, ENTRIES_MAX, &mut |entry, taken, outcome| {
            if tickets.contains_key(&entry) {
                told.push(Told {
                    entry,
                    time_ns: taken.time.0,
                    outcome,
                });
            }
        });
        let count = count.map_err(|error| ServerError::Failed(error.to_string()))?;
        let names = self.shared.names();
        if names.is_behind(replica.machine()) {
            let mut more = Names::clone(&names);
            more.catch_up(replica.machine());
            let mut shown = self
                .shared
                .names
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            *shown = Arc::new(more);
        }
        Ok(count)
    }

    fn tell(&mut self, told: &[Told]) {
        let names = self.shared.names();
        for of_entry in told.chunk_by(|one, other| one.entry == other.entry) {
            let first = &of_entry[0];
            let Some(ticket) = self.tickets.remove(&first.entry) else {
                continue;
            };
            let answer = answer(ticket, first, of_entry, &names);
            self.say(&answer);
        }
    }

    /// Says something, once there is room.
    fn say(&self, message: &Message<'_>) {
        let mut bytes = message.encode();
        while let Err(back) = self.shared.mailbox.push(bytes) {
            if self.progress.is_ended() {
                return;
            }
            bytes = back;
            std::thread::sleep(ROOM_WAIT);
        }
    }
}

/// What came of a request, to whoever asked.
fn answer<'n>(ticket: u64, first: &Told, of_entry: &[Told], names: &'n Names) -> Message<'n> {
    let mut account = AccountId::NONE;
    let (mut refusal, mut cancelled, mut reports) = (None, 0, Vec::new());
    // The first report is about the order that the request is about, and its account's.
    let outcomes = of_entry.iter().map(|told| &told.outcome);
    for outcome in outcomes {
        match outcome {
            Outcome::Report(report) => {
                if reports.is_empty() {
                    account = report.account;
                }
                refusal = refusal.or(match report.execution {
                    Execution::Rejected { refusal }
                    | Execution::CancelRejected { refusal }
                    | Execution::ReplaceRejected { refusal } => Some(refusal),
                    _ => None,
                });
                if report.account == account {
                    reports.push(ReportView::new(report, names));
                }
            }
            Outcome::Answer {
                account: named,
                cancelled: count,
                refusal: why,
                ..
            } => {
                account = *named;
                cancelled = *count;
                refusal = refusal.or(*why);
            }
            _ => {}
        }
    }
    Message::Answer {
        ticket,
        entry: first.entry,
        time_ns: first.time_ns,
        account: account.0,
        reports,
        refusal: refusal.map(|refusal| refusal.name()),
        cancelled,
    }
}
