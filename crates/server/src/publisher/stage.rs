//! What the publisher's thread does, step by step: it is tested without threads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};

use proofbook_books::Ladder;
use proofbook_exchange::{replicate, Execution, MarketId, Outcome, Replica};
use proofbook_feed::{Feed, MarketFeed, Place};
use proofbook_gateway::Taken;
use proofbook_journal::{snapshots, Directory};
use proofbook_types::AccountId;

use super::journals::Journals;
use super::messages::{CandleView, DeltaView, Publication, StatusView, TradeView};
use super::private::Private;
use super::recent::Recent;
use super::snapshots::RECENT_FOLDER;
use super::{place, Published, Shared};
use crate::error::ServerError;
use crate::mailbox::Mailbox;
use crate::message::{Message, ReportView};
use crate::names::{MarketName, Names};

/// Entries that are taken under the lock at a time.
const ENTRIES_MAX: usize = 1_024;

/// Trades in a message.
const TRADES_MAX: usize = 512;

/// Reports in an answer: the first ones, and the last, which says how the order stands.
const REPORTS_MAX: usize = 256;

struct Told {
    place: Place,
    outcome: Outcome,
}

/// The publisher without its thread.
pub(crate) struct Stage {
    shared: Arc<Shared>,
    journals: Journals,
    private: Private,
    /// Tickets whose entries were not taken yet, by entry.
    tickets: BTreeMap<u64, u64>,
    told: Vec<Told>,
    /// Markets that lost trades.
    lost: BTreeSet<MarketId>,
}

fn failed(error: impl std::fmt::Display) -> ServerError {
    ServerError::Failed(error.to_string())
}

/// A replica that starts early enough for the markets' journals, with a snapshot or the beginning.
fn start(
    log: &Directory,
    folder: &Path,
    acknowledged: u64,
) -> Result<(Replica<Ladder, Directory>, Journals), ServerError> {
    let newest = snapshots(log).map_err(failed)?;
    let newest = newest.into_iter().find(|&entry| entry <= acknowledged);
    let mut after = newest.unwrap_or(0);
    loop {
        let replica: Replica<Ladder, _> = replicate(log.clone(), after).map_err(failed)?;
        let start = replica.sequence();
        if start < after {
            // That snapshot was not good. Nothing between the one before it and it may be left out.
            after = start;
            continue;
        }
        let journals = Journals::open(folder.join("markets"), replica.machine())?;
        if journals.reach(replica.machine()) {
            return Ok((replica, journals));
        }
        after = start - 1;
    }
}

impl Stage {
    /// Starts behind the log of an exchange's folder, and takes what is acknowledged already: nobody is told of that.
    ///
    /// # Errors
    /// Log or journals are damaged, or in use, or cannot be read or written.
    pub(crate) fn open(
        folder: &Path,
        acknowledged: u64,
        mailbox: Mailbox,
    ) -> Result<Self, ServerError> {
        let log = Directory::open(folder.join("log"))?;
        let (replica, journals) = start(&log, folder, acknowledged)?;
        let mut names = Names::default();
        names.catch_up(replica.machine());
        let mut feed = Feed::new(replica.machine());
        let recent = folder.join(RECENT_FOLDER);
        if let Some(histories) = Recent::read(&recent, replica.sequence()) {
            feed.remember(histories);
        }
        let mut stage = Stage {
            shared: Arc::new(Shared {
                published: Mutex::new(Published { replica, feed }),
                names: RwLock::new(Arc::new(names)),
                mailbox,
                failure: Mutex::default(),
                journals_failure: Mutex::default(),
                watched: RwLock::default(),
            }),
            journals,
            private: Private::default(),
            tickets: BTreeMap::new(),
            told: Vec::new(),
            lost: BTreeSet::new(),
        };
        while stage.take(acknowledged)? > 0 {
            stage.shared.published()?.feed.start_over();
        }
        let published = stage.shared.published()?;
        stage.journals.check_end(published.exchange())?;
        drop(published);
        Ok(stage)
    }

