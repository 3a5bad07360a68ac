//! What a session may be told: limits of time and of room. Each bound on what a peer can cause is here, by name.

use proofbook_fix::UserFields;

use crate::identity::Identity;

pub(crate) const SECOND_NS: u64 = 1_000_000_000;

/// What is kept of messages that came before those that they follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueBounds {
    /// The most messages.
    pub messages_max: usize,
    /// The most bytes of them.
    pub bytes_max: usize,
}

/// What becomes of application messages beyond the published limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// Each is refused with a BusinessMessageReject.
    Reject,
    /// The session is logged out.
    Logout,
}

/// The published limit of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleSettings {
    /// Messages in a second, 1 to 1,000,000.
    pub messages_per_second: u32,
    /// Messages that may come at once.
    pub burst: u32,
    /// What happens to more.
    pub excess: Excess,
}

/// What a session is told once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whose session it is.
    pub identity: Identity,
    /// Whether fields from tag 5000 on are allowed.
    pub user_fields: UserFields,
    /// The shortest heartbeat interval that a Logon may ask for.
    pub heartbeat_seconds_min: u32,
    /// The longest.
    pub heartbeat_seconds_max: u32,
    /// How far SendingTime may be from the clock, on both sides.
    pub sending_time_window_ns: u64,
    /// How long a new connection may take for its Logon.
    pub logon_limit_ns: u64,
    /// How long the peer may take to answer a Logout.
    pub logout_limit_ns: u64,
    /// How long a gap may stay without any of its messages.
    pub gap_limit_ns: u64,
    /// Messages kept while a gap is filled.
    pub queue: QueueBounds,
    /// The limit of messages, where there is one.
    pub throttle: Option<ThrottleSettings>,
    /// Whether both sides start again with 1 after each connection.
    pub reset_on_disconnect: bool,
}

impl Settings {
    /// The usual limits.
    pub fn new(identity: Identity) -> Self {
        Settings {
            identity,
            user_fields: UserFields::Refused,
            heartbeat_seconds_min: 1,
            heartbeat_seconds_max: 120,
            sending_time_window_ns: 120 * SECOND_NS,
            logon_limit_ns: 10 * SECOND_NS,
            logout_limit_ns: 2 * SECOND_NS,
            gap_limit_ns: 30 * SECOND_NS,
            queue: QueueBounds {
                messages_max: 4_096,
                bytes_max: 1 << 20,
            },
            throttle: None,
            reset_on_disconnect: false,
        }
    }
}
