//! When a command is acknowledged: the sync policies, the settings of a journal, and the ticket that a command gets.

use crate::JournalError;

/// When commands are made durable. A command is acknowledged once this has been done for it and for all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Each command is synced by itself before the next is taken.
    EveryCommand,
    /// Commands are synced together, as soon as there are `commands_max` of them or the first has waited
    /// `delay_ns_max`. The delay is looked at with each command and by [`crate::Journal::poll`].
    Group {
        /// The most commands in a group; at least 1.
        commands_max: u64,
        /// The longest that a command waits for others, in nanoseconds.
        delay_ns_max: u64,
    },
    /// Commands are handed to the operating system, at the latest when 1 MiB of them has gathered, and never synced by
    /// themselves: acknowledged ones survive the death of this process, not that of the machine.
    None,
}

/// How a journal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// When commands are made durable.
    pub policy: SyncPolicy,
    /// A new segment is begun when one has reached this many bytes. (It may pass them by what is written at once, 1
    /// MiB.)
    pub segment_bytes_max: u64,
}

impl Default for Options {
    /// Groups that a slow disk's syncs (some milliseconds) do not hold below a million commands a second, and that
    /// wait a millisecond at most.
    fn default() -> Self {
        Options {
            policy: SyncPolicy::Group {
                commands_max: 8192,
                delay_ns_max: 1_000_000,
            },
            segment_bytes_max: 1 << 30,
        }
    }
}

impl Options {
    pub(crate) fn validate(&self) -> Result<(), JournalError> {
        match self.policy {
            SyncPolicy::Group {
                commands_max: 0, ..
            } => Err(JournalError::Setting {
                name: "commands_max",
                expected: "at least 1",
                received: 0,
            }),
            _ => Ok(()),
        }
    }
}

/// A command's place in the journal. It says nothing of durability: that is [`crate::Journal::is_acknowledged`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[must_use = "a command counts only once its ticket is acknowledged"]
pub struct Ticket {
    sequence: u64,
}

impl Ticket {
    pub(crate) fn new(sequence: u64) -> Self {
        Ticket { sequence }
    }

    /// The command's number.
    pub fn sequence(self) -> u64 {
        self.sequence
    }
}
