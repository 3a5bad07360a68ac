//! What is done where a thread stays pinned, and the errors that say so.

use core::fmt;

use crate::registration::ThreadCountError;
use crate::retired::Retired;

/// Things that a thread can hold at least: what threads that left had is taken over in halves of this.
pub const RETIRED_PER_THREAD_MIN: usize = 2;

/// What bounds the memory of things that wait because a thread stays pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StallPolicy {
    /// A writer is refused at once when it holds so many things that cannot be freed.
    Refuse {
        /// How many retired things each participant may hold.
        retired_per_thread_max: usize,
    },
    /// A writer gives up its processor for others, tries again so many times, and is refused then.
    Wait {
        /// How many retired things each participant may hold.
        retired_per_thread_max: usize,
        /// How often it yields before it is refused.
        yields_max: u32,
    },
}

impl StallPolicy {
    /// How many retired things each participant may hold.
    pub fn retired_per_thread_max(&self) -> usize {
        match *self {
            StallPolicy::Refuse {
                retired_per_thread_max,
            }
            | StallPolicy::Wait {
                retired_per_thread_max,
                ..
            } => retired_per_thread_max,
        }
    }

    pub(super) fn yields_max(&self) -> u32 {
        match *self {
            StallPolicy::Refuse { .. } => 0,
            StallPolicy::Wait { yields_max, .. } => yields_max,
        }
    }
}

/// Why there is no reclamation with these settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsError {
    /// So many threads are not possible.
    Threads(ThreadCountError),
    /// Too few things for each thread; at least [`RETIRED_PER_THREAD_MIN`] are expected.
    RetiredPerThread {
        /// How many it was to be.
        received: usize,
    },
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingsError::Threads(error) => error.fmt(f),
            SettingsError::RetiredPerThread { received } => {
                write!(f, "expected at least {RETIRED_PER_THREAD_MIN} retired things for each thread, received {received}")
            }
        }
    }
}

impl core::error::Error for SettingsError {}

/// A writer is refused: some thread has been pinned so long that too much waits to be freed. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stalled {
    /// How many things the participant holds that cannot be freed yet.
    pub retired: usize,
    /// For how many more it was to have room.
    pub wanted: usize,
    /// How many it may hold.
    pub retired_max: usize,
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stalled {
            retired,
            wanted,
            retired_max,
        } = self;
        write!(f, "expected at most {retired_max} retired things of a thread, received {wanted} more than the {retired} that wait for a pinned thread")
    }
}

impl core::error::Error for Stalled {}

/// A thing that was not taken, given back to whoever retired it.
#[derive(Debug)]
#[must_use = "what was refused is still to be retired"]
pub struct Refused {
    /// Why.
    pub stalled: Stalled,
    /// The thing.
    pub retired: Retired,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stalled.fmt(f)
    }
}

impl core::error::Error for Refused {}
