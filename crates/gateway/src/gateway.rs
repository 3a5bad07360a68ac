//! The gateway's state, and how it comes back from its files.
//!
//! Opening: each session's store says up to where in the log its peer was told. The log is replayed, and what came of entries behind the earliest of these
//! places is delivered again; each session takes only what is behind its own. A session without a store is new, and starts behind the log's end.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use proofbook_books::Ladder;
use proofbook_engine::Verification;
use proofbook_exchange::{create, open, Action, ClientId, Exchange, Execution, Outcome};
use proofbook_fix::{Kernel, SIMDMessageParser};
use proofbook_journal::{Directory, JournalError, SystemClock};
use proofbook_session::{Identity, Session};

use crate::application::{Desk, Engine};
use crate::config::{GatewayConfig, SessionConfig};
use crate::connection::Connection;
use crate::drop_copy::DropCopies;
use crate::error::{failed, GatewayError};
use crate::handle::HANDLE_SESSION;
use crate::outbox::{Outbox, Position};
use crate::repeated::{read_behind, Repeated};
use crate::report::MassCancel;
use crate::snapshots::Snapshots;
use crate::turn::Numbering;

/// A session with its connection, if it has one.
pub(crate) struct Slot {
    pub(crate) config: SessionConfig,
    pub(crate) session: Session<Outbox>,
    pub(crate) connection: Option<usize>,
    /// Something was received or sent in this turn.
    pub(crate) is_changed: bool,
    /// The peer of the connection has logged on.
    pub(crate) was_logged_on: bool,
}

/// An exchange with its sessions.
pub struct Gateway {
    pub(crate) config: GatewayConfig,
    pub(crate) desk: Desk,
    pub(crate) slots: Vec<Slot>,
    pub(crate) by_id: BTreeMap<u64, usize>,
    pub(crate) by_identity: BTreeMap<Identity, usize>,
    pub(crate) drop_copies: DropCopies,
    pub(crate) connections: Vec<Option<Connection>>,
    pub(crate) parser: SIMDMessageParser,
    pub(crate) numbering: Numbering,
    /// Outcomes that are being delivered.
    pub(crate) released: Vec<(u64, Outcome)>,
    /// All stores have noted a position of at least this entry.
    pub(crate) noted: u64,
    pub(crate) snapshots: Snapshots,
}

/// Nanoseconds since 1970.
pub(crate) fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("the clock is after 1970");
    u64::try_from(now.as_nanos()).expect("the clock is before 2554")
}

/// Nanoseconds since a time.
pub(crate) fn elapsed_ns(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn slot(config: &GatewayConfig, session: &SessionConfig) -> Result<Slot, GatewayError> {
    let folder = config.folder.join(format!("sessions/{:08}", session.id));
    let outbox = Outbox::open(&folder, config.store)?;
    Ok(Slot {
        session: Session::new(
            session.settings.clone(),
            outbox,
            session.authenticator.clone(),
            Kernel::detect(),
        ),
        config: session.clone(),
        connection: None,
        is_changed: false,
        was_logged_on: false,
    })
}

/// A log that was lost or is older than the stores would number its entries once more.
fn check_positions(slots: &mut [Slot], entries: u64) -> Result<(), GatewayError> {
    for slot in slots {
        let position = slot.session.store().position();
        if let Some(position) = position.filter(|position| position.entry > entries) {
            return Err(GatewayError::Ahead {
                session: slot.config.id,
                told: position.entry,
                entries,
            });
        }
    }
    Ok(())
}

/// Whether clients are told of an outcome; commands say its time.
pub(crate) fn concerns_clients(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Report(_) | Outcome::Command { .. } => true,
        Outcome::Answer { session, .. } => *session != 0,
        Outcome::Event { .. } | Outcome::Balance { .. } => false,
    }
}

/// Whether an outcome says that a request was refused.
pub(crate) fn is_refusal(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Report(report) => matches!(
            report.execution,
            Execution::Rejected { .. }
                | Execution::CancelRejected { .. }
                | Execution::ReplaceRejected { .. }
        ),
        Outcome::Answer { refusal, .. } => refusal.is_some(),
        _ => false,
    }
}

struct Opened {
    engine: Engine,
    missed: Vec<(u64, Outcome)>,
    mass_cancels: BTreeMap<u64, MassCancel>,
    repeated: Repeated,
}

/// Whether a folder has no log: it is not there, or nothing was written into it.
fn is_new(folder: &Path) -> Result<bool, GatewayError> {
    if !folder.is_dir() {
        return Ok(true);
    }
    let entries = std::fs::read_dir(folder).map_err(failed("list the log's folder"))?;
    let mut names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    Ok(!names.any(|name| name.to_string_lossy().ends_with(".log")))
}

/// Opens the log, or starts it, with what came of entries behind `told`.
fn open_log(config: &GatewayConfig, told: u64) -> Result<Opened, GatewayError> {
    let folder = config.folder.join("log");
    let (is_new, mut missed) = (is_new(&folder)?, Vec::new());
    let directory = Directory::create(&folder).map_err(failed("make the log's folder"))?;
    let (clock, options) = (SystemClock::new(), config.journal);
    let verification = Verification::SinceSnapshot;
    let mut keep = |entry, outcome| {
        if concerns_clients(&outcome) {
            missed.push((entry, outcome));
        }
    };
    let engine = if is_new {
        create(directory, clock, config.terms, options)?
    } else {
        open::<Ladder, _, _>(directory, clock, options, verification, told, &mut keep)?.0
    };
    let mut opened = Opened {
        engine,
        missed,
        mass_cancels: BTreeMap::new(),
        repeated: Repeated::default(),
    };
    let log = Directory::open(&folder).map_err(failed("open the log's folder"))?;
    let read = opened.read_requests(log, told);
    read.map_err(proofbook_engine::EngineError::Journal)?;
    Ok(opened)
}