    /// What is shown to others.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Hears what became of a request.
    pub(crate) fn taken(&mut self, taken: Taken) {
        match taken.entry {
            Ok(entry) => {
                self.tickets.insert(entry, taken.ticket);
            }
            Err(reason) => {
                let message = Message::Refused {
                    ticket: taken.ticket,
                    reason: reason.name(),
                };
                self.shared.mailbox.push_answer(message.encode());
            }
        }
    }

    /// Takes the next entries, and tells what concerns those who asked, watched accounts, and everybody's trades. How many entries they were is returned.
    ///
    /// # Errors
    /// The log is damaged or cannot be read.
    pub(crate) fn advance(&mut self, acknowledged: u64) -> Result<usize, ServerError> {
        let count = self.take(acknowledged)?;
        if count > 0 {
            self.tell_trades()?;
            let names = self.shared.names();
            self.private.tell_reports(&self.shared.mailbox, &names);
            self.answer(&names);
        }
        Ok(count)
    }

    fn take(&mut self, acknowledged: u64) -> Result<usize, ServerError> {
        let (watched, names) = (self.shared.watched(), self.shared.names());
        let mut published = self.shared.published()?;
        let Published { replica, feed } = &mut *published;
        let (journals, private) = (&mut self.journals, &mut self.private);
        let mut awaited = self.tickets.keys().copied().peekable();
        let told = &mut self.told;
        let count = replica.advance(acknowledged, ENTRIES_MAX, &mut |entry, request, outcome| {
            let place = Place {
                entry,
                time: request.time,
            };
            feed.take(place, &outcome);
            journals.take(&outcome);
            if !watched.is_empty() {
                private.take(place, &outcome, &watched, &names);
            }
            while awaited.next_if(|&next| next < entry).is_some() {}
            if awaited.peek() == Some(&entry) {
                told.push(Told { place, outcome });
            }
        });
        let count = count.map_err(failed)?;
        feed.catch_up(replica.machine());
        journals.catch_up(replica.machine());
        self.shared.catch_up(replica.machine());
        Ok(count)
    }

    /// Answers requests.
    fn answer(&mut self, names: &Names) {
        if self.told.is_empty() {
            return;
        }
        // Whoever has the answer finds the command in its market's journal.
        self.journals.write();
        let mailbox = &self.shared.mailbox;
        for of_entry in self
            .told
            .chunk_by(|one, other| one.place.entry == other.place.entry)
        {
            if let Some(ticket) = self.tickets.remove(&of_entry[0].place.entry) {
                let reports_max = if mailbox.has_room() { REPORTS_MAX } else { 1 };
                let message = answer(ticket, of_entry, names, reports_max);
                mailbox.push_answer(message.encode());
            }
        }
        self.told.clear();
    }

    fn tell_trades(&mut self) -> Result<(), ServerError> {
        let mut published = self.shared.published()?;
        let (names, mailbox) = (self.shared.names(), &self.shared.mailbox);
        let ids = (1..).map(MarketId);
        for ((id, market), name) in ids.zip(published.feed.markets_mut()).zip(&names.markets) {
            if market.take_missed() {
                self.lost.insert(id);
            }
            if self.lost.contains(&id) {
                market.trades_were_told(market.new_trades().len());
                let message = Publication::Resync {
                    account: None,
                    market: Some(&name.symbol),
                };
                if mailbox.has_room() && mailbox.push(message.encode()) {
                    self.lost.remove(&id);
                }
            } else if !tell_trades(market, name, mailbox) {
                self.lost.insert(id);
            }
        }
        Ok(())
    }

