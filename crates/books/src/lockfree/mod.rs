//! A book that many threads read while one changes it, and none of them waits for another.
//!
//! One thread is the writer: it applies commands in one order, so priority and matching are what they are in any book. Around it:
//!
//! - **Commands** come from many threads through a queue without locks, [`Ingress`]; the order in which the [`Sequencer`] takes them out is their sequence.
//! - **The touch** (best prices, totals, sequence) is one cache line under a sequence lock: [`LockFreeReaders::touch`], for any thread.
//! - **The depth** is a [`Snapshot`]: every level of every queue and the touch that goes with them, from trees that never change once they are shown. A
//!   reader keeps one as long as it likes.
//!
//! Both are shown between commands, never in the middle of one, and many commands at a time while these follow each other: showing takes lines away from the
//! readers' caches, which take them away in turn. How far that may leave readers behind [`LockFreeConfig`] says. What a snapshot costs the writer is the ways to the levels that changed
//! since the one before; replaced nodes are reclaimed by epochs, the record that names the roots by hazard pointers, and the
//! writer gets all of it back, so that it allocates nothing once it is warm.
//!
//! A reader that stalls with a snapshot holds memory up. From a bound on the writer shows no more snapshots, tells it ([`LockFreeStatistics`], and by the error of
//! `publish`), and goes on matching and showing the touch; when the reader goes on, so do the snapshots.
//!
//! [`OptimizedLockFreeLevels`] is all of this around any structure for levels: a [`LinkedBook`](crate::linked::LinkedBook) over it is a book like others.

mod ingress;
mod levels;
mod reader;
mod record;
mod touch;
mod writer;

use core::fmt;
use core::num::NonZeroU64;

use proofbook_memory::epoch::SettingsError;
use proofbook_memory::registration::ThreadCountError;

use crate::layout::LayoutField;
use crate::radix::{PublishingConfig, PublishingStatistics, RadixCosts};

pub use ingress::{Ingress, Sequencer, Step};
pub use levels::OptimizedLockFreeLevels;
pub use reader::{LockFreeReader, LockFreeReaders, Snapshot};
pub use record::LevelTotals;
pub use touch::Touch;

/// Commands that the touch may be behind by default: three microseconds where they follow each other as fast as they can.
const TOUCH_BEHIND_MAX: NonZeroU64 = NonZeroU64::new(64).expect("it is not zero");
/// Commands that snapshots may be behind by default: some twenty microseconds then.
const SNAPSHOT_BEHIND_MAX: NonZeroU64 = NonZeroU64::new(512).expect("it is not zero");

/// Who reads, and how far what they see may be behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockFreeConfig {
    /// Readers, and what they may hold up.
    pub publishing: PublishingConfig,
    /// Commands that the touch may be behind while others follow: the next one to begin shows them first.
    pub touch_behind_max: NonZeroU64,
    /// Commands that snapshots may be behind. What a reader of depth takes from the writer with each is several times what a reader of the touch takes. Where a snapshot
    /// is shown, so is its touch.
    pub snapshot_behind_max: NonZeroU64,
}

impl Default for LockFreeConfig {
    fn default() -> Self {
        LockFreeConfig {
            publishing: PublishingConfig::default(),
            touch_behind_max: TOUCH_BEHIND_MAX,
            snapshot_behind_max: SNAPSHOT_BEHIND_MAX,
        }
    }
}

/// Why there is no book with these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockFreeError {
    /// Epochs do not have so many readers.
    Settings(SettingsError),
    /// Hazard pointers do not have so many readers.
    Threads(ThreadCountError),
}

impl fmt::Display for LockFreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockFreeError::Settings(error) => error.fmt(f),
            LockFreeError::Threads(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LockFreeError {}

/// What was shown so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockFreeStatistics {
    /// Snapshots: how many, how many were held up, and what waits.
    pub snapshots: PublishingStatistics,
    /// Records of snapshots that there are in memory.
    pub records: usize,
    /// What the trees' changes cost.
    pub costs: RadixCosts,
}

/// What the threads share: the touch and where the record is found, and what a record holds.
pub fn lockfree_layout() -> Vec<LayoutField> {
    let parts: [&[LayoutField]; 3] = [
        &touch::touch_layout(),
        &record::shared_layout(),
        &record::record_layout(),
    ];
    parts.concat()
}