impl Opened {
    /// What clients asked for is in the entries, and not in what came of them.
    fn read_requests(&mut self, log: Directory, told: u64) -> Result<(), JournalError> {
        let entries = self.engine.machine().sequence();
        self.repeated = Repeated::read(log.clone(), entries)?;
        if self.missed.is_empty() {
            return Ok(());
        }
        let found = &mut self.mass_cancels;
        read_behind(log, told, entries, &mut |number, action| {
            if let Action::MassCancel { market, .. } = action {
                let asked = MassCancel {
                    client_id: ClientId::NONE,
                    is_one_market: market.is_some(),
                };
                found.insert(number, asked);
            }
        })
    }
}

impl Gateway {
    /// Opens the folder of an exchange, or starts one. `first` are the log's first entries (assets, markets, accounts, deposits): as many of them as it
    /// lacks are taken now.
    ///
    /// # Errors
    /// Files that cannot be opened, are damaged or in use; sessions that are not distinct; a first entry that is refused.
    pub fn open(config: GatewayConfig, first: &[Action]) -> Result<Self, GatewayError> {
        let (mut by_id, mut by_identity) = (BTreeMap::new(), BTreeMap::new());
        let mut slots = Vec::new();
        for session in &config.sessions {
            let names = &session.settings.identity;
            let identity = Identity::new(names.version(), names.theirs(), names.ours());
            let identity = identity.expect("they are the names of an identity");
            let place = slots.len();
            if !(1..HANDLE_SESSION).contains(&session.id)
                || by_id.insert(session.id, place).is_some()
                || by_identity.insert(identity, place).is_some()
            {
                return Err(GatewayError::Session { id: session.id });
            }
            slots.push(slot(&config, session)?);
        }
        let positions = slots
            .iter_mut()
            .filter_map(|slot: &mut Slot| slot.session.store().position());
        // Of the entry at a position some messages may be missing.
        let told = positions.map(|position| position.entry).min();
        let told = told.map_or(u64::MAX, |entry| entry.saturating_sub(1));
        let opened = open_log(&config, told)?;
        check_positions(&mut slots, opened.engine.machine().sequence())?;
        let snapshots = Snapshots::new(&config, opened.engine.acknowledged())?;
        let mut gateway = Gateway {
            drop_copies: DropCopies::of(&config.sessions),
            config,
            desk: Desk::new(opened.engine),
            slots,
            by_id,
            by_identity,
            connections: Vec::new(),
            parser: SIMDMessageParser::new(Kernel::detect()),
            numbering: Numbering::default(),
            released: Vec::new(),
            noted: 0,
            snapshots,
        };
        gateway.desk.mass_cancels = opened.mass_cancels;
        gateway.desk.repeated = opened.repeated;
        gateway.set_up(first)?;
        let entries = gateway.desk.engine.acknowledged();
        gateway.desk.metrics.entries.set(entries);
        gateway.start_sessions(&opened.missed)?;
        Ok(gateway)
    }

    /// The exchange as it is.
    pub fn exchange(&self) -> &Exchange {
        self.desk.engine.machine()
    }

    fn set_up(&mut self, first: &[Action]) -> Result<(), GatewayError> {
        let taken = usize::try_from(self.exchange().sequence()).unwrap_or(usize::MAX);
        for (index, action) in first.iter().enumerate().skip(taken) {
            self.desk.submit(*action, now_ns())?;
            self.desk.engine.commit()?;
            let mut refused = None;
            self.desk.engine.release(&mut |_, outcome| {
                if let Outcome::Answer { refusal, .. } = outcome {
                    refused = refused.or(refusal);
                }
            });
            if let Some(refusal) = refused {
                return Err(GatewayError::Setup { index, refusal });
            }
        }
        Ok(())
    }

    /// Tells sessions what they missed, and cancels what does not outlive a connection.
    fn start_sessions(&mut self, missed: &[(u64, Outcome)]) -> Result<(), GatewayError> {
        let now_ns = now_ns();
        let end = Position::after(self.exchange().sequence());
        for slot in &mut self.slots {
            if slot.session.store().position().is_none() {
                slot.session.store().advance(end);
            }
        }
        for (entry, outcome) in missed {
            self.deliver(*entry, outcome, now_ns)?;
        }
        for place in 0..self.slots.len() {
            self.cancel_orders_of(place, now_ns)?;
        }
        self.settle(now_ns)?;
        self.note_positions()
    }

    /// Notes for each session that it was told everything, so that the next start has little to replay.
    pub(crate) fn note_positions(&mut self) -> Result<(), GatewayError> {
        let acknowledged = self.desk.engine.acknowledged();
        for slot in &mut self.slots {
            slot.session.store().settle(self.config.is_durable())?;
            slot.session.store().advance(Position::after(acknowledged));
            slot.session.store().note(self.config.is_durable())?;
        }
        self.noted = acknowledged;
        Ok(())
    }
}
