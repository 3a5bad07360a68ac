//! Progress at a bounded rate, and the caller's wish to stop.

use std::time::{Duration, Instant};

use crate::error::{ErrorKind, ReplayError};

/// How often a caller hears of progress, at most.
const INTERVAL: Duration = Duration::from_millis(100);
/// How many records pass between two looks at the clock.
const RECORDS_PER_LOOK: u64 = 1024;

/// How far the work has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes done, over every pass over every file.
    pub bytes_done: u64,
    /// Bytes in all.
    pub bytes_total: u64,
    /// Records of the pass at hand.
    pub records: u64,
}

/// Tells a caller how far the work has come.
pub(crate) struct Meter<'a> {
    callback: &'a mut dyn FnMut(Progress) -> bool,
    last: Option<Instant>,
    /// Bytes of the passes that are over.
    pub base: u64,
    /// Bytes of every pass.
    pub total: u64,
}

impl<'a> Meter<'a> {
    pub fn new(callback: &'a mut dyn FnMut(Progress) -> bool, total: u64) -> Self {
        Meter {
            callback,
            last: None,
            base: 0,
            total,
        }
    }

    /// Tells, unless the caller heard only just now.
    pub fn look(&mut self, records: u64, bytes: u64) -> Result<(), ReplayError> {
        if records % RECORDS_PER_LOOK != 0 {
            return Ok(());
        }
        let now = Instant::now();
        if self.last.is_some_and(|last| now - last < INTERVAL) {
            return Ok(());
        }
        self.last = Some(now);
        self.tell(records, bytes)
    }

    /// Tells.
    pub fn tell(&mut self, records: u64, bytes: u64) -> Result<(), ReplayError> {
        let progress = Progress {
            bytes_done: (self.base + bytes).min(self.total),
            bytes_total: self.total,
            records,
        };
        if (self.callback)(progress) {
            Ok(())
        } else {
            Err(ReplayError::new(
                ErrorKind::Cancelled,
                "the replay was stopped",
            ))
        }
    }
}