    /// Hands the markets' journals over, and tells what changed of books, candles, states and balances since the last time, as far as there is room: the rest
    /// waits and is told as it is then.
    ///
    /// # Errors
    /// A thread that held the replica has failed.
    pub(crate) fn flush(&mut self) -> Result<(), ServerError> {
        self.journals.write();
        self.journals.sync_if_due();
        if let Some(reason) = self.journals.failure() {
            self.shared.fail_journals(reason);
        }
        // Markets and accounts that lost something may be told so now.
        self.tell_trades()?;
        let (names, mailbox) = (self.shared.names(), &self.shared.mailbox);
        self.private.tell_reports(mailbox, &names);
        let mut published = self.shared.published()?;
        let Published { replica, feed } = &mut *published;
        let exchange = replica.machine();
        let at = place(exchange);
        let markets = feed.markets_mut().zip(exchange.markets());
        for ((market, (instrument, matching)), name) in markets.zip(&names.markets) {
            if !mailbox.has_room() {
                break;
            }
            if let Some(delta) = market.flush(matching.book(), at) {
                // Half of the mailbox is free, which is more than a market can say; if not, receivers see the gap.
                let _ = mailbox.push(Publication::Book(DeltaView::new(&delta, name)).encode());
            }
            if tell_candles(market, name, mailbox) {
                market.candles_were_told();
            }
            if let Some(status) = market.status(instrument.state, matching) {
                let message = Publication::State {
                    market: &name.symbol,
                    status: StatusView::new(&status, name),
                };
                let _ = mailbox.push(message.encode());
            }
        }
        self.private
            .tell_balances(mailbox, &names, |account, asset| {
                exchange.balance(account, asset)
            });
        Ok(())
    }

    /// Makes the markets' journals durable.
    ///
    /// # Errors
    /// One of them failed, now or earlier.
    pub(crate) fn end(&mut self) -> Result<(), ServerError> {
        self.journals.end()
    }
}

/// Tells a market's trades; `false` where there was no room for all. None is left either way.
fn tell_trades(market: &mut MarketFeed, name: &MarketName, mailbox: &Mailbox) -> bool {
    let count = market.new_trades().len();
    let is_told = market.new_trades().chunks(TRADES_MAX).all(|trades| {
        let message = Publication::Trades {
            market: &name.symbol,
            trades: trades
                .iter()
                .map(|trade| TradeView::new(trade, name))
                .collect(),
        };
        mailbox.push(message.encode())
    });
    market.trades_were_told(count);
    is_told
}

fn tell_candles(market: &MarketFeed, name: &MarketName, mailbox: &Mailbox) -> bool {
    let mut candles = market.changed_candles();
    candles.all(|candle| mailbox.push(CandleView::minute(candle, name).encode()))
}

/// What came of a request, to whoever asked.
fn answer<'n>(ticket: u64, of_entry: &[Told], names: &'n Names, reports_max: usize) -> Message<'n> {
    let mut account = AccountId::NONE;
    let (mut refusal, mut cancelled, mut found) = (None, 0, Vec::new());
    // The first report is about the order that the request is about, and its account's.
    for told in of_entry {
        match &told.outcome {
            Outcome::Report(report) => {
                if found.is_empty() {
                    account = report.account;
                }
                refusal = refusal.or(match report.execution {
                    Execution::Rejected { refusal }
                    | Execution::CancelRejected { refusal }
                    | Execution::ReplaceRejected { refusal } => Some(refusal),
                    _ => None,
                });
                if report.account == account {
                    found.push(report);
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
    let last = found.len().saturating_sub(1);
    let kept = found.iter().enumerate();
    let kept = kept.filter(|(index, _)| index + 1 < reports_max || *index == last);
    let place = of_entry[0].place;
    Message::Answer {
        ticket,
        entry: place.entry,
        time_ns: place.time.0,
        account: account.0,
        reports: kept
            .map(|(_, report)| ReportView::new(report, names))
            .collect(),
        refusal: refusal.map(|refusal| refusal.name()),
        cancelled,
    }
}
