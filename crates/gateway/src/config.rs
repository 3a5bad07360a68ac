//! What a gateway is told: its folder, who may log on for which account, and its bounds.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;

use proofbook_exchange::ExchangeTerms;
use proofbook_fix::UserFields;
use proofbook_journal::{Options, SyncPolicy};
use proofbook_session::{Authenticator, FileBounds, Identity, Settings};
use proofbook_types::AccountId;

/// One FIX session.
#[derive(Clone)]
pub struct SessionConfig {
    /// Its number in the log, from 1. It names the session for ever: reports of its orders go to it.
    pub id: u64,
    /// The account that its orders are of.
    pub account: AccountId,
    /// Names, version and limits.
    pub settings: Settings,
    /// Who may log on.
    pub authenticator: Arc<dyn Authenticator>,
    /// Whether its orders are cancelled when its connection ends, and when the gateway starts.
    pub cancel_on_disconnect: bool,
    /// Accounts of which it gets a copy of each report, whoever entered the order. A session with any enters no orders.
    pub drop_copy_of: Vec<AccountId>,
}

impl SessionConfig {
    /// A session with the usual limits, whose messages may have fields from tag 5000 on.
    pub fn new(
        id: u64,
        account: AccountId,
        identity: Identity,
        authenticator: Arc<dyn Authenticator>,
    ) -> Self {
        SessionConfig {
            id,
            account,
            settings: Settings {
                user_fields: UserFields::Allowed,
                ..Settings::new(identity)
            },
            authenticator,
            cancel_on_disconnect: false,
            drop_copy_of: Vec::new(),
        }
    }

    pub(crate) fn is_drop_copy(&self) -> bool {
        !self.drop_copy_of.is_empty()
    }
}

/// A gateway.
#[derive(Clone)]
pub struct GatewayConfig {
    /// The folder of the log and of the sessions' stores.
    pub folder: PathBuf,
    /// The sessions.
    pub sessions: Vec<SessionConfig>,
    /// The exchange's terms, where its log is to be started.
    pub terms: ExchangeTerms,
    /// The log. A turn of the reactor is a group; with [`SyncPolicy::None`] nothing is synced, stores neither.
    pub journal: Options,
    /// The files of each session's store.
    pub store: FileBounds,
    /// After how many entries a snapshot is taken while the gateway runs; never, where none. At its end there is always one.
    pub snapshot_entries: Option<NonZeroU64>,
    /// The most connections at a time; more are closed at once.
    pub connections_max: usize,
}

impl GatewayConfig {
    /// With the usual bounds.
    pub fn new(folder: PathBuf, sessions: Vec<SessionConfig>) -> Self {
        GatewayConfig {
            folder,
            sessions,
            terms: ExchangeTerms::default(),
            journal: Options::default(),
            store: FileBounds::default(),
            snapshot_entries: NonZeroU64::new(1 << 20),
            connections_max: 256,
        }
    }

    /// Whether what is acknowledged survives a loss of power.
    pub(crate) fn is_durable(&self) -> bool {
        self.journal.policy != SyncPolicy::None
    }
}
