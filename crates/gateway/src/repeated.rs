//! Requests that a crash left in the log although their messages' numbers were not stored: their clients send them once more, and they must not be taken twice.
//!
//! A turn commits the log, and then each session's store is written at once: reports and the number of the next incoming message. A crash in between leaves entries whose
//! messages come again, as possible duplicates with the numbers that the session expects. What came of these entries is told by the replay of the log; so the repeated
//! message itself is passed over, also where it was refused and the exchange remembers nothing of it.
//!
//! Invariant: these are among the last entries of the log, since a turn has no more than [`ENTRIES_MAX`].

use std::collections::HashSet;

use proofbook_exchange::{Action, ClientId, ExchangeTerms};
use proofbook_fix::{tag, ParsedMessage};
use proofbook_journal::{Directory, JournalError, LogReader};

/// More entries than a turn takes: it stops reading after 4,096, behind what one read of a connection had, and takes 1,024 of other threads.
const ENTRIES_MAX: u64 = 1 << 13;

/// Hands over the actions behind entry `after`, up to `entries`, with their numbers. What lies before is not read.
///
/// # Errors
/// The log is damaged or cannot be read.
pub(crate) fn read_behind(
    log: Directory,
    after: u64,
    entries: u64,
    visit: &mut impl FnMut(u64, &Action),
) -> Result<(), JournalError> {
    let mut reader = LogReader::<_, ExchangeTerms>::open(log, after.min(entries))?;
    reader.read(entries, usize::MAX, &mut |number, entry, _| {
        visit(number, &entry.action);
    })?;
    Ok(())
}

/// Client ids of requests, by session, that were in the log's end when the gateway started. Each is passed over once.
#[derive(Default)]
pub(crate) struct Repeated {
    requests: HashSet<(u64, ClientId)>,
}

impl Repeated {
    /// Reads the end of a log that has so many entries.
    ///
    /// # Errors
    /// The log is damaged or cannot be read.
    pub(crate) fn read(log: Directory, entries: u64) -> Result<Self, JournalError> {
        let mut requests = HashSet::new();
        let after = entries.saturating_sub(ENTRIES_MAX);
        read_behind(log, after, entries, &mut |_, action| {
            requests.extend(match action {
                Action::New(order) => Some((order.session, order.client_id)),
                Action::Cancel { target }
                | Action::Reduce { target, .. }
                | Action::Replace { target, .. } => Some((target.session, target.client_id)),
                _ => None,
            });
        })?;
        Ok(Repeated { requests })
    }

    /// Whether a message of a session is such a request; it is forgotten then.
    pub(crate) fn passes_over(&mut self, session: u64, message: &ParsedMessage<'_>) -> bool {
        let is_again = message
            .get(tag::POSS_DUP_FLAG)
            .is_some_and(|flag| flag.value == b"Y");
        if !is_again || self.requests.is_empty() {
            return false;
        }
        let id = message.get(tag::CL_ORD_ID);
        let id = id.and_then(|id| ClientId::new(id.value).ok());
        id.is_some_and(|id| self.requests.remove(&(session, id)))
    }
}
