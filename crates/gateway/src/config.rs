//! What a gateway is told: its folder, who may log on for which account, and its bounds.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proofbook_exchange::ExchangeTerms;
use proofbook_fix::UserFields;
use proofbook_journal::{Options, SyncPolicy};
use proofbook_session::{Authenticator, FileBounds, Identity, Settings};
use proofbook_types::AccountId;

use crate::tls::TlsFiles;

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

/// When a gateway takes snapshots, which make the next start short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotPolicy {
    /// Never: whoever follows the log takes them, without holding the gateway up.
    Never,
    /// When it ends.
    AtEnd,
    /// After so many entries too. The reactor stands still while it copies the state.
    Every(NonZeroU64),
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
    /// When snapshots are taken.
    pub snapshots: SnapshotPolicy,
    /// The most connections at a time; more are closed at once.
    pub connections_max: usize,
    /// For so long after the last request its thread looks for the next one without sleeping: that saves the time of waking up, and takes a core.
    pub busy_poll: Duration,
    /// With these the gateway speaks TLS, and nothing else.
    pub tls: Option<TlsFiles>,
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
            snapshots: SnapshotPolicy::AtEnd,
            connections_max: 256,
            busy_poll: Duration::ZERO,
            tls: None,
        }
    }

    /// Whether what is acknowledged survives a loss of power.
    pub(crate) fn is_durable(&self) -> bool {
        self.journal.policy != SyncPolicy::None
    }
}
