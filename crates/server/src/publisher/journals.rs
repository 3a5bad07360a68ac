//! The markets' own journals, `markets/NNNNNN`: what sealing, receipts and proofs are made of.
//!
//! They are handed to the system before whoever asked for a command is answered, and with each publication of market data; so whoever has an answer and seals
//! the market next finds the command there. Another thread makes them durable now and then: however long that takes, what is handed over can be read. After
//! a crash a journal may lack its last commands: so the replica starts with a snapshot that is no newer than any of them.
//!
//! Invariants: a journal holds its market's commands without gaps; one that is ahead of the log is never written to.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use proofbook_exchange::{Exchange, FollowError, Follower, MarketId, Outcome};
use proofbook_journal::{Directory, Options, Storage, StoredFile, SyncPolicy, SystemClock};

use crate::error::ServerError;

/// How often the journals are made durable.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// A start reads a journal's last segment.
const SEGMENT_BYTES: u64 = 64 << 20;

/// The journal of a market.
struct MarketJournal {
    follower: Follower<Directory, SystemClock>,
    /// Up to where it was handed over when it was made durable the last time.
    synced: u64,
}

/// The journals of all markets.
pub(super) struct Journals {
    folder: PathBuf,
    markets: Vec<MarketJournal>,
    /// Commands of markets that were just listed.
    early: Vec<Outcome>,
    /// Why nothing more is written, if so: the log has everything, and the next start makes up for it.
    failure: Option<String>,
    syncing: Option<JoinHandle<std::io::Result<()>>>,
    synced: Instant,
}

fn failed(error: impl std::fmt::Display) -> ServerError {
    ServerError::Failed(format!("the markets' journals: {error}"))
}

fn path(folder: &Path, market: MarketId) -> PathBuf {
    folder.join(format!("{:06}", market.0))
}

impl Journals {
    /// The journals of an exchange's markets; those that are missing are started.
    pub(super) fn open(folder: PathBuf, exchange: &Exchange) -> Result<Self, ServerError> {
        let mut journals = Journals {
            folder,
            markets: Vec::new(),
            early: Vec::new(),
            failure: None,
            syncing: None,
            synced: Instant::now(),
        };
        journals.list(exchange).map_err(failed)?;
        Ok(journals)
    }

    /// Opens the journals of markets that have none.
    fn list(&mut self, exchange: &Exchange) -> Result<(), FollowError> {
        let ids = (1..).map(MarketId).zip(exchange.markets());
        for (id, (_, matching)) in ids.skip(self.markets.len()) {
            let directory = Directory::create(path(&self.folder, id));
            let directory = directory.map_err(|source| proofbook_journal::JournalError::Io {
                operation: "make",
                file: path(&self.folder, id).display().to_string(),
                source,
            })?;
            let options = Options {
                policy: SyncPolicy::None,
                segment_bytes_max: SEGMENT_BYTES,
            };
            let clock = SystemClock::new();
            let follower = Follower::open(directory, clock, options, id, *matching.config())?;
            let synced = follower.journal().sequence();
            self.markets.push(MarketJournal { follower, synced });
        }
        Ok(())
    }

    /// Whether no journal lacks commands that an exchange has taken already.
    pub(super) fn reach(&self, exchange: &Exchange) -> bool {
        let mut markets = exchange.markets().zip(&self.markets);
        markets.all(|((_, matching), market)| {
            market.follower.journal().sequence() >= matching.sequence()
        })
    }

    /// Checks that no journal has commands that the log does not lead to.
    pub(super) fn check_end(&self, exchange: &Exchange) -> Result<(), ServerError> {
        for ((_, matching), market) in exchange.markets().zip(&self.markets) {
            let follower = &market.follower;
            let (ends, leads) = (follower.journal().sequence(), matching.sequence());
            if ends > leads {
                let folder = path(&self.folder, follower.market());
                return Err(failed(format!(
                    "expected at most {leads} commands, as the log leads to, received {ends} in {}: the log has lost entries; move the folder away",
                    folder.display()
                )));
            }
        }
        Ok(())
    }

    /// Writes the next outcome, if it is a command.
    #[inline]
    pub(super) fn take(&mut self, outcome: &Outcome) {
        if let Outcome::Command { market, .. } = outcome {
            self.take_command(*market, outcome);
        }
    }

    fn take_command(&mut self, market: MarketId, outcome: &Outcome) {
        if self.failure.is_some() {
            return;
        }
        let index = (market.0 as usize).wrapping_sub(1);
        match self.markets.get_mut(index) {
            None => self.early.push(*outcome),
            Some(market) => {
                let taken = market.follower.take(outcome);
                self.note(taken);
            }
        }
    }

    fn note(&mut self, result: Result<(), FollowError>) {
        if let Err(error) = result {
            self.failure.get_or_insert_with(|| error.to_string());
        }
    }

    /// Why nothing more is written, if so.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Starts the journals of markets that were listed, and writes what they had so far.
    pub(super) fn catch_up(&mut self, exchange: &Exchange) {
        if self.failure.is_some() || exchange.markets().len() == self.markets.len() {
            return;
        }
        let listed = self.list(exchange);
        self.note(listed);
        for outcome in std::mem::take(&mut self.early) {
            self.take(&outcome);
        }
    }

    /// Hands all that was taken to the system: from now on it is read, and outlives this process.
    pub(super) fn write(&mut self) {
        if self.failure.is_some() {
            return;
        }
        for index in 0..self.markets.len() {
            let written = self.markets[index].follower.commit();
            self.note(written);
        }
    }

    /// Has what was handed over made durable, where it is time for that and the last time is over.
    pub(super) fn sync_if_due(&mut self) {
        if self.failure.is_some() || self.synced.elapsed() < SYNC_INTERVAL {
            return;
        }
        match self.syncing.take() {
            Some(syncing) if !syncing.is_finished() => {
                self.syncing = Some(syncing);
                return;
            }
            Some(syncing) => self.finish(syncing),
            None => {}
        }
        self.synced = Instant::now();
        let mut folders = Vec::new();
        for market in &mut self.markets {
            // Nothing more is asked of these journals than that the system has it.
            let written = market.follower.journal().acknowledged();
            if written > market.synced {
                market.synced = written;
                folders.push(market.follower.journal().storage().clone());
            }
        }
        if !folders.is_empty() {
            let thread = std::thread::Builder::new().name("proofbook-sync".to_owned());
            // Where there is no thread to be had, the next time is in a second.
            self.syncing = thread.spawn(move || sync(&folders)).ok();
        }
    }

    fn finish(&mut self, syncing: JoinHandle<std::io::Result<()>>) {
        match syncing.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                self.failure.get_or_insert_with(|| error.to_string());
            }
            Err(_) => {
                let reason = "the thread that syncs has failed".to_owned();
                self.failure.get_or_insert(reason);
            }
        }
    }

    /// Makes everything durable.
    pub(super) fn end(&mut self) -> Result<(), ServerError> {
        if let Some(syncing) = self.syncing.take() {
            self.finish(syncing);
        }
        if let Some(reason) = &self.failure {
            return Err(failed(reason));
        }
        for market in &mut self.markets {
            market.follower.sync().map_err(failed)?;
        }
        Ok(())
    }
}

/// Syncs the last segment of each journal; those before it were synced when they ended.
fn sync(folders: &[Directory]) -> std::io::Result<()> {
    for folder in folders {
        let names = folder.names()?;
        let last = names.iter().filter(|name| name.ends_with(".log")).max();
        if let Some(last) = last {
            folder.open(last, true)?.sync()?;
        }
    }
    Ok(())
}
