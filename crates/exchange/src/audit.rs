//! An exchange held against its own files: everything that they say is found again by replaying the log from its beginning.
//!
//! A snapshot, and the journal of a market, are conveniences: they must say what the log says. [`audit`] replays the log without them, checks the state from
//! scratch in the end, and compares.

use std::collections::BTreeMap;

use proofbook_books::Ladder;
use proofbook_engine::{digest, inspect, EngineError, RecoveryReport};
use proofbook_journal::{read_log, snapshots, JournalError, Scan, Snapshot, Storage};
use proofbook_matching::MatchingEngine;
use proofbook_types::{AccountId, Event};

use crate::engine::replicate;
use crate::follow::LAST_SEGMENT;
use crate::{AssetId, Exchange, ExchangeTerms, MarketId, Outcome, Symbol, MARKETS_MAX};

/// Entries that are taken at a time.
const STEP: usize = 1 << 16;

/// A digest beside the one that was found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// After which entry, or which command of a market.
    pub sequence: u64,
    /// The digest that the file has.
    pub stored: [u8; 32],
    /// The digest of the replay there, or where it ended before.
    pub replayed: [u8; 32],
}

impl Compared {
    /// Whether both are the same.
    pub fn is_equal(&self) -> bool {
        self.replayed == self.stored
    }
}

/// A market in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedMarket {
    /// Its symbol.
    pub symbol: Symbol,
    /// How many commands it was given.
    pub commands: u64,
    /// The digest of its state.
    pub digest: [u8; 32],
    /// What its journal comes to, if there is one.
    pub journal: Option<Compared>,
}

/// What an audit found.
pub struct Audit {
    /// The exchange, replayed.
    pub exchange: Exchange,
    /// The digest of its state.
    pub digest: [u8; 32],
    /// What is wrong with its state, if something is.
    pub fault: Option<String>,
    /// The snapshots, oldest first.
    pub snapshots: Vec<Compared>,
    /// The markets.
    pub markets: Vec<AuditedMarket>,
}

impl Audit {
    /// Whether everything agrees. A journal may be behind its market: it is brought up to date at the next start.
    pub fn is_sound(&self) -> bool {
        let journals = self.markets.iter().filter_map(|market| market.journal);
        self.fault.is_none()
            && self.snapshots.iter().all(Compared::is_equal)
            && journals.into_iter().all(|journal| journal.is_equal())
    }

    /// What all accounts have of an asset, the exchange's own included.
    pub fn total(&self, asset: AssetId) -> i128 {
        let accounts = (0..=self.exchange.accounts()).map(AccountId);
        accounts
            .filter_map(|account| self.exchange.balance(account, asset))
            .map(|balance| balance.total)
            .sum()
    }
}

/// The journals of markets, and a market for each that is given the commands that the exchange gave.
#[derive(Default)]
struct Journals {
    markets: BTreeMap<MarketId, (RecoveryReport, MatchingEngine<Ladder>)>,
}

impl Journals {
    fn add<J: Storage>(&mut self, market: MarketId, storage: &J) -> Result<(), EngineError> {
        match inspect(storage, Ladder::default) {
            Err(EngineError::Journal(JournalError::Missing { .. })) => Ok(()),
            Err(error) => Err(error),
            Ok((_, report)) => {
                let replay = MatchingEngine::new(report.config, Ladder::default())?;
                self.markets.insert(market, (report, replay));
                Ok(())
            }
        }
    }

    fn take(&mut self, outcome: &Outcome) {
        let Outcome::Command {
            market,
            number,
            command,
        } = outcome
        else {
            return;
        };
        if let Some((report, replay)) = self.markets.get_mut(market) {
            if *number <= report.last_sequence {
                replay.apply(command, &mut |_: Event| {});
            }
        }
    }

    fn compared(&self, market: MarketId) -> Option<Compared> {
        let (report, replay) = self.markets.get(&market)?;
        Some(Compared {
            sequence: report.last_sequence,
            stored: report.digest,
            replayed: digest(replay),
        })
    }
}

/// Replays an exchange from the beginning of its log to the end, as its next start finds it, and holds it against its snapshots and the journals of its
/// markets. Nothing is changed; nobody should write meanwhile.
///
/// # Errors
/// The log is missing or damaged, or a file cannot be read.
pub fn audit<S: Storage + Clone, J: Storage>(
    log: S,
    journal: impl Fn(MarketId) -> Option<J>,
) -> Result<Audit, EngineError> {
    let mut journals = Journals::default();
    for market in (1..=MARKETS_MAX as u32).map(MarketId) {
        if let Some(storage) = journal(market) {
            journals.add(market, &storage)?;
        }
    }
    let mut replica = replicate::<Ladder, _>(log.clone(), 0)?;
    let log_end: Scan<ExchangeTerms> = read_log(&log, LAST_SEGMENT, &mut |_, _, _| {})?;
    let end = log_end.end.sequence;
    let mut found = Vec::new();
    let mut numbers = snapshots(&log)?;
    numbers.sort_unstable();
    for number in numbers.into_iter().filter(|&number| number <= end) {
        while replica.advance(number, STEP, &mut |_, _, outcome| journals.take(&outcome))? > 0 {}
        found.push(Compared {
            sequence: number,
            stored: Snapshot::read(&log, number)?.digest,
            replayed: digest(replica.machine()),
        });
    }
    while replica.advance(end, STEP, &mut |_, _, outcome| journals.take(&outcome))? > 0 {}
    let exchange = replica.into_machine();
    let markets = (1..).map(MarketId).zip(exchange.markets());
    let markets = markets.map(|(market, (instrument, matching))| AuditedMarket {
        symbol: instrument.symbol,
        commands: matching.sequence(),
        digest: digest(matching),
        journal: journals.compared(market),
    });
    let markets = markets.collect();
    Ok(Audit {
        digest: digest(&exchange),
        fault: exchange.check().err(),
        exchange,
        snapshots: found,
        markets,
    })
}
